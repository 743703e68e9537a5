"""A record of the past that forgets its oldest parts instead of growing without end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedStore(Generic[Value]):
    """Values by key, oldest first, bounded in number and in weight.

    Args:
        limit: how many values are kept.
        max_weight: how heavy all of them may be together; the newest is kept however heavy it is.
        weigh: tells a value's weight, about its size in bytes.

    `evicted` counts what was forgotten; `last_evicted_event` is the number of the event that told of the newest of it,
    where values have one.
    """

    def __init__(self, limit: int, max_weight: int, weigh: Callable[[Value], int]) -> None:
        self.limit = limit
        self.max_weight = max_weight
        self.evicted = 0
        self.last_evicted_event = 0
        self._weigh = weigh
        self._weight = 0
        self._values: OrderedDict[str | int, Value] = (
            OrderedDict()
        )  # a dict slows down when emptied from the front

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values.values())

    def __reversed__(self) -> Iterator[Value]:
        return reversed(self._values.values())

    def get(self, key: str | int) -> Value | None:
        return self._values.get(key)

    def add(self, key: str | int, value: Value) -> list[Value]:
        """Add a value, or put a new one in the place of the old, and return what was evicted for it."""
        replaced = self._values.get(key)
        if replaced is not None:
            self._weight -= self._weigh(replaced)
        self._values[key] = value
        self._weight += self._weigh(value)
        gone: list[Value] = []
        while len(self._values) > self.limit or (self._weight > self.max_weight and len(self._values) > 1):
            _, oldest = self._values.popitem(last=False)
            self._weight -= self._weigh(oldest)
            gone.append(oldest)
        if gone:
            self.evicted += len(gone)
            self.last_evicted_event = getattr(gone[-1], "event", 0)
        return gone

    def discard(self, key: str | int) -> None:
        """Take a value out, if it is there."""
        gone = self._values.pop(key, None)
        if gone is not None:
            self._weight -= self._weigh(gone)

    def refill(self, values: Mapping[str, Value], evicted: int, last_evicted_event: int) -> None:
        """Hold these values, oldest first, in the place of all others, as if so many had been evicted before."""
        self._values.clear()
        self._weight = 0
        self.evicted = evicted
        self.last_evicted_event = last_evicted_event
        for key, value in values.items():
            self.add(key, value)

    def copy(self) -> BoundedStore[Value]:
        other = BoundedStore(self.limit, self.max_weight, self._weigh)
        other.evicted = self.evicted
        other.last_evicted_event = self.last_evicted_event
        other._weight = self._weight
        other._values = self._values.copy()
        return other
