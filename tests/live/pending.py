"""Calls that are sent now and answered later."""

from __future__ import annotations

import json
import select
from http.client import HTTPConnection
from typing import Any, Self

import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.testing.client import Flaresend

SECONDS = 30


class Pending:
    """A call on a connection of its own, whose response is read when a test asks for it."""

    def __init__(self, kit: Flaresend | FlaresendMock, method: str, path: str, body: Any = None) -> None:
        self.connection = HTTPConnection(kit.url.removeprefix("http://"), timeout=SECONDS)
        data = None if body is None else json.dumps(body).encode()
        headers = {**kit.headers, "Content-Type": "application/json"}
        self.connection.request(method, path, data, headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def response(self) -> tuple[int, Any]:
        """Wait for the response, and return its status and its JSON."""
        with self:
            response = self.connection.getresponse()
            return response.status, json.loads(response.read())

    def succeeded(self) -> Any:
        """Wait for the response, and return its JSON; it must be a success."""
        status, body = self.response()
        assert status < 300, body
        return body


def refusal(call: Pending) -> tuple[int, str]:
    """Wait for the response, and return its status and the code of its error."""
    status, body = call.response()
    return status, body["error"]["code"]


def answered(calls: list[Pending], seconds: float = 0) -> list[Pending]:
    """Return the calls that have got a response; wait so long for a first one."""
    ready, _, _ = select.select([call.connection.sock for call in calls], [], [], seconds)
    return [call for call in calls if call.connection.sock in ready]


def until_begun(kit: Flaresend | FlaresendMock) -> None:
    """Wait until the server has begun with every call that is sent already.

    It begins with calls on new connections in their order, so it has begun with these once it answers a later one.
    """
    assert requests.get(f"{kit.url}/_mock/health", timeout=SECONDS).json()["status"] == "ok"
