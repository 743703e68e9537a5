"""The event log: numbered, in order, and honest about what it forgot."""

from __future__ import annotations

from flaresend_mock.core.bounded_store import size_of
from flaresend_mock.core.events import EventLog
from flaresend_mock.core.models import Change, Content
from flaresend_mock.core.world import World
from tests.defaults import ANN, INSTANCE, text
from tests.support import NOW


def log_of(*kinds: str, limit: int = 100) -> EventLog:
    log = EventLog(limit)
    for kind in kinds:
        log.append(NOW, kind, Change("happened", kind))
    return log


def test_events_are_numbered_from_one() -> None:
    log = log_of("group", "channel", "group")

    assert [event.number for event in log.since()] == [1, 2, 3]
    assert log.last_number == 3


def test_since_returns_what_came_after_a_number() -> None:
    log = log_of("group", "channel", "group")

    assert [event.number for event in log.since(1)] == [2, 3]
    assert log.since(3) == []
    assert log.since(1000) == []


def test_since_returns_one_kind_if_asked() -> None:
    log = log_of("group", "channel", "group")

    assert [event.number for event in log.since(kind="group")] == [1, 3]
    assert [event.number for event in log.since(1, "group")] == [3]
    assert log.since(kind="message") == []


def test_what_is_evicted_is_counted_by_kind() -> None:
    log = log_of("group", "channel", "group", "channel", "group", limit=2)

    assert [event.number for event in log.since()] == [4, 5]
    assert log.evicted() == 3
    assert log.evicted("group") == 2
    assert log.evicted("channel") == 1
    assert log.evicted("message") == 0


def test_a_copy_goes_its_own_way() -> None:
    log = log_of("group", limit=1)

    copy = log.copy()
    copy.append(NOW, "channel", Change("happened", "x"))

    assert [event.kind for event in log.since()] == ["group"]
    assert log.evicted() == 0
    assert [(event.number, event.kind) for event in copy.since()] == [(2, "channel")]
    assert copy.evicted("group") == 1


def test_numbers_keep_growing_over_a_reset(world: World) -> None:
    world.sending.send(INSTANCE, [ANN], text())
    last = world.state.events.last_number

    world.reset()
    world.sending.send(INSTANCE, [ANN], text())

    after = world.state.events.since()
    assert [event.number for event in after] == [last + 1, last + 2]
    assert [event.kind for event in after] == ["world", "message"]


def test_a_message_knows_the_number_of_its_event(world: World) -> None:
    world.sending.send(INSTANCE, [ANN, ANN], text())

    events = world.state.events.since(kind="message")

    assert [event.subject for event in events] == list(world.state.messages)
    assert [event.number for event in events] == [message.event for message in world.state.messages]


def test_a_value_weighs_what_is_in_it() -> None:
    assert size_of({"template": ["x" * 1000, {"deep": "y" * 1000}]}) > 2000
    assert Content(type="template", template={"body": "x" * 5000}).size > 5000
    assert Content(type="image", url="https://example.com/" + "x" * 5000).size > 5000
