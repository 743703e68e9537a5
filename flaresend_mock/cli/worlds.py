"""flaresend-mock world and reset: worlds as a whole."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import files, jsons, output
from flaresend_mock.cli.remote import LONG_SECONDS, NO_EMULATOR, Remote, part, talking

_OPENING = b'{"format":"flaresend-mock world"'
_OBEYED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


@click.command()
@talking(world=True)
def reset(remote: Remote, as_json: bool) -> int:
    """Return a world to what it was created as: contents, clock and log."""
    return _done(remote.ask("POST", "/reset", seconds=LONG_SECONDS), as_json, "is as it was created")


@click.group(no_args_is_help=False)
def world() -> None:
    """Worlds: each with its own state, clock, API keys and faults."""


@world.command("list")
@talking()
def list_worlds(remote: Remote, as_json: bool) -> int:
    """List the worlds of an emulator, oldest first."""
    answer = remote.ask("GET", "/worlds")
    worlds = remote.items(answer, "worlds")
    if as_json:
        output.document(answer)
        return 0
    for one in worlds:
        output.say(_line(one))
    return 0


@world.command()
@click.argument("name")
@click.option("--fixture", help="The shipped world that it begins with: default, demo.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A world file, or an export.")
@click.option("--seed", type=click.IntRange(-(10**17), 10**17), help="Decides everything left to chance.")
@click.option("--api-key", metavar="KEY", help="Its API key; without it, one is made.")
@click.option("--time-zone", metavar="ZONE", help="Time zone that sendAt is in.")
@talking()
def create(remote: Remote, as_json: bool, file: Path | None, **given: Any) -> int:
    """Make a world with an API key of its own, which leads there by itself."""
    body = {name: value for name, value in given.items() if value is not None}
    if file is not None:
        if "fixture" in body:
            raise click.UsageError("--fixture: give that or --file, not both")
        contents = _contents(file)
        body["export" if "format" in contents else "world"] = contents
    answer = remote.ask("POST", "/worlds", body, seconds=LONG_SECONDS)
    if as_json:
        output.document(answer)
        return 0
    output.say(f"World {answer.get('name')}")
    output.say(f"API key: {answer.get('api_key')}")
    _warn(answer)
    return 0


@world.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--with-secrets", is_flag=True, help="With API keys and webhook secrets, which else are masked."
)
@talking(world=True)
def export(remote: Remote, as_json: bool, file: Path | None, with_secrets: bool) -> int:
    """Export a world as JSON, to a FILE or to standard output."""
    secrets = "true" if with_secrets else None
    data, _ = remote.fetch("/world", seconds=LONG_SECONDS, with_secrets=secrets)
    if not data.startswith(_OPENING):
        raise remote.failed(NO_EMULATOR)
    if file is not None and str(file) != "-":
        files.write(file, data, files.PRIVATE if with_secrets else files.SHARED)
        if as_json:
            output.document({"file": str(file), "bytes": len(data)})
        return 0
    if sys.stdout.isatty():
        data = data.decode("utf-8", "replace").translate(_OBEYED).encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(data + b"\n")
    return 0


@world.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@talking(world=True)
def import_world(remote: Remote, as_json: bool, file: Path) -> int:
    """Make a world what an export or a world file says; a reset returns to it from then on."""
    answer = remote.ask("PUT", "/world", files.read(file), seconds=LONG_SECONDS)
    status = _done(answer, as_json, f"is what {file} says")
    if not as_json:
        _warn(answer)
    return status


@world.command()
@click.argument("name")
@talking()
def delete(remote: Remote, as_json: bool, name: str) -> int:
    """Delete a world, and its API keys with it."""
    answer = remote.ask("DELETE", f"/worlds/{part(name)}")
    if as_json:
        output.document(answer)
    else:
        output.say(f"deleted: {answer.get('deleted')}")
    return 0


def _contents(file: Path) -> dict[str, Any]:
    try:
        found = jsons.load(files.read(file))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise click.UsageError(f"{file}: it holds no JSON object, as world files and exports do")
    return found


def _done(answer: Mapping[str, Any], as_json: bool, what: str) -> int:
    if as_json:
        output.document(answer)
    else:
        output.say(f"World {answer.get('world')} {what}")
    return 0


def _warn(answer: Mapping[str, Any]) -> None:
    warnings = answer.get("warnings")
    for warning in warnings if isinstance(warnings, list) else []:
        output.note(str(warning))


def _line(world: Mapping[str, Any]) -> str:
    counts = ", ".join(
        f"{world.get(name)} {name}" for name in ("instances", "messages", "scheduled", "faults")
    )
    clock = "stands still" if world.get("frozen") else "runs"
    return f"{world.get('name')}: {counts}; {world.get('now')}, {clock}"
