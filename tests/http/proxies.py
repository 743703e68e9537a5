"""Clients of the proxy on raw sockets, servers with a proxy, and names that resolve as a test says."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flaresend_mock.http.proxy import Proxy
from flaresend_mock.http.server import HttpServer
from tests.http.wire import TIMEOUT, App, rest, serving

METADATA = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "100.100.100.200",
    "metadata.google.internal",
    "METADATA.google.internal.",
]
"""Metadata services of clouds, in several spellings."""

Send = Callable[[socket.socket, str], tuple[int, str]]
"""`tunnel` or `absolute`."""


@contextmanager
def proxying(app: App | None = None, /, **options: Any) -> Iterator[tuple[HttpServer, list[tuple[str, bool]]]]:
    """Run a server whose proxy has these options, and yield it with what the proxy records."""
    recorded: list[tuple[str, bool]] = []
    context = options.pop("tls_context", None)
    proxy = Proxy(
        ports=lambda: server.ports, record=lambda target, passed: recorded.append((target, passed)), **options
    )
    with serving(app, proxy=proxy, tls_context=context) as server:
        yield server, recorded


def connect_request(target: str, *fields: str) -> bytes:
    return "\r\n".join([f"CONNECT {target} HTTP/1.1", f"Host: {target}", *fields, "", ""]).encode()


def tunnel(raw: socket.socket, target: str, after: bytes = b"") -> tuple[int, str]:
    """Send CONNECT, and bytes with it. Return the status, and the message of a refusal."""
    raw.sendall(connect_request(target) + after)
    return reply(raw)


def absolute(raw: socket.socket, url: str, *fields: str) -> tuple[int, str]:
    """Send GET with a whole URL. Return the status, and the message of a refusal."""
    raw.sendall("\r\n".join([f"GET {url} HTTP/1.1", "Host: x", *fields, "", ""]).encode())
    return reply(raw)


def reply(raw: socket.socket) -> tuple[int, str]:
    head = read_head(raw)
    status = int(head.split()[1])
    return status, "" if status == 200 else json.loads(rest(raw))["message"]


def echo(accepted: socket.socket) -> None:
    """Send everything back, and `end` at the end."""
    while piece := accepted.recv(65536):
        accepted.sendall(piece)
    accepted.sendall(b"end")


def responding(sent: bytes, heads: list[bytes] | None = None) -> Callable[[socket.socket], None]:
    """Return a handler that reads a head, notes it, and sends a response."""

    def handle(accepted: socket.socket) -> None:
        head = read_head(accepted)
        if heads is not None:
            heads.append(head)
        accepted.sendall(sent)

    return handle


def read_head(raw: socket.socket) -> bytes:
    """Return a head, and read nothing after it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = raw.recv(1)
        assert piece, head
        head += piece
    return head


def receive(raw: socket.socket, length: int) -> bytes:
    """Return this number of bytes."""
    found = b""
    while len(found) < length:
        piece = raw.recv(length - len(found))
        assert piece, found
        found += piece
    return found


def resolve(monkeypatch: pytest.MonkeyPatch, **names: str) -> None:
    """Have names below .test lead to addresses: shop="127.0.0.1" is for shop.test. Others do not exist."""
    found = socket.getaddrinfo

    def lookup(host: str | bytes, *args: Any, **options: Any) -> Any:
        name, _, domain = (host.decode() if isinstance(host, bytes) else host).rpartition(".")
        if domain != "test":
            return found(host, *args, **options)
        if name not in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [one for address in names[name].split() for one in found(address, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def address_of_this_machine() -> str:
    """Return an address of this machine that is not loopback. No packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has only loopback addresses")
    return address


class InnerTls:
    """TLS over a socket that may speak TLS itself, which `ssl.SSLSocket` cannot wrap again."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._raw = raw
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    def hello(self) -> bytes:
        """Return the first bytes of the handshake."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._outgoing.read()

    def shake_hands(self) -> None:
        self._until_done(self._tls.do_handshake)

    def ask(self, sent: bytes) -> bytes:
        """Send a request, and return the response, which is short."""
        self._tls.write(sent)
        found: bytes = self._until_done(lambda: self._tls.read(65536))
        return found

    def _until_done(self, step: Any) -> Any:
        self._raw.settimeout(TIMEOUT)
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._raw.sendall(self._outgoing.read())
                piece = self._raw.recv(65536)
                assert piece, "the connection has ended"
                self._incoming.write(piece)
            finally:
                if self._outgoing.pending:
                    self._raw.sendall(self._outgoing.read())
