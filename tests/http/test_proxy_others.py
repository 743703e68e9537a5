"""`--proxy-others pass`: tunnels and whole URLs lead to other hosts, untouched. What lies between is in
test_upstream_proxy.py.

The other host is a server of the test. It is called shop.test: this machine itself is reached in either mode.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from flaresend_mock import FlaresendMock, server
from flaresend_mock.http import proxy as http_proxy
from flaresend_mock.http.server import HttpServer
from flaresend_mock.http.tls import Authority, names
from flaresend_mock.settings import ENVIRONMENT
from tests.http.proxies import (
    METADATA,
    Send,
    absolute,
    address_of_this_machine,
    echo,
    proxying,
    read_head,
    receive,
    resolve,
    responding,
    tunnel,
)
from tests.http.wire import (
    SHORT,
    TIMEOUT,
    App,
    Origin,
    ask,
    client_context,
    connect,
    get,
    in_background,
    is_closed,
    over_tls,
    response,
    rest,
    serving,
    until,
)

LARGE = 8_000_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Passing = tuple[HttpServer, list[tuple[str, bool]]]


@pytest.fixture(autouse=True)
def names_of_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {"both": "::1 127.0.0.1", "metadata": "169.254.169.254", "either": "127.0.0.1 169.254.169.254"}
    resolve(monkeypatch, shop="127.0.0.1", **addresses)


@pytest.fixture
def passing() -> Iterator[Passing]:
    """A server that passes requests for other hosts on, and what it records."""
    with proxying(passes=True) as (server, recorded):
        yield server, recorded


def test_a_tunnel_passes_bytes_both_ways_until_both_sides_have_ended(passing: Passing) -> None:
    server, recorded = passing
    with Origin(echo) as origin, connect(server.port) as raw:
        assert tunnel(raw, f"shop.test:{origin.port}", b"sent with CONNECT, ")[0] == 200
        raw.sendall(b"and after it\x00\xff")
        assert receive(raw, 33) == b"sent with CONNECT, and after it\x00\xff"
        raw.shutdown(socket.SHUT_WR)

        assert rest(raw) == b"end"
    assert recorded == [(f"shop.test:{origin.port}", True)]


def test_a_tunnel_ends_with_the_server(passing: Passing) -> None:
    with Origin(lambda accepted: accepted.sendall(b"bye")) as origin, connect(passing[0].port) as raw:
        assert tunnel(raw, f"shop.test:{origin.port}")[0] == 200
        assert rest(raw) == b"bye"


def test_a_server_that_resets_its_connection_ends_the_tunnel(passing: Passing) -> None:
    def reset(accepted: socket.socket) -> None:
        accepted.recv(1)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with Origin(reset) as origin, connect(passing[0].port) as raw:
        assert tunnel(raw, f"shop.test:{origin.port}", b"x")[0] == 200
        assert is_closed(raw)


@pytest.mark.parametrize("is_secure", [False, True])
def test_large_amounts_pass_both_ways_at_once(is_secure: bool, tmp_path: Path) -> None:
    """Also where the client speaks TLS to the proxy: one thread reads and writes."""
    authority = Authority.open(tmp_path / "ca.pem")
    context = authority.context(names())
    with ExitStack() as opened:
        server, _ = opened.enter_context(proxying(passes=True, tls_context=lambda: context))
        origin = opened.enter_context(Origin(echo))
        raw = opened.enter_context(connect(server.port))
        if is_secure:
            raw = opened.enter_context(over_tls(raw, client_context(authority.certificate)))
        assert tunnel(raw, f"shop.test:{origin.port}")[0] == 200
        sent = bytes(range(256)) * (LARGE // 256)
        if is_secure:  # a client of Python does not read and write at once either
            for start in range(0, LARGE, 100_000):
                raw.sendall(sent[start : start + 100_000])
                assert receive(raw, len(sent[start : start + 100_000])) == sent[start : start + 100_000]
        else:
            sending = in_background(lambda: raw.sendall(sent))
            assert receive(raw, LARGE) == sent
            sending.join(TIMEOUT)


def test_neither_side_that_reads_slowly_loses_bytes(passing: Passing) -> None:
    """Each side sends all that it has before it reads."""
    sent = b"x" * LARGE
    found: list[bytes] = []

    def handle(accepted: socket.socket) -> None:
        accepted.sendall(sent)
        accepted.shutdown(socket.SHUT_WR)
        found.append(rest(accepted))

    with Origin(handle) as origin, connect(passing[0].port) as raw:
        assert tunnel(raw, f"shop.test:{origin.port}")[0] == 200
        raw.sendall(b"first")
        assert receive(raw, LARGE) == sent
        assert is_closed(raw)
        until(lambda: bool(found))
    assert found == [b"first"]


def test_a_program_verifies_the_certificate_of_the_other_host(passing: Passing, tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "ca.pem", "shop.test")
    context = authority.context(["shop.test"])
    with Origin(responding(OK), context) as origin, connect(passing[0].port) as raw:
        assert tunnel(raw, f"shop.test:{origin.port}")[0] == 200
        with over_tls(raw, client_context(authority.certificate), "shop.test") as tls:
            assert ask(tls, get())[1] == b"ok"


def test_a_whole_url_is_passed_on_as_its_path(passing: Passing) -> None:
    """The fields are the client's, but those that are for the proxy, and `Host`, which the URL decides."""
    server, recorded = passing
    heads: list[bytes] = []
    with Origin(responding(OK, heads)) as origin:
        for path in ("/a%20b?x=1&y=%2F", "?x=1", ""):
            with connect(server.port) as raw:
                fields = ["Proxy-Authorization: Basic eA==", "Proxy-Connection: keep-alive", "Connection: keep-alive"]
                raw.sendall(get(f"http://shop.test:{origin.port}{path}", "X-Odd:  a  ", *fields, "x-odd: B"))
                assert response(raw)[:2] == (200, b"ok")
                assert is_closed(raw)

    lines = [head.decode().split("\r\n") for head in heads]
    assert [one[0] for one in lines] == [f"GET {path} HTTP/1.1" for path in ("/a%20b?x=1&y=%2F", "/?x=1", "/")]
    assert lines[0][1:-2] == [f"Host: shop.test:{origin.port}", "X-Odd:  a  ", "x-odd: B", "Connection: close"]
    assert recorded == [(f"shop.test:{origin.port}", True)] * 3


