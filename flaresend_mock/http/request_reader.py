"""Reads requests from the bytes of a connection: heads, bodies with a length, and chunked bodies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.http import request_parser
from flaresend_mock.http.request_parser import Head, Refused

IDLE_SECONDS = 120.0
"""How long a connection may stay open without a request."""
HEAD_SECONDS = 30.0
"""How long a head may take, from its first byte."""
STALL_SECONDS = 30.0
"""How long a body may stand still."""
MAX_IN_MEMORY = 256 * 1024
"""Bytes of a body that are kept in memory; a larger one goes to a temporary file."""
FEW = 4096  # Bytes of chunks that are taken apart beside those of others.
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_END = b"\r\n\r\n"
_computing = threading.Lock()  # chunks are taken apart by one thread at a time: fifty would hinder all others


class Closed(Exception):
    """The connection has ended: there is no response to give."""


class RequestReader:
    """Reads one request after another, and keeps what came after the last one.

    Args:
        receive: returns the next bytes, or none at the end of the connection. It raises TimeoutError after as many
            seconds as it is given.
        send: sends an interim response.
        max_body: bytes that a body may have.
    """

    def __init__(self, receive: Callable[[float], bytes], send: Callable[[bytes], None], max_body: int) -> None:
        self._receive = receive
        self._send = send
        self._max_body = max_body
        self.buffer = b""
        self.head = b""
        self._received = bytearray()  # of a body: unlike bytes, it loses its first ones at no cost
        self._is_computing = False

    def wait(self) -> None:
        """Wait for the first bytes of the next request."""
        while self.buffer in (b"", b"\r\n"):  # an empty line after a request does not begin another one
            try:
                self.buffer = self._next(IDLE_SECONDS)
            except TimeoutError:
                raise Closed from None

    def read_head(self) -> Head:
        """Return the head of the next request. Empty lines before it are skipped, and count as a part of it."""
        buffer = self.buffer
        watch, begin, searched = Stopwatch(), 0, 0
        while True:
            while buffer.startswith(b"\r\n", begin):
                begin += 2
            end = buffer.find(_END, max(begin, searched))
            if 0 <= end <= request_parser.MAX_HEAD - len(_END):
                self.buffer = buffer[end + len(_END) :]
                self.head = buffer[begin : end + len(_END)]
                return request_parser.parse_head(self.head)
            if len(buffer) >= request_parser.MAX_HEAD:
                raise request_parser.refused_line(buffer, f"a head may have {request_parser.MAX_HEAD} bytes", 431)
            request_parser.check_lines(buffer, max(0, searched - 1))
            searched = max(0, len(buffer) - len(_END) + 1)
            left = HEAD_SECONDS - watch.seconds
            try:
                if left <= 0:
                    raise TimeoutError
                buffer += self._next(left)
            except TimeoutError:
                raise Refused(408, "the request takes too long") from None

    def read_body(self, head: Head) -> IO[bytes]:
        """Return the whole body, and put its length into the fields of the head."""
        if head.length is not None and head.length <= len(self.buffer):
            body, self.buffer = self.buffer[: head.length], self.buffer[head.length :]
            return BytesIO(body)
        spool = SpooledTemporaryFile(MAX_IN_MEMORY)  # noqa: SIM115 - the call closes it
        try:
            if head.length is not None and head.length > self._max_body:
                raise Refused(413, "Request body too large")
            if head.expects_continue and not self.buffer:
                self._send(CONTINUE)
            self._received += self.buffer
            if head.length is not None:
                self._copy(head.length, spool)
            else:
                self._compute(len(self.buffer) > FEW)
                self._read_chunks(spool)
                head.fields["CONTENT_LENGTH"] = str(spool.tell())
            self.buffer, self._received = bytes(self._received), bytearray()
            with _keeping():
                spool.seek(0)
        except BaseException as error:
            with suppress(OSError):  # it writes what it has not written yet
                spool.close()
            if isinstance(error, TimeoutError):
                raise Refused(408, "the body of the request takes too long", head.path) from None
            if isinstance(error, Refused):
                error.path = head.path
            raise
        finally:
            self._compute(False)
        return spool

    def _next(self, seconds: float) -> bytes:
        piece = self._receive(seconds)
        if not piece:
            raise Closed
        return piece

    def _receive_more(self, *, chunked: bool) -> None:
        self._compute(False)
        self._received += self._next(STALL_SECONDS)
        self._compute(chunked and len(self._received) > FEW)

    def _compute(self, wanted: bool) -> None:
        if self._is_computing:
            _computing.release()
        self._is_computing = wanted and _computing.acquire()

    def _copy(self, length: int, spool: IO[bytes], *, chunked: bool = False) -> None:
        while length:
            if not self._received:
                self._receive_more(chunked=chunked)
            piece = self._received[:length]
            del self._received[:length]
            length -= len(piece)
            with _keeping():
                spool.write(piece)

    def _read_chunks(self, spool: IO[bytes]) -> None:
        while size := request_parser.chunk_size(self._read_line(request_parser.MAX_CHUNK_LINE, 400)):
            if spool.tell() + size > self._max_body:
                raise Refused(413, "Request body too large")
            self._copy(size, spool, chunked=True)
            if self._read_line(2, 400) != b"\r\n":
                raise Refused(400, "Bad Request: a malformed end of a chunk")
        left = request_parser.MAX_TRAILERS
        while (line := self._read_line(left, 431)) != b"\r\n":
            request_parser.check_trailer(line)
            left -= len(line)

    def _read_line(self, most: int, status: int) -> bytes:
        """Return a line of the framing of a chunked body, with CRLF."""
        while (end := self._received.find(b"\n", 0, most)) < 0:
            if len(self._received) >= most:
                raise Refused(status, "Bad Request: a line of a chunked body is too long")
            self._receive_more(chunked=True)
        line = bytes(self._received[: end + 1])
        del self._received[: end + 1]
        return line


@contextmanager
def _keeping() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(507, f"the body cannot be kept: {error.strerror}") from None
