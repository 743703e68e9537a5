"""The proxy: which requests the emulator serves itself, and what those for other hosts get by default.

What `--proxy-others pass` does is in test_proxy_others.py, the syntax of targets in raw_connections.py.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.http.server import HttpServer
from flaresend_mock.http.tls import Authority, names
from tests.http.proxies import InnerTls, absolute, connect_request, proxying, read_head, reply, tunnel
from tests.http.wire import TIMEOUT, App, ask, client_context, connect, get, is_closed, over_tls, rest, serving

API_CALL = get("/groups", "Authorization: Bearer YOUR_API_KEY")
OURS = ["api.flaresend.com", "API.FlareSend.COM", "api.flaresend.com.", "57.128.52.136"]
OTHERS = [
    "other.example",
    "api.flaresend.com.other.example",
    "xapi.flaresend.com",
    "flaresend.com",
    "57.128.52.137",
    "0.0.0.0",
    "[2001:db8::1]",
    "169.254.169.254",
]
SPELLINGS = [
    "localhost",
    "LOCALHOST.",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "[::1]",
    "[::ffff:127.0.0.1]",
]
"""This machine's loopback addresses."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaresendMock]:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    with FlaresendMock(tls_ca=str(file), tls_name="wa.test") as running:
        yield running


@pytest.fixture
def raw(emulator: FlaresendMock) -> Iterator[socket.socket]:
    """A connection to the emulator."""
    with connect(port_of(emulator)) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(emulator: FlaresendMock) -> ssl.SSLContext:
    return client_context(emulator.authority.certificate)


@pytest.fixture
def seen() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def server(seen: list[dict[str, Any]]) -> Iterator[HttpServer]:
    """A server that notes its requests."""

    class Noting(App):
        def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            seen.append(environ)
            return super().__call__(environ, start)

    with serving(Noting()) as running:
        yield running


def port_of(emulator: FlaresendMock) -> int:
    return int(emulator.url.rpartition(":")[2])


def proxied(emulator: FlaresendMock) -> list[tuple[str, str]]:
    """Return what the events of kind `proxy` say."""
    found = requests.get(f"{emulator.url}/_mock/events?kind=proxy", timeout=TIMEOUT).json()["events"]
    return [(one["proxy"]["action"], one["proxy"]["id"]) for one in found]


@pytest.mark.parametrize("port", ["443", "80", "8443", "65535"])
@pytest.mark.parametrize("host", [*OURS, "[::ffff:57.128.52.136]", "wa.test"])
def test_connect_to_the_api_reaches_the_emulator_at_any_port(host: str, port: str, raw: socket.socket) -> None:
    assert tunnel(raw, f"{host}:{port}")[0] == 200
    assert [ask(raw, API_CALL)[0] for _ in range(2)] == [200, 200]


def test_a_client_that_pins_the_address_of_the_api_speaks_tls_for_its_name(
    raw: socket.socket, client: ssl.SSLContext
) -> None:
    assert tunnel(raw, "57.128.52.136:443")[0] == 200
    with over_tls(raw, client, "api.flaresend.com") as tls:
        assert ask(tls, API_CALL)[0] == 200


@pytest.mark.parametrize(
    "target",
    [
        "api.flaresend.com",
        "api.flaresend.com:",
        "api.flaresend.com:0",
        "api.flaresend.com:65536",
        "api.flaresend.com:-1",
        "api.flaresend.com:443:443",
        "api.flaresend.com:https",
        "user:pass@api.flaresend.com:443",
        "https://api.flaresend.com",
        "[::1]",
        "[::1]:99999",
        "[::1:443",
        "::1:443",
        "[api.flaresend.com]:443",
        ":443",
    ],
)
def test_connect_without_a_valid_host_and_port_gets_400(target: str, raw: socket.socket) -> None:
    raw.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert reply(raw) == (400, "Bad Request: CONNECT needs a host and a port, such as api.flaresend.com:443")


@pytest.mark.parametrize(
    ("url", "path", "query", "host"),
    [
        ("http://api.flaresend.com/send-message", "/send-message", "", "api.flaresend.com"),
        ("http://api.flaresend.com/a%20b/c?x=1&y=%2F&x=2", "/a b/c", "x=1&y=%2F&x=2", "api.flaresend.com"),
        ("http://api.flaresend.com", "/", "", "api.flaresend.com"),
        ("http://api.flaresend.com?x=1", "/", "x=1", "api.flaresend.com"),
        ("http://api.flaresend.com//a", "//a", "", "api.flaresend.com"),
        ("http://api.flaresend.com/http://other.example/", "/http://other.example/", "", "api.flaresend.com"),
        ("HTTP://API.flaresend.com:8080/a", "/a", "", "API.flaresend.com:8080"),
        ("http://api.flaresend.com./a", "/a", "", "api.flaresend.com."),
        ("http://57.128.52.136/a", "/a", "", "57.128.52.136"),
        ("https://api.flaresend.com/a?x=1", "/a", "x=1", "api.flaresend.com"),
        ("https://api.flaresend.com:443/a", "/a", "", "api.flaresend.com:443"),
    ],
)
def test_a_whole_url_of_the_api_reaches_the_emulator(
    url: str, path: str, query: str, host: str, server: HttpServer, seen: list[dict[str, Any]]
) -> None:
    """The URL counts, not the field Host."""
    with connect(server.port) as raw:
        assert absolute(raw, url)[0] == 200

    (environ,) = seen
    assert [environ[name] for name in ("PATH_INFO", "QUERY_STRING", "HTTP_HOST")] == [path, query, host]


