"""Memory: what all worlds of an emulator hold together is bounded. Logs are evicted; the rest is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.core import store
from flaresend_mock.core.errors import TooMany, WorldFull
from flaresend_mock.core.models import Content, Reply, Rule, Upload, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, BEN, FAMILY, INSTANCE, OWNED, text
from tests.support import NOW, default_state

MB = 1024 * 1024
KB = 1024
SOON = NOW.replace(tzinfo=None) + timedelta(days=400)
HOOK = Webhook("http://localhost:9/hook")
MESSAGE = "the worlds of this emulator take"


@pytest.fixture
def emulator() -> FlaresendMock:
    """An emulator that is not started, with a world `other` beside the default one."""
    emulator = FlaresendMock(auth="open", api_key="KEY")
    emulator.worlds.create("other", default_state())
    return emulator


@pytest.fixture
def worlds(emulator: FlaresendMock) -> Worlds:
    return emulator.worlds


@pytest.fixture
def world(worlds: Worlds) -> World:
    return worlds.default()


def held(worlds: Worlds) -> int:
    return sum(one.bytes for one in worlds.all())


def document(size: int) -> Content:
    return Content(type="document", upload=Upload(b"x" * size, "a.bin", ""))


def fill(worlds: Worlds, monkeypatch: pytest.MonkeyPatch, more: int = 0) -> None:
    """Have the worlds hold as much as they may in what is not evicted, but for so many bytes."""
    monkeypatch.setattr(store, "MAX_MEMORY", sum(one.bytes - one.state.logs_bytes for one in worlds.all()) + more)


def test_all_that_counts_its_bytes_is_counted(world: World) -> None:
    boxes = [box for box in (*vars(world.state).values(), world.state.events.kept) if hasattr(box, "bytes")]

    assert sorted(map(id, world.state.boxes())) == sorted(map(id, boxes))
    assert world.state.bytes == sum(box.bytes for box in boxes)


def test_the_largest_logs_of_all_worlds_are_evicted_first(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = worlds.default(), worlds.get("other")
    for number in range(100):
        large.sending.send(large.instances.first().id, [ANN], text("x" * 10_000))
        if number % 10 == 0:
            small.sending.send(INSTANCE, [ANN], text("x" * 10_000))
    monkeypatch.setattr(store, "MAX_MEMORY", held(worlds))
    kept = list(small.state.messages)
    for _ in range(32):
        small.sending.send(INSTANCE, [BEN], text("x" * 10_000))

    assert list(small.state.messages)[:10] == kept
    assert large.state.messages.evicted > 10
    assert large.state.events.evicted("message") > 10
    assert held(worlds) <= store.MAX_MEMORY + store.MEASURED * 20_000


def test_logs_of_a_full_emulator_are_evicted_and_no_message_is_refused(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(worlds, monkeypatch, 2 * MB)
    for _ in range(10):
        for world in worlds.all():
            world.sending.send(world.instances.first().id, [ANN], document(100 * KB))
            world.sending.send(world.instances.first().id, [ANN], text("x" * 300_000))

    assert held(worlds) <= store.MAX_MEMORY + 700_000
    assert all(world.state.messages for world in worlds.all())


def test_logs_are_evicted_for_some_time_ahead(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """To look at all worlds for each event would take a full emulator seconds for one message."""
    world = worlds.default()
    for _ in range(100):
        world.sending.send(INSTANCE, [ANN], text("x" * 10_000))
    fill(worlds, monkeypatch, world.state.logs_bytes)
    looked: list[None] = []
    logs = State.logs_bytes.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(State, "logs_bytes", property(lambda state: (looked.append(None), logs(state))[1]))
    monkeypatch.setattr(store, "MAX_MEMORY", store.MAX_MEMORY - 1)

    for _ in range(100):
        world.sending.send(INSTANCE, [ANN], text("x" * 200))

    assert 0 < len(looked) < 50


def test_the_newest_message_of_a_full_emulator_is_kept(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds.default()
    fill(worlds, monkeypatch, -1)

    for number in range(100):
        world.sending.send(INSTANCE, [BEN], text(f"{number}" + "x" * 5000))
        assert (list(world.state.messages)[-1].content.text or "").startswith(f"{number}x")


def test_a_full_emulator_keeps_most_of_its_logs(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is evicted ahead is at most a quarter of them."""
    world = worlds.default()
    for _ in range(50):
        world.sending.send(INSTANCE, [BEN], text("x" * 1000))
    world.state.people[ANN] = replace(world.state.people[ANN], name="x" * 100 * MB)
    monkeypatch.setattr(store, "MAX_MEMORY", held(worlds))  # of which a hundredth is more than the logs are
    before = world.state.logs_bytes

    world.sending.send(INSTANCE, [BEN], text("x" * 5000))

    assert world.state.logs_bytes > before // 2


