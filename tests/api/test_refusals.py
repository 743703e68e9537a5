"""A refused call changes nothing: not the world, and not even the id that comes next."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import Patience
from flaresend_mock.core.state import BOUNDS
from flaresend_mock.core.world import World
from flaresend_mock.world_format.write import export
from tests.contract.test_contract import CASES, filled, find, send, state_with
from tests.defaults import ANN, OWNED, PROJECT
from tests.security.hostile import API_BODIES, CONTROL_BODIES
from tests.support import KEY, client_of

REFUSED = [case for case in CASES if case.response["status"] >= 400]
LOG = {"events", "last_event", "last_call", "evicted", "evicted_events"}
"""The parts of a world in which a call of the API is recorded, also a refused one."""

PNG = "iVBORw0KGgo="
NOBODY = "000000000000@g.us"
STRANGE: list[Any] = [
    None,
    "",
    "nope",
    "\0",
    -1,
    0,
    10**30,
    1.5,
    True,
    [],
    [None],
    ["nope"],
    {},
    {"a": 1},
    "x" * 70_000,
]
INBOUND: list[dict[str, Any]] = [
    {"text": "hi", "group": NOBODY},
    {"text": "hi", "to": "nope"},
    {"text": "hi", "instance": "nope"},
    {"text": "hi", "reply_to": "nope"},
    {"text": "hi", "quote": "nope"},
    {"text": "hi", "chaos": {"duplicate": -1}},
    {"text": "hi", "mentions": ["x"]},
    {"type": "image", "media": {"base64": "?"}},
    {"type": "image", "media": {"base64": PNG, "file_name": "a.pdf", "mimetype": "application/pdf"}},
    {"type": "sticker", "media": {"base64": PNG}},
    {"type": "video", "media": {"base64": PNG}},
    {"type": "audio", "media": {"base64": PNG, "mimetype": "image/png"}},
    {"type": "reaction", "emoji": "x"},
    {"type": "reaction", "emoji": "x", "target": "nope"},
    {"type": "edit", "text": "x", "target": "nope"},
    {"type": "delete", "target": "nope"},
    {"type": "poll", "name": "x", "options": []},
    {"type": "poll_vote", "target": "nope", "options": ["a"]},
    {"type": "button_reply", "target": "nope", "id": "x"},
    {"type": "list_reply", "target": "nope", "id": "x"},
    {"type": "location", "latitude": 1000, "longitude": 0},
    {"type": "disappearing", "seconds": 5},
    {"type": "channel_image", "channel": "nope", "media": {"base64": PNG}},
    {"type": "event", "name": ""},
    {"type": "nope"},
    {"raw": []},
    {"raw": {"nope": 1}},
    {"event": {"event": 1}},
]
CONTROL: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "instances", {"api_key": "YOUR_API_KEY"}),
    ("POST", "instances", {"number": "254700000001", "api_key": "YOUR_API_KEY"}),
    ("POST", "instances", {"number": "12"}),
    ("POST", "instances", {"lid": "254712345678@lid"}),
    ("POST", "instances/default/api-keys", {"api_key": "YOUR_API_KEY"}),
    ("POST", "instances/nope/api-keys", {}),
    ("POST", "instances/default/scan", {"code": "x"}),
    ("POST", "instances/default/reconnect", {}),
    ("POST", "instances", {"name": "x", "lid": "163514152964174@lid", "api_key": "YOUR_API_KEY"}),
    *(("POST", f"instances/nope/{call}", {}) for call in ("reconnect", "disconnect", "logout", "scan")),
    ("DELETE", "instances/default", {}),
    ("DELETE", "instances/default/api-keys/nope", {}),
    ("POST", "channels", {"name": "x", "instance": "nope"}),
    ("POST", "channels", {"name": "x", "role": "nope"}),
    ("PATCH", f"channels/{OWNED}", {"name": "x", "instance": "nope", "role": "ADMIN"}),
    ("POST", "groups", {"subject": "x", "participants": ["nope"]}),
    ("POST", "groups", {"subject": "x", "participants": [ANN], "instance": "nope"}),
    ("POST", f"groups/{PROJECT}/participants", {"action": "add", "participants": [ANN, "nope"]}),
    ("POST", f"groups/{PROJECT}/participants", {"action": "promote", "participants": ["254799999999"]}),
    ("PATCH", f"groups/{PROJECT}", {"subject": "x", "owner": "nope"}),
    ("PUT", f"people/{ANN}", {"aliases": [ANN]}),
    ("PUT", f"people/{ANN}", {"lid": "nope"}),
    ("PUT", "people/nope", {"name": "x"}),
    ("DELETE", "people/254799999999", {}),
    ("PUT", "instances/default/webhook", {"url": "file:///etc/passwd"}),
    ("PUT", "instances/default/webhook", {"url": "http://169.254.169.254/"}),
    ("POST", "deliveries/nope/redeliver", {}),
    ("POST", "faults", {"preset": "nope"}),
    ("POST", "faults", {"on": "calls", "match": {"nope": 1}, "status": 500}),
    ("PUT", "snapshots/nope/restore", {}),
    ("POST", "snapshots/nope/restore", {}),
    ("POST", "worlds", {"name": "default"}),
    ("POST", "worlds", {"name": "other", "export": {"version": 99}}),
    ("POST", "worlds", {"name": "other", "api_key": "YOUR_API_KEY"}),
    ("PUT", "world", {"version": 99}),
    ("POST", "clock/advance", {"seconds": -1}),
    ("DELETE", "scheduled/nope", {}),
    *(("POST", "inbound", {"from": ANN, **one}) for one in INBOUND),
    ("POST", "inbound", {"from": "nope", "text": "hi"}),
]
SENT: list[tuple[str, dict[str, Any]]] = [
    ("/send-message", {"recipients": [ANN], "type": "image", "url": ""}),
    ("/send-message", {"recipients": [], "type": "text", "text": "x"}),
    ("/schedule-message", {"recipients": [ANN], "type": "text", "text": "x", "sendAt": "2001-01-01 00:00:00"}),
    ("/schedule-message", {"recipients": [ANN], "type": "text", "text": "x", "sendAt": "nope"}),
    ("/groups/send-message", {"groupJids": [], "type": "text", "text": "x"}),
    (f"/groups/{NOBODY}/participants", {"action": "add", "participants": [ANN]}),
    ("/channels/nope@newsletter/message", {"type": "text", "text": "x"}),
]


class Impatient(Patience):
    """Waits for nothing."""

    def wait(self, done: Event, *_: object) -> bool:
        return done.is_set()


def contents(world: World, *, without_log: bool = False) -> dict[str, Any]:
    """Return all that is in a world: the counters from which ids come, too."""
    found: dict[str, Any] = json.loads(export(world.saved(), secrets=True))
    return {name: value for name, value in found.items() if not (without_log and name in LOG)}


def altered(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a body with each of its fields replaced or missing, and with one that is not known."""
    for name in body:
        yield {key: value for key, value in body.items() if key != name}
        for value in STRANGE:
            yield {**body, name: value}
    yield {**body, "nope": 1}


