"""The faults page: switches for the presets, all armed faults in words, and forms for new ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response

from flaresend_mock.core import numbers
from flaresend_mock.core.faults import ATTEMPT_ACTIONS, CALL_ACTIONS, CALLS, EVENT_ACTIONS, MAX_DELAY, PRESETS
from flaresend_mock.core.models import Delay, Fault
from flaresend_mock.core.redaction import MASK
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import name_of
from flaresend_mock.dashboard.pages import page, part

blueprint = Blueprint("faults_page", __name__)

METHODS = ("GET", "POST", "PUT", "DELETE")
PATHS = (
    "/channels",
    "/check-number",
    "/groups",
    "/groups/send-message",
    "/schedule-message",
    "/scheduled-messages",
    "/send-message",
)
"""The paths of the API that are the same for every call."""


@blueprint.get("/w/<world>/faults")
def faults(world: World) -> Response:
    """Show what goes wrong, and offer to have more go wrong."""
    return page(
        "faults.html",
        world,
        "faults",
        presets=read_presets(world),
        rules=read_faults(world),
        methods=METHODS,
        paths=PATHS,
        to_calls=CALL_ACTIONS,
        to_deliveries=(*ATTEMPT_ACTIONS, *EVENT_ACTIONS),
        actions=TO_CALLS,
        delivery_actions=TO_DELIVERIES,
        longest=int(MAX_DELAY),
    )


@blueprint.get("/w/<world>/parts/faults")
def armed(world: World) -> Response:
    """Return the switches and the rules as they are now."""
    return part("faults_armed.html", world, presets=read_presets(world), rules=read_faults(world))


TO_CALLS = {
    "reset": "cuts the connection before anything is done",
    "drop_response": "does everything and answers nothing",
    "truncate": "sends half of the answer",
    "corrupt": "answers with something that is no JSON",
}
TO_DELIVERIES = {
    "reset": "cuts the connection to the receiver",
    "drop_response": "delivers the event, and loses the receiver's answer",
    "drop": "never sends the event",
    "duplicate": "sends the event twice",
    "reorder": "lets the next event overtake it",
}
_MATCHED = {
    "method": "method",
    "path": "path",
    "query": "query",
    "headers": "headers",
    "body": "body",
    "number": "number",
    "key": "API key",
    "instance": "instance",
    "chat": "chat",
    "message": "message",
    "url": "URL",
}


@dataclass(frozen=True, slots=True)
class Preset:
    """A fault that has a name; `armed` is the id of it, where it is on."""

    name: str
    words: str
    armed: str | None
    hits: int


@dataclass(frozen=True, slots=True)
class FaultText:
    """A fault for reading; `again` is what arms the same once more, empty where a masked key is in it."""

    fault: Fault
    matches: list[tuple[str, str]]
    does: list[str]
    often: list[str]
    again: str


def read_presets(world: World) -> list[Preset]:
    """Return all presets, with whether they are on: as they are, for all calls."""
    with world.lock:
        faults = world.faults.all()
    found = []
    for name, fields in PRESETS.items():
        armed = [one for one in faults if one.armed and _is_preset(one, name, fields)]
        fault = Fault(id="", name=name, on=CALLS, match={}, **fields)
        words = ", ".join([*_does(fault), *_often(fault)])
        found.append(Preset(name, words, armed[0].id if armed else None, sum(one.hits for one in armed)))
    return found


def read_faults(world: World) -> list[FaultText]:
    """Return all faults of a world in words, the newest first."""
    with world.lock:
        return [
            FaultText(fault, _matches(world, fault), _does(fault), _often(fault), _again(fault))
            for fault in reversed(world.faults.all())
        ]


def _is_preset(fault: Fault, name: str, fields: Mapping[str, Any]) -> bool:
    return fault == Fault(fault.id, name, CALLS, {}, matched=fault.matched, hits=fault.hits, **fields)


def _matches(world: World, fault: Fault) -> list[tuple[str, str]]:
    return [
        (_MATCHED.get(name, name), MASK if name == "key" else _wanted(world, name, value))
        for name, value in fault.match.items()
    ]


def _wanted(world: World, name: str, value: Any) -> str:
    if not isinstance(value, str | int):
        return json.dumps(value, ensure_ascii=False, default=str)
    if name == "number":
        digits = numbers.parse(value) or str(value)
        called = name_of(world, digits)
        return f"+{digits}" if called == f"+{digits}" else f"{called}, +{digits}"
    if name == "instance" and value in world.state.instances:
        owner = world.state.instances[str(value)]
        return owner.name or f"+{owner.number}"
    return name_of(world, str(value)) if name == "chat" else str(value)


def _does(fault: Fault) -> list[str]:
    found = []
    if fault.reply:
        verb = "answers" if fault.on == CALLS else "takes the receiver to have answered"
        found.append(f"{verb} {fault.reply.status}")
    if fault.delay:
        held = "keeps the answer back" if fault.on == CALLS else "sends the event later, by"
        found.append(f"{held} {_seconds(fault.delay)}")
    if fault.action:
        words = TO_CALLS if fault.on == CALLS else TO_DELIVERIES
        found.append(words.get(fault.action, fault.action))
    return found


def _seconds(delay: Delay) -> str:
    if delay.mean is not None:
        return f"about {delay.mean:g} s" + (f", give or take {delay.deviation:g}" if delay.deviation else "")
    if delay.lowest == delay.highest:
        return f"{delay.lowest:g} s"
    return f"{delay.lowest:g} to {delay.highest:g} s"


def _often(fault: Fault) -> list[str]:
    found = []
    if fault.after:
        found.append(f"after the first {fault.after}")
    if fault.every > 1:
        found.append(f"one in every {fault.every}")
    if fault.probability < 1:
        found.append(f"{fault.probability:.0%} of the time" if fault.probability >= 0.01 else "rarely")
    if fault.times is not None:
        found.append("once" if fault.times == 1 else f"at most {fault.times} times")
    return found


def _again(fault: Fault) -> str:
    """Return the body that arms a fault like this one."""
    if "key" in fault.match:
        return ""
    body: dict[str, Any] = {"name": fault.name, "on": fault.on, "match": dict(fault.match)}
    body |= {"after": fault.after, "every": fault.every, "probability": fault.probability}
    if fault.times is not None:
        body["times"] = fault.times
    if fault.reply:
        reply = fault.reply
        body["respond"] = {"status": reply.status, "body": reply.body, "headers": dict(reply.headers)}
    if fault.delay:
        delay = fault.delay
        body["delay"] = {"from": delay.lowest, "to": delay.highest}
        if delay.mean is not None:
            body["delay"] |= {"mean": delay.mean, "deviation": delay.deviation}
    if fault.action:
        body["action"] = fault.action
    return json.dumps(body, ensure_ascii=False, default=str)
