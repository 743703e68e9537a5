"""Real time: the only module that reads the machine's clock."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


class Stopwatch:
    """Measures real seconds from its making."""

    __slots__ = ("_started",)

    def __init__(self) -> None:
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started


class Patience:
    """Keeps callers waiting, until they have waited long enough or the emulator stops."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def stall(self, seconds: float) -> None:
        self._over.wait(seconds)

    def end(self) -> None:
        """Let everybody go, now and from now on."""
        self._over.set()
