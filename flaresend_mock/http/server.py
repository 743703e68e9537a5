"""The HTTP server: it listens, gives each connection a thread, and finishes what is under way when it stops.

It speaks HTTP/1, TLS and proxy on every port: the first byte of a connection tells HTTP from TLS.
"""

import logging
import selectors
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any
from wsgiref.types import WSGIApplication

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.http.connection import Connection, refusal
from flaresend_mock.http.proxy import Proxy
from flaresend_mock.http.request_reader import MAX_HEAD, Knows, Refused
from flaresend_mock.http.turns import CallQueue, Room

log = logging.getLogger(__name__)

BACKLOG = 1024
MAX_CONNECTIONS = 2000
SPARE_CONNECTIONS = 100  # over the limit, with a thread to be refused properly: others may see a reset instead
SPARE_FILES = 64
SPARE_BODY = 256 * 1024 * 1024
MAX_BODIES = 2 * 1024**3  # bytes of large bodies, together, until their calls have been made
READING_SECONDS = 1.5  # how long requests that are on their way may still come in when the server stops
DRAIN_SECONDS = 4.0  # how long calls may still take when the server stops
CUT_SECONDS = 0.5
RETRY_SECONDS = 0.1
THREAD_NAME = "flaresend-mock-connection"
TOO_MANY = Refused(503, "too many connections are open")


class CannotListen(Exception):
    """An address cannot be bound. The message names it and the reason, in one line."""


class HttpServer:
    """Serves a WSGI application at one or several addresses. It binds them when it is created."""

    def __init__(
        self,
        app: WSGIApplication,
        addresses: Sequence[tuple[str, int]],  # hosts and ports; port 0 picks a free one
        *,
        max_body_size: int,  # in bytes, of the application, which refuses what is up to twice as large
        max_connections: int = MAX_CONNECTIONS,  # at once, as far as the process may open files
        tls_context: Callable[[], ssl.SSLContext] | None = None,  # called with the first TLS connection
        proxy: Proxy | None = None,  # which hosts are this emulator, and what of the others
    ) -> None:
        self.app = app
        self.max_body = 2 * max_body_size + SPARE_BODY
        self.bodies = Room(max(MAX_BODIES, 4 * self.max_body))
        self.tls_context = tls_context
        self.knows: Knows = lambda head: True  # bodies of other callers are not kept in files
        self.on_thread_free: Callable[[], None] = lambda: None  # a connection has ended
        self.proxy = proxy or Proxy()
        self.queue = CallQueue()
        self.unknown_queue = CallQueue()  # of costly requests without a known key: no other waits for them
        self.stopping = False
        with ExitStack() as opened:
            self._listeners = [opened.enter_context(_listen(*address)) for address in addresses]
            opened.pop_all()
        self.host, self.port = self._listeners[0].getsockname()[:2]
        self.ports: list[int] = [listener.getsockname()[1] for listener in self._listeners]
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._accept_all, name="flaresend-mock-accept", daemon=True)
        self._connections: set[Connection] = set()
        self._served = 0  # those of them that are not refused
        self._changed = threading.Condition()  # guards them
        self._most = min(max_connections, _file_limit())
        self._most_open = min(max_connections + SPARE_CONNECTIONS, _file_limit() + SPARE_FILES // 2)
        self._is_short = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting connections, finish running calls for at most 4 s, and close all connections."""
        self.stopping = True
        self._wake.send(b"\0")
        self._thread.join()
        watch = Stopwatch()
        self._end(lambda one: not (one.is_reading or one.is_calling), socket.SHUT_RD, READING_SECONDS)
        self._end(lambda one: not one.is_calling, socket.SHUT_RD, DRAIN_SECONDS - watch.seconds)
        self._end(lambda one: True, socket.SHUT_RDWR, CUT_SECONDS)
        self._wake.close()
        self._woken.close()

    def _end(self, which: Callable[[Connection], bool], how: int, seconds: float) -> None:
        with self._changed:
            for connection in self._connections:
                if which(connection):
                    connection.end(how)
            self._changed.wait_for(lambda: not self._connections, max(0.0, seconds))

    def _accept_all(self) -> None:
        with selectors.DefaultSelector() as selector:
            for source in (*self._listeners, self._woken):
                selector.register(source, selectors.EVENT_READ)
            while not self.stopping:
                selector.select()
                self._accept_waiting()
        self._accept_waiting()  # their requests may have arrived
        for listener in self._listeners:
            listener.close()

    def _accept_waiting(self) -> None:
        for listener in self._listeners:
            try:
                for _ in range(BACKLOG):  # a flood keeps no other listener waiting, nor the end
                    self._serve(*listener.accept())
                    self._is_short = False
            except (BlockingIOError, ConnectionAbortedError):  # there are no more, or the client is gone
                continue
            except OSError as error:
                if not self._is_short:
                    log.warning("cannot accept a connection: %s", error.strerror)
                self._is_short = True
                with self._changed:  # until another one has ended
                    self._changed.wait(RETRY_SECONDS)

    def _serve(self, accepted: socket.socket, client: tuple[Any, ...]) -> None:
        connection = None
        try:
            if len(self._connections) < self._most_open:
                connection = Connection(self, accepted, client, is_served=self._served < self._most)
                with self._changed:
                    self._connections.add(connection)
                    self._served += connection.is_served
                threading.Thread(target=self._run, args=(connection,), name=THREAD_NAME, daemon=True).start()
                return
        except (OSError, RuntimeError):  # the client is gone, or there is no thread
            if connection is not None:
                self._forget(connection)
        with suppress(OSError), accepted:
            accepted.setblocking(False)
            accepted.send(refusal(TOO_MANY, None))
            accepted.shutdown(socket.SHUT_WR)
            accepted.recv(MAX_HEAD)  # closing it with unread bytes would reset it

    def _run(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            self._forget(connection)
            self.on_thread_free()

    def _forget(self, connection: Connection) -> None:
        with self._changed:
            self._connections.remove(connection)
            self._served -= connection.is_served
            self._changed.notify_all()


def _listen(host: str, port: int) -> socket.socket:
    try:
        # bytes: Python would import stringprep and more for a text
        found = socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
        listener.setblocking(False)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise CannotListen(f"cannot listen on {host} port {port}: {reason}") from None
    return listener


def _file_limit() -> int:
    """Return how many connections leave enough of the files that the process may open for other uses."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return sys.maxsize
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if allowed == resource.RLIM_INFINITY else max(8, allowed - SPARE_FILES)
