"""GET /_mock/events as a live stream: server-sent events that resume where a reader left off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator

from flask import Request, Response

from flaresend_mock.control import errors, views
from flaresend_mock.core.events import Event
from flaresend_mock.core.world import World
from flaresend_mock.delivery.realtime import Stopwatch
from flaresend_mock.web import jsons
from flaresend_mock.web.connection import is_gone
from flaresend_mock.web.context import Emulator

CONTENT_TYPE = "text/event-stream; charset=utf-8"
MAX_STREAMS = 32
HEARTBEAT_SECONDS = 10.0
_RETRY_MILLISECONDS = 1000

_places = threading.BoundedSemaphore(MAX_STREAMS)


def is_wanted(request: Request) -> bool:
    """Tell whether a reader asks for a stream, and not for a page."""
    return request.args.get("stream") == "true" or "text/event-stream" in request.headers.get("Accept", "")


def respond(
    request: Request, us: Emulator, world: World, since: int | None, kinds: Collection[str]
) -> Response:
    """Answer with all that happens from now on, or after an event; 503 if there are as many readers as there may be.

    Args:
        since: the number of the event to go on after; a `Last-Event-ID` comes before it. None for what is new.
        kinds: which kinds of events; none for all.
    """
    if not _places.acquire(blocking=False):
        message = f"{MAX_STREAMS} streams are open, which is as many as there may be; close one"
        return errors.answer(503, "too_many_streams", message)
    try:
        resumed = request.headers.get("Last-Event-ID", "")
        after = int(resumed) if resumed.isascii() and resumed.isdigit() and len(resumed) < 19 else since
        stream = _Stream(world, after, kinds)
    except BaseException:
        _places.release()
        raise
    is_away = is_gone(request.environ)
    response = Response(stream.read(us, is_away), content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(stream.end)
    return response


class _Stream:
    """One reader of a world's log."""

    def __init__(self, world: World, since: int | None, kinds: Collection[str]) -> None:
        self._world = world
        self._kinds = kinds
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[Event] = []
        self._ended = False
        self._watched = world.watching.watched(None, self._see)
        with world.lock:
            self._watched.__enter__()
            last = world.state.events.last_number
            # a number that is still to come is from before an import or another start: all is new to its reader
            self._since = last if since is None else 0 if since > last else since
            self._backlog = world.state.events.since(self._since)
            lost = world.state.events.last_evicted_of_all()
            self._lost = max(0, lost - self._since)

    def end(self) -> None:
        """Stop watching, and give the place to others. Ending twice does nothing more."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        self._watched.__exit__(None, None, None)
        _places.release()

    def read(self, us: Emulator, is_away: Callable[[], bool]) -> Iterator[bytes]:
        try:
            with us.lend():
                yield f"retry: {_RETRY_MILLISECONDS}\n\n".encode()
                if self._lost:
                    yield _written("evicted", {"events": self._lost})
                for event in self._backlog:
                    yield from self._shown(event)
                self._backlog = []
                yield from self._live(us, is_away)
        finally:
            self.end()

    def _live(self, us: Emulator, is_away: Callable[[], bool]) -> Iterator[bytes]:
        beat = Stopwatch()
        while not (us.patience.over or is_away()):
            self._news.clear()
            closed = self._world.closed
            with self._lock:
                waiting, self._waiting = self._waiting, []
            for event in waiting:
                yield from self._shown(event)
            if closed:
                return
            if waiting:
                beat = Stopwatch()
            elif beat.seconds >= HEARTBEAT_SECONDS:
                yield b": still there\n\n"
                beat = Stopwatch()
            left = max(0.0, HEARTBEAT_SECONDS - beat.seconds)
            us.patience.wait(self._news, left, lambda: self._world.closed or is_away())

    def _see(self, event: Event) -> None:
        with self._lock:
            self._waiting.append(event)
        self._news.set()

    def _shown(self, event: Event) -> Iterator[bytes]:
        if not self._kinds or event.kind in self._kinds:
            yield _written(event.kind, views.event(event), event.number)


def _written(kind: str, data: object, number: int | None = None) -> bytes:
    numbered = b"" if number is None else f"id: {number}\n".encode()
    return numbered + f"event: {kind}\ndata: ".encode() + jsons.dump(data) + b"\n\n"
