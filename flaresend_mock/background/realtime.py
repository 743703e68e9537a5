"""Real time: the only module that reads the machine's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

SLICE_SECONDS = 0.5


def utc_now() -> datetime:
    return datetime.now(UTC)


class Stopwatch:
    """Measures real seconds from its making, also for those who have replaced the time of their own process.

    Args:
        counter: counts seconds; it is kept here, where libraries that freeze time do not look for it.
    """

    __slots__ = ("_counter", "_started")

    def __init__(self, counter: Callable[[], float] = time.perf_counter) -> None:
        self._counter = counter
        self._started = counter()

    @property
    def seconds(self) -> float:
        return self._counter() - self._started


class Patience:
    """Keeps callers waiting, until they have waited long enough or the emulator stops."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def delay(self, seconds: float, until: Callable[[], bool]) -> None:
        """Wait for so many seconds, or until something is true; it is asked twice a second."""
        watch = Stopwatch()
        while not until():
            left = seconds - watch.seconds
            if left <= 0 or self._over.wait(min(left, SLICE_SECONDS)):
                return

    def wait(self, done: threading.Event, seconds: float, is_gone: Callable[[], bool]) -> bool:
        """Wait until something is done, for so long, and return whether it is.

        Nobody waits any longer once the emulator stops, or whoever asked has gone away.
        """
        watch = Stopwatch()
        while not (done.is_set() or self.over or is_gone()):
            left = seconds - watch.seconds
            if left <= 0:
                break
            done.wait(min(left, SLICE_SECONDS))
        return done.is_set()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        """Let everybody go, now and from now on."""
        self._over.set()
