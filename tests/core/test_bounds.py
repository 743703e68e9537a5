"""Bounds: what a world holds is bounded in number and in bytes, and a refusal at a bound changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core import bounded_store, deliveries, faults, inbound, media, models, sending
from flaresend_mock.core.bounded_store import MAX_LOG_BYTES, MAX_MEDIA_BYTES, MAX_PENDING_BYTES, BoundedStore, weight
from flaresend_mock.core.deliveries import MAX_OFFLINE
from flaresend_mock.core.errors import InvalidWorld, WorldFull
from flaresend_mock.core.events import EventLog
from flaresend_mock.core.instances import MAX_KEYS
from flaresend_mock.core.models import Attempt, Content, Delay, Delivery, Reply, Rule, Task, Upload, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import BOUNDS, State
from flaresend_mock.core.world import MAX_SNAPSHOT_BYTES, MAX_SNAPSHOTS, World
from flaresend_mock.core.worlds import MAX_WORLDS
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, BEN, DAN, FAMILY, INSTANCE, OWNED, text
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


def test_scheduling_one_file_evicts_no_other_that_is_scheduled(world: World) -> None:
    world.state.media.max_bytes = 1500
    tasks = [world.schedule.add(INSTANCE, [ANN], document(), SOON) for _ in range(3)]

    assert all(world.state.media.get(task.content.media or "") for task in tasks)


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


def test_files_of_scheduled_messages_survive_an_export_and_an_import(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = world.schedule.add(INSTANCE, [ANN], document(), SOON)
    world.state.media.max_bytes = 1000
    world.sending.send(INSTANCE, [BOB], document())
    saved = exported(world)
    monkeypatch.setattr("flaresend_mock.core.state.MAX_MEDIA_BYTES", 1000)

    again = load(saved)

    assert again.needed_sizes("media") == [1000 + 300 + 4 * len("a.bin")]
    assert list(again.needed("media")) == [task.content.media]
    assert export(again, secrets=True) == saved


@pytest.mark.parametrize("end", ["send", "cancel", "replace"])
def test_an_import_has_the_files_that_the_world_had_after_a_scheduled_message(
    end: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulation found it: seed 700002, step 857."""
    monkeypatch.setattr("flaresend_mock.core.state.MAX_MEDIA_BYTES", 2000)
    world.state.media.max_bytes = 2000
    task = world.schedule.add(INSTANCE, [ANN], document(), SOON)
    world.sending.send(INSTANCE, [BOB], document())
    assert world.state.media.bytes > 2000
    if end == "send":
        world.timeline.advance(timedelta(hours=1))
    elif end == "cancel":
        world.schedule.cancel(INSTANCE, task.id)
    else:
        world.schedule.update(INSTANCE, task.id, {"url": "https://example.com/a.bin"})

    saved = exported(world)

    assert world.state.media.bytes <= 2000
    assert export(load(saved), secrets=True) == saved


def test_files_of_scheduled_messages_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.core.state.MAX_MEDIA_BYTES", 2500)
    first = world.schedule.add(INSTANCE, [ANN], document(3000), SOON)
    refused(world, lambda: world.schedule.add(INSTANCE, [ANN], document(1), SOON), "files of scheduled messages")

    world.schedule.update(INSTANCE, first.id, {"upload": Upload(b"x", "a.bin", "")})
    second = world.schedule.add(INSTANCE, [ANN], document(500), SOON)
    change = {"upload": Upload(b"x" * 3000, "b.bin", "")}
    refused(world, lambda: world.schedule.update(INSTANCE, second.id, change), "files of scheduled messages")

    world.schedule.cancel(INSTANCE, first.id)
    world.schedule.update(INSTANCE, second.id, change)


def receive_file(world: World, size: int = 1000) -> Delivery:
    upload = Upload(b"x" * size, "a.bin", "")
    return world.inbound.receive(InboundMessage(ANN, kind="document", upload=upload)).delivery


@pytest.mark.parametrize("status", ["pending", "waiting"])
def test_a_file_that_an_undelivered_event_names_is_not_evicted(status: str, world: World) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    if status == "waiting":
        world.pairing.disconnect(INSTANCE)
    first = receive_file(world)
    world.state.served.max_bytes = 3000
    for _ in range(5):
        world.media.share("document", Upload(b"y" * 1000, "b.bin", ""), {}, INSTANCE)

    assert first.status == status
    assert [world.media.at(path, None) is not None for path in first.files] == [True]
    assert len(world.state.served) == 2
    assert first.files[0] in load(exported(world)).served.by_key

    for _ in range(2):
        receive_file(world)
    assert world.state.served.bytes > 3000
    with world.lock:
        world.deliveries.forget(INSTANCE)
    assert world.media.at(first.files[0], None) is None
    assert world.state.served.bytes <= 3000
    saved = exported(world)
    assert export(load(saved), secrets=True) == saved


