"""What went over the wire for one message: the call that sent it, or the event that told of it, with every attempt."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.events import Event
from flaresend_mock.core.letters import TARGETED
from flaresend_mock.core.records import Attempt, Call, Delivery, Message, Task, TaskChange
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.bubbles import words
from flaresend_mock.web import headers

LONGEST = 20_000
"""Characters of a body that are shown."""

_SENDING = ("/send-message", "/groups/send-message", "/message")
_KEY = "YOUR_API_KEY"
_PLAIN_KINDS = frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, as they are read by people; `status` is None where none came."""

    event: int
    at: datetime
    method: str
    where: str
    headers: Mapping[str, str]
    body: str
    status: int | None
    answer: str
    error: str | None = None
    milliseconds: float | None = None
    good: bool = True


@dataclass(frozen=True, slots=True)
class Why:
    """What made a message, and what it made."""

    message: Message
    call: Exchange | None
    task: Task | None
    delivery: Delivery | None
    event: str
    attempts: tuple[Exchange, ...]
    curl: str
    test: str


def why(world: World, message_id: str, address: str) -> Why | None:
    """Return what is known of a message, or None if it is no longer kept.

    Args:
        address: where the emulator is, for a command that does the same again.
    """
    with world.lock:
        message = world.state.messages.get(message_id)
        if message is None:
            return None
        task, call = _cause(world, message) if message.direction == "outbound" else (None, None)
        deliveries = [one for one in world.deliveries.all() if one.message == message_id]
    delivery = deliveries[-1] if deliveries else None
    attempts = tuple(_attempted(one, delivery) for one in delivery.attempts) if delivery else ()
    event = readable(delivery.body) if delivery else ""
    return Why(
        message,
        exchange(call) if call else None,
        task,
        delivery,
        event,
        attempts,
        _curl(message, call, address),
        _test(message),
    )


def exchange(event: Event) -> Exchange:
    """Return an API call and its answer for reading."""
    call = event.subject
    assert isinstance(call, Call)
    body = call.body if isinstance(call.body, bytes) else b"" if call.body is None else _encoded(call.body)
    return Exchange(
        event.number,
        event.at,
        call.method,
        call.path + (f"?{call.query}" if call.query else ""),
        headers.shown(call.headers),
        readable(body),
        call.status,
        readable(call.answer),
        good=call.status is not None and call.status < 400,
    )


def readable(raw: bytes) -> str:
    """Return a body in lines, if it is JSON, and else as the text it is."""
    try:
        text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = raw.decode("utf-8", "replace")
    return text if len(text) <= LONGEST else text[:LONGEST] + "\n…"


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, default=str).encode()


def _attempted(attempt: Attempt, delivery: Delivery) -> Exchange:
    return Exchange(
        delivery.event,
        attempt.at,
        "POST",
        attempt.url,
        dict(attempt.headers),
        "",
        attempt.status,
        readable(attempt.answer.encode()),
        attempt.error,
        attempt.milliseconds,
        attempt.accepted,
    )


def _cause(world: World, message: Message) -> tuple[Task | None, Event | None]:
    """Return the scheduled message that was sent by this one, and the call that asked for either.

    A call is recorded once it is answered: behind its messages, and maybe behind other calls. So it is the first one
    after the message that says the same to the same.
    """
    events = world.state.events.since(message.event)
    for event in events:
        change = event.subject
        if isinstance(change, TaskChange) and change.task.content == message.content:
            return change.task, _scheduling(world, change.task)
        if isinstance(change, Call) and change.instance == message.instance and _sends(change, message):
            return None, event
    return None, None


def _sends(call: Call, message: Message) -> bool:
    if call.method != "POST" or not call.path.endswith(_SENDING):
        return False
    told = call.answer.decode("utf-8", "replace")
    said = call.body.decode("utf-8", "replace") if isinstance(call.body, bytes) else str(call.body)
    number = message.chat.removesuffix(numbers.USER)
    return number in told or number in said or number in call.path


def _scheduling(world: World, task: Task) -> Event | None:
    for event in world.state.events.since(0, "request"):
        call = event.subject
        if isinstance(call, Call) and call.path == "/schedule-message" and task.id.encode() in call.answer:
            return event
    return None


def _curl(message: Message, event: Event | None, address: str) -> str:
    """Return a command that has the same happen again."""
    if event is not None and isinstance(event.subject, Call):
        call = event.subject
        body = call.body.decode("utf-8", "replace") if isinstance(call.body, bytes) else None
        parts = [
            f"curl -X {call.method} {shlex.quote(address + call.path)}",
            f"-H 'Authorization: Bearer {_KEY}'",
        ]
        if body is not None:
            parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
        elif isinstance(call.body, Mapping):
            parts += [f"-F {shlex.quote(f'{name}={value}')}" for name, value in call.body.items()]
        return " \\\n  ".join(parts)
    if message.direction == "outbound":
        return ""
    told = json.dumps(_letter(message), ensure_ascii=False)
    return " \\\n  ".join(
        (
            f"curl {shlex.quote(address + '/_mock/inbound')}",
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(told)}",
        )
    )


def _letter(message: Message) -> dict[str, Any]:
    """Return what `POST /_mock/inbound` is told to have somebody write this again."""
    content = message.content
    letter: dict[str, Any] = {"from": message.sender}
    if message.chat.endswith(numbers.GROUP):
        letter["group"] = message.chat
    if content.type != "text" and message.payload is not None and content.media is None:
        return letter | {"type": content.type, "message": dict(message.payload)}
    if content.type != "text":
        letter["type"] = content.type
    if content.text:
        letter["text"] = content.text
    if content.caption:
        letter["caption"] = content.caption
    return letter


def _test(message: Message) -> str:
    """Return a test that expects this, or does it."""
    said = words(message)
    if message.direction == "outbound":
        party = "group" if message.chat.endswith(numbers.GROUP) else "to"
        told = f", text={said!r}" if said else f", type={message.content.type!r}"
        return (
            "def test_the_application_writes(flaresend_mock):\n"
            "    ...  # what makes your application write\n"
            f"    flaresend_mock.expect_message({party}={message.to!r}{told})"
        )
    given = [repr(message.sender)]
    if message.content.type in _PLAIN_KINDS:
        given.append(repr(said))
    elif message.content.type not in TARGETED:
        given += [f"type={message.content.type!r}", *([f"caption={said!r}"] if said else [])]
    if message.chat.endswith(numbers.GROUP):
        given.append(f"group={message.chat!r}")
    return (
        "def test_the_application_answers(flaresend_mock):\n"
        "    flaresend_mock.webhook_app(application)  # or its URL: flaresend_mock.webhook(...)\n"
        f"    flaresend_mock.receive({', '.join(given)})\n"
        f"    flaresend_mock.expect_message(to={message.sender!r})"
    )
