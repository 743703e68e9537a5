"""Rules that values in a world keep, each refused with its place."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from datetime import datetime

from flaresend_mock.core import numbers
from flaresend_mock.core.clock import EARLIEST, LATEST
from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.matchers.parser import unknown

MONTH = 30 * 86_400.0
YEAR = 366 * 86_400.0
_SHOWN = 20  # so many known words are named in an error


def unique(section: str, keys: Iterable[Hashable], field: str) -> None:
    """Refuse a list in which two entries have the same key."""
    seen: set[Hashable] = set()
    for index, key in enumerate(keys):
        if key in seen:
            raise InvalidWorld(f"world.{section}[{index}].{field}", f"{_shown(key)} is there twice.")
        seen.add(key)


def within(where: str, value: float, lowest: float, highest: float | None = None) -> None:
    """Refuse a number that is too small or too large."""
    if value < lowest or (highest is not None and value > highest):
        bounds = f"at least {lowest:g}" if highest is None else f"from {lowest:g} to {highest:g}"
        raise InvalidWorld(where, f"A number {bounds} is expected here.")


def one_of(where: str, value: str | None, known: Collection[str | None]) -> None:
    """Refuse a word that is not known, or an id that leads nowhere."""
    if value in known:
        return
    if len(known) > _SHOWN:
        raise InvalidWorld(where, f"{value!r} is not known.")
    raise InvalidWorld(where, not_known(str(value), [str(word) for word in known]))


def not_known(name: str, known: Collection[str]) -> str:
    """Say in a sentence that a name is not known, and which one may be meant."""
    text = unknown(name, known)
    return text if text.endswith("?") else f"{text}."


def phone_number(where: str, value: str) -> None:
    """Refuse what is not the digits of a phone number."""
    if numbers.parse(value) != value:
        raise InvalidWorld(where, f"{value!r} is not a phone number of 7 to 15 digits.")


def in_calendar(where: str, moment: datetime | None) -> None:
    """Refuse a time that no clock shows."""
    if moment is not None and not EARLIEST <= moment <= LATEST:
        raise InvalidWorld(where, "The clock shows times from 1970 to 9998.")


def _shown(key: Hashable) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
