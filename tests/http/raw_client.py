"""A client that sends bytes, and reads HTTP/1 responses strictly."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import nullcontext, suppress
from dataclasses import dataclass

TIMEOUT = 30.0
DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")


@dataclass(frozen=True)
class Response:
    status: int
    head: str
    headers: dict[str, str]
    body: bytes


class Client:
    def __init__(self, port: int, *, tls: bool = False) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket, suppress_ragged_eofs=False)
        self._read = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        with suppress(ConnectionError, ssl.SSLEOFError):  # the server may refuse before all is sent
            self._socket.sendall(data)

    def hang_up(self) -> None:
        with suppress(OSError):  # the server may have closed the connection
            self._socket.shutdown(socket.SHUT_WR)

    def response(self, expected: str = "200") -> Response:
        """Return the next response, whose body is left out if a star in the expected outcome says so."""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        line, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.[01] ([1-5]\d\d) [ -~]+", line)
        assert found, line
        assert all(re.fullmatch(r"[\w-]+: [ -~]*", field) for field in fields), fields
        pairs = [field.split(": ", 1) for field in fields]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), fields
        status = int(found[1])
        assert status < 200 or not fields or DATE.fullmatch(headers["date"])  # that to CONNECT has no fields
        bare = status in (204, 304) or status < 200 or ("*" in expected and "?" not in expected)
        return Response(status, head, headers, b"" if bare else self._body(headers))

    def rest(self, *, may_reset: bool = True) -> bytes:
        """Return what comes before the server closes or, if it may, resets the connection."""
        with suppress(ConnectionError) if may_reset else nullcontext():
            while data := self._socket.recv(65536):
                self._read += data
        return self._read

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in headers
            chunks = b""
            while size := int(self._until(b"\r\n"), 16):
                chunks += self._exactly(size)
                assert self._exactly(2) == b"\r\n"
            assert self._until(b"\r\n") == b"\r\n"
            return chunks
        if "content-length" not in headers:
            assert headers["connection"] == "close"
            body, self._read = self.rest(), b""
            return body
        return self._exactly(int(headers["content-length"]))

    def _until(self, end: bytes) -> bytes:
        while end not in self._read:
            self._receive()
        return self._exactly(self._read.index(end) + len(end))

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            self._receive()
        found, self._read = self._read[:size], self._read[size:]
        return found

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        assert data, f"closed after {self._read!r}"
        self._read += data
