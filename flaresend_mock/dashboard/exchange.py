"""What went over the wire: for one message, one API call or one webhook delivery, with commands to repeat it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.deliveries import OPEN
from flaresend_mock.core.events import Event
from flaresend_mock.core.models import Attempt, Call, Delivery, Message, Task, TaskChange
from flaresend_mock.core.payloads import target_of
from flaresend_mock.core.redaction import MASK, is_secret
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import line_of, name_of
from flaresend_mock.dashboard.reproduce import curl, pytest
from flaresend_mock.dashboard.reproduce.curl import Place
from flaresend_mock.http import headers

Subject = Call | Delivery
"""What the traffic page lists: an API call or a webhook delivery."""

MAX_SHOWN = 20_000
"""The number of characters of a body that a page shows."""

_SENDING = ("/send-message", "/groups/send-message", "/message")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its response as text; `status` is None if no response came."""

    at: datetime
    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    status: int | None
    response: str
    good: bool
    error: str | None = None
    milliseconds: float = 0


@dataclass(frozen=True, slots=True)
class Change:
    """A message that reacts to another, edits or deletes it."""

    id: str
    at: datetime
    sender: str
    line: str


@dataclass(frozen=True, slots=True)
class MessageExchange:
    """The call that sent a message, or the event that reported it and the attempts to deliver that."""

    message: Message
    call: Exchange | None
    task: Task | None
    delivery: Delivery | None
    event: str
    attempts: tuple[Exchange, ...]
    curl: str
    test: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class TrafficExchange:
    """A call, or a delivery with its attempts; `armed` tells whether the fault that it met still exists."""

    number: int
    at: datetime
    instance: str
    call: Exchange | None
    delivery: Delivery | None
    event: str
    attempts: tuple[Exchange, ...]
    fault: str | None
    armed: bool
    curl: str

    @property
    def open(self) -> bool:
        return self.delivery is not None and self.delivery.status in OPEN


def explain_message(world: World, message_id: str, place: Place) -> MessageExchange | None:
    """Return what went over the wire for a message, or None if the message is no longer kept."""
    with world.lock:
        message = world.state.messages.get(message_id)
        if message is None:
            return None
        task, call = _cause(world, message) if message.direction == "outbound" else (None, None)
        deliveries = [one for one in world.deliveries.all() if one.message == message_id]
        delivery = deliveries[-1] if deliveries else None
        command, test = _reproduction(world, message, call, task, delivery, place)
        changes = tuple(
            Change(one.id, one.at, name_of(world, one.sender), line_of(one))
            for one in world.state.messages
            if target_of(one) == message_id
        )
    return MessageExchange(
        message,
        _call(call) if call else None,
        task,
        delivery,
        _readable(delivery.body) if delivery else "",
        _attempts(delivery) if delivery else (),
        command,
        test,
        changes,
    )


def explain_traffic(world: World, number: int, place: Place) -> TrafficExchange | None:
    """Return the call or delivery that an event began, or None if it is no longer kept."""
    found = _find(world, number)
    if found is None:
        return None
    event, subject = found
    with world.lock:
        owner = world.state.instances.get(subject.instance or "")
        instance = (owner.name or name_of(world, owner.number)) if owner else ""
        armed = subject.fault is not None and world.faults.has(subject.fault)
        if isinstance(subject, Call):
            command = curl.call_again(world, subject, place)
            call, fault = _call(event), subject.fault
            return TrafficExchange(number, event.at, instance, call, None, "", (), fault, armed, command)
    return TrafficExchange(
        number,
        event.at,
        instance,
        None,
        subject,
        _readable(subject.body),
        _attempts(subject),
        subject.fault,
        armed,
        curl.delivery_again(subject),
    )


def _call(event: Event) -> Exchange:
    call = event.subject
    assert isinstance(call, Call)
    body = call.body if isinstance(call.body, bytes) else b"" if call.body is None else _encoded(call.body)
    return Exchange(
        event.at,
        call.method,
        call.path + (f"?{call.query}" if call.query else ""),
        headers.shown(call.headers),
        _readable(body),
        call.status,
        _readable(call.response),
        call.status is not None and call.status < 400,
    )


def _attempts(delivery: Delivery) -> tuple[Exchange, ...]:
    return tuple(map(_attempt, delivery.attempts))


def _attempt(attempt: Attempt) -> Exchange:
    return Exchange(
        attempt.at,
        "POST",
        attempt.url,
        {name: MASK if is_secret(name) else value for name, value in attempt.headers},
        "",
        attempt.status,
        _readable(attempt.response.encode("utf-8", "replace")),
        attempt.accepted,
        attempt.error,
        attempt.milliseconds,
    )


def _readable(raw: bytes) -> str:
    """Return a body as text, indented if it is JSON."""
    try:
        text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = raw.decode("utf-8", "replace")
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "\n…"


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, default=str).encode()


def _find(world: World, number: int) -> tuple[Event, Subject] | None:
    """Return the event that began a call or a delivery, and the subject's current state."""
    with world.lock:
        events = world.state.events.since(number - 1)
    if not events or events[0].number != number:
        return None
    first = events[0].subject
    if isinstance(first, Call):
        return events[0], first
    if not isinstance(first, Delivery) or first.event != number:
        return None
    for event in reversed(events):
        now = event.subject
        if isinstance(now, Delivery) and (now.id, now.event) == (first.id, number):
            return events[0], now
    return None


def _cause(world: World, message: Message) -> tuple[Task | None, Event | None]:
    """Return the scheduled message that became this message, and the call that asked for it.

    A call is recorded after its messages, and other calls may come between. So it is the first later call that names
    the same recipient.
    """
    for event in world.state.events.since(message.event):
        change = event.subject
        if isinstance(change, TaskChange) and change.task.content == message.content:
            return change.task, _scheduling(world, change.task)
        if isinstance(change, Call) and change.instance == message.instance and _sends(change, message):
            return None, event
    return None, None


def _sends(call: Call, message: Message) -> bool:
    if call.method != "POST" or not call.path.endswith(_SENDING):
        return False
    response = call.response.decode("utf-8", "replace")
    body = call.body.decode("utf-8", "replace") if isinstance(call.body, bytes) else str(call.body)
    number = message.chat.removesuffix(numbers.USER)
    return number in response or number in body or number in call.path


def _scheduling(world: World, task: Task) -> Event | None:
    for event in world.state.events.since(0, "request"):
        call = event.subject
        if isinstance(call, Call) and call.path == "/schedule-message" and task.id.encode() in call.response:
            return event
    return None


def _reproduction(
    world: World,
    message: Message,
    event: Event | None,
    task: Task | None,
    delivery: Delivery | None,
    place: Place,
) -> tuple[str, str]:
    """Return a command and a test that repeat what happened. The command is empty if the call is no longer kept."""
    if message.direction == "inbound":
        head = delivery.body.partition(b'"message"')[0] if delivery else b""
        body = curl.inbound_of(world, message, as_lid=f'{numbers.LID}"'.encode() in head)
        command = curl.inbound_again(body, curl.file_of(world, message), place)
        return command, pytest.of_received(world, message, body)
    call = event.subject if event and isinstance(event.subject, Call) else None
    media = world.state.media.get(message.content.media) if message.content.media else None
    command = curl.call_again(world, call, place, media) if call else ""
    return command, pytest.of_sent(world, message, call, task, event.at if event else message.at)
