"""How the tests run commands, and what the commands talk to."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.cli import main

COMMAND = [sys.executable, "-m", "flaresend_mock"]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FLARESEND_MOCK_")}
STEERING = "\x1b[2J\x07\u009b31m\u202ebad\nmore"


@dataclass
class Done:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def lines(self) -> list[str]:
        assert (self.status, self.err) == (0, ""), self
        return self.out.splitlines()

    def failed(self, expected: str, status: int = 1) -> None:
        """Expect one clear line on standard error, and nothing else."""
        assert (self.status, self.out) == (status, ""), self
        assert self.err.startswith("flaresend-mock: "), self
        assert len(self.err.splitlines()) == 1, self
        assert expected in self.err, self


class Screen(io.TextIOWrapper):
    """What a command prints on: a terminal, or not.

    Args:
        told: gets every piece of text as the command writes it.
    """

    def __init__(self, encoding: str, errors: str, is_terminal: bool, told: Callable[[str], object] = bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors=errors, newline="\n")
        self.is_terminal = is_terminal
        self.told = told

    def write(self, text: str) -> int:
        self.told(text)
        return super().write(text)

    def isatty(self) -> bool:
        return self.is_terminal

    @property
    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def run(*arguments: str, encoding: str = "utf-8", terminal: bool = False, told: Callable[[str], object] = bool) -> Done:
    """Run a command in this process, which is faster than in one of its own.

    Args:
        told: gets what the command prints, piece by piece, while it runs.
    """
    out = Screen(encoding, "strict", terminal, told)
    err = Screen("utf-8", "backslashreplace", terminal)
    log, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(arguments)
    log.handlers[:] = handlers  # what other threads log later must not go to what the command printed on
    log.setLevel(level)
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.text, err.text)


def at(flaresend: FlaresendMock, *arguments: str, **options: Any) -> Done:
    """Run a command that talks to an emulator."""
    return run(*arguments, "--url", flaresend.url, **options)


def send(flaresend: FlaresendMock, text: str) -> None:
    body = {"recipients": ["254712345678"], "type": "text", "text": text}
    url = f"{flaresend.url}/send-message"
    assert requests.post(url, json=body, headers=flaresend.headers, timeout=20).status_code == 200


def control(flaresend: FlaresendMock, method: str, path: str, body: object = None) -> dict:
    response = requests.request(method, f"{flaresend.url}/_mock{path}", json=body, timeout=20)
    assert response.ok, response.text
    return response.json()


@dataclass
class Scripted:
    """A server that answers one connection after the other as it was told, and then listens no more."""

    responses: list[bytes]
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Scripted:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(20)
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self) -> None:
        for left, response in reversed(list(enumerate(reversed(self.responses)))):
            connection, _ = self.listening.accept()
            with connection:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    asked += connection.recv(10_000)
                self.asked.append(asked.decode())
                if not left:
                    self.listening.close()
                connection.sendall(response)
                connection.shutdown(socket.SHUT_WR)

    def __exit__(self, *_: object) -> None:
        self.listening.close()
        self.thread.join()


def answered(body: object, status: str = "200 OK", headers: str = "") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode() + data
