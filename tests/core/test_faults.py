"""Faults: which calls and deliveries they hit, in which turn, and what then goes wrong with deliveries."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Semaphore
from typing import Any

import pytest

from flaresend_mock.core import bounded_store
from flaresend_mock.core.bounded_store import limit
from flaresend_mock.core.deliveries import REORDER_SECONDS, Job
from flaresend_mock.core.errors import FaultNotFound, InvalidFault, InvalidMatcher, TooMany
from flaresend_mock.core.faults import CALLS, DELIVERIES, MAX_FAULTS, PRESETS
from flaresend_mock.core.matchers import matchers
from flaresend_mock.core.matchers.matchers import compile_regex
from flaresend_mock.core.matchers.parser import numbers_in
from flaresend_mock.core.models import Attempt, Change, Delay, Delivery, Fault, Reply, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, ANNS_GROUP, BEN, INSTANCE, described, text
from tests.support import NOW

DOWN = Reply(503)
CALL = {
    "method": "POST",
    "path": "/send-message",
    "query": "",
    "headers": {"Authorization": "Bearer YOUR_API_KEY", "X-Test": "one"},
    "body": {"recipients": [f"+{ANN}"], "type": "text", "text": "hi"},
    "key": "YOUR_API_KEY",
    "instance": INSTANCE,
}
HOOK = "http://127.0.0.1:9/hook"


@pytest.fixture
def hooked(world: World) -> World:
    """The default world with a webhook, on a clock that stands still."""
    world.timeline.change(frozen=True)
    world.instances.set_webhook(INSTANCE, Webhook(HOOK))
    return world


def arm(world: World, on: str = CALLS, match: dict[str, Any] | None = None, **given: Any) -> Fault:
    if not given.keys() & {"reply", "delay", "action"}:
        given["reply"] = DOWN
    return world.faults.arm(**{"name": "", **given}, on=on, match=match or {})


def call(world: World, **changes: Any) -> str | None:
    """Make a call, and return the name of the fault that hits it."""
    fault = world.faults.match({**CALL, **changes}, CALLS)
    return fault.name if fault else None


def hits(world: World, calls: int) -> str:
    """Make so many calls, and draw which were hit."""
    return "".join("x" if call(world) else "." for _ in range(calls))


def counts(world: World, fault: Fault) -> tuple[int, int]:
    now = world.faults.get(fault.id)
    return now.matched, now.hits


def told(world: World) -> list[tuple[str, str, int, int]]:
    changes = [event.subject for event in world.state.events.since(0, "fault")]
    return [
        (one.action, one.id, one.details["matched"], one.details["hits"]) for one in changes if isinstance(one, Change)
    ]


def write(world: World, text: str = "hi", sender: str = ANN, **letter: Any) -> Delivery:
    return world.inbound.receive(InboundMessage(sender, text=text, **letter)).delivery


def claim(world: World) -> Job:
    job = world.deliveries.claim(INSTANCE)
    assert job is not None
    return job


def answered(status: int, world: World) -> Attempt:
    return Attempt(world.clock.now(), HOOK, (), status, "", None, 1.0, status < 300)


def delivered(world: World) -> list[str]:
    """Deliver all that is ready, and return the ids in the order they went."""
    ids = []
    while (job := world.deliveries.claim(INSTANCE)) is not None:
        ids.append(job.delivery.id)
        world.deliveries.complete(job, answered(200, world))
    return ids


# Which calls are hit


def test_without_faults_nothing_is_hit(world: World) -> None:
    assert call(world) is None
    assert not world.faults.any()


def test_a_fault_without_a_matcher_hits_every_call(world: World) -> None:
    fault = arm(world)

    assert hits(world, 3) == "xxx"
    assert counts(world, fault) == (3, 3)


@pytest.mark.parametrize(
    "match",
    [
        {"path": "/send-message", "method": "POST"},
        {"path": {"regex": "^/send"}},
        {"body": {"type": "text"}},
        {"body": {"text": {"contains": "h"}}},
        {"number": f"{ANN}@s.whatsapp.net"},
        {"number": {"not": BEN}},
        {"headers": {"x-test": "one"}},
        {"key": "YOUR_API_KEY"},
        {"instance": INSTANCE},
    ],
)
def test_a_fault_hits_the_calls_that_match(match: dict[str, Any], world: World) -> None:
    arm(world, match=match)

    assert call(world)
    assert not call(world, method="GET", path="/groups", headers={}, body={"number": BEN}, key="", instance=None)


def test_what_does_not_match_is_not_counted(world: World) -> None:
    fault = arm(world, match={"path": "/groups"}, times=1)

    assert hits(world, 3) == "..."
    assert counts(world, fault) == (0, 0)
    assert call(world, path="/groups")


@pytest.mark.parametrize(
    ("turns", "drawn"),
    [
        ({"times": 2}, "xx......"),
        ({"after": 3}, "...xxxxx"),
        ({"every": 3}, "..x..x.."),
        ({"after": 2, "times": 3}, "..xxx..."),
        ({"after": 1, "every": 2}, "..x.x.x."),
        ({"after": 1, "every": 2, "times": 2}, "..x.x..."),
        ({"probability": 0.0}, "........"),
        ({"probability": 1.0, "times": 1}, "x......."),
        ({"after": 100}, "........"),
    ],
)
def test_a_fault_has_its_turn(turns: dict[str, Any], drawn: str, world: World) -> None:
    fault = arm(world, **turns)

    assert hits(world, 8) == drawn
    assert world.faults.get(fault.id).hits == drawn.count("x")


def test_once_it_has_hit_so_many_times_a_fault_no_longer_counts(world: World) -> None:
    fault = arm(world, times=2)

    hits(world, 5)

    assert counts(world, fault) == (2, 2)
    assert not world.faults.get(fault.id).armed
    assert world.faults.any()


def test_misfortune_counts_as_a_match_and_uses_no_time_up(world: World) -> None:
    fault = arm(world, probability=0.5, times=3)

    drawn = hits(world, 50)

    assert drawn.count("x") == 3
    assert counts(world, fault) == (drawn.rindex("x") + 1, 3)


def test_probability_is_decided_by_the_seed(make_world: Callable[[State], World]) -> None:
    def drawn(seed: int) -> str:
        world = make_world(load_world(described(), seed=seed))
        arm(world, probability=0.3)
        return hits(world, 1000)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 200 < drawn(1).count("x") < 400


def test_one_fault_more_does_not_change_when_another_hits(make_world: Callable[[State], World]) -> None:
    alone, among_others = make_world(load_world(described())), make_world(load_world(described()))
    for world in (alone, among_others):
        arm(world, match={"path": "/send-message"}, probability=0.5)
    arm(among_others, match={"path": "/groups"}, probability=0.5)

    drawn = ""
    for _ in range(50):
        call(among_others, path="/groups")
        drawn += hits(among_others, 1)

    assert drawn == hits(alone, 50)


def test_of_several_faults_the_first_whose_turn_it_is_hits(world: World) -> None:
    arm(world, name="first", every=2)
    arm(world, name="second", times=1)
    arm(world, name="third")

    assert [call(world) for _ in range(4)] == ["second", "first", "third", "first"]
    assert [(one.matched, one.hits) for one in world.faults.all()] == [(4, 2), (1, 1), (1, 1)]


def test_faults_of_deliveries_do_not_hit_calls(hooked: World) -> None:
    arm(hooked, DELIVERIES)

    assert call(hooked) is None


def test_a_pattern_that_makes_other_engines_backtrack_is_matched(world: World) -> None:
    fault = arm(world, match={"body": {"text": {"regex": "^(a|aa)+$"}}})

    assert call(world, body={"text": "a" * 1000 + "b"}) is None
    assert counts(world, fault) == (0, 0)
    assert call(world, body={"text": "aa"})


@pytest.mark.parametrize("body", [None, [], "text", {}, {"recipients": None}, {"number": {"a": 1}}, b"\xff"])
def test_a_body_of_any_shape_is_matched(body: Any, world: World) -> None:
    arm(world, match={"number": ANN, "body": {"type": "text"}})

    assert call(world, body=body) is None


def test_numbers_of_a_body_are_found_wherever_they_stand_and_however_they_are_written() -> None:
    assert numbers_in({"recipients": [f"+{ANN}", int(BEN), "nonsense", True, None, 1.5], "number": BEN}) == [
        ANN,
        BEN,
        BEN,
    ]
    assert numbers_in({"participants": f"{ANN}@s.whatsapp.net"}) == [ANN]
    assert numbers_in(None) == []


# Arming and removing


def test_faults_are_numbered_and_named_after_their_number(world: World) -> None:
    assert [arm(world).id, arm(world, name="mine").id] == ["fault-1", "fault-2"]
    assert [fault.name for fault in world.faults.all()] == ["fault-1", "mine"]


def test_numbers_are_not_given_again(world: World) -> None:
    world.faults.remove(arm(world).id)

    assert arm(world).id == "fault-2"


def test_a_removed_fault_hits_no_more(world: World) -> None:
    fault = arm(world)

    world.faults.remove(fault.id)

    assert call(world) is None
    with pytest.raises(FaultNotFound):
        world.faults.get(fault.id)
    with pytest.raises(FaultNotFound):
        world.faults.remove(fault.id)


def test_all_faults_are_taken_away_at_once(world: World) -> None:
    arm(world)
    arm(world, DELIVERIES)

    assert world.faults.clear() == 2
    assert world.faults.all() == []
    assert world.faults.clear() == 0


def test_there_are_only_so_many_faults(world: World) -> None:
    for _ in range(MAX_FAULTS):
        arm(world)

    with pytest.raises(TooMany):
        arm(world)
    world.faults.remove("fault-1")
    assert arm(world).id == f"fault-{MAX_FAULTS + 1}"


def test_a_fault_that_has_done_all_it_was_to_do_makes_room(world: World) -> None:
    spent = arm(world, times=1)
    for _ in range(MAX_FAULTS - 1):
        arm(world)
    assert call(world) is not None

    assert arm(world).id == f"fault-{MAX_FAULTS + 1}"

    assert not world.faults.has(spent.id)


def test_what_happens_to_faults_is_told(world: World) -> None:
    arm(world, after=1, times=1)
    hits(world, 4)
    world.faults.remove("fault-1")

    assert told(world) == [("armed", "fault-1", 0, 0), ("hit", "fault-1", 2, 1), ("removed", "fault-1", 2, 1)]


def test_a_reset_takes_faults_and_their_counts_away(world: World) -> None:
    arm(world, match={"path": "/groups"})
    world.reset()

    assert world.faults.all() == []
    assert call(world, path="/groups") is None

    arm(world, match={"path": "/send-message"}, times=1)
    assert call(world, path="/groups") is None
    assert hits(world, 2) == "x."


def test_a_restored_fault_goes_on_counting_where_it_was(world: World) -> None:
    fault = arm(world, times=2, match={"path": "/send-message"})
    hits(world, 1)
    world.snapshots.take("one left")
    hits(world, 5)
    world.faults.clear()

    world.restore("one left")

    assert counts(world, fault) == (1, 1)
    assert hits(world, 3) == "x.."


def test_a_removed_fault_leaves_nothing_behind(world: World) -> None:
    for _ in range(3):
        fault = arm(world)
        call(world)
        world.faults.remove(fault.id)

    assert world.state.faults == {}


@pytest.mark.parametrize(
    ("match", "on"),
    [
        ({"pth": "/"}, CALLS),
        ({"method": "post"}, CALLS),
        ({"body": {"typ": "text"}}, CALLS),
        ({"path": {"regex": "["}}, CALLS),
        ([1], CALLS),
        ({"path": "/"}, DELIVERIES),
        ({"body": {"type": "text"}}, DELIVERIES),
    ],
)
def test_what_cannot_be_matched_is_refused_and_nothing_changes(match: Any, on: str, world: World) -> None:
    with pytest.raises(InvalidMatcher):
        world.faults.arm(name="", on=on, match=match, reply=DOWN)

    assert world.faults.all() == []
    assert world.state.events.last_number == 0
    assert "fault" not in world.state.counters


SECOND = Delay(1, 1)


@pytest.mark.parametrize(
    "given",
    [
        {"on": CALLS},
        {"on": CALLS, "action": "explode"},
        {"on": CALLS, "action": "drop"},
        {"on": CALLS, "reply": DOWN, "action": "reset"},
        {"on": CALLS, "reply": DOWN, "action": "drop_response"},
        {"on": DELIVERIES, "action": "truncate"},
        {"on": DELIVERIES, "action": "corrupt"},
        {"on": DELIVERIES, "reply": DOWN, "action": "drop"},
        {"on": DELIVERIES, "reply": DOWN, "delay": SECOND},
        {"on": DELIVERIES, "action": "drop_response", "delay": SECOND},
        {"on": DELIVERIES, "action": "drop", "delay": SECOND},
        {"on": DELIVERIES, "reply": Reply(503, headers={"Retry-After": "1"})},
        {"on": DELIVERIES, "reply": Reply(100)},
    ],
)
def test_a_fault_that_cannot_be_is_refused_and_nothing_changes(given: dict[str, Any], world: World) -> None:
    with pytest.raises(InvalidFault):
        world.faults.arm(name="", match={}, **given)

    assert world.faults.all() == []
    assert "fault" not in world.state.counters


@pytest.mark.parametrize(
    "given",
    [
        {"on": CALLS, "reply": DOWN, "delay": SECOND},
        {"on": CALLS, "reply": DOWN, "action": "truncate"},
        {"on": CALLS, "action": "drop_response", "delay": SECOND},
        {"on": DELIVERIES, "action": "duplicate", "delay": SECOND},
        {"on": DELIVERIES, "action": "reorder", "delay": SECOND},
        *({"on": CALLS, **preset} for preset in PRESETS.values()),
    ],
)
def test_what_can_be_combined_is_armed(given: dict[str, Any], world: World) -> None:
    assert world.faults.arm(name="", match={}, **given).armed


def test_presets_are_what_they_are_called() -> None:
    statuses = {name: preset["reply"].status for name, preset in PRESETS.items() if "reply" in preset}

    assert statuses == {"rate-limited": 429, "flaky": 503, "down": 503, "unauthorized": 401}
    assert PRESETS["flaky"]["probability"] == 0.3
    assert PRESETS["slow"] == {"delay": Delay(1, 3)}


# How long


@pytest.mark.parametrize(
    "delay", [Delay(1, 3), Delay(0, 0.5), Delay(2, 2), Delay(0, 3600, 2, 0.5), Delay(1, 3, 2, 100), Delay(0, 3600, 5)]
)
def test_a_delay_lies_within_its_bounds(delay: Delay, world: World) -> None:
    fault = arm(world, delay=delay)

    seconds = [world.faults.seconds_of(fault) for _ in range(300)]

    assert min(seconds) >= delay.lowest
    assert max(seconds) <= delay.highest


def test_delays_spread_between_their_bounds_and_around_their_mean(world: World) -> None:
    even = arm(world, delay=Delay(1, 3))
    bell = arm(world, delay=Delay(0, 3600, 10, 2))

    evenly = [world.faults.seconds_of(even) for _ in range(1000)]
    around = [world.faults.seconds_of(bell) for _ in range(1000)]

    assert min(evenly) < 1.1
    assert max(evenly) > 2.9
    assert sum(around) / 1000 == pytest.approx(10, abs=0.3)
    assert 600 < sum(8 < one < 12 for one in around) < 760


def test_a_fault_without_a_delay_takes_no_time(world: World) -> None:
    assert world.faults.seconds_of(arm(world)) == 0


def test_delays_are_decided_by_the_seed(make_world: Callable[[State], World]) -> None:
    def seconds(seed: int) -> list[float]:
        world = make_world(load_world(described(), seed=seed))
        fault = arm(world, delay=Delay(0, 3600, 10, 2))
        return [world.faults.seconds_of(fault) for _ in range(10)]

    assert seconds(1) == seconds(1)
    assert seconds(1) != seconds(2)


# Deliveries


def test_a_dropped_event_goes_nowhere(hooked: World) -> None:
    fault = arm(hooked, DELIVERIES, action="drop", times=1)

    dropped, kept = write(hooked), write(hooked)

    assert (dropped.status, kept.status) == ("dropped", "pending")
    assert (dropped.fault, kept.fault) == (fault.id, None)
    assert delivered(hooked) == [kept.id]
    assert counts(hooked, fault) == (1, 1)


def test_a_duplicated_event_is_delivered_twice_under_one_webhook_id(hooked: World) -> None:
    arm(hooked, DELIVERIES, action="duplicate", times=1)

    event = write(hooked)

    copy = hooked.deliveries.get(f"{event.id}-2")
    assert (copy.webhook_id, copy.duplicate_of, copy.body) == (event.webhook_id, event.id, event.body)
    assert delivered(hooked) == [event.id, copy.id]


def test_a_reordered_event_is_overtaken_by_the_next(hooked: World) -> None:
    arm(hooked, DELIVERIES, action="reorder", times=1)

    first, second = write(hooked), write(hooked)
    early = delivered(hooked)
    hooked.timeline.advance(timedelta(seconds=REORDER_SECONDS))

    assert (early, delivered(hooked)) == ([second.id], [first.id])


def test_a_delayed_event_sets_out_later_on_the_clock_of_the_world(hooked: World) -> None:
    arm(hooked, DELIVERIES, delay=Delay(10, 10))

    event = write(hooked)

    assert (event.status, event.next_retry) == ("delayed", NOW + timedelta(seconds=10))
    hooked.timeline.advance(timedelta(seconds=9))
    assert delivered(hooked) == []
    hooked.timeline.advance(timedelta(seconds=1))
    assert delivered(hooked) == [event.id]


def test_delay_and_duplication_are_done_together(hooked: World) -> None:
    arm(hooked, DELIVERIES, action="duplicate", delay=Delay(10, 10))

    event = write(hooked)
    hooked.timeline.advance(timedelta(seconds=10))

    assert delivered(hooked) == [event.id, f"{event.id}-2"]


def test_an_attempt_meets_a_fault_each_time_until_it_is_used_up(hooked: World) -> None:
    fault = arm(hooked, DELIVERIES, reply=DOWN, times=2)
    event = write(hooked)
    met = []

    for _ in range(3):
        job = claim(hooked)
        met.append(job.fault.id if job.fault else None)
        hooked.deliveries.complete(job, answered(503 if job.fault else 200, hooked))
        hooked.timeline.advance_to_next()

    assert met == [fault.id, fault.id, None]
    assert hooked.deliveries.get(event.id).status == "delivered"
    assert len(hooked.deliveries.get(event.id).attempts) == 3


@pytest.mark.parametrize("action", ["reset", "drop_response"])
def test_what_is_done_to_attempts_leaves_events_alone(action: str, hooked: World) -> None:
    fault = arm(hooked, DELIVERIES, action=action)

    assert write(hooked).status == "pending"
    assert counts(hooked, fault) == (0, 0)
    assert claim(hooked).fault == hooked.faults.get(fault.id)


def test_a_fault_of_events_and_one_of_attempts_both_hit(hooked: World) -> None:
    delay = arm(hooked, DELIVERIES, delay=Delay(1, 1))
    lose = arm(hooked, DELIVERIES, action="drop_response")

    write(hooked)
    hooked.timeline.advance(timedelta(seconds=1))
    job = claim(hooked)

    assert job.fault is not None
    assert job.fault.id == lose.id
    assert counts(hooked, delay) == (1, 1)


@pytest.mark.parametrize(
    "match",
    [
        {"number": f"+{ANN}"},
        {"chat": f"{ANN}@s.whatsapp.net"},
        {"instance": INSTANCE, "url": HOOK},
        {"body": {"event": "message_received"}},
        {"body": {"data": {"message": {"conversation": {"contains": "hi"}}}}},
    ],
)
def test_a_fault_hits_the_deliveries_that_match(match: dict[str, Any], hooked: World) -> None:
    arm(hooked, DELIVERIES, {**match, "number": ANN}, action="drop")

    assert write(hooked).status == "dropped"
    assert write(hooked, sender=BEN).status == "pending"


@pytest.mark.parametrize("as_lid", [True, False])
def test_deliveries_from_a_group_match_by_who_wrote(as_lid: bool, hooked: World) -> None:
    arm(hooked, DELIVERIES, {"number": ANN}, action="drop")

    assert write(hooked, group=ANNS_GROUP, as_lid=as_lid).status == "dropped"


def test_one_chat_in_trouble_does_not_keep_others_waiting(hooked: World) -> None:
    arm(hooked, DELIVERIES, {"number": ANN}, reply=DOWN)
    write(hooked)
    fine = write(hooked, sender=BEN)

    jobs = {job.delivery.id: job for job in (claim(hooked), claim(hooked))}

    assert jobs[fine.id].fault is None
    assert [job.fault is None for job in jobs.values()].count(False) == 1


def test_an_event_without_a_webhook_meets_no_fault(world: World) -> None:
    fault = arm(world, DELIVERIES, action="drop")

    assert write(world).status == "no endpoint"
    assert counts(world, fault) == (0, 0)


def test_an_event_that_is_held_meets_no_fault(hooked: World) -> None:
    with hooked.lock:
        hooked.deliveries.pause(INSTANCE)
    fault = arm(hooked, DELIVERIES, delay=Delay(1, 1), times=1)

    assert write(hooked).status == "held"
    assert counts(hooked, fault) == (0, 0)


def test_a_redelivery_sets_out_at_once_and_its_attempts_meet_faults(hooked: World) -> None:
    event = write(hooked)
    delivered(hooked)
    arm(hooked, DELIVERIES, action="drop")
    arm(hooked, DELIVERIES, action="drop_response")

    (again,) = hooked.deliveries.redeliver([hooked.deliveries.get(event.id)])

    job = claim(hooked)
    assert job.delivery.id == again.id
    assert job.fault is not None
    assert job.fault.action == "drop_response"


def test_a_redelivery_has_not_met_the_fault_of_the_first(hooked: World) -> None:
    arm(hooked, DELIVERIES, action="duplicate", times=1)
    event = write(hooked)
    delivered(hooked)
    first = hooked.deliveries.get(event.id)

    (again,) = hooked.deliveries.redeliver([first])

    assert (first.fault, again.fault) == ("fault-1", None)


def test_a_raw_event_of_any_shape_is_matched(hooked: World) -> None:
    arm(hooked, DELIVERIES, {"body": {"data": {"message": {"a": {"b": 1}}}}}, action="drop")

    assert write(hooked, raw={"a": {"b": 1, "c": []}}).status == "dropped"
    assert write(hooked, raw={"a": 1}).status == "pending"


# Conditions that take long


def name_of_fault(world: World) -> str:
    """Return the name of the fault that the next attempt meets."""
    fault = claim(world).fault
    assert fault is not None
    return fault.name


@pytest.mark.parametrize("on", [CALLS, DELIVERIES])
def test_a_fault_whose_regular_expression_takes_too_long_matches_nothing_and_a_warning_says_so(
    on: str, hooked: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flaresend_mock.core.matchers.matchers.MAX_WORK", 2000)
    monkeypatch.setattr(bounded_store, "MAX_FAULT_WORK", 1000)
    place = {"text": {"regex": "x"}} if on == CALLS else {"event": {"regex": "x"}}
    arm(hooked, on, {"body": place})
    arm(hooked, on, name="next")

    if on == CALLS:
        assert call(hooked, body={"text": "x" * 5000}) == "next"
    else:
        write(hooked)
        assert name_of_fault(hooked) == "next"

    (message,) = caplog.messages
    assert message.startswith("fault-1 does not match: match.body.")
    assert "takes too long in a text of" in message


def test_the_work_of_all_faults_of_an_event_is_bounded_together(
    hooked: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The world waits while its faults look at an event."""
    for number in range(5):
        arm(hooked, DELIVERIES, {"body": {"event": {"regex": f"{number}x"}}})
    monkeypatch.setattr(bounded_store, "MAX_FAULT_WORK", 6000)

    for sender in (ANN, BEN):
        write(hooked, sender=sender)
        assert claim(hooked).fault is None
    assert limit.left is None
    assert [said.split()[0] for said in caplog.messages] == ["fault-4", "fault-5"]  # once each


