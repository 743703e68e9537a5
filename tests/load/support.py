"""What the load tests share: an emulator in a process of its own, fast connections, and tables."""

from __future__ import annotations

import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

KEY = "YOUR_API_KEY"
MIB = 2**20
START_SECONDS = 60
STACKS_SECONDS = 2

# a crash, or SIGUSR1, has it write to its log what each of its threads is at
EMULATOR = """
import faulthandler, signal, sys
from flaresend_mock.cli import main
faulthandler.enable()
faulthandler.register(signal.SIGUSR1)
main()
"""


class Emulator:
    """An emulator in a process of its own, so that it has its own memory and its own interpreter lock.

    Args:
        options: as on its command line.
    """

    def __init__(self, *options: str) -> None:
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8")  # noqa: SIM115 - closed at the end
        self._process = subprocess.Popen(
            [sys.executable, "-c", EMULATOR, "--log-level", "warning", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        found = re.search(r"http://[\w.]+:(\d+)", self._process.stdout.readline())
        if found is None:
            raise SystemExit(f"the emulator does not start:\n{self.log()}")
        self.url, self.port = found[0], int(found[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    @property
    def memory(self) -> float:
        """The resident memory in MB."""
        return self._status("VmRSS")

    @property
    def peak_memory(self) -> float:
        """The most resident memory there ever was, in MB."""
        return self._status("VmHWM")

    @property
    def state(self) -> str:
        """Whether it runs, in words."""
        status = self._process.poll()
        return "it runs" if status is None else f"it ended with {status}"

    def log(self) -> str:
        """Return what it has logged: warnings and errors."""
        self._log.seek(0)
        return self._log.read()

    def stacks(self) -> str:
        """Return what each of its threads is at, behind what it has logged."""
        self._process.send_signal(signal.SIGUSR1)
        time.sleep(STACKS_SECONDS)
        return self.log()

    def _status(self, name: str) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024


class Wire:
    """A connection that is kept open, and costs its user as little as can be."""

    def __init__(self, port: int, seconds: float = 60) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

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
        """Read the next answer, and return its status and body."""
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._receive()
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        found = re.search(rb"\r\nContent-Length: (\d+)", head, re.IGNORECASE)
        length = int(found[1]) if found else 0
        while len(self._rest) < length:
            self._receive()
        body, self._rest = self._rest[:length], self._rest[length:]
        return int(head[9:12]), body

    def call(self, data: bytes) -> tuple[int, bytes]:
        self.send(data)
        return self.answer()

    def _receive(self) -> None:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the emulator closed the connection")
        self._rest += piece


def request(
    method: str, path: str, body: bytes = b"", content_type: str = "application/json", key: str = KEY
) -> bytes:
    """Return a call as it goes over the wire."""
    return head(method, path, len(body), content_type, key) + body


def head(
    method: str, path: str, length: int, content_type: str = "application/json", key: str = KEY
) -> bytes:
    """Return what stands before a body of this length."""
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        *((f"Content-Type: {content_type}", f"Content-Length: {length}") if length else ()),
    )
    return "\r\n".join((*lines, "", "")).encode()


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value below which so many percent of all are."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out in columns, the first and the last to the left; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if 0 < index < len(row) - 1 else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
