"""Attempts of undelivered events take at most half of what may be pending, and no event is lost for that."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from flaresend_mock.core import deliveries
from flaresend_mock.core.deliveries import MAX_RESPONSE_BEFORE_RETRY
from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.models import Attempt, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import INSTANCE

URL = "http://127.0.0.1:9/hook"
RETRIES = 20
PEOPLE = [str(254_712_345_101 + number) for number in range(20)]


@pytest.fixture
def hooked(world: World) -> World:
    """The default world on a frozen clock, with an event of each of twenty people that is not delivered yet."""
    world.timeline.change(frozen=True)
    world.instances.set_webhook(INSTANCE, Webhook(URL, retries=(60.0,) * RETRIES))
    for number in PEOPLE:
        world.inbound.receive(InboundMessage(number, text="hi"))
    return world


def attempt(world: World, status: int, response: str = "x" * 65_536) -> int:
    """Make all attempts that are due after a minute, with this response, and return how many there were."""
    world.timeline.advance(timedelta(minutes=1))
    count = 0
    while job := world.deliveries.claim(INSTANCE):
        count += 1
        headers = (("webhook-id", job.delivery.id),)
        world.deliveries.complete(
            job, Attempt(world.clock.now(), URL, headers, status, response, None, float(count), status == 200)
        )
    return count


def test_attempts_keep_to_the_bound_and_each_event_has_all_of_its_retries(
    hooked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsent = hooked.state.pending_bytes
    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", 4 * unsent)

    for _ in range(RETRIES):
        assert attempt(hooked, 500) == len(PEOPLE)
        assert hooked.state.pending_bytes <= 2 * unsent
        assert hooked.inbound.receive(InboundMessage(PEOPLE[0], text="more")).delivery.status == "pending"

    assert attempt(hooked, 200) == len(PEOPLE) + RETRIES
    assert {one.status for one in hooked.deliveries.all()} == {"delivered"}
    assert len(hooked.deliveries.all()) == len(PEOPLE) + RETRIES
    assert all(one.attempts[-1].response == "x" * 65_536 for one in hooked.deliveries.all())


def test_an_event_fails_after_its_last_retry_also_if_attempts_are_left_out(
    hooked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", hooked.state.pending_bytes)
    for _ in range(RETRIES):
        attempt(hooked, 500)
    assert {(one.status, one.attempts, one.left_out) for one in hooked.deliveries.all()} == {("retrying", (), RETRIES)}

    attempt(hooked, 500)

    ended = [one for one in hooked.deliveries.all() if one.status == "failed"]
    assert [(len(one.attempts), one.left_out) for one in ended] == [(1, RETRIES)] * deliveries.FAILURES_UNTIL_PAUSE


def test_an_export_tells_how_many_attempts_are_left_out(hooked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", hooked.state.pending_bytes)
    for _ in range(RETRIES):
        attempt(hooked, 500)
    saved = json.loads(export(hooked.saved(), secrets=True))

    again = load_world(saved)

    assert {one.left_out for one in again.open_deliveries.values()} == {RETRIES}
    saved["open_deliveries"][0]["left_out"] = -1
    with pytest.raises(InvalidWorld, match="left_out"):
        load_world(saved)


def test_a_redelivery_has_all_of_its_retries(hooked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", hooked.state.pending_bytes)
    attempt(hooked, 500)
    attempt(hooked, 200)

    (again,) = hooked.deliveries.redeliver([hooked.deliveries.all()[0]])

    assert (again.attempts, again.left_out) == ((), 0)


def test_the_last_attempt_keeps_its_response_and_others_keep_its_beginning(hooked: World) -> None:
    attempt(hooked, 500)
    attempt(hooked, 500, "short")
    attempt(hooked, 200)

    for delivery in hooked.deliveries.all():
        lengths = [len(one.response) for one in delivery.attempts]
        assert lengths == [MAX_RESPONSE_BEFORE_RETRY, 5, 65_536]
