"""`--proxy-others pass` where the environment names a proxy: calls of other hosts go through it."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress

import pytest

from flaresend_mock.http import proxy as http_proxy
from flaresend_mock.settings import ENVIRONMENT, upstream_proxy
from tests.http.proxies import Send, absolute, echo, proxying, read_head, receive, resolve, responding, tunnel
from tests.http.wire import SHORT, Origin, ask, connect, get, response, rest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def names_of_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, shop="127.0.0.1")


class Upstream:
    """A proxy that notes heads and sends a reply."""

    def __init__(self, said: bytes, then: Callable[[socket.socket], None] = echo) -> None:
        self.heads: list[str] = []
        self._said, self._then = said, then

    def __call__(self, accepted: socket.socket) -> None:
        self.heads.append(read_head(accepted).decode())
        accepted.sendall(self._said)
        if self._said.startswith(b"HTTP/1.1 200"):
            self._then(accepted)


ESTABLISHED = b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n"


@pytest.mark.parametrize("target", ["other.example:443", "[2001:db8::1]:443"])
def test_a_tunnel_goes_through_another_proxy_with_its_credentials(target: str) -> None:
    upstream = Upstream(ESTABLISHED + b"early")
    with Origin(upstream) as origin:
        url = f"http://us%40er:p%3Ass@shop.test:{origin.port}"
        with proxying(passes=True, upstream=lambda target: url) as (server, recorded), connect(server.port) as raw:
            assert tunnel(raw, target, b"late")[0] == 200
            assert receive(raw, 9) == b"earlylate"

    lines = upstream.heads[0].split("\r\n")
    assert lines[:2] == [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    assert f"Proxy-Authorization: Basic {b64encode(b'us@er:p:ss').decode()}" in lines
    assert recorded == [(target, True)]


def test_a_whole_url_goes_through_another_proxy_unchanged() -> None:
    upstream = Upstream(OK, lambda accepted: None)
    with Origin(upstream) as origin:
        url = f"http://user:pass@shop.test:{origin.port}"
        with proxying(passes=True, upstream=lambda target: url) as (server, _), connect(server.port) as raw:
            raw.sendall(get("http://other.example/a?x=1", "Proxy-Authorization: Basic b3Vycw==", "Via: 1.0 fred"))
            assert response(raw)[1] == b"ok"

    lines = upstream.heads[0].split("\r\n")
    assert lines[:2] == ["GET http://other.example/a?x=1 HTTP/1.1", "Host: other.example"]
    assert [one for one in lines if one.startswith("Proxy-")] == ["Proxy-Authorization: Basic dXNlcjpwYXNz"]
    (via,) = (one for one in lines if one.startswith("Via: "))
    assert via.startswith("Via: 1.0 fred, 1.1 flaresend-mock-")


@pytest.mark.parametrize(
    ("excepted", "passes_by"),
    [
        ("shop.test", True),
        (".test", True),
        ("a.example,test", True),
        ("*", True),
        ("other.example", False),
        ("", False),
        ("shop.test:PORT", True),
        ("shop.test:1", False),
    ],
)
def test_hosts_in_no_proxy_are_reached_directly(
    excepted: str, passes_by: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = Upstream(ESTABLISHED, lambda accepted: accepted.sendall(b"proxy"))
    with Origin(lambda accepted: accepted.sendall(b"shop.")) as shop, Origin(upstream) as origin:
        for name in ("https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY", "NO_PROXY"):
            monkeypatch.delitem(ENVIRONMENT, name, raising=False)
        monkeypatch.setitem(ENVIRONMENT, "HTTPS_PROXY", f"127.0.0.1:{origin.port}")
        monkeypatch.setitem(ENVIRONMENT, "NO_PROXY", excepted.replace("PORT", str(shop.port)))
        with proxying(passes=True, upstream=upstream_proxy) as (server, _), connect(server.port) as raw:
            assert tunnel(raw, f"shop.test:{shop.port}")[0] == 200
            assert rest(raw) == (b"shop." if passes_by else b"proxy")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "HTTP/1.1 407 Proxy Authentication Required"),
        (b"HTTP/1.0 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nlong", "HTTP/1.0 502 Bad Gateway"),
        (b"HTTP/1.1 200 OK\r\nX: never ends", "HTTP/1.1 200 OK"),
        (b"SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH"),
        (b"", "nothing"),
        (b"x" * 100_000, "x" * 100),
    ],
)
def test_a_proxy_that_refuses_gets_502_with_what_it_said(said: bytes, shown: str) -> None:
    def handle(accepted: socket.socket) -> None:
        read_head(accepted)
        accepted.sendall(said)

    with Origin(handle) as origin:
        url = f"http://shop.test:{origin.port}"
        with proxying(passes=True, upstream=lambda target: url) as (server, _), connect(server.port) as raw:
            assert tunnel(raw, "other.example:443") == (
                502,
                f"the proxy shop.test does not lead to other.example:443: it said {shown}",
            )


def test_a_proxy_that_refuses_a_whole_url_is_not_hidden() -> None:
    refused = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with Origin(responding(refused)) as origin:
        url = f"http://shop.test:{origin.port}"
        with proxying(passes=True, upstream=lambda target: url) as (server, _), connect(server.port) as raw:
            assert ask(raw, get("http://other.example/"))[0] == 407


def test_a_proxy_that_says_nothing_gets_502_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_proxy, "CONNECT_SECONDS", SHORT)
    with Origin(silent) as origin:
        url = f"http://shop.test:{origin.port}"
        with proxying(passes=True, upstream=lambda target: url) as (server, _), connect(server.port) as raw:
            status, message = tunnel(raw, "other.example:443")
    assert (status, message[-15:]) == (502, "it said nothing")


def test_a_proxy_that_drips_gets_502_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_proxy, "CONNECT_SECONDS", SHORT)

    def drip(accepted: socket.socket) -> None:
        accepted.settimeout(SHORT / 4)
        accepted.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            with suppress(TimeoutError):
                accepted.recv(65536)
            accepted.sendall(b"a")

    with Origin(drip) as origin:
        url = f"http://shop.test:{origin.port}"
        with proxying(passes=True, upstream=lambda target: url) as (server, _), connect(server.port) as raw:
            status, message = tunnel(raw, "other.example:443")
    assert (status, message[-23:]) == (502, "it said HTTP/1.1 200 OK")


def silent(accepted: socket.socket) -> None:
    rest(accepted)


@pytest.mark.parametrize(
    "url",
    ["http://none.test:80", "http://shop.test:x", "http://[::1", "http://shop.test:99999", "socks5://shop.test:1080"],
)
def test_a_proxy_that_cannot_be_used_gets_502(url: str) -> None:
    with proxying(passes=True, upstream=lambda target: url) as (server, recorded), connect(server.port) as raw:
        status, message = tunnel(raw, "other.example:443")

    assert status == 502
    assert message in (
        "none.test:80 cannot be reached: Name or service not known",
        "the proxy that leads to other.example:443 has no URL with http:// and a valid port",
    )
    assert recorded == [("other.example:443", True)]


@pytest.mark.parametrize("send", [tunnel, absolute])
def test_two_emulators_that_name_each_other_as_proxy_do_not_loop(send: Send) -> None:
    ports: list[int] = []

    def other(own: int) -> Callable[[str], str]:
        return lambda target: f"http://127.0.0.1:{ports[1 - own]}"

    with (
        proxying(passes=True, upstream=other(0)) as (first, recorded),
        proxying(passes=True, upstream=other(1)) as (second, recorded_there),
        connect(first.port) as raw,
    ):
        ports += [first.port, second.port]
        status, message = send(raw, f"{'http://' if send is absolute else ''}other.example:80")

        assert status == 508
        assert "508 Loop Detected" in message or message.endswith("lead back to this emulator")
    assert recorded == [("other.example:80", True)] * 2
    assert recorded_there == [("other.example:80", True)]


def test_an_emulator_that_names_itself_as_proxy_reaches_the_host_or_ends_soon() -> None:
    """It knows itself under most names. Under others, it finds itself in the field Via."""
    with Origin(echo) as origin:
        for host, status in (("localhost", 200), ("127.0.0.1", 200), ("[::1]", 200), ("0.0.0.0", 508)):
            urls: list[str] = []
            with proxying(passes=True, upstream=lambda target, urls=urls: urls[0]) as (server, recorded):
                urls.append(f"http://{host}:{server.port}")
                with connect(server.port) as raw:
                    assert tunnel(raw, f"shop.test:{origin.port}")[0] == status
            assert len(recorded) == (1 if status == 200 else 2)
