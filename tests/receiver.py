"""A webhook receiver on a real socket, which answers as a test tells it to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in; `number` counts from 0 over all of a receiver's."""

    number: int
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> Any:
        """What somebody wrote, in the event of a text."""
        return self.event["data"]["message"]["conversation"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver does with a request.

    `wait`: how many seconds it takes; None until the receiver is released. `drop`: the connection is closed without an
    answer. `missing`: so many bytes of the body are announced and never sent. `drip`: seconds between its bytes.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float | None = 0
    drop: bool = False
    missing: int = 0
    drip: float = 0


@contextmanager
def refusing() -> Iterator[str]:
    """Yield an address that refuses connections: its port is taken, and nothing listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


HANG = Reply(wait=None)
DROP = Reply(drop=True)

Behaviour = Callable[[Asked], Reply | int]


class Receiver:
    """Listens on a free port of this machine while it is entered.

    Args:
        behave: says what is done with a request; a number is a status. It runs in the request's thread.
    """

    def __init__(self, behave: Behaviour = lambda _: 200) -> None:
        self.behave = behave
        self.asked: list[Asked] = []
        self.statuses: list[tuple[Asked, int | None]] = []  # what was answered, None for a dropped connection
        self.most_at_once = 0
        self._at_once = 0
        self._changed = threading.Condition()
        self._released = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def texts(self) -> list[str]:
        return [asked.text for asked in self.asked]

    def release(self) -> None:
        """Let everybody go who hangs, and keep nobody any more."""
        self._released.set()

    def wait_for(self, count: int, seconds: float = 10) -> bool:
        """Wait until so many requests have come in, and return whether they did."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.asked) >= count, seconds)

    def take(self, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes) -> Reply:
        with self._changed:
            asked = Asked(len(self.asked), method, path, headers, body)
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
        try:
            decided = self.behave(asked)
            reply = Reply(decided) if isinstance(decided, int) else decided
            if reply.wait != 0:
                self._released.wait(reply.wait)
        finally:
            with self._changed:
                self._at_once -= 1
        with self._changed:
            self.statuses.append((asked, None if reply.drop else reply.status))
        return reply

    def pause(self, seconds: float) -> None:
        self._released.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The other side may leave whenever it likes."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # a response is one packet
    disable_nagle_algorithm = True
    server: _Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reply = self.server.receiver.take(self.command, self.path, tuple(self.headers.items()), body)
        if reply.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + reply.missing))
        self.end_headers()
        if reply.drip:
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                self.server.receiver.pause(reply.drip)
        else:
            self.wfile.write(reply.body)
        self.close_connection = self.close_connection or bool(reply.missing)

    do_POST = do_GET = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""
