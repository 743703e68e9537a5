"""The output of commands: lines that show control characters instead of obeying them, and JSON."""

import json
import re
import shutil
import sys
import unicodedata
from bisect import bisect
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import add
from typing import Any

import click

from flaresend_mock.logs import visible
from flaresend_mock.settings import ENVIRONMENT

START = "; start one: flaresend-mock, or docker run -p 127.0.0.1:3577:3577 flaresend-mock; or give another --url"
LONGEST_CELL = 100
_NARROW = 100
_HEADINGS = {"time": "TIME (UTC)", "number": "#"}
_HEBREW_OR_ARABIC = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_RIGHT_TO_LEFT = re.compile(f"{_HEBREW_OR_ARABIC}(?:(?:(?!  ).)*{_HEBREW_OR_ARABIC})?")
_ISOLATED = "\u2068\\g<0>\u2069"  # so that text from right to left leaves other cells in place


class CannotRun(click.ClickException):
    """What keeps a command from running, although it is used well."""

    exit_code = 2


def show(response: Any, as_json: bool, lines: Iterable[str]) -> None:
    if as_json:
        document(response)
        return
    for line in lines:
        say(line)


class Table:
    """Prints rows below headings, on a terminal in colour and no wider; a row's `colour` is a parameter of ECMA-48."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns, self._widths = columns, [0] * len(columns)

    def add(self, rows: Sequence[dict[str, str]]) -> None:
        is_terminal = sys.stdout.isatty()
        columns = shutil.get_terminal_size().columns if is_terminal else sys.maxsize
        wants_colour = (is_terminal and ENVIRONMENT.get("TERM") != "dumb") or ENVIRONMENT.get("FORCE_COLOR")
        colours = ("\x1b[{}m", "\x1b[0m") if wants_colour and not ENVIRONMENT.get("NO_COLOR") else ("", "")
        if columns < _NARROW:
            rows = [row | {"time": row["time"][5:16]} for row in rows]
        if rows and not any(self._widths):
            rows = [{name: _HEADINGS.get(name, name.upper()) for name in self._columns} | {"colour": "1"}, *rows]
        longest = [min(LONGEST_CELL, columns // 3) if name == "with" else LONGEST_CELL for name in self._columns]
        table = [list(map(clip, map(row.__getitem__, self._columns), longest)) for row in rows]
        for cells in table:
            self._widths = list(map(max, self._widths, (sum(map(_columns, cell)) for cell in cells)))
        for row, cells in zip(rows, table, strict=True):
            spaces = [" " * (most - sum(map(_columns, cell))) for most, cell in zip(self._widths, cells, strict=True)]
            line = clip("  ".join(map(add, cells, spaces)).rstrip(), columns)
            say(line, *(one.format(row["colour"]) for one in colours if row["colour"]))


def clip(text: str, most: int) -> str:
    """Return a text on one line that no terminal obeys, cut to a number of columns."""
    plain = visible(text.replace("\n", "\\n"))
    ends = list(accumulate(map(_columns, plain)))
    return plain if not ends or ends[-1] <= most else f"{plain[: bisect(ends, most - 1)]}…"


def _columns(letter: str) -> int:
    is_mark = unicodedata.category(letter) in ("Mn", "Me", "Cf")
    return 0 if is_mark else 1 + (unicodedata.east_asian_width(letter) in "WF")


def say(text: str, before: str = "", after: str = "") -> None:
    """Print one line on standard output, with control characters for the terminal `before` and `after` it."""
    plain = visible(text)
    if sys.stdout.isatty() and can_write(_ISOLATED):
        plain = _RIGHT_TO_LEFT.sub(_ISOLATED, plain)
    if not can_write(plain):
        plain = plain.encode(_encoding(), "backslashreplace").decode(_encoding())
    _print(f"{before}{plain}{after}")


def note(text: str) -> None:
    print(f"flaresend-mock: {visible(text)}", file=sys.stderr)


def document(response: Any) -> None:
    """Print JSON on one line of ASCII, which no terminal obeys."""
    _print(json.dumps(response))


def arrows() -> dict[str, str]:
    """Return the signs of outbound and inbound messages that standard output can write."""
    return dict(zip(("outbound", "inbound"), ("→", "←") if can_write("→←") else ("->", "<-"), strict=True))


def can_write(text: str) -> bool:
    try:
        text.encode(_encoding())
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _print(line: str) -> None:
    try:
        print(line)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"cannot print: {error.strerror}") from None


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"
