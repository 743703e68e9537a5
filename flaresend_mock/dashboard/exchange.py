"""What went over the wire: for one message, one API call or one webhook delivery."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.deliveries import OPEN
from flaresend_mock.core.events import Event
from flaresend_mock.core.inbound_messages import target
from flaresend_mock.core.models import Attempt, Call, Delivery, Message, Task, TaskChange
from flaresend_mock.core.redaction import MASK, is_secret
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import line_of, name_of
from flaresend_mock.dashboard.reproduce import curl, pytest
from flaresend_mock.dashboard.reproduce.curl import Place
from flaresend_mock.http import headers

Subject = Call | Delivery
"""What the traffic page lists: an API call or a webhook delivery."""

LONGEST = 20_000
"""Characters of a body that are shown."""

_SENDING = ("/send-message", "/groups/send-message", "/message")


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
    response: str
    error: str | None = None
    milliseconds: float | None = None
    good: bool = True


@dataclass(frozen=True, slots=True)
class Changed:
    """A message that reacts to another, edits or deletes it: its id, who wrote it, and what it does."""

    id: str
    at: datetime
    who: str
    what: str


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
    changes: tuple[Changed, ...] = ()


def why(world: World, message_id: str, place: Place) -> Why | None:
    """Return what is known of a message, or None if it is no longer kept."""
    with world.lock:
        message = world.state.messages.get(message_id)
        if message is None:
            return None
        task, call = _cause(world, message) if message.direction == "outbound" else (None, None)
        deliveries = [one for one in world.deliveries.all() if one.message == message_id]
        delivery = deliveries[-1] if deliveries else None
        command, test = _reproduced(world, message, call, task, delivery, place)
        changes = tuple(
            Changed(one.id, one.at, name_of(world, one.sender), line_of(one))
            for one in world.state.messages
            if target(one) == message_id
        )
    attempts = tuple(_attempted(one, delivery) for one in delivery.attempts) if delivery else ()
    event = readable(delivery.body) if delivery else ""
    told = exchange(call) if call else None
    return Why(message, told, task, delivery, event, attempts, command, test, changes)


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
        readable(call.response),
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
        readable(attempt.response.encode()),
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
    told = call.response.decode("utf-8", "replace")
    said = call.body.decode("utf-8", "replace") if isinstance(call.body, bytes) else str(call.body)
    number = message.chat.removesuffix(numbers.USER)
    return number in told or number in said or number in call.path


def _scheduling(world: World, task: Task) -> Event | None:
    for event in world.state.events.since(0, "request"):
        call = event.subject
        if isinstance(call, Call) and call.path == "/schedule-message" and task.id.encode() in call.response:
            return event
    return None


def _reproduced(
    world: World,
    message: Message,
    event: Event | None,
    task: Task | None,
    delivery: Delivery | None,
    place: Place,
) -> tuple[str, str]:
    """Return a command and a test that have the same happen again; the command is empty where there is none."""
    if message.direction == "inbound":
        as_lid = (
            delivery is not None and f'{numbers.LID}"'.encode() in delivery.body.partition(b'"message"')[0]
        )
        letter = curl.letter_of(world, message, as_lid=as_lid)
        command = curl.letter_again(letter, curl.file_of(world, message), place)
        return command, pytest.of_received(world, message, letter)
    call = event.subject if event and isinstance(event.subject, Call) else None
    media = world.state.media.get(message.content.media) if message.content.media else None
    command = curl.call_again(world, call, place, media) if call else ""
    return command, pytest.of_sent(world, message, call, task, event.at if event else message.at)


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at a delivery, as it is read by people."""

    attempt: Attempt
    headers: Mapping[str, str]
    response: str


@dataclass(frozen=True, slots=True)
class Details:
    """A call, or a delivery, in full; `fault` is the id of what it met, and `armed` whether that is still there."""

    number: int
    at: datetime
    instance: str
    call: Exchange | None
    delivery: Delivery | None
    event: str
    tries: tuple[Try, ...]
    fault: str | None
    armed: bool
    curl: str

    @property
    def open(self) -> bool:
        return self.delivery is not None and self.delivery.status in OPEN


def read_details(world: World, number: int, place: Place) -> Details | None:
    """Return all that is known of a call or a delivery, or None if it is no longer kept."""
    found = _find(world, number)
    if found is None:
        return None
    event, subject = found
    with world.lock:
        armed = subject.fault is not None and world.faults.has(subject.fault)
        owner = world.state.instances.get(subject.instance or "")
        instance = (owner.name or name_of(world, owner.number)) if owner else ""
    if isinstance(subject, Call):
        with world.lock:
            command = curl.call_again(world, subject, place)
        return Details(
            number, event.at, instance, exchange(event), None, "", (), subject.fault, armed, command
        )
    tries = tuple(Try(one, _safe(one.headers), readable(one.response.encode())) for one in subject.attempts)
    return Details(
        number,
        event.at,
        instance,
        None,
        subject,
        readable(subject.body),
        tries,
        subject.fault,
        armed,
        curl.delivery_again(subject),
    )


def _safe(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: MASK if is_secret(name) else value for name, value in headers}


def _find(world: World, number: int) -> tuple[Event, Subject] | None:
    """Return a call or a delivery as it stands, with the event that first told of it; None if it is not kept."""
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
