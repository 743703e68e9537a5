"""Exports: everything a world holds, written and read again, byte for byte; and everything that no export can be."""

from __future__ import annotations

import io
import json
from bisect import bisect
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flaresend_mock.core.bounded_store import BoundedStore
from flaresend_mock.core.clock import ClockSetting
from flaresend_mock.core.errors import InstanceNotFound, InvalidWorld
from flaresend_mock.core.events import KINDS, EventLog
from flaresend_mock.core.models import (
    Attempt,
    Call,
    Change,
    Chaos,
    Content,
    Delay,
    Delivery,
    Instance,
    Reply,
    Rule,
    Upload,
    Webhook,
)
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.state import State, WorldSettings
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.version import __version__
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.schema import FORMAT, RULES, SCHEMA, SUBJECTS, VERSION
from flaresend_mock.world_format.validate import decode
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, ANNS_GROUP, BEN, CARA, DAN, INSTANCE, OUR_NUMBER, OWNED, PROJECT, described, text
from tests.support import KEY, NOW, RealTime, Stalls, client_of, examples

OTHER = "11111111-2222-4333-8444-555555555555"
OTHER_NUMBER = "254711111111"
SECRET = "whsec_c2VjcmV0"
ODD = {"big": 10**30, "one": 1, "one point nothing": 1.0, "deep": [[{"é\u2028😀": None}], True], "$time": "no"}


def state_of(world: World) -> State:
    """Return what a world holds, its clock as it stands now."""
    state = world.state.copy()
    state.clock = world.clock.setting
    return state


def written(state: State, *, secrets: bool = True) -> Any:
    return json.loads(export(state, secrets=secrets))


def put_through(state: State, **changes: Any) -> State:
    """Export and import a state, through JSON as everybody reads it, with some fields changed."""
    warnings: list[str] = []
    loaded = load_world(written(state) | changes, warnings=warnings)
    assert warnings == []
    return loaded


def assert_alike(first: State, second: State) -> None:
    """Compare all that two states hold, types and order included."""
    for field in fields(State):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if field.name in ("messages", "ended_tasks", "media", "served", "deliveries"):
            assert repr(list(other)) == repr(list(one)), field.name
            seen = [(h.evicted, h.last_evicted_event, room_for(h)) for h in (one, other)]
            assert seen[0] == seen[1], field.name
            assert [other.get(key_of(value)) for value in other] == list(other), field.name
        elif field.name == "events":
            assert repr(other.since()) == repr(one.since())
            seen = [(log.last_number, log.gone, room_for_events(log)) for log in (one, other)]
            assert seen[0] == seen[1]
        elif field.name == "timers":
            assert other.contents() == one.contents()
            left = other.copy()
            for due in other.contents()[0]:
                left.cancel(due.kind, due.key)
            assert len(left) == 0
        else:
            assert other == one, field.name
            if isinstance(one, dict) and field.name not in ("lids", "aliases"):
                assert list(other) == list(one), field.name


def key_of(value: Any) -> str:
    return str(value.path.partition("?")[0] if hasattr(value, "path") else value.id)


def room_for(history: BoundedStore[Any]) -> int:
    """Return the lowest bound of its weight at which a history takes another value and evicts none."""

    def evicts_none(bound: int) -> bool:
        copy = history.copy()
        copy.limit += 1
        copy.max_bytes = bound
        return not copy.add("new", next(iter(history)))

    return bisect(range(2**30), 0, key=evicts_none) if len(history) else 0


def room_for_events(log: EventLog) -> int:
    """Return the same of a log."""

    def evicts_none(bound: int) -> bool:
        copy = log.copy()
        copy.kept.limit += 1
        copy.kept.max_bytes = bound
        copy.append(NOW, "world", Change("another", "x"))
        return copy.gone == log.gone

    return bisect(range(2**30), 0, key=evicts_none)


