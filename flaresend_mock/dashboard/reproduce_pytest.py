"""Pytest tests that repeat a message with the fixture flaresend_mock. They pass without changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pprint import pformat
from typing import Any
from urllib.parse import quote

from flaresend_mock.core import numbers
from flaresend_mock.core.event_bodies import OWN_EVENT
from flaresend_mock.core.models import Call, Media, Message, Task
from flaresend_mock.core.payload_reader import CONTEXT, target_of
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.reproduce_curl import file_of, inbound_of, json_of

WIDTH = 100
FIRST_MESSAGE = "The first message"  # stands for the text of a referenced message that is no longer kept or has no text


@dataclass
class Script:
    """A test under construction; `names` maps ids, which differ in another world, to variables."""

    title: str
    lines: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    marks: str = ""

    def post(self, path: str, *, keep: str = "", comment: str = "", then: str = "", **arguments: str) -> None:
        """Add a call of the API. The path and the arguments are Python expressions."""
        self.imports.add("requests")
        given = {"headers": "flaresend_mock.headers", **arguments, "timeout": "10"}
        lines = (f"flaresend_mock.url + {path}", *(f"{name}={value}" for name, value in given.items()))
        self.lines += [f"{keep}requests.post({comment}", *(f"    {line}," for line in lines), f"){then}"]

    def literal(self, value: Any, indent: int = 4) -> str:
        text = pformat(value, width=WIDTH - indent, sort_dicts=False).replace("\n", "\n" + " " * indent)
        for id_, name in self.names.items():
            text = text.replace(repr(id_), name)
        return text

    def text(self) -> str:
        head = "".join(f"import {name}\n" for name in sorted(self.imports))
        body = "".join(f"    {line}\n" for line in self.lines)
        return head + ("\n\n" if head else "") + self.marks + f"def test_{self.title}(flaresend_mock):\n{body}"


def of_received(world: World, message: Message, inbound: Mapping[str, Any]) -> str:
    """Return a test that repeats an inbound message, which `inbound_of` returned. The caller holds the lock."""
    script = Script("the_application_gets_the_event")
    other = inbound.get("target") or inbound.get("reply_to")
    about = world.state.messages.get(other) if other else None
    if "event" not in inbound:
        _create_chat(script, world, message, about)
    script.lines += ["inbox = flaresend_mock.webhook_receiver()  # or your application: webhook(url), webhook_app(app)"]
    count = 1 + (_create_other(script, world, inbound, other) if other else 0)
    _receive(script, inbound, file_of(world, message))
    script.lines.append(f"event = inbox.expect({count})[-1]")
    if "event" in inbound:
        script.lines.append(f"assert event.event.items() >= {script.literal(inbound['event'])}.items()")
    else:
        kind = next((name for name in message.payload or {} if name != CONTEXT), "")
        script.lines.append(f"assert {kind!r} in event.event['data']['message']")
    chat = script.names.get(message.chat, repr(message.sender))
    script.lines.append(f"# flaresend_mock.expect_message(to={chat})  # if your application replies")
    return script.text()


def of_sent(world: World, message: Message, call: Call | None, task: Task | None, at: datetime) -> str:
    """Return a test in which the application sends a message by a call at a time. The caller holds the lock."""
    script = Script("the_application_sends_it")
    _create_chat(script, world, message)
    if task is not None:
        script.imports.add("pytest")
        script.marks = f"@pytest.mark.flaresend(time_zone={world.state.time_zone!r})\n"
        script.lines.append(f"flaresend_mock.clock.freeze({at.strftime('%Y-%m-%dT%H:%M:%SZ')!r})")
    if call is None:
        script.lines.append("...  # let your application send it")
    else:
        _repeat_call(script, call)
    if task is not None:
        script.lines.append("flaresend_mock.clock.advance_to_next()")
    content = message.content
    what = f", text={content.text!r}" if content.text else f", type={content.type!r}"
    failed = ", status='failed'" if message.status == "failed" else ""
    script.lines.append(f"flaresend_mock.expect_message(to={script.literal(message.to)}{what}{failed})")
    return script.text()


def _create_chat(script: Script, world: World, message: Message, about: Message | None = None) -> None:
    """Create the group or the channel of a message, with the writers of it and of the one that it is about."""
    group, channel = world.state.groups.get(message.chat), world.state.channels.get(message.chat)
    if group is not None:
        ours = {one.number for one in world.state.instances.values()}
        writers = [one.sender for one in (message, about) if one is not None and one.sender not in ours]
        people = list(dict.fromkeys([*writers, *(one for one in group.members if one not in ours)]))[:3]
        script.lines.append(f"group = flaresend_mock.group({group.subject!r}, {people!r})")
        script.names[group.id] = "group"
        if message.content.type == "delete" and about is not None and about.sender != message.sender:
            body = {"action": "promote", "participants": [message.sender]}
            script.post("'/groups/' + group + '/participants'", json=script.literal(body, 8))
    elif channel is not None and message.direction == "outbound":
        script.post("'/channels'", keep="made = ", json=f"{{'name': {channel.name!r}}}")
        script.lines.append("channel = made.json()['channel']['id']")
        script.names[channel.id] = "channel"


def _repeat_call(script: Script, call: Call) -> None:
    path = repr(call.raw_path)
    for id_, name in script.names.items():
        path = path.replace(id_, f"' + {name} + '").replace(quote(id_), f"' + {name} + '")
    if isinstance(call.body, Mapping):
        fields = {name: one for name, one in call.body.items() if not _is_file(one)}
        files = {name: (one["fileName"], b"...") for name, one in call.body.items() if _is_file(one)}
        arguments = {"data": script.literal(fields, 8)} | ({"files": script.literal(files, 8)} if files else {})
    else:
        arguments = {"json": script.literal(json_of(call.body), 8)}
    script.post(path, comment="  # your application makes this call", then=".raise_for_status()", **arguments)


def _create_other(script: Script, world: World, inbound: Mapping[str, Any], other: str) -> int:
    """Create the message that an inbound message refers to, and return the number of events that this makes."""
    before = world.state.messages.get(other)
    if before is None or before.direction == "inbound":
        plain = {name: inbound[name] for name in ("from", "group") if name in inbound}
        plain["text"] = FIRST_MESSAGE
        can_be_written = before is not None and before.content.type != OWN_EVENT and target_of(before) is None
        earlier = inbound_of(world, before) if before is not None and can_be_written else plain
        _receive(script, {name: one for name, one in earlier.items() if name != "reply_to"}, None, "earlier = ")
        script.names[other] = "earlier['data']['id']"
        return 1
    in_group = before.chat.endswith(numbers.GROUP)
    to = {"groupJids": [before.to]} if in_group else {"recipients": [before.to]}
    body = {**to, "type": "text", "text": before.content.text or FIRST_MESSAGE}
    script.post("'/groups/send-message'" if in_group else "'/send-message'", json=script.literal(body, 8))
    script.names[before.id] = "flaresend_mock.messages()[-1].id"
    return 0


def _receive(script: Script, inbound: Mapping[str, Any], media: Media | None, keep: str = "") -> None:
    if "event" in inbound:
        script.lines.append(f"{keep}flaresend_mock.event({script.literal(inbound['event'])})")
        return
    rest = {name: value for name, value in inbound.items() if name not in ("from", "text", "instance", "channel")}
    if media is not None:
        rest["media"] = {"fileName": media.file_name, "mimetype": media.mimetype}
    given = [repr(inbound[name]) for name in ("from", "text") if name in inbound]
    given += [f"{name}={script.literal(value)}" for name, value in rest.items()]
    line = f"{keep}flaresend_mock.receive({', '.join(given)})"
    script.lines.append(line + ("  # a sample file; for yours: file='its path'" if media is not None else ""))


def _is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and "fileName" in value
