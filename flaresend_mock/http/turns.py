"""Whose turn it is: calls run one after the other, and those with large bodies do so for as long as they last.

Threads that all want the interpreter at once hinder each other, and large bodies would take their memory together.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from werkzeug.exceptions import ServiceUnavailable

from flaresend_mock.background.realtime import SLICE_SECONDS, Patience

HOLD_SECONDS = 0.05  # how long a call may run before another one runs beside it: it may wait for something

ROOM = 128 * 1024 * 1024  # bytes of large responses that are being received, and as many of those that wait for them
ROOM_SECONDS = 5.0  # how long they wait

LEAVE = "flaresend_mock.leave_queue"  # the key in the environ of the function by which a waiting call lets others run
LARGE = 256 * 1024  # a call with a body of more bytes takes a turn

HELD = "flaresend_mock.held_body"  # the key in the environ of a call that `release` has to be called for

_M_MMAP_THRESHOLD = -3
_TURN = "flaresend_mock.turn"  # the key in the environ of the turn that a call has


class CallQueue:
    """Lets calls run one after another, as they came. A turn is a lock, which is held until the turn has come."""

    def __init__(self) -> None:
        self._guard = threading.Lock()  # of the following
        self._waiting: deque[threading.Lock] = deque()
        self._running: threading.Lock | None = None

    def enter(self) -> threading.Lock:
        """Wait for the turn of a call, and return it."""
        turn = threading.Lock()
        turn.acquire()
        with self._guard:
            self._waiting.append(turn)
            if self._running is None:
                self._pass_on()
            seen = self._running
        while not turn.acquire(timeout=HOLD_SECONDS):
            with self._guard:
                if seen is self._running:  # it waits for something
                    self._pass_on()
                seen = self._running
        return turn

    def leave(self, turn: threading.Lock) -> None:
        with self._guard:
            if turn is self._running:
                self._pass_on()

    def _pass_on(self) -> None:
        self._running = self._waiting.popleft() if self._waiting else None
        if self._running is not None:
            self._running.release()


def give_way(environ: Mapping[str, Any]) -> None:
    """Let other calls run while this one waits, for the rest of the call."""
    leave: Callable[[], None] | None = environ.get(LEAVE)
    if leave is not None:
        leave()


class Turns:
    """Gives one call at a time its turn, until it ends or waits for something; `patience` ends waiting for turns."""

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
        environ[_TURN] = environ[HELD] = self._free
        _trim()


class Room:
    """Bounds the bytes that are held, as of large responses until their clients have received them. One always fits.

    An `owner` takes room bit by bit. When none is left, one owner at a time gets more, until it gives back: none would
    end if all waited for each other.
    """

    def __init__(self, most: int | None = None) -> None:
        self._changed = threading.Condition()
        self.most = ROOM if most is None else most
        self._held = self._waiting = 0
        self._beyond: object = None  # the owner that has more than there is

    def take(self, size: int, *, seconds: float | None = None, owner: object = None) -> bool:
        """Wait so long, by default ROOM_SECONDS, for room for this many bytes, and return whether there is."""
        left, longest = self.most - size, ROOM_SECONDS if seconds is None else seconds
        with self._changed:
            if self._waiting and self._waiting > left:
                return False
            self._waiting += size
            fits = self._changed.wait_for(lambda: self._fits(left, owner), longest)
            self._waiting -= size
            if fits and self._held > left:
                self._beyond = owner
            self._held += size * fits
        return fits

    def _fits(self, left: int, owner: object) -> bool:
        return not self._held or self._held <= left or (owner is not None and self._beyond in (None, owner))

    def give_back(self, size: int, owner: object = None) -> None:
        with self._changed:
            self._held -= size
            if self._beyond is owner:
                self._beyond = None
            self._changed.notify_all()


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
