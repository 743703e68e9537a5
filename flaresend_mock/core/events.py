"""The event log: everything that happens in a world. Subscribers get each event, readers follow the log."""

import threading
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import accumulate, takewhile

from flaresend_mock.core.bounded_store import MAX_COUNT, MAX_LOG_BYTES, BoundedStore, Copyable, more
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Call, Change, Delivery, Message, TaskChange

Subject = Message | Call | TaskChange | Delivery | Change

MAX_SET_ASIDE = 1000  # events of replaced logs that wait for one reader
MAX_READ_BYTES = 1024 * 1024  # the most that a reader gets at once, unless one event is larger

KINDS = tuple("request message task delivery group channel instance person webhook fault clock world proxy".split())


@model
class Event:
    """One event; `kind` is one of KINDS, and `size` that of its subject when it was recorded."""

    number: int
    at: datetime
    kind: str
    subject: Subject
    size: int = 0


class EventLog(Copyable):
    """The last events of a world.

    `kept` holds them. Event numbers keep increasing, also over resets: a reader that resumes from a number misses no
    event and sees none twice. So does the number of `calls`, which their ids have.
    """

    def __init__(self, limit: int) -> None:
        self.last_number = self.calls = 0
        self.kept: BoundedStore[Event] = BoundedStore(limit, MAX_LOG_BYTES)
        self.gone: dict[str, tuple[int, int]] = {}  # by kind, how many were evicted, and the last number

    def append(self, at: datetime, kind: str, subject: Subject) -> Event:
        """Add an event with the next number, and return it; evict the oldest to stay within bounds."""
        if self.last_number >= MAX_COUNT - 1:  # as only an import has it: the log begins anew
            self.refill((), 0, {})
        self.last_number += 1
        event = Event(self.last_number, at, kind, subject, subject.size)
        if gone := self.kept.add(event.number, event):
            self.tell(gone)
        return event

    def tell(self, gone: Iterable[Event]) -> None:
        """Count evicted events."""
        for event in gone:
            self.gone[event.kind] = (more(self.evicted(event.kind)), event.number)

    def since(self, number: int = 0, kind: str | None = None) -> list[Event]:
        """Return the events after this number, oldest first."""
        newer = list(takewhile(lambda event: event.number > number, reversed(self.kept)))
        return [event for event in reversed(newer) if kind in (None, event.kind)]

    def evicted(self, kind: str | None = None) -> int:
        """Return how many events, or events of one kind, were evicted."""
        return self.gone.get(kind, (0, 0))[0] if kind else sum(count for count, _ in self.gone.values())

    def refill(self, events: Iterable[Event], last_number: int, gone: Mapping[str, tuple[int, int]]) -> None:
        """Replace all events by these, oldest first; numbers continue after `last_number`."""
        self.kept.refill({}, 0, 0)
        self.gone = dict(gone)
        for event in events:
            self.last_number = event.number - 1
            self.append(event.at, event.kind, event.subject)
        self.last_number = min(last_number, MAX_COUNT - 1)

    def missing_since(self, number: int) -> int:
        """Return how many events after this number the log does not hold.

        They were evicted, or a reset or a restore replaced the log that held them. 0 is the beginning of this log: then
        only evicted events count.
        """
        return max(0, self.last_number - number - len(self.since(number))) if number else self.evicted()


@model
class Missed:
    """The log dropped this many events before the reader got to them."""

    events: int


@model
class Replaced:
    """An import replaced the world; its events have numbers after `number` from now on."""

    number: int


See = Callable[[Event], None]
News = Event | Missed | Replaced


class Subscribers:
    """The subscribers and readers of a world. A thousand of them cost a thousand calls an event, and wake no thread."""

    def __init__(self) -> None:
        self._subscribed: dict[object, tuple[str | None, See]] = {}
        self.readers: list[LogReader] = []

    def publish(self, event: Event) -> None:
        """Call every subscriber to this kind of event. The caller holds the world's lock."""
        for kind, see in list(self._subscribed.values()) if self._subscribed else ():
            if kind is None or kind == event.kind:
                see(event)
        for reader in self.readers:
            reader.news.set()

    def anybody(self) -> bool:
        return bool(self._subscribed or self.readers)

    @contextmanager
    def subscribe(self, kind: str | None, see: See) -> Iterator[None]:
        """Call `see`, which is quick and raises nothing, with each event of a kind or of all, until the block ends."""
        key = object()
        self._subscribed[key] = (kind, see)
        try:
            yield
        finally:
            del self._subscribed[key]


