"""The queue of calls: one after another, in the order in which they came, past one that waits for something."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flaresend_mock.http import turns
from flaresend_mock.http.turns import CallQueue

FOREVER = 3600.0


def come(queue: CallQueue, ran: list[int], number: int) -> threading.Thread:
    """Let a call come, and wait until it stands in the queue, or has run."""

    def run() -> None:
        turn = queue.enter()
        ran.append(number)
        queue.leave(turn)

    thread = threading.Thread(target=run)
    before = len(queue._waiting)
    thread.start()
    while len(queue._waiting) == before and thread.is_alive():
        pass
    return thread


def test_calls_run_in_the_order_in_which_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "HOLD_SECONDS", FOREVER)
    queue, ran = CallQueue(), list[int]()
    turn = queue.enter()
    calls = [come(queue, ran, number) for number in range(20)]

    queue.leave(turn)
    for call in calls:
        call.join(10)

    assert ran == list(range(20))


def test_calls_run_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "HOLD_SECONDS", FOREVER)
    queue, running, most = CallQueue(), list[int](), list[int]()

    def call(number: int) -> None:
        turn = queue.enter()
        running.append(number)
        most.append(len(running))
        running.remove(number)
        queue.leave(turn)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(call, range(2000)))

    assert most == [1] * 2000


def test_a_call_that_waits_for_something_lets_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "HOLD_SECONDS", 0.001)
    queue, ran = CallQueue(), list[int]()
    waiting = queue.enter()

    for number in range(3):
        come(queue, ran, number).join(10)

    assert ran == [0, 1, 2]
    queue.leave(waiting)


def test_a_call_that_was_overtaken_ends_no_turn_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "HOLD_SECONDS", 0.001)
    queue, ran = CallQueue(), list[int]()
    overtaken = queue.enter()
    running = queue.enter()
    monkeypatch.setattr(turns, "HOLD_SECONDS", FOREVER)
    third = come(queue, ran, 3)

    queue.leave(overtaken)
    assert third.is_alive()
    assert ran == []

    queue.leave(running)
    third.join(10)
    assert ran == [3]


def test_a_turn_is_free_after_the_last_call() -> None:
    queue = CallQueue()

    for _ in range(3):
        queue.leave(queue.enter())

    assert queue._running is None
    assert not queue._waiting
