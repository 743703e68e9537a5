"""Retries that later events overtake, and those that later events wait for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from flaresend_mock.core.models import Attempt, Change, Chaos, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, BEN, INSTANCE

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def loose(world: World) -> World:
    """The default world, whose webhook lets later events overtake retries, on a frozen clock."""
    world.timeline.change(frozen=True)
    hook(world)
    return world


def hook(world: World, *, ordered: bool = False, retries: tuple[float, ...] = (60.0, 60.0)) -> None:
    world.instances.set_webhook(INSTANCE, Webhook(URL, retries=retries, ordered=ordered))


def write(world: World, *texts: str, sender: str = ANN) -> None:
    for text in texts:
        world.inbound.receive(InboundMessage(sender, text=text))


def attempt(world: World, status: int = 200) -> list[str]:
    """Make all attempts that are ready, with this response, and return their texts."""
    found = []
    while job := world.deliveries.claim(INSTANCE):
        found.append(json.loads(job.delivery.body)["data"]["message"]["conversation"])
        world.deliveries.complete(job, Attempt(world.clock.now(), URL, (), status, "", None, 1.0, status == 200))
    return found


def wait(world: World, seconds: float = 60) -> None:
    world.timeline.advance(timedelta(seconds=seconds))


def statuses(world: World) -> list[str]:
    return [one.status for one in world.deliveries.all()]


def test_many_chats_with_events_are_taken_up_without_comparing_each_with_all(loose: World) -> None:
    compared: list[None] = []

    class Chat(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            compared.append(None)
            return super().__eq__(other)

    write(loose, "hi")
    ids = next(iter(loose.state.lanes.values()))
    for number in range(1000):
        loose.state.lanes[INSTANCE, Chat(number)] = ids
    compared.clear()

    loose.deliveries.restart()

    assert len(compared) < 5000


def test_later_events_overtake_a_retry_only_if_the_webhook_says_so(loose: World) -> None:
    write(loose, "one", "two")
    assert attempt(loose, 500) == ["one", "two"]
    write(loose, "three")
    assert attempt(loose) == ["three"]
    wait(loose)
    assert {one.next_retry for one in loose.deliveries.all()} == {None}
    assert attempt(loose) == ["one", "two"]

    hook(loose, ordered=True)
    write(loose, "four", "five")
    assert attempt(loose, 500) == ["four"]
    assert attempt(loose) == []
    wait(loose)
    assert attempt(loose) == ["four", "five"]


def test_retries_run_out_beside_the_lane(loose: World) -> None:
    write(loose, "one")
    for _ in range(3):
        assert attempt(loose, 500) == ["one"]
        wait(loose)
    assert statuses(loose) == ["failed"]
    assert loose.state.lanes == {}
    assert loose.instances.first().webhook.failures == 1  # type: ignore[union-attr]


def test_a_retry_enters_the_lane_behind_what_waits_there(loose: World) -> None:
    write(loose, "one")
    attempt(loose, 500)
    write(loose, "two", "three")
    wait(loose)

    assert attempt(loose) == ["two", "three", "one"]


def test_a_pause_holds_a_retry_beside_the_lane_and_a_resume_sends_it(loose: World) -> None:
    write(loose, "one")
    attempt(loose, 500)
    write(loose, "two")
    with loose.lock:
        loose.deliveries.pause(INSTANCE)
    assert statuses(loose) == ["held", "held"]
    wait(loose)
    assert attempt(loose) == []
    loose.deliveries.resume(INSTANCE, replay=True)
    assert [event.subject.action for event in loose.state.events.since(0, "webhook")][-2:] == ["paused", "resumed"]

    assert attempt(loose) == ["one", "two"]
    changes = [event.subject for event in loose.state.events.since(0, "webhook")]
    assert [one.action for one in changes if isinstance(one, Change)][-2:] == ["paused", "resumed"]


def test_a_pause_during_an_attempt_holds_it_when_it_fails(loose: World) -> None:
    write(loose, "one", "two")
    job = loose.deliveries.claim(INSTANCE)
    assert job is not None
    with loose.lock:
        loose.deliveries.pause(INSTANCE)
    assert statuses(loose) == ["pending", "held"]
    loose.deliveries.complete(job, Attempt(loose.clock.now(), URL, (), 500, "", None, 1.0, False))

    assert statuses(loose) == ["held", "held"]
    assert loose.deliveries.lanes.idle()
    assert loose.state.lanes == {}


def test_a_removed_webhook_ends_a_retry_beside_the_lane(loose: World) -> None:
    write(loose, "one")
    attempt(loose, 500)
    loose.instances.set_webhook(INSTANCE, None)
    wait(loose)
    assert attempt(loose) == []

    assert statuses(loose) == ["no endpoint"]


def test_a_removed_webhook_ends_what_is_ready_in_all_chats_at_once(loose: World) -> None:
    write(loose, "one")
    write(loose, "two", sender=BEN)
    loose.instances.set_webhook(INSTANCE, None)
    assert attempt(loose) == []

    assert statuses(loose) == ["no endpoint"] * 2


def test_an_advance_tells_what_became_of_retries_and_of_delayed_events(loose: World) -> None:
    def delay() -> None:
        loose.inbound.receive(InboundMessage(BEN, text="late", chaos=Chaos(delay=60)))

    write(loose, "one")
    attempt(loose, 500)
    delay()
    fired = loose.timeline.advance(timedelta(seconds=60))
    delay()
    with loose.lock:
        loose.deliveries.pause(INSTANCE)
    fired += loose.timeline.advance(timedelta(seconds=60))

    assert [(one.kind, one.result) for one in fired] == [
        ("delivery retry", "tried again"),
        ("delayed delivery", "sent on its way"),
        ("delayed delivery", "held"),
    ]
    assert {one.id for one in fired} == {one.id for one in loose.deliveries.all()}
    assert fired[-1].at == loose.clock.now()


def test_a_removed_instance_interrupts_a_retry_beside_the_lane(loose: World) -> None:
    loose.instances.create(number="254700111222", status="connected")
    write(loose, "one")
    attempt(loose, 500)
    loose.remove_instance(INSTANCE)

    assert statuses(loose) == ["interrupted"]
    assert loose.state.timers.next_at() is None


@pytest.mark.parametrize("ordered", [True, False])
def test_a_webhook_that_changes_its_order_meanwhile_sends_each_event_once(ordered: bool, loose: World) -> None:
    hook(loose, ordered=ordered)
    write(loose, "one", "two")
    first = attempt(loose, 500)
    hook(loose, ordered=not ordered)
    wait(loose)
    second = attempt(loose)

    assert sorted([*first, *second]) == sorted(["one", "two"] + ["one"] + ([] if ordered else ["two"]))
    assert statuses(loose) == ["delivered"] * 2
    assert loose.state.lanes == {}


def test_a_retry_beside_the_lane_is_part_of_an_export_and_a_snapshot(
    loose: World, make_world: Callable[[State], World]
) -> None:
    write(loose, "one")
    write(loose, "else", sender=BEN)
    attempt(loose, 500)
    write(loose, "two")
    loose.snapshots.take("retrying")
    second = make_world(load_world(json.loads(export(loose.saved(), secrets=True))))

    second.begin()
    for world in (second, loose):
        assert attempt(world) == ["two"]
        wait(world)
        assert sorted(attempt(world)) == ["else", "one"]
    loose.restore("retrying")
    wait(loose)
    assert sorted(attempt(loose)) == ["else", "one", "two"]


def test_failures_of_overtaken_events_pause_the_webhook(loose: World) -> None:
    hook(loose, retries=())
    write(loose, *"abcdefg")
    assert attempt(loose, 500) == list("abcde")

    assert statuses(loose) == ["failed"] * 5 + ["held"] * 2
    assert loose.deliveries.lanes.idle()


@pytest.mark.parametrize("when", ["during the attempt", "after it"])
def test_queued_events_wait_no_more_once_the_webhook_is_unordered(when: str, loose: World) -> None:
    hook(loose, ordered=True)
    write(loose, "one", "two")
    write(loose, "other", sender=BEN)
    job = loose.deliveries.claim(INSTANCE)
    assert job is not None
    if when == "during the attempt":
        hook(loose)
    loose.deliveries.complete(job, Attempt(loose.clock.now(), URL, (), 500, "", None, 1.0, accepted=False))
    if when == "after it":
        hook(loose, ordered=True)
        assert attempt(loose) == ["other"]
        hook(loose)

    assert "two" in attempt(loose)
    wait(loose)
    assert attempt(loose) == ["one"]
    assert set(statuses(loose)) == {"delivered"}
