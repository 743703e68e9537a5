"""What went over the wire: for one message, one API call or one webhook delivery, with commands to repeat it."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import abort

from flaresend_mock.core import numbers
from flaresend_mock.core.events import Event
from flaresend_mock.core.models import OPEN_STATUSES, Call, Delivery, Message, Task, TaskChange
from flaresend_mock.core.payloads import target_of
from flaresend_mock.core.world import World
from flaresend_mock.dashboard import reproduce_curl, reproduce_pytest
from flaresend_mock.dashboard.message_view import line_of, name_of
from flaresend_mock.dashboard.pages import blueprint
from flaresend_mock.http.context import own_url, shown

Subject = Call | Delivery  # what the traffic page lists: an API call or a webhook delivery
Entry = tuple[int, datetime, Subject]  # the event that began a call or a delivery, its time, and the current state

MAX_SHOWN = 20_000  # the number of characters of a body that a page shows

_SENDING = ("/send-message", "/groups/send-message", "/message")


def explain_message(world: World, message_id: str) -> dict[str, Any]:
    """Return what the template shows of a message, with later ones that change it; NotFound if it is not kept."""
    with world.lock:
        message = world.state.messages.get(message_id) or abort(404, "This message is no longer kept.")
        found = _cause(world, message) if message.direction == "outbound" else _event(world, message)
        changes = [
            {"id": one.id, "at": one.at, "sender": name_of(world, one.sender), "line": line_of(one)}
            for one in world.state.messages
            if target_of(one) == message_id
        ]
    return {"message": message, "changes": changes, **found}


def explain_traffic(world: World, number: int) -> dict[str, Any]:
    """Return what the template shows of the call or delivery that an event began; NotFound if it is not kept."""
    with world.lock:
        entries = newest(world.state.events.since(number - 1))
        found = next((one for one in entries if one[0] == number), None) or abort(404, "This entry is no longer kept.")
        _, at, subject = found
        owner = world.state.instances.get(subject.instance or "")
        name = (owner.name or name_of(world, owner.number)) if owner else ""
        common = {"number": number, "at": at, "instance": name, "fault": subject.fault}
        common["armed"] = subject.fault is not None and world.faults.has(subject.fault)
        if isinstance(subject, Call):
            return {**common, "call": subject, "curl": reproduce_curl.call_again(world, subject)}
    command = reproduce_curl.delivery_again(subject, owner.webhook if owner else None)
    return {**common, "delivery": subject, "open": subject.status in OPEN_STATUSES, "curl": command}


def newest(events: list[Event]) -> Iterator[Entry]:
    """Yield calls and deliveries, the newest first, each delivery where it began."""
    states: dict[int, Delivery] = {}
    for event in reversed(events):
        subject = event.subject
        if isinstance(subject, Call):
            yield event.number, event.at, subject
        elif isinstance(subject, Delivery):
            now = states.setdefault(subject.event, subject)
            if subject.event == event.number:
                yield event.number, event.at, now


def readable(body: Any) -> str:
    if body is None:
        return ""
    try:
        given = json.loads(body) if isinstance(body, bytes | str) else body
        text = json.dumps(given, indent=2, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "\n…"


blueprint.add_app_template_global(own_url)
blueprint.add_app_template_global(readable)
blueprint.add_app_template_global(shown, "call_headers")
blueprint.add_app_template_global(reproduce_curl.sent_headers)
blueprint.add_app_template_global(reproduce_curl.example, "curl_example")


def _event(world: World, message: Message) -> dict[str, Any]:
    delivery = next((one for one in reversed(world.deliveries.all()) if one.message == message.id), None)
    head = delivery.body.partition(b'"message"')[0] if delivery else b""
    as_lid = None if b'"participantPn"' in head else f'{numbers.LID}"'.encode() in head
    body = reproduce_curl.inbound_of(world, message, as_lid=as_lid)
    command = reproduce_curl.inbound_again(world, body, reproduce_curl.file_of(world, message))
    return {"delivery": delivery, "curl": command, "test": reproduce_pytest.of_received(world, message, body)}


def _cause(world: World, message: Message) -> dict[str, Any]:
    """Return the scheduled message that became a message, the call that asked for it, and what repeats the call."""
    task, event = _call_for(world, message)
    call = event.subject if event and isinstance(event.subject, Call) else None
    media = world.state.media.get(message.content.media) if message.content.media else None
    command = reproduce_curl.call_again(world, call, media) if call else ""
    test = reproduce_pytest.of_sent(world, message, call, task, event.at if event else message.at)
    return {"call": call, "task": task, "curl": command, "test": test}


def _call_for(world: World, message: Message) -> tuple[Task | None, Event | None]:
    """Return the scheduled message that became this message, and the event of the call that asked for it.

    A call is recorded after its messages: it is the first later one that names the same recipient.
    """
    for event in world.state.events.since(message.event):
        change = event.subject
        if isinstance(change, TaskChange) and change.task.content == message.content:
            calls = world.state.events.since(0, "request")
            return change.task, next((one for one in calls if _schedules(one.subject, change.task)), None)
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


def _schedules(call: object, task: Task) -> bool:
    return isinstance(call, Call) and call.path == "/schedule-message" and task.id.encode() in call.response
