"""The proxy: CONNECT and absolute-form requests lead to this emulator, and those for other hosts are passed on."""

from __future__ import annotations

import os
import re
import socket
import sys
from base64 import b64encode
from collections.abc import Callable, Collection
from contextlib import closing, nullcontext, suppress
from dataclasses import KW_ONLY, dataclass
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from ssl import SSLWantReadError, SSLWantWriteError
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.core import hosts
from flaresend_mock.http.request_reader import Head, Refused

if TYPE_CHECKING:
    from flaresend_mock.http.connection import Connection

API_HOST = "api.flaresend.com"  # the host that clients of Flaresend call
API_ADDRESS = "57.128.52.136"  # the address of that host, which some clients pin
CONNECT_SECONDS = 15.0
ESTABLISHED = b"HTTP/1.1 200 OK\r\n\r\n"  # the response to CONNECT
MAX_REPLY = 16 * 1024

_PIECE = 64 * 1024  # more than a record of TLS: none is left where a selector does not see it
_TICK = 1.0  # how often a tunnel that stands still looks whether the server is being stopped
_CONTAINERS = ("flaresend", "flaresend-mock", "host.docker.internal")
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_MACHINE = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", re.ASCII)
_TOP_LEVEL = re.compile(r"[a-z]+|xn--[a-z0-9-]+", re.ASCII)
_OWN = "{} is the emulator's machine, which only its own programs reach through it"
_REPLACED = (b"proxy-", b"connection:", b"keep-alive:", b"host:")


def names(extra: str = "") -> tuple[str, ...]:
    """Return the hosts that the certificate is for: the API's first, and last the `extra` ones, as in --tls-name."""
    machine = hosts.canonical(socket.gethostname())
    # the CA may sign the names below, too: below a machine called dev is a public top-level domain
    known = _MACHINE.fullmatch(machine) and not _TOP_LEVEL.fullmatch(machine) and not hosts.address_of(machine)
    here = ("localhost", "127.0.0.1", "::1", *([machine] if known else []))
    return tuple(dict.fromkeys((API_HOST, *here, *_CONTAINERS, *hosts.plain_hosts(extra))))


@dataclass(eq=False, repr=False)
class Proxy:
    """Decides where a request for a host goes."""

    extra: str = ""  # hosts that are this emulator at any port, besides the API's, as in --tls-name
    ports: Callable[[], Collection[int]] = tuple  # on which it listens: this machine with one of these is this emulator
    _: KW_ONLY
    passes: bool = False  # passes requests for other hosts on. Without it, they are refused
    upstream: Callable[[str], str | None] = lambda target: None  # the proxy that leads to `host:port`
    chain: tuple[str, int] | None = None  # an emulator in another process, to which its requests are led
    record: Callable[[str, bool], None] = lambda target, passed: None  # gets `host:port`, and whether it was passed on

    def __post_init__(self) -> None:
        self._names = frozenset((API_HOST, API_ADDRESS, *hosts.plain_hosts(self.extra)))
        self._here = frozenset(names(self.extra))
        self._via = f"1.1 flaresend-mock-{os.getpid()}-{id(self)}"  # no other proxy of a request has it

    def is_ours(self, head: Head, local: str) -> bool:
        """Tell whether this emulator responds to a request itself, which came to its `local` address."""
        host, port = _target(head)
        return self.chain is None and (host in self._names or self._is_here(host, port, local))

    def pass_on(self, head: Head, raw_head: bytes, connection: Connection) -> None:
        """Connect a client to the host of its request, until one of them ends that."""
        (host, port), proxy, added = _target(head), None, b""
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        chain = self.chain if host in self._names else None
        if chain is not None:
            server = _open(*chain)
        elif self.is_ours(head, connection.address[0]):  # TLS that another connection has to unwrap
            server = _open(*connection.address)
        elif hosts.is_loopback(host) and hosts.is_loopback(connection.client):
            server = _open(host, port)  # no other host: some clients know no exceptions from the proxy
        else:
            try:
                proxy = self._next_proxy(host, target, head, connection)
                place = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
                server = _open(*place, None if proxy else connection.client)
            except Refused as refused:
                self.record(target, refused.status >= 500)
                raise
            self.record(target, True)
        if proxy is not None:
            via = ", ".join(filter(None, (head.fields.get("HTTP_VIA"), self._via)))
            added = _authorization(proxy) + f"Via: {via}\r\n".encode("latin-1")
        with closing(server):
            if head.method == "CONNECT":
                if proxy is not None:
                    _ask(server, target, proxy, added)
                connection.send(ESTABLISHED)
                _join(connection, server)
            else:
                opening = _rewritten(raw_head, head, added, whole=bool(chain or proxy))
                _join(connection, server, opening, sys.maxsize if head.length is None else head.length)

    def _next_proxy(self, host: str, target: str, head: Head, connection: Connection) -> SplitResult | None:
        if not self.passes:
            raise Refused(403, f"{host} is not this emulator, which passes no calls on without --proxy-others pass")
        if head.target.lower().startswith("https:"):
            raise Refused(400, f"{host} is not this emulator: a client reaches it over https with CONNECT")
        if self._via in head.fields.get("HTTP_VIA", ""):
            raise Refused(508, f"the proxies on the way to {target} lead back to this emulator")
        _check(host, connection.client)
        try:
            proxy = urlsplit(self.upstream(target) or "")
            if not proxy.hostname or self._is_here(_plain(proxy.hostname), proxy.port or 80, connection.address[0]):
                return None
            if proxy.scheme == "http":
                return proxy
        except ValueError:
            pass
        raise Refused(502, f"the proxy that leads to {target} has no URL with http:// and a valid port")

    def _is_here(self, host: str, port: int, local: str) -> bool:
        return port in self.ports() and (host == _plain(local) or host in self._here or hosts.is_loopback(host))