def test_old_clients_get_responses_that_they_understand(passing: Passing) -> None:
    """A response in chunks would be too new for a client of HTTP/1.0."""
    with serving() as origin, connect(passing[0].port) as raw:
        raw.sendall(f"GET http://shop.test:{origin.port}/stream HTTP/1.0\r\n\r\n".encode())
        origin.app.let_go.set()  # type: ignore[attr-defined]

        assert rest(raw).endswith(b"\r\n\r\nfirstlast")


@pytest.mark.parametrize("fields", [["Content-Length: 8000000"], ["Content-Length: 8000000", "Expect: 100-continue"]])
def test_a_large_body_passes(fields: list[str], passing: Passing) -> None:
    app = App()
    with serving(app) as origin, connect(passing[0].port) as raw:
        raw.sendall(get(f"http://shop.test:{origin.port}/upload", *fields, method="POST"))
        if len(fields) > 1:
            assert read_head(raw) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(b"x" * LARGE)

        assert response(raw)[0] == 200
    assert app.bodies == [LARGE]


def test_a_body_in_chunks_passes(passing: Passing) -> None:
    app = App()
    with serving(app) as origin, connect(passing[0].port) as raw:
        raw.sendall(get(f"http://shop.test:{origin.port}/upload", "Transfer-Encoding: chunked", method="POST"))
        for _ in range(100):
            raw.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        raw.sendall(b"0\r\n\r\n")

        assert response(raw)[0] == 200
    assert app.bodies == [100_000]


def test_a_response_arrives_while_the_server_still_sends(passing: Passing) -> None:
    app = App()
    with serving(app) as origin, connect(passing[0].port) as raw:
        raw.sendall(get(f"http://shop.test:{origin.port}/stream"))
        assert read_head(raw).startswith(b"HTTP/1.1 200 ")
        assert receive(raw, 10) == b"5\r\nfirst\r\n"
        app.let_go.set()

        assert rest(raw) == b"4\r\nlast\r\n0\r\n\r\n"


