"""The lists that tests search, wait for and verify: messages, requests and deliveries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flaresend_mock.control.resources import activity
from flaresend_mock.core.events import Event
from flaresend_mock.core.matchers.parser import Field
from flaresend_mock.core.models import Delivery, Message
from flaresend_mock.core.world import World
from flaresend_mock.http.resources import matched

Item = Mapping[str, Any]
Kept = Iterator[tuple[Any, int, Callable[[], Item]]]


@dataclass(frozen=True, slots=True)
class Collection:
    """One list of a world.

    Args:
        name: its name in paths and responses.
        kind: the kind of event that adds an item or changes one.
        fields: what matchers can name.
        kept: yields the items, oldest first, as key, number of the event, and a function that shows the item.
        of: returns key, number and item of a new event.
        forgotten: returns the number of the last event whose item is no longer kept.
    """

    name: str
    kind: str
    fields: Mapping[str, Field]
    kept: Callable[[World], Kept]
    of: Callable[[Event], tuple[Any, int, Item]]
    forgotten: Callable[[World], int]


def _kept_messages(world: World) -> Kept:
    with world.lock:
        kept = list(world.state.messages)
    for message in kept:
        yield message.event, message.event, partial(activity.message, message)


def _kept_requests(world: World) -> Kept:
    with world.lock:
        kept = world.state.events.since(0, "request")
    for event in kept:
        yield event.number, event.number, partial(activity.request, event)


def _kept_deliveries(world: World) -> Kept:
    for delivery in world.deliveries.all():
        yield delivery.event, delivery.event, partial(activity.delivery, delivery)


def _once(show: Callable[[Event], tuple[Any, int, Item]]) -> Callable[[Event], tuple[Any, int, Item]]:
    """Show a new event once, however many callers wait for it."""
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
    return message.event, message.event, activity.message(message)


@_once
def _new_request(event: Event) -> tuple[Any, int, Item]:
    return event.number, event.number, activity.request(event)


@_once
def _new_delivery(event: Event) -> tuple[Any, int, Item]:
    delivery = event.subject
    assert isinstance(delivery, Delivery)
    return delivery.event, delivery.event, activity.delivery(delivery)


MESSAGES = Collection(
    name="messages",
    kind="message",
    fields=matched(activity.Message),
    kept=_kept_messages,
    of=_new_message,
    forgotten=lambda world: world.state.messages.last_evicted_event,
)
REQUESTS = Collection(
    name="requests",
    kind="request",
    fields=matched(activity.Request),
    kept=_kept_requests,
    of=_new_request,
    forgotten=lambda world: world.state.events.last_evicted("request"),
)
DELIVERIES = Collection(
    name="deliveries",
    kind="delivery",
    fields=matched(activity.Delivery),
    kept=_kept_deliveries,
    of=_new_delivery,
    forgotten=lambda world: world.state.deliveries.last_evicted_event,
)

COLLECTIONS = {one.name: one for one in (MESSAGES, REQUESTS, DELIVERIES)}
