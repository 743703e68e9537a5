"""Worlds: a reset returns to the state of creation, and worlds know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from flaresend_mock.core.models import Content, Upload
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, CARA, FOLLOWED, INSTANCE, PROJECT, described, text
from tests.support import NOW, RealTime


def live_a_little(world: World) -> list[str]:
    """Do a bit of everything, and return every id that came of it."""
    world.sending.send(INSTANCE, [ANN], Content("document", upload=Upload(b"%PDF", "a.pdf", "")))
    group = world.groups.create(INSTANCE, "Friends", [ANN, "4915112345678"])
    channel = world.channels.create(INSTANCE, "News")
    at = (world.clock.now() + timedelta(hours=1)).replace(tzinfo=None)
    sent, pending = (world.schedule.add(INSTANCE, [ANN], text(), later) for later in (at, at + timedelta(days=9)))
    world.groups.manage(INSTANCE, PROJECT, "add", [CARA])
    world.channels.unfollow(INSTANCE, FOLLOWED)
    world.timeline.advance(timedelta(hours=2))
    world.pairing.set_status(INSTANCE, "disconnected")
    return [
        group.group.id,
        group.group.invite,
        channel.id,
        channel.invite,
        sent.id,
        pending.id,
        *(message.id for message in world.state.messages),
        *(media.id for media in world.state.media),
    ]


def test_a_reset_returns_to_the_state_of_creation(world: World) -> None:
    fresh = world.state.copy()
    live_a_little(world)

    world.reset()

    for part in ("people", "lids", "instances", "groups", "channels", "tasks", "counters", "clock"):
        assert getattr(world.state, part) == getattr(fresh, part), part
    for record in (world.state.messages, world.state.ended_tasks, world.state.media):
        assert list(record) == []
        assert record.evicted == 0
    assert len(world.state.timers) == 0
    assert world.instances.find(INSTANCE).status == "connected"


def test_the_same_calls_after_a_reset_give_the_same_ids(world: World) -> None:
    before = live_a_little(world)

    world.reset()

    assert live_a_little(world) == before


def test_a_reset_forgets_the_log_but_for_itself(world: World) -> None:
    live_a_little(world)
    last = world.state.events.last_number

    world.reset()

    assert [(event.number, event.kind) for event in world.state.events.since()] == [(last + 1, "world")]


def test_a_reset_sets_a_running_clock_to_real_time_again(world: World, real_time: RealTime) -> None:
    world.timeline.change(now=NOW + timedelta(days=1), frozen=True)
    real_time.pass_by(minutes=1)

    world.reset()

    assert not world.clock.frozen
    assert world.clock.now() == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_reset_sets_the_clock_to_where_the_world_began(
    frozen: bool, make_world: Callable[[State], World], real_time: RealTime
) -> None:
    beginning = datetime(2025, 1, 1, tzinfo=UTC)
    clock = {"now": beginning.isoformat(), "frozen": frozen}
    world = make_world(load_world(described(clock=clock)))
    world.timeline.change(now=NOW, frozen=not frozen)
    real_time.pass_by(minutes=1)

    world.reset()

    assert world.clock.now() == beginning
    assert world.clock.frozen is frozen


def test_what_was_scheduled_before_a_reset_is_never_sent(world: World) -> None:
    world.schedule.add(INSTANCE, [ANN], text(), datetime(2025, 11, 14, 10, 30))

    world.reset()

    assert world.timeline.advance(timedelta(days=1)) == []
    assert list(world.state.messages) == []


def test_a_world_is_reset_as_often_as_one_likes(world: World) -> None:
    first = live_a_little(world)
    world.reset()
    live_a_little(world)
    world.reset()

    assert live_a_little(world) == first


def test_worlds_know_nothing_of_each_other(make_world: Callable[[State], World]) -> None:
    state = load_world(described())
    one, other = make_world(state.copy()), make_world(state.copy())

    live_a_little(one)

    assert list(other.state.messages) == []
    assert other.state.groups == state.groups
    assert other.state.counters == state.counters
    assert other.clock.now() == NOW


def test_the_same_seed_gives_the_same_ids_and_another_seed_others(make_world: Callable[[State], World]) -> None:
    one, same, other = (make_world(load_world(described(), seed=seed)) for seed in (1, 1, 2))

    ids = live_a_little(one)

    assert live_a_little(same) == ids
    assert not set(live_a_little(other)) & set(ids)
