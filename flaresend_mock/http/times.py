"""Times as they are written."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def seconds(moment: datetime) -> str:
    """Write UTC to the second: 2023-12-01T12:01:00Z."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def milliseconds(moment: datetime) -> str:
    """Write UTC to the millisecond: 2026-04-06T17:36:38.092Z."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def stamp(moment: datetime) -> str:
    """Write UTC as short as it is exact to the millisecond."""
    return milliseconds(moment) if moment.microsecond >= 1000 else seconds(moment)


def local(moment: datetime) -> str:
    """Write local time as the documentation does for schedules: 2025-11-14 13:48:00."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat(" ")


def readable(moment: datetime) -> str:
    """Write local time as the documentation does for groups: Aug 13, 2025, 11:01 PM."""
    half = "AM" if moment.hour < 12 else "PM"
    return (
        f"{_MONTHS[moment.month - 1]} {moment.day}, {moment.year}, {moment.hour % 12 or 12}:{moment.minute:02} {half}"
    )


def parse(text: str, time_zone: str) -> datetime:
    """Read an ISO 8601 time; one without an offset is local time in this time zone.

    Raises:
        ValueError: it is no such time, or no calendar reaches it.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(time_zone))
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar") from None