def test_files_of_undelivered_events_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    monkeypatch.setattr("flaresend_mock.core.state.MAX_MEDIA_BYTES", 2500)
    receive_file(world, 3000)
    refused(world, lambda: receive_file(world), "files of undelivered events")
    world.inbound.receive(InboundMessage(ANN, text="without a file"))

    with world.lock:
        world.deliveries.pause(INSTANCE)
    receive_file(world)


def test_held_events_beyond_the_bound_are_not_delivered_and_stay_held(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    with world.lock:
        world.deliveries.pause(INSTANCE)
    held = [world.inbound.receive(InboundMessage(ANN, text=words)).delivery for words in ("a", "b")]
    size = sum(one.size for one in held)

    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", size - 1)
    told = "^the held events take too many bytes; redeliver them in parts$"
    refused(world, lambda: world.deliveries.resume(INSTANCE, replay=True), told)

    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", size)
    world.host = replace(world.host, make_room=lambda *_: False)
    resumed = world.deliveries.resume(INSTANCE, replay=True)
    assert [(one.id, one.status) for one in resumed] == [(one.id, "pending") for one in held]
    assert set(world.state.open_deliveries) == {one.id for one in held}
    assert world.deliveries.all() == resumed


def test_held_events_that_are_not_delivered_need_no_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    with world.lock:
        world.deliveries.pause(INSTANCE)
    world.inbound.receive(InboundMessage(ANN, text="Hello"))
    monkeypatch.setattr(deliveries, "MAX_PENDING_BYTES", 0)

    assert world.deliveries.resume(INSTANCE, replay=False) == []
    assert [one.status for one in world.deliveries.all()] == ["held"]


def test_a_file_that_was_sent_reaches_another_instance_beyond_the_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulation found it: seed 3859222229, step 1025."""
    other = world.instances.create(name="Shop", number="254733000111", status="connected", api_key="shop-key")
    world.instances.set_webhook(other.id, Webhook("http://localhost/hook"))
    monkeypatch.setattr("flaresend_mock.core.state.MAX_MEDIA_BYTES", 1500)

    for _ in range(3):
        world.sending.send(INSTANCE, [other.number], document(1000))

    assert [one.instance for one in world.state.messages if one.direction == "inbound"] == [other.id] * 3


def test_an_upload_looks_at_no_scheduled_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        world.schedule.add(INSTANCE, [ANN], document(), SOON)
    seen = list[str]()
    monkeypatch.setattr(Task, "files", property(lambda task: seen.append(task.id) or []))

    world.sending.send(INSTANCE, [ANN], document())

    assert seen == []


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
    monkeypatch.setattr(sending, "MAX_PENDING_BYTES", 7000)
    world.sending.send(INSTANCE, [ANN, BOB], text("x" * 1000))
    assert world.state.pending_bytes == world.state.auto_replies.bytes > 6000

    refused(world, lambda: world.sending.send(INSTANCE, [ANN], text("x" * 1000)), "too many automatic replies")
    world.sending.send(INSTANCE, ["254700000009"], text("x" * 1000))
    world.timeline.advance(timedelta(minutes=1))

    assert world.state.auto_replies == {}
    assert world.state.pending_bytes == 0
    world.sending.send(INSTANCE, [ANN], text("x" * 1000))


def test_the_automatic_replies_of_all_recipients_count_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    echo(world, ANN, BOB)
    monkeypatch.setattr(sending, "MAX_PENDING_BYTES", 3000)

    refused(world, lambda: world.sending.send(INSTANCE, [ANN, BOB], text()), "too many automatic replies")
    world.sending.send(INSTANCE, [ANN], text())


@pytest.mark.parametrize("senders", ["number", "lid"])
@pytest.mark.parametrize("said", ["ok", "x" * 3000, "\0\1\n" * 1000, "\U0001f600" * 1000, '"' * 1000])
def test_there_is_room_for_the_event_of_each_automatic_reply(
    said: str, senders: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pairing.change_settings(senders=senders)
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    people = [str(int(ANN) + number) for number in range(20)]
    echo(world, *people)
    world.inbound.receive(InboundMessage(people[0], kind="disappearing", details={"seconds": 86400}))
    world.sending.send(INSTANCE, people, text(said))
    for module in (sending, inbound, deliveries):
        monkeypatch.setattr(module, "MAX_PENDING_BYTES", world.state.pending_bytes)
    refused(world, lambda: world.sending.send(INSTANCE, people[:1], text(said)), "too many automatic replies")

    fired = world.timeline.advance(timedelta(minutes=1))

    assert [one.reason for one in fired] == [None] * 20
    assert len(world.state.open_deliveries) == 21


def test_automatic_replies_count_among_all_worlds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    echo(world, ANN)
    monkeypatch.setattr(world, "host", replace(world.host, make_room=lambda world, size: size < 2000))

    refused(world, lambda: world.sending.send(INSTANCE, [ANN], text("x")), "the worlds of this emulator take")
    world.sending.send(INSTANCE, [BOB], text("x"))


def test_a_call_sends_only_so_many_messages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("254733000111", "254733000222"):
        world.instances.create(number=number, status="connected")
        world.groups.arrange(FAMILY, "add", [number])
    task = world.schedule.add(INSTANCE, [ANN] * 3, text(), SOON)
    monkeypatch.setattr(sending, "MAX_SENT", 3)
    many = "a call sends at most 3 messages"

    world.sending.send(INSTANCE, [ANN] * 3, text())
    refused(world, lambda: world.sending.send(INSTANCE, [ANN] * 4, text()), many)
    world.groups.send(INSTANCE, [FAMILY], text())
    refused(world, lambda: world.groups.send(INSTANCE, [FAMILY, "1@g.us"], document()), many)
    world.groups.send(INSTANCE, ["1@g.us"] * 3, text())
    refused(world, lambda: world.schedule.add(INSTANCE, [ANN] * 4, document(), SOON), many)
    refused(world, lambda: world.schedule.update(INSTANCE, task.id, {"recipients": [ANN] * 4}), many)

    monkeypatch.setattr(sending, "MAX_SENT", 2)  # as of a file from an older release
    assert [one.reason for one in world.timeline.advance(timedelta(hours=1))] == [
        "A call sends at most 2 messages; make several calls"
    ]


def test_the_instances_in_a_group_are_counted_once_for_all_messages_of_a_call(world: World) -> None:
    counted: list[None] = []

    class Members(dict[str, str]):
        def keys(self) -> Any:
            counted.append(None)
            return super().keys()

    group = world.state.groups[FAMILY]
    world.state.groups[FAMILY] = replace(group, members=Members(group.members))

    world.groups.send(INSTANCE, [FAMILY] * 50, text())
    with pytest.raises(WorldFull):
        world.groups.send(INSTANCE, [FAMILY] * 200_000, text())

    assert len(counted) == 1


def test_the_rules_of_a_person_are_looked_at_once_for_all_messages_of_a_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise ten thousand messages to a person with many long rules would take minutes."""
    looked: list[str] = []

    class When(str):
        __slots__ = ()

        def lower(self) -> str:
            looked.append("when")
            return super().lower()

    size = models.PendingAutoReply.size.fget  # type: ignore[attr-defined]
    monkeypatch.setattr(models.PendingAutoReply, "size", property(lambda one: (looked.append("size"), size(one))[1]))
    for number in (ANN, BEN):
        world.people.put(number, rules=(Rule(when=When("Order"), reply="Yes"), Rule(when="x" * 5000)))

    world.sending.send(INSTANCE, [ANN, BEN] * 50, text("My ORDER"))

    assert len(world.state.auto_replies) == 100
    assert looked.count("when") == 2
    assert looked.count("size") <= 2 * 3 + 100  # each reply is counted once, when it is kept


@pytest.mark.parametrize(("when", "said", "replies"), [("İ", "i̇", 1), ("i̇", "İ", 1), ("ẞ", "ß", 1), ("xx", "x", 0)])
def test_a_rule_is_found_in_any_case(when: str, said: str, replies: int, world: World) -> None:
    world.people.put(ANN, rules=(Rule(when=when, reply="Yes"),))

    world.sending.send(INSTANCE, [ANN], text(said))

    assert len(world.state.auto_replies) == replies


def test_the_copies_of_a_file_are_encrypted_and_looked_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    monkeypatch.setattr(media, "seal", lambda data, key, kind: seen.append(data) or b"sealed")
    others = ["254733000111", "254733000222"]
    for number in others:
        world.instances.create(number=number, status="connected")

    world.sending.send(INSTANCE, others * 3, document())
    world.sending.send(INSTANCE, others, document())

    assert len(seen) == len(world.state.served) == 2
    copies = [one.payload or {} for one in world.state.messages if one.direction == "inbound"]
    keys = [one["documentMessage"]["mediaKey"] for one in copies]
    assert [keys.count(key) for key in dict.fromkeys(keys)] == [6, 2]


def test_a_scheduled_message_whose_automatic_reply_finds_no_room_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo(world, ANN)
    task = world.schedule.add(INSTANCE, [ANN], text("hello"), SOON)
    monkeypatch.setattr(sending, "MAX_PENDING_BYTES", 600)

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
        content = document(2 * 1024 * 1024) if part == "files" else text("x" * 1000)
        world.schedule.add(INSTANCE, [ANN], content, SOON)
    name = "MAX_PENDING_BYTES" if part == "tasks" else "MAX_MEDIA_BYTES"
    saved = exported(world)
    monkeypatch.setattr(bounded_store, name, 2000 if part == "tasks" else 3 * 1024 * 1024)
    load(saved)  # a full world may still change a little
    monkeypatch.setattr(bounded_store, name, 1000 if part == "tasks" else 1024 * 1024)

    with pytest.raises(InvalidWorld, match=r"[Ss]cheduled messages.* take at most \d+ MiB"):
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


def bound(monkeypatch: pytest.MonkeyPatch, name: str, most: int = 10**6, max_bytes: int = 10**9) -> None:
    monkeypatch.setitem(BOUNDS, name, (most, max_bytes))  # type: ignore[arg-type]


def test_people_are_bounded_in_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, "people", len(world.state.people))
    fault = "a world has at most"
    for refused_call in (
        lambda: world.people.put(BOB),
        lambda: world.people.put(BOB, lid="888888888888888@lid"),
        lambda: world.inbound.receive(InboundMessage(BOB, text="Hi")),
        lambda: world.groups.create(INSTANCE, "New", [ANN, BOB]),
        lambda: world.groups.manage(INSTANCE, FAMILY, "add", [BOB]),
        lambda: world.groups.arrange(FAMILY, "add", [BOB]),
        lambda: world.instances.create(number=BOB),
    ):
        refused(world, refused_call, fault)

    world.people.put(ANN, name="Ann again")
    world.inbound.receive(InboundMessage(ANN, text="Hi"))
    world.people.remove(DAN)
    world.people.put(BOB)


