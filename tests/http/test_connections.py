"""The life of a connection: from the listening port, over the limits in time and number, to the end of the server."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from flaresend_mock import CannotStart, FlaresendMock
from flaresend_mock.http import connection, request_reader
from flaresend_mock.http import server as http_server
from flaresend_mock.http.server import CannotListen, HttpServer
from tests.http.wire import SHORT, TIMEOUT, App, ask, connect, get, is_closed, patch, response, rest, serving, until


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[HttpServer]:
    with serving(app) as running:
        yield running


# listening


def test_port_0_is_a_free_port_that_accepts_at_once(server: HttpServer) -> None:
    assert server.port > 0
    with connect(server.port) as raw:
        assert ask(raw, get())[0] == 200


def test_a_busy_port_is_refused_when_the_server_is_made() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"^cannot listen on 127.0.0.1 port {port}: Address already in use$"):
            HttpServer(App(), [("127.0.0.1", port)], max_body_size=1)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "x" * 300, "a..b", "\0"])
def test_an_address_that_is_not_of_this_machine_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(CannotListen, match=r"^cannot listen on [^\n]+ port 0: [^\n]+$"):
        HttpServer(App(), [(host, 0)], max_body_size=1)


def test_a_busy_tls_port_leaves_nothing_listening() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy, socket.create_server(("127.0.0.1", 0)) as free:
        port, tls_port = free.getsockname()[1], busy.getsockname()[1]
        free.close()
        with pytest.raises(CannotStart, match=f"port {tls_port}: Address already in use"):
            FlaresendMock(port=port, tls_port=tls_port).start()

        with pytest.raises(ConnectionRefusedError):
            connect(port)


# one connection


def test_many_requests_in_one_packet_get_their_responses_in_order(server: HttpServer) -> None:
    with connect(server.port) as raw:
        raw.sendall(b"".join(get(f"/{number}") for number in range(200)))

        assert [response(raw)[1] for _ in range(200)] == [f"GET http /{number}".encode() for number in range(200)]
        assert ask(raw, get("/more"))[1] == b"GET http /more"


@pytest.mark.parametrize(
    ("minor", "header", "stays", "said"),
    [
        (1, "X-A: 1", True, None),
        (1, "Connection: close", False, "close"),
        (0, "X-A: 1", False, "close"),
        (0, "Connection: keep-alive", True, "keep-alive"),
    ],
)
def test_a_connection_stays_open_as_its_version_says(
    minor: int, header: str, stays: bool, said: str | None, server: HttpServer
) -> None:
    with connect(server.port) as raw:
        status, _, found = ask(raw, get("/", header, minor=minor))

        assert (status, found.headers.get("Connection")) == (200, said)
        if stays:
            assert ask(raw, get())[0] == 200
        else:
            assert is_closed(raw)


@pytest.mark.parametrize(("path", "method"), [("/", "HEAD"), ("/stream", "HEAD"), ("/204", "GET"), ("/304", "GET")])
def test_a_response_without_a_body_leaves_its_connection_in_order(
    path: str, method: str, app: App, server: HttpServer
) -> None:
    app.let_go.set()
    with connect(server.port) as raw:
        raw.sendall(get(path, method=method) + get("/next"))

        _, body, found = response(raw, method)
        assert (body, found.headers.get("Transfer-Encoding")) == (b"", None)
        assert response(raw)[1] == b"GET http /next"


def test_a_body_of_unknown_length_comes_in_chunks_and_to_http_1_0_until_the_end(app: App, server: HttpServer) -> None:
    app.let_go.set()
    with connect(server.port) as raw:
        _, body, found = ask(raw, get("/stream"))
        assert (body, found.headers["Transfer-Encoding"]) == (b"firstlast", "chunked")

        raw.sendall(get("/stream", "Connection: keep-alive", minor=0))
        head, _, body = rest(raw).partition(b"\r\n\r\n")
        assert b"Transfer-Encoding" not in head
        assert body == b"firstlast"


@pytest.mark.parametrize("path", ["/raise", "/disk"])
def test_an_application_that_fails_gets_a_whole_response(
    path: str, server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(server.port) as raw:
        status, body, _ = ask(raw, get(path))

        assert (status, json.loads(body)) == (500, {"success": False, "message": "Internal Server Error"})
        assert is_closed(raw)
    assert f"GET {path} failed" in caplog.messages


def test_an_application_that_fails_in_the_middle_ends_its_response_unfinished(server: HttpServer) -> None:
    with connect(server.port) as raw:
        raw.sendall(get("/break"))

        assert rest(raw).endswith(b"5\r\nfirst\r\n")


@pytest.mark.parametrize("how", ["reset", "drop_response", "truncate"])
def test_a_connection_is_cut(how: str, server: HttpServer) -> None:
    with connect(server.port) as raw:
        raw.sendall(get(f"/cut?{how}"))

        if how == "reset":
            with pytest.raises(ConnectionResetError):
                rest(raw)
        else:
            assert rest(raw).partition(b"\r\n\r\n")[2] == (b"GET ht" if how == "truncate" else b"")


def test_a_client_that_is_gone_ends_what_the_call_waits_for(app: App, server: HttpServer) -> None:
    with connect(server.port) as raw:
        raw.sendall(get("/held"))
        assert app.arrived.acquire(timeout=TIMEOUT)

    assert app.gone.acquire(timeout=TIMEOUT)


def test_what_a_client_sends_after_its_last_request_does_not_reset_the_response(server: HttpServer) -> None:
    with connect(server.port) as raw:
        raw.sendall(get("/upload", "Connection: close", method="POST", body=b"x" * 300_000) + b"\r\n" * 300_000)

        assert response(raw)[0] == 200
        assert is_closed(raw)


# limits in time


def test_an_idle_connection_is_closed(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    patch(monkeypatch, IDLE_SECONDS=SHORT, TICK_SECONDS=SHORT)
    with connect(server.port) as silent, connect(server.port) as used:
        assert ask(used, get())[0] == 200

        assert [is_closed(silent), is_closed(used)] == [True, True]


def test_a_request_that_comes_in_the_last_moment_of_an_idle_connection_is_answered(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client sends it when the server finds that the time is up."""
    patch(monkeypatch, IDLE_SECONDS=SHORT, TICK_SECONDS=SHORT)
    with connect(server.port) as raw:

        class Late(connection.Stopwatch):
            @property
            def seconds(self) -> float:
                raw.sendall(get())
                return 1e6

        monkeypatch.setattr(connection, "Stopwatch", Late)
        assert response(raw)[0] == 200