def live(world: World) -> None:
    """Let nearly everything happen that can happen in a world."""
    client = client_of(world)
    first = world.instances.first().id
    hook = Webhook("http://127.0.0.1:9/hook", SECRET, retries=(1, 2.5), verification="challenge", verify_token="tok")
    world.people.add(replace(world.people.meet(ANN), rules=(Rule("hi", None, 60), Rule())))
    world.people.put(CARA, name="Cara", aliases=["5531988561070", "553188561070"], addable=False)
    world.faults.arm(
        name="slow", on="calls", match={"key": "OTHER", "path": {"contains": "/x"}}, delay=Delay(1, 2, 1.5, 0.5)
    )
    world.faults.arm(
        name="gone", on="deliveries", match={"chat": "nobody"}, reply=Reply(410, ODD), times=3, probability=0.5
    )
    world.inbound.receive(InboundMessage(BEN, text="before there is a webhook"))
    world.instances.set_webhook(None, hook)
    world.inbound.receive(InboundMessage(ANN, text="one"))
    world.inbound.receive(InboundMessage(ANN, text="two"))
    world.inbound.receive(InboundMessage(DAN, kind="image", upload=Upload(b"\xff\xd8\xff\x00", "é.jpg", "image/jpeg")))
    world.inbound.receive(InboundMessage(BEN, text="late", chaos=Chaos(delay=30)))
    world.inbound.receive(InboundMessage(BEN, text="never", chaos=Chaos(drop=1)))
    world.inbound.receive(InboundMessage(BEN, raw=ODD))
    world.inbound.receive_event({"event": "call", "data": [ODD]})
    forgetful = {"seconds": 86_400, "wrapped": False}
    world.inbound.receive(InboundMessage(BEN, kind="disappearing", details=forgetful))
    world.pairing.set_status(None, "disconnected")
    world.inbound.receive(InboundMessage(BEN, text="while offline", chaos=Chaos(duplicate=1.0)))
    world.state.instances[first] = replace(world.state.instances[first], status="connected")
    for accepted in (False, True):
        job = world.deliveries.claim(first)
        assert job is not None
        attempt = Attempt(NOW, hook.url, (("a", "b"), ("a", "c")), None, "no", None, 3.0, accepted)
        world.deliveries.complete(job, attempt)
    client.post("/send-message", headers=KEY, json={"recipients": [ANN], "type": "text", "text": "hi"})
    client.post(
        "/send-message",
        headers=KEY,
        data={"recipients": ANN, "type": "document", "file": (io.BytesIO(b"%PDF \xff"), "ü.pdf")},
    )
    client.get("/groups?x=1", headers=KEY)
    client.post("/nothing", data=b"\xff{", content_type="application/json")
    world.sending.send(first, [ANN], Content("template", template=ODD))
    soon = NOW.replace(tzinfo=None)
    world.schedule.add(first, [ANN, int(BEN)], text("later"), soon + timedelta(hours=9))
    cancelled = world.schedule.add(first, [ANN], text("never"), soon + timedelta(hours=9))
    world.schedule.cancel(first, cancelled.id)
    world.groups.create(first, "Ours", [ANN, "254799999999"])
    world.groups.manage(first, PROJECT, "promote", [BEN])
    world.channels.update(first, OWNED, {"name": "News"})
    world.instances.create(name="Second", number="254722222222")
    world.timeline.change(frozen=True)
    details = {"when": NOW, "tagged": {"$time": 1}, "$value": {"$value": {"$time": 2}}}
    with world.lock:
        world.record("world", Change("odd", "x", details))
        world.record("proxy", Change("refused", "example.com:443"))


def world_of(state: State) -> World:
    return World("default", state, RealTime(), HostServices(delay=Stalls()))


def much_used() -> World:
    """Return a world of two instances in Nairobi's time in which much has happened."""
    instances = [*described()["instances"], {"id": OTHER, "number": OTHER_NUMBER, "api_keys": ["OTHER", "MORE"]}]
    world = world_of(load_world(described(instances=instances), time_zone="Africa/Nairobi"))
    live(world)
    return world


@cache
def exported() -> bytes:
    """Return the export of such a world, written once."""
    return export(state_of(much_used()), secrets=True)


@pytest.fixture
def two() -> World:
    return much_used()


@pytest.fixture
def data() -> Any:
    return json.loads(exported())


def refusal(data: Any) -> tuple[str, str]:
    """Return where and why an export is refused."""
    with pytest.raises(InvalidWorld) as caught:
        load_world(data)
    return caught.value.where, caught.value.problem


def at(data: Any, *path: str | int) -> Any:
    for step in path:
        data = data[step]
    return data


def test_a_world_is_the_same_after_it_was_exported_and_imported(two: World) -> None:
    state = state_of(two)

    loaded = put_through(state)

    assert_alike(state, loaded)
    assert export(loaded, secrets=True) == export(state, secrets=True)


def test_whole_seconds_are_exported_as_they_are_imported(world: World) -> None:
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9", retries=(1, 2)))
    world.inbound.receive(InboundMessage(ANN, text="hi"))
    job = world.deliveries.claim(INSTANCE)
    assert job is not None
    world.deliveries.complete(job, Attempt(NOW, "u", (), None, "", "no", 3, False))

    raw = export(world.state, secrets=True)

    assert export(load_world(json.loads(raw)), secrets=True) == raw


def test_a_world_is_exported_in_the_same_bytes_each_time(two: World) -> None:
    assert export(state_of(two), secrets=False) == export(state_of(two), secrets=False)


def test_the_default_world_goes_through(world: World) -> None:
    assert_alike(world.state, put_through(world.state))


def test_every_kind_of_event_goes_through(two: World) -> None:
    kinds = {event.kind for event in put_through(state_of(two)).events.since()}

    assert kinds == set(KINDS)


