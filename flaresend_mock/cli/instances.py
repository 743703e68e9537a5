"""flaresend-mock instance, qr and receive: instances, their QR codes, and the messages that they get."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.commands import Call
from flaresend_mock.cli.options import read_file, write_file
from flaresend_mock.client import ControlPlane, NotAnEmulator, media_of, part

_WHITE_ON_BLACK, _DEFAULT_COLOURS = "\x1b[97;40m", "\x1b[0m"
_IMAGES = {".png": "image/png", ".svg": "image/svg+xml"}


def _webhook(given: dict[str, Any]) -> dict[str, Any]:
    body = {"url": given.pop("target"), **given}
    if "ca" in body:
        body["ca"] = read_file(body["ca"]).decode("utf-8", "replace")
    return body


def _qr(emulator: ControlPlane, as_json: bool, instance_id: str, out: Path | None) -> None:
    path = f"/instances/{part(instance_id)}/qr"
    if out is not None:
        if (suffix := out.suffix.lower()) not in _IMAGES:
            raise click.UsageError(f"--out: {out}: a name that ends in .png or .svg")
        image, media_type = emulator.fetch(path, format=suffix[1:])
        if media_type != _IMAGES[suffix]:
            raise NotAnEmulator(emulator.url)
        write_file(out, image)
    drawing = b"" if as_json or out is not None else emulator.fetch(path, format="text")[0]
    response = emulator.call("GET", path)
    if not as_json:
        _draw(drawing.decode("utf-8", "replace"))
    output.show(response, as_json, [str(response.get("url"))])


def _draw(drawing: str) -> None:
    """Print a QR code; on a terminal in white on black, which phones can read."""
    if not output.can_write(drawing):
        output.note("this terminal cannot show the QR code; open the URL, or save the code with --out qr.png")
        return
    colours = (_WHITE_ON_BLACK, _DEFAULT_COLOURS) if sys.stdout.isatty() else ()
    for line in drawing.splitlines():
        output.say(line, *colours)


def _event(given: str) -> Any:
    text = given if given.lstrip().startswith("{") else None
    try:
        if text is None and Path(given).is_file():
            text = Path(given).read_text(encoding="utf-8")
        return given if text is None else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise click.UsageError(f"--event: {given[:100]}: {error}") from None


def _receive(emulator: ControlPlane, as_json: bool, field: Sequence[Any], **given: Any) -> None:
    file, event = given.pop("file"), given.pop("event")
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None} | dict(field)
    for name in ("reply_to", "target", "album"):
        if body.get(name) == "last":
            newest = emulator.items(emulator.call("GET", "/messages", limit=1), "messages")
            body[name] = newest[-1].get("id") if newest else "last"
    if event is not None:
        body["event"] = _event(event)
    if file is not None:
        try:
            body["media"] = media_of(file)
        except OSError as error:
            raise click.UsageError(f"--file: {file}: {error.strerror}") from None
    response = emulator.call("POST", "/inbound", body)
    delivery = response.get("delivery")
    if not isinstance(delivery, dict):
        raise NotAnEmulator(emulator.url)
    output.show(response, as_json, [f"{delivery.get('message')} {delivery.get('status')}"])


_LINE = "{id} {status} {number} {name}"
COMMANDS = {
    "instance list": Call("GET /instances", _LINE, items="instances"),
    "instance create": Call("POST /instances", _LINE),
    "instance connect": Call("POST /instances/{instance_id}/status", _LINE, body=lambda _: {"status": "connected"}),
    "instance disconnect": Call("POST /instances/{instance_id}/disconnect", _LINE),
    "instance webhook": Call("PUT /instances/{instance_id}/webhook", "{instance} {target}", body=_webhook),
    "instance qr": _qr,
    "receive": _receive,
}
