"""Scheduled messages fire by themselves while time runs: on time, in order, each once."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import requests
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

from flaresend_mock import FlaresendMock
from flaresend_mock.background import scheduler
from flaresend_mock.core.errors import SendAtInThePast, TaskNotCancellable, TaskNotPending
from flaresend_mock.core.models import Content
from flaresend_mock.core.world import World

ONE = datetime(2025, 11, 14, 13, 0, tzinfo=UTC)
SEND_AT = ONE.replace(tzinfo=None)
LATER = ONE + timedelta(hours=1)


@pytest.fixture
def world(flaresend: FlaresendMock) -> World:
    """The world of a running emulator, a minute before one o'clock; its clock is frozen."""
    world = flaresend.worlds.default()
    world.timeline.change(now=ONE - timedelta(minutes=1), frozen=True)
    return world


def schedule(world: World, text: str = "hello", at: datetime = SEND_AT) -> str:
    instance = world.instances.first().id
    return world.schedule.add(instance, ["254712345678"], Content(type="text", text=text), at).id


def run_from(world: World, seconds_before_one: float) -> None:
    """Let time run from so many seconds before one o'clock: nothing passes before the test is ready for it."""
    world.timeline.change(now=ONE - timedelta(seconds=seconds_before_one), frozen=False)


def wait_for(world: World, messages: int) -> None:
    assert world.wait_until(lambda: len(world.state.messages) >= messages, 20)


def sent(world: World) -> list[str | None]:
    return [message.content.text for message in world.state.messages]


def test_a_message_is_sent_at_its_time_and_not_before(world: World) -> None:
    schedule(world)
    run_from(world, 0.1)

    wait_for(world, 1)

    (message,) = world.state.messages
    assert message.at >= ONE


