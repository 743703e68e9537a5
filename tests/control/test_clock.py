"""/_mock/clock: time stands still, runs, jumps and advances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, described
from tests.support import KEY, RealTime, client_of


def schedule(client: Client, at: str) -> str:
    body = {"recipients": [ANN], "type": "text", "text": "Hello", "sendAt": at}
    response = client.post("/schedule-message", headers=KEY, json=body)
    assert response.json is not None
    task_id: str = response.json["task_id"]
    return task_id


def clock(client: Client) -> dict[str, Any]:
    response = client.get("/_mock/clock")
    assert response.json is not None
    shown: dict[str, Any] = response.json
    return shown


def test_the_clock_is_shown(client: Client) -> None:
    schedule(client, "2025-11-14 13:48:00")

    response = client.get("/_mock/clock")

    assert response.status_code == 200
    assert response.content_type == "application/json; charset=utf-8"
    assert response.json == {
        "now": "2025-11-14T10:00:00Z",
        "frozen": False,
        "time_zone": "UTC",
        "next_due": "2025-11-14T13:48:00Z",
    }


def test_a_running_clock_shows_milliseconds(client: Client, real_time: RealTime) -> None:
    real_time.pass_by(seconds=1.25)

    assert clock(client)["now"] == "2025-11-14T10:00:01.250Z"


def test_the_clock_is_frozen_and_runs_again(client: Client, real_time: RealTime) -> None:
    frozen = client.patch("/_mock/clock", json={"frozen": True})
    real_time.pass_by(hours=1)

    assert frozen.status_code == 200
    assert frozen.json == clock(client)
    assert clock(client)["now"] == "2025-11-14T10:00:00Z"

    client.patch("/_mock/clock", json={"frozen": False})
    real_time.pass_by(seconds=2)

    assert clock(client)["now"] == "2025-11-14T10:00:02Z"


@pytest.mark.parametrize(
    ("given", "now"),
    [
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("2030-01-01T03:00:00+03:00", "2030-01-01T00:00:00Z"),
        ("2030-01-01T00:00:00.123456Z", "2030-01-01T00:00:00.123Z"),
        ("2030-01-01 00:00:00", "2030-01-01T00:00:00Z"),
        ("2030-01-01", "2030-01-01T00:00:00Z"),
    ],
)
def test_the_clock_is_set(given: str, now: str, client: Client) -> None:
    response = client.patch("/_mock/clock", json={"now": given, "frozen": True})

    assert response.status_code == 200
    assert clock(client)["now"] == now


def test_a_time_without_an_offset_is_local_to_the_world(make_world: Callable[[State], World]) -> None:
    client = client_of(make_world(load_world(described(), time_zone="Africa/Nairobi")))

    client.patch("/_mock/clock", json={"now": "2025-12-01T12:00:00", "frozen": True})

    assert clock(client)["now"] == "2025-12-01T09:00:00Z"
    assert clock(client)["time_zone"] == "Africa/Nairobi"


def test_setting_the_clock_makes_a_documented_time_the_future(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2025-11-14T13:00:00Z", "frozen": True})

    assert schedule(client, "2025-11-14 13:48:00").startswith("SCHED-")


@pytest.mark.parametrize(
    ("how", "now"),
    [
        ({"seconds": 7200}, "2025-11-14T12:00:00Z"),
        ({"seconds": 5400.5}, "2025-11-14T11:30:00.500Z"),
        ({"to": "2025-11-14T11:00:00Z"}, "2025-11-14T11:00:00Z"),
        ({"to_next": True}, "2025-11-14T10:30:00Z"),
    ],
)
def test_advancing_answers_with_what_was_fired(how: dict[str, Any], now: str, client: Client) -> None:
    task_id = schedule(client, "2025-11-14 10:30:00")

    response = client.post("/_mock/clock/advance", json=how)

    assert response.status_code == 200
    assert response.json == {
        "now": now,
        "fired": [{"at": "2025-11-14T10:30:00Z", "kind": "task", "id": task_id, "result": "sent", "reason": None}],
    }
    assert client.get("/scheduled-messages", headers=KEY).json["data"] == []  # type: ignore[index]


def test_advancing_by_nothing_is_fine(client: Client) -> None:
    response = client.post("/_mock/clock/advance", json={"seconds": 0})

    assert response.json == {"now": "2025-11-14T10:00:00Z", "fired": []}


@pytest.mark.parametrize("body", [{"to": "2025-11-14T09:59:59Z"}, {"to": "9999-01-01T00:00:00Z"}, {"seconds": 3e11}])
def test_advancing_to_where_the_clock_cannot_go_is_refused(body: dict[str, Any], client: Client) -> None:
    schedule(client, "2025-11-14 10:30:00")

    response = client.post("/_mock/clock/advance", json=body)

    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["code"] == "clock_out_of_range"
    assert clock(client)["now"] == "2025-11-14T10:00:00Z"
    assert client.get("/_mock/messages").json["messages"] == []  # type: ignore[index]


@pytest.mark.parametrize("now", ["1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z"])
def test_a_time_that_the_clock_cannot_show_is_refused(now: str, client: Client) -> None:
    response = client.patch("/_mock/clock", json={"now": now})

    assert response.status_code == 400
    assert response.json == {
        "error": {"code": "clock_out_of_range", "message": "the clock shows times from 1970 to 9998"}
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("PATCH", "/_mock/clock", {}, "Give now, frozen, or both."),
        ("PATCH", "/_mock/clock", {"now": "tomorrow"}, "'tomorrow' is not an ISO 8601 time"),
        ("PATCH", "/_mock/clock", {"now": ""}, "is not an ISO 8601 time"),
        ("PATCH", "/_mock/clock", {"now": "0001-01-01T00:00:00+14:00"}, "is not an ISO 8601 time"),
        ("PATCH", "/_mock/clock", {"now": 5}, "now: "),
        ("PATCH", "/_mock/clock", {"now": None}, "now: "),
        ("PATCH", "/_mock/clock", {"frozen": "yes"}, "frozen: "),
        ("PATCH", "/_mock/clock", {"frozen": 1.5}, "frozen: "),
        ("PATCH", "/_mock/clock", {"frozen": []}, "frozen: "),
        ("POST", "/_mock/clock/advance", {}, "Give one of seconds, to and to_next."),
        ("POST", "/_mock/clock/advance", {"seconds": 1, "to_next": True}, "Give one of seconds, to and to_next."),
        ("POST", "/_mock/clock/advance", {"seconds": -1}, "seconds: "),
        ("POST", "/_mock/clock/advance", {"seconds": 1e300}, "seconds: "),
        ("POST", "/_mock/clock/advance", {"seconds": True}, "seconds: "),
        ("POST", "/_mock/clock/advance", {"seconds": "soon"}, "seconds: "),
        ("POST", "/_mock/clock/advance", {"seconds": 10**400}, "seconds: "),
        ("POST", "/_mock/clock/advance", {"to": 5}, "to: "),
        ("POST", "/_mock/clock/advance", {"to": "later"}, "'later' is not an ISO 8601 time"),
        ("POST", "/_mock/clock/advance", {"to_next": False}, "to_next: "),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(
    method: str, path: str, body: dict[str, Any], says: str, client: Client
) -> None:
    response = client.open(path, method=method, json=body)

    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["code"] == "bad_request"
    assert says in response.json["error"]["message"]
    assert clock(client)["now"] == "2025-11-14T10:00:00Z"
    assert clock(client)["frozen"] is False


@pytest.mark.parametrize("value", ["1e999", "NaN"])
def test_an_endless_advance_is_refused(value: str, client: Client) -> None:
    body = f'{{"seconds": {value}}}'

    response = client.post("/_mock/clock/advance", data=body, content_type="application/json")

    assert response.status_code == 400


def test_a_running_clock_advances_to_next_and_by_nothing(kit: Flaresend) -> None:
    assert kit.clock.advance_to_next() == []
    assert kit.clock.advance(0) == []
