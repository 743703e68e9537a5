"""The end of the server: it finishes what is under way, answers what had arrived, and ends in time."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from flaresend_mock.http import server as http_server
from tests.http.wire import SHORT, TIMEOUT, App, ask, connect, get, in_background, is_closed, response, serving, until


@pytest.fixture
def app() -> App:
    return App()


def test_a_call_and_a_stream_that_are_under_way_are_finished(app: App) -> None:
    with serving(app) as server, ExitStack() as opened:
        held, stream, idle = (opened.enter_context(connect(server.port)) for _ in range(3))
        assert ask(idle, get())[0] == 200
        held.sendall(get("/held"))
        stream.sendall(get("/stream"))
        for _ in range(3):
            assert app.arrived.acquire(timeout=TIMEOUT)
        stopping = in_background(server.stop)

        assert is_closed(idle)
        app.let_go.set()
        status, _, found = response(held)
        assert (status, found.headers["Connection"]) == (200, "close")
        assert response(stream)[1] == b"firstlast"
        assert is_closed(held)
        stopping.join(TIMEOUT)
        with pytest.raises(ConnectionRefusedError):
            connect(server.port)


def test_what_had_arrived_when_the_server_stops_is_answered(app: App) -> None:
    """Also on connections that it had not accepted yet."""
    with serving(app) as server, ExitStack() as opened:
        kept = opened.enter_context(connect(server.port))
        assert ask(kept, get())[0] == 200
        with server._changed:  # neither a thread ends nor a connection is accepted
            kept.sendall(get("/upload", method="POST", body=b"x" * 50_000))
            new = [opened.enter_context(connect(server.port)) for _ in range(20)]
            for raw in new:
                raw.sendall(get())
            stopping = in_background(server.stop)
            until(lambda: server.stopping)

        assert [response(raw)[0] for raw in (kept, *new)] == [200] * 21
        stopping.join(TIMEOUT)


def test_requests_that_are_on_their_way_are_waited_for(app: App) -> None:
    with serving(app) as server, connect(server.port) as head, connect(server.port) as body:
        sent = get("/upload", method="POST", body=b"x" * 1000)
        head.sendall(sent[:20])
        body.sendall(sent[:-10])
        until(lambda: sum(one.is_reading for one in list(server._connections)) == 2)
        stopping = in_background(server.stop)
        until(lambda: server.stopping)

        head.sendall(sent[20:])
        body.sendall(sent[-10:])
        assert [response(raw)[0] for raw in (head, body)] == [200, 200]
        stopping.join(TIMEOUT)


def test_whatever_hangs_ends_in_time(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "READING_SECONDS", SHORT)
    monkeypatch.setattr(http_server, "DRAIN_SECONDS", 2 * SHORT)
    hanging = [
        b"GET / HT",
        get("/", "Content-Length: 100", method="POST") + b"half",
        get("/endless"),
        b"CONNECT api.flaresend.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"",
    ]
    with serving(app) as server, ExitStack() as opened:
        raws = [opened.enter_context(connect(server.port)) for _ in hanging]
        for raw, sent in zip(raws, hanging, strict=True):
            raw.sendall(sent)
        until(lambda: sum(one.is_reading or one.is_calling for one in list(server._connections)) == 3)
        server.stop()

        assert not server._connections


def test_requests_on_more_than_a_thousand_connections_are_answered_at_the_end(app: App) -> None:
    """The files of later ones have numbers that select() does not know."""
    resource = pytest.importorskip("resource")
    limit, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if highest < 3000:
        pytest.skip("the system does not allow as many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limit, 3000), highest))
    try:
        with serving(app) as server, ExitStack() as opened:
            for _ in range(520):  # each has two files: the client is in this process
                opened.enter_context(connect(server.port))
            until(lambda: len(server._connections) == 520)
            with server._changed:
                last = opened.enter_context(connect(server.port))
                last.sendall(get())
                stopping = in_background(server.stop)
                until(lambda: server.stopping)

            assert last.fileno() > 1024
            assert response(last)[0] == 200
            stopping.join(TIMEOUT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, highest))


def test_a_flood_of_connections_does_not_keep_the_server_from_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flooded:
        accepted = 0

        def accept(self) -> tuple[int, int]:
            self.accepted += 1
            assert self.accepted <= 10 * http_server.BACKLOG
            return 0, 0

    with serving() as server, monkeypatch.context() as patched:
        flooded = Flooded()
        patched.setattr(server, "_serve", lambda *_: None)
        patched.setattr(server, "_listeners", [flooded])
        server._accept_waiting()

    assert flooded.accepted == http_server.BACKLOG
