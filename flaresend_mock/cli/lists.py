"""flaresend-mock messages, requests, deliveries and transcript: what happened."""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.options import EmulatorCommand, json_option
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable, NotAnEmulator, ServerSentEvent
from flaresend_mock.core.transcript import message_line

LIMIT = 20
SECONDS_BETWEEN = 1.0
MOST_TRIES = 30
_SERVER_ERROR = 500
_KINDS = ("messages", "requests", "deliveries")

_limit = click.option(
    "--limit", type=click.IntRange(1, 10_000_000), help=f"List at most this many. [default: the newest {LIMIT}]"
)
_since = click.option(
    "--since", type=click.IntRange(0, 10**17), help="Only what happened after the event with this number."
)
_follow = click.option("--follow", is_flag=True, help="Go on with what happens from then on, until Ctrl-C.")


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: its name, the kind of its events, the field with the number of an item's event, and an item's line."""

    name: str
    kind: str
    number: str
    line: Callable[[Mapping[str, Any]], str]

    def show(self, item: Mapping[str, Any], as_json: bool) -> None:
        output.show(item, as_json, [self.line(item)])


@click.command(cls=EmulatorCommand)
@_limit
@_since
@_follow
def messages(emulator: ControlPlane, **given: Any) -> None:
    """List sent and received messages, newest last. With --follow, --json prints each message on a line of its own."""
    _list(emulator, MESSAGES, **given)


@click.command(cls=EmulatorCommand)
@_limit
@_since
@_follow
def requests(emulator: ControlPlane, **given: Any) -> None:
    """List the API calls and their responses, newest last. With --follow, --json prints a call a line."""
    _list(emulator, REQUESTS, **given)


@click.command(cls=EmulatorCommand)
@_limit
@_since
def deliveries(emulator: ControlPlane, **given: Any) -> None:
    """List webhook events with their status and number of attempts, newest last."""
    _list(emulator, DELIVERIES, **given)


@click.command(cls=EmulatorCommand)
@_since
@click.option("--match", metavar="JSON", help='Show the nearest miss of a matcher: \'{"text": "hi"}\'.')
@click.option("--kind", type=click.Choice(_KINDS), help="What the matcher is for; messages, if not given.")
def transcript(emulator: ControlPlane, as_json: bool, match: str | None, **query: Any) -> None:
    """Report what happened: messages, calls, deliveries, scheduled messages and faults, newest last."""
    if match is not None:
        json_option("--match", match)  # checks it
    if as_json:
        output.document(emulator.call("GET", "/transcript", match=match, **query))
        return
    text, media_type = emulator.fetch("/transcript", match=match, **query)
    if media_type != "text/plain":
        raise NotAnEmulator(emulator.url)
    for line in text.decode("utf-8", "replace").splitlines():
        output.say(line)


def _list(
    emulator: ControlPlane, listing: Listing, as_json: bool, limit: int | None, since: int | None, follow: bool = False
) -> None:
    response = emulator.call("GET", f"/{listing.name}", limit=limit or LIMIT, since=since)
    items = emulator.items(response, listing.name)
    if as_json and not follow:
        output.document(response)
        return
    for item in items:
        listing.show(item, as_json)
    if follow:
        sys.stdout.flush()
        _follow_on(emulator, listing, str(items[-1].get(listing.number) if items else since or 0), as_json)


def _follow_on(emulator: ControlPlane, listing: Listing, last: str, as_json: bool) -> None:
    """Show what happens after an event, until the emulator stops. A dropped connection is made again."""
    tries, never = 0, threading.Event()
    while True:
        try:
            with emulator.stream("/events", last, stream="true", kind=listing.kind, since=last) as events:
                for event in events:
                    tries = 0
                    last = event.id or last
                    _show(emulator, event, listing, as_json)
            why: Exception = ConnectionError("it keeps ending the connection")
        except (ControlPlaneError, NotAnEmulator) as error:
            if error.status < _SERVER_ERROR:
                raise
            why = error
        except EmulatorUnreachable as error:
            if error.is_refused:
                output.note(f"{emulator.url}: the emulator has stopped")
                return
            why = error
        except BrokenPipeError:
            raise
        except (OSError, ValueError, HTTPException) as error:
            why = error
        if (tries := tries + 1) > MOST_TRIES:
            raise click.ClickException(f"{emulator.url}: {why}")
        if tries > 1:
            with output.waiting(emulator.url):
                never.wait(SECONDS_BETWEEN)


def _show(emulator: ControlPlane, event: ServerSentEvent, listing: Listing, as_json: bool) -> None:
    try:
        data = json.loads(event.data)
    except (ValueError, RecursionError):
        data = None
    match event.kind, data:
        case "evicted", {"events": int(count)}:
            output.note(f"the emulator no longer keeps {count} events")
        case "world", {"world": dict(change)}:
            output.note(f"the world was {change.get('action')}")
        case listing.kind, {listing.kind: dict(item)}:
            listing.show(item, as_json)
        case _:
            raise NotAnEmulator(emulator.url)
    sys.stdout.flush()


def _message(message: Mapping[str, Any]) -> str:
    return message_line(message, str(message.get("timestamp")), output.arrows())


def _request(request: Mapping[str, Any]) -> str:
    names = ("timestamp", "method", "path", "status", "instance")
    line = " ".join("-" if request.get(name) is None else str(request[name]) for name in names)
    return f"{line} {request['fault']}" if request.get("fault") else line


def _delivery(delivery: Mapping[str, Any]) -> str:
    count = len(attempts) if isinstance(attempts := delivery.get("attempts"), list) else 0
    tried = f"{count} attempt{'' if count == 1 else 's'}"
    return f"{delivery.get('id')} {delivery.get('status')}, {tried} {delivery.get('chat') or '-'}"


MESSAGES = Listing("messages", "message", "event", _message)
REQUESTS = Listing("requests", "request", "id", _request)
DELIVERIES = Listing("deliveries", "delivery", "event", _delivery)
