"""flaresend-mock world, reset, clock and advance: worlds as a whole, and their time."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import options, output
from flaresend_mock.cli.commands import Call
from flaresend_mock.client import LONG_SECONDS, ControlPlane, NotAnEmulator

_OPENING = b'{"format":"flaresend-mock world"'
_OBEYED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def _new_world(given: dict[str, Any]) -> dict[str, Any]:
    file = given.pop("file", None)
    if file is None:
        return given
    if "fixture" in given:
        raise click.UsageError("--fixture: give --fixture or --file, not both")
    contents = options.json_or_text(options.read_file(file))
    if not isinstance(contents, dict):
        raise click.UsageError(f"{file}: it holds no JSON object, as world files and exports do")
    return {**given, "export" if "format" in contents else "world": contents}


def _export(emulator: ControlPlane, as_json: bool, file: Path | None, with_secrets: bool) -> None:
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


def _set(emulator: ControlPlane, as_json: bool, changes: Sequence[tuple[str, Any]]) -> None:
    response = emulator.call("PATCH", "/world", dict(changes))
    lines = [f"{name}: {'none' if value is None else value}" for name, value in response.items()]
    output.show(response, as_json, lines)


def _clock(emulator: ControlPlane, as_json: bool, now: str | None, frozen: bool | None) -> None:
    change = {name: value for name, value in (("now", now), ("frozen", frozen)) if value is not None}
    response = emulator.call("PATCH", "/clock", change) if change else emulator.call("GET", "/clock")
    state = "frozen" if response.get("frozen") else "running"
    due = response.get("next_due") or "nothing"
    line = f"{response.get('now')}, {state}; time zone {response.get('time_zone')}; next due: {due}"
    output.show(response, as_json, [line])


def _advance(emulator: ControlPlane, as_json: bool, step: dict[str, Any]) -> None:
    response = emulator.call("POST", "/clock/advance", step, seconds=LONG_SECONDS)
    fired = emulator.items(response, "fired")
    now = f"It is {response.get('now')}" + ("" if fired else "; nothing fell due")
    output.show(response, as_json, [*map(_fired, fired), now])


def _fired(fired: Mapping[str, Any]) -> str:
    line = " ".join(str(fired.get(name)) for name in ("at", "kind", "id", "result"))
    return f"{line}: {fired['reason']}" if fired.get("reason") else line


def _line(world: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{world.get(name)} {name}" for name in ("instances", "messages", "scheduled", "faults"))
    return f"{world.get('name')}: {counts}; {world.get('now')}, {'frozen' if world.get('frozen') else 'running'}"


COMMANDS = {
    "reset": Call("POST /reset", "World {world} is in its initial state", seconds=LONG_SECONDS),
    "world list": Call("GET /worlds", _line, items="worlds"),
    "world create": Call("POST /worlds", "World {name}\nAPI key: {api_key}", body=_new_world, seconds=LONG_SECONDS),
    "world export": _export,
    "world import": Call(
        "PUT /world",
        "World {world} is in the state of {file}",
        body=lambda given: options.read_file(given["file"]),
        seconds=LONG_SECONDS,
    ),
    "world set": _set,
    "world delete": Call("DELETE /worlds/{name}", "deleted: {deleted}"),
    "clock": _clock,
    "advance": _advance,
}
