"""Scheduled messages: local times, what may still be changed, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from flaresend_mock.core.errors import (
    InstanceNotFound,
    InvalidContent,
    NothingToUpdate,
    SendAtBeyondCalendar,
    SendAtInThePast,
    TaskNotCancellable,
    TaskNotFound,
    TaskNotPending,
)
from flaresend_mock.core.models import Cause, Content, Task, Upload
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, CARA, INSTANCE, NOBODY, described, text
from tests.support import NOW

SOON = datetime(2025, 11, 14, 10, 30)
LATER = datetime(2025, 11, 14, 11, 30)
ANOTHER = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def zoned(make_world: Callable[[State], World]) -> Callable[[str], World]:
    """Makes worlds that live in a time zone."""
    return lambda time_zone: make_world(load_world(described(), time_zone=time_zone))


def schedule(world: World, at: datetime = SOON, *recipients: str | int) -> Task:
    return world.schedule.add(INSTANCE, recipients or (ANN,), text(), at)


def task_of(world: World, task_id: str) -> Task:
    task = world.state.tasks.get(task_id) or world.state.ended_tasks.get(task_id)
    assert task is not None
    return task


def in_world(world: World, *recipients: str) -> Task:
    """Put a task into a world past the checks of `add`, which refuses some magic numbers at once."""
    task = Task(
        id="SCHED-1",
        instance=INSTANCE,
        recipients=recipients,
        content=text(),
        send_at=SOON.replace(tzinfo=UTC),
        local_time=SOON,
        order=0,
    )
    world.state.tasks[task.id] = task
    world.set_timer(task.send_at, "task", task.id)
    return task


def test_a_scheduled_message_is_sent_at_its_time(world: World) -> None:
    schedule(world, SOON, ANN, CARA)

    world.timeline.advance(timedelta(hours=1))

    assert [(message.to, message.at) for message in world.state.messages] == [
        (ANN, SOON.replace(tzinfo=UTC)),
        (CARA, SOON.replace(tzinfo=UTC)),
    ]


def test_numbers_are_checked_only_when_the_message_is_sent(world: World) -> None:
    task = schedule(world, SOON, NOBODY, "nonsense", ANN)

    world.timeline.advance(timedelta(hours=1))

    assert task_of(world, task.id).status == "sent"
    assert [message.to for message in world.state.messages] == [ANN]


@pytest.mark.parametrize(
    ("time_zone", "local", "utc"),
    [
        ("UTC", datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 12, tzinfo=UTC)),
        ("Africa/Nairobi", datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 9, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 6, 15, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 16, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 1, 1, 12), datetime(2026, 1, 1, 11, tzinfo=UTC)),
    ],
)
def test_times_are_local_to_the_world(
    time_zone: str, local: datetime, utc: datetime, zoned: Callable[[str], World]
) -> None:
    task = schedule(zoned(time_zone), local)

    assert task.send_at == utc
    assert task.local_time == local


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        (datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # skipped
        (datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # there twice
    ],
)
def test_a_time_that_daylight_saving_skips_or_repeats_takes_the_earlier_offset(
    local: datetime, utc: datetime, zoned: Callable[[str], World]
) -> None:
    task = schedule(zoned("Europe/Berlin"), local)

    assert task.send_at == utc


@pytest.mark.parametrize("at", [datetime(2025, 11, 14, 10), datetime(2025, 11, 14, 9, 59, 59), datetime.min])
def test_a_message_is_scheduled_only_for_the_future(at: datetime, world: World) -> None:
    counters = dict(world.state.counters)

    with pytest.raises(SendAtInThePast):
        schedule(world, at)

    assert world.state.tasks == {}
    assert world.state.counters == counters


def test_the_future_begins_at_the_clock_of_the_world(world: World) -> None:
    world.timeline.change(now=datetime(2020, 1, 1, tzinfo=UTC))

    assert schedule(world, datetime(2020, 1, 1, 0, 0, 1)).status == "pending"


@pytest.mark.parametrize(
    ("time_zone", "at"), [("America/New_York", datetime(9999, 12, 31, 23, 59, 59)), ("Asia/Tokyo", datetime(1, 1, 1))]
)
def test_a_time_without_an_equivalent_in_utc_is_refused(
    time_zone: str, at: datetime, zoned: Callable[[str], World]
) -> None:
    with pytest.raises(SendAtBeyondCalendar):
        schedule(zoned(time_zone), at)


def test_an_incomplete_message_is_not_scheduled(world: World) -> None:
    with pytest.raises(InvalidContent):
        world.schedule.add(INSTANCE, [ANN], Content("text"), SOON)


def test_scheduling_needs_no_connected_phone(world: World) -> None:
    world.pairing.set_status(INSTANCE, "disconnected")

    task = schedule(world)
    world.schedule.update(INSTANCE, task.id, {"text": "Changed"})

    assert [pending.id for pending in world.schedule.pending(INSTANCE)] == [task.id]
    assert world.schedule.cancel(INSTANCE, task.id).status == "cancelled"


def test_a_message_that_falls_due_on_a_disconnected_phone_fails_with_the_reason(world: World) -> None:
    task = schedule(world)
    world.pairing.set_status(INSTANCE, "disconnected")

    fired = world.timeline.advance(timedelta(hours=1))

    assert [(one.id, one.result, one.reason) for one in fired] == [
        (task.id, "failed", "Instance not ready for messaging")
    ]
    assert task_of(world, task.id).status == "failed"
    assert task_of(world, task.id).reason == "Instance not ready for messaging"
    assert list(world.state.messages) == []


def test_a_failed_message_is_not_sent_once_the_phone_is_back(world: World) -> None:
    schedule(world)
    world.pairing.set_status(INSTANCE, "disconnected")
    world.timeline.advance(timedelta(hours=1))

    world.pairing.set_status(INSTANCE, "connected")

    assert world.timeline.advance(timedelta(days=1)) == []
    assert list(world.state.messages) == []


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("9990000425", "Instance not ready for messaging"),
        ("9990000429", "A magic number asked for 429"),
        ("9990000503", "A magic number asked for 503"),
    ],
)
def test_a_message_to_a_magic_number_fails_with_the_reason(number: str, reason: str, world: World) -> None:
    task = in_world(world, ANN, number)

    fired = world.timeline.advance(timedelta(hours=1))

    assert [(one.result, one.reason) for one in fired] == [("failed", reason)]
    assert task_of(world, task.id).status == "failed"
    assert list(world.state.messages) == []


def test_a_message_that_fails_to_reach_somebody_counts_as_sent(world: World) -> None:
    schedule(world, SOON, "9990000500")

    fired = world.timeline.advance(timedelta(hours=1))

    assert [one.result for one in fired] == ["sent"]
    assert [message.status for message in world.state.messages] == ["failed"]


def test_pending_messages_are_listed_by_time_then_by_creation(world: World) -> None:
    late = schedule(world, LATER)
    first, second = schedule(world), schedule(world)

    assert [task.id for task in world.schedule.pending(INSTANCE)] == [first.id, second.id, late.id]


def test_only_pending_messages_are_listed(world: World) -> None:
    schedule(world)
    cancelled = schedule(world, LATER)
    kept = schedule(world, LATER)
    world.schedule.cancel(INSTANCE, cancelled.id)

    world.timeline.advance(timedelta(hours=1))

    assert world.schedule.pending(INSTANCE) == [kept]


def test_messages_are_numbered_as_they_are_scheduled(world: World) -> None:
    assert [schedule(world).order for _ in range(3)] == [0, 1, 2]


def test_a_message_knows_the_call_that_scheduled_it(world: World) -> None:
    task = world.schedule.add(INSTANCE, [ANN], text(), SOON, Cause("call", "req-1"))

    assert task.call == "req-1"


def test_only_an_instance_of_the_world_schedules(world: World) -> None:
    with pytest.raises(InstanceNotFound):
        world.schedule.add(ANOTHER, [ANN], text(), SOON)

    assert world.state.tasks == {}


def test_only_the_fields_that_are_given_change(world: World) -> None:
    task = schedule(world)

    changed = world.schedule.update(INSTANCE, task.id, {"text": "Changed"})

    assert changed.content.text == "Changed"
    assert (changed.recipients, changed.send_at, changed.id) == (task.recipients, task.send_at, task.id)


def test_a_message_that_is_moved_has_its_new_local_time(zoned: Callable[[str], World]) -> None:
    world = zoned("Africa/Nairobi")
    task = schedule(world, datetime(2026, 7, 1, 12))

    moved = world.schedule.update(INSTANCE, task.id, {"send_at": datetime(2026, 7, 2, 12)})

    assert moved.local_time == datetime(2026, 7, 2, 12)
    assert moved.send_at == datetime(2026, 7, 2, 9, tzinfo=UTC)
    assert moved.recipients == task.recipients


def test_a_message_that_is_overdue_may_still_change_its_text(world: World) -> None:
    task = schedule(world)
    world.timeline.change(now=NOW + timedelta(days=1), frozen=True)

    changed = world.schedule.update(INSTANCE, task.id, {"text": "Changed"})

    assert (changed.content.text, changed.send_at) == ("Changed", task.send_at)


def test_a_message_is_sent_as_it_was_last_changed(world: World) -> None:
    task = schedule(world)

    world.schedule.update(INSTANCE, task.id, {"text": "Changed", "recipients": [CARA]})
    world.timeline.advance(timedelta(hours=1))

    assert [(message.to, message.content.text) for message in world.state.messages] == [(CARA, "Changed")]


def test_a_text_may_become_an_image_once_there_is_one(world: World) -> None:
    task = schedule(world)

    with pytest.raises(InvalidContent):
        world.schedule.update(INSTANCE, task.id, {"type": "image"})
    changed = world.schedule.update(INSTANCE, task.id, {"type": "image", "url": "https://example.com/a.jpg"})

    assert changed.content.type == "image"


def test_an_upload_takes_the_place_of_a_link_and_the_other_way_round(world: World) -> None:
    image = Content("image", url="https://example.com/a.jpg")
    task = world.schedule.add(INSTANCE, [ANN], image, SOON)

    uploaded = world.schedule.update(INSTANCE, task.id, {"upload": Upload(b"jpeg", "b.jpg", "image/jpeg")})
    linked = world.schedule.update(INSTANCE, task.id, {"url": "https://example.com/c.jpg"})

    assert uploaded.content.url is None
    assert uploaded.content.media is not None
    assert linked.content.url == "https://example.com/c.jpg"
    assert linked.content.media is None


def test_a_refused_change_changes_nothing(world: World) -> None:
    task = schedule(world)
    counters = dict(world.state.counters)

    with pytest.raises(SendAtInThePast):
        world.schedule.update(
            INSTANCE, task.id, {"text": "Changed", "send_at": datetime(2020, 1, 1), "upload": Upload(b"x", "x", "")}
        )

    assert world.schedule.pending(INSTANCE) == [task]
    assert world.state.counters == counters
    assert len(world.state.media) == 0


def test_a_change_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(NothingToUpdate):
        world.schedule.update(INSTANCE, schedule(world).id, {})


def test_an_unknown_message_can_be_neither_changed_nor_cancelled(world: World) -> None:
    with pytest.raises(TaskNotFound):
        world.schedule.update(INSTANCE, "SCHED-0", {"text": "Changed"})
    with pytest.raises(TaskNotCancellable):
        world.schedule.cancel(INSTANCE, "SCHED-0")


def test_a_message_that_was_sent_can_be_neither_changed_nor_cancelled(world: World) -> None:
    task = schedule(world)
    world.timeline.advance(timedelta(hours=1))

    with pytest.raises(TaskNotPending):
        world.schedule.update(INSTANCE, task.id, {"text": "Changed"})
    with pytest.raises(TaskNotCancellable):
        world.schedule.cancel(INSTANCE, task.id)


def test_a_cancelled_message_is_never_sent(world: World) -> None:
    task = schedule(world)

    world.schedule.cancel(INSTANCE, task.id)

    assert world.timeline.advance(timedelta(days=1)) == []
    assert list(world.state.messages) == []
    assert task_of(world, task.id).status == "cancelled"


def test_a_cancelled_message_can_be_neither_changed_nor_cancelled_again(world: World) -> None:
    task = schedule(world)
    world.schedule.cancel(INSTANCE, task.id)

    with pytest.raises(TaskNotPending):
        world.schedule.update(INSTANCE, task.id, {"send_at": LATER})
    with pytest.raises(TaskNotCancellable):
        world.schedule.cancel(INSTANCE, task.id)


def test_another_instance_has_nothing_to_do_with_our_messages(make_world: Callable[[State], World]) -> None:
    ours = described()["instances"]
    theirs = {"id": ANOTHER, "number": "254711111111", "api_keys": ["THEIRS"]}
    world = make_world(load_world(described(instances=[*ours, theirs])))
    task = schedule(world)

    assert world.schedule.pending(ANOTHER) == []
    with pytest.raises(TaskNotFound):
        world.schedule.update(ANOTHER, task.id, {"text": "Changed"})
    with pytest.raises(TaskNotCancellable):
        world.schedule.cancel(ANOTHER, task.id)


def test_an_upload_is_stored_when_the_message_is_scheduled(world: World) -> None:
    document = Content("document", upload=Upload(b"%PDF", "a.pdf", "application/pdf"))

    task = world.schedule.add(INSTANCE, [ANN, CARA], document, SOON)
    world.timeline.advance(timedelta(hours=1))

    assert [media.data for media in world.state.media] == [b"%PDF"]
    assert {message.content.media for message in world.state.messages} == {task.content.media}


def test_the_log_tells_the_story_of_a_message(world: World) -> None:
    task = schedule(world)
    world.schedule.update(INSTANCE, task.id, {"text": "Changed"})

    world.timeline.advance(timedelta(hours=1))

    told = [event.subject.action for event in world.state.events.since(kind="task")]  # type: ignore[union-attr]
    assert told == ["scheduled", "updated", "sent"]
    assert world.clock.now() == NOW + timedelta(hours=1)
