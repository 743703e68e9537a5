"""Requests of callers who are not known: however many there are, and whatever they cost, no other waits for them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from flaresend_mock.http import connection, request_reader, turns
from flaresend_mock.http.request_reader import FEW
from flaresend_mock.http.server import HttpServer
from tests.http.wire import App, ask, connect, get, response, serving, until

LARGE = 2 * FEW
COSTLY = {
    "a large body": get("/unknown", method="POST", body=b"x" * LARGE),
    "chunks": get("/unknown", "Transfer-Encoding: chunked", method="POST") + b"1\r\nx\r\n0\r\n\r\n",
    "a compressed body": get("/unknown", "Content-Encoding: gzip", method="POST", body=b"x"),
    "a large head": get("/unknown", "X-A: " + "x" * LARGE),
    "a call of the control plane": get("/unknown/_mock/docs"),
    "a path that may be one when it is decoded": get("/unknown%2F_moc%6B"),
}
FOREVER = 3600.0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    monkeypatch.setattr(turns, "HOLD_SECONDS", FOREVER)
    with serving(App()) as running:
        running.knows = lambda head: not head.path.startswith(("/unknown", "/_mock/health"))
        yield running


@pytest.mark.parametrize("sent", COSTLY.values(), ids=COSTLY)
def test_costly_ones_have_a_queue_of_their_own(sent: bytes, server: HttpServer) -> None:
    turn = server.unknown_queue.enter()  # as if another one were being served
    with connect(server.port) as unknown, connect(server.port) as known, connect(server.port) as small:
        unknown.sendall(sent)
        until(lambda: bool(server.unknown_queue._waiting))

        assert ask(known, sent.replace(b"/unknown", b"/known"))[0] == 200
        for path in ("/unknown", "/_mock/health"):
            assert ask(small, get(path))[0] == 200
        assert server.unknown_queue._waiting

        server.unknown_queue.leave(turn)
        assert response(unknown)[0] == 200


@pytest.mark.parametrize("how", ["sized", "chunked"])
def test_their_large_bodies_are_received_one_at_a_time(how: str, server: HttpServer) -> None:
    length, body = f"Content-Length: {LARGE}", b"x" * LARGE
    if how == "chunked":
        length, body = "Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (LARGE, body)
    with connect(server.port) as unknown, connect(server.port) as known:
        with request_reader._computing_unknown:  # as if another one were being received
            unknown.sendall(get("/unknown", length, method="POST") + body[:1])
            until(lambda: any(one.is_reading for one in list(server._connections)))
            unknown.sendall(body[1:])
            known.sendall(get("/known", length, method="POST") + body)

            assert response(known)[0] == 200
            assert_nothing_came(unknown)
        assert response(unknown)[0] == 200


def test_what_refused_ones_still_send_is_dropped_one_at_a_time(server: HttpServer) -> None:
    with connect(server.port) as refused, connect(server.port) as known, connection._dropping:
        refused.sendall(b"x\r\n\r\n" + b"x" * LARGE)

        assert response(refused)[0] == 400
        assert ask(known, get("/known"))[0] == 200


def assert_nothing_came(raw: socket.socket) -> None:
    raw.setblocking(False)
    with pytest.raises(BlockingIOError):
        raw.recv(1)
    raw.setblocking(True)
