"""One connection of the HTTP server: it reads requests, calls the application, and sends the responses."""

from __future__ import annotations

import logging
import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from flaresend_mock.background.realtime import Stopwatch, http_date
from flaresend_mock.core.errors import AuthorityError
from flaresend_mock.http.bodies import respond
from flaresend_mock.http.context import CUT, DISCONNECTED, FIELDS, RESET, TRUNCATE
from flaresend_mock.http.proxy import ESTABLISHED
from flaresend_mock.http.request_reader import (
    IDLE_SECONDS,
    MAX_IN_MEMORY,
    STALL_SECONDS,
    Closed,
    Head,
    Refused,
    RequestReader,
)
from flaresend_mock.http.turns import LEAVE

if TYPE_CHECKING:
    from flaresend_mock.http.server import HttpServer

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
LINGER_SECONDS = 2.0  # to read on after a refusal: closing a connection with unread bytes would reset it
TICK_SECONDS = 5.0  # how often the thread of a connection that waits for bytes looks at its limits
MAX_JOINED = 64 * 1024  # bytes of a body that are sent together with the head, in one packet and one system call

_PIECE = 64 * 1024
_dropping = threading.Lock()  # one connection at a time: two hundred would hinder all others
_dropped = bytearray(1024 * 1024)
_BARE = ("204", "304")
_TLS_HELLO = 0x16
_WINDOWS = sys.platform == "win32"
HINT = "`flaresend-mock ca --url URL`, with the URL of this emulator, says how to make it do so."
_UNTRUSTED = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN")  # alerts of clients without trust