@pytest.mark.parametrize(
    "url", ["http://user:pass@api.flaresend.com/", "http://api.flaresend.com:http/", "http:///a", "ftp://x/", "http://"]
)
def test_a_malformed_url_gets_400(url: str, raw: socket.socket) -> None:
    assert absolute(raw, url) == (400, "Bad Request: a malformed target")


def test_a_port_that_is_too_high_in_a_url_gets_400(raw: socket.socket) -> None:
    assert absolute(raw, "http://api.flaresend.com:65536/") == (400, "Bad Request: a malformed host or port")


def test_whole_urls_and_paths_share_a_connection_that_may_become_a_tunnel(raw: socket.socket) -> None:
    whole = API_CALL.replace(b"/groups", b"http://api.flaresend.com/groups")

    assert [ask(raw, sent)[0] for sent in (whole, API_CALL, whole)] == [200] * 3
    assert tunnel(raw, "api.flaresend.com:443")[0] == 200
    assert ask(raw, API_CALL)[0] == 200


def test_requests_that_come_with_connect_are_served(raw: socket.socket) -> None:
    assert tunnel(raw, "api.flaresend.com:80", API_CALL * 3)[0] == 200
    assert [ask(raw, b"")[0] for _ in range(3)] == [200] * 3


def test_tls_that_comes_with_connect_is_served(raw: socket.socket, client: ssl.SSLContext) -> None:
    """The client does not wait for the response to CONNECT."""
    tls = InnerTls(raw, client, "api.flaresend.com")
    assert tunnel(raw, "api.flaresend.com:443", tls.hello())[0] == 200

    tls.shake_hands()
    assert tls.ask(API_CALL).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("name", ["localhost", "other.example", None])
def test_tls_for_another_name_inside_connect_gets_the_same_certificate(
    name: str | None, raw: socket.socket, emulator: FlaresendMock
) -> None:
    context = client_context(emulator.authority.certificate)
    context.check_hostname = False
    assert tunnel(raw, "api.flaresend.com:443")[0] == 200

    with over_tls(raw, context, name) as tls:
        certificate = tls.getpeercert()
        assert certificate is not None
        assert ("DNS", "api.flaresend.com") in certificate["subjectAltName"]
        assert ask(tls, API_CALL)[0] == 200


@pytest.mark.parametrize("host", OTHERS)
def test_other_hosts_are_refused_and_recorded(host: str, emulator: FlaresendMock) -> None:
    before = len(proxied(emulator))
    for send, target in ((tunnel, f"{host}:443"), (absolute, f"http://{host}:8080/a"), (absolute, f"https://{host}/a")):
        with connect(port_of(emulator)) as raw:
            status, message = send(raw, target)

            assert status == 403
            assert message.startswith(f"{host.strip('[]')} is not this emulator, ")
            assert "--proxy-others pass" in message
            assert is_closed(raw)

    assert proxied(emulator)[before:] == [("refused", f"{host}:{port}") for port in (443, 8080, 443)]


def test_what_comes_with_a_refused_connect_reaches_no_host(raw: socket.socket, emulator: FlaresendMock) -> None:
    requests_before = len(requests.get(f"{emulator.url}/_mock/requests", timeout=TIMEOUT).json()["requests"])
    raw.sendall(connect_request("other.example:443") + API_CALL)

    assert read_head(raw).startswith(b"HTTP/1.1 403 ")
    assert b"HTTP/1.1" not in rest(raw)
    found = requests.get(f"{emulator.url}/_mock/requests", timeout=TIMEOUT).json()["requests"]
    assert len(found) == requests_before


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("passes", [False, True])
def test_this_machine_with_the_port_of_the_emulator_is_the_emulator(passes: bool, host: str) -> None:
    with proxying(passes=passes) as (server, recorded):
        with connect(server.port) as raw:
            assert tunnel(raw, f"{host}:{server.port}")[0] == 200
            assert ask(raw, get("/a"))[1] == b"GET http /a"
        with connect(server.port) as raw:
            assert ask(raw, get(f"http://{host}:{server.port}/b"))[1] == b"GET http /b"

    assert recorded == []


