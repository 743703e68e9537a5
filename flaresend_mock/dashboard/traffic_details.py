"""One call or delivery in full: what was sent, what came back, and how to have the same again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flaresend_mock.core.deliveries import OPEN
from flaresend_mock.core.models import Attempt, Call, Delivery
from flaresend_mock.core.redaction import MASK, is_secret
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.exchange import Exchange, exchange, readable
from flaresend_mock.dashboard.message_view import name_of
from flaresend_mock.dashboard.reproduce.curl import Place, call_again, delivery_again
from flaresend_mock.dashboard.traffic_log import find


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt at a delivery, as it is read by people."""

    attempt: Attempt
    headers: Mapping[str, str]
    answer: str


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


def details(world: World, number: int, place: Place) -> Details | None:
    """Return all that is known of a call or a delivery, or None if it is no longer kept."""
    found = find(world, number)
    if found is None:
        return None
    event, subject = found
    with world.lock:
        armed = subject.fault is not None and world.faults.has(subject.fault)
        owner = world.state.instances.get(subject.instance or "")
        instance = (owner.name or name_of(world, owner.number)) if owner else ""
    if isinstance(subject, Call):
        with world.lock:
            curl = call_again(world, subject, place)
        return Details(number, event.at, instance, exchange(event), None, "", (), subject.fault, armed, curl)
    tries = tuple(Try(one, _safe(one.headers), readable(one.answer.encode())) for one in subject.attempts)
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
        delivery_again(subject),
    )


def _safe(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: MASK if is_secret(name) else value for name, value in headers}
