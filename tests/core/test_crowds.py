"""What only shows where many do things at once: found by tests/benchmarks/concurrency.py, each kept small here."""

from __future__ import annotations

import threading

from flaresend_mock.core.models import Attempt, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.world import World
from tests.defaults import ANN, INSTANCE
from tests.support import NOW

TIMES = 300


def test_no_attempt_is_begun_in_a_world_that_is_closed(world: World) -> None:
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9"))
    world.inbound.receive(InboundMessage(ANN, text="hi"))
    assert world.deliveries.lanes.has_ready(INSTANCE)

    world.close()

    assert world.deliveries.claim(INSTANCE) is None


def test_a_delivery_is_found_at_every_moment_of_its_life(world: World) -> None:
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9"))
    for number in range(TIMES):
        world.inbound.receive(InboundMessage(ANN, text=f"{number}"))
    ids = [one.id for one in world.deliveries.all()]
    ended = threading.Event()

    def deliver() -> None:
        try:
            while (job := world.deliveries.claim(INSTANCE)) is not None:
                world.deliveries.complete(job, Attempt(NOW, "u", (), 200, "", None, 1, True))
        finally:
            ended.set()

    worker = threading.Thread(target=deliver, daemon=True)
    worker.start()
    rounds = 0
    while not ended.is_set() or not rounds:
        rounds += 1
        assert [world.deliveries.get(one).id for one in ids] == ids
    worker.join()
    assert {world.deliveries.get(one).status for one in ids} == {"delivered"}


def test_there_is_a_first_instance_while_others_come_and_go(world: World) -> None:
    first = world.instances.first()
    ended = threading.Event()

    def change() -> None:
        try:
            for _ in range(TIMES):
                world.remove_instance(world.instances.create(name="short-lived").id)
        finally:
            ended.set()

    worker = threading.Thread(target=change, daemon=True)
    worker.start()
    while not ended.is_set():
        assert world.instances.first() == first
        assert world.instances.with_key("nobody's") is None
    worker.join()
