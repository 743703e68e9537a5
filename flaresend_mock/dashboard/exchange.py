"""What went over the wire: for one message, one API call or one webhook delivery, with commands to repeat it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, takewhile
from threading import Lock
from typing import Any

from flask import abort

from flaresend_mock.core import numbers, payloads, sending
from flaresend_mock.core.events import Event
from flaresend_mock.core.matchers.parser import numbers_in
from flaresend_mock.core.models import OPEN_STATUSES, Call, Cause, Delivery, Message
from flaresend_mock.core.world import World
from flaresend_mock.dashboard import pages, reproduce
from flaresend_mock.dashboard.message_view import line_of, name_of
from flaresend_mock.http.bodies import body_of, read_kept
from flaresend_mock.http.context import MissedCalls, own_url, services, shown

Subject = Call | Delivery  # what the traffic page lists: an API call or a webhook delivery
Entry = tuple[int, datetime, Subject]  # the event that began a call or a delivery, its time, and the current state

MAX_SHOWN = 20_000  # the number of characters of a body that a page shows
MAX_REASON = 300  # and of the reason of a refusal
MAX_MISSED, MAX_SEARCHED = 200, 20  # the newest failed calls that chats show, and the worlds of which they are known
MAX_NAMED, MAX_NAME = 500, 100  # the numbers and JIDs of one call that are read, and the characters of each

SPELLING = b" +-()."  # what a phone number may be written with
MAX_CHANGES = 20  # of a scheduled message that a copied test repeats, the newest ones
_GROUPS = ("groupJids", "groupJid", "groupId")
_DIGITS = re.compile(rb"\d{7,}")
_REFUSED = re.compile(rb'"([^"]+@(?:g\.us|lid))"')
_SENDING = ("/send-message", "/schedule-message", "/message")

pages.blueprint.add_app_template_global(own_url)
pages.blueprint.add_app_template_global(shown, "call_headers")
pages.blueprint.add_app_template_global(reproduce.sent_headers)
pages.blueprint.add_app_template_global(reproduce.example, "curl_example")


def explain_message(world: World, message_id: str) -> dict[str, Any]:
    """Return what the template shows of a message, with later ones that change it; NotFound if it is not kept."""
    _, missed = find_missed(world)
    with world.lock:
        message = world.state.messages.get(message_id) or abort(404, "This message is no longer kept.")
        found = _sending(world, message) if message.direction == "outbound" else _event(world, message, missed)
        changes = [
            {"id": one.id, "at": one.at, "sender": name_of(world, one.sender), "line": line_of(one)}
            for one in world.state.messages
            if payloads.target_of(one) == message_id
        ]
    return {"message": message, "changes": changes, **found}


def explain_traffic(world: World, number: int) -> dict[str, Any]:
    """Return what the template shows of the call or delivery that an event began; NotFound if it is not kept."""
    with world.lock:
        entries = (one for one in newest(world.state.events.since(number - 1)) if one[0] == number)
        _, at, subject = next(entries, None) or abort(404, "This entry is no longer kept.")
        owner = world.state.instances.get(subject.instance or "")
        name = (owner.name or name_of(world, owner.number)) if owner else ""
    common = {"number": number, "at": at, "instance": name, "fault": subject.fault}
    if isinstance(subject, Call):
        curl = reproduce.call_again(world, subject)
        return {**common, "call": subject, "sent": readable(body_of(subject)), "curl": curl}
    command = reproduce.delivery_again(subject, owner.webhook if owner else None)
    return {**common, "delivery": subject, "open": subject.status in OPEN_STATUSES, "curl": command}


def newest(events: list[Event]) -> Iterator[Entry]:
    """Yield calls and deliveries, the newest first, each delivery where it began."""
    states: dict[int, Delivery] = {}
    for event in reversed(events):
        if isinstance(subject := event.subject, Call):
            yield event.number, event.at, subject
        elif isinstance(subject, Delivery):
            now = states.setdefault(subject.event, subject)
            if subject.event == event.number:
                yield event.number, event.at, now


@pages.blueprint.app_template_global()
def readable(body: Any) -> str:
    given = read_kept(body.encode(errors="replace") if isinstance(body, str) else "" if body is None else body)
    text = given if isinstance(given, str) else json.dumps(given, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "\n…"


@pages.blueprint.app_template_global()
def reason(call: Call) -> str:
    said = read_kept(call.response)
    return str(said.get("message") or said.get("error") or "")[:MAX_REASON] if isinstance(said, Mapping) else ""


def _event(world: World, message: Message, missed: MissedCalls) -> dict[str, Any]:
    delivery = next((one for one in reversed(world.deliveries.all()) if one.message == message.id), None)
    head = delivery.body.partition(b'"message"')[0] if delivery else b""
    as_lid = None if b'"participantPn"' in head else f'{numbers.LID}"'.encode() in head
    body = reproduce.inbound_of(world, message, as_lid=as_lid)
    command = reproduce.inbound_again(world, body, reproduce.file_of(world, message))
    failed = failed_replies(world, [message], missed).get(message.id, ())
    shown = {"delivery": delivery, "failed": failed, "other": name_of(world, message.sender)}
    return {**shown, "curl": command, "test": reproduce.of_received(world, message, body)}


def _sending(world: World, message: Message) -> dict[str, Any]:
    """Return the call that sent or scheduled a message, and what repeats it, if that is still kept."""
    state, cause = world.state, message.cause or Cause("")
    task = (state.tasks.get(cause.id) or state.ended_tasks.get(cause.id)) if cause.kind == sending.TASK else None
    wanted, changing = (task.call, f"/scheduled-messages/{task.id}") if task else (cause.id or None, "")
    requests = [(one.at, one.subject) for one in state.events.since(0, "request") if isinstance(one.subject, Call)]
    if (sent := next((one for one in requests if one[1].id == wanted), None)) is None:
        return {"task": task}
    at, call = sent
    changes = [one for _, one in requests if (one.method, one.path) == ("PATCH", changing) and one.succeeded]
    calls = [call, *changes[-MAX_CHANGES:]]
    media = state.media.get(message.content.media) if message.content.media else None
    test = reproduce.of_sent(world, message, calls, task, at)
    shown = {"call": call, "sent": readable(body_of(call)), "task": task, "test": test}
    return {**shown, "curl": reproduce.call_again(world, call, media)}


def failed_replies(world: World, messages: Sequence[Message], missed: MissedCalls) -> dict[str, list[Event]]:
    """Return the calls that were to reply in one chat and failed, or met a fault, by the id of the message before.

    A call that names no one belongs to the newest message that was received. The caller holds the lock.
    """
    found: dict[str, list[Event]] = {}
    if not messages:
        return found
    chat, instance, first = messages[0].chat, messages[0].instance, messages[0].event
    known = world.people.spellings(chat)
    ours = {chat, *known, *(world.state.people[one].lid for one in known if one in world.state.people)}
    ours |= {one.partition("@")[0] for one in ours}
    others = world.state.people.keys() - {one.number for one in world.state.instances.values()}
    named: dict[int, bool] = {}
    for number, (caller, names, to_no_one) in missed.items():
        is_named = not ours.isdisjoint(names)
        if number >= first and caller in (None, instance) and (is_named or (to_no_one and others.isdisjoint(names))):
            named[number] = is_named
    failed: list[Event] = []
    sure = 0  # how many of these name this chat
    for event in takewhile(lambda event: event.number >= first, reversed(world.state.events.kept) if named else ()):
        one = event.subject
        if event.number in named:
            failed.append(event)
        elif failed and isinstance(one, Message) and one.direction == "inbound" and payloads.target_of(one) is None:
            if (one.chat, one.instance) == (chat, instance):
                found[one.id] = failed[::-1]
                failed.clear()
            failed[sure:] = [event for event in failed[sure:] if named[event.number]]
            sure = len(failed)
    return found


def find_missed(world: World) -> tuple[int, MissedCalls]:
    """Return the last event, and the newest calls until then that missed, each searched once and not under the lock."""
    missed = services().missed
    with services().searching.setdefault(world, Lock()):
        with world.lock:
            log = world.state.events
            number, known = missed.get(log, (0, {}))
            last, events = log.last_number, log.since(number)
        calls = ((one.number, one.subject) for one in reversed(events) if isinstance(one.subject, Call))
        new = list(islice((one for one in calls if has_missed(one[1])), MAX_MISSED))[::-1]
        found = dict([*known.items(), *((number, _search(call)) for number, call in new)][-MAX_MISSED:])
        if len(missed) > MAX_SEARCHED:
            missed.clear()
        missed[log] = last, found
    return last, found


def has_missed(call: Call) -> bool:
    """Tell whether a call was to send, and was refused, met a fault, or may not have reached all of its recipients."""
    is_missed = not call.succeeded or call.fault is not None or b"@" in call.response.partition(b'"failed')[2]
    return is_missed and (call.path.endswith(_SENDING) or call.status in (404, 405))


def _search(call: Call) -> tuple[str | None, tuple[str, ...], bool]:
    names: Iterable[str] = parties_of(call)
    to_no_one = False
    if call.succeeded and not call.fault:  # where it was refused as no recipient, it made no message
        names = (one[1].decode() for one in _REFUSED.finditer(call.response.partition(b'"failed')[2]))
    elif not names:
        body = call.body if isinstance(call.body, bytes) else str(call.body or "").encode()
        names = (one[0].decode() for one in _DIGITS.finditer(body.translate(None, SPELLING)))
        to_no_one = call.path.endswith(_SENDING)
    return call.instance, tuple(one[:MAX_NAME] for one in islice(names, MAX_NAMED)), to_no_one


def parties_of(call: Call) -> list[str]:
    jids = [part for part in call.path.split("/") if part.endswith((numbers.GROUP, numbers.CHANNEL))]
    if not isinstance(body := body_of(call), Mapping):
        return jids
    body = {str(name).removesuffix("[]"): value for name, value in body.items()}
    body = {name: value[:MAX_NAMED] if isinstance(value, list) else value for name, value in body.items()}
    for name in _GROUPS:
        given = body.get(name)
        jids += [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]
    return [*jids, *numbers_in(body)][:MAX_NAMED]
