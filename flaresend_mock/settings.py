"""The options of the emulator: name, type, default and meaning, and their values from flags and the environment."""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import Field, field, fields, make_dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from flaresend_mock.core.hosts import HostList, is_base_url, plain_hosts
from flaresend_mock.core.matchers.parser import unknown

PREFIX = "FLARESEND_MOCK_"
ENVIRONMENT: MutableMapping[str, str] = os.environ

_UNITS = {"": 1, "b": 1, "k": 1024, "kib": 1024, "m": 1024**2, "mib": 1024**2, "g": 1024**3, "gib": 1024**3}
_SIZE = re.compile(r"(\d{1,12})\s*([a-z]*)", re.ASCII | re.IGNORECASE)
SECRETS = ("control_token", "api_key", "webhook_secret")


class SettingError(ValueError):
    """An option has a wrong value. The message names the option and the value."""


class Checked(click.ParamType):  # type: ignore[type-arg]
    """A type whose function returns the value of a text. For a wrong text it returns None or raises an error.

    `wanted` is what the message asks for.
    """

    def __init__(self, name: str, wanted: str, read: Callable[[str], Any]) -> None:
        self.name, self.wanted, self._read = name, wanted, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        with suppress(OSError, ValueError, LookupError):
            found = self._read(value)
            if found is not None:
                return found
        return self.fail(f"{value!r} is not {self.wanted}", param, ctx)


def _size(value: str) -> int | None:
    found = _SIZE.fullmatch(value.strip())
    return (int(found[1]) * _UNITS[found[2].lower()] or None) if found else None


def _http_url(value: str) -> str | None:
    parts = urlsplit(value)
    return value if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 else None


def _base_url(value: str) -> str | None:
    return _http_url(value.rstrip("/")) if is_base_url(value) else None


def _text(pattern: str) -> Callable[[str], str | None]:
    return lambda value: value if re.fullmatch(pattern, value) else None


TYPES: dict[str, click.ParamType[Any]] = {
    "text": click.STRING,
    "switch": click.BOOL,
    "size": Checked("size", "a size such as 64MiB or a number of bytes", _size),
    "url": Checked("url", "an http or https URL", _http_url),
    "base url": Checked("url", "an http or https URL without a query", _base_url),
    "key": Checked("key", "a key of printable ASCII characters without spaces", _text(r"[!-~]+")),
    "token": Checked("token", "a token of printable ASCII characters without spaces", _text(r"[!-~]+")),
    "path": Checked("path", "the path of a file", _text(r"[^\0]+")),
    "zone": Checked("zone", "a time zone such as Africa/Nairobi", lambda value: ZoneInfo(value).key),
    "hosts": Checked(
        "hosts", "a list of names, *.domains, addresses or networks", lambda value: HostList.parse(value) and value
    ),
    "names": Checked("names", "a list of host names and addresses", lambda value: ",".join(plain_hosts(value))),
}


def _option(about: dict[str, Any]) -> Any:
    """Return the field of an option. A list as its type holds words, or the lowest and the highest number."""
    kind = about["type"]
    if isinstance(kind, str):
        kind = TYPES[kind]
        wanted = getattr(kind, "wanted", "true or false")
    elif isinstance(kind[0], str):
        wanted, kind = f"one of {', '.join(kind)}", click.Choice(kind, case_sensitive=False)
    else:
        wanted, kind = f"a whole number from {kind[0]} to {kind[1]}", click.IntRange(*kind)
    return field(default=about["default"], metadata={**about, "type": kind, "wanted": wanted})


if TYPE_CHECKING:
    from flaresend_mock.options import Options
else:
    _TABLE = json.loads(Path(__file__).with_name("options.json").read_text("utf-8"))
    _FIELDS = [(name, Any, _option(about)) for name, about in _TABLE.items()]
    _CALLED = {"__post_init__": lambda made: made._convert()}
    Options = make_dataclass("Settings", _FIELDS, namespace=_CALLED, frozen=True, kw_only=True, slots=True)


