"""Those who wait, on a real server: many at once, and until whatever comes first."""

from __future__ import annotations

import json
import socket
import statistics
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.core.world import World
from flaresend_mock.delivery.realtime import Stopwatch
from tests.receiver import Receiver

ANN = "254712345678"
SECONDS = 60


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(200) as threads:
        yield threads


def send(flaresend: FlaresendMock, text: str) -> None:
    body = {"recipients": [ANN], "type": "text", "text": text}
    answer = requests.post(
        f"{flaresend.url}/send-message", headers=flaresend.headers, json=body, timeout=SECONDS
    )
    assert answer.status_code == 200


def wait(flaresend: FlaresendMock, world: str = "default", **body: Any) -> requests.Response:
    path = f"{flaresend.url}/_mock/messages/wait?world={world}"
    return requests.post(path, json={"timeout": SECONDS, **body}, timeout=2 * SECONDS)


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
    flaresend: FlaresendMock, pool: ThreadPoolExecutor
) -> None:
    alone = median(flaresend)
    waiting = [pool.submit(wait, flaresend, match={"text": "go"}) for _ in range(200)]
    until_waiting(flaresend, flaresend.worlds.default(), 200)

    crowded = median(flaresend)
    send(flaresend, "no")
    assert waiters(flaresend.worlds.default()) == 200
    send(flaresend, "go")

    answers = [one.result() for one in waiting]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["messages"][0]["text"] for answer in answers} == {"go"}
    assert waiters(flaresend.worlds.default()) == 0
    assert crowded < 5 * max(alone, 0.002)


def test_there_is_an_end_to_how_many_may_wait(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.web.context.MAX_WAITERS", 2)
    with FlaresendMock() as flaresend:
        check_the_end(flaresend, pool)


def check_the_end(flaresend: FlaresendMock, pool: ThreadPoolExecutor) -> None:
    waiting = [pool.submit(wait, flaresend) for _ in range(2)]
    until_waiting(flaresend, flaresend.worlds.default(), 2)

    refused = wait(flaresend)
    send(flaresend, "go")

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "too_many")
    assert [one.result().status_code for one in waiting] == [200, 200]
    assert wait(flaresend).status_code == 200


def test_whoever_waits_is_let_go_when_the_server_stops(pool: ThreadPoolExecutor) -> None:
    flaresend = FlaresendMock().start()
    waiting = [pool.submit(wait, flaresend, timeout=300) for _ in range(20)]
    until_waiting(flaresend, flaresend.worlds.default(), 20)

    watch = Stopwatch()
    flaresend.stop()

    assert watch.seconds < 5
    answers = [one.result() for one in waiting]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(503, "stopping")}


def test_whoever_waits_in_a_world_is_let_go_when_it_is_deleted(
    flaresend: FlaresendMock, pool: ThreadPoolExecutor
) -> None:
    requests.post(f"{flaresend.url}/_mock/worlds", json={"name": "t1"}, timeout=SECONDS)
    world = flaresend.worlds.get("t1")
    waiting: Future[requests.Response] = pool.submit(wait, flaresend, "t1", timeout=300)
    until_waiting(flaresend, world, 1)

    requests.delete(f"{flaresend.url}/_mock/worlds/t1", timeout=SECONDS)
    watch = Stopwatch()
    answer = waiting.result(20)

    assert watch.seconds < 5
    assert 400 <= answer.status_code < 500


def test_whoever_goes_away_waits_no_longer(flaresend: FlaresendMock) -> None:
    body = json.dumps({"timeout": 300}).encode()
    head = f"POST /_mock/messages/wait HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", int(flaresend.url.rpartition(":")[2]))) as raw:
        raw.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        until_waiting(flaresend, flaresend.worlds.default(), 1)

    until_waiting(flaresend, flaresend.worlds.default(), 0)


def test_a_delivery_is_waited_for_until_it_is_delivered(
    flaresend: FlaresendMock, pool: ThreadPoolExecutor
) -> None:
    with Receiver() as receiver:
        url = f"{flaresend.url}/_mock"
        requests.put(f"{url}/instances/default/webhook", json={"url": receiver.url}, timeout=SECONDS)
        body = {"match": {"status": "delivered"}, "timeout": SECONDS}
        waiting = pool.submit(requests.post, f"{url}/deliveries/wait", json=body, timeout=2 * SECONDS)
        until_waiting(flaresend, flaresend.worlds.default(), 1)

        requests.post(f"{url}/inbound", json={"from": ANN, "text": "hi"}, timeout=SECONDS)
        answer = waiting.result()

    (delivery,) = answer.json()["deliveries"]
    assert (delivery["status"], delivery["attempts"][0]["status"]) == ("delivered", 200)
    assert receiver.texts == ["hi"]


def test_a_wait_ends_by_itself(flaresend: FlaresendMock) -> None:
    watch = Stopwatch()

    answer = wait(flaresend, timeout=0.2)

    assert answer.status_code == 408
    assert 0.2 <= watch.seconds < 10
