"""Large bodies are in temporary files, which all connections together may fill so far: no upload alone is refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from flaresend_mock.http import request_reader
from flaresend_mock.http.body_stream import MAX_UNREAD
from flaresend_mock.http.server import MAX_BODIES, HttpServer
from tests.http.wire import App, ask, connect, get, response, serving, until

LARGE = 100_000  # bytes of a body that is kept in a file here
ROOM = 8 * LARGE
CHUNKED = "Transfer-Encoding: chunked"
HOW = pytest.mark.parametrize("how", ["sized", "chunked"])


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    monkeypatch.setattr(request_reader, "MAX_IN_MEMORY", LARGE)
    monkeypatch.setattr(request_reader, "ROOM_SECONDS", 0)
    with serving(app) as running:
        running.bodies.most = ROOM
        yield running


def held(server: HttpServer) -> int:
    return server.bodies._held


def begin(
    server: HttpServer, sent: int, how: str = "sized", path: str = "/upload", *, size: int | None = None
) -> socket.socket:
    """Send the first bytes of a body, by default all but its end, and wait until they are kept."""
    before = kept(server)
    raw = connect(server.port)
    if how == "sized":
        raw.sendall(get(path, f"Content-Length: {(size or sent) + 1}", method="POST") + b"x" * sent)
    else:
        raw.sendall(get(path, CHUNKED, method="POST") + b"%x\r\n%b\r\n" % (sent, b"x" * sent))
    until(lambda: kept(server) == sorted([*before, sent]))
    return raw


def kept(server: HttpServer) -> list[int]:
    """Return how many bytes have come of each body that is being received."""
    return sorted(one._reader._size for one in list(server._connections) if one._reader._size)


def end(raw: socket.socket, how: str = "sized", *, rest: int = 0) -> int:
    raw.sendall(b"x" * (rest + 1) if how == "sized" else b"0\r\n\r\n")
    return response(raw)[0]


@HOW
def test_bodies_have_room_together_and_small_ones_need_none(how: str, server: HttpServer) -> None:
    with begin(server, 4 * LARGE, how), begin(server, 7 * LARGE, how) as beyond, connect(server.port) as third:
        status, said, found = ask(third, get("/_mock/world", method="POST", body=b"x" * 5 * LARGE))
        assert (status, json.loads(said)["error"]["code"]) == (503, "service_unavailable")
        assert f"may take {ROOM} bytes together" in json.loads(said)["error"]["message"]
        assert found.headers["Connection"] == "close"
        assert held(server) <= 9 * LARGE + 2  # of the first two: the refused one gave its room back before

        with connect(server.port) as small:
            assert ask(small, get("/upload", method="POST", body=b"x" * LARGE))[0] == 200
        assert end(beyond, how) == 200
        with connect(server.port) as again:
            assert ask(again, get("/upload", method="POST", body=b"x" * 4 * LARGE))[0] == 200
    until(lambda: not held(server))


def test_a_body_waits_for_room_while_others_are_received(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_reader, "ROOM_SECONDS", 30)
    with begin(server, 4 * LARGE), begin(server, 7 * LARGE) as beyond, connect(server.port) as third:
        third.sendall(get("/upload", method="POST", body=b"x" * 4 * LARGE))
        until(lambda: server.bodies._waiting > 0)
        with connect(server.port) as small:
            assert ask(small, get("/"))[0] == 200

        assert end(beyond) == 200
        assert response(third)[0] == 200


def test_bodies_that_take_all_room_together_do_not_wait_for_each_other(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_reader, "ROOM_SECONDS", 30)
    with ExitStack() as opened:
        growing = [opened.enter_context(begin(server, 2 * LARGE, size=5 * LARGE)) for _ in range(7)]
        with ThreadPoolExecutor(len(growing)) as threads:
            assert list(threads.map(lambda raw: end(raw, rest=3 * LARGE), growing)) == [200] * len(growing)
    until(lambda: not held(server))


def test_bodies_that_are_announced_and_not_sent_take_no_room(server: HttpServer) -> None:
    with ExitStack() as opened:
        for _ in range(6):
            opened.enter_context(begin(server, 1, size=ROOM))

        with connect(server.port) as other:
            assert ask(other, get("/upload", method="POST", body=b"x" * 7 * LARGE))[0] == 200
        assert held(server) == 0


def test_a_body_that_grows_beyond_the_room_is_refused(server: HttpServer) -> None:
    with begin(server, 7 * LARGE), begin(server, 4 * LARGE, "chunked"):  # which has more than there is
        with begin(server, LARGE, "chunked") as growing:
            growing.sendall(b"%x\r\n%b\r\n" % (3 * LARGE, b"x" * 3 * LARGE))
            assert response(growing)[0] == 503
        assert ROOM < held(server) <= 9 * LARGE + 2


@pytest.mark.parametrize(
    ("how", "rest", "status"),
    [
        ("chunked", b"y\r\n", 400),
        ("chunked", b"%x\r\n" % 10**12, 413),
        ("chunked", b"1" * 500, 400),
        ("sized", b"", None),
        ("chunked", b"", None),
    ],
    ids=["a malformed chunk", "too large", "a long line", "aborted", "aborted in chunks"],
)
def test_room_is_given_back_however_a_body_ends(how: str, rest: bytes, status: int | None, server: HttpServer) -> None:
    with begin(server, 2 * LARGE, how) as raw:
        assert held(server) > 0
        if status is not None:
            raw.sendall(rest)
            assert response(raw)[0] == status
    until(lambda: not held(server))


@pytest.mark.parametrize(("path", "status"), [("/upload", 200), ("/raise", 500), ("/204", 204)])
@HOW
def test_room_is_given_back_with_the_call(how: str, path: str, status: int, server: HttpServer) -> None:
    with begin(server, 2 * LARGE, how, path) as raw:
        assert end(raw, how) == status
        until(lambda: not held(server))


def test_a_client_that_receives_its_response_slowly_keeps_no_room(app: App, server: HttpServer) -> None:
    with begin(server, 2 * LARGE, path="/stream") as raw:
        raw.sendall(b"x")
        assert raw.recv(12) == b"HTTP/1.1 200"
        until(lambda: not held(server))
        app.let_go.set()


@pytest.mark.parametrize("max_body_size", [1, 64 * 1024**2, 10 * 1024**3])
def test_the_largest_body_has_room_beside_three_others(max_body_size: int) -> None:
    server = HttpServer(App(), [("127.0.0.1", 0)], max_body_size=max_body_size)
    server.start()
    server.stop()

    assert server.bodies.most >= max(MAX_BODIES, 4 * server.max_body)


@HOW
def test_few_bytes_of_an_unknown_caller_are_kept(how: str, app: App, server: HttpServer) -> None:
    server.knows = lambda head: head.path != "/upload"
    size = 10 * LARGE
    with connect(server.port) as raw:
        raw.sendall(get("/upload", f"Content-Length: {size + 1}" if how == "sized" else CHUNKED, method="POST"))
        raw.sendall(b"x" * size if how == "sized" else b"%x\r\n%b\r\n" % (size, b"x" * size))
        assert end(raw, how) == 200

    assert MAX_UNREAD < app.bodies[0] <= MAX_UNREAD + 2 * 65536
    assert held(server) == 0