@pytest.fixture
def world() -> Iterator[World]:
    with FlaresendMock() as emulator:
        emulator.stop()
        world = emulator.worlds.default()
        client = client_of(world)
        assert client.patch("/_mock/clock", json={"frozen": True}).status_code == 200
        yield world


def call(client: Client, method: str, path: str, body: dict[str, Any]) -> TestResponse:
    return client.open(path, method=method, json=body, headers={} if path.startswith("/_mock") else KEY)


@pytest.mark.parametrize("case", REFUSED, ids=[case.name for case in REFUSED])
def test_a_refusal_of_the_contract_changes_nothing(case: Any, make_world: Any) -> None:
    world = make_world(state_with(json.dumps(case.given.get("world", {}))).copy())
    client = client_of(world)
    client.patch("/_mock/clock", json={"now": case.given.get("clock", "2025-11-14T10:00:00Z"), "frozen": True})
    kept: dict[str, Any] = {}
    for earlier in case.given.get("calls", ()):
        response = send(client, filled(earlier, kept))
        kept |= {name: find(response.json, pointer) for name, pointer in earlier.get("keep", {}).items()}
    before = contents(world, without_log=True)

    refused = send(client, filled(case.request, kept))

    assert refused.status_code >= 400
    assert contents(world, without_log=True) == before