NEW = [f"2547111222{number}" for number in (33, 44, 55)]
GONE = "254711122299"
MEETING: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a sender": ("POST", "/_mock/inbound", {"from": NEW[0], "text": "Hi"}),
    "a sender of a payload": ("POST", "/_mock/inbound", {"from": NEW[0], "message": {"conversation": "Hi"}}),
    "mentions": ("POST", "/_mock/inbound", {"from": ANN, "text": f"@{NEW[0]} @{NEW[1]}", "mentions": NEW}),
    "a sender and mentions": ("POST", "/_mock/inbound", {"from": NEW[0], "text": f"@{NEW[1]}", "mentions": NEW[1:]}),
    "a sender and who is quoted": ("POST", "/_mock/inbound", {"from": NEW[0], "text": "Hi", "reply_to": "last"}),
    "mentions in a group": ("POST", "/_mock/inbound", {"from": ANN, "group": FAMILY, "text": "Hi", "mentions": NEW}),
    "mentions under a picture": (
        "POST",
        "/_mock/inbound",
        {"from": NEW[0], "type": "image", "caption": "Hi", "mentions": NEW[1:]},
    ),
    "an edit": ("POST", "/_mock/inbound", {"from": GONE, "type": "edit", "text": "Hi", "target": "last"}),
    "a vote": ("POST", "/_mock/inbound", {"from": GONE, "type": "poll_vote", "choices": ["A"], "target": "poll"}),
    "a group": ("POST", "/groups", {"subject": "New", "participants": NEW}),
    "a group by the control plane": ("POST", "/_mock/groups", {"subject": "New", "participants": NEW}),
    "members": ("POST", f"/groups/{FAMILY}/participants", {"action": "add", "participants": NEW}),
    "members by the control plane": (
        "POST",
        f"/_mock/groups/{FAMILY}/participants",
        {"action": "add", "participants": NEW},
    ),
    "a person": ("PUT", f"/_mock/people/{NEW[0]}", {"aliases": NEW[1:]}),
    "an instance": ("POST", "/_mock/instances", {"number": NEW[0]}),
    "an instance with a random number": ("POST", "/_mock/instances", {}),
    "the phone that scans": ("POST", "/_mock/instances/default/scan", {"number": NEW[0]}),
}


