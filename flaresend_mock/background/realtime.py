"""Reads the machine's clock. No other module does.

Libraries that fake time replace the functions of `time` wherever they find them, also in later imports.
freezegun does not find those of a second instance of the built-in module; time-machine has an escape hatch.
"""

import datetime as dt
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from email.utils import formatdate
from functools import lru_cache, partial
from importlib.util import find_spec, module_from_spec
from typing import Any

Check = Callable[[], bool]
SLICE_SECONDS = 0.5

_spec: Any = find_spec("time")
_time: Any = module_from_spec(_spec)
_spec.loader.exec_module(_time)
_http_date = lru_cache(1)(partial(formatdate, usegmt=True))  # the same for many calls


def utc_now() -> dt.datetime:
    """Return real time, also in processes that fake it."""
    seconds: float = _time.time()
    if "time_machine" in sys.modules:
        with suppress(ValueError):  # it is not faking time now
            seconds = sys.modules["time_machine"].escape_hatch.time.time()
    return dt.datetime.fromtimestamp(seconds, UTC)


def process_now() -> dt.datetime:
    """Return what the process takes for the time: that of a library that fakes it, or else real time."""
    return dt.datetime.now(UTC)


def http_date() -> str:
    return _http_date(int(utc_now().timestamp()))


class Stopwatch:
    """Measures real seconds since its creation, also in processes that fake time."""

    __slots__ = ("_started",)

    def __init__(self) -> None:
        self._started: float = _time.perf_counter()

    @property
    def seconds(self) -> float:
        seconds: float = _time.perf_counter() - self._started
        return seconds


class Patience:
    """Makes callers wait, at most until the emulator stops."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def delay(self, seconds: float, until: Check) -> None:
        """Wait for real seconds, or until a condition is true. The condition is checked twice a second."""
        self.wait(self._over, seconds, until, self._over.is_set)

    def wait(self, news: threading.Event, seconds: float, is_gone: Check, is_done: Check) -> bool:
        """Ask whether it `is_done` until it is, when there is `news`, for real seconds or until the client leaves."""
        watch = Stopwatch()
        while not (done := is_done()) and not (self.over or is_gone()) and (left := seconds - watch.seconds) > 0:
            news.wait(min(left, SLICE_SECONDS))
        return done

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        """End all waiting, now and later."""
        self._over.set()
