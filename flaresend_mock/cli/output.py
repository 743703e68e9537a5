"""What commands print: lines that show control characters instead of obeying them, JSON, and the emulator's log."""

import json
import logging
import re
import shutil
import sys
import threading
import unicodedata
from bisect import bisect
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from operator import add
from typing import Any

import click

from flaresend_mock.settings import ENVIRONMENT

START = "; start one: flaresend-mock, or docker run -p 127.0.0.1:3577:3577 flaresend-mock; or give another --url"
LONGEST_CELL = 100
_NARROW = 100
_HEADINGS = {"time": "TIME (UTC)", "number": "#"}
_HEBREW_OR_ARABIC = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_RIGHT_TO_LEFT = re.compile(f"{_HEBREW_OR_ARABIC}(?:(?:(?!  ).)*{_HEBREW_OR_ARABIC})?")
_ISOLATED = "\u2068\\g<0>\u2069"  # so that text from right to left leaves other cells in place
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}  # characters that control a terminal, end a line or reverse the direction of text, with their escapes


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


def visible(text: str) -> str:
    return text.translate(_CONTROL)


def configure_log(log_format: str, level: str) -> None:
    """Log to standard error. As JSON, this includes warnings and the errors that end a thread or the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    if log_format == "json":
        logging.captureWarnings(True)
        sys.excepthook = lambda *error: logging.critical("stopped by an error", exc_info=error)
        threading.excepthook = sys.unraisablehook = _log_failure


def _log_failure(failed: Any) -> None:
    logging.error("failed", exc_info=failed[:3])


def is_log_json() -> bool:
    """Tell whether the log is JSON, and so no other lines may be between its lines."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.root.handlers)


def _stamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


class TextFormatter(logging.Formatter):
    """Formats a record as one line. A client's text cannot start another line or control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_stamp(record)} {record.levelname:7} {visible(record.getMessage())}"
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info).split("\n")
        return "\n".join([line, *(f"  {visible(one)}" for one in trace)])


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {"time": _stamp(record), "level": record.levelname.lower(), "logger": record.name}
        entry["message"] = record.getMessage()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)