def test_the_world_that_is_tried_holds_something_of_everything(two: World) -> None:
    state = state_of(two)

    statuses = {delivery.status for delivery in [*state.open_deliveries.values(), *state.deliveries]}
    assert {"pending", "retrying", "delayed", "delivered", "dropped", "waiting", "no endpoint"} <= statuses
    assert {due.kind for due in state.timers.contents()[0]} == {
        "task",
        "delivery retry",
        "delayed delivery",
        "auto_reply",
        "pairing",
    }
    empty = [f.name for f in fields(State) if hasattr(value := getattr(state, f.name), "__len__") and not len(value)]
    assert empty == []


def test_every_field_of_a_state_is_exported(world: World) -> None:
    derived = {"lids", "aliases", "settings", "being_sent"}

    names = {field.name for field in fields(State)} - derived
    names |= {field.name for field in fields(WorldSettings)}
    assert names <= written(world.state).keys()


def test_an_export_says_what_it_is(world: World) -> None:
    found = json.loads(export(world.state, secrets=False))

    assert dict(list(found.items())[:4]) == {
        "format": FORMAT,
        "version": VERSION,
        "emulator": __version__,
        "secrets": False,
    }


@pytest.mark.parametrize(
    "clock",
    [
        ClockSetting(),
        ClockSetting(offset=timedelta(days=-20_000, microseconds=1)),
        ClockSetting(offset=timedelta(days=365_000, seconds=5, microseconds=999_999)),
        ClockSetting(frozen_at=datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
        ClockSetting(starts_at=NOW),
    ],
)
def test_a_clock_goes_through_to_the_microsecond(world: World, clock: ClockSetting) -> None:
    world.state.clock = clock

    assert put_through(world.state).clock == clock


@given(offset=st.timedeltas(timedelta(days=-2_000_000), timedelta(days=2_000_000)))
def test_every_offset_of_a_clock_goes_through(offset: timedelta) -> None:
    state = load_world(described())
    state.clock = ClockSetting(offset=offset)

    assert put_through(state).clock.offset == offset


def test_what_was_forgotten_stays_counted() -> None:
    world = world_of(load_world(described(), history=3))
    live(world)
    state = state_of(world)

    assert state.messages.evicted > 0
    assert_alike(state, put_through(state))


def test_a_shorter_history_forgets_the_oldest(two: World) -> None:
    state = state_of(two)

    short = put_through(state, history=2)

    assert short.history == short.messages.limit == short.events.kept.limit == 2
    assert list(short.messages) == list(state.messages)[-2:]
    assert short.messages.evicted == len(state.messages) - 2
    assert short.events.since() == state.events.since()[-2:]
    assert short.events.evicted() == len(state.events.since()) - 2
    assert short.events.last_number == state.events.last_number


def test_numbers_of_events_go_on(two: World) -> None:
    imported = world_of(put_through(state_of(two)))

    with imported.lock:
        event = imported.record("world", Change("tried", "x"))

    assert event.number == two.state.events.last_number + 1


def test_an_imported_world_goes_on_as_the_exported_one(two: World) -> None:
    imported = world_of(put_through(state_of(two)))
    for world in (two, imported):
        world.begin()
        world.timeline.advance(timedelta(days=1))
        world.sending.send(INSTANCE, [ANN, BEN], text("again"))
        job = world.deliveries.claim(INSTANCE)
        assert job is not None
        world.deliveries.complete(job, Attempt(NOW, "u", (), 200, "", None, 1.0, True))

    assert_alike(state_of(two), state_of(imported))


def test_without_secrets_no_key_is_in_it(two: World) -> None:
    raw = export(state_of(two), secrets=False).decode()

    assert not [secret for secret in ("YOUR_API_KEY", "OTHER", "MORE", SECRET, '"tok"') if secret in raw]
    instances = {one["id"]: one for one in json.loads(raw)["instances"]}
    assert instances[OTHER]["api_keys"] == ["***", "***"]
    assert instances[INSTANCE]["webhook"]["secret"] == "***"
    assert json.loads(raw)["faults"][0]["match"]["key"] == "***"
    assert json.loads(raw)["faults"][1]["match"] == {"chat": "nobody"}


def test_what_was_masked_is_taken_from_the_world_that_is_known(two: World) -> None:
    state = state_of(two)

    warnings: list[str] = []
    loaded = load_world(written(state, secrets=False), known=state, warnings=warnings)

    assert warnings == []
    assert_alike(state, loaded)


def test_a_world_without_secrets_is_usable_where_it_is_not_known(two: World) -> None:
    masked = written(state_of(two), secrets=False)

    warnings: list[str] = []
    loaded = load_world(masked, warnings=warnings)

    keys = [key for instance in loaded.instances.values() for key in instance.api_keys]
    assert all(key.startswith("fm_") and len(key) == 35 and key[3:].isalnum() for key in keys)
    assert len(set(keys)) == 3
    assert keys == [key for one in load_world(masked).instances.values() for key in one.api_keys]
    hook = loaded.instances[INSTANCE].webhook
    assert hook is not None
    assert sum("new API key" in warning for warning in warnings) == 2  # of those that had keys
    assert (hook.secret, hook.verify_token) == (None, None)
    assert [fault.name for fault in loaded.faults.values()] == ["gone"]
    assert [warning for warning in warnings if "new API key" not in warning] == [
        f"the webhook of instance {INSTANCE} is unsigned: the export was made without secrets",
        f"the webhook of instance {INSTANCE} has no verify token: the export was made without secrets",
        "the fault fault-1 is left out, as it is about an API key: the export was made without secrets",
    ]


def test_a_world_file_may_say_what_it_is() -> None:
    assert load_world(described(format=FORMAT)).people == load_world(described()).people


@pytest.mark.parametrize("format_", [None, 3, "flaresend-mock something", "other"])
def test_other_formats_are_refused(data: Any, format_: Any) -> None:
    data["format"] = format_

    assert refusal(data) == ("format", "'flaresend-mock world' is expected here.")


def test_other_versions_are_refused(data: Any) -> None:
    data["version"] = 7

    assert refusal(data) == ("version", "This emulator reads version 1 of worlds, not 7.")


@pytest.mark.parametrize("version", [None, "1", 1.0, True])
def test_a_version_is_a_whole_number(data: Any, version: Any) -> None:
    data["version"] = version

    assert refusal(data)[0] == "version"


def test_a_part_that_is_left_out_is_empty_unless_another_refers_to_it(data: Any) -> None:
    needed = {
        "instances": "instances",
        "tasks": "timers.entries",
        "timers": "timers.entries",
        "open_deliveries": "lanes[0].deliveries[0]",
        "lanes": "open_deliveries[1]",
        "auto_replies": "timers.entries",
        "last_event": "last_event",
    }
    for name in SCHEMA:
        left = {key: value for key, value in data.items() if key != name}
        if name in needed:
            assert refusal(left)[0].startswith(needed[name]), name
        else:
            assert_usable(world_of(load_world(left)))


@pytest.mark.parametrize(
    ("path", "stranger", "meant"),
    [
        ([], "versoin", "version"),
        ([], "mesages", "messages"),
        (["messages", 3], "evnt", "event"),
        (["instances", 0, "webhook", "chaos"], "dealy", "delay"),
        (["groups", 0, "participants", 0], "adnim", "admin"),
        (["events", 0, "subject"], "acton", "action"),
    ],
)
def test_names_that_nobody_knows_are_refused(data: Any, path: list[Any], stranger: str, meant: str) -> None:
    at(data, *path)[stranger] = 1

    where, problem = refusal(data)

    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    assert where == (place.removeprefix(".") or "the file")
    assert problem == f"{stranger!r} is not known; did you mean {meant!r}?"


def test_ill_typed_values_are_refused_with_their_place(data: Any) -> None:
    data["messages"][3]["event"] = "3"

    assert refusal(data) == ("messages[3].event", "Expected `int`, got `str`.")


BREAKS: list[tuple[list[Any], Any, str]] = [
    (["instances"], [], "instances"),
    (["history"], 0, "history"),
    (["history"], 10**8, "history"),
    (["pairing_seconds"], -1, "pairing_seconds"),
    (["pairing_seconds"], float("nan"), "pairing_seconds"),
    (["time_zone"], "Mars/Base", "time_zone"),
    (["clock", "frozen_at"], "9999-06-01T00:00:00Z", "clock.frozen_at"),
    (["clock", "frozen_at"], "2025-06-01T00:00:00", "clock.frozen_at"),
    (["clock", "offset"], "P9999999D", "clock.offset"),
    (["counters", "message"], -1, "counters.message"),
    (["people", 0, "number"], "0123", "people[0].number"),
    (["people", 0, "lid"], "somebody", "people[0].lid"),
    (["instances", 1, "number"], OUR_NUMBER, "instances[1].number"),
    (["instances", 1, "id"], INSTANCE, "instances[1].id"),
    (["instances", 1, "api_keys"], ["YOUR_API_KEY"], "instances[1].api_keys[0]"),
    (["instances", 1, "api_keys"], ["two words"], "instances[1].api_keys[0]"),
    (["instances", 1, "status"], "asleep", "instances[1].status"),
    (["instances", 0, "webhook", "url"], "http://169.254.169.254/", "instances[0].webhook.url"),
    (["instances", 0, "webhook", "retries"], [-1], "instances[0].webhook.retries[0]"),
    (["instances", 0, "webhook", "chaos", "drop"], 2, "instances[0].webhook.chaos.drop"),
    (["groups", 0, "owner"], "254733333333", "groups[0].owner"),
    (["groups", 0, "participants", 1, "number"], OUR_NUMBER, "groups[0].participants"),
    (["groups", 0, "created"], "9999-12-31T23:59:59Z", "groups[0].created"),
    (["channels", 0, "roles", 0, "role"], "KING", "channels[0].roles[0].role"),
    (["tasks", 0, "instance"], "nowhere", "tasks[0].instance"),
    (["tasks", 0, "status"], "sent", "tasks[0].status"),
    (["tasks", 0, "content", "type"], "party", "tasks[0].content.type"),
    (["tasks", 0, "local_time"], "2025-11-14T10:00:00Z", "tasks[0].local_time"),
    (["tasks"], [], "timers.entries[4].key"),
    (["ended_tasks", 0, "status"], "pending", "ended_tasks[0].status"),
    (["open_deliveries", 0, "status"], "delivered", "open_deliveries[0].status"),
    (["open_deliveries", 0, "body"], "bm8=", "open_deliveries[0].body"),
    (["lanes"], [], "open_deliveries[1]"),
    (["lanes", 0, "chat"], "elsewhere", "lanes[0].deliveries[0]"),
    (["lanes", 0, "deliveries"], [], "lanes[0].deliveries"),
    (["timers", "entries"], [], "timers.entries"),
    (["timers", "last_order"], 0, "timers.entries[0].order"),
    (["timers", "entries", 0, "kind"], "party", "timers.entries[0].kind"),
    (["timers", "entries", 0, "key"], "nobody", "timers.entries[0].key"),
    (["faults", 0, "on"], "everything", "faults[0].on"),
    (["faults", 0, "match"], {"pathh": "/x"}, "faults[0].match"),
    (["faults", 0, "after"], -1, "faults[0].after"),
    (["faults", 0, "every"], 0, "faults[0].every"),
    (["faults", 1, "times"], 0, "faults[1].times"),
    (["faults", 0, "probability"], 1.5, "faults[0].probability"),
    (["faults", 0, "delay", "highest"], 3601, "faults[0].delay.highest"),
    (["faults", 0, "delay", "mean"], float("inf"), "faults[0].delay.mean"),
    (["faults", 1, "reply", "headers"], {"a": "b\r\nc"}, "faults[1]"),
    (["messages", 0, "direction"], "up", "messages[0].direction"),
    (["messages", 0, "payload"], {"x": [float("nan")]}, "messages[0].payload.x"),
    (["messages", 0, "at"], "2025-11-14T10:00:00+03:00", "messages[0].at"),
    (["messages", 0, "at"], "0001-01-01T00:00:00Z", "messages[0].at"),
    (["messages", 0, "at"], "9999-12-31T23:59:59Z", "messages[0].at"),
    (["events", 0, "at"], "1969-12-31T23:59:59Z", "events[0].at"),
    (["deliveries", 0, "status"], "pending", "deliveries[0].status"),
    (["served", 0, "mimetype"], "a\nb", "served[0].mimetype"),
    (["media", 0, "data"], "not base64!", "media[0].data"),
    (["evicted", "messages", "count"], -1, "evicted.messages.count"),
    (["evicted_events"], {"party": {"count": 1, "last_event": 1}}, "evicted_events.party"),
    (["evicted"], {"party": {"count": 1, "last_event": 1}}, "evicted"),
    (["last_event"], 1, "last_event"),
    (["events", 1, "number"], 1, "events[1].number"),
    (["events", 0, "kind"], "party", "events[0].kind"),
    (["events", 0, "kind"], "request", "events[0].subject"),
]


@pytest.mark.parametrize(("path", "value", "where"), BREAKS, ids=lambda value: str(value)[:40])
def test_what_cannot_be_is_refused_with_its_place(data: Any, path: list[Any], value: Any, where: str) -> None:
    at(data, *path[:-1])[path[-1]] = value

    assert refusal(data)[0].startswith(where)


def test_a_number_that_is_not_finite_is_named(data: Any) -> None:
    data["pairing_seconds"] = float("nan")

    assert refusal(data) == ("pairing_seconds", "A finite number is expected here.")


@pytest.mark.parametrize(
    "section", ["people", "instances", "groups", "channels", "tasks", "faults", "messages", "media", "lanes"]
)
def test_nothing_is_there_twice(data: Any, section: str) -> None:
    data[section].append(data[section][0])

    assert refusal(data)[1].endswith("twice.")


def test_two_people_never_share_a_lid(data: Any) -> None:
    people = data["people"]
    people[1]["lid"] = people[0]["lid"]

    assert refusal(data)[0] == "people[1].lid"


@pytest.mark.parametrize("body", ["text", {"bytes": "?"}, {"bytes": "", "fields": {}}, {"text": ""}, {}])
def test_the_body_of_a_call_says_whether_it_is_bytes(data: Any, body: Any) -> None:
    index = next(n for n, event in enumerate(data["events"]) if event["kind"] == "request")
    data["events"][index]["subject"]["body"] = body

    assert refusal(data)[0] == f"events[{index}].subject"


@pytest.mark.parametrize("when", [1, "soon", "2025-11-14T10:00:00", "2025-11-14T10:00:00+03:00"])
def test_a_time_in_details_is_in_utc(data: Any, when: Any) -> None:
    data["events"][-1]["subject"]["details"] = {"now": {"$time": when}}

    assert refusal(data)[0] == f"events[{len(data['events']) - 1}].subject"


def test_what_is_nested_without_end_is_refused(data: Any) -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    data["messages"][0]["payload"] = {"deep": deep}

    assert refusal(data)[1] == "This is nested too deeply."


@pytest.mark.parametrize("nothing", [None, [], "", 1, {}])
def test_what_is_no_export_at_all_is_refused(nothing: Any) -> None:
    refusal(nothing)


def places_in(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path to every value in a document."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inner for place in places_in(value, (*path, key)))]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [10**400, -(10**30), [], {}, [None], {"": None}, "***", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
    ),
    st.sampled_from(
        [ANN, BEN, ANNS_GROUP, INSTANCE, "task", "auto_reply", "pending", "retrying", "connected", "request"]
    ),
)


