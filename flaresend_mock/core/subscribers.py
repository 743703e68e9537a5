"""Subscribers what happens, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from flaresend_mock.core.events import Event, EventLog

if TYPE_CHECKING:
    from flaresend_mock.core.log_reader import LogReader, Replaced

See = Callable[[Event], None]


class Subscribers:
    """The subscribers of a world. A thousand of them cost a thousand calls an event, and wake no thread."""

    def __init__(self) -> None:
        self._watchers: dict[int, tuple[str | None, See]] = {}
        self._keys = count()
        self._followers: list[LogReader] = []

    def publish(self, event: Event) -> None:
        """Call every subscriber to this kind of event. The caller holds the world's lock."""
        for kind, see in list(self._watchers.values()) if self._watchers else ():
            if kind is None or kind == event.kind:
                see(event)

        for follower in self._followers:
            follower.news.set()

    def anybody(self) -> bool:
        return bool(self._watchers or self._followers)

    def follow(self, follower: LogReader) -> None:
        """Tell a follower of the log when there is news. The caller holds the world's lock."""
        self._followers.append(follower)

    def unfollow(self, follower: LogReader) -> None:
        """Tell a follower nothing more. The caller holds the world's lock."""
        if follower in self._followers:
            self._followers.remove(follower)

    def change_log(self, log: EventLog, number: int, replaced: Replaced | None = None) -> None:
        """Let every follower set aside what it has not read of a log that is given up: see LogReader.change_log."""
        for follower in self._followers:
            follower.change_log(log, number, replaced)

    @contextmanager
    def subscribe(self, kind: str | None, see: See) -> Iterator[None]:
        """Subscribe to the events of a kind, or with None to all, until the block ends.

        Args:
            see: called with the world's lock held, in the recording thread: it is quick and raises nothing.
        """
        key = next(self._keys)
        self._watchers[key] = (kind, see)
        try:
            yield
        finally:
            del self._watchers[key]
