"""GET /_mock/events as a live stream: server-sent events that resume where a reader left off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator

from flask import Request, Response

from flaresend_mock.control import errors, views
from flaresend_mock.core.world import World
from flaresend_mock.delivery.realtime import Stopwatch
from flaresend_mock.web import jsons
from flaresend_mock.web.connection import is_gone
from flaresend_mock.web.context import MAX_STREAMS, Emulator

CONTENT_TYPE = "text/event-stream; charset=utf-8"
HEARTBEAT_SECONDS = 10.0
_RETRY_MILLISECONDS = 1000


def respond(
    request: Request, us: Emulator, world: World, since: int | None, kinds: Collection[str]
) -> Response:
    """Answer with all that happens from now on, or after an event; 503 if there are as many readers as there may be.

    Args:
        since: the number of the event to go on after; a `Last-Event-ID` comes before it. None for what is new.
        kinds: which kinds of events; none for all.
    """
    if not us.streams.acquire(blocking=False):
        message = f"{MAX_STREAMS} streams are open, which is as many as there may be; close one"
        return errors.answer(503, "too_many_streams", message)
    try:
        resumed = request.headers.get("Last-Event-ID", "")
        after = int(resumed) if resumed.isascii() and resumed.isdigit() and len(resumed) < 19 else since
        stream = _Stream(us, world, after, kinds)
    except BaseException:
        us.streams.release()
        raise
    is_away = is_gone(request.environ)
    response = Response(stream.read(is_away), content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(stream.end)
    return response


class _Stream:
    """One reader of a world's log. Nothing is kept for it: however slowly it reads, it goes on where it was."""

    def __init__(self, us: Emulator, world: World, since: int | None, kinds: Collection[str]) -> None:
        self._us = us
        self._world = world
        self._kinds = kinds
        self._news = threading.Event()
        self._ending = threading.Lock()
        self._ended = False
        self._watched = world.watching.watched(None, lambda event: self._news.set())
        with world.lock:
            self._watched.__enter__()
            self._replacements = world.replacements
            last = world.state.events.last_number
            # a number that is still to come is from before an import or another start: all is new to its reader
            self._since = last if since is None else 0 if since > last else since

    def end(self) -> None:
        """Stop watching, and give the place to others. Ending twice does nothing more."""
        with self._ending:
            if self._ended:
                return
            self._ended = True
        self._watched.__exit__(None, None, None)
        self._us.streams.release()

    def read(self, is_away: Callable[[], bool]) -> Iterator[bytes]:
        try:
            with self._us.lend():
                yield f"retry: {_RETRY_MILLISECONDS}\n\n".encode()
                yield from self._read(is_away)
        finally:
            self.end()

    def _read(self, is_away: Callable[[], bool]) -> Iterator[bytes]:
        beat = Stopwatch()
        while not (self._us.patience.over or is_away()):
            self._news.clear()
            closed = self._world.closed
            for piece in self._new():
                yield piece
                beat = Stopwatch()
            if closed:
                return
            if beat.seconds >= HEARTBEAT_SECONDS:
                yield b": still there\n\n"
                beat = Stopwatch()
            left = max(0.0, HEARTBEAT_SECONDS - beat.seconds)
            self._us.patience.wait(self._news, left, lambda: self._world.closed or is_away())

    def _new(self) -> Iterator[bytes]:
        """Yield what the log has gained; what it has lost meanwhile, and that it is another one now, is told."""
        with self._world.lock:
            log = self._world.state.events
            replaced = self._replacements != self._world.replacements
            if replaced:
                self._replacements = self._world.replacements
                self._since = self._world.begins_at
            lost = log.evicted_since(self._since)
            events = log.since(self._since)
        if replaced:
            yield _written(
                "world", {"kind": "world", "world": {"action": "replaced", "id": self._world.name}}
            )
        if lost:
            yield _written("evicted", {"events": lost})
        for event in events:
            self._since = event.number
            if not self._kinds or event.kind in self._kinds:
                yield _written(event.kind, views.event(event), event.number)


def _written(kind: str, data: object, number: int | None = None) -> bytes:
    numbered = b"" if number is None else f"id: {number}\n".encode()
    return numbered + f"event: {kind}\ndata: ".encode() + jsons.dump(data) + b"\n\n"
