"""Whatever calls make of a world, its export is imported again: else an emulator with --autosave would not start."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from werkzeug.test import Client

from flaresend_mock.core import bounded_store, state
from flaresend_mock.core.channels import MAX_SUBSCRIBERS
from flaresend_mock.core.clock import END, LATEST
from flaresend_mock.core.people import own_lid
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, BEN, OUR_NUMBER
from tests.support import RealTime, default_state

API = {"Authorization": "Bearer YOUR_API_KEY"}
HUGE = "9" * 4000  # an integer in JSON
STRANGER = "254799999001"
LAST_SECOND = "9998-12-31T23:59:59Z"


def imported(state: State) -> State:
    return load_world(json.loads(export(state, secrets=True)))


def json_call(client: Client, path: str, body: str) -> int:
    return client.post(path, data=body, headers=API, content_type="application/json").status_code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/send-message", '{"recipients":["254712345678"],"type":"template","template":{"x":[%s]}}'),
        ("/schedule-message", '{"recipients":[%s],"type":"text","text":"x","sendAt":"2030-01-01 10:00:00"}'),
        ("/_mock/inbound", '{"from":"254712345678","message":{"conversation":"x","y":[%s]}}'),
        ("/_mock/inbound", '{"event":{"data":{"message":{"y":[%s]}}}}'),
    ],
)
def test_integers_count_with_all_their_digits(path: str, body: str, client: Client, world: World) -> None:
    before = world.state.bytes

    assert json_call(client, path, body % ",".join([HUGE] * 10)) in (200, 201)

    assert world.state.bytes - before > 10 * len(HUGE) // 3
    imported(world.saved())


@pytest.mark.parametrize("at", ["9999-12-30 00:00:01", "9999-12-31 10:00:00", "9999-12-31 23:59:59"])
def test_nothing_is_scheduled_for_the_last_days_of_the_calendar(at: str, client: Client, world: World) -> None:
    body = '{"recipients":[254712345678],"type":"text","text":"x","sendAt":"%s"}'

    assert json_call(client, "/schedule-message", body % at) == 400
    assert json_call(client, "/schedule-message", body % "9999-12-30 00:00:00") == 200

    assert [task.send_at for task in imported(world.saved()).tasks.values()] == [END]


def test_a_delay_ends_within_the_calendar(client: Client, world: World) -> None:
    webhook = {"url": "http://127.0.0.1:9/", "chaos": {"delay": 366 * 86_400}}
    client.put(f"/_mock/instances/{world.instances.first().id}/webhook", json=webhook)
    client.patch("/_mock/clock", json={"now": LAST_SECOND})

    assert client.post("/_mock/inbound", json={"from": ANN, "text": "x"}).status_code == 201

    assert imported(world.saved()).timers.next_at() == END


def test_a_link_that_has_expired_lies_within_the_calendar(client: Client, world: World) -> None:
    client.patch("/_mock/clock", json={"now": "1970-01-01T00:00:00Z"})

    client.post("/_mock/inbound", json={"from": ANN, "type": "image", "media": {"expired": True}})

    assert [file.expires for file in imported(world.saved()).served] == [datetime(1970, 1, 1, tzinfo=UTC)]


def test_a_clock_that_ran_into_the_last_year_stands_at_its_beginning(world: World, real_time: RealTime) -> None:
    world.timeline.change(now=LATEST - timedelta(seconds=1), frozen=False)
    real_time.pass_by(days=2)

    world.timeline.change(frozen=True)

    assert imported(world.saved()).clock.frozen_at == LATEST


def test_one_value_may_be_beyond_the_bound_in_an_import_as_well(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(state.BOUNDS, "faults", (100, 10_000))
    for body in ("x" * 5_000, "x" * 30_000):
        assert client.post("/_mock/faults", json={"respond": {"status": 500, "body": body}}).status_code == 201

    assert len(imported(world.saved()).faults) == 2


def test_files_that_another_instance_sent_are_imported_however_many_wait(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (bounded_store, state):
        monkeypatch.setattr(module, "MAX_MEDIA_BYTES", 1000)
    world.instances.create(number=BEN, status="disconnected")
    for _ in range(8):
        file = (BytesIO(b"x" * 400), "a.bin")
        client.post("/send-message", headers=API, data={"recipients": BEN, "type": "document", "file": file})

    assert len(imported(world.saved()).served) == 8


def test_who_named_a_group_stays_known(world: World) -> None:
    saved = json.loads(export(world.saved(), secrets=True))
    group = {"subject": "x", "owner": OUR_NUMBER, "subject_owner": ANN, "participants": [{"number": OUR_NUMBER}]}
    world.replace(load_world(saved | {"groups": [group]}))

    world.people.remove(ANN)

    assert imported(world.saved()).people[ANN].name == ""


def test_a_number_that_a_person_of_the_same_call_got_as_lid_is_a_number(client: Client, world: World) -> None:
    lid = own_lid(world.state, STRANGER)
    body = {"subject": "x", "participants": [STRANGER, lid.removesuffix("@lid")]}

    assert client.post("/groups", headers=API, json=body).status_code == 200

    found = imported(world.saved())
    assert found.people[STRANGER].lid != lid
    assert lid.removesuffix("@lid") in found.people


def test_a_channel_has_no_more_subscribers_than_an_import_takes(client: Client, world: World) -> None:
    world.channels.make(None, "GUEST", name="x", subscribers=MAX_SUBSCRIBERS)

    channel = list(world.state.channels)[-1]
    assert client.post(f"/channels/{channel}/follow", headers=API).status_code == 200

    assert imported(world.saved()).channels[channel].subscribers == MAX_SUBSCRIBERS


def test_a_member_of_a_group_stays_known_where_there_is_no_room_for_people(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.groups.make(world.instances.first().id, "x", [ANN])
    monkeypatch.setitem(state.BOUNDS, "people", (100_000, 100))

    world.people.remove(ANN)

    assert world.state.people[ANN].name == ""


@pytest.mark.parametrize("key", ["two words", "clé", "\x7f", "tab\t"])
def test_a_key_that_no_import_takes_opens_no_world(key: str, make_world: Callable[[State], World]) -> None:
    worlds = Worlds(make_world(default_state()), lambda name, state: make_world(state), default_state)

    assert worlds.with_key(key) is None
    assert worlds.with_key("usable") is not None
