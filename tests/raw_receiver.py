"""A webhook receiver that does with each of its connections what a test says, byte by byte."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Peer:
    """One connection of a receiver: `read` a request, `send` bytes, `close` or `reset`."""

    def __init__(self, connection: socket.socket, receiver: RawReceiver) -> None:
        self.connection = connection
        self._receiver = receiver

    def read(self) -> None:
        """Read one request, and record it."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(next((line[15:] for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), b"0"))
        while len(body) < length:
            body += self._more()
        self._receiver.requests.append(head + b"\r\n\r\n" + body)

    def _more(self) -> bytes:
        piece = self.connection.recv(65536)
        if not piece:
            raise EOFError
        return piece

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def serve(self) -> None:
        """Accept one request, and keep the connection open."""
        self.read()
        self.send(OK)

    def close(self) -> None:
        self.connection.close()

    def reset(self) -> None:
        """Close the connection with a reset, without ending TLS."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.socket.close(self.connection)


class RawReceiver:
    """Listens on a free port while it is entered.

    Args:
        behave: what is done with each connection, in its own thread; it gets the number of the connection, from 0.
        tls: the certificate that it shows; None for http.
    """

    def __init__(self, behave: Callable[[Peer, int], None], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._behave = behave
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}/hook"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def header(self, name: str) -> list[str]:
        """Return a header of every request, in order."""
        start = f"{name}: ".encode()
        lines = [line for request in self.requests for line in request.split(b"\r\n") if line.startswith(start)]
        return [line[len(start) :].decode() for line in lines]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
                self.connections += 1
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.append(connection)
        with suppress(OSError, EOFError), connection:
            self._behave(Peer(connection, self), number)
