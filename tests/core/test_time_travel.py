"""TimeTravel: what falls due runs in order, each thing once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from types import TracebackType

import pytest

from flaresend_mock.core.clock import LATEST, ClockSetting
from flaresend_mock.core.errors import ClockOutOfRange, WorldNotFound
from flaresend_mock.core.models import Change, Message, Task
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.time_travel import Fired, TimeTravel
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, INSTANCE, described, text
from tests.support import NOW, RealTime


def schedule(world: World, *, minutes: float, words: str = "Hello") -> Task:
    """Schedule a message for so many minutes after 10:00."""
    at = (NOW + timedelta(minutes=minutes)).replace(tzinfo=None)
    return world.schedule.add(INSTANCE, [ANN], text(words), at)


def sent(world: World) -> list[tuple[str | None, datetime]]:
    return [(message.content.text, message.at) for message in world.state.messages]


class Before:
    """A lock that lets somebody else go first, once."""

    def __init__(self, lock: threading.RLock, happens: Callable[[], object]) -> None:
        self._lock = lock
        self._happens: Callable[[], object] | None = happens

    def __enter__(self) -> None:
        happens, self._happens = self._happens, None
        if happens is not None:
            happens()
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def test_much_that_is_due_at_once_is_run_in_parts(world: World) -> None:
    world.timeline.change(now=NOW, frozen=True)
    for number in range(20):
        schedule(world, minutes=1, words=str(number))
    world.timeline.change(now=NOW + timedelta(minutes=2))
    world.timeline.change(frozen=False)

    first = world.timeline.run_due(8)
    rest = world.timeline.run_due()

    assert (len(first) + len(rest), 2 < len(first) < 10) == (20, True)
    assert [words for words, _ in sent(world)] == [str(number) for number in range(20)]


def test_advancing_fires_everything_that_falls_due_in_order(world: World) -> None:
    schedule(world, minutes=30, words="third")
    schedule(world, minutes=10, words="first")
    schedule(world, minutes=20, words="second")
    schedule(world, minutes=61, words="not yet")

    fired = world.timeline.advance(timedelta(hours=1))

    assert [one.at for one in fired] == [NOW + timedelta(minutes=minutes) for minutes in (10, 20, 30)]
    assert [words for words, _ in sent(world)] == ["first", "second", "third"]
    assert world.clock.now() == NOW + timedelta(hours=1)


def test_everything_is_sent_at_its_own_time(world: World) -> None:
    schedule(world, minutes=10, words="first")
    schedule(world, minutes=20, words="second")

    world.timeline.advance(timedelta(hours=1))

    assert sent(world) == [("first", NOW + timedelta(minutes=10)), ("second", NOW + timedelta(minutes=20))]


def test_a_day_with_a_thousand_messages_passes_at_once(world: World) -> None:
    planned = [(7919 * index) % 86_400 + 1 for index in range(1000)]
    for index, second in enumerate(planned):
        schedule(world, minutes=second / 60, words=str(index))

    fired = world.timeline.advance(timedelta(days=1, seconds=1))

    assert [one.result for one in fired] == ["sent"] * 1000
    in_order = sorted(enumerate(planned), key=lambda entry: entry[1])
    assert [words for words, _ in sent(world)] == [str(index) for index, _ in in_order]
    assert len({one.id for one in fired}) == 1000


def test_messages_of_the_same_second_are_sent_in_the_order_they_were_scheduled(world: World) -> None:
    for words in ("a", "b", "c"):
        schedule(world, minutes=10, words=words)

    world.timeline.advance(timedelta(hours=1))

    assert [words for words, _ in sent(world)] == ["a", "b", "c"]


def test_what_is_due_exactly_at_the_target_fires(world: World) -> None:
    schedule(world, minutes=60)

    assert len(world.timeline.advance_to(NOW + timedelta(minutes=60))) == 1


def test_what_comes_up_on_the_way_fires_too(world: World) -> None:
    def chain(key: str) -> Fired:
        now = world.clock.now()
        if int(key) < 3:
            world.set_timer(now + timedelta(minutes=10), "chain", str(int(key) + 1))
        return Fired(now, "chain", key, "done")

    time = TimeTravel(world, {"chain": chain})
    world.set_timer(NOW + timedelta(minutes=10), "chain", "1")

    fired = time.advance(timedelta(minutes=25))

    assert [(one.id, one.at) for one in fired] == [
        ("1", NOW + timedelta(minutes=10)),
        ("2", NOW + timedelta(minutes=20)),
    ]
    assert world.state.timers.next_at() == NOW + timedelta(minutes=30)


def test_what_is_struck_on_the_way_does_not_fire(world: World) -> None:
    def first(key: str) -> Fired:
        world.state.timers.cancel("second", "x")
        return Fired(world.clock.now(), "first", key, "done")

    time = TimeTravel(world, {"first": first})
    world.set_timer(NOW + timedelta(minutes=1), "first", "x")
    world.set_timer(NOW + timedelta(minutes=2), "second", "x")

    assert [one.kind for one in time.advance(timedelta(hours=1))] == ["first"]


def test_a_clock_goes_on_as_before_when_something_due_breaks(world: World) -> None:
    def breaks(key: str) -> Fired:
        raise RuntimeError

    time = TimeTravel(world, {"task": breaks})
    world.set_timer(NOW + timedelta(minutes=1), "task", "x")

    with pytest.raises(RuntimeError):
        time.advance(timedelta(hours=1))

    assert not world.clock.frozen
    assert world.clock.now() == NOW + timedelta(minutes=1)


def test_nothing_fires_by_itself_while_the_clock_is_frozen(world: World, real_time: RealTime) -> None:
    schedule(world, minutes=10)
    world.timeline.change(frozen=True)
    real_time.pass_by(hours=1)

    assert world.timeline.run_due() == []
    assert sent(world) == []


def test_a_clock_frozen_at_the_last_moment_fires_nothing(world: World) -> None:
    task = schedule(world, minutes=10)
    freezing = Before(world.lock, lambda: world.clock.change(now=task.send_at, frozen=True))
    world.lock = freezing  # type: ignore[assignment]

    assert world.timeline.run_due() == []


def test_what_fell_due_while_time_ran_fires(world: World, real_time: RealTime) -> None:
    schedule(world, minutes=10, words="due")
    schedule(world, minutes=20, words="not yet")
    real_time.pass_by(minutes=15)

    fired = world.timeline.run_due()

    assert [one.at for one in fired] == [NOW + timedelta(minutes=15)]
    assert sent(world) == [("due", NOW + timedelta(minutes=15))]


def test_nothing_fires_by_setting_the_clock(world: World) -> None:
    schedule(world, minutes=10)

    world.timeline.change(now=NOW + timedelta(hours=1))

    assert sent(world) == []
    assert len(world.schedule.pending(INSTANCE)) == 1


def test_what_is_overdue_after_setting_the_clock_fires_once_time_runs(world: World) -> None:
    schedule(world, minutes=10)
    world.timeline.change(now=NOW + timedelta(hours=1), frozen=True)
    assert world.timeline.run_due() == []

    world.timeline.change(frozen=False)

    assert [one.at for one in world.timeline.run_due()] == [NOW + timedelta(hours=1)]


def test_what_is_overdue_after_setting_the_clock_fires_first_when_time_advances(world: World) -> None:
    schedule(world, minutes=10, words="overdue")
    schedule(world, minutes=90, words="due")
    world.timeline.change(now=NOW + timedelta(hours=1), frozen=True)

    world.timeline.advance(timedelta(hours=1))

    assert sent(world) == [("overdue", NOW + timedelta(minutes=60)), ("due", NOW + timedelta(minutes=90))]


def test_advancing_by_nothing_fires_what_is_overdue(world: World) -> None:
    schedule(world, minutes=10)
    world.timeline.change(now=NOW + timedelta(hours=1), frozen=True)

    assert len(world.timeline.advance(timedelta())) == 1


def test_a_clock_set_back_fires_a_message_at_its_time_again_and_only_once(world: World) -> None:
    schedule(world, minutes=10)
    world.timeline.advance(timedelta(hours=1))
    world.timeline.change(now=NOW)

    assert world.timeline.advance(timedelta(hours=1)) == []


def test_to_next_advances_to_the_next_thing_due_and_runs_all_of_that_moment(world: World) -> None:
    schedule(world, minutes=10)
    schedule(world, minutes=10)
    schedule(world, minutes=20)

    fired = world.timeline.advance_to_next()

    assert len(fired) == 2
    assert world.clock.now() == NOW + timedelta(minutes=10)


def test_to_next_stays_where_it_is_when_nothing_is_due(world: World) -> None:
    assert world.timeline.advance_to_next() == []
    assert world.clock.now() == NOW


def test_to_next_runs_what_is_overdue_without_going_back(world: World) -> None:
    schedule(world, minutes=10)
    world.timeline.change(now=NOW + timedelta(hours=1), frozen=True)

    fired = world.timeline.advance_to_next()

    assert [one.at for one in fired] == [NOW + timedelta(hours=1)]


def test_time_does_not_advance_into_the_past(world: World) -> None:
    schedule(world, minutes=10)

    refusal = r"^time advances only forward; set the clock to go back$"
    with pytest.raises(ClockOutOfRange, match=refusal):
        world.timeline.advance_to(NOW - timedelta(seconds=1))
    with pytest.raises(ClockOutOfRange, match=refusal):
        world.timeline.advance(timedelta(seconds=-1))

    assert world.clock.now() == NOW
    assert not world.clock.frozen


@pytest.mark.parametrize("by", [timedelta.max, LATEST - NOW])
def test_time_does_not_advance_out_of_the_calendar(by: timedelta, world: World) -> None:
    schedule(world, minutes=10)

    with pytest.raises(ClockOutOfRange, match=r"^the clock shows times from 1970 to 9998$"):
        world.timeline.advance(by)

    assert sent(world) == []
    assert world.clock.now() == NOW
    assert not world.clock.frozen


def test_a_running_clock_keeps_running_after_an_advance(world: World, real_time: RealTime) -> None:
    world.timeline.advance(timedelta(hours=1))
    real_time.pass_by(seconds=5)

    assert not world.clock.frozen
    assert world.clock.now() == NOW + timedelta(hours=1, seconds=5)


def test_a_frozen_clock_stays_frozen_after_an_advance(world: World, real_time: RealTime) -> None:
    world.timeline.change(frozen=True)

    world.timeline.advance(timedelta(hours=1))
    real_time.pass_by(seconds=5)

    assert world.clock.frozen
    assert world.clock.now() == NOW + timedelta(hours=1)


def test_a_message_cancelled_before_its_time_never_fires(world: World) -> None:
    cancelled = schedule(world, minutes=10, words="cancelled")
    schedule(world, minutes=20, words="kept")

    world.schedule.cancel(INSTANCE, cancelled.id)
    world.timeline.advance(timedelta(hours=1))

    assert [words for words, _ in sent(world)] == ["kept"]


def test_a_message_fires_at_the_time_it_was_moved_to(world: World) -> None:
    task = schedule(world, minutes=10)
    world.schedule.update(INSTANCE, task.id, {"send_at": datetime(2025, 11, 14, 10, 40)})

    assert world.timeline.advance(timedelta(minutes=30)) == []
    assert [one.at for one in world.timeline.advance(timedelta(minutes=30))] == [NOW + timedelta(minutes=40)]


def test_many_who_move_the_clock_at_once_fire_each_message_once(world: World) -> None:
    for minute in range(1, 101):
        schedule(world, minutes=minute)
    start = threading.Barrier(4)
    fired: list[Fired] = []

    def move() -> None:
        start.wait()
        fired.extend(world.timeline.advance(timedelta(minutes=50)))
        fired.extend(world.timeline.run_due())

    movers = [threading.Thread(target=move, daemon=True) for _ in range(4)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()

    assert len(fired) == 100
    assert len({one.id for one in fired}) == 100
    assert len(world.state.messages) == 100


def test_a_reset_that_comes_first_does_not_confuse_an_advance(world: World) -> None:
    world.timeline.change(now=NOW + timedelta(days=365), frozen=True)
    moving = world.timeline.moving

    def moving_after_a_reset() -> AbstractContextManager[None]:
        world.timeline.moving = moving  # type: ignore[method-assign]
        world.reset()
        return moving()

    world.timeline.moving = moving_after_a_reset  # type: ignore[method-assign]

    world.timeline.advance_to(NOW + timedelta(hours=1))

    assert world.clock.now() == NOW + timedelta(hours=1)
    assert not world.clock.frozen


def test_the_log_tells_of_every_change_of_the_clock(world: World) -> None:
    world.timeline.change(frozen=True)
    world.timeline.advance(timedelta(hours=1))

    events = world.state.events.since(kind="clock")

    later = NOW + timedelta(hours=1)
    assert [event.at for event in events] == [NOW, later]
    assert [event.subject for event in events] == [
        Change("set", "clock", {"now": now, "frozen": True}) for now in (NOW, later)
    ]


def test_the_alarm_is_raised_whenever_what_is_due_next_may_have_changed(real_time: RealTime) -> None:
    alarms: list[datetime | None] = []
    host = HostServices(on_timer_changed=lambda rung: alarms.append(rung.state.timers.next_at()))
    world = World("default", load_world(described()), real_time, host)

    schedule(world, minutes=10)
    world.timeline.change(now=datetime(2025, 11, 14, 9, tzinfo=UTC))
    world.timeline.advance(timedelta(hours=2))
    world.reset()

    due = NOW + timedelta(minutes=10)
    assert alarms == [due, due, None, None]


def test_a_message_is_recorded_by_the_time_it_counts_as_fired(world: World) -> None:
    schedule(world, minutes=10)

    world.timeline.advance(timedelta(hours=1))

    kinds = [event.kind for event in world.state.events.since()]
    assert kinds == ["task", "message", "task", "clock"]
    message = world.state.events.since(kind="message")[0].subject
    assert isinstance(message, Message)


def test_what_is_saved_during_an_advance_of_a_running_clock_runs_on(real_time: RealTime) -> None:
    saved: list[State] = []
    world = World(
        "default",
        load_world(described()),
        real_time,
        HostServices(drain_deliveries=lambda world: saved.append(world.saved())),
    )

    world.timeline.advance(timedelta(hours=1))

    assert saved
    assert [state.clock for state in saved] == [ClockSetting()] * len(saved)


def test_a_clock_that_is_being_advanced_does_not_count_as_frozen(real_time: RealTime) -> None:
    seen: list[bool] = []
    host = HostServices(drain_deliveries=lambda world: seen.append(world.timeline.frozen))
    world = World("default", load_world(described()), real_time, host)

    world.timeline.advance(timedelta(hours=1))
    world.timeline.change(frozen=True)
    world.timeline.advance(timedelta(hours=1))

    assert seen == [False, True]
    assert world.timeline.frozen


def test_a_world_whose_clock_is_frozen_says_so_from_the_start(world: World) -> None:
    world.timeline.change(frozen=True)

    assert world.timeline.frozen


def test_real_time_that_passes_during_an_advance_does_not_count(real_time: RealTime) -> None:
    host = HostServices(drain_deliveries=lambda world: real_time.pass_by(minutes=30))
    world = World("default", load_world(described()), real_time, host)
    schedule(world, minutes=10)

    world.timeline.advance(timedelta(hours=1))

    assert sent(world) == [("Hello", NOW + timedelta(minutes=10))]
    assert world.clock.now() == NOW + timedelta(hours=1)


def test_an_advance_ends_when_its_world_is_given_up(real_time: RealTime) -> None:
    world = World("t1", load_world(described()), real_time, HostServices(drain_deliveries=World.close))
    for minute in (1, 2):
        schedule(world, minutes=minute)

    with pytest.raises(WorldNotFound, match=r"^there is no world named 't1'$"):
        world.timeline.advance(timedelta(hours=1))


def test_the_clock_of_a_world_that_was_given_up_does_not_advance(world: World) -> None:
    world.close()

    with pytest.raises(WorldNotFound, match=r"^there is no world named 'default'$"):
        world.timeline.advance(timedelta(hours=1))

    assert world.state.events.since(kind="clock") == []
