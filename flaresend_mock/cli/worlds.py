"""flaresend-mock world, reset, clock and advance: worlds as a whole, and their time."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import options, output
from flaresend_mock.cli.options import EmulatorCommand, EmulatorGroup, read_file
from flaresend_mock.client import LONG_SECONDS, ControlPlane, NotAnEmulator, part

_OPENING = b'{"format":"flaresend-mock world"'
_OBEYED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
_BEGINS_LIKE_A_DATE = re.compile(r"\d{4}-|\d{8}T", re.ASCII)


@click.command(cls=EmulatorCommand)
def reset(emulator: ControlPlane, as_json: bool) -> None:
    """Reset a world to its initial state: contents, clock and log."""
    response = emulator.call("POST", "/reset", seconds=LONG_SECONDS)
    output.show(response, as_json, [f"World {response.get('world')} is in its initial state"])


@click.group(cls=EmulatorGroup, no_args_is_help=False)
def world() -> None:
    """List, create, export, import and delete worlds. Each has its own state, clock, API keys and faults."""


@world.command("list", world=False)
def list_worlds(emulator: ControlPlane, as_json: bool) -> None:
    """List the worlds of an emulator, oldest first."""
    response = emulator.call("GET", "/worlds")
    output.show(response, as_json, map(_line, emulator.items(response, "worlds")))


@world.command(world=False)
@click.argument("name")
@click.option("--fixture", help="Shipped world to start with: default, demo.")
@click.option("--file", type=click.Path(path_type=Path), help="World file or export to start with.")
@click.option("--seed", type=click.IntRange(-(10**17), 10**17), help="Seed of all random values.")
@click.option("--api-key", metavar="KEY", help="API key of the world; without it, one is made.")
@click.option("--time-zone", metavar="ZONE", help="Time zone that sendAt is in.")
def create(emulator: ControlPlane, as_json: bool, file: Path | None, **given: Any) -> None:
    """Create a world with its own API key, which picks the world."""
    body = {name: value for name, value in given.items() if value is not None}
    if file is not None:
        if "fixture" in body:
            raise click.UsageError("--fixture: give --fixture or --file, not both")
        contents = options.json_or_text(read_file(file))
        if not isinstance(contents, dict):
            raise click.UsageError(f"{file}: it holds no JSON object, as world files and exports do")
        body["export" if "format" in contents else "world"] = contents
    response = emulator.call("POST", "/worlds", body, seconds=LONG_SECONDS)
    output.show(response, as_json, [f"World {response.get('name')}", f"API key: {response.get('api_key')}"])
    _warn(response, as_json)


@world.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--with-secrets", is_flag=True, help="Include API keys and webhook secrets unmasked.")
def export(emulator: ControlPlane, as_json: bool, file: Path | None, with_secrets: bool) -> None:
    """Export a world as JSON, to a FILE or to standard output."""
    data, _ = emulator.fetch("/world", seconds=LONG_SECONDS, with_secrets="true" if with_secrets else None)
    if not data.startswith(_OPENING):
        raise NotAnEmulator(emulator.url)
    if file is not None and str(file) != "-":
        options.write_file(file, data, private=with_secrets)
        output.show({"file": str(file), "bytes": len(data)}, as_json, [])
        return
    if sys.stdout.isatty():
        data = data.decode("utf-8", "replace").translate(_OBEYED).encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(data + b"\n")


@world.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_world(emulator: ControlPlane, as_json: bool, file: Path) -> None:
    """Replace the state of a world by an export or a world file. A reset returns to it from then on."""
    response = emulator.call("PUT", "/world", read_file(file), seconds=LONG_SECONDS)
    output.show(response, as_json, [f"World {response.get('world')} is in the state of {file}"])
    _warn(response, as_json)


def _setting(text: str) -> tuple[str, Any]:
    try:
        return options.name_and_value(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} does not look like directory=closed") from None


@world.command("set")
@click.argument("changes", metavar="NAME=VALUE...", nargs=-1, required=True, type=_setting)
def change_settings(emulator: ControlPlane, as_json: bool, changes: Sequence[tuple[str, Any]]) -> None:
    """Change settings of a world, such as directory=closed or qr_codes=5; null is none. Shows them all."""
    response = emulator.call("PATCH", "/world", dict(changes))
    lines = [f"{name}: {'none' if value is None else value}" for name, value in response.items()]
    output.show(response, as_json, lines)


@world.command(world=False)
@click.argument("name")
def delete(emulator: ControlPlane, as_json: bool, name: str) -> None:
    """Delete a world and its API keys."""
    response = emulator.call("DELETE", f"/worlds/{part(name)}")
    output.show(response, as_json, [f"deleted: {response.get('deleted')}"])


@click.command(cls=EmulatorCommand)
@click.option("--set", "now", metavar="TIME", help="Set it: 2025-11-14T10:00:00Z, or local to the world.")
@click.option("--freeze/--run", "frozen", default=None, help="Freeze it, or let it run.")
def clock(emulator: ControlPlane, as_json: bool, now: str | None, frozen: bool | None) -> None:
    """Show the clock of a world; or set, freeze or run it. Nothing that is due runs by this."""
    change = {name: value for name, value in (("now", now), ("frozen", frozen)) if value is not None}
    response = emulator.call("PATCH", "/clock", change) if change else emulator.call("GET", "/clock")
    state = "frozen" if response.get("frozen") else "running"
    due = response.get("next_due") or "nothing"
    line = f"{response.get('now')}, {state}; time zone {response.get('time_zone')}; next due: {due}"
    output.show(response, as_json, [line])


def _step(text: str) -> dict[str, Any]:
    if text == "next":
        return {"to_next": True}
    try:
        return {"seconds": options.span(text)}
    except ValueError:
        if _BEGINS_LIKE_A_DATE.match(text):
            return {"to": text}
    raise click.BadParameter(f"{text!r} is neither a span of time such as 90 or 1h30m, nor an ISO 8601 time, nor next")


@click.command(cls=EmulatorCommand)
@click.argument("step", metavar="SPAN|TIME|next", type=_step)
def advance(emulator: ControlPlane, as_json: bool, step: dict[str, Any]) -> None:
    """Advance a clock by 90, 45s, 2h or 1d12h, to an ISO 8601 time, or to the next due time.

    Everything that falls due on the way has run when this ends.
    """
    response = emulator.call("POST", "/clock/advance", step, seconds=LONG_SECONDS)
    fired = emulator.items(response, "fired")
    now = f"It is {response.get('now')}" + ("" if fired else "; nothing fell due")
    output.show(response, as_json, [*map(_fired, fired), now])


def _fired(fired: Mapping[str, Any]) -> str:
    line = " ".join(str(fired.get(name)) for name in ("at", "kind", "id", "result"))
    return f"{line}: {fired['reason']}" if fired.get("reason") else line


def _warn(response: Mapping[str, Any], as_json: bool) -> None:
    if not as_json and isinstance(warnings := response.get("warnings"), list):
        for warning in warnings:
            output.note(str(warning))


def _line(world: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{world.get(name)} {name}" for name in ("instances", "messages", "scheduled", "faults"))
    return f"{world.get('name')}: {counts}; {world.get('now')}, {'frozen' if world.get('frozen') else 'running'}"
