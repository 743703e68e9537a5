"""The HTTP server: what it refuses before the application sees it, and calls that wait."""

from __future__ import annotations

import json
import socket

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.testing.client import Flaresend
from tests.live.pending import SECONDS, Pending, answered

MESSAGE = {"recipients": ["254712345678"], "type": "text", "text": "Hello"}


def exchanged(flaresend: FlaresendMock, request: bytes) -> bytes:
    """Send what may be no HTTP, and return all that comes back."""
    address = ("127.0.0.1", int(flaresend.url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=SECONDS) as raw:
        raw.sendall(request)
        return b"".join(iter(lambda: raw.recv(10_000), b""))


@pytest.mark.parametrize(
    "line", [b"GET http://[::1/groups HTTP/1.1", b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000]
)
def test_what_the_parser_stumbles_over_gets_400(flaresend: FlaresendMock, line: bytes) -> None:
    assert exchanged(flaresend, line + b"\r\nHost: x\r\n\r\n").split()[1] == b"400"


def test_what_no_application_sees_is_refused_as_json_too(flaresend: FlaresendMock) -> None:
    response = exchanged(flaresend, b"GET /\x1b[31m\xe9 HTTP/1.0\r\n\r\n")

    assert response.startswith(b"HTTP/1.1 400 ")
    assert response.endswith(b'{"success":false,"message":"Bad Request: a malformed request line"}')


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/send-message", {"success": False, "message": "Request body too large"}),
        ("/_mock/clock", {"error": {"code": "request_entity_too_large", "message": "Request body too large"}}),
    ],
)
def test_what_is_far_too_large_is_refused_by_the_server_itself_in_the_same_words(path: str, expected: object) -> None:
    with FlaresendMock(max_body_size=1024) as flaresend:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 800000000\r\n\r\n"
        response = exchanged(flaresend, head.encode())

    assert response.startswith(b"HTTP/1.1 413 ")
    assert json.loads(response.partition(b"\r\n\r\n")[2]) == expected


def test_calls_that_wait_keep_no_other_call_waiting_and_are_answered_when_the_server_stops() -> None:
    with FlaresendMock() as flaresend, Flaresend(flaresend.url, flaresend.api_key) as kit:
        kit.fault(delay=3600)
        calls = [Pending(kit, "POST", "/send-message", MESSAGE) for _ in range(8)]
        Pending(kit, "POST", "/_mock/messages/wait", {"count": 8, "timeout": SECONDS}).succeeded()
        assert answered(calls) == []

    assert {call.response()[0] for call in calls} == {200}
