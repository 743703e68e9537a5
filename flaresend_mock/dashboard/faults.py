"""The faults page: switches for the presets, all faults in words, and forms for new ones."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Response

from flaresend_mock.core import numbers
from flaresend_mock.core.faults import CALLS, MAX_DELAY, PRESETS
from flaresend_mock.core.models import Change, Fault
from flaresend_mock.core.redaction import MASK
from flaresend_mock.core.transcript import CALL_ACTIONS_TEXT, DELIVERY_ACTIONS_TEXT, fault_effects, fault_limits
from flaresend_mock.core.world import World
from flaresend_mock.dashboard import message_view, pages


@pages.blueprint.get("/w/<world>/faults")
def faults(world: World) -> Response:
    actions = {"call_actions": CALL_ACTIONS_TEXT, "delivery_actions": DELIVERY_ACTIONS_TEXT}
    return pages.part("faults.html", world, tab="faults", longest=int(MAX_DELAY), **actions, **_faults(world))


@pages.live("faults", "faults_armed.html")
def _faults(world: World) -> dict[str, object]:
    """Return presets, and faults in words, newest first; `again` arms one again, unless a key in it is masked."""
    rules = []
    with world.lock:
        for fault in reversed(found := world.faults.all()):
            body = _shown(fault)
            met = [(name, MASK if name == "key" else _value(world, name, one)) for name, one in fault.match.items()]
            again = "" if "key" in fault.match else json.dumps(body, ensure_ascii=False, default=str)
            texts = {"effects": fault_effects(body), "frequency": fault_limits(body), "again": again}
            rules.append({"fault": fault, "matches": met, **texts})
    return {"presets": [_preset(found, name, fields) for name, fields in PRESETS.items()], "rules": rules}


@pages.blueprint.app_template_global()
def fault_text(world: World, fault: str) -> tuple[str, str]:
    """Return the name of a fault, also of one that was deleted, and what it does if it is kept."""
    if found := world.state.faults.get(fault):
        return found.name, ", ".join(fault_effects(_shown(found)))
    changes = (one.subject for one in reversed(list(world.state.events.kept)) if one.kind == "fault")
    return next((str(one.details["name"]) for one in changes if isinstance(one, Change) and one.id == fault), fault), ""


def _preset(faults: list[Fault], name: str, fields: Mapping[str, Any]) -> dict[str, object]:
    preset = Fault(id="", name=name, on=CALLS, match={}, **fields)
    armed = [one for one in faults if one.armed and replace(one, id="", matched=0, hits=0) == preset]
    text = ", ".join([*fault_effects(_shown(preset)), *fault_limits(_shown(preset))])
    return {"name": name, "text": text, "armed": armed[0].id if armed else None, "hits": sum(one.hits for one in armed)}


def _value(world: World, name: str, value: Any) -> str:
    if not isinstance(value, str | int):
        return json.dumps(value, ensure_ascii=False, default=str)
    if name == "number":
        digits = numbers.parse(value) or str(value)
        known = message_view.name_of(world, digits)
        return f"+{digits}" if known == f"+{digits}" else f"{known}, +{digits}"
    if name == "instance" and value in world.state.instances:
        return world.state.instances[str(value)].title
    return message_view.name_of(world, str(value)) if name == "chat" else str(value)


def _shown(fault: Fault) -> dict[str, Any]:
    names = ("name", "on", "match", "after", "every", "probability", "times", "action")
    body: dict[str, Any] = {name: getattr(fault, name) for name in names}
    if fault.reply:
        body["respond"] = {name: getattr(fault.reply, name) for name in ("status", "body", "headers")}
    if delay := fault.delay:
        body["delay"] = {"from": delay.lowest, "to": delay.highest}
        if delay.mean is not None:
            body["delay"] |= {"mean": delay.mean, "deviation": delay.deviation}
    return {name: value for name, value in body.items() if value is not None}