@cache
def places() -> list[tuple[Any, ...]]:
    """Return the path to every value in the export of a much used world."""
    return places_in(json.loads(exported()))[1:]


def changed(choice: int, value: Any, *, remove: bool) -> Any:
    """Return that export, changed in one place."""
    *way, last = places()[choice % len(places())]
    data = json.loads(exported())
    inside = at(data, *way)
    if remove:
        del inside[last]
    else:
        inside[last] = value
    return data


@settings(max_examples=examples(360))
@given(choice=st.integers(0, 2**32), value=VALUES, remove=st.booleans())
def test_whatever_is_changed_is_refused_or_harmless(choice: int, value: Any, remove: bool) -> None:
    try:
        state = load_world(changed(choice, value, remove=remove))
    except InvalidWorld:
        return
    assert_usable(world_of(state))


HUGE = "x" * 1_000_000
UPLOAD = {"data": "eHh4", "file_name": "", "mimetype": ""}
NOT_KEPT = {("description",), ("emulator",)}


def test_each_text_of_an_import_is_counted_or_refused(data: Any) -> None:
    data["description"], counted, tried, free = "", load_world(data).bytes, set(), []
    for *way, last in places_in(data)[1:]:
        path = tuple("" if isinstance(step, int) else step for step in (*way, last))
        kind = data["events"][way[1]]["kind"] if way[:1] == ["events"] and len(way) > 1 else ""
        inside = at(data, *way)
        former = inside[last]
        if (path, kind) in tried or path in NOT_KEPT or not isinstance(former, str | dict | None):
            continue
        tried.add((path, kind))
        inside[last] = {**former, HUGE: next(iter(former.values()), 1)} if isinstance(former, dict) else HUGE
        try:
            if load_world(data).bytes < counted + 700_000:
                free.append((path, kind))
        except InvalidWorld:
            pass
        inside[last] = former

    assert len(tried) > 300
    assert free == []


