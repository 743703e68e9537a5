"""flaresend-mock messages, requests, deliveries and transcript: what happened."""

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.options import json_option
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable, NotAnEmulator
from flaresend_mock.core.transcript import message_line

SECONDS_BETWEEN = 1.0
MOST_TRIES = 30
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Listing:
    """The command of a list: its name, the kind of its events, the field with an event's number, and an item's line."""

    name: str
    kind: str
    number: str
    line: Callable[[Mapping[str, Any]], str]

    def __call__(
        self, emulator: ControlPlane, as_json: bool, limit: int, since: int | None, follow: bool = False
    ) -> None:
        response = emulator.call("GET", f"/{self.name}", limit=limit, since=since)
        items = emulator.items(response, self.name)
        if as_json and not follow:
            output.document(response)
            return
        for item in items:
            self.show(item, as_json)
        if follow:
            sys.stdout.flush()
            _follow_on(emulator, self, str(items[-1].get(self.number) if items else since or 0), as_json)

    def show(self, item: Mapping[str, Any], as_json: bool) -> None:
        output.show(item, as_json, [self.line(item)])


def _transcript(emulator: ControlPlane, as_json: bool, match: str | None, **query: Any) -> None:
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


def _follow_on(emulator: ControlPlane, listing: Listing, last: str, as_json: bool) -> None:
    """Show what happens after an event, until the emulator stops. A dropped connection is made again."""
    tries, never = 0, threading.Event()
    while True:
        try:
            with emulator.stream("/events", last, stream="true", kind=listing.kind, since=last) as events:
                for number, kind, data in events:
                    tries = 0
                    last = number or last
                    _show(emulator, kind, data, listing, as_json)
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
            never.wait(SECONDS_BETWEEN)


def _show(emulator: ControlPlane, kind: str, data: Any, listing: Listing, as_json: bool) -> None:
    match kind, data:
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


COMMANDS = {
    "messages": Listing("messages", "message", "event", _message),
    "requests": Listing("requests", "request", "id", _request),
    "deliveries": Listing("deliveries", "delivery", "event", _delivery),
    "transcript": _transcript,
}
