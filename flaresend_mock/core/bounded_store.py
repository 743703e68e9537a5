"""Bounded memory: a store that evicts its oldest values, and a dictionary that counts its bytes. And bounded work."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from itertools import chain
from operator import attrgetter
from sys import getsizeof
from typing import Any, Generic, Self, TypeVar

MAX_MEDIA_BYTES = 64 * 1024 * 1024  # the most that a world keeps of uploads, and of files on the media host
MAX_LOG_BYTES = 64 * 1024 * 1024  # the most that a world keeps of events, messages, ended tasks and deliveries
MAX_COUNT = 2**53  # the highest number of all that is counted: JSON has no higher ones for sure
MAX_PENDING_BYTES = 64 * 1024 * 1024  # of scheduled messages, undelivered events, and automatic replies to come
MAX_FAULT_WORK = 100_000_000  # of all regular expressions while the world waits, or for an explanation: about a second
limit = threading.local()  # its `left` is the work that a thread may do for several texts, unless it is None

Key = TypeVar("Key")
Value = TypeVar("Value")

_size: Callable[[Any], int] = attrgetter("size")


@contextmanager
def limited_work() -> Iterator[None]:
    """Give all regular expressions in this block MAX_FAULT_WORK together, or what a block around it has left."""
    is_outer = getattr(limit, "left", None) is None
    limit.left = MAX_FAULT_WORK if is_outer else limit.left
    try:
        yield
    finally:
        limit.left = None if is_outer else limit.left


def size_of(data: Any) -> int:
    """Return about how many bytes a JSON value takes."""
    if isinstance(data, str):
        return 50 + len(data) * (1 if data.isascii() else 4)
    if isinstance(data, bytes):
        return 50 + len(data)
    if isinstance(data, Mapping):
        return 100 + sum(size_of(key) + size_of(value) for key, value in data.items())
    if isinstance(data, list | tuple):
        return 60 + sum(map(size_of, data))
    return max(30, getsizeof(data))  # an integer may have thousands of digits


def more(count: int, by: int = 1) -> int:
    """Return a count that has grown, at most to MAX_COUNT."""
    return min(count + by, MAX_COUNT)


def is_deeper(data: Any, levels: int) -> bool:
    """Tell whether a JSON value has values at this level, its own being 0."""
    level = [data]
    for _ in range(levels):
        boxes = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = list(chain.from_iterable(boxes))
    return bool(level)


_last_template: tuple[Any, int] = (None, 0)


def size_of_template(template: Any) -> int:
    """Return the size of a template. That of the last one is kept: thousands of messages may have the same."""
    global _last_template
    known, size = _last_template
    if known is not template:
        _last_template = (template, size := size_of(template))
    return size


class Copyable:
    def copy(self) -> Self:
        """Return a copy that shares nothing that changes with this one."""
        other = copy(self)
        for name, value in vars(self).items():
            if hasattr(value, "copy"):
                setattr(other, name, value.copy())
        return other


class BoundedStore(Copyable, Generic[Value]):
    """Values by key, oldest first, bounded in number and in bytes. It evicts the oldest values to stay within bounds.

    Values tell their `size` in bytes. `evicted` counts evicted ones; `last_evicted_event` is the number of the event
    that told of the newest of them, if they have one. The newest value is kept, whatever its size. `by_key` is to read.
    """

    def __init__(self, limit: int, max_bytes: int) -> None:
        self.limit, self.max_bytes = limit, max_bytes
        self.evicted = self.last_evicted_event = self.bytes = 0
        self.by_key: OrderedDict[str | int, Value] = OrderedDict()  # a dict slows down when emptied in front

    def __len__(self) -> int:
        return len(self.by_key)

    def __iter__(self) -> Iterator[Value]:
        return iter(self.by_key.values())

    def __reversed__(self) -> Iterator[Value]:
        return reversed(self.by_key.values())

    def get(self, key: str | int) -> Value | None:
        return self.by_key.get(key)

    def add(self, key: str | int, value: Value, needed: Container[str | int] = ()) -> list[Value]:
        """Add a value, or replace the one with this key, and return what was evicted for it, which was not `needed`."""
        if key in self.by_key:
            self.bytes -= _size(self.by_key[key])
        self.by_key[key] = value
        self.bytes += _size(value)
        fits = len(self.by_key) <= self.limit and self.bytes <= self.max_bytes
        return [] if fits else self.make_room(0, needed, key)

    def make_room(self, size: int, needed: Container[str | int] = (), newest: str | int = "") -> list[Value]:
        """Evict, and return, what will not be kept beside more bytes, except the newest and what has a `needed` key."""
        values, max_bytes = self.by_key, self.max_bytes - size
        gone: list[Value] = []
        while len(values) > self.limit or self.bytes > max_bytes:
            key = next((one for one in values if one not in needed and one != newest), None)
            if key is None:
                break
            gone.append(oldest := values.pop(key))
            self.bytes -= _size(oldest)
        if gone:
            self.evicted = more(self.evicted, len(gone))
            self.last_evicted_event = getattr(gone[-1], "event", 0)
        return gone

    def trim(self, needed: Container[str | int]) -> None:
        """Evict what was needed beyond the bounds and is no more; the newest value is always kept."""
        if len(self.by_key) > self.limit or self.bytes > self.max_bytes:
            self.make_room(0, needed, next(reversed(self.by_key)))

    def discard(self, key: str | int) -> None:
        if key in self.by_key:
            self.bytes -= _size(self.by_key.pop(key))

    def refill(self, values: Mapping[str, Value], evicted: int, last_event: int, needed: Container[str] = ()) -> None:
        """Replace all values by these, oldest first, with this count of evicted ones; keep those that are `needed`."""
        self.by_key.clear()
        self.bytes, self.evicted, self.last_evicted_event = 0, evicted, last_event
        for key, value in values.items():
            self.add(key, value, needed)


def weight(value: Any) -> int:
    """Return the size of a value that tells it, or of what it consists of."""
    if isinstance(value, tuple):
        return 60 + sum(map(weight, value))
    names = getattr(value, "__slots__", ())
    return getattr(value, "size", 0) or (500 + weight(attrgetter(*names)(value)) if names else size_of(value))


class SizedDict(dict[Key, Value]):
    """A dictionary that counts the bytes of its values, and the `files` that they need.

    Values are set, replaced and removed one by one.
    """

    def __init__(self, values: Mapping[Key, Value] | None = None) -> None:
        super().__init__()
        self.bytes, self.files = 0, Counter[str]()
        for key, value in (values or {}).items():
            self[key] = value

    def __setitem__(self, key: Key, value: Value) -> None:
        self._count(value, 1)
        if key in self:
            self._count(self[key], -1)
        super().__setitem__(key, value)

    def __delitem__(self, key: Key) -> None:
        self._count(self[key], -1)
        super().__delitem__(key)

    def _count(self, value: Value, times: int) -> None:
        self.bytes += times * weight(value)
        for file in getattr(value, "files", ()):
            self.files[file] += times
            if not self.files[file]:
                del self.files[file]

    def copy(self) -> Self:
        other = type(self)()
        dict.update(other, self)
        other.bytes, other.files = self.bytes, self.files.copy()
        return other