class Connection:
    """Serves one connection until it ends. A thread of its own calls `run`. One that is not `is_served` is refused."""

    def __init__(self, server: HttpServer, own: socket.socket, client: tuple[Any, ...], *, is_served: bool) -> None:
        self.server = server
        self._socket = own
        self._reader = RequestReader(self._receive, self.send, server.max_body, server.bodies, server.knows)
        self.is_served = is_served
        self._is_reset = False
        self._queue = server.queue
        self._turn: threading.Lock | None = None
        self.is_reading, self.is_calling = False, False
        self.client: str = client[0]
        self.address: tuple[str, int] = own.getsockname()[:2]
        self._environ: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": self.address[0],
            "SERVER_PORT": str(self.address[1]),
            "REMOTE_ADDR": self.client,
            "REMOTE_PORT": str(client[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            DISCONNECTED: self.is_gone,
        }

    def run(self) -> None:
        """Serve requests until the client or the server ends the connection."""
        try:
            self._set_limits()
            self._accept_tls()
            while self._serve_request():
                pass
        except (Closed, OSError):
            pass
        except Exception as error:
            log.error("a connection failed", exc_info=error)
        finally:
            self._close()

    def end(self, how: int) -> None:
        """End the connection from another thread: SHUT_RD once its call has finished, SHUT_RDWR at once."""
        with suppress(OSError):
            socket.socket.shutdown(self._socket, how)  # SSLSocket.shutdown would break off a call that sends

    def is_gone(self) -> bool:
        """Tell whether the client has closed the connection."""
        try:
            if hasattr(select, "POLLRDHUP"):
                return self._has(select.POLLRDHUP)
            return self._has_bytes() and not socket.socket.recv(self._socket, 1, socket.MSG_PEEK)
        except (OSError, ValueError):  # ValueError: it is closed
            return True

    def take(self) -> tuple[socket.socket, bytes]:
        """Return the socket, for a tunnel, and what was read from it already."""
        return self._socket, self._reader.buffer

    def send(self, data: bytes | memoryview) -> None:
        """Send all of the data."""
        is_plain = self._socket.gettimeout() is None
        if self._turn is not None:
            if is_plain:  # most responses need not wait
                with suppress(BlockingIOError):
                    sent = self._socket.send(data, socket.MSG_DONTWAIT)
                    if sent == len(data):
                        return
                    data = memoryview(data)[sent:]
            self._leave_queue()
        if is_plain:  # the system's own limit counts
            self._socket.sendall(data)
            return
        rest, watch = memoryview(data), Stopwatch()
        while rest:
            try:
                rest, watch = rest[self._socket.send(rest) :], Stopwatch()
            except TimeoutError:
                if watch.seconds >= STALL_SECONDS:
                    raise

    def _set_limits(self) -> None:
        """Have the system limit how long calls of the socket take: a limit of Python's costs another call each."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _WINDOWS:
            self._socket.settimeout(TICK_SECONDS)
            return
        self._socket.setblocking(True)
        for option, seconds in ((socket.SO_RCVTIMEO, TICK_SECONDS), (socket.SO_SNDTIMEO, STALL_SECONDS)):
            self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(seconds), int(seconds % 1 * 1e6)))

    def _receive(self, seconds: float, flags: int = 0) -> bytes:
        watch = None
        self._leave_queue()
        while True:
            try:
                return self._socket.recv(_PIECE, flags)
            except (BlockingIOError, TimeoutError):  # a tick
                watch = watch or Stopwatch()
                if watch.seconds + TICK_SECONDS >= seconds and not self._has_bytes():
                    raise TimeoutError from None

    def _accept_tls(self) -> None:
        first = self._reader.buffer or self._receive(IDLE_SECONDS, socket.MSG_PEEK)
        if not first or first[0] != _TLS_HELLO:
            return
        self.is_reading = True
        if self.server.tls_context is None:
            raise Closed
        try:
            context = self.server.tls_context()
            self._socket.settimeout(HANDSHAKE_SECONDS)
            # a handshake in the constructor could not be ended from another thread
            self._socket = tls = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
            tls.do_handshake()
        except (OSError, ValueError, AuthorityError) as error:
            _log_failed_handshake(error)
            raise Closed from None
        self._socket.settimeout(TICK_SECONDS)
        self._environ["wsgi.url_scheme"] = "https"
        self.is_reading = False
        try:
            self._reader.wait()
        except (Closed, OSError):  # so do clients, such as Node, that complete the handshake and then look
            if not self.server.stopping:
                log.info("A client closed its TLS connection unused. If it does not trust the certificate: %s", HINT)
            raise

    def _serve_request(self) -> bool:
        reader, head = self._reader, None
        try:
            if self.server.stopping and not reader.buffer and not self._has_bytes():
                return False
            reader.wait()
            self._queue = self.server.queue
            self._turn = self._queue.enter()
            self.is_reading = True
            head = reader.read_head()
            if not self.is_served:
                raise Refused(503, "too many connections are open", head.path)
            if head.authority is not None:
                # a client may not wait for the response to CONNECT, or speak TLS to the proxy, too
                is_wrapped = reader.buffer[:1] == b"\x16" or self._environ["wsgi.url_scheme"] == "https"
                if (is_wrapped and head.method == "CONNECT") or not self.server.proxy.is_ours(head, self.address[0]):
                    self._leave_queue()
                    self.is_reading = False  # a tunnel may be ended at any time
                    self.server.proxy.pass_on(head, reader.head, self)
                    return False
                if head.method == "CONNECT":
                    self._leave_queue()
                    self.send(ESTABLISHED)
                    self.is_reading = False  # until the client sends something
                    self._accept_tls()
                    return True
            if head.length is None or head.length > MAX_IN_MEMORY or not head.is_known:
                self._leave_queue()  # it may wait for chunks of others, or for room
                self._queue = self.server.queue if head.is_known else self.server.unknown_queue
            body = reader.read_body(head)
            self._turn = self._turn or self._queue.enter()
            self.is_reading, self.is_calling = False, True
            with body:
                return self._call(head, body)
        except Refused as refused:
            log.info("refused a request: %s %s", refused.status, refused.message)
            self.is_calling = True
            self._leave_queue()
            self.send(refusal(refused, head))
            self._linger()
            return False
        finally:
            self._leave_queue()
            reader.give_back()
            self.is_reading = self.is_calling = False

    def _leave_queue(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._queue.leave(turn)

    def _call(self, head: Head, body: IO[bytes]) -> bool:
        writer = ResponseWriter(self.send, head, self.server)
        environ = {
            **self._environ,
            **head.fields,
            FIELDS: head.fields,
            "REQUEST_METHOD": head.method,
            "REQUEST_URI": head.target,
            "PATH_INFO": head.path,
            "QUERY_STRING": head.query,
            "SERVER_PROTOCOL": f"HTTP/1.{min(head.minor, 1)}",
            "wsgi.input": body,
            CUT: partial(setattr, writer, "cut"),
            LEAVE: self._leave_queue,
        }
        if head.authority is not None and head.target[:6].lower() == "https:":  # as some clients ask a proxy
            environ["wsgi.url_scheme"] = "https"
        try:
            pieces = self.server.app(environ, writer.start)
            body.close()  # a client that receives the response slowly keeps no room
            self._reader.give_back()
            try:
                writer.send(pieces)
            finally:
                if (close := getattr(pieces, "close", None)) is not None:
                    close()
        except Closed:
            self._is_reset = writer.cut == RESET
            raise
        except Exception as error:
            if not (writer.begun and isinstance(error, OSError)):  # the client is gone
                log.error("%s %s failed", head.method, head.path, exc_info=error)
            if writer.begun:
                raise Closed from None
            raise Refused(500, "Internal Server Error", head.path) from None
        return writer.keeps_alive

    def _has_bytes(self) -> bool:
        """Tell whether there are bytes to read, or the client has sent its last one."""
        if not hasattr(select, "poll"):
            return bool(select.select([self._socket], [], [], 0)[0])
        return self._has(select.POLLIN)  # select() knows only the first 1024 files

    def _has(self, event: int) -> bool:
        poll = select.poll()
        poll.register(self._socket.fileno(), event)
        return bool(poll.poll(0))

    def _linger(self) -> None:
        """Tell the client that this is the end, and drop what it still sends."""
        watch = Stopwatch()
        self._end_tls()
        self.end(socket.SHUT_WR)
        self._socket.settimeout(LINGER_SECONDS)
        while watch.seconds < LINGER_SECONDS and socket.socket.recv(self._socket, 1, socket.MSG_PEEK):
            with _dropping:
                socket.socket.recv_into(self._socket, _dropped)

    def _close(self) -> None:
        with suppress(OSError, ValueError):  # ValueError: the client was gone before the TLS handshake
            if self._is_reset:  # a socket that does not linger resets its connection
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif self._has_bytes():
                self._linger()
            else:
                self._end_tls()
        self._socket.close()

    def _end_tls(self) -> None:
        """Tell a client of TLS that this is the end, and do not wait for its consent."""
        if isinstance(self._socket, ssl.SSLSocket):
            with suppress(OSError, ValueError):  # ValueError: the client has given it already
                self._socket.setblocking(False)
                self._socket.unwrap()


def _log_failed_handshake(error: Exception) -> None:
    reason = str(getattr(error, "reason", None) or "")
    if reason.endswith(_UNTRUSTED):
        log.warning("A client does not trust the certificate: %s", HINT)
    elif reason:
        log.warning("A TLS handshake failed: %s", reason.lower().replace("_", " "))
    elif isinstance(error, AuthorityError):
        log.error("TLS cannot be served: %s", error)


class ResponseWriter:
    """Sends one response, to the request with a `head`.

    A body whose length is known is sent with it. Others are sent in chunks to clients of HTTP/1.1, and to those of
    HTTP/1.0 until the connection ends. It ends, too, with the response of no `server`, or of one that is stopping.
    """

    def __init__(self, send: Callable[[bytes], None], head: Head, server: HttpServer | None = None) -> None:
        self._send, self._server = send, server
        self._is_head = head.method == "HEAD"
        self._minor = min(head.minor, 1)
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self.keeps_alive = head.keeps_alive
        self.cut: str | None = None  # how to cut the connection instead of sending all: see http/context.py
        self.begun = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        """Take the status and the headers: the function start_response of WSGI."""
        self._status, self._headers = status, headers
        return self._send

    def send(self, pieces: Iterable[bytes]) -> None:
        """Send the response with the pieces of its body, as they come."""
        iterator = iter(pieces)
        first = next(iterator, b"")
        is_bare = self._is_head or self._status.startswith(_BARE)
        head, length, chunked = self._head(is_bare)
        if self.cut is not None:
            if self.cut == TRUNCATE:
                body = b"".join((first, *iterator))
                self._send(head + body[: len(body) // 2])
            raise Closed
        self.begun = True
        if is_bare:
            self._send(head)
            return
        if chunked:
            self._send(head + _chunk(first))
            for piece in iterator:
                self._send(_chunk(piece))
            self._send(b"0\r\n\r\n")
            return
        if len(first) <= MAX_JOINED:
            self._send(head + first)
        else:
            self._send(head)
            self._send(first)
        sent = len(first)
        for piece in iterator:
            self._send(piece)
            sent += len(piece)
        if length is not None and sent != length:
            raise Closed

    def _head(self, is_bare: bool) -> tuple[bytes, int | None, bool]:
        """Return the head, the length of the body if it is announced, and whether the body is sent in chunks."""
        length = None
        head = f"HTTP/1.{self._minor} {self._status}\r\nDate: {http_date()}\r\n"
        for name, value in self._headers:
            key = name.lower()
            if key == "connection" and value.lower() == "close":
                self.keeps_alive = False
            elif key != "date":
                head += f"{name}: {value}\r\n"
                if key == "content-length":
                    length = int(value)
        is_open = length is None and not is_bare
        chunked = is_open and self._minor > 0
        head += "Transfer-Encoding: chunked\r\n" * chunked
        self.keeps_alive = self.keeps_alive and (chunked or not is_open)
        if self._server is None or self._server.stopping:
            self.keeps_alive = False
        if not self.keeps_alive:
            head += "Connection: close\r\n"
        elif self._minor == 0:
            head += "Connection: keep-alive\r\n"
        return f"{head}\r\n".encode("latin-1"), length, chunked


def refusal(refused: Refused, head: Head | None) -> bytes:
    """Return the response to a request that the server refuses itself. The connection ends with it."""
    response, sent = respond(refused.body, refused.status), list[bytes]()
    writer = ResponseWriter(sent.append, head or Head("HEAD" if refused.is_head else "GET", "/", 1))
    writer.start(response.status, response.headers.to_wsgi_list())
    writer.send([response.get_data()])
    return b"".join(sent)


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
