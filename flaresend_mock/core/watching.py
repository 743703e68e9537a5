"""Watching what happens, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

from flaresend_mock.core.events import Event

See = Callable[[Event], None]


class Watching:
    """Those who watch a world. A thousand of them cost the world a thousand looks an event, and no thread wakes up."""

    def __init__(self) -> None:
        self._watchers: dict[int, tuple[str | None, See]] = {}
        self._keys = count()

    def offer(self, event: Event) -> None:
        """Show everybody who watches its kind what happened. The caller holds the world's lock."""
        for kind, see in list(self._watchers.values()) if self._watchers else ():
            if kind is None or kind == event.kind:
                see(event)

    def anybody(self) -> bool:
        return bool(self._watchers)

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
