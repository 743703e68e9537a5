"""What is written while the phone is away: it waits for the instance, and is dropped where nobody can read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flaresend_mock.core import deliveries, inbound
from flaresend_mock.core.errors import NotReady, TooMany
from flaresend_mock.core.models import INSTANCE_STATUSES, Attempt, Chaos, Rule, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, BEN, INSTANCE, described, text

OTHER = "9b540e83-e1ca-49b4-8c34-01fd31991d05"
HOOK = Webhook("http://127.0.0.1:9/hook", retries=(5.0,))


@pytest.fixture
def away(world: World) -> World:
    """The default world, with a webhook, on a frozen clock, while the phone is away."""
    world.timeline.change(frozen=True)
    world.instances.set_webhook(INSTANCE, HOOK)
    world.pairing.set_status(INSTANCE, "disconnected")
    return world


def write(world: World, text: str = "hi", sender: str = ANN, **more: Any) -> None:
    world.inbound.receive(InboundMessage(sender, text=text, **more))


def statuses(world: World) -> list[str]:
    return [one.status for one in world.deliveries.all()]


def texts(world: World) -> list[str]:
    """Return the texts of the deliveries that are ready, in the order in which they are claimed."""
    found = []
    while job := world.deliveries.claim(INSTANCE):
        found.append(json.loads(job.delivery.body)["data"]["message"]["conversation"])
        world.deliveries.complete(job, answered(world))
    return found


def answered(world: World, status: int = 200) -> Attempt:
    return Attempt(world.clock.now(), HOOK.url, (), status, "", None, 1.0, status == 200)


def connect(world: World) -> None:
    world.pairing.set_status(INSTANCE, "connected")


@pytest.mark.parametrize("status", sorted(set(INSTANCE_STATUSES) - {"connected"}))
def test_what_is_written_waits_in_each_status_but_connected(status: str, away: World) -> None:
    away.pairing.set_status(INSTANCE, status)
    write(away)

    assert statuses(away) == ["waiting"]
    assert len(away.state.messages) == 1
    assert away.deliveries.claim(INSTANCE) is None
    assert away.deliveries.lanes.idle()
    away.timeline.advance(timedelta(days=1))
    assert "waiting" in statuses(away) or status in ("initializing", "connecting")


def test_what_waits_has_the_number_of_its_event(away: World) -> None:
    write(away)

    (delivery,) = away.deliveries.all()
    (event,) = away.state.events.since(0, "delivery")
    assert (delivery.event, event.subject) == (event.number, delivery)


def test_each_chat_arrives_in_order_with_the_time_of_writing(away: World) -> None:
    moments = {}
    for number in range(6):
        write(away, str(number), (ANN, BEN)[number % 2])
        moments[str(number)] = int(away.clock.now().timestamp())
        away.timeline.advance(timedelta(minutes=7))
    connect(away)

    bodies = [json.loads(one.body)["data"] for one in away.deliveries.all()]
    assert {one["message"]["conversation"]: one["timestamp"] for one in bodies} == moments
    found = texts(away)
    assert [one for one in found if int(one) % 2 == 0] == ["0", "2", "4"]
    assert [one for one in found if int(one) % 2] == ["1", "3", "5"]


def test_pairing_again_delivers_it_too(away: World) -> None:
    write(away)
    away.pairing.reconnect(INSTANCE)
    away.timeline.advance(timedelta(seconds=1))
    away.pairing.scan(INSTANCE)
    assert statuses(away) == ["waiting"]
    away.timeline.advance(timedelta(seconds=1))

    assert texts(away) == ["hi"]


def test_at_most_a_thousand_wait_for_each_instance(away: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "MAX_OFFLINE", 3)
    other = away.instances.create(number="254700111222", status="disconnected").id
    for _ in range(3):
        write(away)
        write(away, instance=other)
    messages = len(away.state.messages)

    for instance in (INSTANCE, other):
        with pytest.raises(TooMany, match="3 events wait for this instance already"):
            write(away, instance=instance)
    with pytest.raises(TooMany):
        away.inbound.receive_event({"event": "x"})

    assert len(away.state.messages) == messages
    connect(away)
    write(away)
    assert statuses(away).count("pending") == 4


def test_a_logout_drops_it_and_refuses_more(away: World) -> None:
    write(away)
    away.pairing.disconnect(INSTANCE, log_out=True)

    assert statuses(away) == ["dropped"]
    with pytest.raises(NotReady):
        write(away)


def test_another_phone_gets_nothing_of_it(away: World) -> None:
    connect(away)
    away.pairing.disconnect(INSTANCE)
    write(away)
    away.pairing.disconnect(INSTANCE, log_out=True)
    away.pairing.reconnect(INSTANCE)
    away.timeline.advance(timedelta(seconds=1))
    away.pairing.scan(INSTANCE, number="254700999888")
    away.timeline.advance(timedelta(seconds=1))

    assert texts(away) == []
    assert statuses(away) == ["dropped"]


def test_a_webhook_that_is_removed_meanwhile_gets_nothing(away: World) -> None:
    write(away)
    away.instances.set_webhook(INSTANCE, None)
    connect(away)

    assert statuses(away) == ["no endpoint"]


def test_a_webhook_that_is_set_or_changed_meanwhile_gets_it(away: World) -> None:
    away.instances.set_webhook(INSTANCE, None)
    write(away)
    away.instances.set_webhook(INSTANCE, Webhook("http://127.0.0.1:10/other"))
    connect(away)

    job = away.deliveries.claim(INSTANCE)
    assert job is not None
    assert job.webhook.url == "http://127.0.0.1:10/other"


def test_a_webhook_that_is_paused_meanwhile_holds_it(away: World) -> None:
    write(away)
    with away.lock:
        away.deliveries.pause(INSTANCE)
    assert statuses(away) == ["waiting"]
    connect(away)
    assert statuses(away) == ["held"]
    away.deliveries.resume(INSTANCE, replay=True)

    assert texts(away) == ["hi"]


def test_chaos_and_faults_apply_when_it_is_sent(away: World) -> None:
    write(away, "late", chaos=Chaos(delay=60))
    write(away, "twice", chaos=Chaos(duplicate=1))
    write(away, "lost", chaos=Chaos(drop=1))
    assert statuses(away) == ["waiting"] * 3
    connect(away)

    assert texts(away) == ["twice", "twice"]
    away.timeline.advance(timedelta(seconds=60))
    assert texts(away) == ["late"]
    assert all(one.chaos is None for one in away.deliveries.all())


def test_a_copy_that_finds_no_room_has_the_number_of_the_event_that_drops_it(
    away: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(away, "twice", chaos=Chaos(duplicate=1))
    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", away.state.pending_bytes)
    connect(away)

    first, copy = away.deliveries.all()
    assert (first.status, copy.status) == ("pending", "dropped")
    assert copy.event == away.state.events.last_number


def test_a_fault_that_is_armed_meanwhile_hits_it(away: World) -> None:
    write(away)
    away.faults.arm(name="", on="deliveries", match={"number": ANN}, action="drop")
    connect(away)

    assert statuses(away) == ["dropped"]


def test_an_instance_that_is_removed_leaves_nothing_to_wait(away: World) -> None:
    other = away.instances.create(number="254700111222", status="disconnected").id
    write(away, instance=other)
    away.remove_instance(other)

    assert statuses(away) == ["interrupted"]
    assert not away.state.open_deliveries


def test_it_is_part_of_a_snapshot_and_gone_after_a_reset(away: World) -> None:
    write(away)
    away.snapshots.take("away")
    connect(away)
    assert texts(away) == ["hi"]
    away.restore("away")
    assert statuses(away) == ["waiting"]
    connect(away)
    assert texts(away) == ["hi"]
    away.reset()
    assert statuses(away) == []


def test_it_is_part_of_an_export(away: World, make_world: Callable[[State], World]) -> None:
    write(away, "one", chaos=Chaos(delay=5))
    write(away, "two")
    second = make_world(load_world(json.loads(export(away.saved(), secrets=True))))

    assert statuses(second) == ["waiting"] * 2
    connect(second)
    assert texts(second) == ["two"]
    second.timeline.advance(timedelta(seconds=5))
    assert texts(second) == ["one"]


def test_an_automatic_reply_waits_too(away: World) -> None:
    connect(away)
    away.people.put(ANN, rules=(Rule(None, "later", 10),))
    away.sending.send(INSTANCE, [ANN], text("hello?"))
    away.pairing.set_status(INSTANCE, "disconnected")
    (fired,) = away.timeline.advance(timedelta(seconds=10))

    assert fired.result != "failed"
    assert statuses(away) == ["waiting"]
    connect(away)
    assert texts(away) == ["later"]


def test_what_another_instance_sends_waits_too(make_world: Callable[[State], World]) -> None:
    default = described()
    second = {"id": OTHER, "number": "254700111222"}
    world = make_world(load_world(described(instances=[default["instances"][0], second])))
    world.instances.set_webhook(OTHER, HOOK)
    world.pairing.set_status(OTHER, "disconnected")
    world.sending.send(INSTANCE, ["254700111222"], text("are you there?"))

    assert statuses(world) == ["waiting"]
    world.pairing.set_status(OTHER, "connected")
    assert statuses(world) == ["pending"]


def test_a_rename_does_not_deliver_it(away: World) -> None:
    write(away)
    away.instances.rename(INSTANCE, "Shop")
    away.instances.add_key(INSTANCE)

    assert statuses(away) == ["waiting"]


def test_a_world_that_drops_it_refuses_and_what_waits_stays(away: World) -> None:
    write(away)
    away.pairing.change_settings(offline_messages="drop")
    with pytest.raises(NotReady):
        write(away)
    connect(away)
    write(away, "again")

    assert texts(away) == ["hi", "again"]


def test_what_is_too_large_to_wait_is_refused_and_nothing_that_waits_is_lost(
    away: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (inbound, deliveries):
        monkeypatch.setattr(module, "MAX_PENDING_BYTES", 5000)
    written = 0
    while away.state.pending_bytes < 5000:
        write(away, "x" * 1000)
        written += 1
    with pytest.raises(TooMany, match="too many bytes"):
        write(away)
    assert statuses(away) == ["waiting"] * written
    assert len(away.state.messages) == written

    connect(away)

    assert len(texts(away)) == written > 1
