"""TLS on the port that speaks HTTP: handshakes that succeed, fail and hang, and calls over them."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.http import server as http_server
from flaresend_mock.http.server import HttpServer
from flaresend_mock.http.tls import Authority, names
from tests.http.wire import (
    SHORT,
    TIMEOUT,
    App,
    ask,
    client_context,
    connect,
    get,
    in_background,
    is_closed,
    over_tls,
    patch,
    response,
    rest,
    serving,
    until,
)

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The beginning of a hello."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.open(tmp_path_factory.mktemp("ca") / "ca.pem")


@pytest.fixture(scope="module")
def context(authority: Authority) -> ssl.SSLContext:
    return authority.context(names())


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App, context: ssl.SSLContext) -> Iterator[HttpServer]:
    with serving(app, tls_context=lambda: context) as running:
        yield running


@pytest.fixture
def client(authority: Authority) -> ssl.SSLContext:
    return client_context(authority.certificate)


def test_one_port_speaks_http_and_https(server: HttpServer, client: ssl.SSLContext) -> None:
    with connect(server.port) as plain, over_tls(connect(server.port), client) as tls:
        assert [ask(raw, get("/a"))[1] for raw in (plain, tls, plain, tls)] == [b"GET http /a", b"GET https /a"] * 2


@pytest.mark.parametrize("name", ["api.flaresend.com", "localhost", "127.0.0.1", "::1", socket.gethostname()])
def test_a_client_that_trusts_the_ca_accepts_each_name(name: str, server: HttpServer, client: ssl.SSLContext) -> None:
    if name not in names():
        pytest.skip("the CA may not sign the name of this machine")
    with over_tls(connect(server.port), client, name) as raw:
        assert ask(raw, get())[0] == 200


@pytest.mark.parametrize("name", ["other.example.com", None])
def test_another_name_or_none_gets_the_same_certificate(
    name: str | None, server: HttpServer, client: ssl.SSLContext
) -> None:
    client.check_hostname = False
    with over_tls(connect(server.port), client, name) as raw:
        certificate = raw.getpeercert()
        assert certificate is not None
        assert certificate["subject"][0][0][1] == "api.flaresend.com"
        assert ask(raw, get())[0] == 200


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], None), ([], None)]
)
def test_the_protocol_is_http_1_1(
    offered: list[str], chosen: str | None, server: HttpServer, client: ssl.SSLContext
) -> None:
    if offered:
        client.set_alpn_protocols(offered)
    with over_tls(connect(server.port), client) as raw:
        assert raw.selected_alpn_protocol() == chosen
        assert ask(raw, get())[0] == 200


def test_pipelined_requests_and_large_bodies_pass(app: App, server: HttpServer, client: ssl.SSLContext) -> None:
    with over_tls(connect(server.port), client) as raw:
        raw.sendall(get("/upload", method="POST", body=b"x" * 1_000_000) + b"".join([get()] * 200))

        assert [response(raw)[0] for _ in range(201)] == [200] * 201
    assert app.bodies == [1_000_000]


def test_a_client_that_resets_the_connection_while_the_certificate_is_made_ends_it_silently(
    context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = list[object]()
    monkeypatch.setattr(threading, "excepthook", failed.append)
    with ExitStack() as opened:
        raw = opened.enter_context(socket.socket())

        def slow() -> ssl.SSLContext:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.close()
            return context

        server = opened.enter_context(serving(tls_context=slow))
        raw.connect(("127.0.0.1", server.port))
        raw.sendall(HELLO)
        until(lambda: raw.fileno() < 0 and not server._connections)
    assert failed == []


@pytest.mark.parametrize(
    ("version", "reason"), [(ssl.TLSVersion.TLSv1, "version"), (ssl.TLSVersion.TLSv1_1, "version")]
)
def test_old_versions_of_tls_are_refused(
    version: ssl.TLSVersion, reason: str, server: HttpServer, client: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.warns(DeprecationWarning, match="TLS"):
        client.minimum_version = client.maximum_version = version
    client.set_ciphers("DEFAULT:@SECLEVEL=0")

    with pytest.raises(OSError, match=reason):
        over_tls(connect(server.port), client)
    until(lambda: not server._connections)
    assert "A TLS handshake failed: unsupported protocol" in caplog.text


@pytest.mark.parametrize("hello", [b"\x16", b"\x16" * 1000, HELLO + b"\xff" * 2000, b"\x16\x03\x01\x00\x00"])
def test_a_hello_that_cannot_be_read_closes_its_connection(hello: bytes, server: HttpServer) -> None:
    with connect(server.port) as raw:
        raw.sendall(hello)
        raw.shutdown(socket.SHUT_WR)

        assert b"HTTP" not in rest(raw)
    with connect(server.port) as raw:
        assert ask(raw, get())[0] == 200


def test_a_client_that_does_not_trust_the_ca_gets_its_error_and_the_log_names_the_command(
    server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    raw = connect(server.port)
    raw.settimeout(5)  # sooner than the server ends a handshake
    with pytest.raises(ssl.SSLCertVerificationError):
        over_tls(raw, client_context(None))

    until(lambda: not server._connections)
    assert "A client does not trust the certificate: `flaresend-mock ca --url URL`" in caplog.text


def test_a_client_that_leaves_after_the_handshake_may_not_trust_the_ca_either(
    server: HttpServer, client: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with over_tls(connect(server.port), client) as used:
        assert ask(used, get())[0] == 200
    until(lambda: not server._connections)
    assert "flaresend-mock ca" not in caplog.text

    over_tls(connect(server.port), client).close()

    until(lambda: not server._connections)
    assert "If it does not trust the certificate: `flaresend-mock ca --url URL`" in caplog.text


@pytest.mark.parametrize("how", ["reset", "drop_response", "truncate"])
def test_a_connection_is_cut(how: str, server: HttpServer, client: ssl.SSLContext) -> None:
    with over_tls(connect(server.port), client) as raw:
        raw.sendall(get(f"/cut?{how}"))

        assert rest(raw).partition(b"\r\n\r\n")[2] == (b"GET htt" if how == "truncate" else b"")
        if how == "reset":  # TLS of Python shows it as an end
            with pytest.raises(OSError, match=r"not connected"):
                raw.getpeername()
        else:
            assert raw.getpeername()


def test_a_client_that_is_gone_ends_what_the_call_waits_for(
    app: App, server: HttpServer, client: ssl.SSLContext
) -> None:
    with over_tls(connect(server.port), client) as raw:
        raw.sendall(get("/held"))
        assert app.arrived.acquire(timeout=TIMEOUT)

    assert app.gone.acquire(timeout=TIMEOUT)


def test_a_client_that_reads_nothing_holds_no_thread_for_ever(
    app: App, server: HttpServer, client: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch(monkeypatch, STALL_SECONDS=SHORT, TICK_SECONDS=SHORT)
    with over_tls(connect(server.port), client) as raw:
        raw.sendall(get("/endless"))
        assert app.arrived.acquire(timeout=TIMEOUT)

        until(lambda: not server._connections)


def test_idle_connections_and_half_handshakes_are_closed(
    server: HttpServer, client: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch(monkeypatch, IDLE_SECONDS=SHORT, TICK_SECONDS=SHORT, HANDSHAKE_SECONDS=SHORT)
    with connect(server.port) as half:
        half.sendall(HELLO)

        assert is_closed(half)
    patch(monkeypatch, HANDSHAKE_SECONDS=TIMEOUT)
    with over_tls(connect(server.port), client) as idle:
        assert is_closed(idle)


def test_too_many_connections_get_503(context: ssl.SSLContext, client: ssl.SSLContext) -> None:
    with ExitStack() as opened:
        server = opened.enter_context(serving(max_connections=1, tls_context=lambda: context))
        opened.enter_context(connect(server.port))
        raw = opened.enter_context(over_tls(connect(server.port), client))
        status, body, _ = ask(raw, get("/_mock/clock"))

        assert (status, json.loads(body)["error"]["code"]) == (503, "service_unavailable")


def test_a_server_without_tls_closes_such_connections() -> None:
    with serving() as server, connect(server.port) as raw:
        raw.sendall(HELLO)

        assert is_closed(raw)


def test_calls_that_are_under_way_are_finished_when_the_server_stops(
    app: App, server: HttpServer, client: ssl.SSLContext
) -> None:
    with ExitStack() as opened:
        held, stream, idle = (opened.enter_context(over_tls(connect(server.port), client)) for _ in range(3))
        assert ask(idle, get())[0] == 200
        held.sendall(get("/held"))
        stream.sendall(get("/stream"))
        for _ in range(3):
            assert app.arrived.acquire(timeout=TIMEOUT)
        stopping = in_background(server.stop)

        assert is_closed(idle)
        app.let_go.set()
        assert [response(held)[0], response(stream)[1]] == [200, b"firstlast"]
        stopping.join(TIMEOUT)


def test_handshakes_that_hang_end_in_time(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "READING_SECONDS", SHORT)
    monkeypatch.setattr(http_server, "DRAIN_SECONDS", 2 * SHORT)
    with connect(server.port) as raw:
        raw.sendall(HELLO)
        until(lambda: any(one.is_reading for one in list(server._connections)))
        server.stop()

        assert not server._connections


def test_without_the_option_there_is_no_tls_port(flaresend: FlaresendMock) -> None:
    assert flaresend.tls_port is None


def test_a_tls_port_speaks_http_and_https_as_well(tmp_path: Path) -> None:
    with FlaresendMock(tls_ca=str(tmp_path / "ca.pem"), tls_port=0) as emulator:
        assert emulator._http is not None
        other = emulator.tls_port
        with connect(other) as plain:
            assert ask(plain, get("/_mock/health"))[0] == 200
        with over_tls(connect(other), client_context(emulator.authority.certificate), "127.0.0.1") as raw:
            assert ask(raw, get("/_mock/health"))[0] == 200
