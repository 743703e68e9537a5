"""Turns: calls with large bodies are handled one after the other, so that together they take the memory of one."""

import threading
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from flaresend_mock.background.realtime import SLICE_SECONDS, Patience
from flaresend_mock.http.call_queue import give_way

LARGE = 256 * 1024
"""A call with a body of more bytes takes a turn."""

_M_MMAP_THRESHOLD = -3
_TURN = "flaresend_mock.turn"
"""The key in the environ of the turn that a call has."""


class Turns:
    """Gives one call at a time its turn. Its call keeps it until it ends, or first waits for something else.

    `patience` ends the waiting for a turn when the emulator stops.
    """

    def __init__(self, patience: Patience) -> None:
        self._free = threading.Semaphore()
        self._patience = patience

    def take(self, environ: MutableMapping[str, Any]) -> None:
        """Wait until it is the turn of a call, unless it has it."""
        if _TURN in environ:
            return
        give_way(environ)
        while not self._free.acquire(timeout=SLICE_SECONDS):
            if self._patience.over:
                raise ServiceUnavailable
        environ[_TURN] = self._free
        _trim()


def _trim() -> None:
    """Have glibc return free memory to the system, which each thread otherwise keeps: large blocks as soon as freed."""
    import ctypes  # few runs need it

    with suppress(OSError, AttributeError, TypeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, LARGE)  # it grows otherwise, and with it what each thread keeps
        libc.malloc_trim(0)


def give_back(environ: MutableMapping[str, Any]) -> None:
    """End the turn of a call, if it has one."""
    turn = environ.pop(_TURN, None)
    if turn is not None:
        turn.release()
