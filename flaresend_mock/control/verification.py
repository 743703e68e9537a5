"""POST /_mock/{messages,requests,deliveries}/{search,wait,verify}: find what happened, wait for it, verify it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError, fields, validate, validates_schema

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.control import errors, response_types
from flaresend_mock.control.calls import (
    OBJECT,
    Input,
    Number,
    Switch,
    Whole,
    chosen_world,
    describes,
    given_body,
)
from flaresend_mock.control.queries import SOURCES, Source
from flaresend_mock.core.errors import TooMany, WorldNotFound
from flaresend_mock.core.events import Event
from flaresend_mock.core.matchers.matchers import Miss
from flaresend_mock.core.matchers.parser import Matcher, compile_matcher
from flaresend_mock.core.verification import Expectation, Gathering, Item, judge, nearest
from flaresend_mock.core.world import World
from flaresend_mock.http import jsons
from flaresend_mock.http.connection import is_gone
from flaresend_mock.http.context import MAX_WAITERS, current_request, emulator

blueprint = Blueprint("evidence", __name__)

DEFAULT_TIMEOUT = 5.0
MAX_TIMEOUT = 300.0
MAX_COUNT = 100_000
MAX_SHOWN = 20
MAX_SAID = 3
MAX_LENGTH = 100
MAX_STEPS = 100


class WaitInput(Input):
    """Until `count` fit `match`, `timeout` seconds at most; only what came after the event `since` counts."""

    match = fields.Raw(load_default=dict, metadata=OBJECT)
    count = Whole(1, MAX_COUNT, load_default=1)
    timeout = Number(0, MAX_TIMEOUT, load_default=DEFAULT_TIMEOUT)
    since = Whole(0, 2**53, load_default=0)


class VerifyInput(Input):
    """How many fit `match`, and which of those one after the other; without either, at least one is expected."""

    match = fields.Raw(load_default=dict, metadata=OBJECT)
    exactly = Whole(0, MAX_COUNT)
    at_least = Whole(1, MAX_COUNT)
    at_most = Whole(0, MAX_COUNT)
    never = Switch(validate=validate.Equal(True))
    in_order = fields.List(fields.Raw(metadata=OBJECT), validate=validate.Length(1, MAX_STEPS))
    since = Whole(0, 2**53, load_default=0)

    @validates_schema
    def check_counts(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "never" in data and len(data.keys() & {"exactly", "at_least", "at_most", "in_order"}):
            raise ValidationError("Never leaves nothing to be counted: give it alone.")
        if "exactly" in data and data.keys() & {"at_least", "at_most"}:
            raise ValidationError("Give exactly, or at_least and at_most.")
        if data.get("at_least", 0) > data.get("at_most", MAX_COUNT):
            raise ValidationError("at_least is more than at_most.")


class SearchInput(Input):
    """What fits `match`, the first `limit` after event `since`; without `limit` all of it."""

    match = fields.Raw(load_default=dict, metadata=OBJECT)
    since = Whole(0, 2**53, load_default=0)
    limit = Whole(1, MAX_COUNT, load_default=MAX_COUNT)


@blueprint.post("/<any(messages, requests, deliveries):name>/search")
@describes(response_types.Found, body=SearchInput())
def search(name: str) -> Response:
    """List what fits, oldest first."""
    source, given = SOURCES[name], given_body()
    matcher = compile_matcher(given["match"], source.fields)
    world = chosen_world()
    kept = _kept(source, world, _still_meant(world, given["since"]))
    found = [item for item in kept if matcher.holds(item)]
    return jsons.respond({name: found[: given["limit"]], "count": len(found)})


@blueprint.post("/<any(messages, requests, deliveries):name>/wait")
@describes(response_types.Found, body=WaitInput(), refuses=(408, 409, 503))
def wait(name: str) -> Response:
    """Answer as soon as enough fit; else 408 with what did arrive, and what came nearest."""
    source, given = SOURCES[name], given_body()
    matcher = compile_matcher(given["match"], source.fields)
    world = chosen_world()
    gathering = Gathering(matcher, given["count"])
    given["since"] = _still_meant(world, given["since"])
    forgotten = source.forgotten(world)
    if not emulator().waiters.acquire(blocking=False):
        raise TooMany(f"{MAX_WAITERS} calls wait already; let some of them end first")
    try:
        there = _wait(source, world, gathering, given["since"], given["timeout"])
    finally:
        emulator().waiters.release()
    found = gathering.found()
    if there:
        return jsons.respond({name: found, "event": world.state.events.last_number})
    if world.closed:
        raise WorldNotFound(world.name)
    if emulator().patience.over:
        return errors.answer(503, "stopping", "the emulator stops")
    if forgotten > given["since"]:
        return _forgot(source, forgotten)
    arrived = _kept(source, world, given["since"])
    said = f"{len(found)} of {given['count']} {name} within {given['timeout']:g} s"
    return errors.answer(408, "timeout", *_explained(said, name, found, arrived, matcher))


@blueprint.post("/<any(messages, requests, deliveries):name>/verify")
@describes(response_types.Found, body=VerifyInput(), refuses=(409, 422))
def verify(name: str) -> Response:
    """Answer 200 if what is expected holds; 422 if not; 409 if nobody can tell, as too much is forgotten."""
    source, given = SOURCES[name], given_body()
    matcher = compile_matcher(given["match"], source.fields)
    expected = _expectation(source, given)
    world = chosen_world()
    given["since"] = _still_meant(world, given["since"])
    arrived = _kept(source, world, given["since"])
    forgotten = source.forgotten(world)
    found = [item for item in arrived if matcher.holds(item)]
    verdict = judge(expected, found)
    if forgotten > given["since"] and not verdict.certain:
        return _forgot(source, forgotten)
    if verdict.holds:
        return jsons.respond({"verified": True, "count": len(found), name: found[-MAX_SHOWN:]})
    short = verdict.missing or matcher
    left = arrived if verdict.missing is None else verdict.left
    return errors.answer(422, "not_verified", *_explained(verdict.problem, name, found, left, short))


def _expectation(source: Source, given: Mapping[str, Any]) -> Expectation:
    steps = given.get("in_order", ())
    in_order = [
        compile_matcher(step, source.fields, f"in_order[{index}]") for index, step in enumerate(steps)
    ]
    counts = {name: given.get(name) for name in ("exactly", "at_least", "at_most")}
    if "never" in given:
        counts["exactly"] = 0
    elif not in_order and all(count is None for count in counts.values()):
        counts["at_least"] = 1
    return Expectation(**counts, in_order=in_order)


def _wait(source: Source, world: World, gathering: Gathering, since: int, timeout: float) -> bool:
    """Gather what is there already, and what comes as it comes, until there is enough or the time is up."""

    def see(event: Event) -> None:
        key, number, item = source.of(event)
        if number > since:
            gathering.look(key, number, item)

    us = emulator()
    with world.subscribers.subscribe(source.kind, see):
        for key, number, shown in source.kept(world):
            if number > since and not gathering.enough.is_set():
                gathering.look(key, number, shown(), newer=False)
        if gathering.enough.is_set() or not timeout:
            return gathering.enough.is_set()
        is_away = is_gone(current_request().environ)
        watch = Stopwatch()
        with us.lend():
            while us.patience.wait(
                gathering.news, timeout - watch.seconds, lambda: world.closed or is_away()
            ):
                gathering.catch_up()
                if gathering.enough.is_set():
                    return True
        return False


def _still_meant(world: World, since: int) -> int:
    """Return the event to begin after: 0 where it is still to come, as then it is from before an import."""
    return 0 if since > world.state.events.last_number else since


def _kept(source: Source, world: World, since: int) -> list[Item]:
    return [shown() for _, number, shown in source.kept(world) if number > since]


def _forgot(source: Source, forgotten: int) -> Response:
    return errors.answer(
        409,
        "evicted",
        f"{source.name} up to event {forgotten} are no longer kept, and could matter; start with a larger --history, "
        f"or ask only for those since a later event",
    )


def _explained(
    problem: str, name: str, found: Sequence[Item], arrived: Sequence[Item], matcher: Matcher
) -> tuple[str, dict[str, Any]]:
    """Return a message, and what an answer tells beside it: what was found, what arrived, and what came nearest."""
    near = nearest(matcher, arrived)
    more: dict[str, Any] = {
        "count": len(found),
        "nearest": None,
        name: list(found[-MAX_SHOWN:]),
        "arrived": list(arrived[-MAX_SHOWN:]),
    }
    if near is not None:
        item, misses = near
        more["nearest"] = {"misses": [asdict(miss) for miss in misses], "item": item}
        return f"{problem}; in the nearest one {', '.join(map(_said, misses[:MAX_SAID]))}", more
    return problem if found or arrived else f"{problem}; none arrived at all", more


def _said(miss: Miss) -> str:
    """Say what a field is and what was expected, both in short."""
    actual = "missing" if miss.missing else _short(miss.actual)
    return f"{miss.field} is {actual}, expected {_short(miss.expected)}"


def _short(value: Any) -> str:
    text = jsons.dump(value).decode()
    return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"
