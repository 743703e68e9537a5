"""An event has the time of its first attempt, and the same bytes whenever it is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.testing.client import Flaresend
from tests.defaults import ANN, BEN
from tests.receiver import Asked, Receiver

NOON = "2025-11-14T12:00:00Z"
HOOK = "/instances/default/webhook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def kit(kit: Flaresend, receiver: Receiver) -> Flaresend:
    kit.clock.freeze(NOON)
    kit.webhook(receiver.url)
    return kit


def control(kit: Flaresend, method: str, path: str, body: Any = None) -> Any:
    return kit._control.call(method, path, body)


def times(receiver: Receiver) -> list[str]:
    """Return the time of day of each event that arrived."""
    return [asked.event["timestamp"][11:23] for asked in receiver.asked]


def written(receiver: Receiver) -> set[int]:
    return {asked.event["data"]["timestamp"] for asked in receiver.asked}


WRITTEN = {int(datetime.fromisoformat(NOON).timestamp())}


def test_an_event_that_is_sent_at_once_has_the_time_of_its_receipt(kit: Flaresend, receiver: Receiver) -> None:
    event = kit.receive(ANN, "hi")
    kit.settle()

    assert times(receiver) == ["12:00:00.000"]
    assert receiver.asked[0].event == event


def test_on_a_running_clock_the_response_shows_what_arrives(kit: Flaresend, receiver: Receiver) -> None:
    kit.clock.run()
    event = kit.receive(ANN, "hi")
    kit.settle()

    assert receiver.asked[0].event == event


@pytest.mark.parametrize(
    ("how", "seconds"),
    [*(("fault", seconds) for seconds in (0.25, 1, 3600)), *(("chaos", seconds) for seconds in (0.25, 1, 86_400))],
)
def test_a_delayed_event_has_the_time_at_which_it_is_sent(
    how: str, seconds: float, kit: Flaresend, receiver: Receiver
) -> None:
    if how == "fault":
        kit.fault(on="deliveries", delay=seconds)
        kit.receive(ANN, "hi")
    else:
        kit.receive(ANN, "hi", chaos={"delay": seconds})
    kit.clock.advance(seconds)

    (asked,) = receiver.asked
    assert datetime.fromisoformat(asked.event["timestamp"]) == kit.clock.now
    assert written(receiver) == WRITTEN


@pytest.mark.parametrize("frozen", [True, False])
def test_a_delay_on_a_running_clock_counts_too(frozen: bool, kit: Flaresend, receiver: Receiver) -> None:
    if not frozen:
        kit.clock.run()
    kit.receive(ANN, "hi", chaos={"delay": 0.5})
    kit.clock.advance(0.5)

    assert "12:00:00.500" <= times(receiver)[0] < "12:00:10"
    assert times(receiver)[0] == "12:00:00.500" or not frozen


def test_retries_repeat_the_bytes_of_the_first_attempt(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 500 if asked.number < 3 else 200
    kit.receive(ANN, "hi", chaos={"delay": 60})
    kit.clock.advance(800)

    assert times(receiver) == ["12:01:00.000"] * 4
    assert len({asked.body for asked in receiver.asked}) == 1


def test_an_event_behind_a_blocked_one_has_the_time_at_which_its_turn_comes(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 500 if asked.number == 0 else 200
    kit.webhook(receiver.url, retries=[0.4])
    kit.receive(ANN, "one")
    kit.settle()
    kit.receive(ANN, "two")
    kit.receive(BEN, "another chat")
    kit.clock.advance(1)

    by_text = dict(zip(receiver.texts, times(receiver), strict=True))
    assert by_text == {"one": "12:00:00.000", "another chat": "12:00:00.000", "two": "12:00:00.400"}


def test_held_events_have_the_time_at_which_they_are_sent(kit: Flaresend, receiver: Receiver) -> None:
    control(kit, "POST", f"{HOOK}/pause")
    kit.receive(ANN, "hi")
    kit.clock.advance(hours=2)
    control(kit, "POST", f"{HOOK}/resume", {})
    kit.settle()

    assert times(receiver) == ["14:00:00.000"]
    assert written(receiver) == WRITTEN


@pytest.mark.parametrize(
    ("given", "arrives"),
    [({}, "2025-11-14T14:00:00.000Z"), ({"timestamp": "2001-09-09T01:46:40.000Z"}, "2001-09-09T01:46:40.000Z")],
)
def test_an_own_event_that_is_held_keeps_the_time_that_it_gives(
    given: dict[str, str], arrives: str, kit: Flaresend, receiver: Receiver
) -> None:
    control(kit, "POST", f"{HOOK}/pause")
    control(kit, "POST", "/inbound", {"event": {"event": "x", "instanceId": "i", **given}})
    kit.clock.advance(hours=2)
    control(kit, "POST", f"{HOOK}/resume", {})
    kit.settle()

    assert [asked.event["timestamp"] for asked in receiver.asked] == [arrives]


def test_an_event_that_was_held_after_an_attempt_keeps_its_bytes(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 500 if asked.number == 0 else 200
    kit.receive(ANN, "hi")
    kit.settle()
    control(kit, "POST", f"{HOOK}/pause")
    kit.clock.advance(hours=2)
    control(kit, "POST", f"{HOOK}/resume", {})
    kit.settle()

    assert times(receiver) == ["12:00:00.000"] * 2
    assert receiver.asked[0].body == receiver.asked[1].body


def test_an_event_for_a_phone_that_was_away_has_the_time_at_which_it_is_sent(
    kit: Flaresend, receiver: Receiver
) -> None:
    kit.instance.disconnect()
    kit.receive(ANN, "hi")
    kit.clock.advance(hours=3)
    kit.instance.connect()
    kit.settle()

    assert times(receiver) == ["15:00:00.000"]
    assert written(receiver) == WRITTEN


def test_a_copy_of_chaos_has_the_same_bytes(kit: Flaresend, receiver: Receiver) -> None:
    kit.receive(ANN, "hi", chaos={"duplicate": 1, "delay": 10})
    kit.clock.advance(60)

    assert times(receiver) == ["12:00:10.000"] * 2
    assert receiver.asked[0].body == receiver.asked[1].body


def test_a_copy_behind_a_retried_one_has_the_same_bytes(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 500 if asked.number == 0 else 200
    kit.receive(ANN, "hi", chaos={"duplicate": 1})
    kit.clock.advance(60)

    assert len(receiver.asked) == 3
    assert len({asked.body for asked in receiver.asked}) == 1


def test_a_redelivery_has_the_same_bytes(kit: Flaresend, receiver: Receiver) -> None:
    kit.receive(ANN, "hi")
    kit.settle()
    kit.clock.advance(hours=5)
    (again,) = kit.redeliver(kit.deliveries()[0])
    kit.settle()
    kit.redeliver(again)
    kit.settle()

    assert len(receiver.asked) == 3
    assert len({asked.body for asked in receiver.asked}) == 1


def test_a_redelivery_of_what_was_never_sent_decides_its_time(kit: Flaresend, receiver: Receiver) -> None:
    kit.receive(ANN, "hi", chaos={"drop": 1})
    kit.clock.advance(hours=1)
    kit.redeliver(kit.deliveries()[0])
    kit.settle()
    kit.clock.advance(hours=1)
    kit.redeliver(kit.deliveries()[0])
    kit.settle()

    assert times(receiver) == ["13:00:00.000"] * 2


def test_a_delayed_event_repeats_the_bytes_of_its_redelivery(kit: Flaresend, receiver: Receiver) -> None:
    kit.receive(ANN, "hi", chaos={"delay": 7200})
    kit.redeliver(kit.deliveries()[0])
    kit.clock.advance(hours=4)

    assert times(receiver) == ["12:00:00.000"] * 2
    assert receiver.asked[0].body == receiver.asked[1].body


def test_two_redeliveries_of_what_was_never_sent_have_the_same_bytes(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 500 if asked.number == 0 else 200
    kit.webhook(receiver.url, retries=[30])
    kit.receive(ANN, "hi", chaos={"delay": 7200})
    control(kit, "POST", f"{HOOK}/pause")
    for _ in range(2):
        kit.redeliver(kit.deliveries()[0])
    control(kit, "POST", f"{HOOK}/resume", {})
    kit.clock.advance(60)

    assert len(receiver.asked) == 3
    assert len({asked.body for asked in receiver.asked}) == 1


def test_a_clock_that_was_set_back_counts(kit: Flaresend, receiver: Receiver) -> None:
    control(kit, "POST", f"{HOOK}/pause")
    kit.receive(ANN, "hi")
    kit.clock.set("2025-11-14T09:00:00Z")
    control(kit, "POST", f"{HOOK}/resume", {})
    kit.settle()

    assert times(receiver) == ["09:00:00.000"]


def test_an_export_between_attempts_keeps_the_bytes(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 500 if asked.number == 0 else 200
    kit.receive(ANN, "hi", chaos={"delay": 60})
    kit.clock.advance(60)
    export = control(kit, "GET", "/world?with_secrets=true")
    with FlaresendMock() as other, Flaresend(other.url, other.api_key) as second:
        control(second, "PUT", "/world", export)
        second.clock.advance(60)

    assert times(receiver) == ["12:01:00.000"] * 2
    assert receiver.asked[0].body == receiver.asked[1].body


def test_an_export_before_the_first_attempt_does_not(kit: Flaresend, receiver: Receiver) -> None:
    kit.receive(ANN, "hi", chaos={"delay": 60})
    export = control(kit, "GET", "/world?with_secrets=true")
    with FlaresendMock() as other, Flaresend(other.url, other.api_key) as second:
        control(second, "PUT", "/world", export)
        second.clock.advance(60)

    assert times(receiver) == ["12:01:00.000"]


def test_each_attempt_is_signed_with_its_own_time(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 500 if asked.number == 0 else 200
    kit.webhook(receiver.url, secret="a secret", retries=[30])
    kit.receive(ANN, "hi")
    kit.clock.advance(60)

    first, second = (int(str(asked.header("webhook-timestamp"))) for asked in receiver.asked)
    assert second - first == 30
    assert _same(receiver.asked, "X-Hub-Signature-256")


def _same(asked: list[Asked], header: str) -> bool:
    return len({one.header(header) for one in asked}) == 1
