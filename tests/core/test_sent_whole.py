"""A message to many is sent as a whole: what others call meanwhile waits, and finds it sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core import state
from flaresend_mock.core.events import Event
from flaresend_mock.core.models import Content, Rule, Task, Upload
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, BEN, FAMILY, INSTANCE, text
from tests.support import KEY, RealTime

OTHER = "254733000111"
PEOPLE = tuple(str(int(ANN) + number) for number in range(1200))
SOON = datetime(2025, 11, 14, 10, 30)
FILE = Upload(b"%PDF" + b"x" * 2500, "list.pdf", "application/pdf")

Meanwhile = Callable[[Callable[[], Any]], Callable[[], Any]]


@pytest.fixture
def meanwhile(world: World) -> Iterator[Meanwhile]:
    """Makes a call from another thread while the first message is sent, and returns what waits for its result."""
    with ExitStack() as ending:

        def make(call: Callable[[], Any]) -> Callable[[], Any]:
            found: list[Any] = []
            thread = threading.Thread(target=lambda: found.append(call()), daemon=True)

            def see(event: Event) -> None:
                if thread.ident is None:
                    thread.start()
                assert found == []  # the call waits

            def result() -> Any:
                ending.close()
                thread.join(10)
                return found[0]

            ending.enter_context(world.subscribers.subscribe("message", see))
            return result

        yield make


def scheduled(world: World, content: Content | None = None) -> Task:
    return world.schedule.add(INSTANCE, PEOPLE, content or text(), SOON)


def imported(state: State) -> State:
    return load_world(json.loads(export(state, secrets=True)))


def got(state: State) -> list[str]:
    return [message.to for message in state.messages if message.direction == "outbound"]


def statuses(world: World) -> list[str]:
    return [task.status for task in (*world.state.tasks.values(), *world.state.ended_tasks)]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("PATCH", "/scheduled-messages/{}", {"text": "new"}, 400, "can no longer be updated"),
        ("PATCH", "/scheduled-messages/{}", {"sendAt": "2025-11-14 12:00:00"}, 400, "can no longer be updated"),
        ("PATCH", "/scheduled-messages/{}", {"recipients": [ANN]}, 400, "can no longer be updated"),
        ("DELETE", "/scheduled-messages/{}", None, 404, "cannot be cancelled"),
        ("DELETE", "/_mock/scheduled/{}", None, 404, "task_not_found"),
    ],
)
def test_what_is_being_sent_is_refused_as_what_was_sent(
    method: str, path: str, body: Any, status: int, error: str, world: World, client: Client, meanwhile: Meanwhile
) -> None:
    path = path.format(scheduled(world).id)
    response = meanwhile(lambda: client.open(path, method=method, json=body, headers=KEY))

    world.timeline.advance(timedelta(hours=1))

    assert (response().status_code, error in response().text) == (status, True)
    world.timeline.advance(timedelta(hours=9))
    assert got(world.state) == list(PEOPLE)
    assert statuses(world) == ["sent"]


def test_lists_and_exports_have_all_of_it(world: World, client: Client, meanwhile: Meanwhile) -> None:
    scheduled(world)
    pending = meanwhile(lambda: client.get("/_mock/scheduled").json)
    listed = meanwhile(lambda: client.get("/_mock/messages").json)
    exported = meanwhile(lambda: load_world(client.get("/_mock/world?with_secrets=true").json))

    world.timeline.advance(timedelta(hours=1))

    assert pending() == {"scheduled": []}
    assert len(listed()["messages"]) == len(PEOPLE)
    assert got(exported()) == list(PEOPLE)
    assert (len(exported().tasks), len(exported().ended_tasks)) == (0, 1)


def test_a_snapshot_has_all_of_it(world: World, meanwhile: Meanwhile) -> None:
    scheduled(world)
    snapshots = [meanwhile(lambda name=name: world.snapshots.take(name)) for name in "ab"]  # type: ignore[misc]

    world.timeline.advance(timedelta(hours=1))

    for name, taken in zip("ab", snapshots, strict=True):
        taken()
        world.restore(name)
        assert got(world.state) == list(PEOPLE)
        assert statuses(world) == ["sent"]


@pytest.mark.parametrize("how", ["reset", "restore", "import"])
def test_a_world_that_returns_to_an_earlier_state_sends_again_what_was_pending_there(
    how: str, world: World, meanwhile: Meanwhile
) -> None:
    scheduled(world)
    world.snapshots.take("before")
    world.replace(imported(world.saved()))
    ways: dict[str, Callable[[], None]] = {
        "reset": world.reset,
        "restore": lambda: world.restore("before"),
        "import": lambda: world.replace(world.snapshots.get("before").copy()),
    }
    returned = meanwhile(ways[how])

    outcome = world.sending.send(INSTANCE, PEOPLE, text())

    assert len(outcome.successful) == len(PEOPLE)
    returned()
    assert got(world.state) == []
    assert statuses(world) == ["pending"]
    world.timeline.advance(timedelta(hours=1))
    assert got(world.state) == list(PEOPLE)


@pytest.mark.parametrize(
    "change",
    [
        lambda world, sender: world.remove_instance(sender),
        lambda world, sender: world.pairing.disconnect(sender, log_out=True),
        lambda world, sender: world.people.put(OTHER, name="Shop", rules=(Rule(),)),
        lambda world, sender: world.people.put(PEOPLE[-1], rules=(Rule("x" * 65_000),)),
    ],
)
@pytest.mark.parametrize("by", ["call", "task"])
def test_what_changes_meanwhile_counts_for_the_next_message(
    by: str, change: Callable[[World, str], None], world: World, meanwhile: Meanwhile
) -> None:
    sender = world.instances.create(number=OTHER, status="connected").id
    changed = meanwhile(lambda: change(world, sender))

    if by == "call":
        world.sending.send(sender, PEOPLE, text())
    else:
        world.schedule.add(sender, PEOPLE, text(), SOON)
        world.timeline.advance(timedelta(hours=1))

    changed()
    assert got(world.state) == list(PEOPLE)
    assert not imported(world.saved()).auto_replies


def test_messages_of_the_same_second_follow_each_other_though_others_run_what_is_due(
    world: World, real_time: RealTime, meanwhile: Meanwhile
) -> None:
    scheduled(world)
    for _ in range(2):
        world.schedule.add(INSTANCE, [BEN], text(), SOON)
    real_time.pass_by(hours=1)
    others = [meanwhile(world.timeline.run_due), meanwhile(lambda: world.timeline.advance(timedelta(minutes=15)))]

    world.timeline.run_due()

    assert all(isinstance(fired(), list) for fired in others)
    assert got(world.state) == [*PEOPLE, BEN, BEN]


def test_what_fails_unexpectedly_ends_its_task_and_leaves_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.sending, "record", lambda *_: 1 / 0)
    scheduled(world, world.sending.kept(Content("document", upload=FILE)))

    for call in (
        lambda: world.timeline.advance(timedelta(hours=1)),
        lambda: world.sending.send(INSTANCE, PEOPLE, text()),
        lambda: world.groups.send(INSTANCE, [FAMILY], text()),
    ):
        with pytest.raises(ZeroDivisionError):
            call()
        assert not world.state.being_sent

    (task,) = world.state.ended_tasks
    assert (task.status, task.reason) == ("failed", "Internal server error")
    changes = [getattr(event.subject, "action", "") for event in world.state.events.since(kind="task")]
    assert changes == ["scheduled", "failed"]


@pytest.mark.parametrize("by", ["call", "task", "groups"])
def test_the_file_of_a_message_is_kept_until_all_have_it(
    by: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MAX_MEDIA_BYTES", 4000)
    for kept in (world.state.media, world.state.served):
        kept.max_bytes = 4000
    world.instances.create(number=OTHER, status="connected")
    group = world.groups.make(INSTANCE, "Shops", [OTHER]).group.id
    content = Content("document", upload=FILE)

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
