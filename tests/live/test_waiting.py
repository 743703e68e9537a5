"""Calls that wait on a real server: many at once, and until the first thing that ends the wait."""

from __future__ import annotations

import statistics
from contextlib import ExitStack, closing
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.testing.server import Server
from tests.defaults import described
from tests.live.pending import SECONDS, Pending, answered, refusal, until_begun
from tests.live.test_stream import Reader
from tests.receiver import Receiver

ANN = "254712345678"
MANY = 200
TRIES = 4  # how often calls are measured on a machine that is busy with other things


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator often looks whether there is still a reason to wait."""
    monkeypatch.setattr("flaresend_mock.background.realtime.SLICE_SECONDS", 0.05)


def send(kit: Flaresend, text: str) -> None:
    body = {"recipients": [ANN], "type": "text", "text": text}
    response = requests.post(f"{kit.url}/send-message", headers=kit.headers, json=body, timeout=SECONDS)
    assert response.status_code == 200


def wait(kit: Flaresend, what: str = "messages", **match: Any) -> Pending:
    return Pending(kit, "POST", f"/_mock/{what}/wait", {"match": match, "timeout": 300})


def median(flaresend: FlaresendMock) -> float:
    """Return how long a call takes in the middle of forty, on one connection."""
    taken = []
    with requests.Session() as session:
        for _ in range(40):
            watch = Stopwatch()
            session.get(f"{flaresend.url}/groups", headers=flaresend.headers, timeout=SECONDS)
            taken.append(watch.seconds)
    return statistics.median(taken)


def test_two_hundred_wait_while_other_calls_are_answered_and_one_message_answers_them_all(kit: Flaresend) -> None:
    waiting = [wait(kit, text="go") for _ in range(MANY)]
    until_begun(kit)

    groups = f"{kit.url}/groups"
    calls = [requests.get(groups, headers=kit.headers, timeout=SECONDS).status_code for _ in range(40)]
    assert calls == [200] * 40
    send(kit, "no")
    until_begun(kit)
    assert answered(waiting) == []
    send(kit, "go")

    assert [one.succeeded()["messages"][0]["text"] for one in waiting] == ["go"] * MANY


@pytest.mark.slow
def test_other_calls_are_answered_as_quickly_while_two_hundred_wait(flaresend: FlaresendMock, kit: Flaresend) -> None:
    alone = median(flaresend)
    waiting = [wait(kit, text="go") for _ in range(MANY)]
    until_begun(kit)

    limit = 5 * max(alone, 0.002)
    crowded = [median(flaresend)]
    while min(crowded) >= limit and len(crowded) < TRIES:
        crowded.append(median(flaresend))

    send(kit, "go")
    assert {one.response()[0] for one in waiting} == {200}
    assert min(crowded) < limit, crowded


def test_hundreds_wait_and_follow_the_events_at_once(
    flaresend: FlaresendMock, kit: Flaresend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.background.realtime.SLICE_SECONDS", 1)
    waiting = [wait(kit, text="go") for _ in range(500)]
    with ExitStack() as opened:
        readers = [opened.enter_context(Reader(kit, "stream=true&kind=message")) for _ in range(300)]
        until_begun(kit)
        assert answered(waiting) == []
        send(kit, "go")

        assert {one.response()[0] for one in waiting} == {200}
        for reader in readers:
            reader.block()
            assert reader.event()[2]["message"]["text"] == "go"
    flaresend.stop()
    assert flaresend._http is not None
    assert not flaresend._http._connections


@pytest.fixture
def room_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.http.context.MAX_WAITERS", 2)


@pytest.mark.usefixtures("room_for_two")
def test_there_is_an_end_to_how_many_may_wait(kit: Flaresend) -> None:
    waiting = [wait(kit) for _ in range(3)]
    (refused,) = answered(waiting, SECONDS)
    assert refusal(refused) == (409, "too_many")
    waiting.remove(refused)
    until_begun(kit)
    assert answered(waiting) == []
    send(kit, "go")

    assert [one.succeeded()["messages"][0]["text"] for one in waiting] == ["go"] * 2
    assert kit.expect_message().text == "go"


def test_calls_that_wait_are_let_go_when_the_server_stops(flaresend: FlaresendMock, kit: Flaresend) -> None:
    waiting = [wait(kit) for _ in range(20)]
    until_begun(kit)

    flaresend.stop()

    assert {refusal(one) for one in waiting} == {(503, "stopping")}


def test_a_call_that_waits_hears_what_happens_after_an_import(kit: Flaresend) -> None:
    for number in range(3):
        send(kit, str(number))
    last = kit.messages()[-1].event
    body = {"match": {"text": "go"}, "since": last, "timeout": 300}
    waiting = Pending(kit, "POST", "/_mock/messages/wait", body)
    until_begun(kit)

    assert requests.put(f"{kit.url}/_mock/world", json=described(), timeout=SECONDS).ok
    send(kit, "go")

    (found,) = waiting.succeeded()["messages"]
    assert found["text"] == "go"
    assert found["event"] < last  # numbers began anew


def test_a_call_that_waits_in_a_world_is_let_go_when_it_is_deleted(flaresend: FlaresendMock) -> None:
    with closing(Server(flaresend.url)) as server, server.world() as kit:
        waiting = wait(kit)
        until_begun(kit)

    assert 400 <= refusal(waiting)[0] < 500


@pytest.mark.usefixtures("room_for_two")
def test_a_client_that_goes_away_waits_no_longer(kit: Flaresend) -> None:
    waiting = [wait(kit) for _ in range(3)]
    (refused,) = answered(waiting, SECONDS)
    assert refusal(refused) == (409, "too_many")

    for one in waiting:
        one.connection.close()

    probe: dict[str, Any] = {"timeout": 0}
    while (found := Pending(kit, "POST", "/_mock/messages/wait", probe).response()[0]) == 409:
        pass  # their places are still taken
    assert found == 408


def test_a_delivery_is_waited_for_until_it_is_delivered(kit: Flaresend) -> None:
    with Receiver() as receiver:
        kit.webhook(receiver.url)
        waiting = wait(kit, "deliveries", status="delivered")
        until_begun(kit)

        kit.receive(ANN, "hi")
        (delivery,) = waiting.succeeded()["deliveries"]

    assert (delivery["status"], delivery["attempts"][0]["status"]) == ("delivered", 200)
    assert receiver.texts == ["hi"]


def test_a_wait_ends_by_itself(flaresend: FlaresendMock) -> None:
    response = requests.post(f"{flaresend.url}/_mock/messages/wait", json={"timeout": 0.2}, timeout=SECONDS)

    assert response.status_code == 408
