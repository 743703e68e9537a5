"""What an import accepts works: ids are new whatever counters say, counts grow, and lanes go on."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.clock import EARLIEST
from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.models import Attempt, Chaos, Content, Delay, Rule, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, BEN, INSTANCE, OUR_NUMBER, described
from tests.support import KEY, NOW, RealTime

URL = "http://127.0.0.1:9/hook"
MOST = 2**53
STAMP = '{"event":"x","timestamp":"%s"}'


def exported(world: World) -> Any:
    return json.loads(export(world.saved(), secrets=True))


def assert_is_imported_again(world: World) -> None:
    load_world(exported(world))


def attempt(world: World, status: int = 200) -> int:
    """Make the attempts that are ready, with this response, and return how many these were."""
    count = 0
    while job := world.deliveries.claim(INSTANCE):
        world.deliveries.complete(job, Attempt(world.clock.now(), URL, (), status, "", None, 1.0, status == 200))
        count += 1
    return count


def hook(world: World, **options: Any) -> None:
    world.instances.set_webhook(None, Webhook(URL, **options))


@pytest.mark.parametrize(
    "setting", [{"offset": "-P30000D"}, {"offset": "-P2900000D"}, {"frozen_at": "1970-01-01T00:00:00Z"}]
)
def test_a_clock_shows_no_time_before_1970(setting: Any, world: World, client: Client) -> None:
    world.replace(load_world(exported(world) | {"clock": setting}))

    assert (
        client.post("/send-message", headers=KEY, json={"recipients": [ANN], "type": "text", "text": "x"}).status_code
        == 200
    )

    assert world.clock.now() == EARLIEST
    assert_is_imported_again(world)


def test_a_clock_at_its_beginning_stays_there_while_real_time_steps_back(world: World, real_time: RealTime) -> None:
    world.timeline.change(now=EARLIEST)
    real_time.pass_by(hours=-1)
    world.people.put(ANN, rules=(Rule(after=0),))

    world.sending.send(INSTANCE, [ANN], Content("text", text="x"))

    assert world.clock.real_time_of(EARLIEST) == real_time.now
    assert [fired.kind for fired in world.timeline.run_due()] == ["auto_reply"]
    assert_is_imported_again(world)


@pytest.mark.parametrize(
    ("order", "statuses", "is_taken"),
    [
        ([0, 1, 2], {}, True),
        ([1, 0, 2], {}, False),
        ([1, 2, 0], {}, False),
        ([1, 2], {}, True),  # retried beside its lane, as one is whose webhook is not `ordered`
        ([0, 2], {}, False),
        ([0, 1, 2, 1], {}, False),
        ([0, 1, 2], {1: "delayed"}, False),
        ([0, 1, 2], {1: "waiting"}, False),
        ([0, 1, 2], {1: "retrying"}, False),
        ([1, 2], {0: "pending"}, False),
    ],
)
def test_only_the_first_delivery_of_a_lane_is_being_retried(
    order: list[int], statuses: dict[int, str], is_taken: bool, world: World
) -> None:
    world.timeline.change(frozen=True)
    hook(world, retries=(60,))
    for text in ("one", "two", "three"):
        world.inbound.receive(InboundMessage(ANN, text=text))
    attempt(world, 500)
    data = exported(world)
    for place, status in statuses.items():
        data["open_deliveries"][place]["status"] = status
        data["timers"]["last_order"] += 1
        kind = {"delayed": "delayed delivery", "retrying": "delivery retry"}.get(status)
        timer = {"at": "2026-01-01T00:00:00Z", "order": 9, "kind": kind, "key": data["open_deliveries"][place]["id"]}
        data["timers"] = {"last_order": 9, "entries": [*data["timers"]["entries"], *([timer] if kind else [])]}
    ids = data["lanes"][0]["deliveries"]
    data["lanes"][0]["deliveries"] = [ids[place] for place in order]

    if not is_taken:
        with pytest.raises(InvalidWorld):
            load_world(data)
        return

    world.replace(load_world(data))
    attempt(world)
    world.timeline.advance(timedelta(seconds=60))
    attempt(world)
    assert {one.status for one in world.deliveries.all()} == {"delivered"}


COUNTS = [
    ["last_event"],
    ["last_call"],
    ["timers", "last_order"],
    ["tasks", 0, "order"],
    ["faults", 0, "matched"],
    ["faults", 0, "hits"],
    ["faults", 1, "hits"],
    ["deliveries", 0, "left_out"],
    ["faults", 0, "after"],
    ["instances", 0, "webhook", "failures"],
    ["evicted", "messages", "count"],
    ["evicted_events", "message", "count"],
    ["evicted_events", "message", "last_event"],
    ["messages", 0, "event"],
    ["deliveries", 0, "event"],
]
KINDS = [
    "message",
    "received message",
    "delivery",
    "task",
    "fault",
    "group",
    "group invite",
    "channel",
    "media",
    "media path",
]


@pytest.fixture
def counted(world: World) -> Any:
    """The export of a world that keeps five messages, in which everything is counted."""
    world.replace(load_world(exported(world) | {"history": 5}))
    hook(world)
    use(world)
    attempt(world)
    return exported(world)


def use(world: World) -> None:
    """Let everything grow that is counted."""
    for text in ("x", "y", "z"):
        world.sending.send(INSTANCE, [ANN], Content("text", text=text))
        world.inbound.receive(InboundMessage(ANN, text=text))
        world.schedule.add(INSTANCE, [ANN], Content("text", text=text), (NOW + timedelta(days=9)).replace(tzinfo=None))
    world.faults.arm(name="", on="deliveries", match={}, action="duplicate", times=10)
    world.faults.arm(name="", on="deliveries", match={}, action="drop_response", times=10)


def put(data: Any, path: list[Any], value: Any) -> Any:
    box = data
    for step in path[:-1]:
        box = box[step]
    box[path[-1]] = value
    return data


@pytest.mark.parametrize(
    "path", [*COUNTS, *(["counters", kind] for kind in KINDS)], ids=lambda path: ".".join(map(str, path))
)
def test_a_count_is_at_most_what_json_has_for_sure_and_grows_there(
    path: list[Any], counted: Any, world: World, client: Client
) -> None:
    for value in (-1, MOST + 1, 10**4300 - 1):
        assert client.put("/_mock/world", json=put(counted, path, value)).status_code == 400

    for value in (MOST - 1, MOST):
        assert client.put("/_mock/world", json=put(counted, path, value)).status_code == 200
        for _ in range(3):
            use(world)
            attempt(world, 500)
            assert client.get("/_mock/events").status_code == client.get("/groups", headers=KEY).status_code == 200
        again = client.put("/_mock/world", data=export(world.saved(), secrets=True), content_type="application/json")
        assert again.status_code == 200, again.text


def test_a_fault_may_have_hit_as_often_as_can_be_counted(world: World, client: Client) -> None:
    world.faults.arm(name="", on="calls", match={}, delay=Delay(0, 0))
    data = exported(world)
    world.replace(load_world(put(data, ["faults", 0, "hits"], MOST)))

    assert client.get("/groups", headers=KEY).status_code == 200

    assert_is_imported_again(world)
    assert exported(world)["faults"][0]["hits"] == MOST


def test_a_fault_with_the_longest_id_draws_what_an_import_takes(world: World, client: Client) -> None:
    world.faults.arm(name="", on="calls", match={}, delay=Delay(0, 1), probability=0.5)
    world.replace(load_world(put(exported(world), ["faults", 0, "id"], "f" * 80)))

    for _ in range(5):
        assert client.get("/groups", headers=KEY).status_code == 200

    assert {f"{'f' * 80} hits", f"{'f' * 80} delay"} <= world.state.counters.keys()
    assert_is_imported_again(world)


@pytest.mark.parametrize("count", [998, 1000])
def test_calls_may_add_counters_to_a_world_that_has_as_many_as_it_may(count: int, world: World, client: Client) -> None:
    counters = {f"counter {number}": 1 for number in range(count)}
    world.replace(load_world(exported(world) | {"counters": counters}))

    everything(world, client)

    assert_is_imported_again(world)


def test_a_copy_of_an_event_with_the_longest_id_gets_another(world: World) -> None:
    hook(world)
    world.pairing.disconnect(None)
    world.inbound.receive(InboundMessage(ANN, text="x"))
    data = put(exported(world), ["open_deliveries", 0, "id"], "x" * 100)
    world.replace(load_world(put(data, ["open_deliveries", 0, "chaos"], {"duplicate": 1})))

    world.pairing.set_status(None, "connected")

    assert len(world.deliveries.all()) == 2
    assert_is_imported_again(world)


def test_a_seed_is_any_integer(world: World) -> None:
    for seed in (-(10**17), 10**17, 10**4000):
        assert load_world(exported(world) | {"seed": seed}).seed == seed


def test_a_log_begins_anew_behind_the_highest_number(world: World) -> None:
    reader = world.follow(None)
    world.replace(load_world(exported(world) | {"last_event": MOST, "events": []}))

    world.people.put(ANN, name="x")

    assert [event.number for event in world.state.events.since()] == [1]
    assert [getattr(news, "number", None) for news in reader.read()][-1] == 1
    reader.close()


def everything(world: World, client: Client) -> None:
    """Make one of all that gets an id."""
    sent = {"recipients": [ANN], "type": "text", "text": "x"}
    file = (BytesIO(b"x"), "a.bin")
    for path, body in [
        ("/send-message", {"json": sent}),
        ("/send-message", {"data": {"recipients": ANN, "type": "document", "file": file}}),
        ("/schedule-message", {"json": sent | {"sendAt": "2030-01-01 00:00:00"}}),
        ("/groups", {"json": {"subject": "x", "participants": [ANN]}}),
        ("/channels", {"json": {"name": "x"}}),
        ("/_mock/inbound", {"json": {"from": BEN, "text": "x"}}),
        ("/_mock/inbound", {"json": {"from": BEN, "type": "image"}}),
        ("/_mock/faults", {"json": {"match": {"path": "/x"}, "delay": 0}}),
        ("/_mock/instances", {"json": {}}),
        ("/_mock/instances/default/api-keys", {"json": {}}),
    ]:
        headers = {} if path.startswith("/_mock") else KEY
        assert client.post(path, headers=headers, **body).status_code in (200, 201), path
    world.timeline.advance(timedelta(seconds=1))  # the instance shows its QR code


def ids_of(world: World) -> dict[str, list[str]]:
    """Return all that is drawn for a world."""
    state = world.state
    boxes = {
        name: getattr(state, name) for name in ("groups", "channels", "faults", "instances", "tasks", "auto_replies")
    }
    return {
        **{name: list(box) for name, box in boxes.items()},
        **{name: [one.id for one in getattr(state, name)] for name in ("messages", "media")},
        "served": [one.path for one in state.served],
        "deliveries": [one.id for one in world.deliveries.all()],
        "invites": [one.invite for one in (*state.groups.values(), *state.channels.values())],
        "codes": [one.qr.code for one in state.instances.values() if one.qr],
        "keys": [key for one in state.instances.values() for key in one.api_keys],
    }


@pytest.mark.parametrize("counters", [None, {}, "lowered"])
def test_new_ids_are_new_whatever_the_counters_say(counters: Any, world: World, client: Client) -> None:
    hook(world, chaos=Chaos(duplicate=1.0))
    world.people.put(ANN, rules=(Rule(after=9),))
    everything(world, client)
    data = exported(world)
    if counters is None:
        del data["counters"]
    else:
        data["counters"] = {} if counters == {} else {kind: count // 2 for kind, count in data["counters"].items()}
    world.replace(load_world(data))
    before = ids_of(world)
    assert all(before.values())

    everything(world, client)

    after = ids_of(world)
    for name, known in after.items():
        assert len(set(known)) == len(known) == len({*known, *before[name]}), name
        assert len(known) > len(before[name]), name
    assert_is_imported_again(world)


def test_a_copy_of_an_event_gets_an_id_of_its_own(world: World) -> None:
    hook(world)
    world.pairing.disconnect(INSTANCE)
    waiting = world.inbound.receive(InboundMessage(ANN, text="x", chaos=Chaos(duplicate=1.0))).delivery
    data = exported(world)
    data["deliveries"] = [data["open_deliveries"][0] | {"id": f"{waiting.id}-2", "status": "delivered", "chaos": None}]
    world.replace(load_world(data))

    world.pairing.set_status(INSTANCE, "connected")

    assert attempt(world) == 2
    found = [one.id for one in world.deliveries.all()]
    assert len(set(found)) == len(found) == 3
    assert_is_imported_again(world)


@pytest.mark.parametrize("section", ["groups", "channels"])
def test_a_file_may_add_to_an_export_without_counters(section: str, world: World, client: Client) -> None:
    everything(world, client)
    data = exported(world)
    del data["counters"]
    added = {
        "groups": {"subject": "x", "owner": OUR_NUMBER, "participants": [{"number": OUR_NUMBER}]},
        "channels": {"name": "x"},
    }
    data[section].insert(0, added[section])

    loaded = load_world(data)

    assert len(getattr(loaded, section)) == len(data[section])


@pytest.mark.parametrize("time", ["2025-99-14T10:00:00.000Z", "0000-01-01T10:00:00.000Z", "2025-02-30T25:61:61.000Z"])
def test_an_event_without_a_time_is_sent_as_it_is(time: str, world: World) -> None:
    hook(world)
    world.inbound.receive(InboundMessage(ANN, text="x"))
    data = exported(world)
    body = (STAMP % time).encode()
    data["open_deliveries"][0]["body"] = b64encode(body).decode()
    world.replace(load_world(data))

    job = world.deliveries.claim(INSTANCE)

    assert job is not None
    assert job.delivery.body == body


@pytest.mark.parametrize("encode", [lambda text: text.encode("utf-16"), lambda text: text.encode("utf-8-sig")])
def test_an_event_is_utf_8(encode: Callable[[str], bytes], world: World) -> None:
    hook(world)
    world.inbound.receive(InboundMessage(ANN, text="x"))
    data = exported(world)
    data["open_deliveries"][0]["body"] = b64encode(encode('{"a":1}')).decode()

    with pytest.raises(InvalidWorld):
        load_world(data)


def test_timers_may_have_the_same_order(world: World) -> None:
    numbers = [OUR_NUMBER, "254700000001"]
    instances = [{"id": f"{n}b540e83-e1ca-49b4-8c34-01fd31991d04", "number": one} for n, one in enumerate(numbers)]
    at = "2025-11-14T10:00:01Z"
    entries = [{"at": at, "order": MOST, "kind": "pairing", "key": one["id"]} for one in instances]
    data = described(instances=instances) | {"timers": {"last_order": MOST, "entries": entries}}
    world.replace(load_world(data))

    assert [fired.id for fired in world.timeline.advance(timedelta(days=1))] == [one["id"] for one in instances]
