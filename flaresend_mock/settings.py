"""Every option of the emulator: its name, its meaning, its default, and where its value comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import Field, dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

PREFIX = "FLARESEND_MOCK_"
ENVIRONMENT: MutableMapping[str, str] = os.environ

_UNITS = {"": 1, "b": 1, "k": 1024, "kib": 1024, "m": 1024**2, "mib": 1024**2, "g": 1024**3, "gib": 1024**3}
_SIZE = re.compile(r"(\d{1,12})\s*([a-z]*)", re.ASCII | re.IGNORECASE)
_TRUE = ("1", "true", "yes", "on")
_SECRET = ("control_token", "api_key", "webhook_secret")
_FALSE = ("0", "false", "no", "off")


class SettingError(ValueError):
    """An option with a value that it cannot have; the message names the option and the value."""


def _text(value: str) -> str:
    return value


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def convert(value: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", value, re.ASCII) or not lowest <= int(value) <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return int(value)

    return convert


def _one_of(*words: str) -> Callable[[str], str]:
    def convert(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return value.lower()

    return convert


def _switch(value: str) -> bool:
    if value.lower() not in (*_TRUE, *_FALSE):
        raise ValueError("true or false")
    return value.lower() in _TRUE


def _size(value: str) -> int:
    found = _SIZE.fullmatch(value.strip())
    unit = _UNITS.get(found[2].lower()) if found else None
    if not found or not unit or not int(found[1]):
        raise ValueError("a size such as 64MiB or a number of bytes")
    return int(found[1]) * unit


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, LookupError):
        raise ValueError("a time zone such as Africa/Nairobi") from None
    return value


def _api_key(value: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("a key of printable ASCII characters without spaces")
    return value


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("an http or https URL")
    return value.rstrip("/")


def _token(value: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("a token of printable ASCII characters without spaces")
    return value


def _path(value: str) -> str:
    if not value or "\0" in value:
        raise ValueError("the path of a file")
    return value


def _webhook_url(value: str) -> str:
    _http_url(value)
    return value


def _option(default: Any, convert: Callable[[str], Any], help: str, shown: str | None = None) -> Any:
    metadata = {"convert": convert, "help": help, "shown": str(default) if shown is None else shown}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How an emulator is set up. A flag comes before its variable, and that before the default."""

    host: str = _option("127.0.0.1", _text, "Address to listen on.")
    port: int = _option(3577, _whole(0, 65535), "Port to listen on; 0 picks a free one.")
    world: str = _option("default", _text, "World to start with: default, demo, or the path of a world file.")
    seed: int | None = _option(
        None,
        _whole(-(10**17), 10**17),
        "Decides everything left to chance: ids, LIDs, names.",
        "the world's, or 1",
    )
    time_zone: str | None = _option(None, _time_zone, "Time zone that sendAt is in.", "the world's, or UTC")
    api_key: str | None = _option(
        None, _api_key, "API key of the world's first instance.", "the world's: YOUR_API_KEY"
    )
    auth: str = _option(
        "known",
        _one_of("known", "open"),
        "API keys: only known ones, or open: each unknown one gets a world of its own.",
    )
    strict: bool = _option(
        False,
        _switch,
        "Accept only what the documentation describes: forms just where it shows them, no trailing slashes.",
    )
    webhook_url: str | None = _option(
        None, _webhook_url, "Where the events of the world's first instance go.", "none"
    )
    webhook_secret: str | None = _option(
        None, _text, "Secret that deliveries are signed with.", "none: unsigned"
    )
    public_url: str | None = _option(
        None,
        _http_url,
        "Where applications reach this emulator, for links to media.",
        "the address it prints",
    )
    import_: str | None = _option(
        None, _path, "Export that the default world starts with, instead of what --world says.", "none"
    )
    export_on_exit: str | None = _option(
        None, _path, "File that the default world is exported to when the emulator stops.", "none"
    )
    with_secrets: bool = _option(
        False, _switch, "Show API keys and secrets in lists and exports, which otherwise mask them."
    )
    control_token: str | None = _option(
        None, _token, "What callers of /_mock must send as X-Control-Token.", "none: local callers only"
    )
    max_body_size: int = _option(64 * 1024**2, _size, "Largest request body; a larger one gets 413.", "64MiB")
    history: int = _option(
        10_000, _whole(1, 10_000_000), "How many messages, and how many events, a world keeps."
    )
    threads: int = _option(32, _whole(1, 1024), "How many calls are worked on at once.")
    demo: bool = _option(
        False, _switch, "Start with sample conversations and a chat bot, for demonstrations."
    )
    log_format: str = _option(
        "text", _one_of("text", "json"), "How the log on standard error is written: text or json."
    )
    log_level: str = _option(
        "info",
        _one_of("debug", "info", "warning", "error"),
        "The least that is logged: debug, info, warning or error.",
    )

    def __post_init__(self) -> None:
        """Hold every value to what its option can be, wherever it comes from; text is read as on the command line.

        Raises:
            SettingError: a value cannot be what its option is set to.
        """
        for option in fields(self):
            value = getattr(self, option.name)
            if value is not None or option.default is not None:
                object.__setattr__(self, option.name, _converted(option, value, option.name))


def _converted(option: Field[Any], value: object, source: str) -> Any:
    try:
        return option.metadata["convert"](str(value))
    except ValueError as error:
        shown = "what is given" if option.name in _SECRET else repr(str(value))
        raise SettingError(f"{source}: {shown} is not {error}") from None


def options() -> list[Field[Any]]:
    """Return all options, as the fields of Settings."""
    return list(fields(Settings))


def flag(option: Field[Any]) -> str:
    return "--" + option.name.rstrip("_").replace("_", "-")


def variable(option: Field[Any]) -> str:
    return PREFIX + option.name.rstrip("_").upper()


def resolve(flags: Mapping[str, str | None], environment: Mapping[str, str] = ENVIRONMENT) -> Settings:
    """Build settings from flags, then variables, then defaults. An empty variable counts as not set.

    Raises:
        SettingError: a value cannot be what its option is set to.
    """
    values: dict[str, Any] = {}
    for option in options():
        given, source = flags.get(option.name), flag(option)
        if given is None:
            given, source = environment.get(variable(option)) or None, variable(option)
        if given is not None:
            values[option.name] = _converted(option, given, source)
    return Settings(**values)


def local_url(host: str, port: int) -> str:
    """Return the address at which this machine reaches what listens at a host and port."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # recognised, not bound  # noqa: S104  # nosec B104
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
