"""Scheduled messages fire by themselves while time runs: on time, in order, each once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.core.errors import TaskNotCancellable, TaskNotPending
from flaresend_mock.core.records import Content
from flaresend_mock.core.world import World

ONE = datetime(2025, 11, 14, 13, 0, tzinfo=UTC)
SEND_AT = ONE.replace(tzinfo=None)


@pytest.fixture
def running(flaresend: FlaresendMock) -> World:
    """The world of an emulator whose clock runs, three tenths of a second before one o'clock."""
    world = flaresend.worlds.default()
    world.time.change(now=ONE - timedelta(seconds=0.3))
    return world


def schedule(world: World, text: str = "hello", at: datetime = SEND_AT) -> str:
    instance = world.instances.first().id
    return world.schedule.add(instance, ["254712345678"], Content(type="text", text=text), at).id


def sent(world: World) -> list[str | None]:
    return [message.content.text for message in world.state.messages]


def test_a_message_is_sent_within_a_fifth_of_a_second_of_its_time(running: World) -> None:
    schedule(running)

    assert running.wait_until(lambda: len(running.state.messages) > 0, 10)

    (message,) = running.state.messages
    assert ONE <= message.at <= ONE + timedelta(seconds=0.2)


def test_a_thousand_messages_of_one_second_are_sent_within_two_in_the_order_they_were_scheduled(
    flaresend: FlaresendMock,
) -> None:
    world = flaresend.worlds.default()
    world.time.change(now=ONE - timedelta(minutes=1), frozen=True)
    for number in range(1000):
        schedule(world, str(number))
    world.time.change(now=ONE - timedelta(seconds=0.1), frozen=False)

    assert world.wait_until(lambda: len(world.state.messages) == 1000, 20)

    assert sent(world) == [str(number) for number in range(1000)]
    assert max(message.at for message in world.state.messages) <= ONE + timedelta(seconds=2)


def test_frozen_time_fires_nothing_and_running_time_catches_up(flaresend: FlaresendMock) -> None:
    world = flaresend.worlds.default()
    world.time.change(now=ONE - timedelta(minutes=1), frozen=True)
    schedule(world)
    world.time.change(now=ONE + timedelta(hours=1))
    assert sent(world) == []

    world.time.change(frozen=False)

    assert world.wait_until(lambda: len(world.state.messages) > 0, 10)


def test_messages_at_different_seconds_each_wake_the_world(running: World) -> None:
    schedule(running, "second", SEND_AT + timedelta(seconds=1))
    schedule(running, "first")

    assert running.wait_until(lambda: len(running.state.messages) == 2, 10)

    assert sent(running) == ["first", "second"]


def test_setting_the_clock_wakes_the_world_at_the_new_time(flaresend: FlaresendMock) -> None:
    world = flaresend.worlds.default()
    world.time.change(now=ONE - timedelta(days=30))
    schedule(world)

    world.time.change(now=ONE - timedelta(seconds=0.05))

    assert world.wait_until(lambda: len(world.state.messages) > 0, 10)


def test_a_reset_forgets_what_was_due(running: World) -> None:
    schedule(running)

    running.reset()
    running.time.change(now=ONE)
    schedule(running, "later", SEND_AT + timedelta(seconds=1))

    assert running.wait_until(lambda: len(running.state.messages) > 0, 10)
    assert sent(running) == ["later"]


def test_what_is_cancelled_or_retimed_as_it_falls_due_is_never_sent_twice(running: World) -> None:
    instance = running.instances.first().id
    tasks = [schedule(running, str(number)) for number in range(300)]
    cancelled: list[str] = []
    retimed: list[str] = []

    def interfere() -> None:
        running.wait_until(lambda: len(running.state.messages) > 0, 10)
        for index, task in enumerate(reversed(tasks)):
            try:
                if index % 2:
                    running.schedule.cancel(instance, task)
                    cancelled.append(task)
                else:
                    running.schedule.update(instance, task, {"send_at": SEND_AT + timedelta(seconds=1)})
                    retimed.append(task)
            except (TaskNotCancellable, TaskNotPending):
                pass  # it was sent before

    meddler = threading.Thread(target=interfere)
    meddler.start()
    assert running.wait_until(lambda: running.clock.now() > ONE and not running.state.tasks, 20)
    meddler.join()

    texts = sent(running)
    assert len(texts) == len(set(texts)) == 300 - len(cancelled)


def test_stopping_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())

    for _ in range(5):
        with FlaresendMock() as flaresend:
            assert requests.get(f"{flaresend.url}/_mock/health", timeout=10).status_code == 200

    assert set(threading.enumerate()) <= before
