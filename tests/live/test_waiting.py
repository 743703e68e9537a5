"""Those who wait, on a real server: many at once, and until whatever comes first."""

from __future__ import annotations

import json
import socket
import statistics
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.core.world import World
from flaresend_mock.delivery.realtime import Stopwatch
from flaresend_mock.testing.calls import Refused
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.testing.server import Server
from tests.receiver import Receiver

ANN = "254712345678"
SECONDS = 60


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(200) as threads:
        yield threads


def send(kit: Flaresend, text: str) -> None:
    body = {"recipients": [ANN], "type": "text", "text": text}
    answer = requests.post(f"{kit.url}/send-message", headers=kit.headers, json=body, timeout=SECONDS)
    assert answer.status_code == 200


def refusal(waiting: Future[Any]) -> tuple[int, str]:
    """Return the status and the code with which somebody who waits is refused."""
    with pytest.raises(Refused) as refused:
        waiting.result(SECONDS)
    return refused.value.status, refused.value.code


def waiters(world: World) -> int:
    return len(world.watching._watchers)


def until_waiting(flaresend: FlaresendMock, world: World, count: int) -> None:
    """Ask for health until so many wait."""
    watch = Stopwatch()
    while waiters(world) != count:
        assert watch.seconds < SECONDS, waiters(world)
        requests.get(f"{flaresend.url}/_mock/health", timeout=SECONDS)


def median(flaresend: FlaresendMock) -> float:
    """Return how long a call takes in the middle of forty, on one connection."""
    taken = []
    with requests.Session() as session:
        for _ in range(40):
            watch = Stopwatch()
            session.get(f"{flaresend.url}/groups", headers=flaresend.headers, timeout=SECONDS)
            taken.append(watch.seconds)
    return statistics.median(taken)


def test_two_hundred_wait_while_other_calls_are_answered_as_quickly_and_one_message_answers_them_all(
    flaresend: FlaresendMock, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    alone = median(flaresend)
    waiting = [pool.submit(kit.expect_message, text="go", within=SECONDS) for _ in range(200)]
    until_waiting(flaresend, flaresend.worlds.default(), 200)

    crowded = median(flaresend)
    send(kit, "no")
    assert waiters(flaresend.worlds.default()) == 200
    send(kit, "go")

    assert [one.result().text for one in waiting] == ["go"] * 200
    assert waiters(flaresend.worlds.default()) == 0
    assert crowded < 5 * max(alone, 0.002)


@pytest.fixture
def room_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.web.context.MAX_WAITERS", 2)


@pytest.mark.usefixtures("room_for_two")
def test_there_is_an_end_to_how_many_may_wait(
    flaresend: FlaresendMock, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    waiting = [pool.submit(kit.expect_message, within=SECONDS) for _ in range(2)]
    until_waiting(flaresend, flaresend.worlds.default(), 2)

    third = pool.submit(kit.expect_message, within=SECONDS)
    assert refusal(third) == (409, "too_many")
    send(kit, "go")

    assert [one.result().text for one in waiting] == ["go"] * 2
    assert kit.expect_message().text == "go"


def test_whoever_waits_is_let_go_when_the_server_stops(
    flaresend: FlaresendMock, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    waiting = [pool.submit(kit.expect_message, within=300) for _ in range(20)]
    until_waiting(flaresend, flaresend.worlds.default(), 20)

    watch = Stopwatch()
    flaresend.stop()

    assert watch.seconds < 5
    assert {refusal(one) for one in waiting} == {(503, "stopping")}


def test_whoever_waits_in_a_world_is_let_go_when_it_is_deleted(
    flaresend: FlaresendMock, pool: ThreadPoolExecutor
) -> None:
    with closing(Server(flaresend.url)) as server, server.world() as kit:
        waiting = pool.submit(kit.expect_message, within=300)
        until_waiting(flaresend, flaresend.worlds.all()[-1], 1)
        watch = Stopwatch()

    assert 400 <= refusal(waiting)[0] < 500
    assert watch.seconds < 5


def test_whoever_goes_away_waits_no_longer(flaresend: FlaresendMock) -> None:
    body = json.dumps({"timeout": 300}).encode()
    head = f"POST /_mock/messages/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", int(flaresend.url.rpartition(":")[2]))) as raw:
        raw.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        until_waiting(flaresend, flaresend.worlds.default(), 1)

    until_waiting(flaresend, flaresend.worlds.default(), 0)


def test_a_delivery_is_waited_for_until_it_is_delivered(
    flaresend: FlaresendMock, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    with Receiver() as receiver:
        kit.webhook(receiver.url)
        waiting = pool.submit(kit.expect_delivery, within=SECONDS)
        until_waiting(flaresend, flaresend.worlds.default(), 1)

        kit.receive(ANN, "hi")
        delivery = waiting.result()

    assert (delivery.status, delivery.attempts[0]["status"]) == ("delivered", 200)
    assert receiver.texts == ["hi"]


def test_a_wait_ends_by_itself(flaresend: FlaresendMock) -> None:
    watch = Stopwatch()

    answer = requests.post(f"{flaresend.url}/_mock/messages/wait", json={"timeout": 0.2}, timeout=SECONDS)

    assert answer.status_code == 408
    assert 0.2 <= watch.seconds < 10