LONG = "Longer than maximum length {}."


@pytest.mark.parametrize(
    ("section", "place", "value", "problem"),
    [
        ("messages", "chat", "x" * 101, LONG.format(100)),
        ("messages", "cause", {"kind": "x", "id": "x" * 101}, LONG.format(100)),
        ("messages", "content", {"type": "x", "upload": UPLOAD}, "A stored message names its file, which is in media."),
        ("deliveries", "message", HUGE, LONG.format(100)),
        ("deliveries", "webhook_id", "x" * 101, LONG.format(100)),
        ("tasks", "id", "x" * 101, LONG.format(100)),
        ("ended_tasks", "reason", "x" * 1001, LONG.format(1000)),
        ("faults", "id", "x" * 81, f"'{'x' * 81}' does not look like fault-1."),
        ("faults", "name", "x" * 101, LONG.format(100)),
        ("served", "path", "x" * 501, LONG.format(500)),
        ("media", "sha256", HUGE, LONG.format(100)),
    ],
)
def test_what_no_size_counts_is_refused_with_its_place(
    data: Any, section: str, place: str, value: Any, problem: str
) -> None:
    data[section][0][place] = value

    where, said = refusal(data)

    assert (where.startswith(f"{section}[0].{place}"), said) == (True, problem)


def test_the_message_of_an_automatic_reply_has_a_short_id(data: Any) -> None:
    [key] = data["auto_replies"]
    data["auto_replies"][key]["message"] = "x" * 101

    assert refusal(data) == (f"auto_replies.{key}.message", LONG.format(100))