def test_timers_wait_for_a_thread_and_no_call_fails(
    world: World, flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start() -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short:
        short.setattr(scheduler, "_real_time_scheduler", start)
        schedule(world)
        run_from(world, 0)

    requests.get(f"{flaresend.url}/_mock/health", timeout=10)  # a connection begins, and ends

    wait_for(world, 1)


def test_a_world_whose_timers_take_long_has_one_thread(world: World, flaresend: FlaresendMock) -> None:
    """Others would wait, if it had all that there are."""
    other = flaresend.worlds.create("other", world.saved())
    for number in range(3):
        schedule(world, str(number))
    schedule(other)
    with world.lock:
        run_from(world, 0)
        for _ in range(50):
            flaresend._scheduler.schedule_wakeup(world)

        run_from(other, 0)
        wait_for(other, 1)

    wait_for(world, 3)


def test_what_is_due_and_much_does_not_hold_up_the_end(
    world: World, flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "EVENTS_AT_ONCE", 0)  # one timer at a time
    for number in range(5):
        schedule(world, str(number))
    with world.lock:
        run_from(world, 0)
        flaresend._scheduler.running = False

    flaresend.stop()

    assert len(sent(world)) <= 1  # the one that waited for the world


@pytest.mark.slow
def test_a_message_is_sent_within_a_fifth_of_a_second_of_its_time(world: World) -> None:
    schedule(world)
    run_from(world, 0.3)

    wait_for(world, 1)

    (message,) = world.state.messages
    assert ONE <= message.at <= ONE + timedelta(seconds=0.2)


def test_a_message_that_is_scheduled_while_time_runs_is_sent(world: World) -> None:
    run_from(world, 60)
    scheduled = False
    while not scheduled:
        with suppress(SendAtInThePast):  # on a busy machine, that time has passed already
            schedule(world, at=world.clock.now().replace(tzinfo=None) + timedelta(seconds=0.05))
            scheduled = True

    wait_for(world, 1)


def test_messages_of_one_second_are_sent_in_the_order_they_were_scheduled(world: World) -> None:
    for number in range(200):
        schedule(world, str(number))
    run_from(world, 0)

    wait_for(world, 200)

    assert sent(world) == [str(number) for number in range(200)]


@pytest.mark.slow
def test_a_thousand_messages_of_one_second_are_sent_within_two_in_the_order_they_were_scheduled(world: World) -> None:
    for number in range(1000):
        schedule(world, str(number))
    run_from(world, 0.1)

    wait_for(world, 1000)

    assert sent(world) == [str(number) for number in range(1000)]
    assert max(message.at for message in world.state.messages) <= ONE + timedelta(seconds=2)


def test_frozen_time_fires_nothing_and_running_time_catches_up(world: World) -> None:
    schedule(world)
    world.timeline.change(now=ONE + timedelta(hours=1))
    assert sent(world) == []

    world.timeline.change(frozen=False)

    wait_for(world, 1)


def test_messages_at_different_times_each_wake_the_world(world: World) -> None:
    schedule(world, "second", SEND_AT + timedelta(seconds=0.2))
    schedule(world, "first")
    run_from(world, 0.1)

    wait_for(world, 2)

    assert sent(world) == ["first", "second"]


def test_setting_the_clock_wakes_the_world_at_the_new_time(world: World) -> None:
    schedule(world)
    run_from(world, 30 * 86_400)

    run_from(world, 0.05)

    wait_for(world, 1)


def test_one_job_wakes_a_world_when_its_next_timer_is_due(
    world: World, flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedulers, add_job = [], BaseScheduler.add_job

    def note(self: BaseScheduler, *given: object, **options: object) -> Job:
        schedulers.append(self)
        return add_job(self, *given, **options)

    def minutes_left() -> list[int]:
        waits = [job.next_run_time - datetime.now(UTC) for job in schedulers[0].get_jobs()]
        return [round(wait.total_seconds() / 60) for wait in waits]

    monkeypatch.setattr(BaseScheduler, "add_job", note)
    other = flaresend.worlds.create("other", world.state.copy())
    other.timeline.change(now=ONE, frozen=True)
    for minute in (120, 90, 180):
        schedule(other, at=SEND_AT + timedelta(minutes=minute))
    run_from(other, 0)
    assert (minutes_left(), len(schedulers)) == ([90], 1)
    schedule(other, at=SEND_AT + timedelta(minutes=100))
    assert (minutes_left(), len(schedulers)) == ([90], 1)
    schedule(other, at=SEND_AT + timedelta(minutes=30))
    assert (minutes_left(), len(schedulers)) == ([30], 2)

    flaresend.worlds.remove("other")

    assert minutes_left() == []


def test_the_log_tells_at_level_debug_what_fired(
    world: World, flaresend: FlaresendMock, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (None, "flaresend_mock"):
        caplog.set_level(logging.DEBUG, name)
    id_ = schedule(world)
    run_from(world, 0)
    wait_for(world, 1)
    flaresend.stop()

    assert f"default: task {id_} sent" in caplog.messages
    assert not any(record.name.startswith("apscheduler") for record in caplog.records)
    assert logging.getLogger().level == logging.DEBUG


def scheduler_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "APScheduler" in thread.name}


def test_a_timer_that_is_set_before_the_start_starts_no_thread() -> None:
    before, emulator = scheduler_threads(), FlaresendMock()
    world = emulator.worlds.default()

    schedule(world, at=world.clock.now().replace(tzinfo=None) + timedelta(hours=24))

    assert scheduler_threads() <= before


def test_a_timer_that_is_set_after_the_end_starts_no_thread(world: World, flaresend: FlaresendMock) -> None:
    of_others = scheduler_threads()
    schedule(world, "before", LATER.replace(tzinfo=None))
    run_from(world, 3600)
    (own,) = scheduler_threads() - of_others
    flaresend.stop()
    assert not own.is_alive()

    schedule(world)

    assert scheduler_threads() <= of_others


def test_a_reset_forgets_what_was_due(world: World) -> None:
    schedule(world)
    run_from(world, 3600)

    world.reset()
    world.timeline.change(now=ONE - timedelta(minutes=1), frozen=True)
    schedule(world, "later", SEND_AT + timedelta(seconds=0.1))
    run_from(world, 0)

    wait_for(world, 1)
    assert sent(world) == ["later"]


def test_what_is_cancelled_or_retimed_as_it_falls_due_is_never_sent_twice(world: World) -> None:
    instance = world.instances.first().id
    tasks = [schedule(world, str(number)) for number in range(300)]
    cancelled: set[str] = set()
    retimed: set[str] = set()

    def interfere() -> None:
        wait_for(world, 1)
        for number in reversed(range(300)):
            with suppress(TaskNotCancellable, TaskNotPending):  # it was sent before
                if number % 2:
                    world.schedule.cancel(instance, tasks[number])
                    cancelled.add(str(number))
                else:
                    world.schedule.update(instance, tasks[number], {"send_at": LATER.replace(tzinfo=None)})
                    retimed.add(str(number))

    with ThreadPoolExecutor() as pool:
        meddler = pool.submit(interfere)
        run_from(world, 0)
        meddler.result(20)
    assert world.wait_until(lambda: len(world.state.tasks) == len(retimed), 20)
    world.timeline.advance(timedelta(hours=1))

    texts = sent(world)
    assert len(texts) == len(set(texts)) == 300 - len(cancelled)
    assert cancelled.isdisjoint(texts)
    assert {message.content.text for message in world.state.messages if message.at >= LATER} == retimed


def test_stopping_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())

    for _ in range(5):
        with FlaresendMock() as flaresend:
            assert requests.get(f"{flaresend.url}/_mock/health", timeout=10).status_code == 200

    assert set(threading.enumerate()) <= before


def test_stopping_while_a_timer_starts_ends_its_thread_in_order(
    world: World, flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting, stopping = threading.Event(), threading.Event()
    failed: list[object] = []
    submit, shutdown = BaseExecutor.submit_job, BaseScheduler.shutdown

    def submit_late(self: BaseExecutor, *job: object) -> None:
        starting.set()
        assert stopping.wait(20)
        while self._scheduler.state != STATE_STOPPED:
            pass
        submit(self, *job)

    def stop(self: BaseScheduler, wait: bool = True) -> None:
        stopping.set()
        shutdown(self, wait)

    monkeypatch.setattr(BaseExecutor, "submit_job", submit_late)
    monkeypatch.setattr(BaseScheduler, "shutdown", stop)
    monkeypatch.setattr(threading, "excepthook", failed.append)
    schedule(world)
    run_from(world, 0)
    assert starting.wait(20)

    flaresend.stop()

    assert failed == []


def test_a_timer_that_cannot_be_started_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flaresend_mock.background.scheduler.RETRY_SECONDS", 0.01)
    submit, failures = BaseExecutor.submit_job, [RuntimeError("can't start new thread")] * 2

    def submit_late(self: BaseExecutor, *job: object) -> None:
        if failures:
            raise failures.pop()
        submit(self, *job)

    monkeypatch.setattr(BaseExecutor, "submit_job", submit_late)
    schedule(world)
    run_from(world, 0)

    wait_for(world, 1)

    assert sent(world) == ["hello"]
    assert failures == []
    assert caplog.messages == ["a timer cannot be started now: can't start new thread"] * 2
