"""What falls due, and when."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Due(NamedTuple):
    """One thing that falls due; `kind` says who handles it, `key` which one it is."""

    at: datetime
    order: int
    kind: str
    key: str


class Agenda:
    """Due things by time, then in the order they were noted."""

    def __init__(self) -> None:
        self._entries: list[Due] = []
        self._by_key: dict[tuple[str, str], Due] = {}
        self._noted = 0

    def __len__(self) -> int:
        return len(self._entries)

    def note(self, at: datetime, kind: str, key: str) -> None:
        """Note something as due; what was noted under the same kind and key before is moved."""
        self.strike(kind, key)
        self._noted += 1
        due = Due(at, self._noted, kind, key)
        insort(self._entries, due)
        self._by_key[kind, key] = due

    def strike(self, kind: str, key: str) -> None:
        """Forget about something, if it is there."""
        due = self._by_key.pop((kind, key), None)
        if due is not None:
            del self._entries[bisect_left(self._entries, due)]

    def next_at(self) -> datetime | None:
        """Return when the next thing falls due. Safe to call without the world's lock."""
        for due in self._entries[:1]:
            return due.at
        return None

    def take(self, until: datetime) -> Due | None:
        """Take off the first thing that is due at this time or before it."""
        if not self._entries or self._entries[0].at > until:
            return None
        due = self._entries.pop(0)
        del self._by_key[due.kind, due.key]
        return due

    def contents(self) -> tuple[list[Due], int]:
        """Return what is noted, first what falls due first, and how many things were noted so far."""
        return self._entries.copy(), self._noted

    @classmethod
    def refilled(cls, entries: Iterable[Due], noted: int) -> Agenda:
        """Return an agenda with these contents."""
        agenda = cls()
        agenda._entries = sorted(entries)
        agenda._by_key = {(due.kind, due.key): due for due in agenda._entries}
        agenda._noted = noted
        return agenda

    def copy(self) -> Agenda:
        other = Agenda()
        other._entries = self._entries.copy()
        other._by_key = self._by_key.copy()
        other._noted = self._noted
        return other
