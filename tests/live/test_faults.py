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
from flaresend_mock.delivery.realtime import Stopwatch
from tests.receiver import Receiver

ANN, BEN = "254712345678", "254723456789"
KEY = "Authorization: Bearer YOUR_API_KEY\r\n"
SECONDS = 30
MESSAGE = json.dumps({"recipients": [ANN], "type": "text", "text": "Hello"}).encode()
SEND = (
    f"POST /send-message HTTP/1.1\r\nHost: localhost\r\n{KEY}Content-Type: application/json\r\n"
    f"Content-Length: {len(MESSAGE)}\r\n\r\n"
).encode() + MESSAGE


class Site:
    """An emulator on a socket whose clock stands still, and the calls that tests make of it."""

    def __init__(self, flaresend: FlaresendMock) -> None:
        self.flaresend = flaresend
        self.control("PATCH", "clock", {"frozen": True})

    def control(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.flaresend.url}/_mock/{path}"
        answer = requests.request(method, url, json=body, timeout=SECONDS)
        assert answer.ok, answer.text
        return answer.json()

    def arm(self, **given: Any) -> None:
        self.control("POST", "faults", given)

    def connect(self) -> socket.socket:
        port = int(self.flaresend.url.rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)

    def http(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.flaresend.url.removeprefix("http://"), timeout=SECONDS)

    def messages(self) -> list[str]:
        return [message["text"] for message in self.control("GET", "messages")["messages"]]

    def last_request(self) -> Any:
        return self.control("GET", "requests?limit=1")["requests"][0]

    def say(self, *words: str, sender: str = ANN) -> None:
        for text in words:
            self.control("POST", "inbound", {"from": sender, "text": text})

    def pass_by(self, seconds: float) -> None:
        self.control("POST", "clock/advance", {"seconds": seconds})

    def deliveries(self) -> list[Any]:
        found: list[Any] = self.control("GET", "deliveries")["deliveries"]
        return found

    def settled(self, status: str, count: int = 1) -> list[Any]:
        body = {"match": {"status": status}, "count": count, "timeout": SECONDS}
        found: list[Any] = self.control("POST", "deliveries/wait", body)["deliveries"]
        return found


@pytest.fixture
def site(flaresend: FlaresendMock) -> Site:
    return Site(flaresend)


@pytest.fixture
def receiver(site: Site) -> Iterator[Receiver]:
    """What the first instance's events go to."""
    with Receiver() as listening:
        site.control("PUT", "instances/default/webhook", {"url": listening.url})
        yield listening


def test_a_reset_connection_is_reset_and_nothing_was_done(site: Site) -> None:
    site.arm(action="reset", times=1)
    with site.connect() as raw:
        raw.sendall(SEND)

        with pytest.raises(ConnectionResetError):
            raw.recv(1)

    assert site.messages() == []
    assert (site.last_request()["status"], site.last_request()["fault"]) == (None, "fault-1")


def test_a_lost_answer_is_no_byte_and_the_message_was_sent(site: Site) -> None:
    site.arm(action="lose", times=1)
    with site.connect() as raw:
        raw.sendall(SEND)

        assert raw.recv(1) == b""

    assert site.messages() == ["Hello"]
    assert (site.last_request()["status"], site.last_request()["fault"]) == (200, "fault-1")


def test_a_truncated_answer_announces_more_than_it_brings(site: Site) -> None:
    site.arm(action="truncate", times=1)
    connection = site.http()
    connection.request("GET", "/groups", headers=site.flaresend.headers)
    answer = connection.getresponse()

    with pytest.raises(http.client.IncompleteRead) as cut:
        answer.read()

    connection.close()
    announced = int(answer.headers["Content-Length"])
    assert answer.status == 200
    assert len(cut.value.partial) == announced // 2
    assert cut.value.expected == announced - announced // 2


