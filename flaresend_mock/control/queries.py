"""What can be waited for and verified: messages, requests and deliveries, and the fields that matchers name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flaresend_mock.control import views
from flaresend_mock.control.deliveries import STATUSES
from flaresend_mock.core.events import Event
from flaresend_mock.core.matchers.fields import (
    BODY_FIELDS,
    CALL_FIELDS,
    EVENT_FIELDS,
    HEADERS,
    INSTANCE,
    PATH,
    check_number,
    numbers_in,
)
from flaresend_mock.core.matchers.parser import Field
from flaresend_mock.core.models import MESSAGE_TYPES, Delivery, Message
from flaresend_mock.core.numbers import GROUP
from flaresend_mock.core.payloads import KINDS
from flaresend_mock.core.world import World

Item = Mapping[str, Any]

RESPONSE_FIELDS = (
    "success",
    "message",
    "error",
    "status",
    "action",
    "sent_at",
    "total_recipients",
    "successful_recipients",
    "failed_recipients",
    "invalid_recipients",
    "scheduled_for",
    "task_id",
    "data",
    "id",
    "updated_fields",
    "groupId",
    "participants",
    "invalid",
    "role",
    "channel",
    "alreadyFollowing",
    "number",
    "exists",
)
"""Every field that a documented response has."""

_TYPES = (*dict.fromkeys((*MESSAGE_TYPES, *KINDS)),)


@dataclass(frozen=True, slots=True)
class Source:
    """One list of things that happened.

    Args:
        name: what it is called in paths and answers.
        kind: the kind of event that adds to it, or changes something in it.
        fields: what matchers can name.
        kept: yields what is kept, oldest first, as key, number of its event, and how to show it.
        of: returns the same of an event that is new.
        forgotten: tells the number of the last event whose part of the list is no longer kept.
    """

    name: str
    kind: str
    fields: Mapping[str, Field]
    kept: Callable[[World], Iterator[tuple[Any, int, Callable[[], Item]]]]
    of: Callable[[Event], tuple[Any, int, Item]]
    forgotten: Callable[[World], int]


def _group(message: Mapping[str, Any]) -> str | None:
    chat: str = message["chat"]
    return chat if chat.endswith(GROUP) else None


def _check_party(value: Any) -> str | None:
    """Say that something names nobody: a person is a number, a group or a channel a JID."""
    return None if isinstance(value, str) and "@" in value else check_number(value)


def _check_group(value: Any) -> str | None:
    is_jid = value is None or (isinstance(value, str) and value.endswith(GROUP))
    return None if is_jid else f"a group is named by its JID, such as 120363403582097887{GROUP}"


def _check_status(value: Any) -> str | None:
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return None if whole or value is None else "a status is a whole number, such as 503"


def _kept_messages(world: World) -> Iterator[tuple[Any, int, Callable[[], Item]]]:
    with world.lock:
        kept = list(world.state.messages)
    for message in kept:
        yield message.event, message.event, partial(views.message, message)


def _kept_requests(world: World) -> Iterator[tuple[Any, int, Callable[[], Item]]]:
    with world.lock:
        kept = world.state.events.since(0, "request")
    for event in kept:
        yield event.number, event.number, partial(views.request, event)


def _kept_deliveries(world: World) -> Iterator[tuple[Any, int, Callable[[], Item]]]:
    for delivery in world.deliveries.all():
        yield delivery.event, delivery.event, partial(views.delivery, delivery)


def _once(show: Callable[[Event], tuple[Any, int, Item]]) -> Callable[[Event], tuple[Any, int, Item]]:
    """Show what is new only once, however many wait for it."""
    last: tuple[Event | None, tuple[Any, int, Item]] = (None, (None, 0, {}))

    def shown(event: Event) -> tuple[Any, int, Item]:
        nonlocal last
        of, found = last
        if of is not event:
            found = show(event)
            last = (event, found)
        return found

    return shown


@_once
def _new_message(event: Event) -> tuple[Any, int, Item]:
    message = event.subject
    assert isinstance(message, Message)
    return message.event, message.event, views.message(message)


@_once
def _new_request(event: Event) -> tuple[Any, int, Item]:
    return event.number, event.number, views.request(event)


@_once
def _new_delivery(event: Event) -> tuple[Any, int, Item]:
    delivery = event.subject
    assert isinstance(delivery, Delivery)
    return delivery.event, delivery.event, views.delivery(delivery)


MESSAGES = Source(
    name="messages",
    kind="message",
    fields={
        "id": Field(),
        "direction": Field(words=("outbound", "inbound")),
        "instance": INSTANCE,
        "chat": Field(number=True, check=_check_party),
        "from": Field(number=True, check=_check_party),
        "to": Field(number=True, check=_check_party),
        "number": Field(
            lambda message: [message["from"], message["to"]], number=True, many=True, check=check_number
        ),
        "group": Field(_group, check=_check_group),
        "type": Field(words=_TYPES),
        "text": Field(),
        "caption": Field(),
        "fileName": Field(),
        "mimetype": Field(),
        "media": Field(),
        "url": Field(),
        "template": Field(free=True),
        "status": Field(words=("sent", "failed", "received")),
        "timestamp": Field(),
        "event": Field(),
    },
    kept=_kept_messages,
    of=_new_message,
    forgotten=lambda world: world.state.messages.last_evicted_event,
)

REQUESTS = Source(
    name="requests",
    kind="request",
    fields={
        "id": Field(),
        "method": CALL_FIELDS["method"],
        "path": PATH,
        "query": Field(),
        "headers": HEADERS,
        "number": Field(
            lambda request: numbers_in(request["body"]), number=True, many=True, check=check_number
        ),
        "body": Field(known=BODY_FIELDS),
        "status": Field(check=_check_status),
        "response": Field(known=RESPONSE_FIELDS),
        "instance": INSTANCE,
        "timestamp": Field(),
        "fault": Field(),
    },
    kept=_kept_requests,
    of=_new_request,
    forgotten=lambda world: world.state.events.last_evicted("request"),
)

DELIVERIES = Source(
    name="deliveries",
    kind="delivery",
    fields={
        "id": Field(),
        "status": Field(words=STATUSES),
        "instance": INSTANCE,
        "chat": Field(),
        "message": Field(),
        "webhook_id": Field(),
        "event": Field(),
        "created": Field(),
        "next_retry": Field(),
        "redelivery_of": Field(),
        "duplicate_of": Field(),
        "body": Field(known=EVENT_FIELDS),
        "attempts": Field(),
        "fault": Field(),
    },
    kept=_kept_deliveries,
    of=_new_delivery,
    forgotten=lambda world: world.state.deliveries.last_evicted_event,
)

SOURCES = {source.name: source for source in (MESSAGES, REQUESTS, DELIVERIES)}
