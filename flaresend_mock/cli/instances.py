"""flaresend-mock instance and qr: instances, and the QR codes that they show."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import files, output
from flaresend_mock.cli.remote import NO_EMULATOR, Remote, part, talking

_WHITE_ON_BLACK, _AS_BEFORE = "\x1b[97;40m", "\x1b[0m"
_PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}

_which = click.argument("instance_id", metavar="[ID]", default="default")


@click.group(no_args_is_help=False)
def instance() -> None:
    """Instances: the phones that a world's API keys send with. Without an ID, the first one is meant."""


@instance.command("list")
@talking(world=True)
def list_instances(remote: Remote, as_json: bool) -> int:
    """List the instances of a world, oldest first."""
    answer = remote.ask("GET", "/instances")
    instances = remote.items(answer, "instances")
    if as_json:
        output.document(answer)
        return 0
    for one in instances:
        output.say(_line(one))
    return 0


@instance.command()
@click.option("--name", help="What it is called.")
@click.option("--number", help="Its phone number; one is made up if it is not given.")
@click.option("--api-key", metavar="KEY", help="Its API key; it has none if none is given.")
@talking(world=True)
def create(remote: Remote, as_json: bool, **given: str | None) -> int:
    """Make an instance; it shows a QR code a second later."""
    body = {name: value for name, value in given.items() if value is not None}
    return _shown(remote.ask("POST", "/instances", body), as_json)


@instance.command()
@_which
@talking(world=True)
def connect(remote: Remote, as_json: bool, instance_id: str) -> int:
    """Put an instance into the status connected, as if its QR code had been scanned."""
    body = {"status": "connected"}
    return _shown(remote.ask("POST", f"/instances/{part(instance_id)}/status", body), as_json)


@instance.command()
@_which
@talking(world=True)
def disconnect(remote: Remote, as_json: bool, instance_id: str) -> int:
    """Disconnect an instance, as the button of the dashboard does."""
    return _shown(remote.ask("POST", f"/instances/{part(instance_id)}/disconnect"), as_json)


@instance.command()
@_which
@click.option("--out", type=click.Path(path_type=Path), help="Save it as a picture: FILE.png or FILE.svg.")
@talking(world=True)
def qr(remote: Remote, as_json: bool, instance_id: str, out: Path | None) -> int:
    """Show the QR code of an instance that waits to be scanned, and the address that is in it."""
    if out is not None and out.suffix.lower() not in _PICTURES:
        raise click.UsageError(f"--out: {out}: a name that ends in .png or .svg")
    path = f"/instances/{part(instance_id)}/qr"
    if out is not None:
        _save(remote, path, out)
    drawing = "" if as_json or out is not None else _drawing(remote, path)
    answer = remote.ask("GET", path)
    if as_json:
        output.document(answer)
        return 0
    if output.can_write(drawing):
        _draw(drawing)
    else:
        output.note("this terminal cannot show the QR code; open the address, or save it with --out qr.png")
    output.say(str(answer.get("url")))
    return 0


def _save(remote: Remote, path: str, out: Path) -> None:
    suffix = out.suffix.lower()
    picture, media_type = remote.fetch(path, format=suffix[1:])
    if media_type != _PICTURES[suffix]:
        raise remote.failed(NO_EMULATOR)
    files.write(out, picture)


def _drawing(remote: Remote, path: str) -> str:
    drawing, _ = remote.fetch(path, format="text")
    return drawing.decode("utf-8", "replace")


def _draw(drawing: str) -> None:
    """Print a QR code; on a terminal in white on black, whatever its own colours are, so that phones can read it."""
    coloured = sys.stdout.isatty()
    for line in drawing.splitlines():
        output.say(line, *((_WHITE_ON_BLACK, _AS_BEFORE) if coloured else ()))


def _shown(answer: Mapping[str, Any], as_json: bool) -> int:
    if as_json:
        output.document(answer)
    else:
        output.say(_line(answer))
    return 0


def _line(instance: Mapping[str, Any]) -> str:
    return " ".join(str(instance.get(name) or "-") for name in ("id", "status", "number", "name"))