def models_in(hint: Any) -> set[type]:
    """Return the models that a value of a type consists of."""
    found = {hint} if is_dataclass(hint) else set()
    inside = get_type_hints(hint).values() if found else get_args(hint)
    return found.union(*map(models_in, inside))


MODELS = {*models_in(tuple[*(kind for kind, _ in SCHEMA.values()), *SUBJECTS.values(), Instance])}
LONGER = {  # than 100 characters: these have a bound of their own, and no other record gets them
    ("Rule", "when"): 65_536,
    ("Rule", "reply"): 65_536,
    ("Person", "name"): 65_536,
    ("Instance", "name"): 200,
    ("Group", "description"): 2048,
    ("Task", "reason"): 1000,
    ("Served", "path"): 500,
}
COUNTED = {  # where they stand, so they have any length, and fit wherever they are counted
    *(("Content", name) for name in ("text", "url", "caption", "file_name", "mimetype")),
    *(("Attempt", name) for name in ("url", "headers", "response", "error")),
    *(("Call", name) for name in ("method", "path", "raw_path", "query", "headers")),
    *(("Webhook", name) for name in ("url", "secret", "verify_token")),
    *(("Channel", name) for name in ("name", "description", "picture")),
    *(("Media", name) for name in ("file_name", "mimetype")),
    *(("Served", "mimetype"), ("Instance", "api_keys"), ("PendingAutoReply", "text"), ("Change", "id")),
}
COPIES = [  # a text of the first is copied into the second
    (("Fault", "id"), ("Delivery", "fault")),
    (("Fault", "id"), ("Call", "fault")),
    (("Delivery", "id"), ("Delivery", "redelivery_of")),
    (("Delivery", "id"), ("Delivery", "duplicate_of")),
    (("Delivery", "id"), ("Delivery", "webhook_id")),
    (("Delivery", "id"), ("Lane", "deliveries")),
    (("Delivery", "id"), ("Due", "key")),
    (("Delivery", "chat"), ("Lane", "chat")),
    (("Message", "chat"), ("Delivery", "chat")),
    (("Message", "id"), ("Delivery", "message")),
    (("Message", "id"), ("Cause", "id")),
    (("PendingAutoReply", "message"), ("Cause", "id")),
    (("PendingAutoReply", "group"), ("Message", "chat")),
    (("Task", "id"), ("Cause", "id")),
    (("Task", "id"), ("Due", "key")),
    (("Cause", "id"), ("Task", "call")),
    (("Media", "id"), ("Content", "media")),
]


