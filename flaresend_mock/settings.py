"""The options of the emulator: name, type, default and meaning, and their values from flags and the environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from flaresend_mock.core.hosts import HostList, is_base_url, plain_hosts
from flaresend_mock.core.matchers.parser import unknown

PREFIX = "FLARESEND_MOCK_"
ENVIRONMENT: MutableMapping[str, str] = os.environ

_UNITS = {"": 1, "b": 1, "k": 1024, "kib": 1024, "m": 1024**2, "mib": 1024**2, "g": 1024**3, "gib": 1024**3}
_SIZE = re.compile(r"(\d{1,12})\s*([a-z]*)", re.ASCII | re.IGNORECASE)
_SECRET = ("control_token", "api_key", "webhook_secret")


class SettingError(ValueError):
    """An option has a wrong value. The message names the option and the value."""


class Checked(click.ParamType):  # type: ignore[type-arg]
    """A type whose function returns the value of a text, or raises an error. `wanted` is what the message asks for."""

    def __init__(self, name: str, wanted: str, read: Callable[[str], Any]) -> None:
        self.name, self.wanted, self._read = name, wanted, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._read(value)
        except (OSError, ValueError, LookupError):
            self.fail(f"{value!r} is not {self.wanted}", param, ctx)


def _size(value: str) -> int:
    found = _SIZE.fullmatch(value.strip())
    if not found or not int(found[1]):
        raise ValueError
    return int(found[1]) * _UNITS[found[2].lower()]


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    return value


def _base_url(value: str) -> str:
    if not is_base_url(value):
        raise ValueError
    return _http_url(value).rstrip("/")


def _text(pattern: str) -> Callable[[str], Any]:
    def read(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError
        return value

    return read


def _hosts(value: str) -> str:
    HostList.parse(value)
    return value


HTTP_URL = Checked("url", "an http or https URL", _http_url)
_BASE_URL = Checked("url", "an http or https URL without a query", _base_url)
_KEY = Checked("key", "a key of printable ASCII characters without spaces", _text(r"[!-~]+"))
_TOKEN = Checked("token", "a token of printable ASCII characters without spaces", _text(r"[!-~]+"))
_PATH = Checked("path", "the path of a file", _text(r"[^\0]+"))
_ZONE = Checked("zone", "a time zone such as Africa/Nairobi", lambda value: ZoneInfo(value).key)
_HOSTS = Checked("hosts", "a list of host names, *.domains, addresses or networks", _hosts)
_NAMES = Checked("names", "a list of host names and addresses", lambda value: ",".join(plain_hosts(value)))
_PORT = click.IntRange(0, 65535)
_BYTES = Checked("size", "a size such as 64MiB or a number of bytes", _size)


def _choice(*words: str) -> click.Choice[str]:
    return click.Choice(words, case_sensitive=False)


def _option(help: str, default: Any = None, kind: Any = None, shown: str = "") -> Any:
    """Declare an option. `kind` is its type, if not the default's; `shown` describes the default."""
    shown = shown or ("none" if default in (None, "") else str(default))
    metadata = {"type": click.types.convert_type(kind, default), "help": help, "shown": shown}
    return field(default=default, metadata=metadata)


def _allowed(what: str) -> Any:
    return _option(f"{what}, besides private ones: names, *.domains, addresses, networks.", "", _HOSTS)


