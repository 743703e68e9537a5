"""A message to many lets others call between its portions: at each moment, what they see, save and change is whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core import sending, state, store
from flaresend_mock.core.clock import LATEST
from flaresend_mock.core.models import Content, Rule, Task, Upload
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, FAMILY, INSTANCE, OUR_NUMBER, PROJECT, text
from tests.support import KEY, RealTime

OTHER = "254733000111"
PEOPLE = tuple(str(int(ANN) + number) for number in range(7))
SOON = datetime(2025, 11, 14, 10, 30)
FILE = Upload(b"%PDF" + b"x" * 2500, "list.pdf", "application/pdf")
PORTIONS = 3  # of two, before the last one

Meanwhile = Callable[[Callable[[], Any]], list[Any]]


@pytest.fixture
def meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Makes a call between each two portions of a message, and returns the list of what the calls return."""

    def make(call: Callable[[], Any]) -> list[Any]:
        found: list[Any] = []
        monkeypatch.setattr(world._recorded, "wait", lambda seconds: found.append(call()))
        return found

    for module in (sending, store):
        monkeypatch.setattr(module, "PORTION", 2)
    return make


def scheduled(world: World, content: Content | None = None) -> Task:
    return world.schedule.add(INSTANCE, PEOPLE, content or text(), SOON)


def imported(state: State) -> State:
    return load_world(json.loads(export(state, secrets=True)))


def got(state: State) -> list[str]:
    return [message.to for message in state.messages if message.direction == "outbound"]


def statuses(world: World) -> list[str]:
    return [task.status for task in (*world.state.tasks.values(), *world.state.ended_tasks)]


def changes_of_tasks(world: World) -> list[str]:
    return [getattr(event.subject, "action", "") for event in world.state.events.since(kind="task")]


def test_what_is_being_sent_is_no_longer_pending(world: World, client: Client, meanwhile: Meanwhile) -> None:
    scheduled(world)
    lists = meanwhile(
        lambda: [
            client.get("/_mock/scheduled").json,
            client.get("/scheduled-messages", headers=KEY).json,
            client.get("/_mock/world").json,
        ]
    )

    world.timeline.advance(timedelta(hours=1))

    assert [(control["scheduled"], api["data"]) for control, api, _ in lists] == [([], [])] * PORTIONS
    assert [len(exported["tasks"][0]["recipients"]) for *_, exported in lists] == [5, 3, 1]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("PATCH", "/scheduled-messages/{}", {"text": "new"}, 400, "can no longer be updated"),
        ("PATCH", "/scheduled-messages/{}", {"sendAt": "2025-11-14 12:00:00"}, 400, "can no longer be updated"),
        ("PATCH", "/scheduled-messages/{}", {"recipients": [ANN]}, 400, "can no longer be updated"),
        ("DELETE", "/scheduled-messages/{}", None, 404, ""),
        ("DELETE", "/_mock/scheduled/{}", None, 404, ""),
    ],
)
def test_what_is_being_sent_is_refused_as_what_was_sent(
    method: str, path: str, body: Any, status: int, error: str, world: World, client: Client, meanwhile: Meanwhile
) -> None:
    task = scheduled(world)
    call = partial(client.open, path.format(task.id), method=method, json=body, headers=KEY)
    responses = meanwhile(call)

    world.timeline.advance(timedelta(hours=1))
    world.timeline.advance(timedelta(hours=9))

    assert [one.status_code for one in responses] == [status] * PORTIONS
    assert {one.text for one in responses} == {call().text}
    assert error in responses[0].text
    assert got(world.state) == list(PEOPLE)
    assert statuses(world) == ["sent"]


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.pairing.disconnect(INSTANCE, log_out=True),
        lambda world: world.timeline.change(now=world.clock.now() - timedelta(days=1), frozen=True),
        lambda world: world.instances.create(number=OTHER),
    ],
)
def test_what_changes_meanwhile_changes_nothing_for_a_message_that_is_being_sent(
    change: Callable[[World], None], world: World, real_time: RealTime, meanwhile: Meanwhile
) -> None:
    scheduled(world)
    calls = iter([change])
    meanwhile(lambda: next(calls, lambda world: None)(world))

    real_time.pass_by(hours=1)
    world.timeline.run_due()

    assert got(world.state) == list(PEOPLE)
    assert statuses(world) == ["sent"]
    imported(world.saved())


