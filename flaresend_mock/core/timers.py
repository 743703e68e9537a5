"""A queue of timers, ordered by the time they are due."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """One timer: `kind` names its handler, `key` the object that it is for."""

    at: datetime
    order: int
    kind: str
    key: str


class TimerQueue:
    """Timers by due time, then in the order in which they were set."""

    def __init__(self) -> None:
        self._entries: list[Due] = []
        self._by_key: dict[tuple[str, str], Due] = {}
        self._noted = 0

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, at: datetime, kind: str, key: str) -> None:
        """Set a timer; an earlier one of the same kind and key is moved."""
        self.cancel(kind, key)
        self._noted += 1
        due = Due(at, self._noted, kind, key)
        insort(self._entries, due)
        self._by_key[kind, key] = due

    def cancel(self, kind: str, key: str) -> None:
        due = self._by_key.pop((kind, key), None)
        if due is not None:
            del self._entries[bisect_left(self._entries, due)]

    def next_at(self) -> datetime | None:
        """Return when the next timer is due. Safe to call without the world's lock."""
        return next((due.at for due in self._entries), None)

    def pop_due(self, until: datetime) -> Due | None:
        """Remove and return the first timer that is due at `until` or earlier; None if none is."""
        if not self._entries or self._entries[0].at > until:
            return None
        due = self._entries.pop(0)
        del self._by_key[due.kind, due.key]
        return due

    def contents(self) -> tuple[list[Due], int]:
        """Return the timers, the earliest first, and how many were set so far."""
        return self._entries.copy(), self._noted

    @classmethod
    def refilled(cls, entries: Iterable[Due], noted: int) -> Self:
        """Return a queue with these contents."""
        timers = cls()
        timers._entries = sorted(entries)
        timers._by_key = {(due.kind, due.key): due for due in timers._entries}
        timers._noted = noted
        return timers

    def copy(self) -> Self:
        other = copy(self)
        other._entries = self._entries.copy()
        other._by_key = self._by_key.copy()
        return other