class LogReader:
    """Reads a world's log as it grows, also across a reset, a restore or an import: `Store.follow` makes one.

    It gets every event, or is told how many it missed. Only its position is kept, however slowly it reads. When the
    log is replaced, the newest MAX_SET_ASIDE events that it has not read are set aside for it, MAX_LOG_BYTES of them.

    It continues after the event number `since`, or reads new events only for None. A number in the future was issued
    before an import or a restart: all events are new to this reader.
    """

    def __init__(
        self, subscribers: Subscribers, lock: threading.RLock, log: Callable[[], EventLog], since: int | None
    ) -> None:
        self.news = threading.Event()  # set when there may be something to read
        self._subscribers, self._lock, self._log = subscribers, lock, log
        self._set_aside: deque[News] = deque()
        self._dropped = 0
        self._told = 0  # of a log that is read from its start, the events that were read, and those that are missing
        with lock:
            last = log().last_number
            self._since = last if since is None else 0 if since > last else since
            subscribers.readers.append(self)

    def close(self) -> None:
        """Stop following. Closing twice does nothing more."""
        with self._lock:
            if self in self._subscribers.readers:
                self._subscribers.readers.remove(self)

    def read(self, fits: Callable[[int], bool] = bool) -> list[News]:
        """Return what is new, in order: what was set aside, then what the log holds. `news` stays set for the rest.

        An event of more than MAX_READ_BYTES is read alone, and once its size `fits`: nothing is read before.
        """
        with self._lock:
            self.news.clear()
            log = self._log()
            self._since = 0 if self._since > log.last_number else self._since  # it began anew
            aside = [*([Missed(self._dropped)] if self._dropped else ()), *self._set_aside]
            unread = aside + _unread(log, self._since, self._told)
            found = _first(unread)
            if (size := sum(getattr(one, "size", 0) for one in found)) > MAX_READ_BYTES and not fits(size):
                self.news.set()
                return []
            self._set_aside, self._dropped = deque(aside[len(found) :]), 0
            if len(found) == len(unread):
                self._since, self._told = log.last_number, 0
            else:
                self.news.set()
                of_log = found[len(aside) :]
                if self._since == 0 or self._told:
                    self._told += sum(getattr(one, "events", 1) for one in of_log)
                self._since = max((one.number for one in of_log if isinstance(one, Event)), default=self._since)
        return found

    def change_log(self, log: EventLog, number: int, replaced: Replaced | None = None) -> None:
        """Set aside the unread events of a log that is given up; the next one continues after this number.

        `replaced` is given when numbers begin anew. The caller holds the world's lock.
        """
        self._set_aside += [*_unread(log, self._since, self._told), *([replaced] if replaced else ())]
        size = sum(getattr(one, "size", 0) for one in self._set_aside)
        while len(self._set_aside) > MAX_SET_ASIDE or size > MAX_LOG_BYTES:
            oldest = self._set_aside.popleft()
            size -= getattr(oldest, "size", 0)
            self._dropped += oldest.events if isinstance(oldest, Missed) else isinstance(oldest, Event)
        self._since, self._told = number, 0
        self.news.set()


def _first(news: list[News]) -> list[News]:
    """Return the first MAX_READ_BYTES of news, at least one event. Missing events are told with the one after them."""
    sizes = list(accumulate(getattr(one, "size", 0) for one in news))
    end = bisect(sizes, max(MAX_READ_BYTES, next(filter(None, sizes), 0)))
    while end < len(news) and isinstance(news[end - 1], Missed):
        end -= 1
    return news[:end]


def _unread(log: EventLog, since: int, told: int) -> list[News]:
    """Return the events after `since`, with the missing ones told right before the event that follows them.

    Of a log that is read from its start, only evicted events are missing, but for those among the first `told`.
    """
    events = log.since(since)
    if since == 0 or told:
        missing = log.evicted() - told
        return [Missed(missing), *events] if missing > 0 else [*events]
    found: list[News] = []
    for event in events:
        if gap := event.number - since - 1:
            found.append(Missed(gap))
        found.append(event)
        since = event.number
    return [*found, Missed(log.last_number - since)] if log.last_number > since else found
