"""What a WSGI application sees of a request, and how its response is framed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from flaresend_mock.http.server import HttpServer
from tests.http.raw_client import TIMEOUT, Client, Response

Start = Callable[[str, list[tuple[str, str]]], object]
SEEN = (
    "REQUEST_METHOD",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_PROTOCOL",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "REMOTE_ADDR",
)
"""Keys of the environ besides the headers that the application at / returns."""

OTHERS = threading.Event()


def application(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Respond in the way that the path names. The path / shows what the application sees."""
    path = environ["PATH_INFO"]
    if path == "/fails":
        raise RuntimeError("before the response")
    status, body, fields = "200 OK", [b"abc", b"defgh"], list[tuple[str, str]]()
    match path:
        case "/":
            seen = {key: value for key, value in environ.items() if key.startswith("HTTP_") or key in SEEN}
            body = [json.dumps({**seen, "body": environ["wsgi.input"].read().decode()}).encode()]
            fields = [("Content-Length", str(len(body[0])))]
        case "/known":
            fields = [("Content-Length", "8")]
        case "/short":
            fields = [("Content-Length", "9")]
        case "/long":
            fields = [("Content-Length", "7")]
        case "/no-content" | "/not-modified":
            status, body = ("204 No Content" if path == "/no-content" else "304 Not Modified"), []
        case "/last":
            fields = [("Connection", "close"), ("Content-Length", "8")]
        case "/slow":
            assert OTHERS.wait(TIMEOUT)
    start(status, fields)
    if path == "/fails-after-start":
        raise RuntimeError("before the body")
    return failing() if path == "/fails-late" else iter(body) if path == "/iterator" else body


def failing() -> Iterator[bytes]:
    yield b"abc"
    raise RuntimeError("within the response")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = HttpServer(application, [("127.0.0.1", 0)], max_body_size=100_000)
    server.start()
    yield server.port
    server.stop()


def get(path: str, *fields: str, version: str = "1.1", method: str = "GET") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/{version}", "Host: x", *fields, "", "")).encode("latin-1")


def seen(port: int, sent: bytes) -> dict[str, str]:
    with Client(port) as client:
        client.send(sent)
        shown: dict[str, str] = json.loads(client.response().body)
        return shown


@pytest.mark.parametrize("path", ["/list", "/iterator"])
def test_a_body_of_unknown_length_is_sent_in_chunks(path: str, port: int) -> None:
    with Client(port) as client:
        client.send(get(path) * 2)
        responses = [client.response(), client.response()]

    assert [response.body for response in responses] == [b"abcdefgh"] * 2
    assert responses[0].headers["transfer-encoding"] == "chunked"


@pytest.mark.parametrize("path", ["/list", "/iterator"])
def test_a_body_of_unknown_length_ends_with_the_connection_in_http_1_0(path: str, port: int) -> None:
    with Client(port) as client:
        client.send(get(path, "Connection: keep-alive", version="1.0"))
        response = client.response()

        assert response.body == b"abcdefgh"
        assert "transfer-encoding" not in response.headers
        assert client.rest() == b""


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_body_of_known_length_keeps_the_connection(version: str, port: int) -> None:
    with Client(port) as client:
        client.send(get("/known", "Connection: keep-alive", version=version) * 2)

        assert [client.response().body, client.response().body] == [b"abcdefgh"] * 2


@pytest.mark.parametrize(("path", "body"), [("/short", b"abcdefgh"), ("/long", b"abcdefg")])
def test_a_body_of_another_length_than_announced_ends_the_connection(path: str, body: bytes, port: int) -> None:
    with Client(port) as client:
        client.send(get(path) + get("/known"))
        rest = client.rest()

    assert rest.count(b"HTTP/1.1 ") == 1
    assert rest.partition(b"\r\n\r\n")[2].startswith(body)


@pytest.mark.parametrize("path", ["/no-content", "/not-modified"])
def test_204_and_304_have_no_body(path: str, port: int) -> None:
    with Client(port) as client:
        client.send(get(path) + get("/known"))
        bare, other = client.response(), client.response()

    assert not {"content-length", "transfer-encoding"} & set(bare.headers)
    assert other.body == b"abcdefgh"


