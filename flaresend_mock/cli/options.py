"""What commands share: finding an emulator, spans of time, JSON and files."""

import json
import math
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from flaresend_mock.background import files
from flaresend_mock.settings import ENVIRONMENT, PREFIX, Settings, is_text, local_url

MAX_SECONDS = 10_000 * 366 * 86_400.0
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_AMOUNT = r"(\d{1,12}(?:\.\d{1,9})?)"
_SPAN = re.compile(f"{_AMOUNT}|" + "".join(f"(?:{_AMOUNT}{unit})?" for unit in _UNITS), re.ASCII)


def address(settings: Settings, url: str | None, port: int | None = None) -> str:
    if port is not None and url:
        raise click.UsageError("--port: give --url or --port, not both")
    url = url or (local_url(settings.host, port) if port is not None else None)
    found = url or ENVIRONMENT.get(f"{PREFIX}URL") or _recorded(settings.url_file)
    found = found or local_url(settings.host, settings.port)
    if not found.startswith(("http://", "https://")) or not is_text(found):
        raise click.UsageError(f"--url: {found!r} is not an http URL")
    return found.rstrip("/")


def _recorded(file: str | None) -> str:
    try:
        return Path(file).read_text() if file else ""
    except (OSError, ValueError):
        return ""


def token_of(settings: Settings, token: str | None) -> str | None:
    if token is None:
        return settings.control_token
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise click.UsageError("--control-token: a token has printable ASCII characters, and no spaces")
    return token


def span(text: str) -> float | None:
    """Return the seconds of a span of time; None for another text, or one longer than the calendar."""
    if not text or (spelled := _SPAN.fullmatch(text)) is None:
        return None
    amounts = zip(spelled.groups(), (1, *_UNITS.values()), strict=True)
    found = sum(float(amount) * unit for amount, unit in amounts if amount is not None)
    return found if found <= MAX_SECONDS else None


def load_json(text: str | bytes) -> Any:
    """Read JSON; ValueError for another text, NaN, an infinite number, or JSON that is nested too deeply."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def json_or_text(text: str | bytes) -> Any:
    try:
        return load_json(text)
    except ValueError:
        return text


def name_and_value(text: str) -> tuple[str, Any] | None:
    """Return the name and the JSON or text in name=value; None if one is missing."""
    name, equals, value = text.partition("=")
    return (name, json_or_text(value)) if name and equals else None


def json_option(flag: str, text: str) -> Any:
    try:
        return load_json(text)
    except ValueError:
        raise click.UsageError(f"{flag}: {text!r} is not JSON") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    return float(digits) if math.isfinite(float(digits)) else _refuse(digits)


def read_file(file: Path) -> bytes:
    """Read a file, or standard input for `-`; UsageError for a file that cannot be read."""
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{file}: {getattr(error, 'strerror', None) or error}") from None


def write_file(file: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file whole or not at all, only for its owner if `private`. Pipes and devices are written directly.

    A symbolic link is followed, and stays, as the user names it now.
    """
    try:
        if (place := file.resolve()).exists() and not place.is_file():
            place.write_bytes(data)
            return
        files.write_file(place, data, private=private)
    except (OSError, ValueError, RuntimeError) as error:
        raise click.ClickException(f"{file}: {getattr(error, 'strerror', None) or error}") from None
