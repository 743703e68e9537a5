"""GET /_mock/events as a stream of server-sent events, which a client can resume."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator

from flask import Request, Response

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.control import errors
from flaresend_mock.control.resources import activity
from flaresend_mock.core.log_reader import LogReader, Missed, Replaced
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import dump_json
from flaresend_mock.http.context import MAX_STREAMS, AppServices, is_gone

CONTENT_TYPE = "text/event-stream; charset=utf-8"
HEARTBEAT_SECONDS = 10.0
_RETRY_MILLISECONDS = 1000


def respond(
    request: Request, us: AppServices, world: World, since: int | None, kinds: Collection[str]
) -> Response:
    """Stream the events that happen from now on, or after an event; 503 if too many streams are open.

    Args:
        since: the number of the event to continue after; None for new events. A `Last-Event-ID` overrides it.
        kinds: kinds of events; empty for all.
    """
    if not us.streams.acquire(blocking=False):
        message = f"{MAX_STREAMS} streams are open, which is as many as there may be; close one"
        return errors.respond(503, "too_many_streams", message)
    try:
        resumed = request.headers.get("Last-Event-ID", "")
        after = int(resumed) if resumed.isascii() and resumed.isdigit() and len(resumed) < 19 else since
        stream = _Stream(us, world, world.follow(after), kinds)
    except BaseException:
        us.streams.release()
        raise
    is_away = is_gone(request.environ)
    response = Response(stream.read(is_away), content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    response.call_on_close(stream.end)
    return response


class _Stream:
    """Writes the events of a world's log for one client."""

    def __init__(self, us: AppServices, world: World, follower: LogReader, kinds: Collection[str]) -> None:
        self._us = us
        self._world = world
        self._kinds = kinds
        self._ending = threading.Lock()
        self._ended = False
        self._follower = follower

    def end(self) -> None:
        """Stop following the log, and free the place. Ending twice does nothing more."""
        with self._ending:
            if self._ended:
                return
            self._ended = True
        self._follower.close()
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
        while not is_away():
            ended = self._world.closed or self._us.patience.over  # events from before are still sent
            for piece in self._new():
                yield piece
                beat = Stopwatch()
            if ended:
                return
            if beat.seconds >= HEARTBEAT_SECONDS:
                yield b": still there\n\n"
                beat = Stopwatch()
            left = max(0.0, HEARTBEAT_SECONDS - beat.seconds)
            self._us.patience.wait(self._follower.news, left, lambda: self._world.closed or is_away())

    def _new(self) -> Iterator[bytes]:
        """Yield new events, the number of events that were missed, and a replacement of the log."""
        for item in self._follower.read():
            if isinstance(item, Missed):
                yield _written("evicted", {"events": item.events})
            elif isinstance(item, Replaced):
                change = {"action": "replaced", "id": self._world.name}
                yield _written("world", {"kind": "world", "world": change}, item.number)
            elif not self._kinds or item.kind in self._kinds:
                yield _written(item.kind, activity.event(item), item.number)


def _written(kind: str, data: object, number: int | None = None) -> bytes:
    numbered = b"" if number is None else f"id: {number}\n".encode()
    return numbered + f"event: {kind}\ndata: ".encode() + dump_json(data) + b"\n\n"
