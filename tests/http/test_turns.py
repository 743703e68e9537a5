"""Turns: calls with large bodies wait for each other, and for nothing else."""

import threading
from typing import Any

import pytest
import requests
from werkzeug.exceptions import ServiceUnavailable

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import Patience, Stopwatch
from flaresend_mock.http.turns import LARGE, Turns, give_back
from tests.defaults import ANN

MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
BIG = {**MESSAGE, "text": "x" * LARGE}


def post(mock: FlaresendMock, path: str, body: Any, found: list[int]) -> threading.Thread:
    """Make a call in a thread, which adds its status to the list."""

    def call() -> None:
        found.append(requests.post(f"{mock.url}{path}", headers=mock.headers, json=body, timeout=30).status_code)

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_call_has_one_turn_and_gives_it_back_once() -> None:
    turns = Turns(Patience())
    first: dict[str, Any] = {}
    second: dict[str, Any] = {}

    turns.take(first)
    turns.take(first)
    give_back(first)
    give_back(first)
    turns.take(second)
    waiting = threading.Thread(target=turns.take, args=(first,))
    waiting.start()
    assert waiting.is_alive()
    give_back(second)
    waiting.join()
    give_back(first)


def test_nobody_waits_for_a_turn_once_the_emulator_stops() -> None:
    patience = Patience()
    turns = Turns(patience)
    turns.take({})
    patience.end()

    with pytest.raises(ServiceUnavailable):
        turns.take({})


@pytest.fixture
def busy() -> Any:
    """An emulator in which another call has the turn."""
    with FlaresendMock(log_level="warning") as mock:
        taken: dict[str, Any] = {}
        mock.app.services.turns.take(taken)
        yield mock
        give_back(taken)


def test_small_calls_pass_by(busy: FlaresendMock) -> None:
    found: list[int] = []

    waiting = post(busy, "/send-message", BIG, found)
    post(busy, "/send-message", MESSAGE, found).join()
    post(busy, "/_mock/messages/search", {"match": {}}, found).join()

    assert (found, waiting.is_alive()) == ([200, 200], True)


def test_a_large_body_without_a_key_waits_for_nobody(busy: FlaresendMock) -> None:
    assert requests.post(f"{busy.url}/send-message", json=BIG, timeout=30).status_code == 401
    large = {"token": "x" * LARGE}
    assert requests.post(f"{busy.url}/_mock/ui/login", data=large, timeout=30).status_code == 413


def test_the_emulator_stops_while_large_calls_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    arrived = threading.Semaphore(0)
    take = Turns.take

    def noted(turns: Turns, environ: Any) -> None:
        arrived.release()
        take(turns, environ)

    with FlaresendMock(log_level="warning") as mock:
        mock.app.services.turns.take({})
        monkeypatch.setattr(Turns, "take", noted)
        threads = [post(mock, "/send-message", BIG, found) for _ in range(5)]
        for _ in threads:
            arrived.acquire()
        watch = Stopwatch()
    assert watch.seconds < 5
    for thread in threads:
        thread.join()
    assert found == [503] * 5


@pytest.mark.parametrize("slow", ["a fault", "a magic number"])
def test_a_large_call_that_is_delayed_lets_others_pass(slow: str) -> None:
    body = BIG if slow == "a fault" else {**BIG, "recipients": ["999000000408"]}
    with FlaresendMock(log_level="warning") as mock:
        if slow == "a fault":
            fault = {"match": {"body": {"type": "text"}}, "delay": 30, "times": 1}
            assert requests.post(f"{mock.url}/_mock/faults", json=fault, timeout=30).status_code == 201
        delayed: list[int] = []
        found: list[int] = []
        waiting = post(mock, "/send-message", body, delayed)
        wait = {"match": {"type": "text"}, "timeout": 20}
        assert requests.post(f"{mock.url}/_mock/messages/wait", json=wait, timeout=30).status_code == 200

        post(mock, "/send-message", BIG, found).join()

        assert (found, delayed) == ([200], [])
    waiting.join()
