"""What commands print: readable where the terminal can show it, and never obeyed by it."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from flaresend_mock.logs import visible


def say(text: str, before: str = "", after: str = "") -> None:
    """Print one line on standard output.

    Args:
        before: what a terminal is to obey before the line, and `after` it.
    """
    _print(f"{before}{_shown(text)}{after}")


def note(text: str) -> None:
    """Print one line on standard error."""
    print(f"flaresend-mock: {visible(text)}", file=sys.stderr)


def document(answer: Any) -> None:
    """Print JSON on one line, in ASCII: whatever is in it, a terminal has nothing to obey."""
    _print(json.dumps(answer))


def short(text: str, most: int = 60) -> str:
    """Return a text on one line, and cut if it is longer than so many characters."""
    line = " ".join(text[: 10 * most].split())
    return line if len(line) <= most else f"{line[: most - 1]}{sign('…', '...')}"


def sign(wanted: str, instead: str) -> str:
    """Return a sign, or what stands for it where standard output cannot write it."""
    return wanted if can_write(wanted) else instead


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


def _shown(text: str) -> str:
    plain = visible(text)
    return plain if can_write(plain) else plain.encode(_encoding(), "backslashreplace").decode(_encoding())


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"
