"""flaresend-mock instance, qr and receive: instances, their QR codes, and the messages that they get."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.options import EmulatorCommand, EmulatorGroup, name_and_value, read_file, write_file
from flaresend_mock.client import ControlPlane, NotAnEmulator, media_of, part
from flaresend_mock.core.models import BODY_STYLES
from flaresend_mock.settings import Checked

_WHITE_ON_BLACK, _DEFAULT_COLOURS = "\x1b[97;40m", "\x1b[0m"
_FIELD = Checked("NAME=VALUE", "NAME=VALUE, such as seconds=5", name_and_value)
_IMAGES = {".png": "image/png", ".svg": "image/svg+xml"}

_which = click.argument("instance_id", metavar="[ID]", default="default")


@click.group(cls=EmulatorGroup, no_args_is_help=False)
def instance() -> None:
    """List, create and connect the instances of a world, and set webhooks. Without an ID, the first one is meant."""


@instance.command("list")
def list_instances(emulator: ControlPlane, as_json: bool) -> None:
    """List the instances of a world, oldest first."""
    response = emulator.call("GET", "/instances")
    output.show(response, as_json, map(_line, emulator.items(response, "instances")))


@instance.command()
@click.option("--name", help="Name of the instance.")
@click.option("--number", help="Phone number; without it, one is made up.")
@click.option("--api-key", metavar="KEY", help="API key; without it, the instance has none.")
def create(emulator: ControlPlane, as_json: bool, **given: str | None) -> None:
    """Create an instance. It shows a QR code a second later."""
    response = emulator.call("POST", "/instances", {name: one for name, one in given.items() if one is not None})
    output.show(response, as_json, [_line(response)])


@instance.command()
@_which
def connect(emulator: ControlPlane, as_json: bool, instance_id: str) -> None:
    """Put an instance into the status connected, as if a phone had scanned its QR code."""
    response = emulator.call("POST", f"/instances/{part(instance_id)}/status", {"status": "connected"})
    output.show(response, as_json, [_line(response)])


@instance.command()
@_which
def disconnect(emulator: ControlPlane, as_json: bool, instance_id: str) -> None:
    """Disconnect an instance, as the button of the dashboard does."""
    response = emulator.call("POST", f"/instances/{part(instance_id)}/disconnect")
    output.show(response, as_json, [_line(response)])


@instance.command()
@click.argument("target", metavar="URL")
@_which
@click.option("--secret", help="Secret that signs deliveries; without it, they are not signed.")
@click.option("--ordered/--unordered", default=None, help="Whether later events of a chat wait for retries.")
@click.option("--body-style", type=click.Choice(BODY_STYLES), help="How the JSON of events is written.")
@click.option("--ca", type=click.Path(path_type=Path), help="PEM file that an https receiver is verified against, too.")
@click.option("--verify/--no-verify", default=None, help="Whether an https receiver is verified.")
def webhook(emulator: ControlPlane, as_json: bool, target: str, instance_id: str, **given: Any) -> None:
    """Send the events of an instance to URL. Options that are left out get their defaults."""
    body = {"url": target, **{name: value for name, value in given.items() if value is not None}}
    if "ca" in body:
        body["ca"] = read_file(body["ca"]).decode("utf-8", "replace")
    response = emulator.call("PUT", f"/instances/{part(instance_id)}/webhook", body)
    output.show(response, as_json, [f"{response.get('instance')} {target}"])


@instance.command()
@_which
@click.option("--out", type=click.Path(path_type=Path), help="Save it as an image: FILE.png or FILE.svg.")
def qr(emulator: ControlPlane, as_json: bool, instance_id: str, out: Path | None) -> None:
    """Show the QR code of an instance that waits to be scanned, and the URL that the code holds."""
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
    """Return an event: JSON, in a file or itself, or else the name of a sample."""
    text = given if given.lstrip().startswith("{") else None
    try:
        if text is None and Path(given).is_file():
            text = Path(given).read_text(encoding="utf-8")
        return given if text is None else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise click.UsageError(f"--event: {given[:100]}: {error}") from None


@click.command(cls=EmulatorCommand)
@click.argument("text", required=False)
@click.option("--from", metavar="NUMBER", help="Number of the sender; required, but for an event.")
@click.option("--group", metavar="JID", help="Group to write in.")
@click.option("--instance", metavar="ID", help="Instance to write to; the first one if not given.")
@click.option("--type", help="Type of the message, where text and file do not tell it.")
@click.option("--file", type=click.Path(path_type=Path), help="File to send.")
@click.option("--caption", help="Caption of the file.")
@click.option("--reply-to", metavar="ID", help="Message to quote, or to reply to.")
@click.option("--target", metavar="ID", help="Message to react to, to edit, to delete or to vote in.")
@click.option("--event", metavar="NAME|FILE|JSON", help="Sample event, or event of your own, sent unchanged.")
@click.option(
    "--field", multiple=True, type=_FIELD, help="Other field of POST /_mock/inbound; the value is JSON or text."
)
def receive(emulator: ControlPlane, as_json: bool, field: Sequence[Any], **given: Any) -> None:
    """Send a message from a person to an instance, whose webhook gets the event."""
    file, event = given.pop("file"), given.pop("event")
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None} | dict(field)
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


def _line(instance: Mapping[str, Any]) -> str:
    return " ".join(str(instance.get(name) or "-") for name in ("id", "status", "number", "name"))