@pytest.mark.parametrize(
    ("sent", "limit"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", "HEAD_SECONDS"),
        (b"G", "HEAD_SECONDS"),
        (get("/", "Content-Length: 10", method="POST") + b"half", "STALL_SECONDS"),
        (get("/", "Transfer-Encoding: chunked", method="POST") + b"4\r\nhalf", "STALL_SECONDS"),
        (get("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\nX-Trailer: 1\r\n", "STALL_SECONDS"),
    ],
)
def test_a_request_that_stands_still_gets_408(
    sent: bytes, limit: str, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch(monkeypatch, TICK_SECONDS=SHORT, **{limit: SHORT})
    with connect(server.port) as raw:
        status, body, found = ask(raw, sent)

        assert (status, found.headers["Connection"]) == (408, "close")
        assert json.loads(body)["success"] is False
        assert is_closed(raw)


def test_a_client_that_reads_nothing_holds_no_thread_for_ever(
    app: App, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch(monkeypatch, STALL_SECONDS=SHORT)
    with connect(server.port) as raw:
        raw.sendall(get("/endless"))
        assert app.arrived.acquire(timeout=TIMEOUT)

        until(lambda: not server._connections)


# limits in number


def test_too_many_connections_get_503_in_the_words_of_their_path_and_later_ones_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patch(monkeypatch, LINGER_SECONDS=SHORT)
    with serving(max_connections=2) as server, ExitStack() as opened:
        first, _ = (opened.enter_context(connect(server.port)) for _ in range(2))
        assert ask(first, get())[0] == 200
        for path, wanted in (
            ("/groups", {"success": False, "message": "too many connections are open"}),
            ("/_mock/clock", {"error": {"code": "service_unavailable", "message": "too many connections are open"}}),
        ):
            third = opened.enter_context(connect(server.port))
            status, body, found = ask(third, get(path))
            assert (status, json.loads(body), found.headers["Connection"]) == (503, wanted, "close")

        silent = opened.enter_context(connect(server.port))  # it counts as none, although it is open
        until(lambda: len(server._connections) == 3 and silent.fileno() > 0)
        first.close()
        until(lambda: len(server._connections) == 2)
        with connect(server.port) as later:
            assert ask(later, get())[0] == 200


def test_connections_far_over_the_limit_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "SPARE_CONNECTIONS", 1)
    with serving(max_connections=1) as server, connect(server.port), connect(server.port):
        until(lambda: len(server._connections) == 2)
        with connect(server.port) as third:
            status, body, _ = response(third)

            assert (status, json.loads(body)["message"]) == (503, "too many connections are open")
            assert is_closed(third)


def test_without_a_thread_a_connection_gets_503_and_is_forgotten(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        with connect(server.port) as raw:
            assert ask(raw, get())[0] == 503
    assert not server._connections
    with connect(server.port) as raw:
        assert ask(raw, get())[0] == 200


def test_a_process_without_free_files_accepts_again_when_it_has_some(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_server, "RETRY_SECONDS", SHORT)
    failing = iter([errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.EMFILE])

    class Listener(socket.socket):
        def accept(self) -> Any:
            for number in failing:
                raise OSError(number, os.strerror(number))
            return super().accept()

    monkeypatch.setattr(socket, "socket", Listener)
    with serving(app) as server, connect(server.port) as raw:
        assert ask(raw, get())[0] == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "cannot accept a connection: Too many open files"
    ]


# large bodies


def test_a_large_body_goes_to_a_temporary_file(app: App, server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    temporary = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **how: made.append(temporary(**how)) or made[-1])
    size = 3 * request_reader.MAX_IN_MEMORY
    with connect(server.port) as raw:
        assert ask(raw, get("/upload", method="POST", body=b"x" * size))[0] == 200
        assert ask(raw, get("/upload", method="POST", body=b"x" * 10))[0] == 200

    assert app.bodies == [size, 10]
    assert [file.closed for file in made] == [True]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full disk to write to")
@pytest.mark.parametrize("more", [1, 100, 70_000, 500_000])
@pytest.mark.parametrize("how", ["sized", "chunked"])
def test_a_full_disk_is_507(how: str, more: int, server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "w+b"))  # noqa: SIM115
    body = b"x" * (request_reader.MAX_IN_MEMORY + more)
    sent = get("/_mock/world", method="POST", body=body)
    if how == "chunked":
        sent = get("/_mock/world", "Transfer-Encoding: chunked", method="POST") + b"%x\r\n%b\r\n0\r\n\r\n" % (
            len(body),
            body,
        )
    with connect(server.port) as raw:
        status, said, _ = ask(raw, sent)

    assert (status, json.loads(said)["error"]["code"]) == (507, "insufficient_storage")
    with connect(server.port) as raw:
        assert ask(raw, get())[0] == 200
