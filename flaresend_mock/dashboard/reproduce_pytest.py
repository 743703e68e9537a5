"""Pytest tests that repeat a message with the fixture flaresend_mock. They pass without changes."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pprint import pformat
from typing import Any
from urllib.parse import quote

from flask import render_template

from flaresend_mock.core import numbers, payloads
from flaresend_mock.core.event_bodies import OWN_EVENT
from flaresend_mock.core.models import Call, Media, Message, Task
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.reproduce_curl import file_of, inbound_of
from flaresend_mock.http.bodies import body_of

WIDTH = 100
FIRST_MESSAGE = "The first message"  # stands for the text of a referenced message that is no longer kept or has no text
TEMPLATE = "dashboard/reproduce.txt"

Names = dict[str, str]  # of variables of a test, by the ids that they hold, which differ in another world
Code = dict[str, Any]  # expressions of Python, by what they are in the template


class _Variable(str):
    __repr__ = str.__str__


def of_received(world: World, message: Message, inbound: Mapping[str, Any]) -> str:
    """Return a test that repeats an inbound message, which `inbound_of` returned. The caller holds the lock."""
    names: Names = {}
    other = inbound.get("target") or inbound.get("reply_to")
    about = world.state.messages.get(other) if other else None
    made = {} if "event" in inbound else _create_chat(names, world, message, about)
    made |= _create_other(names, world, inbound, other) if other else {}
    made["received"] = _receive(names, inbound, file_of(world, message))
    made["event"] = _literal(names, inbound["event"]) if "event" in inbound else ""
    made["key"] = repr(next((name for name in message.payload or {} if name != payloads.CONTEXT), ""))
    return render_template(TEMPLATE, chat=names.get(message.chat, repr(message.sender)), **made)


def of_sent(world: World, message: Message, calls: Sequence[Call], task: Task | None, at: datetime) -> str:
    """Return a test that sends a message by a call at a time, and changes it by others. The caller holds the lock."""
    names: Names = {}
    made = _create_chat(names, world, message)
    made |= {"time_zone": repr(world.state.time_zone), "moment": repr(at.strftime("%Y-%m-%dT%H:%M:%SZ"))}
    made |= _repeat_call(names, calls[0])
    names |= {task.id: "task"} if task else {}
    made["changes"] = [_repeat_call(names, one) for one in calls[1:]]
    content = message.content
    what = f", text={content.text!r}" if content.text else f", type={content.type!r}"
    failed = ", status='failed'" if message.status == "failed" else ""
    return render_template(TEMPLATE, task=task, expected=f"to={_literal(names, message.to)}{what}{failed}", **made)


def _create_chat(names: Names, world: World, message: Message, about: Message | None = None) -> Code:
    group, channel = world.state.groups.get(message.chat), world.state.channels.get(message.chat)
    if group is not None:
        ours = {one.number for one in world.state.instances.values()}
        writers = [one.sender for one in (message, about) if one is not None and one.sender not in ours]
        people = list(dict.fromkeys([*writers, *(one for one in group.members if one not in ours)]))[:3]
        made = {"group": f"{group.subject!r}, {people!r}"}
        names[group.id] = "group"
        if message.content.type == "delete" and about is not None and about.sender != message.sender:
            made["promoted"] = _literal(names, {"action": "promote", "participants": [message.sender]}, 8)
        return made
    if channel is not None and message.direction == "outbound":
        names[channel.id] = "channel"
        return {"channel": f"{{'name': {channel.name!r}}}"}
    return {}


def _repeat_call(names: Names, call: Call) -> Code:
    ids = {spelled: name for id_, name in names.items() for spelled in (id_, quote(id_))}
    parts = re.split(f"({'|'.join(map(re.escape, ids)) or '(?!)'})", call.raw_path)
    path = " + ".join(ids.get(part) or repr(part) for part in parts)
    if not isinstance(call.body, Mapping):
        return {"path": path, "call": {"json": _literal(names, body_of(call), 8)}}
    fields = {name: one for name, one in call.body.items() if not _is_file(one)}
    files = {name: (one["fileName"], b"...") for name, one in call.body.items() if _is_file(one)}
    given = {"data": fields, "files": files} if files else {"data": fields}
    return {"path": path, "call": {name: _literal(names, one, 8) for name, one in given.items()}}


def _create_other(names: Names, world: World, inbound: Mapping[str, Any], other: str) -> Code:
    if (before := world.state.messages.get(other)) is None or before.direction == "inbound":
        plain = {name: inbound[name] for name in ("from", "group") if name in inbound}
        plain["text"] = FIRST_MESSAGE
        can_be_written = before is not None and before.content.type != OWN_EVENT and payloads.target_of(before) is None
        earlier = inbound_of(world, before) if before is not None and can_be_written else plain
        received = _receive(names, {name: one for name, one in earlier.items() if name != "reply_to"}, None)
        names[other] = "earlier['data']['id']"
        return {"received_before": received}
    in_group = before.chat.endswith(numbers.GROUP)
    to = {"groupJids": [before.to]} if in_group else {"recipients": [before.to]}
    sent = _literal(names, {**to, "type": "text", "text": before.content.text or FIRST_MESSAGE}, 8)
    names[before.id] = "flaresend_mock.messages()[-1].id"
    return {"sent_before": sent, "sent_path": "'/groups/send-message'" if in_group else "'/send-message'"}


def _receive(names: Names, inbound: Mapping[str, Any], media: Media | None) -> str:
    if "event" in inbound:
        return f"flaresend_mock.event({_literal(names, inbound['event'])})"
    rest = {name: value for name, value in inbound.items() if name not in ("from", "text", "instance", "channel")}
    if media is not None:
        rest["media"] = {"fileName": media.file_name, "mimetype": media.mimetype}
    given = [repr(inbound[name]) for name in ("from", "text") if name in inbound]
    given += [f"{name}={_literal(names, value)}" for name, value in rest.items()]
    line = f"flaresend_mock.receive({', '.join(given)})"
    return line + ("  # a sample file; for yours: file='its path'" if media is not None else "")


def _literal(names: Names, value: Any, indent: int = 4) -> str:
    text = pformat(_named(names, value), width=WIDTH - indent, sort_dicts=False)
    return text.replace("\n", "\n" + " " * indent)


def _named(names: Names, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _named(names, one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_named(names, one) for one in value)
    return _Variable(names[value]) if isinstance(value, str) and value in names else value


def _is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and "fileName" in value
