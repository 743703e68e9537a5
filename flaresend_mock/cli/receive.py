"""flaresend-mock receive: somebody writes to an instance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.remote import NO_EMULATOR, Remote, talking
from flaresend_mock.uploads import media_of


@click.command()
@click.argument("text", required=False)
@click.option("--from", "sender", required=True, metavar="NUMBER", help="Who writes.")
@click.option("--group", metavar="JID", help="The group it is written in.")
@click.option("--instance", metavar="ID", help="The instance it is written to; the first one if not given.")
@click.option("--type", "kind", help="The kind of message, where text and file do not tell.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A file to send along.")
@click.option("--caption", help="What is written below the file.")
@click.option("--reply-to", metavar="ID", help="The message to quote or to answer.")
@click.option("--target", metavar="ID", help="The message to react to, to edit or to delete.")
@talking(world=True)
def receive(remote: Remote, as_json: bool, file: Path | None, **given: str | None) -> int:
    """Let somebody write to an instance: its webhook gets the event."""
    names = {"sender": "from", "kind": "type"}
    body: dict[str, Any] = {
        names.get(name, name): value for name, value in given.items() if value is not None
    }
    if file is not None:
        body["media"] = _media(file)
    answer = remote.ask("POST", "/inbound", body)
    delivery = answer.get("delivery")
    if not isinstance(delivery, dict):
        raise remote.failed(NO_EMULATOR)
    if as_json:
        output.document(answer)
    else:
        output.say(f"{delivery.get('message')} {delivery.get('status')}")
    return 0


def _media(file: Path) -> dict[str, str]:
    try:
        return media_of(file)
    except OSError as error:
        raise click.UsageError(f"--file: {file}: {error.strerror}") from None
