"""flaresend-mock messages, requests and deliveries: what happened, one line an item."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.remote import Remote, talking

LIMIT = 20

_limit = click.option(
    "--limit", type=click.IntRange(1, 10_000_000), help=f"At most so many. [default: the newest {LIMIT}]"
)
_since = click.option(
    "--since", type=click.IntRange(0, 10**17), help="Only what happened after the event with this number."
)
_follow = click.option("--follow", is_flag=True, help="Go on with what happens from then on, until Ctrl-C.")


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: its name, the kind of its items in the log, the field with an item's number, and how one is shown."""

    name: str
    kind: str
    number: str
    line: Callable[[Mapping[str, Any]], str]

    def show(self, item: Mapping[str, Any], as_json: bool) -> None:
        if as_json:
            output.document(item)
        else:
            output.say(self.line(item))


@click.command()
@_limit
@_since
@_follow
@talking(world=True)
def messages(remote: Remote, **given: Any) -> int:
    """List what was sent and received, newest last. With --follow, --json prints each message on a line of its own."""
    return _list(remote, MESSAGES, **given)


@click.command()
@_limit
@_since
@_follow
@talking(world=True)
def requests(remote: Remote, **given: Any) -> int:
    """List the API calls and how they were answered, newest last. With --follow, --json prints a call a line."""
    return _list(remote, REQUESTS, **given)


@click.command()
@_limit
@_since
@talking(world=True)
def deliveries(remote: Remote, **given: Any) -> int:
    """List webhook events: whether they were delivered, and in how many attempts; newest last."""
    return _list(remote, DELIVERIES, **given)


def _list(
    remote: Remote,
    listing: Listing,
    as_json: bool,
    limit: int | None,
    since: int | None,
    follow: bool = False,
) -> int:
    answer = remote.ask("GET", f"/{listing.name}", limit=limit or LIMIT, since=since)
    items = remote.items(answer, listing.name)
    if as_json and not follow:
        output.document(answer)
        return 0
    for item in items:
        listing.show(item, as_json)
    if not follow:
        return 0
    from flaresend_mock.cli.following import follow as follow_on

    sys.stdout.flush()
    last = items[-1].get(listing.number) if items else since or 0
    return follow_on(remote, listing.kind, str(last), lambda item: listing.show(item, as_json))


def _message(message: Mapping[str, Any]) -> str:
    outbound = message.get("direction") == "outbound"
    arrow = output.sign("→", "->") if outbound else output.sign("←", "<-")
    chat, parties = str(message.get("chat")), f"{message.get('from')} to {message.get('to')}"
    room = "" if chat.endswith(("@s.whatsapp.net", "@lid")) or chat in parties else f" in {chat}"
    said = next((message[name] for name in ("text", "caption", "fileName", "url") if message.get(name)), "")
    line = f"{message.get('timestamp')} {arrow} {parties}{room} {message.get('type')}"
    return f"{line} {output.short(str(said))}".rstrip()


def _request(request: Mapping[str, Any]) -> str:
    names = ("timestamp", "method", "path", "status", "instance")
    line = " ".join("-" if request.get(name) is None else str(request[name]) for name in names)
    return f"{line} {request['fault']}" if request.get("fault") else line


def _delivery(delivery: Mapping[str, Any]) -> str:
    attempts = delivery.get("attempts")
    count = len(attempts) if isinstance(attempts, list) else 0
    tried = f"{count} attempt{'' if count == 1 else 's'}"
    return f"{delivery.get('id')} {delivery.get('status')}, {tried} {delivery.get('chat') or '-'}"


MESSAGES = Listing("messages", "message", "event", _message)
REQUESTS = Listing("requests", "request", "id", _request)
DELIVERIES = Listing("deliveries", "delivery", "event", _delivery)
