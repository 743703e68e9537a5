"""Builds the commands of assets/commands.json, which says what each takes. Their modules say what they do."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.options import address, name_and_value, span, token_of
from flaresend_mock.client import SECONDS, ControlPlane, ControlPlaneError, EmulatorUnreachable, NotAnEmulator, part
from flaresend_mock.core.errors import AuthorityError
from flaresend_mock.settings import ENVIRONMENT, PREFIX, TYPES, Checked, resolve

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
