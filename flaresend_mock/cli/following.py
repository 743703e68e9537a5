"""Following a world's log as it is written, over connections that drop."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from flaresend_mock.cli import output, progress
from flaresend_mock.cli.calls import Refused, Unreachable
from flaresend_mock.cli.remote import NO_EMULATOR, Remote

SECONDS_BETWEEN = 1.0
MOST_TRIES = 30
_BUSY = 500


@dataclass(frozen=True, slots=True)
class Sent:
    """One server-sent event."""

    id: str
    kind: str
    data: str


def follow(remote: Remote, kind: str, last: str, show: Callable[[dict[str, Any]], None]) -> int:
    """Show what happens after an event, until the emulator stops; return the exit status.

    A connection that drops is made again, and goes on where it broke off.

    Raises:
        Failed: the emulator refuses to tell, or cannot be reached for long.
    """
    tries, never = 0, threading.Event()
    while True:
        try:
            with remote.stream("/events", last, stream="true", kind=kind, since=last) as lines:
                for event in read(lines):
                    tries = 0
                    last = event.id or last
                    _show(remote, event, kind, show)
            why: Exception = ConnectionError("it keeps ending the connection")
        except Refused as error:
            if error.status < _BUSY:
                raise remote.failed(error) from None
            why = error
        except Unreachable as error:
            if error.is_refused:
                output.note(f"{remote.base}: the emulator has stopped")
                return 0
            why = error
        except BrokenPipeError:
            raise
        except (OSError, ValueError, HTTPException) as error:
            why = error
        tries += 1
        if tries > MOST_TRIES or str(why) == NO_EMULATOR:
            raise remote.failed(why)
        if tries > 1:
            with progress.waiting(remote.base):
                never.wait(SECONDS_BETWEEN)


def read(lines: Iterable[bytes]) -> Iterator[Sent]:
    """Yield the events of a stream; what is not complete when the stream breaks off is none."""
    found: dict[str, list[str]] = {}
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line:
            name, _, value = line.partition(":")
            found.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in found:
            number, kind = (found.get(field, [""])[-1] for field in ("id", "event"))
            yield Sent(number, kind, "\n".join(found["data"]))
        found = {}


def _show(remote: Remote, event: Sent, kind: str, show: Callable[[dict[str, Any]], None]) -> None:
    try:
        data = json.loads(event.data)
    except (ValueError, RecursionError):
        raise remote.failed(NO_EMULATOR) from None
    item = data.get(event.kind) if isinstance(data, dict) else None
    if event.kind == "evicted" and isinstance(data, dict) and isinstance(data.get("events"), int):
        output.note(f"some of what happened is no longer kept: {data['events']} events")
    elif event.kind == "world" and isinstance(item, dict):
        output.note(f"the world was {item.get('action')}")
    elif event.kind == kind and isinstance(item, dict):
        show(item)
    else:
        raise remote.failed(NO_EMULATOR)
    sys.stdout.flush()
