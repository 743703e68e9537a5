"""Snapshots: a world is put back to what it was like, clock and all, in no time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from flaresend_mock.core.errors import SnapshotNotFound, TooMany
from flaresend_mock.core.models import Change, Content, Reply, Rule, Upload, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import MAX_SNAPSHOTS, World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, BEN, INSTANCE, described, text
from tests.support import NOW, RealTime

PARTS = (
    "people",
    "lids",
    "instances",
    "groups",
    "channels",
    "tasks",
    "auto_replies",
    "counters",
    "faults",
    "open_deliveries",
    "lanes",
    "settings",
    "disappearing",
    "clock",
)
RECORDS = ("messages", "ended_tasks", "media", "served", "deliveries")


def live(world: World) -> None:
    """Have something of everything."""
    if world.instances.find(INSTANCE).webhook is None:
        world.instances.set_webhook(INSTANCE, Webhook("http://127.0.0.1:9/"))
    world.people.put(ANN, name="Ann", lid=None, on_whatsapp=True, rules=(Rule(reply="yes", after=30),))
    world.sending.send(INSTANCE, [ANN], text())
    world.sending.send(INSTANCE, [BEN], Content("document", upload=Upload(b"%PDF", "a.pdf", "")))
    world.inbound.receive(InboundMessage(BEN, text="hi"))
    later = (world.clock.now() + timedelta(minutes=10)).replace(tzinfo=None)
    world.schedule.add(INSTANCE, [ANN], text(), later)
    world.groups.create(INSTANCE, "Friends", [ANN])
    world.faults.arm(name="", on="calls", match={}, reply=Reply(503))
    world.pairing.change_settings(pairing_seconds=5)


def shown(world: World) -> dict[str, object]:
    """Return all that a snapshot is to bring back."""
    state = world.saved()
    return {
        **{part: getattr(state, part) for part in PARTS},
        **{part: list(getattr(state, part)) for part in RECORDS},
        "timers": state.timers.contents(),
    }


def test_a_restored_world_is_what_it_was(world: World) -> None:
    live(world)
    before = shown(world)
    world.snapshots.take("before")
    live(world)
    world.timeline.advance(timedelta(days=1))
    world.pairing.disconnect(INSTANCE)

    world.restore("before")

    assert shown(world) == before


def test_a_snapshot_is_restored_as_often_as_one_likes(world: World) -> None:
    live(world)
    before = shown(world)
    world.snapshots.take("before")

    for _ in range(3):
        live(world)
        world.timeline.advance(timedelta(hours=1))
        world.restore("before")
        assert shown(world) == before


def test_what_is_done_after_restoring_comes_out_the_same(world: World) -> None:
    world.timeline.change(frozen=True)
    live(world)
    world.snapshots.take("before")
    live(world)
    first = shown(world)

    world.restore("before")
    live(world)

    again = shown(world)
    for part in ("tasks", "groups", "counters", "faults"):
        assert again[part] == first[part], part
    assert [message.id for message in world.state.messages] == [message.id for message in first["messages"]]  # type: ignore[attr-defined]


def test_what_was_to_come_comes_after_restoring(world: World) -> None:
    world.timeline.change(frozen=True)
    live(world)
    world.snapshots.take("before")
    first = [(one.at, one.kind) for one in world.timeline.advance(timedelta(days=1))]

    world.restore("before")

    assert [(one.at, one.kind) for one in world.timeline.advance(timedelta(days=1))] == first != []


def test_open_deliveries_are_delivered_after_restoring_and_former_attempts_do_not_count(world: World) -> None:
    live(world)
    world.snapshots.take("before")
    former = world.deliveries.claim(INSTANCE)
    assert former is not None

    world.restore("before")

    again = world.deliveries.claim(INSTANCE)
    assert again is not None
    assert again.delivery == former.delivery
    assert again is not former


# The clock


def test_a_clock_that_stood_stands_again_where_it_stood(world: World, real_time: RealTime) -> None:
    world.timeline.change(now=NOW + timedelta(days=1), frozen=True)
    world.snapshots.take("before")
    world.timeline.change(now=NOW + timedelta(days=9), frozen=False)
    real_time.pass_by(hours=1)

    world.restore("before")

    assert world.clock.frozen
    assert world.clock.now() == NOW + timedelta(days=1)


def test_a_clock_that_ran_has_run_on_meanwhile(world: World, real_time: RealTime) -> None:
    world.timeline.change(now=NOW + timedelta(days=1))
    world.snapshots.take("before")
    world.timeline.change(now=NOW, frozen=True)
    real_time.pass_by(hours=1)

    world.restore("before")

    assert not world.clock.frozen
    assert world.clock.now() == NOW + timedelta(days=1, hours=1)


def test_a_clock_that_began_at_a_time_does_not_begin_again(
    make_world: Callable[[State], World], real_time: RealTime
) -> None:
    world = make_world(load_world(described(clock={"now": "2025-01-01T00:00:00Z", "frozen": False})))
    real_time.pass_by(hours=1)
    world.snapshots.take("before")
    real_time.pass_by(hours=1)

    world.restore("before")

    assert world.clock.now().isoformat() == "2025-01-01T02:00:00+00:00"


# The log


def test_event_numbers_only_grow(world: World) -> None:
    numbers = []
    live(world)
    world.snapshots.take("before")
    for step in (lambda: live(world), lambda: world.restore("before"), world.reset, lambda: world.restore("before")):
        step()
        numbers.append(world.state.events.last_number)

    assert numbers == sorted(set(numbers))


def test_a_restored_world_has_its_former_log_and_tells_that_it_was_restored(world: World) -> None:
    live(world)
    before = world.state.events.since()
    world.snapshots.take("before")
    live(world)
    last = world.state.events.last_number

    world.restore("before")

    *log, restored = world.state.events.since()
    assert log == before
    assert (restored.number, restored.kind, restored.subject) == (last + 1, "world", Change("restored", "before"))


def test_who_watches_sees_that_a_world_was_restored(world: World) -> None:
    world.snapshots.take("before")
    seen = []

    with world.subscribers.subscribe("world", seen.append):
        world.restore("before")
        world.reset()

    assert [event.subject for event in seen] == [Change("restored", "before"), Change("reset", "default")]


# Names


def test_a_snapshot_of_the_same_name_takes_the_place_of_the_former(world: World) -> None:
    world.snapshots.take("before")
    live(world)
    live_now = shown(world)
    world.snapshots.take("before")
    world.reset()

    world.restore("before")

    assert list(world.snapshots.all()) == ["before"]
    assert shown(world) == live_now


def test_a_snapshot_that_is_not_there_changes_nothing(world: World) -> None:
    last = world.state.events.last_number

    for act in (world.restore, world.snapshots.get, world.snapshots.remove):
        with pytest.raises(SnapshotNotFound):
            act("nope")

    assert world.state.events.last_number == last


def test_a_removed_snapshot_cannot_be_restored(world: World) -> None:
    world.snapshots.take("before")

    world.snapshots.remove("before")

    assert world.snapshots.all() == {}
    with pytest.raises(SnapshotNotFound):
        world.restore("before")


def test_there_are_only_so_many_snapshots(world: World) -> None:
    for number in range(MAX_SNAPSHOTS):
        world.snapshots.take(str(number))

    with pytest.raises(TooMany):
        world.snapshots.take("one more")

    world.snapshots.take("0")
    world.snapshots.remove("1")
    world.snapshots.take("one more")


def test_resets_and_imports_leave_snapshots_alone(world: World) -> None:
    live(world)
    before = shown(world)
    world.snapshots.take("before")
    world.reset()
    world.replace(load_world(described(people=[])))

    world.restore("before")

    assert shown(world) == before


def test_a_reset_after_restoring_returns_to_the_creation(world: World) -> None:
    created = shown(world)
    live(world)
    world.snapshots.take("lived")
    world.restore("lived")

    world.reset()

    assert shown(world) == created


# Becoming another world, and being given up


def test_a_reset_returns_to_what_was_imported(world: World) -> None:
    world.replace(load_world(described(people=[{"number": "254711000111", "name": "Amina"}])))
    imported = shown(world)
    live(world)

    world.reset()

    assert shown(world) == imported
    assert "254711000111" in world.state.people


def test_a_saved_world_can_be_put_back_elsewhere(world: World, make_world: Callable[[State], World]) -> None:
    live(world)
    saved = shown(world)
    other = make_world(load_world(described(people=[])))

    other.replace(world.saved())
    world.reset()

    assert shown(other) == saved


def test_what_is_saved_does_not_change_with_the_world(world: World) -> None:
    saved = world.saved()
    live(world)
    world.timeline.change(frozen=True)

    assert list(saved.messages) == []
    assert saved.events.last_number == 0
    assert saved.clock.frozen_at is None


def test_who_watches_is_told_that_a_world_is_replaced(world: World) -> None:
    seen = []

    with world.subscribers.subscribe("world", seen.append):
        world.replace(load_world(described()))

    assert [event.subject for event in seen] == [Change("replaced", "default")]


def test_an_import_brings_its_own_event_numbers(world: World) -> None:
    live(world)

    world.replace(load_world(described()))

    assert world.state.events.last_number == 0


def test_closing_a_world_is_told_and_forgets_it_outside(real_time: RealTime) -> None:
    forgotten: list[World] = []
    world = World("t1", load_world(described()), real_time, HostServices(on_world_closed=forgotten.append))
    seen = []

    with world.subscribers.subscribe(None, seen.append):
        world.close()

    assert world.closed
    assert forgotten == [world]
    assert [event.subject for event in seen] == [Change("removed", "t1")]


@pytest.mark.parametrize("act", ["reset", "restore", "replace"])
def test_whatever_becomes_of_a_world_its_alarm_is_set_anew(act: str, real_time: RealTime) -> None:
    alarms: list[World] = []
    world = World("default", load_world(described()), real_time, HostServices(on_timer_changed=alarms.append))
    world.schedule.add(INSTANCE, [ANN], text(), datetime(2025, 11, 14, 11))
    world.snapshots.take("before")
    alarms.clear()

    if act == "reset":
        world.reset()
    elif act == "restore":
        world.restore("before")
    else:
        world.replace(world.saved())

    assert alarms == [world]


# How long it takes


def best(act: Callable[[], object], of: int = 7) -> float:
    """Return how many seconds something takes when nothing disturbs it."""
    taken = []
    for _ in range(of):
        begin = time.perf_counter()
        act()
        taken.append(time.perf_counter() - begin)
    return min(taken)


@pytest.mark.slow
def test_a_world_of_ten_thousand_messages_is_restored_at_once(world: World) -> None:
    for number in range(10_000):
        world.sending.send(INSTANCE, [ANN], text(str(number)))
    world.snapshots.take("full")
    assert len(world.state.messages) == 10_000

    restoring = best(lambda: world.restore("full"))
    taking = best(lambda: world.snapshots.take("full"))
    yardstick = best(lambda: [{"id": number, "text": str(number), "more": [number]} for number in range(10_000)])

    assert restoring < max(0.05, 10 * yardstick)
    assert taking < max(0.05, 10 * yardstick)
    assert len(world.state.messages) == 10_000