def test_a_response_to_an_upload_that_is_not_finished_arrives(passing: Passing) -> None:
    refused = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
    with Origin(responding(refused)) as origin, connect(passing[0].port) as raw:
        raw.sendall(get(f"http://shop.test:{origin.port}/", "Content-Length: 8000000", method="POST") + b"x" * 1000)

        assert response(raw)[0] == 413


def test_what_follows_a_request_does_not_reach_its_host(passing: Passing) -> None:
    """It may be for another one: a client that goes on would tell the shop the key of the API."""
    found: list[bytes] = []

    def handle(accepted: socket.socket) -> None:
        found.append(read_head(accepted) + receive(accepted, 4))
        accepted.sendall(OK)
        accepted.shutdown(socket.SHUT_WR)
        found.append(rest(accepted))

    with Origin(handle) as origin, connect(passing[0].port) as raw:
        first = get(f"http://shop.test:{origin.port}/", method="POST", body=b"body")
        raw.sendall(first + get("http://api.flaresend.com/groups", "Authorization: Bearer secret"))
        assert response(raw)[1] == b"ok"
        assert is_closed(raw)
        until(lambda: len(found) == 2)
    assert found[0].endswith(b"\r\n\r\nbody")
    assert found[1] == b""


def test_a_whole_https_url_of_another_host_gets_400(passing: Passing) -> None:
    """The proxy would have to speak TLS for the client."""
    server, recorded = passing
    with connect(server.port) as raw:
        assert absolute(raw, "https://shop.test/a") == (
            400,
            "shop.test is not this emulator: a client reaches it over https with CONNECT",
        )
    assert recorded == [("shop.test:443", False)]


@pytest.mark.parametrize("send", [tunnel, absolute])
def test_a_host_that_cannot_be_reached_gets_502(send: Send, passing: Passing) -> None:
    server, recorded = passing
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    prefix = "http://" if send is absolute else ""
    for host, port, why in (("shop", closed, "Connection refused"), ("none", 80, "Name or service not known")):
        with connect(server.port) as raw:
            assert send(raw, f"{prefix}{host}.test:{port}") == (502, f"{host}.test:{port} cannot be reached: {why}")
    assert recorded == [(f"shop.test:{closed}", True), ("none.test:80", True)]


def test_a_host_with_several_addresses_is_reached_at_the_one_that_listens(passing: Passing) -> None:
    with Origin(echo) as origin, connect(passing[0].port) as raw:
        assert tunnel(raw, f"both.test:{origin.port}", b"x")[0] == 200
        assert receive(raw, 1) == b"x"


def test_a_host_that_does_not_respond_in_time_gets_502(passing: Passing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_proxy, "CONNECT_SECONDS", SHORT)
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(4):  # they fill its queue, so that the system ignores further ones
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        raw = opened.enter_context(connect(passing[0].port))

        assert tunnel(raw, f"shop.test:{port}") == (502, f"shop.test:{port} cannot be reached: timed out")


def test_a_slow_host_keeps_no_other_client_waiting(passing: Passing) -> None:
    app = App()
    with serving(app) as origin, ExitStack() as opened:
        slow = [opened.enter_context(connect(passing[0].port)) for _ in range(20)]
        for raw in slow:
            raw.sendall(get(f"http://shop.test:{origin.port}/held"))
        for _ in slow:
            assert app.arrived.acquire(timeout=TIMEOUT)
        with connect(passing[0].port) as raw:
            assert ask(raw, get("/a"))[0] == 200
        app.let_go.set()

        assert [response(raw)[0] for raw in slow] == [200] * 20


@pytest.mark.parametrize("host", METADATA)
@pytest.mark.parametrize("has_upstream", [False, True])
def test_metadata_services_are_refused(has_upstream: bool, host: str) -> None:
    with Origin(echo) as origin:
        upstream = f"http://shop.test:{origin.port}" if has_upstream else None
        with proxying(passes=True, upstream=lambda target: upstream) as (server, recorded):
            for send, target in ((tunnel, f"{host}:80"), (absolute, f"http://{host}/latest/meta-data/")):
                with connect(server.port) as raw:
                    status, message = send(raw, target)
                assert status == 403
                assert message.endswith(" is a link-local address or a cloud's metadata service")
    assert [passed for _, passed in recorded] == [False, False]


