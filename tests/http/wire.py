"""An HTTP server over an application that a test steers, and clients on raw sockets."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from flaresend_mock.http import connection, request_reader
from flaresend_mock.http import server as http_server
from flaresend_mock.http.server import HttpServer

TIMEOUT = 20.0
MAX_BODY = 100_000
PIECE = b"x" * 65536
SHORT = 0.05


class App:
    """A WSGI application. The path of a request says what it does.

    `arrived` counts requests. Those to /held wait until `let_go` is set, or their client is gone, which `gone` tells.
    """

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self.let_go = threading.Event()
        self.gone = threading.Semaphore(0)
        self.bodies: list[int] = []

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.arrived.release()
        path = environ["PATH_INFO"]
        if path == "/raise":
            raise RuntimeError("the application failed")
        if path == "/disk":
            raise OSError(28, "No space left on device")
        if path == "/upload":
            read = 0
            while piece := environ["wsgi.input"].read(65536):
                read += len(piece)
            self.bodies.append(read)
        if path == "/held":
            while not self.let_go.wait(0.01):
                if environ["flaresend_mock.client_disconnected"]():
                    self.gone.release()
                    break
        if path == "/cut":
            environ["flaresend_mock.cut"](environ["QUERY_STRING"])
        if path in ("/stream", "/break", "/endless"):
            start("200 OK", [])
            return self._stream(path)
        said = f"{environ['REQUEST_METHOD']} {environ['wsgi.url_scheme']} {path}".encode()
        status = {"/204": "204 No Content", "/304": "304 Not Modified"}.get(path, "200 OK")
        start(status, [] if status != "200 OK" else [("Content-Length", str(len(said)))])
        return [said if status == "200 OK" else b""]

    def _stream(self, path: str) -> Iterator[bytes]:
        yield b"first"
        if path == "/break":
            raise RuntimeError("the application failed")
        while path == "/endless":
            yield PIECE
        self.let_go.wait(TIMEOUT)
        yield b"last"


@contextmanager
def serving(app: App | None = None, **options: Any) -> Iterator[HttpServer]:
    """Run a server on a free port, and check that it leaves no thread behind."""
    app = app or App()
    before = set(threading.enumerate())
    server = HttpServer(app, [("127.0.0.1", 0)], max_body_size=MAX_BODY, **options)
    server.start()
    try:
        yield server
    finally:
        app.let_go.set()
        if not server.stopping:
            server.stop()
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("flaresend-mock"):
            thread.join(TIMEOUT)
            assert not thread.is_alive(), thread


def patch(monkeypatch: pytest.MonkeyPatch, **constants: float) -> None:
    """Set constants of the server, in each module that has them."""
    for name, value in constants.items():
        for module in (connection, request_reader, http_server):
            monkeypatch.setattr(module, name, value, raising=False)


def until(done: Callable[[], bool]) -> None:
    """Wait until a condition is true; the time limit of the test ends it otherwise."""
    waiting = threading.Event()
    while not done():
        waiting.wait(0.01)


def in_background(call: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def connect(port: int) -> socket.socket:
    raw = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def get(path: str = "/", *headers: str, method: str = "GET", minor: int = 1, body: bytes = b"") -> bytes:
    """Return a request."""
    lines = [f"{method} {path} HTTP/1.{minor}", "Host: localhost", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def response(raw: socket.socket, method: str = "GET") -> tuple[int, bytes, http.client.HTTPResponse]:
    """Read one response, and nothing after it: its status, its body and the rest.

    It reads in small steps: what http.client has read ahead is lost for the next response.
    """
    found = http.client.HTTPResponse(_Unbuffered(raw), method=method)  # type: ignore[arg-type]
    found.begin()
    return found.status, found.read(), found


def ask(raw: socket.socket, sent: bytes, method: str = "GET") -> tuple[int, bytes, http.client.HTTPResponse]:
    raw.sendall(sent)
    return response(raw, method)


def rest(raw: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    return b"".join(iter(lambda: raw.recv(65536), b""))


def is_closed(raw: socket.socket) -> bool:
    """Wait until the server closes the connection, and return whether it said nothing more."""
    try:
        return rest(raw) == b""
    except ConnectionError:
        return True


def client_context(authority: bytes | None) -> ssl.SSLContext:
    """Return the context of a client that trusts one CA, or none."""
    return ssl.create_default_context(cadata=authority.decode()) if authority else ssl.create_default_context()


def over_tls(raw: socket.socket, context: ssl.SSLContext, name: str | None = "localhost") -> ssl.SSLSocket:
    if name is None:
        context.check_hostname = False
    return context.wrap_socket(raw, server_hostname=name)


class _Unbuffered:
    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    def makefile(self, mode: str) -> Any:
        return self._raw.makefile(mode, buffering=0)


class Origin:
    """A plain or TLS server that is told what to do with a connection."""

    def __init__(self, handle: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.errors: list[BaseException] = []
        self._handle, self._context = handle, context
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._handlers = ExitStack()

    def __enter__(self) -> Origin:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(TIMEOUT)
        self._handlers.close()

    def _run(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            handler = threading.Thread(target=self._serve, args=(accepted,), daemon=True)
            handler.start()
            self._handlers.callback(handler.join, TIMEOUT)

    def _serve(self, accepted: socket.socket) -> None:
        accepted.settimeout(TIMEOUT)
        try:
            if self._context is not None:
                accepted = self._context.wrap_socket(accepted, server_side=True)
            with closing(accepted):
                self._handle(accepted)
        except OSError as error:
            self.errors.append(error)
