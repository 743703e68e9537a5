"""Tests that have the same happen again, and pass as they are: with pytest and the fixture flaresend_mock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pprint import pformat
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.inbound_messages import target
from flaresend_mock.core.models import Call, Media, Message, Task
from flaresend_mock.core.payloads import CONTEXT
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.reproduce.curl import file_of, letter_of

WIDTH = 100


@dataclass
class Script:
    """A test that is being written; `names` are variables that stand for ids that another world has not."""

    title: str
    lines: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    marks: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        self.lines.append(line)

    def literal(self, value: Any, indent: int = 4) -> str:
        """Return what stands for a value in Python, with names in the place of ids."""
        text = pformat(value, width=WIDTH - indent, sort_dicts=False).replace("\n", "\n" + " " * indent)
        for id_, name in self.names.items():
            text = text.replace(repr(id_), name)
        return text

    def text(self) -> str:
        head = "".join(f"import {name}\n" for name in sorted(self.imports))
        marks = "".join(f"{mark}\n" for mark in self.marks)
        body = "".join(f"    {line}\n" for line in self.lines)
        return head + ("\n\n" if head else "") + marks + f"def test_{self.title}(flaresend_mock):\n{body}"


def of_received(world: World, message: Message, letter: Mapping[str, Any]) -> str:
    """Return a test in which somebody writes this. The caller holds the lock.

    Args:
        letter: as `again.letter_of` returns it.
    """
    script = Script("the_application_hears_of_it")
    _meet(script, world, message)
    script.add(
        "inbox = flaresend_mock.webhook_receiver()  # or your application: webhook(url), webhook_app(app)"
    )
    count = 1
    if "about" in letter:
        count += _say_before(script, world, letter)
    _receive(script, letter, file_of(world, message))
    script.add(f"event = inbox.expect({count})[-1]")
    kind = next((name for name in message.payload or {} if name != CONTEXT), "")
    script.add(f"assert {kind!r} in event.event['data']['message']")
    chat = script.names.get(message.chat, repr(message.sender))
    script.add(f"# flaresend_mock.expect_message(to={chat})  # once it is your application that answers")
    return script.text()


def of_sent(world: World, message: Message, call: Call | None, task: Task | None, at: datetime) -> str:
    """Return a test in which the application sends this. The caller holds the lock.

    Args:
        at: when the call was made.
    """
    script = Script("the_application_writes")
    _meet(script, world, message)
    if task is not None:
        script.imports.add("pytest")
        script.marks.append(f"@pytest.mark.flaresend(time_zone={world.state.time_zone!r})")
        script.add(f"flaresend_mock.clock.freeze({at.strftime('%Y-%m-%dT%H:%M:%SZ')!r})")
    if call is None:
        script.add("...  # have your application write")
    else:
        _ask(script, call)
    if task is not None:
        script.add("flaresend_mock.clock.advance_to_next()")
    content = message.content
    said = f", text={content.text!r}" if content.text else f", type={content.type!r}"
    failed = ", status='failed'" if message.status == "failed" else ""
    script.add(f"flaresend_mock.expect_message(to={script.literal(message.to)}{said}{failed})")
    return script.text()


def _meet(script: Script, world: World, message: Message) -> None:
    """Have the group or the channel that a message is in: another world has not the same."""
    group, channel = world.state.groups.get(message.chat), world.state.channels.get(message.chat)
    if group is not None:
        ours = {one.number for one in world.state.instances.values()}
        others = [number for number in group.members if number not in ours and number != message.sender]
        people = [*([message.sender] if message.direction == "inbound" else []), *others][:3]
        script.add(f"group = flaresend_mock.group({group.subject!r}, {people!r})")
        script.names[group.id] = "group"
    elif channel is not None and message.direction == "outbound":
        script.imports.add("requests")
        script.add("made = requests.post(")
        script.add("    flaresend_mock.url + '/channels',")
        script.add("    headers=flaresend_mock.headers,")
        script.add(f"    json={{'name': {channel.name!r}}},")
        script.add("    timeout=10,")
        script.add(")")
        script.add("channel = made.json()['channel']['id']")
        script.names[channel.id] = "channel"


def _ask(script: Script, call: Call) -> None:
    """Have the application's call made."""
    script.imports.add("requests")
    path = repr(call.path)
    for id_, name in script.names.items():
        path = path.replace(id_, f"' + {name} + '")
    script.add("requests.post(  # which your application does")
    script.add(f"    flaresend_mock.url + {path},")
    script.add("    headers=flaresend_mock.headers,")
    if isinstance(call.body, Mapping):
        fields = {name: one for name, one in call.body.items() if not _is_file(one)}
        files = {name: (one["fileName"], b"...") for name, one in call.body.items() if _is_file(one)}
        script.add(f"    data={script.literal(fields, 8)},")
        if files:
            script.add(f"    files={script.literal(files, 8)},")
    else:
        script.add(f"    json={script.literal(_json(call.body), 8)},")
    script.add("    timeout=10,")
    script.add(").raise_for_status()")


def _say_before(script: Script, world: World, letter: Mapping[str, Any]) -> int:
    """Have said what a letter is about, and return how many events tell of it."""
    before = world.state.messages.get(letter["about"])
    if before is None or before.direction == "inbound":
        plain = {name: letter[name] for name in ("from", "group") if name in letter} | {
            "text": "What it is about"
        }
        earlier = letter_of(world, before) if before is not None and target(before) is None else plain
        _receive(script, {name: one for name, one in earlier.items() if name != "about"}, None, "earlier = ")
        script.names[letter["about"]] = "earlier['data']['id']"
        return 1
    script.imports.add("requests")
    where = "/groups/send-message" if before.chat.endswith(numbers.GROUP) else "/send-message"
    to = {"groupJids": [before.to]} if before.chat.endswith(numbers.GROUP) else {"recipients": [before.to]}
    body = {**to, "type": "text", "text": before.content.text or "What it is about"}
    script.add("requests.post(")
    script.add(f"    flaresend_mock.url + {where!r},")
    script.add("    headers=flaresend_mock.headers,")
    script.add(f"    json={script.literal(body, 8)},")
    script.add("    timeout=10,")
    script.add(")")
    script.names[before.id] = "flaresend_mock.messages()[-1].id"
    return 0


def _receive(script: Script, letter: Mapping[str, Any], media: Media | None, keep: str = "") -> None:
    rest = {
        name: value for name, value in letter.items() if name not in ("from", "text", "instance", "channel")
    }
    if media is not None:
        rest["media"] = {"fileName": media.file_name, "mimetype": media.mimetype}
    given = [repr(letter["from"])]
    if "text" in letter:
        given.append(repr(letter["text"]))
    given += [f"{name}={script.literal(value)}" for name, value in rest.items()]
    line = f"{keep}flaresend_mock.receive({', '.join(given)})"
    script.add(line + ("  # a sample stands for the file; or file='its path'" if media is not None else ""))


def _is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and "fileName" in value


def _json(body: Any) -> Any:
    try:
        return json.loads(body or b"null")
    except (ValueError, RecursionError, TypeError):
        return None