class Settings(Options):
    """The options of an emulator. options.json has their types, defaults and meanings; options.pyi repeats the types.

    A flag wins over its variable, and that over the default.
    """

    __slots__ = ()

    def _convert(self) -> None:
        """Convert every value as on the command line. Files with secrets are read once: they may be pipes."""
        for option in fields(self):
            value = getattr(self, option.name)
            if file := getattr(self, f"{option.name}_file", None):
                value = _secret(f"{option.name}_file", file, value)
                object.__setattr__(self, f"{option.name}_file", None)
            if value is not None or option.default is not None:
                object.__setattr__(self, option.name, _converted(option, value, option.name))
        if self.lan:
            object.__setattr__(self, "host", "0.0.0.0")  # noqa: S104  # nosec B104
            object.__setattr__(self, "control_token", self.control_token or token_urlsafe(12))


def _converted(option: Field[Any], value: object, source: str) -> Any:
    if not is_text(str(value)):
        raise SettingError(f"{source}: the given value is not text in UTF-8")
    try:
        return option.metadata["type"].convert(str(value), None, None)
    except click.BadParameter:
        shown = "the given value" if option.name in SECRETS else repr(str(value))
        raise SettingError(f"{source}: {shown} is not {option.metadata['wanted']}") from None


def _secret(source: str, file: str, given: object) -> str:
    try:
        found = Path(str(file).encode().decode()).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        problem = f"{file}: {error.strerror}" if isinstance(error, OSError) else "the given value is not text in UTF-8"
        raise SettingError(f"{source}: {problem}") from None
    if not found or given not in (None, found):
        raise SettingError(f"{source}: {'give it or the value, not both' if found else f'{file} is empty'}")
    return found


def is_text(value: str) -> bool:
    """Tell whether UTF-8 has a text: Python reads other bytes of arguments, variables and paths as half characters."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def texts(option: Field[Any]) -> tuple[str, str]:
    """Return what an option means, and its default in words."""
    plain = "none" if option.default in (None, "") else str(option.default)
    return option.metadata["help"], option.metadata.get("default_text", plain)


def flag(option: Field[Any]) -> str:
    return "--" + option.name.rstrip("_").replace("_", "-")


def variable(option: Field[Any]) -> str:
    return PREFIX + option.name.rstrip("_").upper()


def resolve(flags: Mapping[str, str | None], environment: Mapping[str, str] = ENVIRONMENT) -> Settings:
    """Build settings from flags, then variables, then defaults. An empty variable counts as not set."""
    values: dict[str, Any] = {}
    for option in fields(Settings):
        given, source = flags.get(option.name), flag(option)
        if given is None:
            given, source = environment.get(variable(option)) or None, variable(option)
        if given is not None:
            values[option.name] = _converted(option, given, source)
    return Settings(**values)


def strange_variables(environment: Mapping[str, str] = ENVIRONMENT) -> list[str]:
    """Return what is wrong with variables that look like options, and are none."""
    others = "URL REDIRECT HERMETIC APP_HOST".split()
    known = {variable(option) for option in fields(Settings)} | {PREFIX + name for name in others}
    strange = (name for name in sorted(environment) if name.startswith(PREFIX) and name not in known)
    return [f"the variable {unknown(name, known)}" for name in strange]


def local_url(host: str, port: int) -> str:
    """Return the URL by which this machine reaches a server that listens at a host and port."""
    # recognised, not bound; many containers have no ::1
    reachable = {"0.0.0.0": "127.0.0.1", "::": "localhost"}.get(host, host)  # noqa: S104  # nosec B104
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"


def data_folder(environment: Mapping[str, str] = ENVIRONMENT, platform: str = sys.platform) -> Path | None:
    """Return the folder for what the emulator keeps for this user, or None for a user without a home."""
    given = environment.get("LOCALAPPDATA" if platform == "win32" else "XDG_DATA_HOME", "")
    try:
        if Path(given).is_absolute():
            return Path(given, "flaresend-mock")
        inside = {"win32": "AppData/Local", "darwin": "Library/Application Support"}.get(platform, ".local/share")
        return Path.home() / inside / "flaresend-mock"
    except (RuntimeError, ValueError):
        return None


def upstream_proxy(host: str) -> str | None:
    """Return the URL of the proxy through which the environment says that a host is reached, or None."""
    from requests.utils import should_bypass_proxies

    found = ENVIRONMENT.get("https_proxy") or ENVIRONMENT.get("HTTPS_PROXY") or ENVIRONMENT.get("all_proxy")
    excepted = ENVIRONMENT.get("no_proxy") or ENVIRONMENT.get("NO_PROXY") or ""
    if not found or should_bypass_proxies(f"https://{host}", excepted):
        return None
    return found if "://" in found else f"http://{found}"