def apart_from_calls(world: World) -> dict[str, Any]:
    """Return what a world exports, without the log of calls, and all its counters."""
    found: dict[str, Any] = json.loads(exported(world))
    found["events"] = [one for one in found["events"] if one["kind"] != "request"]
    return {name: value for name, value in found.items() if name not in ("last_event", "last_call")}


@pytest.mark.parametrize("places", range(4))
@pytest.mark.parametrize("call", MEETING.values(), ids=MEETING)
def test_a_call_that_meets_more_people_than_there_is_room_for_changes_nothing(
    call: tuple[str, str, dict[str, Any]], places: int, world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, path, body = call
    world.pairing.change_settings(senders="lid")
    poll = InboundMessage(GONE, kind="poll", text="?", details={"options": ["A", "B"], "selectableOptionsCount": 1})
    made = {"poll": world.inbound.receive(poll).message.id}
    made["last"] = world.inbound.receive(InboundMessage(GONE, text="Hi", mentions=(DAN,))).message.id
    world.people.remove(GONE)
    if "scan" in path:
        world.pairing.disconnect(INSTANCE, log_out=True)
        world.pairing.set_status(INSTANCE, "qr")
    body = body | {name: made.get(body[name], body[name]) for name in ("target", "reply_to") if name in body}
    bound(monkeypatch, "people", len(world.state.people) + places)
    before = apart_from_calls(world)

    status = client.open(path, method=method, json=body, headers=KEY).status_code

    if status in (409, 429):
        assert places < 3
        assert apart_from_calls(world) == before
    else:
        assert status in (200, 201)
        assert places > 0


def test_people_who_are_met_together_may_be_beyond_the_bound_in_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound(monkeypatch, "people", max_bytes=world.state.people.bytes + 1)
    world.groups.create(INSTANCE, "New", NEW)

    assert world.state.people.keys() >= set(NEW)
    refused(world, lambda: world.groups.arrange(FAMILY, "add", [GONE]), "the people of a world take")


def test_people_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.people.put(ANN, name="x" * 50_000)
    bound(monkeypatch, "people", max_bytes=50_000)

    refused(world, lambda: world.people.put(BOB, rules=(Rule(reply="x"),)), "the people of a world take 0 MiB already")
    world.people.remove(ANN)
    world.people.put(BOB, rules=(Rule(reply="x" * 50_000),))
    refused(world, lambda: world.people.put("254700000009"), "the people of a world take")


def test_groups_are_bounded_in_number_and_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, "groups", len(world.state.groups))
    refused(world, lambda: world.groups.create(INSTANCE, "New", [ANN]), "a world has at most")
    world.groups.arrange(FAMILY, "add", [BOB])

    bound(monkeypatch, "groups", max_bytes=world.state.groups.bytes)
    refused(world, lambda: world.groups.create(INSTANCE, "New", [ANN]), "the groups of a world take")
    refused(world, lambda: world.groups.arrange(FAMILY, "add", ["254700000009"]), "the groups of a world take")
    refused(world, lambda: world.groups.change(FAMILY, {"description": "x"}), "the groups of a world take")
    world.groups.arrange(FAMILY, "remove", [BOB])
    world.groups.arrange(FAMILY, "add", [BOB])


