"""An exchange with a receiver reads at most 128 KB and ends in time, whatever the receiver does."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import urllib3

from flaresend_mock import FlaresendMock
from flaresend_mock.background import posting
from flaresend_mock.background.posting import MAX_RESPONSE, Poster
from flaresend_mock.core.models import Webhook
from flaresend_mock.testing import Flaresend
from tests.certificates import receiver_of
from tests.raw_receiver import OK, Peer, RawReceiver
from tests.support import NOW

SHORT = 0.5
PAUSE = 0.02
LARGE = b"x" * 8_000_000
ENDLESS = "the response has no end within 128 KB"
LATE = "no response within 0 s"

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
OPEN_GZIP = GZIP + b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

STREAMS = {
    "interim responses": (b"", CONTINUE, None, ENDLESS, ""),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\n", b"X: y\r\n", 200, None, "a"),
    "empty blocks of gzip": (OPEN_GZIP, b"\x00\x00\x00\xff\xff", 200, None, ""),
    "empty members of gzip": (GZIP, gzip.compress(b""), 200, None, ""),
    "chunks of one byte": (CHUNKED, b"1\r\na\r\n", 200, None, None),
    "a body": (b"HTTP/1.1 200 OK\r\n\r\n", b"a", 200, None, None),
}
DRIPS = {
    "interim responses": (b"", CONTINUE, None, LATE, ""),
    "a header": (b"HTTP/1.1 200 OK\r\nX: ", b"a", None, LATE, ""),
    "a chunk's extension": (CHUNKED + b"1;", b"a", 200, None, ""),
    "trailers": (CHUNKED + b"1\r\na\r\n0\r\n", b"X: y\r\n", 200, None, "a"),
    "empty blocks of gzip": (OPEN_GZIP, b"\x00\x00\x00\xff\xff", 200, None, ""),
    "a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"a", 200, None, None),
}


@pytest.fixture
def poster() -> Iterator[Poster]:
    with closing(Poster()) as one:
        yield one


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", SHORT)


def sending(start: bytes, more: bytes, gone: threading.Event, pause: float = 0) -> Callable[[Peer, int], None]:
    """Return a receiver that reads a request, and responds without end."""

    def behave(peer: Peer, number: int) -> None:
        peer.read()
        peer.send(start)
        while not gone.wait(pause):
            peer.send(more)

    return behave


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_response_without_end_ends(name: str, tls: bool, poster: Poster) -> None:
    start, more, status, error, text = STREAMS[name]
    gone = threading.Event()
    with RawReceiver(
        sending(start, more * 1000, gone), receiver_of("127.0.0.1").context() if tls else None
    ) as receiver:
        outcome = poster.post(Webhook(receiver.url, verify=False), "msg_1", NOW, b"{}")
        gone.set()

    assert (outcome["status"], outcome["error"]) == (status, error)
    assert outcome["response"] == text if text is not None else set(outcome["response"]) == {"a"}
    assert len(outcome["response"]) <= MAX_RESPONSE


@pytest.mark.parametrize("name", DRIPS)
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_response_that_drips_ends_in_time(name: str, tls: bool, poster: Poster, short: None) -> None:
    start, more, status, error, text = DRIPS[name]
    gone = threading.Event()
    with RawReceiver(
        sending(start, more, gone, PAUSE), receiver_of("127.0.0.1").context() if tls else None
    ) as receiver:
        outcome = poster.post(Webhook(receiver.url, verify=False), "msg_1", NOW, b"{}")
        gone.set()

    assert (outcome["status"], outcome["error"]) == (status, error)
    assert outcome["response"] == text if text is not None else set(outcome["response"]) == {"a"}
    assert SHORT * 1000 <= outcome["milliseconds"] < 10_000


def test_an_endless_interim_response_over_a_kept_connection_ends_too(
    poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()

    def behave(peer: Peer, number: int) -> None:
        peer.serve()
        sending(b"", CONTINUE, gone, PAUSE)(peer, number)

    with RawReceiver(behave) as receiver:
        assert poster.post(Webhook(receiver.url), "msg_1", NOW, b"{}")["status"] == 200
        monkeypatch.setattr(posting, "TIMEOUT_SECONDS", SHORT)
        outcome = poster.post(Webhook(receiver.url), "msg_1", NOW, b"{}")
        gone.set()

    assert (outcome["status"], outcome["error"], outcome["reconnected"]) == (None, LATE, False)
    assert receiver.connections == 1


def test_a_tls_handshake_that_drips_ends_in_time(poster: Poster, short: None) -> None:
    gone = threading.Event()

    def behave(peer: Peer, number: int) -> None:
        peer.send(b"\x16\x03\x03\x40\x00")  # the head of a record of 16 KB
        while not gone.wait(PAUSE):
            peer.send(b"\x02")

    with RawReceiver(behave) as receiver:
        url = receiver.url.replace("http:", "https:")
        outcome = poster.post(Webhook(url, verify=False), "msg_1", NOW, b"{}")
        gone.set()

    assert (outcome["status"], outcome["error"]) == (None, LATE)
    assert outcome["milliseconds"] < 10_000


@pytest.mark.parametrize("kept", [False, True], ids=["a new connection", "a kept connection"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_request_that_the_receiver_reads_slowly_ends_in_time(
    tls: bool, kept: bool, poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()

    def behave(peer: Peer, number: int) -> None:
        if kept:
            peer.serve()
        elif tls:
            peer.connection.do_handshake()  # type: ignore[attr-defined]
        while not gone.wait(PAUSE):
            peer.connection.recv(1000)

    with RawReceiver(behave, receiver_of("127.0.0.1").context() if tls else None) as receiver:
        hook = Webhook(receiver.url, verify=False)
        if kept:
            assert poster.post(hook, "msg_1", NOW, b"{}")["status"] == 200
        monkeypatch.setattr(posting, "TIMEOUT_SECONDS", SHORT)
        outcome = poster.post(hook, "msg_2", NOW, LARGE)
        gone.set()

    assert (outcome["status"], outcome["error"]) == (None, LATE)
    assert outcome["milliseconds"] < 10_000


@contextmanager
def hanging(host: str, port: int = 0) -> Iterator[int]:
    """Listen on a port of an address, on which further connections get no response, and yield the port."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server((host, port), backlog=0))
        for _ in range(4):  # they fill its queue, so that the system ignores further ones
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def resolve(monkeypatch: pytest.MonkeyPatch, name: str, *addresses: str) -> None:
    """Have a name lead to addresses."""
    found = socket.getaddrinfo

    def lookup(host: str, *args: Any, **named: Any) -> list[Any]:
        each = addresses if host == name else (host,)
        return [one for address in each for one in found(address, *args, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_a_host_whose_many_addresses_do_not_respond_ends_in_time(
    poster: Poster, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(monkeypatch, "many.test", *["127.0.0.1"] * 100)
    with hanging("127.0.0.1") as port:
        outcome = poster.post(Webhook(f"http://many.test:{port}/"), "msg_1", NOW, b"{}")

    assert (outcome["status"], outcome["error"]) == (None, LATE)
    assert outcome["milliseconds"] < 10_000


def test_a_host_is_reached_at_a_later_address_if_the_first_does_not_respond(
    poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 4 * SHORT)
    resolve(monkeypatch, "two.test", "127.0.0.2", "127.0.0.1")
    with RawReceiver(lambda peer, number: peer.serve()) as receiver:
        url = receiver.url.replace("127.0.0.1", "two.test")
        with hanging("127.0.0.2", urlsplit(url).port or 0):
            outcome = poster.post(Webhook(url), "msg_1", NOW, b"{}")

    assert (outcome["status"], outcome["error"]) == (200, None)
    assert receiver.header("Host") == [urlsplit(url).netloc]


def test_a_large_response_is_read_in_parts(poster: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    read1 = urllib3.HTTPResponse.read1

    def counted(self: urllib3.HTTPResponse, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        reads.append(len(found := read1(self, amt, decode_content)))
        return found

    monkeypatch.setattr(urllib3.HTTPResponse, "read1", counted)

    def behave(peer: Peer, number: int) -> None:
        peer.read()
        peer.send(OK.replace(b": 2", b": 65535").removesuffix(b"{}") + b"x" * 65535)

    with RawReceiver(behave) as receiver:
        outcome = poster.post(Webhook(receiver.url), "msg_1", NOW, b"{}")

    assert outcome["response"] == "x" * 65535
    assert len(reads) < 1000


@pytest.mark.parametrize("verification", ["post", "challenge"])
def test_verifications_tests_and_events_end_alike(verification: str) -> None:
    gone = threading.Event()
    with (
        RawReceiver(sending(b"", CONTINUE * 1000, gone)) as receiver,
        FlaresendMock() as emulator,
        Flaresend(emulator.url, emulator.api_key) as kit,
    ):
        kit.webhook(receiver.url, verification=verification, retries=[])
        hook = f"{emulator.url}/_mock/instances/default/webhook"

        assert requests.post(f"{hook}/verify", timeout=10).json()["reason"] == f"no response: {ENDLESS}"
        assert requests.post(f"{hook}/test", timeout=10).json()["reason"] == f"no response: {ENDLESS}"
        for text in ("one", "two"):
            kit.receive("254712345678", text)
        kit.settle()
        assert [(one.status, one.attempts[0].error) for one in kit.deliveries()] == [("failed", ENDLESS)] * 2
        gone.set()