def test_each_copy_sends_to_those_who_have_not_got_it(
    world: World, make_world: Callable[[State], World], meanwhile: Meanwhile
) -> None:
    scheduled(world)
    copies = meanwhile(world.saved)

    world.timeline.advance(timedelta(hours=1))

    assert [len(got(copy)) for copy in copies] == [2, 4, 6]
    for copy in copies:
        again = make_world(imported(copy))
        again.timeline.advance(timedelta(hours=1))
        assert got(again.state) == list(PEOPLE)
        assert statuses(again) == ["sent"]
    assert got(imported(world.saved())) == list(PEOPLE)


def test_snapshots_of_a_message_that_is_being_sent_are_all_kept(world: World, meanwhile: Meanwhile) -> None:
    scheduled(world)
    names = iter("abc")
    meanwhile(lambda: world.snapshots.take(next(names)))
    world.timeline.advance(timedelta(hours=1))
    meanwhile(lambda: None)

    assert list(world.snapshots.all()) == ["a", "b", "c"]
    for name in "abc":
        world.restore(name)
        world.timeline.advance(timedelta(hours=1))
        assert got(world.state) == list(PEOPLE)
        assert statuses(world) == ["sent"]


@pytest.mark.parametrize("how", ["reset", "restore", "import"])
def test_a_world_that_returns_to_another_state_knows_nothing_of_what_is_being_sent(
    how: str, world: World, real_time: RealTime, meanwhile: Meanwhile
) -> None:
    scheduled(world)
    world.snapshots.take("before")
    world.replace(imported(world.saved()))
    ways: dict[str, Callable[[], None]] = {
        "reset": world.reset,
        "restore": lambda: world.restore("before"),
        "import": lambda: world.replace(world.snapshots.get("before").copy()),
    }
    calls = iter([ways[how]])
    meanwhile(lambda: next(calls, lambda: None)())

    with world.lock:
        due = world.state.timers.pop_due(LATEST)
        assert due is not None
        world.schedule.send_due(due.key)

    assert got(world.state) == []
    assert statuses(world) == ["pending"]
    assert changes_of_tasks(world) == ["scheduled"]
    world.timeline.advance(timedelta(hours=1))
    assert got(world.state) == list(PEOPLE)


def test_a_call_is_told_of_all_that_it_sent_though_the_world_is_reset_meanwhile(
    world: World, meanwhile: Meanwhile
) -> None:
    meanwhile(world.reset)

    outcome = world.sending.send(INSTANCE, PEOPLE, text())
    to_groups = world.groups.send(INSTANCE, [FAMILY, PROJECT, FAMILY], text())

    assert (outcome.total, len(outcome.successful)) == (len(PEOPLE), len(PEOPLE))
    assert to_groups.successful == (FAMILY, PROJECT, FAMILY)
    assert list(world.state.messages) == []


@pytest.mark.parametrize("by", ["call", "task"])
def test_an_instance_that_is_removed_while_it_sends_leaves_a_world_that_is_imported(
    by: str, world: World, meanwhile: Meanwhile
) -> None:
    sender = world.instances.create(number=OTHER, status="connected").id
    world.people.put(ANN, rules=(Rule(),))
    people = [*PEOPLE, world.instances.first().number]

    def remove() -> State:
        if sender in world.state.instances:
            world.remove_instance(sender)
        return imported(world.saved())

    copies = meanwhile(remove)
    if by == "call":
        world.sending.send(sender, people, text())
    else:
        world.schedule.add(sender, people, text(), SOON)
        world.timeline.advance(timedelta(hours=1))

    assert [len(copy.tasks) for copy in (*copies, imported(world.saved()))] == [0, 0, 0, 0]
    assert got(world.state) == people