@pytest.mark.parametrize("host", ["metadata.test", "either.test"])
def test_a_name_that_leads_to_a_metadata_service_is_refused(host: str, passing: Passing) -> None:
    server, recorded = passing
    with connect(server.port) as raw:
        assert tunnel(raw, f"{host}:80") == (
            403,
            "169.254.169.254 is a link-local address or a cloud's metadata service",
        )
    assert recorded == [(f"{host}:80", False)]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]", "0.0.0.0", "[::]", "shop.test"])
def test_a_client_of_another_machine_does_not_reach_this_one(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that listen on loopback trust this machine's programs."""
    address = address_of_this_machine()
    with Origin(echo) as origin, FlaresendMock(host="0.0.0.0", proxy_others="pass") as emulator:
        port = int(emulator.url.rpartition(":")[2])
        with socket.create_connection((address, port), timeout=TIMEOUT) as raw:
            status, message = tunnel(raw, f"{host}:{origin.port}")

            assert status == 403
            assert message.endswith(" is the emulator's machine, which only its own programs reach through it")
        with socket.create_server((address, 0)) as other, socket.create_connection((address, port)) as raw:
            status, message = tunnel(raw, f"{address}:{other.getsockname()[1]}")

            assert status == 403
            assert message.endswith(" is the emulator's machine, which only its own programs reach through it")
        with socket.create_connection((address, port), timeout=TIMEOUT) as raw:  # the emulator's own address
            assert tunnel(raw, f"{address}:{port}")[0] == 200
            assert ask(raw, get("/_mock/health"))[0] == 200


def test_tunnels_that_are_open_end_when_the_server_stops(passing: Passing) -> None:
    """Idle ones, and those whose server or client does not read."""
    server, _ = passing
    held = threading.Event()

    def unread(accepted: socket.socket) -> None:
        held.wait(TIMEOUT)

    def flood(accepted: socket.socket) -> None:
        while True:
            accepted.sendall(b"x" * 65536)

    with ExitStack() as opened:
        opened.callback(held.set)
        raws = []
        for handle in (echo, unread, flood):
            origin = opened.enter_context(Origin(handle))
            raws.append(opened.enter_context(connect(server.port)))
            assert tunnel(raws[-1], f"shop.test:{origin.port}")[0] == 200
        while select.select([], [raws[1]], [], 4 * SHORT)[1]:  # until all buffers are full
            raws[1].send(b"x" * 4096)
        server.stop()

        until(lambda: not server._connections)
        assert is_closed(raws[0])
        held.set()


def test_the_emulator_counts_the_calls_of_many_hosts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_OTHERS", 2)
    with FlaresendMock() as emulator, requests.Session() as session:
        session.trust_env = False
        for host in "abcda":
            session.get(f"http://{host}.test/", proxies={"http": emulator.url}, timeout=TIMEOUT)

    assert emulator.others == {("a.test:80", False): 2, ("b.test:80", False): 1, (server.FURTHER, False): 2}


def test_the_emulator_counts_and_records_what_it_passes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.delitem(ENVIRONMENT, name, raising=False)
    with Origin(echo) as origin, FlaresendMock(proxy_others="pass") as emulator:
        shop = f"shop.test:{origin.port}"
        for target in (shop, "metadata.test:80"):
            with connect(int(emulator.url.rpartition(":")[2])) as raw:
                tunnel(raw, target)
        found = requests.get(f"{emulator.url}/_mock/events?kind=proxy", timeout=TIMEOUT).json()["events"]

        assert emulator.others == {(shop, True): 1, ("metadata.test:80", False): 1}
    assert [one["proxy"] for one in found] == [
        {"action": "passed_on", "id": shop},
        {"action": "refused", "id": "metadata.test:80"},
    ]


def test_tls_to_a_port_of_this_machine_is_not_touched(passing: Passing, tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "ca.pem")
    with Origin(responding(OK), authority.context(names())) as origin, connect(passing[0].port) as raw:
        assert tunnel(raw, f"localhost:{origin.port}")[0] == 200
        with over_tls(raw, ssl.create_default_context(cadata=authority.certificate.decode())) as tls:
            assert ask(tls, get())[1] == b"ok"
    assert passing[1] == []