@pytest.mark.parametrize("path", ["/known", "/list", "/iterator"])
def test_a_response_to_head_has_no_body(path: str, port: int) -> None:
    with Client(port) as client:
        client.send(get(path, method="HEAD") + get("/known"))
        client.response("200*")

        assert client.response().body == b"abcdefgh"


def test_an_application_may_end_the_connection(port: int) -> None:
    with Client(port) as client:
        client.send(get("/last") + get("/known"))

        assert client.response().headers["connection"] == "close"
        assert client.rest() == b""


@pytest.mark.parametrize("sent", [get("/last"), get("/known", version="1.0"), get("/known", "X-A : 1")])
def test_a_connection_is_not_reset_over_what_the_client_still_sends(sent: bytes, port: int) -> None:
    with Client(port) as client:
        client.send(sent + b"a" * 1_000_000)
        client.response()

        assert client.rest(may_reset=False) == b""


@pytest.mark.parametrize("fields", [(), ("Connection: close",)])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("path", ["/fails", "/fails-after-start"])
def test_an_application_that_fails_gets_a_500_in_its_place(
    path: str, version: str, fields: tuple[str, ...], port: int
) -> None:
    with Client(port) as client:
        client.send(get(path, *fields, version=version) + get("/known"))
        response = client.response()

        assert (response.status, json.loads(response.body)["success"]) == (500, False)
        assert client.rest() == b""


def test_an_application_that_fails_late_leaves_its_response_incomplete(port: int) -> None:
    with Client(port) as client:
        client.send(get("/fails-late") + get("/known"))
        rest = client.rest()

    assert rest.endswith(b"\r\n3\r\nabc\r\n")


def test_a_slow_call_delays_no_other(port: int) -> None:
    OTHERS.clear()
    with Client(port) as slow, Client(port) as quick:
        slow.send(get("/slow"))
        quick.send(get("/known"))
        assert quick.response().body == b"abcdefgh"
        OTHERS.set()
        assert slow.response().body == b"abcdefgh"


def test_many_clients_at_once_are_served(port: int) -> None:
    responses: list[Response] = []

    def call() -> None:
        with Client(port) as client:
            client.send(get("/list"))
            responses.append(client.response())

    threads = [threading.Thread(target=call) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [response.body for response in responses] == [b"abcdefgh"] * 32


def test_the_application_sees_the_request(port: int) -> None:
    fields = ["Accept: a/b", "accept: c/d", "Cookie: a=1", "Cookie: b=2", "Content-Type: x/y", "Content-Length: 005"]
    shown = seen(port, get("/?a=%2F&b", *fields) + b"hello")

    assert shown == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "QUERY_STRING": "a=%2F&b",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "x/y",
        "CONTENT_LENGTH": "5",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "x",
        "HTTP_ACCEPT": "a/b, c/d",
        "HTTP_COOKIE": "a=1; b=2",
        "body": "hello",
    }


def test_a_chunked_body_looks_like_any_other_and_trailers_are_dropped(port: int) -> None:
    trailers = b"Authorization: x\r\nContent-Length: 3\r\nHost: y\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n"
    shown = seen(
        port, get("/", "Transfer-Encoding: chunked") + b"2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\n" + trailers + b"\r\n"
    )

    assert shown == seen(port, get("/", "Content-Length: 5") + b"hello")


def test_forwarding_headers_change_nothing(port: int) -> None:
    shown = seen(port, get("/", "X-Forwarded-For: 10.1.1.1", "X-Forwarded-Proto: https", "Forwarded: for=10.1.1.1"))

    assert shown["REMOTE_ADDR"] == "127.0.0.1"
    assert shown["HTTP_X_FORWARDED_FOR"] == "10.1.1.1"


@pytest.mark.parametrize("name", ["X_Forwarded_For", "Content_Length", "Content_Type", "Authori_zation"])
def test_headers_with_underscores_are_dropped(name: str, port: int) -> None:
    assert seen(port, get("/", f"{name}: 1")) == seen(port, get("/"))


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.9"])
def test_a_higher_minor_version_is_served_as_the_highest_known(version: str, port: int) -> None:
    assert seen(port, get("/", version=version))["SERVER_PROTOCOL"] == "HTTP/1.1"
