"""The timers: what falls due, in order."""

from __future__ import annotations

from datetime import datetime, timedelta

from flaresend_mock.core.clock import Due, TimerQueue
from tests.support import NOW


def at(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def taken(timers: TimerQueue, until: datetime) -> list[str]:
    """Take off everything that is due until then, and return the keys."""
    keys = []
    while (due := timers.pop_due(until)) is not None:
        keys.append(due.key)
    return keys


def test_things_fall_due_by_time() -> None:
    timers = TimerQueue()
    timers.set(at(3), "task", "third")
    timers.set(at(1), "task", "first")
    timers.set(at(2), "task", "second")

    assert taken(timers, at(9)) == ["first", "second", "third"]


def test_things_of_one_moment_fall_due_in_the_order_they_were_noted() -> None:
    timers = TimerQueue()
    for key in ("b", "a", "c"):
        timers.set(at(1), "task", key)

    assert taken(timers, at(1)) == ["b", "a", "c"]


def test_nothing_is_taken_before_its_time() -> None:
    timers = TimerQueue()
    timers.set(at(1), "task", "early")
    timers.set(at(2), "task", "late")

    assert taken(timers, at(2) - timedelta(microseconds=1)) == ["early"]
    assert timers.next_at() == at(2)


def test_what_is_noted_again_is_moved() -> None:
    timers = TimerQueue()
    timers.set(at(1), "task", "moved")
    timers.set(at(2), "task", "stays")

    timers.set(at(3), "task", "moved")

    assert len(timers) == 2
    assert taken(timers, at(9)) == ["stays", "moved"]


def test_the_same_key_under_another_kind_is_another_thing() -> None:
    timers = TimerQueue()
    timers.set(at(1), "task", "x")
    timers.set(at(2), "retry", "x")

    timers.cancel("task", "x")

    assert timers.next_at() == at(2)


def test_what_is_struck_never_falls_due() -> None:
    timers = TimerQueue()
    timers.set(at(1), "task", "gone")
    timers.set(at(1), "task", "stays")

    timers.cancel("task", "gone")
    timers.cancel("task", "never noted")

    assert taken(timers, at(9)) == ["stays"]


def test_an_empty_queue_has_nothing_next() -> None:
    timers = TimerQueue()

    assert timers.next_at() is None
    assert timers.pop_due(at(9)) is None
    assert len(timers) == 0


def test_a_queue_tells_its_timers_and_how_many_were_set() -> None:
    timers = TimerQueue()
    timers.set(at(2), "task", "late")
    timers.set(at(1), "retry", "early")

    assert timers.contents() == ([Due(at(1), 2, "retry", "early"), Due(at(2), 1, "task", "late")], 2)


def test_a_copy_goes_its_own_way() -> None:
    timers = TimerQueue()
    timers.set(at(1), "task", "x")

    copy = timers.copy()
    copy.cancel("task", "x")
    copy.set(at(2), "task", "y")

    assert taken(timers, at(9)) == ["x"]
    assert taken(copy, at(9)) == ["y"]
