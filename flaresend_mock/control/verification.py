"""/_mock/{messages,requests,deliveries}/{search,wait,verify} and /_mock/transcript: find items, and explain misses.

A transcript says what happened in a world, as one report; --transcript-on-exit writes it to a file.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo

from flask import Response, abort, request
from jinja2 import Template
from marshmallow import ValidationError, validates_schema

from flaresend_mock.background.files import append_file
from flaresend_mock.background.realtime import utc_now
from flaresend_mock.control import errors, resources
from flaresend_mock.control.inputs import Input, Text, input_of
from flaresend_mock.control.resources import LAST_EVENT, Transcript, found_items, unmet
from flaresend_mock.core import numbers
from flaresend_mock.core.errors import TooMany, WorldNotFound
from flaresend_mock.core.events import Event
from flaresend_mock.core.matchers.parser import Matcher, compile_matcher
from flaresend_mock.core.models import Delivery, Message
from flaresend_mock.core.transcript import LIMIT, STRAYS, WIDTH, fault_line, message_line, printable, short
from flaresend_mock.core.verification import Gathering, Item, judge, nearest
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import BUSY, GATHERED, HEAVY, load_json, stream, take_turn
from flaresend_mock.http.context import MAX_WAITERS, is_gone, services
from flaresend_mock.http.endpoint import Endpoints, View, endpoint
from flaresend_mock.http.resources import Envelope, Property, Resource, instance, matched, shown_by

log = logging.getLogger(__name__)

blueprint = Endpoints("verification")
transcripts = Endpoints("transcript")

MAX_SHOWN = 20
MAX_SAID = 3

Stored = Message | Event | Delivery  # an item as a world keeps it; a call is its event
Items = Sequence[Item]


@dataclass
class Collection:
    """A list of a world that tests search, wait for and verify."""

    resource: type[Resource]  # how an item is shown; its name is the noun of schemas and, in small letters, of events
    stored: Callable[[World], Iterable[Stored]]  # the items, oldest first
    forgotten: Callable[[World], int]  # the number of the last event whose item is no longer kept

    def __post_init__(self) -> None:
        self.noun = self.resource.__name__
        self.kind = self.noun.lower()
        self.fields, self.parts = matched(self.resource), instance(self.resource).parts
        self._last: tuple[Stored | None, dict[str, Any]] = (None, {})

    def compile(self, world: World, spec: Any, where: str = "match") -> Matcher:
        """Compile a matcher. Messages show registered numbers, so a person's aliases stand for theirs."""
        matcher = compile_matcher(spec, self.fields, where)
        if self.kind != "message" or not world.state.aliases:
            return matcher
        known, given = self.fields, matcher.spec.items()
        registered = {name: _registered(world, one) if known[name].number else one for name, one in given}
        return compile_matcher(registered, self.fields, where)

    def kept(self, world: World) -> Iterator[tuple[int, Item]]:
        """Yield the items, oldest first, each with the number of the event."""
        with world.lock:
            stored = list(self.stored(world))
        for one in stored:
            yield _number(one), Shown(self, one)

    def since(self, world: World, number: int) -> list[Item]:
        """Return the items after an event, oldest first."""
        return [item for at, item in self.kept(world) if at > number]

    def read(self, event: Event) -> tuple[int, Item]:
        """Return the item of a new event."""
        one = event.subject if isinstance(event.subject, Message | Delivery) else event
        return _number(one), Shown(self, one)

    def part(self, one: Stored, name: str) -> Any:
        """Return a property of an item as JSON, which is made once, however many callers wait for the item."""
        last, made = self._last
        if last is not one:
            made = {}
            self._last = (one, made)
        if name not in made:
            read, write = self.parts[name]
            value = read(one)
            made[name] = value if write is None or value is None else write(value)
        return made[name]


class Shown(Mapping[str, Any]):
    """An item as JSON, of which a property is made when it is looked at: all of a world takes much time and memory."""

    def __init__(self, of: Collection, stored: Stored) -> None:
        self._of, self._stored = of, stored

    @property
    def size(self) -> int:
        return self._stored.size

    def __getitem__(self, name: str) -> Any:
        return self._of.part(self._stored, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._of.parts)

    def __len__(self) -> int:
        return len(self._of.parts)


