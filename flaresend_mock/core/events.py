"""The event log: everything that happens in a world, with number and time, oldest first."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flaresend_mock.core.bounded_store import MAX_LOG_BYTES
from flaresend_mock.core.models import Call, Change, Delivery, Message, TaskChange

Subject = Message | Call | TaskChange | Delivery | Change

KINDS = (
    "request",
    "message",
    "task",
    "delivery",
    "group",
    "channel",
    "instance",
    "person",
    "webhook",
    "fault",
    "clock",
    "world",
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `kind` is one of KINDS."""

    number: int
    at: datetime
    kind: str
    subject: Subject


class EventLog:
    """The last events of a world.

    Event numbers keep increasing, also over resets: a reader that resumes from a number misses no event and sees none
    twice.

    Args:
        limit: how many events are kept.
        last_number: the number of the last event so far.
    """

    def __init__(self, limit: int, last_number: int = 0) -> None:
        self.limit = limit
        self.max_bytes = MAX_LOG_BYTES
        self.last_number = last_number
        self._events: deque[tuple[Event, int]] = deque()
        self._bytes = 0
        self._evicted: Counter[str] = Counter()
        self._last_evicted: dict[str, int] = {}

    def append(self, at: datetime, kind: str, subject: Subject) -> Event:
        """Add an event with the next number, and return it."""
        self.last_number += 1
        event = Event(self.last_number, at, kind, subject)
        self.keep(event)
        return event

    def keep(self, event: Event) -> None:
        """Add an event that has a number, and evict the oldest to stay within bounds."""
        size = event.subject.size
        self._events.append((event, size))
        self._bytes += size
        while len(self._events) > self.limit or (self._bytes > self.max_bytes and len(self._events) > 1):
            gone, lost = self._events.popleft()
            self._bytes -= lost
            self._evicted[gone.kind] += 1
            self._last_evicted[gone.kind] = gone.number

    def since(self, number: int = 0, kind: str | None = None) -> list[Event]:
        """Return the events after this number, oldest first."""
        found = []
        for event, _ in reversed(self._events):
            if event.number <= number:
                break
            if kind is None or event.kind == kind:
                found.append(event)
        found.reverse()
        return found

    def evicted(self, kind: str | None = None) -> int:
        """Return how many events, or events of one kind, were evicted."""
        return self._evicted[kind] if kind else self._evicted.total()

    def last_evicted(self, kind: str) -> int:
        """Return the number of the last evicted event of a kind; 0 if there is none."""
        return self._last_evicted.get(kind, 0)

    def gone(self) -> dict[str, tuple[int, int]]:
        """Return, by kind, how many events were evicted, and the number of the last of them."""
        return {kind: (self._evicted[kind], number) for kind, number in self._last_evicted.items()}

    def refill(self, events: Iterable[Event], last_number: int, gone: Mapping[str, tuple[int, int]]) -> None:
        """Replace all events by these, oldest first.

        Args:
            last_number: the number after which numbers continue.
            gone: evicted events, as `gone` returns them.
        """
        self.last_number = last_number
        self._events.clear()
        self._bytes = 0
        self._evicted = Counter({kind: count for kind, (count, _) in gone.items()})
        self._last_evicted = {kind: number for kind, (_, number) in gone.items()}
        for event in events:
            self.keep(event)

    def missing_since(self, number: int) -> int:
        """Return how many events after this number the log does not hold.

        They were evicted, or a reset or a restore replaced the log that held them. 0 is the beginning of this log: then
        only evicted events count.
        """
        if number == 0:
            return self.evicted()
        return max(0, self.last_number - number - len(self.since(number)))

    def copy(self) -> EventLog:
        """Return a copy that shares the events."""
        other = EventLog(self.limit, self.last_number)
        other._events = self._events.copy()
        other.max_bytes = self.max_bytes
        other._bytes = self._bytes
        other._evicted = self._evicted.copy()
        other._last_evicted = self._last_evicted.copy()
        return other
