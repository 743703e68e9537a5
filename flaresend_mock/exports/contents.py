"""The shape of an export: everything in a state, as records and lists of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flaresend_mock.core.clock import ClockSetting
from flaresend_mock.core.models import (
    Call,
    Change,
    Channel,
    Delivery,
    Fault,
    Group,
    Instance,
    Media,
    Message,
    PendingAutoReply,
    Person,
    Served,
    Task,
    TaskChange,
)

FORMAT = "flaresend-mock export"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Due:
    """An entry of the timers."""

    at: datetime
    order: int
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Notes:
    """The timers; `noted` is how many entries it ever had."""

    noted: int
    entries: tuple[Due, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """The deliveries of one chat that wait for each other, by their ids."""

    instance: str
    chat: str
    deliveries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gone:
    """What is no longer kept: how much, and the number of the event that told of the newest of it."""

    count: int
    last_event: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What each history no longer keeps; of the event log, by kind."""

    messages: Gone
    ended_tasks: Gone
    media: Gone
    served: Gone
    deliveries: Gone
    events: dict[str, Gone]


@dataclass(frozen=True, slots=True)
class Told:
    """An event; its `kind` tells what its subject is."""

    number: int
    at: datetime
    kind: str
    subject: Any


@dataclass(frozen=True, slots=True)
class Contents:
    """A state, under the names its fields have there; `last_event` is the number of the last event there was."""

    history: int
    seed: int
    time_zone: str
    clock: ClockSetting
    counters: dict[str, int]
    senders_as_lids: bool
    pairing_seconds: float | None
    people: tuple[Person, ...]
    instances: tuple[Instance, ...]
    groups: tuple[Group, ...]
    channels: tuple[Channel, ...]
    tasks: tuple[Task, ...]
    timers: Notes
    open_deliveries: tuple[Delivery, ...]
    lanes: tuple[Lane, ...]
    auto_replies: dict[str, PendingAutoReply]
    faults: tuple[Fault, ...]
    messages: tuple[Message, ...]
    ended_tasks: tuple[Task, ...]
    media: tuple[Media, ...]
    served: tuple[Served, ...]
    deliveries: tuple[Delivery, ...]
    last_event: int
    events: tuple[Told, ...]
    forgotten: Forgotten


@dataclass(frozen=True, slots=True)
class Envelope:
    """A whole export."""

    format: str
    version: int
    emulator: str
    secrets: bool
    world: Any


def subject_type(kind: str) -> type[Call | Message | TaskChange | Delivery | Change]:
    """Return what events of a kind are about."""
    match kind:
        case "request":
            return Call
        case "message":
            return Message
        case "task":
            return TaskChange
        case "delivery":
            return Delivery
        case _:
            return Change


def path_of(served: Served) -> str:
    """Return the key of a served file."""
    return served.path.partition("?")[0]
