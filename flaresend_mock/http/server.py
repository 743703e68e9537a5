"""The HTTP server: Waitress in a thread. It binds its address when it is created, and drains when it stops."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.http.bodies import JSON, dump_json
from flaresend_mock.http.context import CONTROL, CUT, MEDIA_HOST, RESET, TRUNCATE

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

BACKLOG = 1024
MAX_CONNECTIONS = 2000
SPARE_FILES = 64
DRAIN_SECONDS = 4.0
MAX_JOINED = 64 * 1024
SPARE_BODY = 256 * 1024 * 1024
MAX_LENT = 1024
SETTINGS: dict[str, Any] = {"asyncore_use_poll": True, "channel_request_lookahead": 1, "ident": None}
"""Settings of Waitress. The benchmarks serve plain Flask with the same settings."""


class JsonErrorTask(ErrorTask):
    """Sends Waitress's own errors as JSON, in the format of the API or of the control plane."""

    def execute(self) -> None:
        error = self.request.error
        message = "Request body too large" if error.code == 413 else error.reason
        refusal: dict[str, Any] = {"success": False, "message": message}
        if f"{getattr(self.request, 'path', '')}/".startswith((CONTROL + "/", MEDIA_HOST + "/")):
            refusal = {"error": {"code": error.reason.lower().replace(" ", "_"), "message": message}}
        body = dump_json(refusal)
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", JSON))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class OneWriteTask(WSGITask):
    """Sends the head of a response together with its body, in one packet and one system call.

    A fault may reset or truncate the connection instead: see http/context.py.
    """

    wrote_header: bool
    _cut: str | None = None

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[CUT] = self._prepare_cut
        return environ

    def _prepare_cut(self, how: str) -> None:
        self._cut = how
        if how == RESET:  # a socket that does not linger resets its connection when it is closed
            self.channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _write_cut(self, data: bytes) -> None:
        self.close_on_finish = True
        if self._cut == TRUNCATE and not self.wrote_header:
            self.channel.write_soon(self.build_response_header() + data[: len(data) // 2])
        self.wrote_header = True
        self.content_bytes_written = self.content_length or 0

    def finish(self) -> None:
        if self._cut is None or not self.wrote_header:
            super().finish()

    def write(self, data: bytes) -> None:
        if self._cut is not None:
            self._write_cut(data)
            return
        whole = len(data) == self.content_length and self.complete and self.has_body
        if self.wrote_header or not whole or len(data) > MAX_JOINED:
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(head + data)


class Parser(HTTPRequestParser):
    """Refuses request lines and headers that Waitress's parser fails on."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            raise ParsingError(str(error)) from None


class Channel(HTTPChannel):
    parser_class = Parser
    task_class = OneWriteTask
    error_task_class = JsonErrorTask


class HttpServer:
    """Serves one address with a thread for connections and a pool of worker threads.

    Args:
        app: the WSGI application.
        max_body_size: the limit of the application in bytes. The server reads more than twice as much, so that the
            application refuses a large body in its own order of checks.

    Raises:
        OSError: the address cannot be bound.
    """

    def __init__(self, app: WSGIApplication, host: str, port: int, *, threads: int, max_body_size: int) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # which logs every call that waits for a thread
        self._socket = _bind(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._map: dict[int, Any] = {}
        self._server = create_server(
            app,
            map=self._map,
            sockets=[self._socket],
            threads=threads,
            backlog=BACKLOG,
            connection_limit=_connection_limit(),
            max_request_body_size=2 * max_body_size + SPARE_BODY,
            clear_untrusted_proxy_headers=False,  # the emulator trusts none, and the request log shows them
            **SETTINGS,
        )
        self._server.channel_class = Channel
        self._thread = threading.Thread(target=self._loop, name="flaresend-mock-http", daemon=True)
        self._stopping: Stopwatch | None = None
        self._drained = threading.Event()
        self._ended = False
        self._threads = threads
        self._lent = 0
        self._lending = threading.Lock()

    def start(self) -> None:
        self._thread.start()

    @contextmanager
    def waiting(self) -> Iterator[bool]:
        """Add a worker thread while the current one waits, so that other calls are served.

        Yields whether a thread was available.
        """
        self._lend(1)
        try:
            yield self._lent <= MAX_LENT
        finally:
            self._lend(-1)

    def _lend(self, change: int) -> None:
        with self._lending:
            self._lent += change
            if self._stopping is None:  # else this would restart a pool that was shut down
                self._server.task_dispatcher.set_thread_count(self._threads + min(self._lent, MAX_LENT))

    def stop(self) -> None:
        """Stop accepting connections, finish running calls for at most 4.5 s, and close all connections."""
        trigger = self._server.trigger
        with self._lending:
            self._stopping = Stopwatch()
        trigger.pull_trigger()
        self._drained.wait()
        self._server.task_dispatcher.shutdown(timeout=0.5)
        self._ended = True
        trigger.pull_trigger()
        self._thread.join()
        trigger.close()  # last: worker threads pull the trigger after each response

    def _loop(self) -> None:
        while not self._ended:
            wasyncore.loop(timeout=0.1 if self._stopping else 1.0, use_poll=True, map=self._map, count=1)
            if self._stopping is not None:
                self._drain(self._stopping)

    def _drain(self, stopping: Stopwatch) -> None:
        if self._server.accepting:
            self._server.accepting = False
            wasyncore.dispatcher.close(self._server)
        channels = list(self._server.active_channels.values())
        late = stopping.seconds > DRAIN_SECONDS
        for channel in channels:
            if late or not (channel.requests or channel.total_outbufs_len):
                channel.handle_close()
        if not self._server.active_channels:
            self._drained.set()


def _bind(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _connection_limit() -> int:
    """Return the maximum number of connections, which leaves some of the process's open files for other uses."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MAX_CONNECTIONS
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if allowed == resource.RLIM_INFINITY else max(8, min(MAX_CONNECTIONS, allowed - SPARE_FILES))