def test_channels_are_bounded_in_number_and_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bound(monkeypatch, "channels", len(world.state.channels))
    refused(world, lambda: world.channels.create(INSTANCE, "New"), "a world has at most")
    other = world.instances.create(status="connected")
    world.channels.update(INSTANCE, OWNED, {"description": "x" * 5000})

    bound(monkeypatch, "channels", max_bytes=5000)
    for call in (
        lambda: world.channels.create(INSTANCE, "New"),
        lambda: world.channels.update(INSTANCE, OWNED, {"description": "y"}),
        lambda: world.channels.follow(other.id, OWNED),
    ):
        refused(world, call, "the channels of a world take")


def test_instances_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/" + "x" * 5000))
    bound(monkeypatch, "instances", max_bytes=5000)

    for call in (
        lambda: world.instances.set_webhook(INSTANCE, Webhook("http://localhost/")),
        lambda: world.instances.create(),
        lambda: world.instances.rename(INSTANCE, "Main"),
        lambda: world.instances.add_key(INSTANCE),
    ):
        refused(world, call, "the instances of")
    world.pairing.disconnect(INSTANCE)


def test_a_file_of_full_instances_is_read_after_they_were_paired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        world.instances.set_webhook(world.instances.create().id, Webhook("http://localhost/" + "x" * 5000 * number))
    sizes = [weight(replace(one, number="", status="", qr=None)) for one in world.instances.all()]
    bound(monkeypatch, "instances", max_bytes=(sum(sizes) - max(sizes) + 1) // 2)
    load(exported(world))

    world.timeline.advance(timedelta(seconds=2))

    assert world.instances.all()[-1].status == "qr"
    load(exported(world))


def test_faults_are_bounded_in_bytes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = world.faults.arm(name="", on="calls", match={"path": "/x"}, reply=Reply(500, "x" * 5000))
    bound(monkeypatch, "faults", max_bytes=5000)

    def arm() -> object:
        return world.faults.arm(name="", on="calls", match={"path": "/x" * 1000}, reply=Reply(500))

    refused(world, arm, "the faults of a world take")
    world.faults.remove(first.id)
    arm()


@pytest.mark.parametrize("name", list(BOUNDS))
def test_a_file_obeys_the_bounds(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.faults.arm(name="", on="calls", match={"path": "/x"}, reply=Reply(500))
    world.faults.arm(name="", on="calls", match={"path": "/y"}, reply=Reply(500))
    world.instances.create(number=BOB)
    world.people.put(ANN, name="x" * 50_000)
    saved, held = exported(world), getattr(world.state, name)

    bound(monkeypatch, name, len(held), held.bytes)
    load(saved)
    bound(monkeypatch, name, len(held) - 1)
    with pytest.raises(InvalidWorld, match=f"^{name}: A world has at most {len(held) - 1} {name}"):
        load(saved)
    bound(monkeypatch, name, max_bytes=held.bytes // 50)
    with pytest.raises(InvalidWorld, match=f"^{name}: They take at most 0 MiB"):
        load(saved)


@pytest.mark.parametrize("name", [*BOUNDS, "tasks", "open_deliveries", "auto_replies"])
def test_the_bytes_of_a_dictionary_are_counted_in_all_that_happens(name: str, world: World) -> None:
    world.instances.create(number=BOB)
    echo(world, ANN, BEN)
    world.schedule.add(INSTANCE, [ANN], text("later"), SOON)
    world.sending.send(INSTANCE, [ANN], text("hello"))
    world.groups.arrange(FAMILY, "add", [BOB])
    world.faults.arm(name="", on="calls", match={"path": "/x"}, reply=Reply(500))
    world.reset()
    echo(world, ANN, BEN)
    world.sending.send(INSTANCE, [ANN, BEN], text("hello"))
    world.timeline.advance(timedelta(minutes=2))
    world.sending.send(INSTANCE, [BEN], text("hello"))
    world.people.put(ANN, name="Ann", rules=(Rule(reply="one"), Rule(reply="another")))

    for found in (world.state, world.saved(), load(exported(world))):
        held = getattr(found, name)
        assert held.bytes == sum(map(weight, held.values()))


BOUNDED_OTHERWISE = {
    "history": "a number",
    "seed": "a number",
    "time_zone": "a name of the time zone database",
    "clock": "a fixed number of fields",
    "settings": "a fixed number of fields; a public_url has at most 500 characters",
    "counters": "one for each purpose of randomness, and two for each fault: MAX_COUNTERS",
    "lids": "one for each of the people",
    "aliases": "10 for each of the people",
    "tasks": "MAX_PENDING_BYTES",
    "being_sent": "one path or id",
    "open_deliveries": "MAX_PENDING_BYTES, and 1,000 that wait for an instance",
    "auto_replies": "MAX_PENDING_BYTES",
    "timers": "one for each task, open delivery, automatic reply and instance",
    "lanes": "one for each chat with an open delivery",
    "disappearing": "MAX_DISAPPEARING",
}
"""Why the fields of a state that are neither in BOUNDS nor bounded stores do not grow without end."""


def test_each_field_of_a_state_has_a_bound(world: World) -> None:
    stores = {name for name, value in vars(world.state).items() if isinstance(value, (BoundedStore, EventLog))}

    assert {one.name for one in fields(State)} == {*BOUNDS, *stores, *BOUNDED_OTHERWISE}
    assert not stores & {*BOUNDS, *BOUNDED_OTHERWISE}


def test_the_documented_limits_are_those_of_the_code() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "limits.md").read_text("utf-8").splitlines()

    for name, (most, max_bytes) in BOUNDS.items():
        assert any(line == f"| {name} | {most:,} | {max_bytes >> 20} MiB |" for line in lines), name
    for size in (MAX_PENDING_BYTES, MAX_MEDIA_BYTES, MAX_LOG_BYTES):
        assert size == 64 * 1024 * 1024
    assert f"| events that wait for one instance that is not connected | {MAX_OFFLINE:,} | |" in lines
    assert f"| recipients of a call; of groups, the instances in them, or 1 | {sending.MAX_SENT:,} | |" in lines
    assert f"| API keys of one instance | {MAX_KEYS} | |" in lines
    assert f"| snapshots | {MAX_SNAPSHOTS} | {MAX_SNAPSHOT_BYTES >> 20:,} MiB |" in lines
    assert f"| worlds of an emulator | {MAX_WORLDS:,} | |" in lines


def test_what_belongs_to_a_fault_goes_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "MAX_FAULTS", 1)
    before = dict(world.state.counters)
    for _ in range(3):
        fault = world.faults.arm(name="", on="calls", match={}, delay=Delay(0, 1), times=1, probability=0.999999)
        assert world.faults.match({}, "calls") is not None
        world.faults.seconds_of(fault)
    world.faults.remove(fault.id)

    assert world.state.counters == before | {"fault": 3}
    assert world.faults._matchers == {}


def test_the_oldest_chat_with_disappearing_messages_is_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "MAX_DISAPPEARING", 2)
    for number in (ANN, BEN, ANN, DAN):
        world.inbound.receive(InboundMessage(number, kind="disappearing", details={"seconds": 86_400}))

    assert list(world.state.disappearing) == [f"{ANN}@s.whatsapp.net", f"{DAN}@s.whatsapp.net"]