@pytest.mark.parametrize("host", ["flaresend", "flaresend-mock", "host.docker.internal", "build-7"])
def test_names_of_its_container_and_its_machine_are_the_emulator(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "build-7")
    with proxying() as (server, recorded), connect(server.port) as raw:
        assert tunnel(raw, f"{host}:{server.port}")[0] == 200
        assert ask(raw, get("/a"))[1] == b"GET http /a"
    assert recorded == []


def test_the_address_that_stands_for_all_of_them_leads_to_the_emulator_in_one_step() -> None:
    """It is not a loopback address. A client that asks again in the tunnel gets another one, not a loop."""
    with proxying(passes=True) as (server, recorded), connect(server.port) as raw:
        for _ in range(3):
            assert tunnel(raw, f"0.0.0.0:{server.port}")[0] == 200
        assert ask(raw, get("/a"))[1] == b"GET http /a"
        assert len(server._connections) == 4
    assert recorded == [(f"0.0.0.0:{server.port}", True)] * 3


def test_other_ports_of_this_machine_are_reached_by_its_programs_only(raw: socket.socket) -> None:
    """Some clients know no exceptions from the proxy. test_proxy_others.py has the clients of other machines."""
    with serving() as other:
        assert tunnel(raw, f"localhost:{other.port}")[0] == 200
        assert ask(raw, get("/a"))[1] == b"GET http /a"


def test_https_proxies_work(emulator: FlaresendMock, tmp_path: Path) -> None:
    """A client may reach the proxy over TLS, and speak TLS with the API inside of that."""
    file = tmp_path / "ca.pem"
    file.write_bytes(emulator.authority.certificate)
    secure = emulator.url.replace("http:", "https:")
    with requests.Session() as session:
        session.trust_env = False
        for host in ("api.flaresend.com", "wa.test"):
            options = {"headers": emulator.headers, "proxies": {"https": secure}, "verify": str(file)}
            assert session.get(f"https://{host}/groups", timeout=TIMEOUT, **options).status_code == 200
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            session.get("https://other.example/", proxies={"https": secure}, verify=str(file), timeout=TIMEOUT)


def test_a_large_body_passes_through_an_https_proxy(emulator: FlaresendMock, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(emulator.authority.certificate)
    with requests.Session() as session:
        session.trust_env = False
        found = session.post(
            "https://api.flaresend.com/send-message",
            data={"type": "document", "recipients": "254712345678"},
            files={"file": ("a.pdf", b"%PDF" + b"x" * 3_000_000, "application/pdf")},
            headers=emulator.headers,
            proxies={"https": emulator.url.replace("http:", "https:")},
            verify=str(file),
            timeout=TIMEOUT,
        )
    assert found.status_code == 200, found.text


def test_curl_uses_it_as_an_https_proxy(emulator: FlaresendMock, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    file = tmp_path / "ca.pem"
    file.write_bytes(emulator.authority.certificate)
    command = ["curl", "-sS", "--max-time", "20", "--proxy", emulator.url.replace("http:", "https:")]
    command += ["--proxy-cacert", str(file), "--cacert", str(file), "-H", "Authorization: Bearer YOUR_API_KEY"]
    found = subprocess.run([*command, "https://api.flaresend.com/groups"], capture_output=True, check=True)

    assert json.loads(found.stdout)["success"] is True


def test_whole_urls_and_tunnels_inside_of_tunnels_work_over_tls(
    raw: socket.socket, client: ssl.SSLContext, emulator: FlaresendMock
) -> None:
    with over_tls(raw, client) as tls:
        assert ask(tls, API_CALL.replace(b"/groups", b"http://api.flaresend.com/groups"))[0] == 200
    with connect(port_of(emulator)) as another, over_tls(another, client) as tls:
        for _ in range(3):
            assert tunnel(tls, "api.flaresend.com:80")[0] == 200
        assert ask(tls, API_CALL)[0] == 200


def test_a_server_without_tls_ends_what_speaks_tls_with_connect(client: ssl.SSLContext) -> None:
    with serving() as server, connect(server.port) as raw:
        tls = InnerTls(raw, client, "api.flaresend.com")
        assert tunnel(raw, "api.flaresend.com:443", tls.hello())[0] == 200

        assert is_closed(raw)


def test_a_certificate_is_for_the_name_of_the_api_whatever_the_tunnel_was_for(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "ca.pem")
    context = authority.context(names())
    with proxying(tls_context=lambda: context) as (server, _), connect(server.port) as raw:
        assert tunnel(raw, f"localhost:{server.port}")[0] == 200
        with over_tls(raw, client_context(authority.certificate), "api.flaresend.com") as tls:
            assert ask(tls, get("/a"))[1] == b"GET https /a"
