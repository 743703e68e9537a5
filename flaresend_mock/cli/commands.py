"""The commands beside serving."""

from __future__ import annotations

import json
import mimetypes
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli.remote import Refused, Unreachable, address, ask, url_option
from flaresend_mock.logs import visible
from flaresend_mock.settings import Settings


@click.command()
@url_option
@click.pass_obj
def health(settings: Settings, url: str | None) -> int:
    """Ask a running emulator whether it is ready: exit status 0 if it is, 1 if not."""
    base = address(settings, url)
    try:
        print(json.dumps(ask(base, "GET", "/_mock/health")))
        return 0
    except (Unreachable, Refused) as error:
        print(f"flaresend-mock: {visible(base)} is not ready: {visible(str(error))}", file=sys.stderr)
        return 1


@click.command()
@click.argument("text", required=False)
@click.option("--from", "sender", required=True, metavar="NUMBER", help="Who writes.")
@click.option("--group", metavar="JID", help="The group it is written in.")
@click.option("--instance", metavar="ID", help="The instance it is written to; the first one if not given.")
@click.option("--type", "kind", help="The kind of message, where text and file do not tell.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A file to send along.")
@click.option("--caption", help="What is written below the file.")
@click.option("--about", metavar="ID", help="The message that is replied, reacted to, edited or deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole answer.")
@url_option
@click.pass_obj
def receive(
    settings: Settings, /, url: str | None, as_json: bool, file: Path | None, **given: str | None
) -> int:
    """Let somebody write to an instance: its webhook gets the event."""
    names = {"sender": "from", "kind": "type"}
    body: dict[str, Any] = {
        names.get(name, name): value for name, value in given.items() if value is not None
    }
    if file is not None:
        body["media"] = _media(file)
    base = address(settings, url)
    try:
        answer = ask(base, "POST", "/_mock/inbound", body)
    except (Unreachable, Refused) as error:
        print(f"flaresend-mock: {visible(base)}: {visible(str(error))}", file=sys.stderr)
        return 1
    delivery = answer.get("delivery") if isinstance(answer, dict) else None
    if not isinstance(delivery, dict):
        print(f"flaresend-mock: {visible(base)}: what answers there is no emulator", file=sys.stderr)
        return 1
    print(
        json.dumps(answer) if as_json else ascii(f"{delivery.get('message')} {delivery.get('status')}")[1:-1]
    )
    return 0


def _media(file: Path) -> dict[str, str]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise click.UsageError(f"--file: {file}: {error.strerror}") from None
    mimetype = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return {"base64": b64encode(data).decode(), "mimetype": mimetype, "fileName": file.name}


@click.command("verify-signature")
@click.option("--secret", required=True, help="The secret of the webhook.")
@click.option(
    "--headers",
    "headers_file",
    required=True,
    type=click.File(encoding="latin-1"),
    help="The headers received, one a line.",
)
@click.option(
    "--body", "body_file", required=True, type=click.File("rb"), help="The body received, byte for byte."
)
def verify_signature(secret: str, headers_file: Any, body_file: Any) -> int:
    """Check the signatures of a webhook that was received: exit status 0 if they hold, 1 if not."""
    from flaresend_mock.delivery import signing

    pairs = (line.partition(":") for line in headers_file if ":" in line)
    received = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = body_file.read()
    holds = []
    if "webhook-signature" in received:
        message_id, timestamp = received.get("webhook-id", ""), received.get("webhook-timestamp", "")
        expected = signing.standard(secret, message_id, timestamp, body)
        holds.append(_compared("webhook-signature", expected, received["webhook-signature"].split()))
    if "x-hub-signature-256" in received:
        holds.append(
            _compared("X-Hub-Signature-256", signing.hub(secret, body), [received["x-hub-signature-256"]])
        )
    if not holds:
        print("There is neither a webhook-signature nor an X-Hub-Signature-256 header.")
    return 0 if holds and all(holds) else 1


def _compared(name: str, expected: str, received: list[str]) -> bool:
    same = expected in received
    print(f"{name}: {'holds' if same else 'does not hold'}")
    print(f"  expected {expected}")
    print(f"  received {ascii(' '.join(received))[1:-1]}")
    return same


@click.command()
def fidelity() -> None:
    """Print what of the emulator is documented and what is assumed, as a Markdown table."""
    from flaresend_mock.fidelity import document

    print(document(), end="")


ALL = (health, receive, verify_signature, fidelity)
