"""Connections that cost their user little, so that the emulator is what is measured."""

from __future__ import annotations

import re
import socket
from types import TracebackType
from typing import Self

from tests.benchmarks.support import KEY


class Wire:
    """A connection that is kept open, and costs its user as little as can be."""

    def __init__(self, port: int, seconds: float = 60) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """Read the next response, and return its status and body."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._receive()
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        found = re.search(rb"\r\nContent-Length: (\d+)", head, re.IGNORECASE)
        length = int(found[1]) if found else 0
        while len(self._rest) < length:
            self._receive()
        body, self._rest = self._rest[:length], self._rest[length:]
        return int(head[9:12]), bytes(body)

    def call(self, data: bytes) -> tuple[int, bytes]:
        self.send(data)
        return self.answer()

    def _receive(self) -> None:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the emulator closed the connection")
        self._rest += piece


def request(method: str, path: str, body: bytes = b"", content_type: str = "application/json", key: str = KEY) -> bytes:
    """Return a call as it goes over the wire."""
    return head(method, path, len(body), content_type, key) + body


def head(method: str, path: str, length: int, content_type: str = "application/json", key: str = KEY) -> bytes:
    """Return what stands before a body of this length."""
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        *((f"Content-Type: {content_type}", f"Content-Length: {length}") if length else ()),
    )
    return "\r\n".join((*lines, "", "")).encode()
