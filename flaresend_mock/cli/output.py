"""The output of commands: lines that show control characters instead of obeying them, and JSON."""

import json
import sys
from collections.abc import Iterable
from typing import Any

import click

from flaresend_mock.logs import visible


def show(response: Any, as_json: bool, lines: Iterable[str]) -> None:
    if as_json:
        document(response)
        return
    for line in lines:
        say(line)


def say(text: str, before: str = "", after: str = "") -> None:
    """Print one line on standard output, with control characters for the terminal `before` and `after` it."""
    plain = visible(text)
    if not can_write(plain):
        plain = plain.encode(_encoding(), "backslashreplace").decode(_encoding())
    _print(f"{before}{plain}{after}")


def note(text: str) -> None:
    """Print one line on standard error."""
    print(f"flaresend-mock: {visible(text)}", file=sys.stderr)


def document(response: Any) -> None:
    """Print JSON on one line of ASCII, which no terminal obeys."""
    _print(json.dumps(response))


def arrows() -> dict[str, str]:
    """Return the signs of outbound and inbound messages that standard output can write."""
    return dict(zip(("outbound", "inbound"), ("→", "←") if can_write("→←") else ("->", "<-"), strict=True))


def can_write(text: str) -> bool:
    """Tell whether the encoding of standard output has all characters of a text."""
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
