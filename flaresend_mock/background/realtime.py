"""Reads the machine's clock. No other module does."""

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate

SLICE_SECONDS = 0.5

_date = (0, "")


def utc_now() -> datetime:
    return datetime.now(UTC)


def machine_time() -> datetime:
    """Return the machine's time, also in processes that freeze time: clients of TLS compare certificates with it.

    The system stamps a new pipe with it, but on Windows.
    """
    ends = os.pipe()
    try:
        return datetime.fromtimestamp(os.fstat(ends[0]).st_mtime or time.time(), UTC)
    finally:
        for end in ends:
            os.close(end)


def http_date() -> str:
    global _date
    second = int(time.time())
    if _date[0] != second:
        _date = second, formatdate(second, usegmt=True)
    return _date[1]


class Stopwatch:
    """Measures real seconds since its creation, also in processes that freeze time."""

    __slots__ = ("_counter", "_started")

    # the default argument keeps the counter from libraries that freeze time
    def __init__(self, counter: Callable[[], float] = time.perf_counter) -> None:
        self._counter = counter
        self._started = counter()

    @property
    def seconds(self) -> float:
        return self._counter() - self._started


class Patience:
    """Makes callers wait, at most until the emulator stops."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def delay(self, seconds: float, until: Callable[[], bool]) -> None:
        """Wait for real seconds, or until a condition is true. The condition is checked twice a second."""
        self._wait(self._over, seconds, until)

    def wait(self, done: threading.Event, seconds: float, is_gone: Callable[[], bool]) -> bool:
        """Wait until an event is set, for at most real seconds or until the client leaves; return whether it is."""
        self._wait(done, seconds, lambda: self.over or is_gone())
        return done.is_set()

    def _wait(self, event: threading.Event, seconds: float, until: Callable[[], bool]) -> None:
        watch = Stopwatch()
        while not (event.is_set() or until()) and (left := seconds - watch.seconds) > 0:
            event.wait(min(left, SLICE_SECONDS))

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        """End all waiting, now and later."""
        self._over.set()