def test_a_malformed_answer_is_http_and_no_json_and_its_connection_goes_on(site: Site) -> None:
    site.arm(action="malform", times=1)
    connection = site.http()
    connection.request("GET", "/groups", headers=site.flaresend.headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.request("GET", "/groups", headers=site.flaresend.headers)
    again = connection.getresponse().read()
    connection.close()

    assert (answer.status, len(body)) == (200, int(answer.headers["Content-Length"]))
    with pytest.raises(ValueError, match=r".+"):
        json.loads(body)
    assert json.loads(again)["success"] is True


@pytest.mark.parametrize("action", ["reset", "lose", "truncate"])
def test_a_connection_that_was_used_before_ends_as_well(action: str, site: Site) -> None:
    site.arm(match={"method": "POST"}, action=action, times=1)
    with requests.Session() as session:
        url = f"{site.flaresend.url}/groups"
        assert session.get(url, headers=site.flaresend.headers, timeout=SECONDS).status_code == 200

        with pytest.raises(requests.RequestException):
            session.post(f"{site.flaresend.url}/send-message", data=MESSAGE, timeout=SECONDS)

        assert session.get(url, headers=site.flaresend.headers, timeout=SECONDS).status_code == 200


@pytest.mark.parametrize("action", ["reset", "lose", "truncate", "malform"])
@pytest.mark.parametrize(
    ("method", "path"), [("HEAD", "/groups"), ("GET", "/nope"), ("POST", "/groups"), ("GET", "/groups")]
)
def test_no_action_keeps_a_client_waiting_whatever_it_asks(
    action: str, method: str, path: str, site: Site
) -> None:
    site.arm(action=action, times=1)
    with site.connect() as raw:
        raw.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{KEY}\r\n".encode())
        try:
            received = b"".join(iter(lambda: raw.recv(65536), b""))
        except ConnectionResetError:
            received = b"reset"

    assert (received == b"reset") is (action == "reset")
    assert (received == b"") is (action == "lose")
    assert site.control("GET", "faults/fault-1")["hits"] == 1


@pytest.mark.parametrize("status", [204, 299, 304, 418, 499, 503, 599])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("action", [None, "malform"])
def test_a_reply_of_any_status_leaves_its_connection_in_order(
    method: str, status: int, action: str | None, site: Site
) -> None:
    site.arm(
        respond={"status": status, "body": {"a": "b"}}, times=1, **({"action": action} if action else {})
    )
    connection = site.http()
    connection.request(method, "/groups", headers=site.flaresend.headers)
    first = connection.getresponse()
    first.read()
    connection.request("GET", "/groups", headers=site.flaresend.headers)
    second = connection.getresponse()

    assert first.status == status
    assert (second.status, json.loads(second.read())["success"]) == (200, True)
    connection.close()


def test_a_delay_holds_back_one_answer_and_no_other(site: Site) -> None:
    site.arm(match={"path": "/groups"}, delay=0.3, times=1)
    watch = Stopwatch()

    requests.get(f"{site.flaresend.url}/groups", headers=site.flaresend.headers, timeout=SECONDS)

    assert 0.3 <= watch.seconds < 10


def test_a_delay_ends_when_the_server_stops() -> None:
    with FlaresendMock() as flaresend:
        site = Site(flaresend)
        site.arm(delay=3600)
        with site.connect() as raw:
            raw.sendall(SEND)
            while not site.messages():
                pass
            watch = Stopwatch()
            flaresend.stop()

            assert watch.seconds < 6
            assert raw.recv(12) == b"HTTP/1.1 200"


def test_what_a_receiver_answers_can_be_made_up(site: Site, receiver: Receiver) -> None:
    site.arm(on="deliveries", respond={"status": 500, "body": {"a": 1}}, times=1)

    site.say("hi")
    (retrying,) = site.settled("retrying")
    site.pass_by(1)
    (delivery,) = site.settled("delivered")

    assert (retrying["attempts"][0]["status"], retrying["attempts"][0]["answer"]) == (500, '{"a": 1}')
    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 200]
    assert receiver.texts == ["hi"]


def test_a_made_up_success_is_never_sent(site: Site, receiver: Receiver) -> None:
    site.arm(on="deliveries", respond={"status": 200, "body": "fine"})

    site.say("hi")

    assert site.settled("delivered")[0]["attempts"][0]["answer"] == "fine"
    assert receiver.asked == []


def test_a_reset_delivery_is_not_sent_and_tried_again(site: Site, receiver: Receiver) -> None:
    site.arm(on="deliveries", action="reset", times=1)

    site.say("hi")
    (retrying,) = site.settled("retrying")
    before = len(receiver.asked)
    site.pass_by(1)
    site.settled("delivered")

    assert "connection reset" in retrying["attempts"][0]["error"]
    assert (before, receiver.texts) == (0, ["hi"])


def test_a_delivery_whose_answer_is_lost_comes_twice_under_the_same_id(
    site: Site, receiver: Receiver
) -> None:
    site.arm(on="deliveries", action="lose", times=1)
    site.control(
        "PUT",
        "instances/default/webhook",
        {"url": receiver.url, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    )

    site.say("hi")
    (retrying,) = site.settled("retrying")
    site.pass_by(1)
    site.settled("delivered")

    assert (retrying["attempts"][0]["status"], receiver.texts) == (None, ["hi", "hi"])
    assert len({asked.header("webhook-id") for asked in receiver.asked}) == 1
    assert len({asked.body for asked in receiver.asked}) == 1


def test_a_dropped_event_never_comes(site: Site, receiver: Receiver) -> None:
    site.arm(on="deliveries", action="drop", times=1)

    site.say("a", "b")
    site.settled("delivered")

    assert [delivery["status"] for delivery in site.deliveries()] == ["dropped", "delivered"]
    assert receiver.texts == ["b"]


def test_a_duplicated_event_comes_twice(site: Site, receiver: Receiver) -> None:
    site.arm(on="deliveries", action="duplicate", times=1)

    site.say("a", "b")
    found = site.settled("delivered", 3)

    assert receiver.texts == ["a", "a", "b"]
    assert found[1]["duplicate_of"] == found[0]["id"]


def test_a_delayed_event_sets_out_later_on_the_clock_of_the_world(site: Site, receiver: Receiver) -> None:
    site.arm(on="deliveries", delay=600, times=1)

    site.say("a", "b")
    site.settled("delivered")
    before = receiver.texts
    site.pass_by(600)
    site.settled("delivered", 2)

    assert (before, receiver.texts) == (["b"], ["b", "a"])


def test_a_reordered_event_is_overtaken(site: Site, receiver: Receiver) -> None:
    site.arm(on="deliveries", action="reorder", times=1)

    site.say("a", "b")
    site.settled("delivered")
    site.pass_by(2)
    site.settled("delivered", 2)

    assert receiver.texts == ["b", "a"]


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
    match: dict[str, Any], hit: bool, site: Site, receiver: Receiver
) -> None:
    site.arm(on="deliveries", match=match, action="drop")

    site.say("hi")

    assert site.settled("dropped" if hit else "delivered")
    assert len(receiver.asked) == (0 if hit else 1)


def test_a_fault_of_deliveries_leaves_calls_alone(site: Site) -> None:
    site.arm(on="deliveries", action="drop")

    answer = requests.get(f"{site.flaresend.url}/groups", headers=site.flaresend.headers, timeout=SECONDS)

    assert answer.status_code == 200
