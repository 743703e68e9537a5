"""Publishes a world's events: subscribers get each one as it happens, readers follow the log at their own pace."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from flaresend_mock.core.events import Event, EventLog

See = Callable[[Event], None]

MAX_SET_ASIDE = 1000
"""Events of replaced logs that wait for one reader."""


@dataclass(frozen=True, slots=True)
class Missed:
    """The log dropped this many events before the reader got to them."""

    events: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """An import replaced the world; its events have numbers after `number` from now on."""

    number: int


class Subscribers:
    """The subscribers and readers of a world. A thousand of them cost a thousand calls an event, and wake no thread."""

    def __init__(self) -> None:
        self._subscribed: dict[int, tuple[str | None, See]] = {}
        self._keys = count()
        self.readers: list[LogReader] = []

    def publish(self, event: Event) -> None:
        """Call every subscriber to this kind of event. The caller holds the world's lock."""
        for kind, see in list(self._subscribed.values()) if self._subscribed else ():
            if kind is None or kind == event.kind:
                see(event)
        for reader in self.readers:
            reader.news.set()

    def anybody(self) -> bool:
        """Tell whether there is a subscriber or a reader."""
        return bool(self._subscribed or self.readers)

    @contextmanager
    def subscribe(self, kind: str | None, see: See) -> Iterator[None]:
        """Subscribe to the events of a kind, or with None to all, until the block ends.

        Args:
            see: called with the world's lock held, in the recording thread: it is quick and raises nothing.
        """
        key = next(self._keys)
        self._subscribed[key] = (kind, see)
        try:
            yield
        finally:
            del self._subscribed[key]


class LogReader:
    """Reads a world's log as it grows, also across a reset, a restore or an import: `Store.follow` makes one.

    It gets every event, or is told how many it missed. Only its position is kept, however slowly it reads. When the
    log is replaced, the newest MAX_SET_ASIDE events that it has not read are set aside for it.

    Args:
        log: returns the world's current log.
        since: the number of the event to continue after; None for new events only. A number in the future was issued
            before an import or a restart: all events are new to this reader.
    """

    def __init__(
        self, subscribers: Subscribers, lock: threading.RLock, log: Callable[[], EventLog], since: int | None
    ) -> None:
        self.news = threading.Event()
        """Set when there may be something to read."""
        self._subscribers = subscribers
        self._lock = lock
        self._log = log
        self._set_aside: deque[Event | Missed | Replaced] = deque()
        self._dropped = 0
        with lock:
            last = log().last_number
            self._since = last if since is None else 0 if since > last else since
            subscribers.readers.append(self)

    def close(self) -> None:
        """Stop following. Closing twice does nothing more."""
        with self._lock:
            if self in self._subscribers.readers:
                self._subscribers.readers.remove(self)

    def read(self) -> list[Event | Missed | Replaced]:
        """Return what is new, in order: what was set aside, then what the log holds."""
        with self._lock:
            self.news.clear()
            log = self._log()
            found = [*([Missed(self._dropped)] if self._dropped else []), *self._set_aside]
            found += _unread(log, self._since)
            self._set_aside.clear()
            self._dropped, self._since = 0, log.last_number
        return found

    def change_log(self, log: EventLog, number: int, replaced: Replaced | None = None) -> None:
        """Set aside the unread events of a log that is given up. The caller holds the world's lock.

        Args:
            number: the number after which the log that takes its place continues.
            replaced: given when numbers begin anew.
        """
        self._set_aside += _unread(log, self._since)
        if replaced is not None:
            self._set_aside.append(replaced)
        while len(self._set_aside) > MAX_SET_ASIDE:
            oldest = self._set_aside.popleft()
            self._dropped += oldest.events if isinstance(oldest, Missed) else isinstance(oldest, Event)
        self._since = number
        self.news.set()


def _unread(log: EventLog, since: int) -> list[Event | Missed | Replaced]:
    """Return the events after `since`, with the missing ones told right before the event that follows them.

    0 stands for the beginning of this log: then only events that it has evicted are missing.
    """
    events = log.since(since)
    found: list[Event | Missed | Replaced] = []
    if since == 0:
        found += [Missed(log.evicted())] if log.evicted() else []
    elif log.missing_since(since):
        for event in events:
            if gap := event.number - since - 1:
                found.append(Missed(gap))
            found.append(event)
            since = event.number
        return [*found, *([Missed(log.last_number - since)] if log.last_number > since else [])]
    return [*found, *events]
