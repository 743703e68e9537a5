"""The world's clock as it is shown: what it says, how it goes, and how far that is from real time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flaresend_mock.core.world import World

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UNITS = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Face:
    """What a clock shows in the time zone of its world; `ahead` is how far that is ahead of real time."""

    now: datetime
    ahead: timedelta
    frozen: bool

    @property
    def real(self) -> bool:
        """Whether it runs and shows real time."""
        return not self.frozen and not self.away

    @property
    def away(self) -> bool:
        """Whether it shows another time than real time, to the second."""
        return self.about != timedelta()

    @property
    def about(self) -> timedelta:
        """How far it is ahead, to the second: what advances an hour is so far ahead, and some milliseconds less."""
        return _SECOND * round(self.ahead / _SECOND)

    @property
    def offset(self) -> str:
        """How far the zone is from UTC now: UTC+03:00."""
        written = f"{self.now:%z}"
        return f"UTC{written[:3]}:{written[3:5]}" if self.now.utcoffset() else "UTC"

    @property
    def hands(self) -> tuple[float, float, float]:
        """Where the hands for hours, minutes and seconds point, in degrees."""
        now = self.now
        minutes = now.minute + now.second / 60
        return (now.hour % 12 + minutes / 60) * 30, minutes * 6, now.second * 6


def face(world: World) -> Face:
    """Return what the clock of a world shows. The caller holds the world's lock."""
    now = world.clock.now()
    ahead = world.clock.running_setting().offset
    return Face(now.astimezone(ZoneInfo(world.state.time_zone)), ahead, world.timeline.frozen)


def spoken(time: timedelta) -> str:
    """Return a span of time, whichever way it goes, in its two largest units: 2 days 3 h."""
    left = abs(time) // _SECOND
    words: list[str] = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count and unit == "day":
            words.append("1 day" if count == 1 else f"{count:,} days")
        elif count:
            words.append(f"{count} {unit}")
        if len(words) == 2 or (words and not count):
            break
    return " ".join(words) or "0 s"


def milliseconds(moment: datetime) -> int:
    """Return when something is, in milliseconds since 1970, as scripts count."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
