"""Faults as a client on a real socket meets them, and as a receiver of webhooks does."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.testing.client import Flaresend
from tests.live.pending import SECONDS, Pending, answered
from tests.receiver import Receiver

ANN, BEN = "254712345678", "254723456789"
KEY = "Authorization: Bearer YOUR_API_KEY\r\n"
MESSAGE = json.dumps({"recipients": [ANN], "type": "text", "text": "Hello"}).encode()
SEND = (
    f"POST /send-message HTTP/1.1\r\nHost: localhost\r\n{KEY}Content-Type: application/json\r\n"
    f"Content-Length: {len(MESSAGE)}\r\n\r\n"
).encode() + MESSAGE


@pytest.fixture(autouse=True)
def still(kit: Flaresend) -> None:
    """Clocks stand still."""
    kit.clock.freeze()


@pytest.fixture
def receiver(kit: Flaresend) -> Iterator[Receiver]:
    """What the first instance's events go to."""
    with Receiver() as listening:
        kit.webhook(listening.url)
        yield listening


def connect(kit: Flaresend) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(kit.url.rpartition(":")[2])), timeout=SECONDS)


def talk(kit: Flaresend) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(kit.url.removeprefix("http://"), timeout=SECONDS)


def test_a_reset_connection_is_reset_and_nothing_was_done(kit: Flaresend) -> None:
    fault = kit.fault(action="reset", times=1)
    with connect(kit) as raw:
        raw.sendall(SEND)

        with pytest.raises(ConnectionResetError):
            raw.recv(1)

    (call,) = kit.requests()
    assert kit.messages() == []
    assert (call.status, call.fault) == (None, fault.id)


def test_a_lost_answer_is_no_byte_and_the_message_was_sent(kit: Flaresend) -> None:
    fault = kit.fault(action="drop_response", times=1)
    with connect(kit) as raw:
        raw.sendall(SEND)

        assert raw.recv(1) == b""

    (call,) = kit.requests()
    assert [message.text for message in kit.messages()] == ["Hello"]
    assert (call.status, call.fault) == (200, fault.id)


def test_a_truncated_answer_announces_more_than_it_brings(kit: Flaresend) -> None:
    kit.fault(action="truncate", times=1)
    connection = talk(kit)
    connection.request("GET", "/groups", headers=kit.headers)
    response = connection.getresponse()

    with pytest.raises(http.client.IncompleteRead) as cut:
        response.read()

    connection.close()
    announced = int(response.headers["Content-Length"])
    assert response.status == 200
    assert len(cut.value.partial) == announced // 2
    assert cut.value.expected == announced - announced // 2


def test_a_malformed_answer_is_http_and_no_json_and_its_connection_goes_on(kit: Flaresend) -> None:
    kit.fault(action="corrupt", times=1)
    connection = talk(kit)
    connection.request("GET", "/groups", headers=kit.headers)
    response = connection.getresponse()
    body = response.read()
    connection.request("GET", "/groups", headers=kit.headers)
    again = connection.getresponse().read()
    connection.close()

    assert (response.status, len(body)) == (200, int(response.headers["Content-Length"]))
    with pytest.raises(ValueError, match=r".+"):
        json.loads(body)
    assert json.loads(again)["success"] is True


@pytest.mark.parametrize("action", ["reset", "drop_response", "truncate"])
def test_a_connection_that_was_used_before_ends_as_well(action: str, kit: Flaresend) -> None:
    kit.fault(match={"method": "POST"}, action=action, times=1)
    with requests.Session() as session:
        url = f"{kit.url}/groups"
        assert session.get(url, headers=kit.headers, timeout=SECONDS).status_code == 200

        with pytest.raises(requests.RequestException):
            session.post(f"{kit.url}/send-message", data=MESSAGE, timeout=SECONDS)

        assert session.get(url, headers=kit.headers, timeout=SECONDS).status_code == 200


@pytest.mark.parametrize("action", ["reset", "drop_response", "truncate", "corrupt"])
@pytest.mark.parametrize(
    ("method", "path"), [("HEAD", "/groups"), ("GET", "/nope"), ("POST", "/groups"), ("GET", "/groups")]
)
def test_no_action_keeps_a_client_waiting_whatever_it_asks(action: str, method: str, path: str, kit: Flaresend) -> None:
    fault = kit.fault(action=action, times=1)
    with connect(kit) as raw:
        raw.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{KEY}\r\n".encode())
        try:
            received = b"".join(iter(lambda: raw.recv(65536), b""))
        except ConnectionResetError:
            received = b"reset"

    assert (received == b"reset") is (action == "reset")
    assert (received == b"") is (action == "drop_response")
    assert fault.hits == 1


@pytest.mark.parametrize("status", [204, 299, 304, 418, 499, 503, 599])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("action", [None, "corrupt"])
def test_a_reply_of_any_status_leaves_its_connection_in_order(
    method: str, status: int, action: str | None, kit: Flaresend
) -> None:
    kit.fault(respond={"status": status, "body": {"a": "b"}}, times=1, **({"action": action} if action else {}))
    connection = talk(kit)
    connection.request(method, "/groups", headers=kit.headers)
    first = connection.getresponse()
    first.read()
    connection.request("GET", "/groups", headers=kit.headers)
    second = connection.getresponse()

    assert first.status == status
    assert (second.status, json.loads(second.read())["success"]) == (200, True)
    connection.close()


def test_a_delay_holds_back_one_answer_and_no_other(kit: Flaresend) -> None:
    fault = kit.fault(match={"path": "/groups"}, delay=3600, times=1)
    delayed = Pending(kit, "GET", "/groups")
    while not fault.hits:
        pass

    assert Pending(kit, "GET", "/groups").response()[0] == 200
    assert answered([delayed]) == []
    fault.remove()
    assert delayed.response()[0] == 200