def test_the_attempts_of_an_event_do_not_keep_its_file_from_being_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://localhost/hook"))
    world.inbound.receive(InboundMessage(ANN, text="Hi"))
    world.inbound.receive(InboundMessage(BEN, text="Hi"))
    failed = Attempt(NOW, "http://localhost/hook", (), 500, "x" * 60_000, None, 1, accepted=False)
    while job := world.deliveries.claim(INSTANCE):
        world.deliveries.complete(job, failed)
    assert world.state.pending_bytes > 10_000
    monkeypatch.setattr(bounded_store, "MAX_PENDING_BYTES", 2_000)

    assert len(load(exported(world)).open_deliveries) == 2


def test_matchers_of_replaced_worlds_do_not_add_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "MAX_FAULTS", 2)
    for number in range(9):
        state = world.saved()
        state.counters["fault"] = number
        world.replace(state)
        fault = world.faults.arm(name="", on="calls", match={}, delay=Delay(0, 1))
        assert world.faults.match({}, "calls") is not None
        del world.state.faults[fault.id]

    assert len(world.faults._matchers) <= 3


def test_snapshots_are_bounded_in_bytes_that_they_do_not_share(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.people.put(ANN, name="x" * 50_000)
    monkeypatch.setattr("flaresend_mock.core.world.SHARED_BYTES", 0)
    monkeypatch.setattr("flaresend_mock.core.world.MAX_SNAPSHOT_BYTES", 150_000)
    for number in range(9):
        world.snapshots.take(f"shared-{number}")
    world.people.put(ANN, name="y" * 150_000)

    refused(world, lambda: world.snapshots.take("more"), "the snapshots take 0 MiB already")
    refused(world, lambda: world.snapshots.take("shared-0"), "the snapshots take 0 MiB already")
    assert len(world.snapshots.all()) == 9
    assert world.snapshots.get("shared-0").people[ANN].name[0] == "x"
    for number in range(9):
        world.snapshots.remove(f"shared-{number}")
    world.reset()
    world.snapshots.take("more")