def _plain(host: str) -> str:
    """Return a host in the notation that is compared: an address may be spelled in several ways."""
    address = hosts.address_of(host)
    return hosts.canonical(host) if address is None else str(getattr(address, "ipv4_mapped", None) or address)


def _target(head: Head) -> tuple[str, int]:
    default = 443 if head.target.lower().startswith("https://") else 80
    try:
        parts = urlsplit(f"//{head.authority}")
        return _plain(parts.hostname or ""), parts.port or default
    except ValueError:
        raise Refused(400, "Bad Request: a malformed host or port") from None


def _check(host: str, client: str) -> None:
    """Refuse a metadata service, and this machine to clients of others: both trust who can call them."""
    address = hosts.address_of(host)
    if hosts.is_metadata(host):
        raise Refused(403, f"{host} is a link-local address or a cloud's metadata service")
    if (hosts.is_loopback(host) or (address and address.is_unspecified)) and not hosts.is_loopback(client):
        raise Refused(403, _OWN.format(host))


def _open(host: str, port: int, client: str | None = None) -> socket.socket:
    """Connect to a host. If a client chose it, its addresses are checked, too."""
    try:
        addresses = [_plain(str(one[4][0])) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        for address in addresses if client else ():
            _check(address, client or "")
        seconds = CONNECT_SECONDS / len(addresses)
        while True:
            with suppress(OSError) if addresses[1:] else nullcontext():
                server = socket.create_connection((addresses.pop(0), port), seconds)
                if client and not hosts.is_loopback(client) and server.getsockname()[0] == server.getpeername()[0]:
                    with server:
                        raise Refused(403, _OWN.format(host))
                return server
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(502, f"{host}:{port} cannot be reached: {reason}") from None


def _authorization(proxy: SplitResult) -> bytes:
    if proxy.username is None:
        return b""
    credentials = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return b"Proxy-Authorization: Basic " + b64encode(credentials.encode()) + b"\r\n"


def _ask(server: socket.socket, target: str, proxy: SplitResult, added: bytes) -> None:
    reply, watch = b"", Stopwatch()
    with suppress(OSError):
        server.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n".encode() + added + b"\r\n")
        while len(reply) < MAX_REPLY and not reply.endswith(b"\r\n\r\n") and (piece := server.recv(1)):
            reply += piece  # what follows belongs to the client
            server.settimeout(max(0.0, CONNECT_SECONDS - watch.seconds))
    if not (reply.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")) and reply.endswith(b"\r\n\r\n")):
        said = reply.partition(b"\r\n")[0].decode("latin-1")[:100] or "nothing"
        status = 508 if reply[9:12] == b"508" else 502  # the proxies lead to each other
        raise Refused(status, f"the proxy {proxy.hostname} does not lead to {target}: it said {said}")


def _rewritten(raw: bytes, head: Head, added: bytes, *, whole: bool) -> bytes:
    """Return a head as the next server gets it, for this one request. Another proxy gets the `whole` URL."""
    _, _, fields = raw.partition(b"\r\n")
    replaced = (*_REPLACED, b"via:") if added else _REPLACED
    kept = [line for line in fields.split(b"\r\n") if line and not line.lower().startswith(replaced)]
    assert head.authority is not None
    rest = head.target.partition("://")[2][len(head.authority) :]
    target = head.target if whole else rest if rest.startswith("/") else f"/{rest}"
    line = f"{head.method} {target} HTTP/1.{min(head.minor, 1)}\r\nHost: {head.authority}".encode("latin-1")
    return b"\r\n".join((line, *kept)) + b"\r\nConnection: close\r\n" + added + b"\r\n"


def _join(connection: Connection, server: socket.socket, opening: bytes = b"", left: int = sys.maxsize) -> None:
    """Send the `opening`, and what client and server say to each other, until the server or the emulator ends that.

    Of the client's bytes, the server gets those that are `left`: what follows a request may be for another host.
    """
    client, first = connection.take()
    peers = {client: server, server: client}
    for one in peers:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    unsent, reading = {client: b"", server: opening + first[:left]}, {client, server}
    left -= len(first[:left])
    while server in reading or unsent[client]:
        with DefaultSelector() as selector:
            for one, peer in peers.items():
                if events := EVENT_WRITE * bool(unsent[one]) | EVENT_READ * (one in reading and not unsent[peer]):
                    selector.register(one, events)
            selector.select(_TICK)
        if connection.server.stopping:
            return
        for one, peer in peers.items():
            with suppress(BlockingIOError, SSLWantReadError, SSLWantWriteError):
                if unsent[one]:
                    unsent[one] = unsent[one][one.send(unsent[one]) :]
                if one in reading and not unsent[peer]:
                    piece = one.recv(_PIECE)
                    unsent[peer] = piece[:left] if one is client else piece
                    left -= len(unsent[server]) if one is client else 0
                    if not piece:
                        reading.remove(one)
                        if one is client:
                            server.shutdown(socket.SHUT_WR)