def test_a_delay_ends_by_itself(kit: Flaresend) -> None:
    kit.fault(delay=0.2)

    assert Pending(kit, "GET", "/groups").response()[0] == 200


def test_a_delay_ends_when_the_server_stops(flaresend: FlaresendMock, kit: Flaresend) -> None:
    kit.fault(delay=3600)
    with connect(kit) as raw:
        raw.sendall(SEND)
        kit.expect_message(within=SECONDS)
        flaresend.stop()

        assert raw.recv(12) == b"HTTP/1.1 200"


def test_what_a_receiver_answers_can_be_made_up(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(on="deliveries", respond={"status": 500, "body": {"a": 1}}, times=1)

    kit.receive(ANN, "hi")
    retrying = kit.expect_delivery(status="retrying", within=SECONDS)
    kit.clock.advance(1)
    delivery = kit.expect_delivery()

    assert (retrying.attempts[0].status, retrying.attempts[0].response) == (500, '{"a": 1}')
    assert retrying.attempts[0].error == "fault fault-1: nothing was sent"
    assert [attempt.status for attempt in delivery.attempts] == [500, 200]
    assert receiver.texts == ["hi"]


def test_a_made_up_answer_may_have_no_body(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(503, on="deliveries", times=1)

    kit.receive(ANN, "hi")
    (attempt,) = kit.expect_delivery(status="retrying", within=SECONDS).attempts

    assert (attempt.status, attempt.response) == (503, "")


def test_a_made_up_success_is_never_sent(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(on="deliveries", respond={"status": 200, "body": "fine"})

    kit.receive(ANN, "hi")

    assert kit.expect_delivery(within=SECONDS).attempts[0].response == "fine"
    assert receiver.asked == []


def test_a_reset_delivery_is_not_sent_and_tried_again(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(on="deliveries", action="reset", times=1)

    kit.receive(ANN, "hi")
    retrying = kit.expect_delivery(status="retrying", within=SECONDS)
    before = len(receiver.asked)
    kit.clock.advance(1)
    kit.expect_delivery()

    assert "connection reset" in retrying.attempts[0].error
    assert (before, receiver.texts) == (0, ["hi"])


def test_a_delivery_whose_answer_is_lost_comes_twice_under_the_same_id(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(on="deliveries", action="drop_response", times=1)
    kit.webhook(receiver.url, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    kit.receive(ANN, "hi")
    retrying = kit.expect_delivery(status="retrying", within=SECONDS)
    kit.clock.advance(1)
    kit.expect_delivery()

    assert (retrying.attempts[0].status, receiver.texts) == (None, ["hi", "hi"])
    assert len({asked.header("webhook-id") for asked in receiver.asked}) == 1
    assert len({asked.body for asked in receiver.asked}) == 1


def test_a_dropped_event_never_comes(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(on="deliveries", action="drop", times=1)

    kit.receive(ANN, "a")
    kit.receive(ANN, "b")
    kit.settle()

    assert [delivery.status for delivery in kit.deliveries()] == ["dropped", "delivered"]
    assert receiver.texts == ["b"]


def test_a_duplicated_event_comes_twice(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(on="deliveries", action="duplicate", times=1)

    kit.receive(ANN, "a")
    kit.receive(ANN, "b")
    kit.settle()

    first, copy, _ = kit.deliveries(status="delivered")
    assert receiver.texts == ["a", "a", "b"]
    assert copy.raw["duplicate_of"] == first.id


def test_a_delayed_event_sets_out_later_on_the_clock_of_the_world(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(on="deliveries", delay=600, times=1)

    kit.receive(ANN, "a")
    kit.receive(ANN, "b")
    kit.settle()
    before = receiver.texts
    kit.clock.advance(600)

    assert (before, receiver.texts) == (["b"], ["b", "a"])
    assert len(kit.deliveries(status="delivered")) == 2


def test_a_reordered_event_is_overtaken(kit: Flaresend, receiver: Receiver) -> None:
    kit.fault(on="deliveries", action="reorder", times=1)

    kit.receive(ANN, "a")
    kit.receive(ANN, "b")
    kit.settle()
    kit.clock.advance(2)

    assert receiver.texts == ["b", "a"]
    assert len(kit.deliveries(status="delivered")) == 2


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({}, True),
        ({"number": f"+{ANN}"}, True),
        ({"number": BEN}, False),
        ({"chat": f"{ANN}@s.whatsapp.net"}, True),
        ({"instance": "9b540e83-e1ca-49b4-8c34-01fd31991d04"}, True),
        ({"instance": "other"}, False),
        ({"url": {"regex": "/hook$"}}, True),
        ({"body": {"data": {"message": {"conversation": "hi"}}}}, True),
        ({"body": {"data": {"message": {"conversation": "ho"}}}}, False),
        ({"body": {"event": {"not": "nothing"}}}, True),
    ],
)
def test_only_deliveries_that_match_are_hit(
    match: dict[str, Any], hit: bool, kit: Flaresend, receiver: Receiver
) -> None:
    kit.fault(on="deliveries", match=match, action="drop")

    kit.receive(ANN, "hi")
    kit.settle()

    assert [delivery.status for delivery in kit.deliveries()] == ["dropped" if hit else "delivered"]
    assert len(receiver.asked) == (0 if hit else 1)


def test_a_fault_of_deliveries_leaves_calls_alone(kit: Flaresend) -> None:
    kit.fault(on="deliveries", action="drop")

    response = requests.get(f"{kit.url}/groups", headers=kit.headers, timeout=SECONDS)

    assert response.status_code == 200
