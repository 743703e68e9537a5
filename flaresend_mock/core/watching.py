"""Watching what happens, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from flaresend_mock.core.events import Event, EventLog

if TYPE_CHECKING:
    from flaresend_mock.core.following import Follower, Replaced

See = Callable[[Event], None]


class Watching:
    """Those who watch a world. A thousand of them cost the world a thousand looks an event, and no thread wakes up."""

    def __init__(self) -> None:
        self._watchers: dict[int, tuple[str | None, See]] = {}
        self._keys = count()
        self._followers: list[Follower] = []

    def offer(self, event: Event) -> None:
        """Show everybody who watches its kind what happened. The caller holds the world's lock."""
        for kind, see in list(self._watchers.values()) if self._watchers else ():
            if kind is None or kind == event.kind:
                see(event)

        for follower in self._followers:
            follower.news.set()

    def anybody(self) -> bool:
        return bool(self._watchers or self._followers)

    def follow(self, follower: Follower) -> None:
        """Tell a follower of the log when there is news. The caller holds the world's lock."""
        self._followers.append(follower)

    def unfollow(self, follower: Follower) -> None:
        """Tell a follower nothing more. The caller holds the world's lock."""
        if follower in self._followers:
            self._followers.remove(follower)

    def change_log(self, log: EventLog, number: int, replaced: Replaced | None = None) -> None:
        """Let every follower set aside what it has not read of a log that is given up: see Follower.change_log."""
        for follower in self._followers:
            follower.change_log(log, number, replaced)

    @contextmanager
    def watched(self, kind: str | None, see: See) -> Iterator[None]:
        """Have every event of a kind, or with None every event, shown from now on.

        Args:
            see: is called with the world's lock held, by whoever made it happen: it is quick, and raises nothing.
        """
        key = next(self._keys)
        self._watchers[key] = (kind, see)
        try:
            yield
        finally:
            del self._watchers[key]
