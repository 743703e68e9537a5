"""Worlds side by side on one server: each sees its own and nothing else, and all answer alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.testing.client import Flaresend

WORKERS = 8
SECONDS = 60
ANN, BEN = "254712345678", "254723456789"
LATER = "2030-01-01 01:00:00"


@pytest.fixture
def opened() -> Iterator[FlaresendMock]:
    with FlaresendMock(auth="open") as running:
        yield running


class Worker:
    """Somebody with an API key of their own, who remembers every response."""

    def __init__(self, kit: Flaresend, session: requests.Session) -> None:
        self.url = kit.url
        self.session = session
        self.headers = kit.headers
        self.responses: list[Any] = []

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        response = self.session.request(method, f"{self.url}{path}", headers=self.headers, json=body, timeout=SECONDS)
        assert response.status_code == status, f"{method} {path}: {response.status_code} {response.text}"
        self.responses.append((method, path, response.json()))
        return response.json()


def work(worker: Worker, rounds: int, said: str) -> None:
    """Make calls of every kind that may come in the way of others, fifteen in each round.

    Args:
        rounds: how often, with a reset between.
        said: what is written in the only message that is not the same for everybody.
    """
    call = worker.call
    call("PATCH", "/_mock/clock", {"now": "2030-01-01T00:00:00Z", "frozen": True})
    for turn in range(rounds):
        text = {"type": "text", "text": f"turn {turn}"}
        call("POST", "/send-message", {"recipients": [ANN, BEN], **text})
        call("POST", "/schedule-message", {"recipients": [ANN], **text, "sendAt": LATER})
        call("GET", "/scheduled-messages")
        made = call("POST", "/groups", {"subject": f"Group {turn}", "participants": [ANN]})
        call("GET", "/groups")
        call("POST", "/groups/send-message", {"groupJids": [made["data"]["id"]], **text})
        fault = call("POST", "/_mock/faults", {"preset": "down", "times": 1}, 201)
        call("POST", "/send-message", {"recipients": [ANN], **text}, 503)
        call("DELETE", f"/_mock/faults/{fault['id']}")
        call("POST", "/_mock/messages/wait", {"match": {"text": text["text"]}, "count": 2, "timeout": SECONDS})
        call("POST", "/_mock/requests/verify", {"match": {"status": 503}, "exactly": 1})
        call("POST", "/_mock/clock/advance", {"seconds": 3600})
        call("GET", "/_mock/messages")
        call("POST", "/_mock/reset" if turn < rounds - 1 else "/_mock/snapshots/end", status=200 + (turn == rounds - 1))
        call("PATCH", "/_mock/clock", {"now": "2030-01-01T00:00:00Z", "frozen": True})
    worker.session.post(
        f"{worker.url}/send-message",
        headers=worker.headers,
        json={"recipients": [ANN], "type": "text", "text": said},
        timeout=SECONDS,
    )


@pytest.mark.parametrize("rounds", [2, pytest.param(7, marks=pytest.mark.slow)])
def test_eight_who_work_at_once_each_see_their_own_world_and_all_the_same_answers(
    rounds: int, opened: FlaresendMock
) -> None:
    start = threading.Barrier(WORKERS)

    def run(key: str) -> list[Any]:
        with requests.Session() as session, Flaresend(opened.url, key) as kit:
            worker = Worker(kit, session)
            start.wait(SECONDS)
            work(worker, rounds, f"only {key}")
            assert kit.messages()[-1].text == f"only {key}"
            return without_names(worker.responses)

    with ThreadPoolExecutor(WORKERS) as pool:
        all_responses = list(pool.map(run, [f"worker-{number}" for number in range(WORKERS)]))

    assert len(all_responses[0]) == 1 + 15 * rounds
    for other in all_responses[1:]:
        assert other == all_responses[0]
    assert requests.get(f"{opened.url}/_mock/events", timeout=SECONDS).json()["events"] == []
    assert len(opened.worlds.all()) == WORKERS + 1


def without_names(responses: list[Any]) -> list[Any]:
    """Take out what worlds are called, which resets answer with."""
    return [
        (method, path, {name: value for name, value in response.items() if name != "world"})
        for method, path, response in responses
    ]


def test_one_key_that_many_use_for_the_first_time_at_once_gets_one_world(opened: FlaresendMock) -> None:
    start = threading.Barrier(WORKERS)

    def first(text: str) -> int:
        start.wait(SECONDS)
        body = {"recipients": [ANN], "type": "text", "text": text}
        url = f"{opened.url}/send-message"
        return requests.post(url, headers=kit.headers, json=body, timeout=SECONDS).status_code

    with Flaresend(opened.url, "shared") as kit:
        with ThreadPoolExecutor(WORKERS) as pool:
            assert set(pool.map(first, map(str, range(WORKERS)))) == {200}

        assert sorted(str(message.text) for message in kit.messages()) == list(map(str, range(WORKERS)))
    assert len(opened.worlds.all()) == 2
