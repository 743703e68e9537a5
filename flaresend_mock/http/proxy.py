"""The proxy: CONNECT and absolute-form requests lead to this emulator, and those for other hosts are passed on."""

from __future__ import annotations

import re
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from flaresend_mock.core import hosts
from flaresend_mock.http.request_parser import Head, Refused

if TYPE_CHECKING:
    from flaresend_mock.http.connection import Connection

API_HOST = "api.flaresend.com"
"""The host that clients of Flaresend call."""
CONNECT_SECONDS = 15.0
ESTABLISHED = b"HTTP/1.1 200 OK\r\n\r\n"
"""The response to CONNECT."""
MAX_REPLY = 16 * 1024

_PIECE = 64 * 1024
_CONTAINERS = ("flaresend", "flaresend-mock", "host.docker.internal")
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_MACHINE = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", re.ASCII)
_TOP_LEVEL = re.compile(r"[a-z]+|xn--[a-z0-9-]+", re.ASCII)
_HOP_BY_HOP = (b"proxy-", b"connection:", b"keep-alive:")


def names(extra: str = "") -> tuple[str, ...]:
    """Return the host names and addresses that the certificate is for, the API's first.

    Args:
        extra: further ones, as in --tls-name.
    """
    machine = hosts.canonical(socket.gethostname())
    # the CA may sign the names below, too: below a machine called dev is a public top-level domain
    known = _MACHINE.fullmatch(machine) and not _TOP_LEVEL.fullmatch(machine) and not hosts.address_of(machine)
    here = ("localhost", "127.0.0.1", "::1", *([machine] if known else []))
    return tuple(dict.fromkeys((API_HOST, *here, *_CONTAINERS, *hosts.plain_hosts(extra))))


class Proxy:
    """Decides where a request for a host goes.

    Args:
        extra: hosts that are this emulator at any port, besides the API's, as in --tls-name.
        ports: returns the ports that it listens on. This machine with one of these is this emulator.
        passes: passes requests for other hosts on. Without it, they are refused.
        upstream: returns the URL of the proxy that leads to a host, or None.
        chain: the address of an emulator in another process, to which its requests are led.
        record: is told of each request for another host: `host:port`, and whether it was passed on.
    """

    def __init__(
        self,
        extra: str = "",
        ports: Callable[[], Collection[int]] = tuple,
        *,
        passes: bool = False,
        upstream: Callable[[str], str | None] = lambda host: None,
        chain: tuple[str, int] | None = None,
        record: Callable[[str, bool], None] = lambda target, passed: None,
    ) -> None:
        self._names = frozenset((API_HOST, *hosts.plain_hosts(extra)))
        self._here = frozenset(names(extra))
        self._ports = ports
        self._passes = passes
        self._upstream = upstream
        self._chain = chain
        self._record = record

    def is_ours(self, head: Head, local: str) -> bool:
        """Tell whether this emulator responds to a request itself.

        Args:
            local: the address of this machine that the request came to.
        """
        host, port = _target(head)
        return self._chain is None and (host in self._names or self._is_here(host, port, local))

    def pass_on(self, head: Head, raw_head: bytes, connection: Connection) -> None:
        """Connect a client to the host of its request, until one of them ends that."""
        host, port = _target(head)
        asked, proxy = head.method == "CONNECT", None
        is_chained = self._chain is not None and host in self._names
        if self._chain is not None and is_chained:
            server = _open(*self._chain)
        elif hosts.is_loopback(host) and hosts.is_loopback(connection.client):
            server = _open(host, port)  # no other host: some clients know no exceptions from the proxy
        else:
            self._record(f"{host}:{port}", self._passes)
            if not self._passes:
                raise Refused(403, f"{host} is not this emulator, which passes no calls on without --proxy-others pass")
            proxy = urlsplit(self._upstream(host) or "")
            if not proxy.hostname or self._is_here(proxy.hostname, proxy.port or 80, connection.local):
                proxy = None
                server = _open(host, port)
            else:
                server = _open(proxy.hostname, proxy.port or 80)
        with closing(server):
            if asked:
                if proxy is not None:
                    _ask(server, f"{host}:{port}", proxy)
                connection.send(ESTABLISHED)
            else:
                is_whole = is_chained or proxy is not None
                server.sendall(_rewritten(raw_head, head, proxy, whole=is_whole))
            _join(connection, server)

    def _is_here(self, host: str, port: int, local: str) -> bool:
        return port in self._ports() and (host == local or host in self._here or hosts.is_loopback(host))


def _target(head: Head) -> tuple[str, int]:
    """Return the host and the port that a request is for."""
    parts = urlsplit(f"//{head.authority}")
    default = 443 if head.target.lower().startswith("https://") else 80
    try:
        return hosts.canonical(parts.hostname or ""), parts.port or default
    except ValueError:
        raise Refused(400, "Bad Request: a malformed port") from None


def _open(host: str, port: int) -> socket.socket:
    try:
        server = socket.create_connection((host, port), CONNECT_SECONDS)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(502, f"{host}:{port} cannot be reached: {reason}") from None
    server.settimeout(None)
    return server


def _authorization(proxy: SplitResult) -> bytes:
    """Return the header with the user name and the password in a proxy's URL, if it has them."""
    if proxy.username is None:
        return b""
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return b"Proxy-Authorization: Basic " + b64encode(credentials.encode()) + b"\r\n"


def _ask(server: socket.socket, target: str, proxy: SplitResult) -> None:
    """Ask another proxy for a connection."""
    server.settimeout(CONNECT_SECONDS)
    reply = b""
    try:
        request = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n".encode()
        server.sendall(request + _authorization(proxy) + b"\r\n")
        while not reply.endswith(b"\r\n\r\n") and len(reply) < MAX_REPLY:
            reply += (piece := server.recv(1))  # what follows belongs to the client
            if not piece:
                break
    except OSError:
        reply = b""
    if not reply.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
        said = reply.partition(b"\r\n")[0].decode("latin-1")[:100] or "nothing"
        raise Refused(502, f"the proxy {proxy.hostname} does not lead to {target}: it said {said}")
    server.settimeout(None)


def _rewritten(raw: bytes, head: Head, proxy: SplitResult | None, *, whole: bool) -> bytes:
    """Return a head as the next server gets it: the connection is for this one request.

    Args:
        whole: keeps the absolute form, for another proxy.
    """
    _, _, fields = raw.partition(b"\r\n")
    kept = [line for line in fields.split(b"\r\n") if line and not line.lower().startswith(_HOP_BY_HOP)]
    assert head.authority is not None
    rest = head.target.partition("://")[2][len(head.authority) :]
    target = head.target if whole else rest if rest.startswith("/") else f"/{rest}"
    line = f"{head.method} {target} HTTP/1.1".encode("latin-1")
    end = b"\r\nConnection: close\r\n" + (_authorization(proxy) if proxy else b"") + b"\r\n"
    return b"\r\n".join((line, *kept)) + end


def _join(connection: Connection, server: socket.socket) -> None:
    """Send everything that the client and the server say to the other, until both have ended."""

    def upload() -> None:
        with suppress(OSError):
            while piece := connection.read():
                server.sendall(piece)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR if connection.is_ending() else socket.SHUT_WR)

    sender = threading.Thread(target=upload, name="flaresend-mock-tunnel", daemon=True)
    sender.start()
    with suppress(OSError):
        while piece := server.recv(_PIECE):
            connection.send(piece)
    connection.end(socket.SHUT_RDWR)
    sender.join()
