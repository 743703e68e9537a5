"""The event log: everything that happens in a world, numbered and stamped, oldest first."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flaresend_mock.core.models import Call, Change, Content, Delivery, Message, Task, TaskChange

Subject = Message | Call | TaskChange | Delivery | Change

MAX_WEIGHT = 64 * 1024 * 1024
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
    """One thing that happened; `kind` is one of KINDS."""

    number: int
    at: datetime
    kind: str
    subject: Subject


def weigh(data: object) -> int:
    """Return about how many bytes a value and all in it take."""
    if isinstance(data, str | bytes):
        return 50 + len(data)
    if isinstance(data, Mapping):
        return 100 + sum(weigh(key) + weigh(value) for key, value in data.items())
    if isinstance(data, list | tuple):
        return 60 + sum(map(weigh, data))
    return 30


def weigh_call(headers: tuple[tuple[str, str], ...], query: str, body: object, response: bytes) -> int:
    """Return about how many bytes a call takes, without looking at each text as at one that might be anything."""
    told = sum([160 + len(name) + len(value) for name, value in headers])
    return 210 + told + 2 * len(query) + weigh(body) + len(response)


def weigh_content(content: Content) -> int:
    """Return about how many bytes a message takes, its upload apart."""
    texts = (content.text, content.caption, content.url, content.file_name, content.mimetype)
    return (
        700 + sum(len(text) for text in texts if text) + (weigh(content.template) if content.template else 0)
    )


def weigh_message(message: Message) -> int:
    """Return about how many bytes a message takes, its media apart."""
    return weigh_content(message.content) + (weigh(message.payload) if message.payload else 0)


def weigh_task(task: Task) -> int:
    """Return about how many bytes a scheduled message takes."""
    return weigh_content(task.content) + weigh(task.recipients)


def weigh_delivery(delivery: Delivery) -> int:
    """Return about how many bytes a delivery takes, with its attempts."""
    attempts = sum(900 + len(attempt.response) + len(attempt.url) for attempt in delivery.attempts)
    return 600 + len(delivery.body) + attempts


def _weigh(subject: Subject) -> int:
    match subject:
        case Call(weight=weight):
            return 1000 + weight
        case Message() as message:
            return weigh_message(message)
        case TaskChange(task=task):
            return weigh_task(task)
        case Delivery() as delivery:
            return weigh_delivery(delivery)
        case Change(details=details):
            return 300 + weigh(details)


class EventLog:
    """The last events of a world.

    Numbers only ever grow, over resets too, so that a reader who resumes from a number misses nothing and
    sees nothing twice.

    Args:
        limit: how many events are kept.
    """

    def __init__(self, limit: int, last_number: int = 0) -> None:
        self.limit = limit
        self.last_number = last_number
        self._events: deque[tuple[Event, int]] = deque()
        self._weight = 0
        self._evicted: Counter[str] = Counter()
        self._last_evicted: dict[str, int] = {}

    def append(self, at: datetime, kind: str, subject: Subject) -> Event:
        self.last_number += 1
        event = Event(self.last_number, at, kind, subject)
        self.keep(event)
        return event

    def keep(self, event: Event) -> None:
        """Add an event that has its number already, and evict the oldest where there is no room."""
        weight = _weigh(event.subject)
        self._events.append((event, weight))
        self._weight += weight
        while len(self._events) > self.limit or (self._weight > MAX_WEIGHT and len(self._events) > 1):
            gone, lost = self._events.popleft()
            self._weight -= lost
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
        """Return how many events, or events of one kind, are no longer kept."""
        return self._evicted[kind] if kind else self._evicted.total()

    def last_evicted(self, kind: str) -> int:
        """Return the number of the last event of a kind that is no longer kept; 0 if all are."""
        return self._last_evicted.get(kind, 0)

    def gone(self) -> dict[str, tuple[int, int]]:
        """Return, by kind, how many events are no longer kept, and the number of the last of them."""
        return {kind: (self._evicted[kind], number) for kind, number in self._last_evicted.items()}

    def refill(self, events: Iterable[Event], last_number: int, gone: Mapping[str, tuple[int, int]]) -> None:
        """Hold these events, oldest first, in the place of all others.

        Args:
            last_number: after which one numbers go on.
            gone: as `gone` returned it.
        """
        self.last_number = last_number
        self._events.clear()
        self._weight = 0
        self._evicted = Counter({kind: count for kind, (count, _) in gone.items()})
        self._last_evicted = {kind: number for kind, (_, number) in gone.items()}
        for event in events:
            self.keep(event)

    def missing_since(self, number: int) -> int:
        """Return how many events after this number the log does not hold.

        They were evicted, or the log that held them was replaced by a reset or a restore. 0 stands for the beginning of
        this log: then only evicted events count.
        """
        if number == 0:
            return self.evicted()
        return max(0, self.last_number - number - len(self.since(number)))

    def copy(self) -> EventLog:
        other = EventLog(self.limit, self.last_number)
        other._events = self._events.copy()
        other._weight = self._weight
        other._evicted = self._evicted.copy()
        other._last_evicted = self._last_evicted.copy()
        return other
