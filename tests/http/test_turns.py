"""Turns: calls with large bodies wait for each other, and for nothing else."""

import json
import threading
from typing import Any

import pytest
import requests
from werkzeug.exceptions import ServiceUnavailable

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import Patience, Stopwatch
from flaresend_mock.http import body_stream, request_reader
from flaresend_mock.http.turns import LARGE, Turns, give_back
from tests.benchmarks.wire import Wire, request
from tests.defaults import ANN

MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
WAITING = 20
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


def test_exports_take_turns(busy: FlaresendMock) -> None:
    assert FlaresendMock().app.test_client().get("/_mock/world").status_code == 200  # imports what it needs
    waiting = threading.Thread(target=lambda: busy.app.test_client().get("/_mock/world"))

    waiting.start()
    waiting.join(0.5)

    assert waiting.is_alive()


def test_an_export_gives_its_turn_back() -> None:
    with FlaresendMock() as mock:
        for _ in range(3):
            assert mock.app.test_client().get("/_mock/world").status_code == 200
        mock.app.services.turns.take({})


def test_small_calls_pass_by(busy: FlaresendMock) -> None:
    found: list[int] = []

    waiting = post(busy, "/send-message", BIG, found)
    post(busy, "/send-message", MESSAGE, found).join()
    post(busy, "/_mock/messages/search", {"match": {}}, found).join()

    assert (found, waiting.is_alive()) == ([200, 200], True)


@pytest.mark.parametrize("large", [False, True])
def test_chunks_of_large_calls_are_taken_apart_one_call_at_a_time(large: bool) -> None:
    found: list[int] = []
    body = json.dumps({**MESSAGE, "text": "x" * (1 + request_reader.FEW * large)}).encode()
    head = request("POST", "/send-message", body)[: -len(body)].replace(b"Content-Length", b"X-Length")
    chunked = head[:-2] + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with FlaresendMock(log_level="warning") as mock, Wire(int(mock.url.rpartition(":")[2])) as wire:
        with request_reader._computing:  # as if chunks of another call were taken apart
            wire.send(chunked)
            if not large:
                assert wire.answer()[0] == 200
            post(mock, "/send-message", MESSAGE, found).join()
            calls = requests.get(f"{mock.url}/_mock/requests", timeout=30).json()["requests"]
            assert len(calls) == 2 - large
        assert not large or wire.answer()[0] == 200


def test_a_large_body_without_a_key_waits_for_nobody(busy: FlaresendMock) -> None:
    assert requests.post(f"{busy.url}/send-message", json=BIG, timeout=30).status_code == 401
    large = {"token": "x" * LARGE}
    assert requests.post(f"{busy.url}/_mock/ui/login", data=large, timeout=30).status_code == 413


@pytest.mark.parametrize(("path", "body"), [("/send-message", BIG), ("/_mock/messages/search", {"x": "x" * LARGE})])
def test_the_emulator_stops_while_large_calls_wait(path: str, body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    arrived = threading.Semaphore(0)
    take = Turns.take

    def noted(turns: Turns, environ: Any) -> None:
        arrived.release()
        take(turns, environ)

    with FlaresendMock(log_level="warning") as mock:
        mock.app.services.turns.take({})
        monkeypatch.setattr(Turns, "take", noted)
        threads = [post(mock, path, body, found) for _ in range(WAITING)]
        for _ in threads:
            arrived.acquire()
        watch = Stopwatch()
    assert watch.seconds < 5
    for thread in threads:
        thread.join()
    assert found == [503] * WAITING
    if path == "/send-message":
        assert recorded(mock) == found


def test_a_stop_loses_no_call_that_waits_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that have a turn are finished, the others are refused, and all are recorded."""
    found: list[int] = []
    arrived, ended = threading.Semaphore(0), threading.Semaphore(0)
    take, give = Turns.take, give_back

    def taken(turns: Turns, environ: Any) -> None:
        arrived.release()
        take(turns, environ)

    def given(environ: Any) -> None:
        give(environ)
        ended.release()

    with FlaresendMock(log_level="warning") as mock:
        mock.app.services.turns.take(mine := {})
        monkeypatch.setattr(Turns, "take", taken)
        monkeypatch.setattr(body_stream, "give_back", given)
        threads = [post(mock, "/send-message", BIG, found) for _ in range(WAITING)]
        for _ in threads:
            arrived.acquire()
        give(mine)
        for _ in range(3):
            ended.acquire()
        watch = Stopwatch()
    assert watch.seconds < 5
    for thread in threads:
        thread.join()
    assert sorted(recorded(mock)) == sorted(found)
    assert (len(found), set(found) <= {200, 503}) == (WAITING, True)


def recorded(mock: FlaresendMock) -> list[int]:
    calls = mock.app.test_client().get("/_mock/requests?limit=100").get_json()["requests"]
    return [call["status"] for call in calls]


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
