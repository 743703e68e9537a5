"""Bounds: what a world holds is bounded in number and in bytes, and a refusal at a bound changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from werkzeug.test import Client

from flaresend_mock.core import inbound, sending
from flaresend_mock.core.errors import InvalidWorld, WorldFull
from flaresend_mock.core.models import Content, Rule, Upload, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world, validate
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, INSTANCE, text
from tests.support import KEY, NOW

BOB = "254700000008"

SOON = NOW.replace(tzinfo=None) + timedelta(hours=1)


def document(size: int = 1000) -> Content:
    return Content(type="document", upload=Upload(b"x" * size, "a.bin", ""))


def exported(world: World) -> bytes:
    return export(world.saved(), secrets=True)


def load(saved: bytes) -> State:
    return load_world(json.loads(saved))


def refused(world: World, call: Callable[[], object], match: str) -> None:
    """Check that a call is refused at a bound, and that nothing has changed, not even the next id."""
    before = exported(world)
    with pytest.raises(WorldFull, match=match):
        call()
    assert exported(world) == before


def echo(world: World, *numbers: str, after: float = 60) -> None:
    for number in numbers:
        world.people.put(number, rules=(Rule(after=after),))


def test_a_file_that_a_scheduled_message_needs_is_not_evicted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    task = world.schedule.add(INSTANCE, [ANN], document(), SOON)
    world.state.media.max_bytes = 3000
    for _ in range(5):
        world.sending.send(INSTANCE, [BOB], document())

    assert task.content.media is not None
    assert world.media.get(task.content.media).data == b"x" * 1000
    assert len(world.state.media) == 2

    world.timeline.advance(timedelta(hours=1))
    sent = next(one for one in world.state.messages if one.chat.startswith(ANN))

    assert sent.content.media == task.content.media
    for _ in range(3):
        world.sending.send(INSTANCE, [BOB], document())
    assert world.state.media.get(task.content.media) is None


@pytest.mark.parametrize("end", ["cancel", "replace"])
def test_a_file_that_is_needed_no_more_is_evicted(end: str, world: World) -> None:
    task = world.schedule.add(INSTANCE, [ANN], document(), SOON)
    if end == "cancel":
        world.schedule.cancel(INSTANCE, task.id)
    else:
        world.schedule.update(INSTANCE, task.id, {"url": "https://example.com/a.bin"})
    world.state.media.max_bytes = 2000
    world.sending.send(INSTANCE, [BOB], document())

    assert world.state.media.get(task.content.media or "") is None


def test_files_of_scheduled_messages_survive_an_export_and_an_import(world: World) -> None:
    task = world.schedule.add(INSTANCE, [ANN], document(), SOON)
    world.state.media.max_bytes = 1000
    world.sending.send(INSTANCE, [BOB], document())
    saved = exported(world)

    again = load(saved)

    assert set(again.task_files()) == {task.content.media}
    assert export(again, secrets=True) == saved


def test_files_of_scheduled_messages_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MAX_MEDIA_BYTES", 2500)
    first = world.schedule.add(INSTANCE, [ANN], document(3000), SOON)
    refused(world, lambda: world.schedule.add(INSTANCE, [ANN], document(1), SOON), "files of scheduled messages")

    world.schedule.update(INSTANCE, first.id, {"upload": Upload(b"x", "a.bin", "")})
    second = world.schedule.add(INSTANCE, [ANN], document(500), SOON)
    change = {"upload": Upload(b"x" * 3000, "b.bin", "")}
    refused(world, lambda: world.schedule.update(INSTANCE, second.id, change), "files of scheduled messages")

    world.schedule.cancel(INSTANCE, first.id)
    world.schedule.update(INSTANCE, second.id, change)


def test_a_scheduled_message_beyond_the_bound_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    task = world.schedule.add(INSTANCE, [ANN], text("x" * 1000), SOON)
    monkeypatch.setattr(sending, "MAX_PENDING_BYTES", task.size + 500)

    refused(world, lambda: world.schedule.add(INSTANCE, [ANN], text("x"), SOON), "too many scheduled messages")
    refused(world, lambda: world.schedule.add(INSTANCE, [ANN], document(1), SOON), "too many scheduled messages")
    longer = {"text": "x" * 2000}
    refused(world, lambda: world.schedule.update(INSTANCE, task.id, longer), "too many scheduled messages")
    world.schedule.update(INSTANCE, task.id, {"text": "x" * 1200})
    monkeypatch.setattr(sending, "MAX_PENDING_BYTES", 0)
    world.schedule.update(INSTANCE, task.id, {"text": "x"})


def test_a_message_whose_automatic_replies_find_no_room_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo(world, ANN, BOB)
    monkeypatch.setattr(sending, "MAX_PENDING_BYTES", 4000)
    world.sending.send(INSTANCE, [ANN, BOB], text("x" * 1000))
    assert world.state.pending_bytes == world.state.auto_replies.bytes > 3000

    refused(world, lambda: world.sending.send(INSTANCE, [ANN], text("x" * 1000)), "too many automatic replies")
    world.sending.send(INSTANCE, ["254700000009"], text("x" * 1000))
    world.timeline.advance(timedelta(minutes=1))

    assert world.state.auto_replies == {}
    assert world.state.pending_bytes == 0
    world.sending.send(INSTANCE, [ANN], text("x" * 1000))


def test_a_scheduled_message_whose_automatic_reply_finds_no_room_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo(world, ANN)
    task = world.schedule.add(INSTANCE, [ANN], text("hello"), SOON)
    monkeypatch.setattr(sending, "MAX_PENDING_BYTES", task.size)

    fired = world.timeline.advance(timedelta(hours=1))

    assert [(one.id, one.result) for one in fired] == [(task.id, "failed")]
    assert fired[0].reason is not None
    assert fired[0].reason.startswith("Too many automatic replies")
    assert list(world.state.messages) == []


def test_events_beyond_the_bound_are_refused_unless_none_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def write() -> object:
        return world.inbound.receive(InboundMessage(ANN, text="x" * 1000))

    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    write()
    monkeypatch.setattr(inbound, "MAX_PENDING_BYTES", 1000)
    refused(world, write, "too many bytes wait to be sent already")
    own = {"event": "message_received", "data": {}}
    refused(world, lambda: world.inbound.receive_event(own), "too many bytes wait to be sent already")

    with world.lock:
        world.deliveries.pause(INSTANCE)
    write()


@pytest.mark.parametrize("part", ["tasks", "files"])
def test_a_world_with_more_than_a_bound_is_refused_with_a_sentence(
    part: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        world.schedule.add(INSTANCE, [ANN], document(2 * 1024 * 1024) if part == "files" else text("x" * 1000), SOON)
    name = "MAX_MEDIA_BYTES" if part == "files" else "MAX_PENDING_BYTES"
    saved = exported(world)
    monkeypatch.setattr(validate, name, 5 * 1024 * 1024 if part == "files" else 4000)
    load(saved)  # the last one may be beyond the bound
    monkeypatch.setattr(validate, name, 4 * 1024 * 1024 if part == "files" else 3000)

    with pytest.raises(InvalidWorld, match=r"(Files of s|S)cheduled messages.* take at most \d+ MiB"):
        load(saved)


def test_the_api_says_429_and_the_control_plane_409_at_a_bound(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    world.inbound.receive(InboundMessage(ANN, text="x" * 1000))
    for module in (sending, inbound):
        monkeypatch.setattr(module, "MAX_PENDING_BYTES", 0)

    body = {"recipients": [ANN], "type": "text", "text": "x", "sendAt": f"{SOON:%F %T}"}
    response = client.post("/schedule-message", json=body, headers=KEY)
    inbound_response = client.post("/_mock/inbound", json={"from": ANN, "text": "Hi"})

    message = "too many scheduled messages and undelivered events; cancel or deliver some"
    assert (response.status_code, response.get_json()) == (429, {"success": False, "message": message})
    error = inbound_response.get_json()["error"]
    assert (inbound_response.status_code, error["code"]) == (409, "too_many")
    assert error["message"].startswith("too many bytes wait to be sent already")
