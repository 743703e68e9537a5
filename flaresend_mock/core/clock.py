"""The clock of a world, which is the only source of time in it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flaresend_mock.core.errors import ClockOutOfRange

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ClockSetting:
    """How a clock shows time: standing still at `frozen_at`, or running `offset` ahead of real time.

    With `starts_at` it runs from that time on, counted from when the clock is made.
    """

    offset: timedelta = timedelta()
    frozen_at: datetime | None = None
    starts_at: datetime | None = None


class Clock:
    """Runs, freezes, and is set; always aware UTC, as `real`, which tells real time."""

    def __init__(self, real: Callable[[], datetime], setting: ClockSetting | None = None) -> None:
        self._real = real
        self.setting = setting or ClockSetting()
        if self.setting.starts_at is not None:
            self.setting = ClockSetting(offset=self.setting.starts_at - real())

    def now(self) -> datetime:
        """Return the time; at the end of the calendar the clock stops."""
        setting = self.setting
        if setting.frozen_at is not None:
            return setting.frozen_at
        try:
            return self._real() + setting.offset
        except OverflowError:
            return LATEST

    @property
    def frozen(self) -> bool:
        return self.setting.frozen_at is not None

    def running_setting(self) -> ClockSetting:
        """Return the setting of a running clock that shows the same time."""
        return ClockSetting(offset=self.now() - self._real())

    def change(self, *, now: datetime | None = None, frozen: bool | None = None) -> None:
        """Set the time, or stop or start the clock, or both; ClockOutOfRange for a time before 1970 or after 9998."""
        to = self.now() if now is None else now
        if now is not None and not EARLIEST <= now < LATEST:
            raise ClockOutOfRange("the clock shows times from 1970 to 9998")
        stand_still = self.frozen if frozen is None else frozen
        self.setting = ClockSetting(frozen_at=to) if stand_still else ClockSetting(offset=to - self._real())

    def real_time_of(self, moment: datetime) -> datetime | None:
        """Return the real time of a moment; None while the clock is frozen, or if it lies beyond the calendar.

        A moment before the calendar's beginning is due now.
        """
        if self.frozen:
            return None
        try:
            return moment - self.setting.offset
        except OverflowError:
            return self._real() if moment <= self.now() else None
