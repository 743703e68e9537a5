"""The time of a world: its clock, which is the only source of time in it, and its timers."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from flaresend_mock.core.bounded_store import Copyable, more
from flaresend_mock.core.errors import ClockOutOfRange, require
from flaresend_mock.core.model import model

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)  # of what is planned; a day later, time zones are beyond the calendar

Now = Callable[[], datetime]


@model
class ClockSetting:
    """How a clock shows time: standing still at `frozen_at`, or running `offset` ahead of real time.

    With `starts_at` it runs from that time on, counted from when the clock is made.
    """

    offset: timedelta = timedelta()
    frozen_at: datetime | None = None
    starts_at: datetime | None = None


class Clock:
    """Runs, freezes, and is set; always aware UTC, as `real`, which tells real time."""

    def __init__(self, real: Now, setting: ClockSetting | None = None) -> None:
        self._real = real
        self.setting = setting or ClockSetting()
        if self.setting.starts_at is not None:
            self.setting = ClockSetting(offset=self.setting.starts_at - real())

    def now(self) -> datetime:
        """Return the time; at both ends of the calendar the clock stands still."""
        setting = self.setting
        if setting.frozen_at is not None:
            return setting.frozen_at
        real = self._real()
        return real + max(EARLIEST - real, min(setting.offset, LATEST - real))

    def after(self, seconds: float) -> datetime:
        """Return the time after this many seconds, END at most."""
        return self.now() + min(timedelta(seconds=seconds), END - self.now())

    @property
    def frozen(self) -> bool:
        return self.setting.frozen_at is not None

    def running_setting(self) -> ClockSetting:
        """Return the setting of a running clock that shows the same time."""
        return ClockSetting(offset=self.now() - self._real())

    def change(self, *, now: datetime | None = None, frozen: bool | None = None) -> None:
        """Set the time, or stop or start the clock, or both; ClockOutOfRange for a time before 1970 or after 9998."""
        to = self.now() if now is None else now
        require(EARLIEST <= to < LATEST or now is None, ClockOutOfRange, "the clock shows times from 1970 to 9998")
        stand_still = self.frozen if frozen is None else frozen
        self.setting = ClockSetting(frozen_at=to) if stand_still else ClockSetting(offset=to - self._real())

    def real_time_of(self, moment: datetime) -> datetime | None:
        """Return the real time of a moment; None while the clock is frozen, or if it lies beyond the calendar.

        A moment at the calendar's beginning is due now.
        """
        if self.frozen:
            return None
        try:
            return moment - self.setting.offset if moment > EARLIEST else self._real()
        except OverflowError:
            return self._real() if moment <= self.now() else None


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """One timer: `kind` names its handler, `key` the object that it is for."""

    at: datetime
    order: int
    kind: str
    key: str


class TimerQueue(Copyable):
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
        self._noted = more(self._noted)
        due = Due(at, self._noted, kind, key)
        insort(self._entries, due)
        self._by_key[kind, key] = due

    def cancel(self, kind: str, key: str) -> None:
        if (due := self._by_key.pop((kind, key), None)) is not None:
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