def longest(model: str, name: str) -> int:
    """Return how many characters a text of a model has at most, as far as the bounds of others go."""
    [kind] = [one for one in MODELS if one.__name__ == model]
    hint, rule = get_type_hints(kind, include_extras=True)[name], RULES.get((model, name))
    most = 0
    for length in (1, 80, 100, 200, 500, 1000, 2048, 65_536, 100_000):
        for value in (text := "x" * length, [text], [["x", text]]):
            with suppress(InvalidWorld):
                decode(value, Annotated[hint, rule] if rule else hint, "")
                most = length
    return most


def test_each_text_of_a_record_has_a_bound_or_is_counted() -> None:
    texts = {
        (kind.__name__, name): longest(kind.__name__, name)
        for kind in MODELS
        for name, hint in get_type_hints(kind).items()
        if "str" in str(hint) and "Mapping" not in str(hint) and "str | int" not in str(hint)
    }

    assert len(texts) > 80
    assert {place for place, most in texts.items() if most > 65_536} == COUNTED
    assert {place: most for place, most in texts.items() if 100 < most <= 65_536} == LONGER


@pytest.mark.parametrize(("source", "target"), COPIES)
def test_a_text_that_is_copied_into_another_record_fits_there(source: tuple[str, str], target: tuple[str, str]) -> None:
    assert 0 < longest(*source) <= longest(*target)


@pytest.mark.parametrize("section", ["messages", "deliveries", "open_deliveries", "tasks", "ended_tasks", "lanes"])
def test_no_stored_instance_is_called_default(data: Any, section: str) -> None:
    """In calls, "default" names the first instance."""
    data[section][0]["instance"] = "default"

    assert refusal(data) == (
        f"{section}[0].instance",
        "'default' does not look like 9b540e83-e1ca-49b4-8c34-01fd31991d04.",
    )


def test_a_stored_delivery_is_not_of_an_instance_that_only_calls_name(world: World) -> None:
    delivery = Delivery("x", "default", "c", "m", b"{}", NOW, "x", "failed")

    with pytest.raises(InstanceNotFound):
        world.deliveries.redeliver([delivery])


def test_a_world_has_so_many_disappearing_chats(data: Any) -> None:
    full = {f"{number + 10**14}@g.us": {"seconds": 86_400} for number in range(10_000)}
    assert len(load_world(data | {"disappearing": full}).disappearing) == 10_000

    more = full | {"1234567@s.whatsapp.net": {"seconds": 86_400}}
    assert refusal(data | {"disappearing": more}) == ("disappearing", "Longer than maximum length 10000.")


@pytest.mark.parametrize(("name", "entry"), [("counters", 1), ("disappearing", {"seconds": 86_400})])
def test_the_name_of_an_entry_is_short(data: Any, name: str, entry: Any) -> None:
    long = {"1" * 101 + "@g.us": entry}

    assert refusal(data | {name: long}) == (name, "Names of at most 100 characters are expected here.")


