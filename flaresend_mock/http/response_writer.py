"""Writes the responses of WSGI applications, and the refusals of the server itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flaresend_mock.background.realtime import http_date
from flaresend_mock.http.bodies import respond
from flaresend_mock.http.context import TRUNCATE
from flaresend_mock.http.request_reader import Closed, Head, Refused

MAX_JOINED = 64 * 1024
"""Bytes of a body that are sent together with the head, in one packet and one system call."""

_BARE = ("204", "304")


class ResponseWriter:
    """Sends one response.

    A body whose length is known is sent with it. Others are sent in chunks to clients of HTTP/1.1, and to those of
    HTTP/1.0 until the connection ends.

    Args:
        send: sends bytes.
        head: the head of the request.
        serves: tells whether the server goes on; otherwise the connection ends with the response.
    """

    def __init__(self, send: Callable[[bytes], None], head: Head, serves: Callable[[], bool]) -> None:
        self._send = send
        self._serves = serves
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
        self.keeps_alive = self.keeps_alive and (chunked or not is_open) and self._serves()
        if not self.keeps_alive:
            head += "Connection: close\r\n"
        elif self._minor == 0:
            head += "Connection: keep-alive\r\n"
        return f"{head}\r\n".encode("latin-1"), length, chunked


def refusal(refused: Refused, head: Head | None) -> bytes:
    """Return the response to a request that the server refuses itself. The connection ends with it."""
    response, sent = respond(refused.body, refused.status), list[bytes]()
    writer = ResponseWriter(sent.append, head or Head("HEAD" if refused.is_head else "GET", "/", 1), bool)
    writer.start(response.status, response.headers.to_wsgi_list())
    writer.send([response.get_data()])
    return b"".join(sent)


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b""
