"""Arguments of tests, converted for the control plane."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flaresend_mock.testing.models import Delivery, Message, Request

MOST_SECONDS = 300
_SPELLINGS = {"sender": "from", "file_name": "fileName"}
_FLAGS = {re.ASCII: "a", re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s", re.VERBOSE: "x"}


def message(match: Mapping[str, Any]) -> dict[str, Any]:
    """Return the matcher of a message. Its fields may have the names that `Message` has."""
    return {_SPELLINGS.get(name, name): value for name, value in match.items()}


def since(what: int | Message | Request | Delivery) -> int:
    """Return the number of an event."""
    if isinstance(what, Message):
        return what.event
    if isinstance(what, Request):
        return what.id
    return int(what.raw["event"]) if isinstance(what, Delivery) else what


def matcher(match: Mapping[str, Any]) -> dict[str, Any]:
    """Return a matcher as JSON. Its values may be compiled regular expressions, datetimes and tuples."""
    return {name: _value(value) for name, value in match.items()}


def steps(in_order: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return matchers that are met one after the other.

    Raises:
        TypeError: the argument is one matcher, not a list.
    """
    if isinstance(in_order, str | Mapping):
        raise TypeError(f"in_order is a list of matchers, such as [{{'status': 503}}], not {in_order!r}")
    return [matcher(step) for step in in_order]


def seconds(name: str, value: float) -> float:
    """Return the seconds to wait.

    Raises:
        ValueError: the emulator does not wait for so long.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
        raise ValueError(f"{name} is seconds, from 0 to {MOST_SECONDS}, not {value!r}")
    return value


def time(value: datetime | str) -> str:
    """Return a time as text.

    Raises:
        TypeError: the value is neither a datetime nor text.
    """
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value
    raise TypeError(f"a time is a datetime, or text such as '2025-11-14 13:00', not {value!r}")


def _value(value: Any) -> Any:
    if isinstance(value, re.Pattern):
        if not isinstance(value.pattern, str):
            raise TypeError(f"a regular expression has a str pattern, not {value.pattern!r}")
        flags = "".join(letter for flag, letter in _FLAGS.items() if value.flags & flag)
        return {"regex": f"(?{flags}){value.pattern}" if flags else value.pattern}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return matcher(value)
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    return value