def _file(help: str, shown: str = "") -> Any:
    return _option(help, None, _PATH, shown)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The options of an emulator. A flag wins over its variable, and that over the default."""

    host: str = _option("Address to listen on.", "127.0.0.1")
    port: int = _option("Port to listen on; 0 picks a free one.", 3577, _PORT)
    world: str = _option("World to start with: default, demo, the path of a world file, or its contents.", "default")
    seed: int | None = _option(
        "Seed of all random values: ids, LIDs, names.", None, click.IntRange(-(10**17), 10**17), "the world's, or 1"
    )
    time_zone: str | None = _option("Time zone that sendAt is in.", None, _ZONE, "the world's, or UTC")
    directory: str | None = _option(
        "Who is on WhatsApp: open for every well-formed number, closed for the people of the world only.",
        None,
        _choice("open", "closed"),
        "the world's, or open",
    )
    api_key: str | None = _option("API key of the world's first instance.", None, _KEY, "the world's: YOUR_API_KEY")
    auth: str = _option(
        "API keys: known refuses unknown ones; open creates a world for each.", "known", _choice("known", "open")
    )
    strict: bool = _option(
        "Accept only what the documentation shows: no trailing slashes, and forms only as it has them.", False
    )
    webhook_url: str | None = _option("URL of the webhook of the world's first instance.", None, HTTP_URL)
    webhook_secret: str | None = _option("Secret that signs deliveries.", None, click.STRING, "none: unsigned")
    allow_webhook_host: str = _allowed("Hosts to which webhooks may go over http")
    webhook_ca: str | None = _file(
        "File with certificates, in PEM, that webhooks over https are verified against, besides the public roots."
    )
    allowed_host: str = _allowed("Hosts under which /_mock is reached")
    public_url: str | None = _option(
        "URL by which applications reach this emulator, for links.", None, _BASE_URL, "the one that a client called"
    )
    tls_ca: str | None = _file(
        "File with the CA for https, its certificate and its key in PEM; made if it does not exist.",
        "one for this user; flaresend-mock ca prints it",
    )
    tls_name: str = _option("Further host names and addresses that the certificate for https is valid for.", "", _NAMES)
    tls_port: int | None = _option("Port to listen on besides --port, such as 443; 0 picks a free one.", None, _PORT)
    proxy_others: str = _option(
        "Calls of other hosts by clients whose proxy is the emulator: refuse returns 403, pass forwards them.",
        "refuse",
        _choice("refuse", "pass"),
    )
    import_: str | None = _file("Export that the default world starts with, instead of what --world says.")
    export_on_exit: str | None = _file("File that the default world is exported to when the emulator stops.")
    url_file: str | None = _file(
        "File that has the URL of the emulator while it runs. Commands read it, unless they are given a URL."
    )
    stop_with_stdin: bool = _option(
        "Stop when standard input ends, as it does with the program that started the emulator.", False
    )
    with_secrets: bool = _option("Show API keys and secrets in lists and exports, which otherwise mask them.", False)
    control_token: str | None = _option(
        "Token that clients of /_mock must send as X-Control-Token.", None, _TOKEN, "none: every program, no web page"
    )
    max_body_size: int = _option(
        "Largest request body; a larger one gets 413. JSON and URL-encoded forms have lower limits.",
        64 * 1024**2,
        _BYTES,
        "64MiB",
    )
    history: int = _option(
        "Number of messages, and of events, that a world keeps.", 10_000, click.IntRange(1, 10_000_000)
    )
    max_connections: int = _option(
        "Number of connections that are served at once; a further one gets 503.", 2000, click.IntRange(1, 100_000)
    )
    demo: bool = _option("Start with sample conversations and a chat bot, for demonstrations.", False)
    log_format: str = _option("Format of the log on standard error: text or json.", "text", _choice("text", "json"))
    log_level: str = _option(
        "Lowest level that is logged: debug, info, warning or error.",
        "info",
        _choice("debug", "info", "warning", "error"),
    )

    def __post_init__(self) -> None:
        """Convert every value as on the command line."""
        for option in fields(self):
            value = getattr(self, option.name)
            if value is not None or option.default is not None:
                object.__setattr__(self, option.name, _converted(option, value, option.name))


def _converted(option: Field[Any], value: object, source: str) -> Any:
    kind: click.ParamType[Any] = option.metadata["type"]
    try:
        return kind.convert(str(value), None, None)
    except click.BadParameter:
        shown = "the given value" if option.name in _SECRET else repr(str(value))
        raise SettingError(f"{source}: {shown} is not {_wanted(kind)}") from None


def _wanted(kind: click.ParamType[Any]) -> str:
    if isinstance(kind, click.IntRange):
        return f"a whole number from {kind.min} to {kind.max}"
    if isinstance(kind, click.Choice):
        return f"one of {', '.join(kind.choices)}"
    return getattr(kind, "wanted", "true or false")


def options() -> list[Field[Any]]:
    """Return all options, as the fields of Settings."""
    return list(fields(Settings))


def flag(option: Field[Any]) -> str:
    return "--" + option.name.rstrip("_").replace("_", "-")


def variable(option: Field[Any]) -> str:
    return PREFIX + option.name.rstrip("_").upper()


def resolve(flags: Mapping[str, str | None], environment: Mapping[str, str] = ENVIRONMENT) -> Settings:
    """Build settings from flags, then variables, then defaults. An empty variable counts as not set."""
    values: dict[str, Any] = {}
    for option in options():
        given, source = flags.get(option.name), flag(option)
        if given is None:
            given, source = environment.get(variable(option)) or None, variable(option)
        if given is not None:
            values[option.name] = _converted(option, given, source)
    return Settings(**values)


def strange_variables(environment: Mapping[str, str] = ENVIRONMENT) -> list[str]:
    """Return what is wrong with variables that look like options, and are none."""
    known = {variable(option) for option in options()} | {PREFIX + name for name in ("URL", "REDIRECT", "HERMETIC")}
    strange = (name for name in sorted(environment) if name.startswith(PREFIX) and name not in known)
    return [f"the variable {unknown(name, known)}" for name in strange]


def ca_places(environment: Mapping[str, str] = ENVIRONMENT) -> list[str]:
    """Return the files and folders of certificates that the environment names."""
    return [environment[name] for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE") if environment.get(name)]


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
