"""Reading a world's log as it grows, also while the log is replaced by a reset, a restore or an import."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flaresend_mock.core.events import Event, EventLog

if TYPE_CHECKING:
    from flaresend_mock.core.world import World

MAX_SET_ASIDE = 1000
"""Events of replaced logs that wait for one follower."""


@dataclass(frozen=True, slots=True)
class Missed:
    """So many events happened and are no longer kept."""

    events: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """The world was imported anew; its events have numbers after `number` from now on."""

    number: int


class LogReader:
    """One reader of a world's log, who gets every event or is told how many it missed.

    Its position is all that is kept for it, however slowly it reads. Only when the log is replaced, the events that it
    has not read are set aside for it: the newest MAX_SET_ASIDE of them.

    Args:
        world: the world that is followed. The caller closes the follower when it has read enough.
        since: the number of the event to go on after; None for what is new. A number that lies in the future comes
            from before an import or a restart: all events are new to this reader.
    """

    def __init__(self, world: World, since: int | None) -> None:
        self.news = threading.Event()
        """Set when there may be something to read."""
        self._world = world
        self._set_aside = EventLog(MAX_SET_ASIDE)
        self._missed = 0
        self._replaced: Replaced | None = None
        with world.lock:
            last = world.state.events.last_number
            self._since = last if since is None else 0 if since > last else since
            world.subscribers.follow(self)

    def close(self) -> None:
        """Follow no longer. Closing twice does nothing more."""
        with self._world.lock:
            self._world.subscribers.unfollow(self)

    def read(self) -> list[Event | Missed | Replaced]:
        """Return what is new, in order: what was set aside, then what the log holds."""
        with self._world.lock:
            self.news.clear()
            found = self._unread(self._set_aside, self._missed + self._set_aside.evicted(), -1)
            if self._replaced is not None:
                found.append(self._replaced)
            self._set_aside, self._missed, self._replaced = EventLog(MAX_SET_ASIDE), 0, None
            log = self._world.state.events
            found += self._unread(log, log.missing_since(self._since), self._since)
            self._since = log.last_number
        return found

    def change_log(self, log: EventLog, number: int, replaced: Replaced | None = None) -> None:
        """Set aside what was not read of a log that is given up. The caller holds the world's lock.

        Args:
            number: the number after which the log that takes its place goes on.
            replaced: given when numbers begin anew.
        """
        self._missed += log.missing_since(self._since)
        for event in log.since(self._since):
            self._set_aside.keep(event)
        self._since = number
        self._replaced = replaced or self._replaced
        self.news.set()

    @staticmethod
    def _unread(log: EventLog, missed: int, since: int) -> list[Event | Missed | Replaced]:
        return [*([Missed(missed)] if missed else []), *log.since(since)]