def leave(world: World, sender: str) -> None:
    """Remove an instance, and let its number leave WhatsApp."""
    world.remove_instance(sender)
    world.people.put(OTHER, on_whatsapp=False)


def hand_over(world: World, sender: str) -> None:
    """Remove an instance, and link its number to the other one."""
    world.remove_instance(sender)
    world.pairing.disconnect(INSTANCE, log_out=True)
    world.pairing.set_status(INSTANCE, "qr")
    world.pairing.scan(INSTANCE, number=OTHER)
    world.pairing.set_status(INSTANCE, "connected")


@pytest.mark.parametrize("by", ["call", "task", "groups"])
@pytest.mark.parametrize(("change", "receiver"), [(leave, OUR_NUMBER), (hand_over, OTHER)])
def test_a_copy_that_another_instance_cannot_get_any_more_fails_no_message(
    change: Callable[[World, str], None], receiver: str, by: str, world: World, meanwhile: Meanwhile
) -> None:
    sender = world.instances.create(number=OTHER, status="connected").id
    group = world.groups.make(sender, "Shops", [OUR_NUMBER]).group.id
    people = [*PEOPLE, receiver, ANN]
    calls = iter([change])
    meanwhile(lambda: next(calls, lambda *_: None)(world, sender))

    if by == "call":
        assert len(world.sending.send(sender, people, text()).successful) == len(people)
    elif by == "groups":
        assert len(world.groups.send(sender, [group] * len(people), text()).successful) == len(people)
    else:
        world.schedule.add(sender, people, text(), SOON)
        (fired,) = world.timeline.advance(timedelta(hours=1))
        assert (fired.result, fired.reason) == ("sent", None)
        assert changes_of_tasks(world) == ["scheduled", "sent"]

    assert got(world.state) == ([group] * len(people) if by == "groups" else people)
    assert not world.state.being_sent
    imported(world.saved())


def test_what_fails_unexpectedly_ends_its_task_and_leaves_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PORTION", 2)
    monkeypatch.setattr(world.sending, "record", lambda *_: 1 / 0)
    scheduled(world)

    for call in (
        lambda: world.timeline.advance(timedelta(hours=1)),
        lambda: world.sending.send(INSTANCE, PEOPLE, text()),
        lambda: world.groups.send(INSTANCE, [FAMILY], text()),
    ):
        with pytest.raises(ZeroDivisionError) as kept:  # and with it, what was under way
            call()
        assert kept.tb
        assert not world.state.being_sent

    (task,) = world.state.ended_tasks
    assert (task.status, task.reason) == ("failed", "Internal server error")
    assert changes_of_tasks(world) == ["scheduled", "failed"]


@pytest.mark.parametrize("by", ["call", "task", "groups"])
def test_the_file_of_a_message_is_kept_until_all_have_it(
    by: str, make_world: Callable[[State], World], world: World, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_MEDIA_BYTES", 4000)
    for kept in (world.state.media, world.state.served):
        kept.max_bytes = 4000
    world.instances.create(number=OTHER, status="connected")
    group = world.groups.make(INSTANCE, "Shops", [OTHER]).group.id
    content = Content("document", upload=FILE)
    meanwhile(lambda: world.sending.send(INSTANCE, [ANN], content))

    if by == "call":
        world.sending.send(INSTANCE, [OTHER] * 5, content)
    elif by == "groups":
        world.groups.send(INSTANCE, [group] * 5, content)
    else:
        world.schedule.add(INSTANCE, [OTHER] * 5, content, SOON)
        world.timeline.advance(timedelta(hours=1))

    received = [message for message in world.state.messages if message.direction == "inbound"]
    assert [message.payload["documentMessage"]["fileLength"] for message in received if message.payload] == ["2504"] * 5
    assert world.state.media.bytes <= 4000
    assert not world.state.being_sent
