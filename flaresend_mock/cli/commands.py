"""Builds the commands of assets/commands.json, and reads what they take. Their modules say what they do."""

import json
import math
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import click

from flaresend_mock.background import files
from flaresend_mock.cli import output
from flaresend_mock.client import SECONDS, ControlPlane, ControlPlaneError, EmulatorUnreachable, NotAnEmulator, part
from flaresend_mock.core.errors import AuthorityError
from flaresend_mock.settings import ENVIRONMENT, PREFIX, TYPES, Checked, Settings, is_text, local_url, resolve

MAX_SECONDS = 10_000 * 366 * 86_400.0
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_AMOUNT = r"(\d{1,12}(?:\.\d{1,9})?)"
_SPAN = re.compile(f"{_AMOUNT}|" + "".join(f"(?:{_AMOUNT}{unit})?" for unit in _UNITS), re.ASCII)
_BEGINS_LIKE_A_DATE = re.compile(r"\d{4}-|\d{8}T", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """A command that makes a call and prints a line for the response, or for each of its `items`."""

    call: str  # method and path; names in braces are parameters, the others are the body
    line: str | Callable[[Mapping[str, Any]], str]  # or a text with names in braces; - for no value
    body: Callable[[dict[str, Any]], Any] = dict  # makes the body of what was given
    items: str = ""
    seconds: float = SECONDS

    def __call__(self, emulator: ControlPlane, as_json: bool, **given: Any) -> None:
        method, _, path = self.call.partition(" ")
        body = {name: value for name, value in given.items() if value is not None and f"{{{name}}}" not in path}
        target = path.format(**{name: part(str(value or "")) for name, value in given.items()}).rstrip("/")
        response = emulator.call(method, target, self.body(body) or None, seconds=self.seconds)
        shown = emulator.items(response, self.items) if self.items else [response]
        output.show(response, as_json, [line for one in shown for line in self._lines(one, given)])
        if not as_json and isinstance(warnings := response.get("warnings"), list):
            for warning in warnings:
                output.note(str(warning))

    def _lines(self, shown: dict[str, Any], given: dict[str, Any]) -> list[str]:
        if not isinstance(self.line, str):
            return [self.line(shown)]
        known = defaultdict(lambda: "-", {name: one for name, one in (given | shown).items() if one not in (None, "")})
        return [line.format_map(known) for line in self.line.splitlines()]


class EmulatorCommand(click.Command):
    """Gets a client of the emulator that its options name as `emulator`; one of kind "optional" may get None."""

    def __init__(self, name: str, *, kind: str | bool, **options: Any) -> None:
        super().__init__(name, **options)
        self._kind = kind

    def invoke(self, ctx: click.Context) -> Any:
        url, port, token, world = (ctx.params.pop(one, None) for one in ("url", "port", "token", "in_world"))
        base, ctx.params["emulator"] = address(ctx.obj, url, port), None
        try:
            with ExitStack() as opened:
                if self._kind != "optional" or url or port or ENVIRONMENT.get(f"{PREFIX}URL"):
                    client = ControlPlane(base, token=token_of(ctx.obj, token), world=world)
                    ctx.params["emulator"] = opened.enter_context(closing(client))
                return super().invoke(ctx)
        except ControlPlaneError as error:
            hint = "; flaresend-mock world list shows them" if error.code == "world_not_found" else ""
            raise click.ClickException(f"{base}: {error}{hint}") from None
        except EmulatorUnreachable as error:
            raise click.ClickException(f"{error}{output.START if error.is_refused else ''}") from None
        except RecursionError:  # JSON that is nested too deeply to be shown
            raise click.ClickException(str(NotAnEmulator(base))) from None
        except AuthorityError as error:
            raise output.CannotRun(str(error)) from None


def build(name: str, module: ModuleType) -> click.Command:
    """Build a command, or a group with its commands, from the functions of a module that have their names."""
    table = json.loads((Path(__file__).parent / "assets" / "commands.json").read_text(encoding="utf-8"))
    name = table[name] if isinstance(table[name], str) else name  # a command may have another name
    if inner := [one for one in table if one.startswith(f"{name} ")]:
        commands = {one.rpartition(" ")[2]: _command(one, table, module) for one in inner}
        return click.Group(name, commands, no_args_is_help=False, **table[name])
    return _command(name, table, module)


def _command(name: str, table: Any, module: ModuleType) -> click.Command:
    about = table[name]
    wanted, emulator, world = about.pop("parameters", {}), about.pop("emulator", True), about.pop("world", True)
    if emulator in (True, "optional"):
        wanted |= dict.fromkeys(("--url", "--port", "--control-token token", "--json as_json"))
        wanted |= {"--world in_world": None} if world else {}
    parameters = [_parameter(key, one or table["shared"].get(key, {})) for key, one in wanted.items()]
    about |= {"params": parameters, "callback": getattr(module, re.sub("[ -]", "_", name))}
    if emulator:
        return EmulatorCommand(name.rpartition(" ")[2], kind=emulator, **about)
    return click.Command(name, **about)


def _parameter(key: str, about: dict[str, Any]) -> click.Parameter:
    """Return the option of a key such as `--set now`, or the argument of a key without dashes."""
    kind = about.get("type")
    if place := about.pop("complete", None):
        about["shell_complete"] = partial(_running, *place.split()) if place != "files" else click.Path().shell_complete
    if isinstance(kind, list):
        about = {**about, "type": click.Choice(kind) if isinstance(kind[0], str) else click.IntRange(*kind)}
    elif kind is not None:
        about = {**about, "type": _TYPES[kind]}
    return click.Option(key.split(), **about) if key.startswith("--") else click.Argument([key], **about)


def _running(path: str, name: str, context: click.Context, _: click.Parameter, begun: str) -> list[Any]:
    """Return the names that begin so in a list of a running emulator, and hold nothing that a shell obeys."""
    with suppress(Exception):
        settings, given = resolve({}), context.params.get
        base, token = address(settings, given("url"), given("port")), token_of(settings, given("token"))
        found = ControlPlane(base, token=token, world=given("in_world")).call("GET", f"/{path}", seconds=2.0)
        return [one[name] for one in found[path] if re.fullmatch(re.escape(begun) + r"[\w.:@-]*", one[name])]
    return []


def _file(text: str) -> Path | None:
    """Return the path of a file; None for what looks like the name of a world."""
    return Path(text) if text == "-" or not text.replace("-", "a").isidentifier() or Path(text).exists() else None


def _setting(text: str) -> tuple[str, Any]:
    if (found := name_and_value(text)) is None:
        raise click.BadParameter(f"{text!r} does not look like directory=closed")
    return found


def _step(text: str) -> dict[str, Any]:
    if text == "next":
        return {"to_next": True}
    if (seconds := span(text)) is not None:
        return {"seconds": seconds}
    if _BEGINS_LIKE_A_DATE.match(text):
        return {"to": text}
    raise click.BadParameter(f"{text!r} is neither a span of time such as 90 or 1h30m, nor an ISO 8601 time, nor next")


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


_TYPES: dict[str, Any] = {
    "float": float,
    "file": click.Path(path_type=Path),
    "folder": click.Path(path_type=Path, file_okay=False),
    "world file": Checked("FILE", "a file. A world goes with --world or --fixture, a new file as ./NAME", _file),
    "world name": Checked(
        "NAME", "the name of a world. A file goes with --file", lambda text: None if text.endswith(".json") else text
    ),
    "open text": click.File(encoding="latin-1"),
    "open bytes": click.File("rb"),
    "unprocessed": click.UNPROCESSED,
    "url": TYPES["url"],
    "span": Checked("span", "a span of time such as 30, 2h or 1h30m", span),
    "field": Checked("NAME=VALUE", "NAME=VALUE, such as seconds=5", name_and_value),
    "setting": _setting,
    "step": _step,
}
