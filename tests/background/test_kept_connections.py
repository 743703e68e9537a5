"""A kept connection that its receiver closes costs no attempt: the event goes over a new one, and that is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.background import posting, webhook_sender
from flaresend_mock.background.posting import Poster
from flaresend_mock.core.models import Webhook
from flaresend_mock.testing import Flaresend
from tests.raw_receiver import OK, Peer, RawReceiver
from tests.support import NOW

ANN = "254712345678"
End = Callable[[Peer], None]
ENDS = pytest.mark.parametrize("end", [Peer.close, Peer.reset], ids=["closed", "reset"])


@pytest.fixture
def poster() -> Iterator[Poster]:
    with closing(Poster()) as one:
        yield one


def post(poster: Poster, receiver: RawReceiver, message_id: str = "msg_1", body: bytes = b"{}") -> dict[str, Any]:
    return poster.post(Webhook(receiver.url, "secret"), message_id, NOW, body)


def serve_all(peer: Peer) -> None:
    while True:
        peer.serve()


def after_a_request(end: End) -> Callable[[Peer, int], None]:
    """Keep the first connection open for a second request, and end it then; serve on all others."""

    def behave(peer: Peer, number: int) -> None:
        if number:
            serve_all(peer)
        peer.serve()
        peer.read()
        end(peer)

    return behave


@ENDS
def test_a_kept_connection_that_ends_without_a_response_is_replaced_once(end: End, poster: Poster) -> None:
    with RawReceiver(after_a_request(end)) as receiver, closing(poster):
        first = post(poster, receiver)
        second = post(poster, receiver, "msg_2")
        third = post(poster, receiver, "msg_3")

    assert [one["status"] for one in (first, second, third)] == [200, 200, 200]
    assert [one["error"] for one in (first, second, third)] == [None, None, None]
    assert [one["reconnected"] for one in (first, second, third)] == [False, True, False]
    assert receiver.header("webhook-id") == ["msg_1", "msg_2", "msg_2", "msg_3"]
    assert receiver.connections == 2
    assert receiver.requests[1] == receiver.requests[2]


@ENDS
def test_a_connection_that_ends_while_nothing_is_sent_is_replaced(end: End, poster: Poster) -> None:
    ended, wanted = threading.Event(), threading.Event()

    def behave(peer: Peer, number: int) -> None:
        peer.serve()
        if number == 0:
            wanted.wait(10)
            end(peer)
            ended.set()

    with RawReceiver(behave) as receiver, closing(poster):
        post(poster, receiver)
        wanted.set()
        assert ended.wait(10)
        outcome = post(poster, receiver, "msg_2")

    assert (outcome["status"], outcome["reconnected"]) == (200, True)
    assert receiver.header("webhook-id") == ["msg_1", "msg_2"]


@ENDS
def test_a_large_event_that_is_cut_off_is_sent_again_whole(end: End, poster: Poster) -> None:
    body = b'"' + b"x" * 8_000_000 + b'"'

    def behave(peer: Peer, number: int) -> None:
        peer.serve()
        if number == 0:
            peer.connection.recv(1000)
            end(peer)

    with RawReceiver(behave) as receiver, closing(poster):
        post(poster, receiver)
        outcome = post(poster, receiver, "msg_2", body)

    assert (outcome["status"], outcome["reconnected"]) == (200, True)
    assert receiver.requests[-1].endswith(b"\r\n\r\n" + body)


@ENDS
@pytest.mark.parametrize("start", [b"H", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nConte", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_response_that_had_begun_is_not_asked_for_again(start: bytes, end: End, poster: Poster) -> None:
    def behave(peer: Peer, number: int) -> None:
        peer.serve()
        peer.read()
        peer.send(start)
        end(peer)

    with RawReceiver(behave) as receiver, closing(poster):
        post(poster, receiver)
        outcome = post(poster, receiver, "msg_2")

    assert outcome["reconnected"] is False
    assert receiver.header("webhook-id") == ["msg_1", "msg_2"]


@ENDS
def test_a_body_that_breaks_off_is_not_asked_for_again(end: End, poster: Poster) -> None:
    def behave(peer: Peer, number: int) -> None:
        peer.serve()
        peer.read()
        peer.send(OK.replace(b": 2", b": 20"))
        end(peer)

    with RawReceiver(behave) as receiver, closing(poster):
        post(poster, receiver)
        outcome = post(poster, receiver, "msg_2")

    assert outcome["reconnected"] is False
    assert receiver.header("webhook-id") == ["msg_1", "msg_2"]


def test_garbage_on_a_kept_connection_is_a_response(poster: Poster) -> None:
    def behave(peer: Peer, number: int) -> None:
        peer.serve()
        peer.read()
        peer.send(b"\x00garbage\r\n\r\n")

    with RawReceiver(behave) as receiver, closing(poster):
        post(poster, receiver)
        outcome = post(poster, receiver)

    assert (outcome["status"], outcome["reconnected"], len(receiver.requests)) == (None, False, 2)


def test_a_kept_connection_that_is_silent_is_not_replaced(poster: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 0.2)
    done = threading.Event()

    def behave(peer: Peer, number: int) -> None:
        peer.serve()
        peer.read()
        done.wait(10)

    with RawReceiver(behave) as receiver, closing(poster):
        post(poster, receiver)
        outcome = post(poster, receiver)
        done.set()

    assert (outcome["status"], outcome["reconnected"], len(receiver.requests)) == (None, False, 2)
    assert "no response within" in outcome["error"]


@ENDS
def test_a_new_connection_that_ends_is_not_replaced(end: End, poster: Poster) -> None:
    def behave(peer: Peer, number: int) -> None:
        peer.read()
        end(peer)

    with RawReceiver(behave) as receiver, closing(poster):
        outcomes = [post(poster, receiver) for _ in range(3)]

    assert [(one["status"], one["reconnected"]) for one in outcomes] == [(None, False)] * 3
    assert all(one["error"] for one in outcomes)
    assert (len(receiver.requests), receiver.connections) == (3, 3)


@ENDS
def test_the_new_connection_is_the_last(end: End, poster: Poster) -> None:
    def behave(peer: Peer, number: int) -> None:
        if number == 0:
            peer.serve()
        peer.read()
        end(peer)

    with RawReceiver(behave) as receiver, closing(poster):
        post(poster, receiver)
        outcome = post(poster, receiver, "msg_2")

    assert (outcome["status"], outcome["reconnected"]) == (None, True)
    assert receiver.header("webhook-id") == ["msg_1", "msg_2", "msg_2"]


def test_a_connection_that_the_receiver_said_it_would_close_is_not_missed(poster: Poster) -> None:
    def behave(peer: Peer, number: int) -> None:
        peer.read()
        peer.send(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    with RawReceiver(behave) as receiver, closing(poster):
        outcomes = [post(poster, receiver) for _ in range(2)]

    assert [(one["status"], one["reconnected"]) for one in outcomes] == [(200, False)] * 2


def test_a_receiver_that_closes_after_each_response_costs_no_attempt() -> None:
    def behave(peer: Peer, number: int) -> None:
        peer.serve()

    with RawReceiver(behave) as receiver, FlaresendMock() as emulator, Flaresend(emulator.url, emulator.api_key) as kit:
        kit.webhook(receiver.url, retries=[])
        for text in ("one", "two", "three", "four"):
            kit.receive(ANN, text)
        kit.settle()

        deliveries = kit.deliveries()
        assert [(one.status, len(one.attempts)) for one in deliveries] == [("delivered", 1)] * 4
        assert all("reconnected" in one.raw["attempts"][0] for one in deliveries)


def test_the_deliveries_and_the_dashboard_tell_of_a_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_sender, "MAX_PARALLEL", 1)  # one thread, and so one connection
    arrived, both = threading.Event(), threading.Event()

    def behave(peer: Peer, number: int) -> None:
        if number:
            serve_all(peer)
        peer.read()
        arrived.set()
        both.wait(10)  # the next event is queued by then, so the connection is used again
        peer.send(OK)
        peer.read()
        peer.close()

    with RawReceiver(behave) as receiver, FlaresendMock() as emulator, Flaresend(emulator.url, emulator.api_key) as kit:
        kit.webhook(receiver.url, retries=[], secret="secret")
        kit.receive(ANN, "one")
        assert arrived.wait(10)
        kit.receive(ANN, "two")
        both.set()
        kit.settle()

        one, two = kit.deliveries()
        assert [attempt.reconnected for attempt in (*one.attempts, *two.attempts)] == [False, True]
        assert two.status == "delivered"
        assert receiver.header("webhook-id") == [one.id, two.id, two.id]
        shown = page_of(emulator, f"parts/traffic/{two.raw['event']}")
        assert "reconnected" in shown
        assert "reconnected" not in page_of(emulator, f"parts/traffic/{one.raw['event']}")
        assert "reconnected" in page_of(emulator, f"parts/why/{two.raw['message']}")


def test_an_attempt_over_a_new_connection_fails_as_one_attempt() -> None:
    def behave(peer: Peer, number: int) -> None:
        peer.read()
        peer.close()

    with RawReceiver(behave) as receiver, FlaresendMock() as emulator, Flaresend(emulator.url, emulator.api_key) as kit:
        kit.clock.freeze()
        kit.webhook(receiver.url, retries=[1])
        kit.receive(ANN, "one")
        kit.settle()
        assert len(receiver.requests) == 1
        kit.clock.advance(1)

        (delivery,) = kit.deliveries()
        assert (delivery.status, len(delivery.attempts), len(receiver.requests)) == ("failed", 2, 2)


def page_of(emulator: FlaresendMock, path: str) -> str:
    response = emulator.app.test_client().get(f"/_mock/ui/w/default/{path}", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert response.status_code == 200, response.text
    return response.text