def test_a_world_that_shrinks_while_it_is_removed_counts_once(worlds: Worlds) -> None:
    other = worlds.create("large", default_state())
    other.people.put(ANN, name="x" * MB)
    other.host.on_world_closed(other)
    gone = threading.Thread(target=lambda: worlds.remove("large"))
    with other.lock:
        gone.start()
        while "large" in [one.name for one in worlds.all()]:
            gone.join(0.01)
        other.people.put(ANN, name="")
        worlds.make_room(other, 0)
    gone.join()

    worlds.make_room(worlds.default(), 0)

    assert worlds._held == held(worlds)


def test_what_an_import_and_a_return_bring_is_measured_at_once(worlds: Worlds) -> None:
    world = worlds.default()
    world.people.put(ANN, rules=(Rule(reply="x" * 50_000),) * 30)
    world.snapshots.take("large")
    world.reset()
    assert worlds._held == held(worlds)
    world.restore("large")
    assert worlds._held == held(worlds) > 2 * MB

    world.replace(world.saved())

    assert worlds._held == held(worlds) > 4 * MB


def test_a_world_that_continues_holds_what_it_held_before(worlds: Worlds) -> None:
    saved = worlds.default()
    before = saved.bytes
    saved.people.put(ANN, rules=(Rule(reply="x" * 50_000),) * 30)
    grown = saved.bytes - before

    worlds.restore("again", saved.saved())
    again = worlds.get("again")

    assert grown > MB
    assert again.bytes == again.state.bytes < before + grown
    again.people.put(ANN, rules=())
    assert again.bytes == again._origin.bytes + again.snapshots.bytes > grown
    again.replace(again.saved())
    assert again.bytes == 2 * again.state.bytes