def _registered(world: World, spec: Any) -> Any:
    if isinstance(spec, dict):
        nested = ("equal", "one_of", "not")
        return {name: _registered(world, one) if name in nested else one for name, one in spec.items()}
    if isinstance(spec, list):
        return [_registered(world, one) for one in spec]
    digits = numbers.parse(spec) if isinstance(spec, str | int) else None
    return world.state.aliases.get(digits or "", spec)


def _number(one: Stored) -> int:
    return one.number if isinstance(one, Event) else one.event


COLLECTIONS = {
    "messages": Collection(
        resources.Message, lambda of: of.state.messages, lambda of: of.state.messages.last_evicted_event
    ),
    "requests": Collection(
        resources.Request,
        lambda of: of.state.events.since(0, "request"),
        lambda of: of.state.events.gone.get("request", (0, 0))[1],
    ),
    "deliveries": Collection(
        resources.Delivery, lambda of: of.deliveries.all(), lambda of: of.state.deliveries.last_evicted_event
    ),
}
"""The collections by their names in paths and responses."""

_COUNT = Property(int, "How many items match.")
_MET = Property(Literal[True], "True: the expectation is met.")


class VerifyInput(input_of("VerifyInput")):  # type: ignore[misc]
    """What to expect: how many items match, and which in order. Without either, at least one is expected."""

    @validates_schema
    def check_counts(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "never" in data and data.keys() & {"exactly", "at_least", "at_most", "in_order"}:
            raise ValidationError("Never leaves nothing to be counted: give it alone.")
        if "exactly" in data and data.keys() & {"at_least", "at_most"}:
            raise ValidationError("Give exactly, or at_least and at_most.")
        if data.get("at_least", 0) > data.get("at_most", inf):
            raise ValidationError("at_least is more than at_most.")


def _of_each(shown: str, body: type[Input], refuses: Sequence[int] = (), **beside: Property) -> Callable[[View], View]:
    """Make a view an endpoint of each collection, whose bodies and responses have schemas of their own.

    A response is `shown` after the noun of the collection, and has properties `beside` the items.
    """

    def add(view: View) -> View:
        for name, of in COLLECTIONS.items():
            noun, known = of.noun, instance(of.resource).fields
            taken = type(noun + body.__name__, (body,), {"__doc__": body.__doc__, "matches": (f"{noun}Match", known)})()
            found = found_items(noun + shown, name, of.resource, **beside)
            run = endpoint(found, body=taken, refuses=refuses, refusal=unmet(name, of.resource))(view)
            path, id_ = f"/{name}/{view.__name__}", f"{view.__name__}_{name}"
            blueprint.add_url_rule(path, id_, run, defaults={"name": name}, methods=["POST"])
        return view

    return add


@_of_each("Search", input_of("SearchInput"), (503,), count=_COUNT)
def search(world: World, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """List the items that match, oldest first."""
    of = COLLECTIONS[name]
    matcher = of.compile(world, body["match"])
    found = [item for item in of.since(world, _since(world, body)) if matcher.holds(item)]
    return {name: found[: body["limit"]], "count": len(found)}


@_of_each("Wait", input_of("WaitInput"), (408, 409, 503), event=Property(int, LAST_EVENT))
def wait(world: World, name: str, body: dict[str, Any]) -> Response | dict[str, Any]:
    """Respond as soon as enough items match; else 408 with the items there are, and the nearest one."""
    us, of = services(), COLLECTIONS[name]
    matcher = of.compile(world, body["match"])
    gathering = Gathering(matcher, body["count"])
    since, forgotten = _since(world, body), of.forgotten(world)
    if not us.waiters.acquire(blocking=False):
        raise TooMany(f"{MAX_WAITERS} calls wait already; let some of them end first")
    try:
        there = _wait(of, world, gathering, since, body["timeout"])
    finally:
        us.waiters.release()
    found = gathering.found()
    if there:
        return {name: found, "event": world.state.events.last_number}
    if world.closed:
        raise WorldNotFound(world.name)
    if us.patience.over:
        return errors.respond(503, "stopping", "the emulator stops")
    if forgotten > since:
        return _refuse_evicted(name, forgotten)
    said = f"{len(found)} of {body['count']} {name} within {body['timeout']:g} s"
    return _explain(408, "timeout", said, name, found, of.since(world, since), matcher)


@_of_each("Verification", VerifyInput, (409, 422, 503), verified=_MET, count=_COUNT)
def verify(world: World, name: str, body: dict[str, Any]) -> Response | dict[str, Any]:
    """Respond with 200 if the expectation is met, 422 if not, and 409 if items that matter are no longer kept."""
    of = COLLECTIONS[name]
    matcher = of.compile(world, body["match"])
    steps = [of.compile(world, step, f"in_order[{index}]") for index, step in enumerate(body.get("in_order", ()))]
    counts = {count: body[count] for count in ("exactly", "at_least", "at_most") if count in body}
    if not counts and ("never" in body or not steps):
        counts = {"exactly": 0} if "never" in body else {"at_least": 1}
    since = _since(world, body)
    arrived, forgotten = of.since(world, since), of.forgotten(world)
    found = [item for item in arrived if matcher.holds(item)]
    verdict = judge(found, steps, **counts)
    if forgotten > since and not verdict.certain:
        return _refuse_evicted(name, forgotten)
    if verdict.holds:
        return {"verified": True, "count": len(found), name: found[-MAX_SHOWN:]}
    wanted = verdict.missing or matcher
    left = arrived if verdict.missing is None else verdict.left
    return _explain(422, "not_verified", verdict.problem, name, found, left, wanted)


def _wait(of: Collection, world: World, gathering: Gathering, since: int, timeout: float) -> bool:
    us, logs, held, fits, guard = services(), world.replacements, 0, True, threading.Lock()

    def hold() -> bool:
        """Take room for what the world may evict, and this call does not; return whether there was always some."""
        nonlocal held, fits
        with guard:
            if fits and (more := gathering.bytes - held) > HEAVY:
                fits = us.room.take(more, seconds=0)
                held += more * fits
            return fits

    def see(event: Event) -> None:
        number, item = of.read(event)
        if fits and (number > since or world.replacements > logs):  # an import begins the numbers anew
            gathering.put((world.replacements, number), number, item)
            hold()

    def is_over() -> bool:
        if not hold():
            abort(503, BUSY)
        return world.closed or us.patience.over or is_away()

    with world.subscribers.subscribe(of.kind, see):
        try:
            for number, item in of.kept(world):
                if number > since and not gathering.enough:
                    gathering.look((logs, number), number, item)
            if gathering.enough or not timeout:
                return gathering.enough
            is_away = is_gone(request.environ)
            there = us.patience.wait(gathering.news, timeout, is_over, gathering.look_at_next)
            came = range(len(gathering.queue))  # in time, while the call looked at others
            return there or any(gathering.look_at_next() for _ in came if not is_over())
        finally:
            with guard:
                fits = False  # an event may still come
            us.room.give_back(held)
            request.environ[GATHERED] = gathering.bytes  # the response keeps it until its client has it


def _since(world: World, body: Mapping[str, Any]) -> int:
    """Return `since`, or 0 if it lies in the future: it was issued before an import."""
    since: int = body["since"] or 0
    return 0 if since > world.state.events.last_number else since


def _refuse_evicted(name: str, forgotten: int) -> Response:
    problem = f"{name} up to event {forgotten} are no longer kept, and could matter; start with a larger --history,"
    return errors.respond(409, "evicted", f"{problem} or ask only for those since a later event")


def _explain(status: int, code: str, problem: str, name: str, found: Items, left: Items, matcher: Matcher) -> Response:
    """Respond with the problem, the items that match, those that were compared, and the nearest one."""
    near = nearest(matcher, left)
    if near is not None:
        seen = [(miss, "missing" if miss.missing else short(miss.actual)) for miss in near[1][:MAX_SAID]]
        said = [f"{miss.field} is {actual}, expected {short(miss.expected)}" for miss, actual in seen]
        problem += f"; in the nearest one {', '.join(said)}"
    elif not found and not left:
        problem += "; none arrived at all"
    shown = {"count": len(found), "nearest": near and {"misses": near[1], "item": near[0]}, name: found[-MAX_SHOWN:]}
    refusal = {"error": {"code": code, "message": problem}, **shown, "arrived": left[-MAX_SHOWN:]}
    refused = cast(Envelope, instance(unmet(name, COLLECTIONS[name].resource)))
    return stream(refused.pieces(refusal), status, refusable=True)


class Match(Text):
    """A matcher, as JSON in the query."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return load_json(super()._deserialize(value, attr, data, **kwargs).encode("utf-8", "replace"))
        except ValueError:
            raise ValidationError("Not JSON.") from None


class TranscriptQuery(input_of("TranscriptQuery")):  # type: ignore[misc]
    """Which events a transcript has, and which matcher it explains."""

    match = Match("A matcher, as JSON. The transcript has the item that came nearest.", load_default=None)


@transcripts.get("/transcript", Transcript, also=("text/plain",), query=TranscriptQuery())
def transcript(world: World, query: dict[str, Any]) -> Response | dict[str, Any]:
    """Report the newest messages, calls and deliveries, scheduled messages, faults, and the nearest miss of a matcher.

    The report is text; with the header `Accept: application/json`, it is JSON.
    """
    strays: Sequence[Event] = ()
    if query["strays_since"] is not None:
        default = services().worlds.default()
        with default.lock:
            strays = default.state.events.since(query["strays_since"], "request")[-STRAYS:]
    take_turn(world.state.logs_bytes)
    found = _found(world, query["since"], strays, _nearest(world, query))
    if request.accept_mimetypes.best_match(("text/plain", "application/json")) == "application/json":
        return found
    return Response(_text_of(found), content_type="text/plain; charset=utf-8")


def _found(world: World, since: int = 0, strays: Sequence[Event] = (), near: Any = None) -> dict[str, Any]:
    with world.lock:
        state = world.state
        evicted = {"messages": state.messages.evicted, "requests": state.events.evicted("request")}
        return {
            "world": world.name,
            "now": world.clock.now(),
            "frozen": world.timeline.frozen,
            "time_zone": state.time_zone,
            "messages": [one for one in state.messages if one.event > since][-LIMIT:],
            "requests": state.events.since(since, "request")[-LIMIT:],
            "strays": strays,
            "deliveries": [one for one in world.deliveries.all() if one.event > since][-LIMIT:],
            "scheduled": sorted(state.tasks.values(), key=lambda task: (task.send_at, task.order)),
            "faults": world.faults.all(),
            "evicted": {**evicted, "deliveries": state.deliveries.evicted},
            "nearest": near,
        }


def _text_of(found: dict[str, Any]) -> str:
    def clock(zone: tzinfo) -> Callable[[str], str]:
        return lambda text: f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M:%S}"

    clocks = {"local": clock(ZoneInfo(found["time_zone"])), "utc": clock(UTC), "moment": datetime.fromisoformat}
    lines = (short, printable, message_line, fault_line)
    tools = {function.__name__: function for function in lines}
    return _template().render(shown_by(Transcript)(found), **clocks, **tools, limit=LIMIT, width=WIDTH)


@cache
def _template() -> Template:
    """Return the text's template. No application of Flask has it, as files are also written without a request."""
    text = (Path(__file__).parent / "assets" / "transcript.txt").read_text(encoding="utf-8")
    made: Template = Template(text)  # nosec B701
    return made


def _nearest(world: World, query: dict[str, Any]) -> dict[str, Any] | None:
    if query["match"] is None:
        return None
    collection = COLLECTIONS[query["kind"]]
    matcher = collection.compile(world, query["match"])
    items = collection.since(world, query["since"])
    near = None if any(map(matcher.holds, items)) else nearest(matcher, items)
    return near and {"misses": near[1], "item": dict(near[0])}


class TranscriptFile:
    """Gets the transcript of each world before it is gone, at once: worlds may be many, and the process may be killed.

    OSError if the file cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.absolute()
        append_file(self._file, b"")

    def add(self, world: World) -> None:
        """Append the transcript of a world, unless it has no message, call or delivery."""
        found = _found(world)
        if found["messages"] or found["requests"] or found["deliveries"]:
            title = f"=== world {world.name}, written at {utc_now():%Y-%m-%d %H:%M:%S} UTC ==="
            try:
                append_file(self._file, f"{title}\n{_text_of(found)}\n\n".encode("utf-8", "replace"))
            except OSError as error:
                log.error("transcript_on_exit: %s: %s", self._file, error.strerror or error)
