"""Spans of time, as they are written on a command line."""

from __future__ import annotations

import re

import click

MAX_SECONDS = 10_000 * 366 * 86_400.0

_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_AMOUNT = r"(\d{1,12}(?:\.\d{1,9})?)"
_SPAN = re.compile("".join(f"(?:{_AMOUNT}{unit})?" for unit in _UNITS), re.ASCII)
_PLAIN = re.compile(_AMOUNT, re.ASCII)


def seconds(text: str) -> float:
    """Return the seconds that 90, 2h or 1h30m are.

    Raises:
        ValueError: the text is no span of time, or longer than any calendar.
    """
    if _PLAIN.fullmatch(text):
        found = float(text)
    else:
        spelled = _SPAN.fullmatch(text)
        if not text or spelled is None:
            raise ValueError
        amounts = zip(spelled.groups(), _UNITS.values(), strict=True)
        found = sum(float(amount) * unit for amount, unit in amounts if amount is not None)
    if found > MAX_SECONDS:
        raise ValueError
    return found


def given(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """Return the seconds that an option was given.

    Raises:
        click.BadParameter: its value is no span of time.
    """
    try:
        return seconds(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a span of time such as 30, 2h or 1h30m") from None
