"""What no HTTP client sends: answered with a 4xx or a closed connection, and others are still served."""

from __future__ import annotations

import json
import socket

import pytest

from flaresend_mock import FlaresendMock
from tests.security.hostile import is_served, port_of, raw, status_of

GET = "GET /groups HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
POST = (
    "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer YOUR_API_KEY\r\nConnection: close\r\n"
    "Content-Type: application/json\r\n"
)
TOO_LARGE = {
    "a request line of 300 KB": f"GET /{'a' * 300_000} HTTP/1.1\r\nHost: x\r\n\r\n",
    "a query of 300 KB": f"GET /groups?{'a' * 300_000} HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header of 300 KB": f"{GET}X-A: {'a' * 300_000}\r\n\r\n",
    "a name of 300 KB": f"{GET}{'a' * 300_000}: x\r\n\r\n",
    "60,000 headers": GET + "X-A: 1\r\n" * 60_000 + "\r\n",
    "headers without end": GET + "X-A: 1\r\n" * 60_000,
    "a line without end": "GET /" + "a" * 300_000,
}
BROKEN = {
    "no HTTP at all": "\x17\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "a length below zero": POST + "Content-Length: -5\r\n\r\n",
    "a length that is no number": POST + "Content-Length: 1e3\r\n\r\n",
    "a length with a sign": POST + "Content-Length: +2\r\n\r\n{{}}",
    "a length of 5,000 digits": POST + "Content-Length: " + "9" * 5000 + "\r\n\r\n",
    "two lengths": POST + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}x",
    "a length with a space in it": POST + "Content-Length: 1 2\r\n\r\n",
    "a chunk that is none": POST + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk below zero": POST + "Transfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
    "a name with a space": POST + "Content-Length : 2\r\n\r\n{{}}",
    "a line of its own": POST + "\rX-Evil: 1\r\n\r\n",
    "an escape in a header": POST + "X-A: \x1b[31m\r\n\r\n",
    "a NUL in a header": POST + "X-A: a\0b\r\n\r\n",
    "a header without a name": POST + ": x\r\n\r\n",
}
LARGE = 100_001  # the emulator of these tests takes 100,000 bytes


@pytest.mark.parametrize("sent", TOO_LARGE.values(), ids=TOO_LARGE)
def test_more_than_a_head_may_hold_is_refused(sent: str, running: FlaresendMock) -> None:
    response = raw(running, sent.encode())

    assert not response or status_of(response) == 431
    assert is_served(running)


def test_very_many_headers_that_fit_are_read_in_good_time(running: FlaresendMock) -> None:
    many = "".join(f"X-{number}: 1\r\n" for number in range(20_000))

    assert status_of(raw(running, f"{GET}{many}\r\n".encode())) in (401, 431)
    assert is_served(running)


@pytest.mark.parametrize("path", ["/send-message", "/_mock/faults"])
@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_refused_as_json(sent: str, path: str, running: FlaresendMock) -> None:
    head, _, body = raw(running, sent.format(path=path).encode("latin-1")).partition(b"\r\n\r\n")

    assert status_of(head) in (400, 411, 413, 415)
    assert b"\r\nContent-Type: application/json; charset=utf-8\r\n" in head
    assert json.loads(body)
    assert is_served(running)


@pytest.mark.parametrize("path", ["/send-message", "/_mock/faults", "/_mock/inbound", "/_mock/clock/advance"])
@pytest.mark.parametrize("how", ["at once", "in chunks", "as a form"])
def test_a_body_over_the_limit_is_refused_by_every_room(how: str, path: str, running: FlaresendMock) -> None:
    call = POST.format(path=path)
    body = "x" * LARGE
    match how:
        case "at once":
            call += f"Content-Length: {LARGE}\r\n\r\n{body}"
        case "in chunks":
            call += f"Transfer-Encoding: chunked\r\n\r\n{LARGE:x}\r\n{body}\r\n0\r\n\r\n"
        case "as a form":
            call = call.replace("application/json", "application/x-www-form-urlencoded")
            call += f"Content-Length: {LARGE + 5}\r\n\r\ntext={body}"

    response = raw(running, call.encode())

    takes_forms = path in ("/send-message", "/_mock/inbound")
    assert status_of(response) == (413 if takes_forms or how != "as a form" else 415)
    assert is_served(running)


@pytest.mark.parametrize("path", ["/send-message", "/_mock/faults", "/_mock/world"])
@pytest.mark.parametrize("body", ["", "{", '{"preset":"down"}'])
def test_a_body_that_ends_before_its_length_is_no_body(path: str, body: str, running: FlaresendMock) -> None:
    call = f"{POST.format(path=path)}Content-Length: 500\r\n\r\n{body}"

    response = raw(running, call.encode(), hang_up=True)

    assert not response or 400 <= status_of(response) < 500
    assert is_served(running)
    assert running.worlds.default().faults.all() == []


def test_what_follows_a_body_is_no_second_call_in_disguise(running: FlaresendMock) -> None:
    """Length and chunks at once: whoever reads the one and whoever reads the other must not see two calls."""
    smuggled = "POST /_mock/faults HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    call = POST.format(path="/send-message") + (
        f"Content-Length: {len(smuggled) + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    )

    response = raw(running, call.encode())

    assert response.count(b"HTTP/1.1 ") <= 1
    assert 400 <= status_of(response) < 500


def test_whoever_opens_connections_and_says_nothing_keeps_nobody_waiting(running: FlaresendMock) -> None:
    silent = [socket.create_connection(("127.0.0.1", port_of(running))) for _ in range(200)]
    try:
        for connection in silent[::2]:
            connection.sendall(b"POST /send-message HTTP/1.1\r\nContent-Length: 99999\r\n\r\n{")
        assert is_served(running)
    finally:
        for connection in silent:
            connection.close()