def test_of_more_counters_than_a_world_has_the_last_are_kept(data: Any) -> None:
    """Calls may add some to a world that was imported with as many."""
    counters = {f"counter {number}": number for number in range(1001)}

    assert load_world(data | {"counters": counters}).counters == {
        name: number for name, number in counters.items() if number
    }


def test_chats_with_disappearing_messages_are_counted(data: Any) -> None:
    chats = {f"{number + 10**14}@g.us": {"seconds": 86_400} for number in range(1000)}

    assert load_world(data | {"disappearing": chats}).bytes > load_world(data).bytes + 500_000


def test_the_longest_texts_that_calls_leave_in_a_world_are_imported() -> None:
    world = much_used()
    client, latin, wide = client_of(world), "é" * 15_000, "😀" * 15_000
    form = {"recipients": ANN, "type": "document", "caption": wide, "file": (io.BytesIO(b"x"), wide, f"a/{latin}")}
    client.post("/send-message", headers=KEY, data=form)
    client.get(f"/{wide}", headers=KEY | {"X-One": latin, "X-Two": latin}, query_string=latin)
    for path in (f"/groups/{wide}", f"/groups/{'x' * 50_000}😀", f"/groups/{'x' * 50_000}中"):
        client.get(path, headers=KEY)
        client.get(path)  # without a key, it is in the default world
    client.open("/groups", method="M" * 60_000, headers=KEY)
    for sender in (wide, "x" * 15_000):
        event = {"event": wide, "data": {"from": f"{sender}@s", "id": sender, "message": {"conversation": wide}}}
        world.inbound.receive_event(event)
    world.instances.set_webhook(None, Webhook(f"http://localhost/{'x' * 15_000}"))
    world.inbound.receive(InboundMessage(BEN, text=wide))
    while job := world.deliveries.claim(INSTANCE):
        headers = tuple((f"X-{number}", latin) for number in range(50))
        world.deliveries.complete(job, Attempt(NOW, job.webhook.url, headers, None, wide, latin, 1.0, accepted=True))

    assert_alike(state_of(world), put_through(state_of(world)))


def test_the_size_of_a_call_stays_when_it_is_written(world: World) -> None:
    """Python keeps the UTF-8 that a writer has made of a text with the text."""
    client_of(world).get("/groups/x", headers=KEY)
    [call] = [event.subject for event in world.state.events.since(0, "request") if isinstance(event.subject, Call)][-1:]
    texts = {name: "".join([*("é" * 999), "😀"]) for name in ("path", "raw_path", "query", "method")}
    call = replace(call, headers=(("X", "é" * 999),), **texts)
    before = call.size

    for one in (call.path, call.raw_path, call.query, call.method, call.headers[0][1]):
        msgspec.json.encode(one)

    assert call.size == before > 4 * 4000


def test_a_longer_id_of_an_own_event_is_not_kept(world: World) -> None:
    longest, longer = "x" * 98 + "@s", "x" * 99 + "@s"
    one, two = (
        world.inbound.receive_event({"event": "e", "data": {"from": jid, "id": jid.replace("@", "")}}).message
        for jid in (longest, longer)
    )

    assert (one.chat, one.sender, one.id) == (longest, longest, "x" * 98 + "s")
    assert (two.chat, two.sender, two.id) == ("event", "event", "x" * 99 + "s")


def assert_usable(world: World) -> None:
    """Do what is done with worlds; nothing of it may fail in a way nobody foresaw."""
    world.begin()
    instance = next((one for one in world.instances.all() if one.api_keys), None)
    headers = {"Authorization": f"Bearer {instance.api_keys[0]}"} if instance else {}
    client = client_of(world)
    message = {"recipients": [ANN, OTHER_NUMBER], "type": "text", "text": "hi there"}
    calls = [
        client.get("/groups", headers=headers),
        client.post("/send-message", headers=headers, json=message),
        client.get("/scheduled-messages", headers=headers),
        *(client.get(f"/_mock/{what}") for what in ("messages", "requests", "deliveries", "events", "clock")),
        *(client.post("/_mock/clock/advance", json={"to_next": True}) for _ in range(6)),
        client.post("/_mock/clock/advance", json={"seconds": 90_000}),
        client.post("/_mock/inbound", json={"from": ANN, "text": "hi"}),
        *(client.get(f"/_mock/{what}") for what in ("messages", "requests", "deliveries", "events")),
    ]
    assert [call.status_code for call in calls if call.status_code >= 500 and call.status_code != 503] == []
    for one in world.instances.all():
        while (job := world.deliveries.claim(one.id)) is not None:
            world.deliveries.complete(job, Attempt(world.clock.now(), "u", (), 200, "", None, 1.0, True))
    json.loads(export(state_of(world), secrets=True))