@pytest.mark.parametrize(
    ("match", "body"),
    [
        ({"data": {"message": {"conversation": {"one_of": [{"contains": f"{n}x"} for n in range(9)]}}}}, "x" * 1000),
        ({"data": {"message": {"a": {"one_of": [{"contains": n} for n in range(9)]}}}}, {"a": ["x"] * 20}),
        ({"data": {"message": {"a": {"one_of": [{"equal": {"b": n}} for n in range(9)]}}}}, {"a": {"b": ["y"] * 20}}),
    ],
)
def test_the_work_of_other_conditions_is_bounded_with_it(
    match: Any, body: Any, hooked: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    arm(hooked, DELIVERIES, {"body": match})
    arm(hooked, DELIVERIES, name="next")
    monkeypatch.setattr(bounded_store, "MAX_FAULT_WORK", 700)

    write(hooked, **({"text": body} if isinstance(body, str) else {"raw": body}))

    assert name_of_fault(hooked) == "next"
    (message,) = caplog.messages
    assert message.startswith("fault-1 does not match: ")
    assert "takes too long" in message


def drop_the_first(world: World, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arm a fault that drops all events, and let it look at this number of them while others wait for the world."""
    arm(world, DELIVERIES, {"body": {"event": {"regex": "received"}}}, action="drop")
    _, size = compile_regex("received", "")
    work = size * (len("message_received") + matchers._COMPILING)
    monkeypatch.setattr(bounded_store, "MAX_FAULT_WORK", count * work)


def fates(world: World) -> str:
    """Draw which events were dropped."""
    return "".join("x" if one.status == "dropped" else "." for one in world.deliveries.all())


def test_the_work_for_all_events_that_waited_for_an_instance_is_bounded_together(
    hooked: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drop_the_first(hooked, 3, monkeypatch)
    hooked.pairing.set_status(INSTANCE, "disconnected")
    for _ in range(5):
        write(hooked)

    hooked.pairing.set_status(INSTANCE, "connected")

    assert sorted(fates(hooked)) == sorted("xxx..")
    assert len(caplog.messages) == 1
    for _ in range(4):  # each of its own call
        assert write(hooked).status == "dropped"


@pytest.mark.parametrize("way", ["people", "groups", "members", "task"])
def test_the_work_for_all_copies_of_a_message_is_bounded_together(
    way: str, hooked: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drop_the_first(hooked, 3, monkeypatch)
    others = [str(254733000111 + number) for number in range(5 if way == "members" else 1)]
    for number in others:
        other = hooked.instances.create(number=number, status="connected")
        hooked.instances.set_webhook(other.id, Webhook(HOOK))
    group = hooked.groups.create(INSTANCE, "Team", others).group.id

    for count in (1, 2):
        match way:
            case "people":
                hooked.sending.send(INSTANCE, others * 5, text())
            case "task":
                hooked.schedule.add(INSTANCE, others * 5, text(), datetime(2030, 1, count))
                hooked.timeline.advance_to_next()
            case _:
                hooked.groups.send(INSTANCE, [group] * (5 if way == "groups" else 1), text())

        assert fates(hooked) == "xxx.." * count
    assert limit.left is None
    assert len(caplog.messages) == 1


def test_one_worker_at_a_time_waits_for_the_world_beside_other_callers(
    hooked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults may look at each event for a second: dozens of workers would keep a call waiting for as long."""
    waiting: list[int] = []
    counts: list[int] = []

    class Watched:
        def __enter__(self) -> None:
            waiting.append(1)
            counts.append(len(waiting))
            arrived.release()
            lock.acquire()
            waiting.pop()

        def __exit__(self, *_: object) -> None:
            lock.release()

    for number in range(8):
        write(hooked, sender=str(int(ANN) + number))
    begun, arrived, lock = Semaphore(0), Semaphore(0), hooked.lock
    monkeypatch.setattr(hooked, "lock", Watched())

    def claim_next() -> None:
        begun.release()
        hooked.deliveries.claim(INSTANCE)

    with ThreadPoolExecutor(8) as workers, lock:
        for _ in range(8):
            workers.submit(claim_next)
        for _ in range(8):
            begun.acquire()
        arrived.acquire()

    assert set(counts) == {1}
    assert len(hooked.deliveries.lanes.under_way()) == 8