@pytest.mark.parametrize(("method", "path", "body"), CONTROL, ids=[f"{one[0]} {one[1]}" for one in CONTROL])
@pytest.mark.parametrize("status", ["connected", "qr"])
def test_a_refusal_of_the_control_plane_changes_nothing(
    status: str, method: str, path: str, body: dict[str, Any], world: World
) -> None:
    client = client_of(world)
    client.post("/_mock/instances/default/status", json={"status": status})
    before = contents(world)

    response = call(client, method, f"/_mock/{path}", body)

    assert response.status_code >= 400, response.text
    assert contents(world) == before


@pytest.mark.parametrize(("path", "body"), SENT)
def test_a_refusal_of_the_api_changes_nothing(path: str, body: dict[str, Any], world: World) -> None:
    client = client_of(world)
    before = contents(world, without_log=True)

    response = call(client, "POST", path, body)

    assert response.status_code >= 400, response.text
    assert contents(world, without_log=True) == before


@pytest.mark.parametrize(("method", "path"), [*API_BODIES, *CONTROL_BODIES])
def test_a_body_that_is_refused_for_one_field_changes_nothing(method: str, path: str, world: World) -> None:
    body = (API_BODIES | CONTROL_BODIES)[method, path]
    client, of_api = client_of(world, patience=Impatient()), not path.startswith("/_mock")
    before, refusals = contents(world, without_log=of_api), 0

    for one in altered(body):
        response = call(client, method, path, one)
        now = contents(world, without_log=of_api)
        if response.status_code >= 400:
            refusals += 1
            assert now == before, (one, response.text)
        before = now

    assert refusals


MORE: list[tuple[str, str, str, dict[str, Any]]] = [
    ("people", "POST", "/_mock/instances", {}),
    ("people", "POST", "/_mock/inbound", {"from": "254799111222", "type": "image", "media": {"base64": PNG}}),
    ("people", "PUT", "/_mock/people/254799111222", {"name": "x"}),
    ("people", "POST", "/_mock/groups", {"subject": "x", "participants": ["254799111222"]}),
    ("people", "POST", "/groups", {"subject": "x", "participants": ["254799111222"]}),
    ("people", "POST", f"/_mock/groups/{PROJECT}/participants", {"action": "add", "participants": ["254799111222"]}),
    ("groups", "POST", "/_mock/groups", {"subject": "x", "participants": [ANN]}),
    ("groups", "POST", "/groups", {"subject": "x", "participants": [ANN]}),
    ("channels", "POST", "/_mock/channels", {"name": "x"}),
    ("channels", "POST", "/channels", {"name": "x"}),
]


@pytest.mark.parametrize(("full", "method", "path", "body"), MORE, ids=[f"{one[0]} {one[2]}" for one in MORE])
def test_a_call_that_a_full_world_refuses_changes_nothing(
    full: str, method: str, path: str, body: dict[str, Any], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, of_api = client_of(world), not path.startswith("/_mock")
    monkeypatch.setitem(BOUNDS, full, (len(getattr(world.state, full)), 2**30))  # type: ignore[arg-type]
    before = contents(world, without_log=of_api)

    response = call(client, method, path, body)

    assert response.status_code >= 400, response.text
    assert contents(world, without_log=of_api) == before


def test_a_world_that_is_refused_does_not_take_the_next_name() -> None:
    client, other = FlaresendMock().app.test_client(), FlaresendMock().app.test_client()
    for body in ({"export": {"version": 99}}, {"api_key": "YOUR_API_KEY"}, {"fixture": "nope"}, {"seed": "x"}):
        assert client.post("/_mock/worlds", json=body).status_code >= 400

    assert client.post("/_mock/worlds", json={}).get_json() == other.post("/_mock/worlds", json={}).get_json()