def test_a_world_that_continues_and_has_changed_counts_what_it_does_not_share(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.core.world.LOOKED_AT", 5)
    worlds.default().people.put(ANN, rules=(Rule(reply="x" * 50_000),) * 30)
    worlds.restore("again", worlds.default().saved())
    again = worlds.get("again")
    once = again.bytes

    again.people.put(ANN, rules=(Rule(reply="y" * 50_000),) * 30)
    for _ in range(10):
        again.people.put(BEN, name="Ben")

    assert again.bytes > once + MB
    again.reset()
    assert again.bytes < once + 10 * KB


def test_a_file_of_a_scheduled_message_is_not_evicted(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds.default()
    task = world.schedule.add(INSTANCE, [ANN], document(MB), SOON)
    monkeypatch.setattr(store, "MAX_MEMORY", held(worlds) + 100 * KB)
    for _ in range(10):
        world.sending.send(INSTANCE, [ANN], document(90 * KB))

    assert world.media.get(task.content.media or "").size > MB
    assert len(world.state.media) < 5


REFUSED: dict[str, Callable[[World], object]] = {
    "people": lambda world: world.people.put("254700000008"),
    "rules": lambda world: world.people.put(ANN, rules=(Rule(reply="x"),)),
    "groups": lambda world: world.groups.create(INSTANCE, "New", [ANN]),
    "members": lambda world: world.groups.arrange(FAMILY, "add", ["254700000008"]),
    "channels": lambda world: world.channels.create(INSTANCE, "New"),
    "the text of a channel": lambda world: world.channels.update(INSTANCE, OWNED, {"description": "x"}),
    "the text of a channel by the control plane": lambda world: world.channels.change(
        OWNED, {"description": "x"}, None, None
    ),
    "instances": lambda world: world.instances.create(),
    "webhooks": lambda world: world.instances.set_webhook(INSTANCE, HOOK),
    "faults": lambda world: world.faults.arm(name="", on="calls", match={}, reply=Reply(500)),
    "scheduled messages": lambda world: world.schedule.add(INSTANCE, [ANN], text("x"), SOON),
    "files": lambda world: world.sending.send(INSTANCE, [ANN], document(20 * MB)),
    "files of scheduled messages": lambda world: world.schedule.add(INSTANCE, [ANN], document(20 * MB), SOON),
    "received messages": lambda world: world.inbound.receive(InboundMessage(ANN, text="Hi")),
    "received files": lambda world: world.inbound.receive(
        InboundMessage(ANN, kind="document", upload=Upload(b"x" * 20 * MB, "a.bin", ""))
    ),
    "own events": lambda world: world.inbound.receive_event({"event": "message_received", "data": {}}),
    "snapshots": lambda world: world.snapshots.take("one"),
}


@pytest.mark.parametrize(
    "message",
    [
        InboundMessage(ANN, kind="document"),
        InboundMessage(ANN, kind="disappearing", details={"seconds": 86_400}),
        InboundMessage(ANN, kind="document", upload=Upload(b"x" * 3000, "a.bin", "")),
    ],
)
@pytest.mark.parametrize("more", [-1, 0, 1, 2500, 5000])
def test_a_message_is_received_whole_or_not_at_all(
    more: int, message: InboundMessage, worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds.default()
    world.inbound.receive(InboundMessage(BEN, text="x" * 1000))
    fill(worlds, monkeypatch, more)
    before = export(world.saved(), secrets=True)

    try:
        received = world.inbound.receive(message)
    except WorldFull:
        assert export(world.saved(), secrets=True) == before
    else:
        assert world.deliveries.get(received.delivery.id).message == received.message.id


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_a_full_emulator_refuses_more_and_nothing_changes(
    call: Callable[[World], object], worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds.default()
    world.sending.send(INSTANCE, [ANN], text("x" * 1000))
    fill(worlds, monkeypatch)
    monkeypatch.setattr(store, "MAX_MEMORY", store.MAX_MEMORY - 1)
    before = export(world.saved(), secrets=True)

    with pytest.raises(WorldFull, match=MESSAGE):
        call(world)
    assert export(world.saved(), secrets=True) == before

    monkeypatch.undo()
    call(world)


def test_a_received_file_needs_room_for_itself_and_for_its_copy_on_the_media_host(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, file = worlds.default(), Upload(b"x" * MB, "a.bin", "")
    fill(worlds, monkeypatch, 2 * MB - 1)
    with pytest.raises(WorldFull, match=MESSAGE):
        world.inbound.receive(InboundMessage(ANN, kind="document", upload=file))

    fill(worlds, monkeypatch, 2 * MB + 100 * KB)
    world.inbound.receive(InboundMessage(ANN, kind="document", upload=file))


def test_a_scheduled_file_needs_room_for_itself(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds.default()
    fill(worlds, monkeypatch, MB)
    with pytest.raises(WorldFull, match=MESSAGE):
        world.schedule.add(INSTANCE, [ANN], document(MB), SOON)

    fill(worlds, monkeypatch, MB + 100 * KB)
    world.schedule.add(INSTANCE, [ANN], document(MB), SOON)


def test_a_full_emulator_drops_new_events(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world = worlds.default()
    world.instances.set_webhook(INSTANCE, HOOK)
    first = world.inbound.receive(InboundMessage(ANN, text="x" * 100_000)).delivery
    fill(worlds, monkeypatch, 10_000)

    again = world.deliveries.redeliver([first])

    assert [one.status for one in again] == ["dropped"]


def test_pending_messages_of_many_worlds_and_instances_take_no_more_than_all_may_hold(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_MEMORY", held(worlds) + 20 * MB)
    refused = 0
    for number in range(10):
        world = worlds.create(None, default_state())
        ids = [world.instances.first().id, world.instances.create(status="connected").id]
        for instance in ids * 2:
            try:
                world.schedule.add(instance, [ANN], text(str(number) * MB), SOON)
            except WorldFull:
                refused += 1

    assert refused > 10
    assert held(worlds) <= store.MAX_MEMORY


def test_worlds_that_keys_opened_make_room_for_others(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    first = worlds.with_key("first")
    assert first is not None
    first[0].people.put(ANN, rules=(Rule(reply="x" * MB),))
    monkeypatch.setattr(store, "MAX_MEMORY", held(worlds))

    assert worlds.with_key("second") is not None

    assert first[0].closed
    assert worlds.get("other")


def test_a_full_emulator_refuses_new_worlds_and_imports(
    emulator: FlaresendMock, worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = emulator.app.test_client()
    large = {
        "version": 1,
        "instances": [{"number": "254708920430"}],
        "people": [{"number": ANN, "rules": [{"reply": "x" * 60_000}] * 15}],
    }
    fill(worlds, monkeypatch, MB)

    created = client.post("/_mock/worlds", json={"name": "large", "world": large})
    imported = client.put("/_mock/world", json=large)

    for response in (created, imported):
        assert (response.status_code, response.get_json()["error"]["code"]) == (409, "too_many")
        assert response.get_json()["error"]["message"].startswith(MESSAGE)
    assert ANN not in worlds.default().state.people or not worlds.default().state.people[ANN].rules


def test_a_full_emulator_says_429_to_clients(
    emulator: FlaresendMock, worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(worlds, monkeypatch, -1)
    body = {"recipients": [ANN], "type": "text", "text": "x", "sendAt": f"{SOON:%F %T}"}
    client = emulator.app.test_client()

    response = client.post("/schedule-message", json=body, headers=emulator.headers)
    opened = client.get("/groups", headers={"Authorization": "Bearer NEW"})
    sent = client.post("/send-message", json=body, headers=emulator.headers)

    assert (response.status_code, opened.status_code, sent.status_code) == (429, 429, 200)
    assert response.get_json()["message"].startswith(MESSAGE)


def test_removed_snapshots_and_worlds_make_room(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world, other = worlds.default(), worlds.get("other")
    other.people.put(ANN, name="x" * MB)
    other.people.put(BEN)  # the newest event is not evicted
    world.snapshots.take("one")
    fill(worlds, monkeypatch, -1)
    with pytest.raises(TooMany):
        world.people.put("254700000008")

    world.snapshots.remove("one")
    world.people.put("254700000008")
    fill(worlds, monkeypatch, -1)
    worlds.remove("other")
    world.people.put("254700000009")


def test_the_bound_is_documented() -> None:
    limits = (Path(__file__).parents[2] / "docs" / "limits.md").read_text("utf-8")

    assert f"{store.MAX_MEMORY >> 20:,} MiB" in limits
