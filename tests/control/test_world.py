"""/_mock/world: a whole world exported, imported and set."""

from __future__ import annotations

import json
from dataclasses import asdict
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.state import WorldSettings
from tests.defaults import ANN, INSTANCE, described
from tests.support import KEY

MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"


@pytest.fixture
def client() -> Client:
    """A client of a whole emulator that is not started: nothing happens by itself."""
    return FlaresendMock().app.test_client()


def live(client: Client, headers: dict[str, str] = KEY) -> None:
    """Do something of every kind."""
    hook = {"url": "http://127.0.0.1:9/hook", "secret": SECRET, "retries": [60]}
    calls: list[tuple[str, str, Any]] = [
        ("PATCH", "/_mock/clock", {"now": "2025-11-14T10:00:00Z", "frozen": True}),
        ("PUT", "/_mock/instances/default/webhook", hook),
        ("POST", "/_mock/instances/default/webhook/pause", {}),  # nobody is there to get anything
        ("POST", "/send-message", MESSAGE),
        ("POST", "/schedule-message", {**MESSAGE, "sendAt": "2025-11-15 09:00:00"}),
        ("POST", "/groups", {"subject": "Friends", "participants": [ANN]}),
        ("POST", "/_mock/inbound", {"from": ANN, "media": {"sample": "jpeg"}, "caption": "look"}),
        ("POST", "/_mock/faults", {"match": {"path": "/channels"}, "respond": {"status": 500}}),
        ("POST", "/_mock/instances", {"name": "Second"}),
        ("GET", "/nope", None),
    ]
    for method, path, body in calls:
        client.open(path, method=method, json=body, headers=headers)
    upload = {"recipients[]": ANN, "type": "document", "file": (BytesIO(b"%PDF"), "a.pdf")}
    client.post("/send-message", data=upload, headers=headers)


def exported(client: Client, query: str = "") -> bytes:
    response = client.get(f"/_mock/world{query}")
    assert response.status_code == 200
    return response.data


def put(client: Client, export: bytes, query: str = "") -> Any:
    return client.put(f"/_mock/world{query}", data=export, content_type="application/json")


@pytest.mark.parametrize("secrets", ["", "?with_secrets=true"])
def test_an_export_that_is_imported_and_exported_again_is_the_same_to_the_last_byte(
    secrets: str, client: Client
) -> None:
    live(client)
    before = exported(client, secrets)
    if secrets:  # without, secrets are those that the world has
        client.post("/_mock/reset")

    response = put(client, before)

    assert response.status_code == 200, response.text
    assert exported(client, secrets) == before


def test_an_export_with_secrets_is_the_same_in_another_emulator(client: Client) -> None:
    live(client)
    before = exported(client, "?with_secrets=true")
    other = FlaresendMock().app.test_client()

    assert put(other, before).get_json()["warnings"] == []

    assert exported(other, "?with_secrets=true") == before


def test_what_was_to_come_comes_after_an_import_too(client: Client) -> None:
    live(client)
    other = FlaresendMock().app.test_client()
    put(other, exported(client, "?with_secrets=true"))

    fired = other.post("/_mock/clock/advance", json={"to": "2025-11-15T10:00:00Z"}).get_json()["fired"]

    assert {"kind": "task", "result": "sent"}.items() <= fired[-1].items()


def test_keys_and_secrets_are_masked_unless_they_are_wanted(client: Client) -> None:
    live(client)

    masked, plain = exported(client), exported(client, "?with_secrets=true")

    assert b"YOUR_API_KEY" not in masked
    assert SECRET.encode() not in masked
    assert b"YOUR_API_KEY" in plain
    assert SECRET.encode() in plain


@pytest.mark.parametrize(("spelled", "status"), [("1", 200), ("0", 200), ("false", 200), ("yes", 400), ("off", 400)])
def test_a_flag_in_a_query_is_true_or_false(spelled: str, status: int, client: Client) -> None:
    response = client.get(f"/_mock/world?with_secrets={spelled}")

    assert response.status_code == status
    assert (b"YOUR_API_KEY" in response.data) == (spelled == "1")


def test_an_emulator_can_be_told_to_show_its_secrets() -> None:
    client = FlaresendMock(with_secrets=True).app.test_client()

    assert b"YOUR_API_KEY" in exported(client)
    assert "YOUR_API_KEY" in client.get("/_mock/instances").text


def test_an_import_says_which_secrets_are_lost(client: Client) -> None:
    live(client)
    client.post("/_mock/instances/default/api-keys", json={"api_key": "another-key"})
    other = FlaresendMock().app.test_client()

    warnings = put(other, exported(client)).get_json()["warnings"]

    assert len(warnings) == 2
    assert "1 new API key" in warnings[0]
    assert "is unsigned" in warnings[1]
    assert other.get("/groups", headers=KEY).status_code == 200


def test_a_reset_returns_to_what_was_imported(client: Client) -> None:
    live(client)
    before = exported(client)
    put(client, before)
    client.post("/send-message", json=MESSAGE, headers=KEY)

    client.post("/_mock/reset")

    listed = client.get("/_mock/messages").get_json()["messages"]
    assert [message["text"] for message in listed] == ["Hello", None, None]


def test_a_world_is_made_from_an_export_with_a_key_of_its_own(client: Client) -> None:
    live(client)
    export = json.loads(exported(client, "?with_secrets=true"))

    made = client.post("/_mock/worlds", json={"name": "copy", "export": export, "api_key": "copy-key"})

    assert made.status_code == 201, made.text
    assert made.get_json()["api_key"] == "copy-key"
    key = {"Authorization": "Bearer copy-key"}
    assert len(client.get("/_mock/messages?world=copy").get_json()["messages"]) == 3
    assert client.get("/scheduled-messages", headers=key).get_json()["data"]
    client.post("/send-message", json=MESSAGE, headers=key)
    assert len(client.get("/_mock/messages").get_json()["messages"]) == 3


def test_the_contents_of_a_world_file_are_imported_too(client: Client) -> None:
    response = put(client, json.dumps(described()).encode())

    assert response.status_code == 200, response.text
    assert response.get_json()["event"] == 0


def test_a_world_without_any_key_keeps_the_one_that_leads_to_it(client: Client) -> None:
    response = put(client, json.dumps({"version": 1, "instances": [{"number": "254700000001"}]}).encode())

    assert "keeps" in response.get_json()["warnings"][0]
    assert client.get("/groups", headers=KEY).status_code == 200


def test_a_key_that_another_world_has_is_refused_and_nothing_changes(client: Client) -> None:
    client.post("/_mock/worlds", json={"name": "t1", "api_key": "t1-key"})
    live(client)
    before = exported(client)
    file = described()
    file["instances"][0]["api_keys"] = ["t1-key"]

    response = put(client, json.dumps(file).encode())

    assert (response.status_code, response.get_json()["error"]["code"]) == (409, "key_in_use")
    assert exported(client) == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": 7}, "version: This emulator reads version 1 of worlds, not 7."),
        ({"format": "other"}, "format: 'flaresend-mock world' is expected here."),
        ({"instances": [{}]}, "instances[0].number: This field is required."),
        ({"mesages": 1}, "the file: 'mesages' is not known; did you mean 'messages'?"),
    ],
)
def test_what_is_no_export_of_this_version_is_refused_and_nothing_changes(
    change: dict[str, Any], says: str, client: Client
) -> None:
    live(client)
    before = exported(client)

    response = put(client, json.dumps({**json.loads(before), **change}).encode())

    assert (response.status_code, response.get_json()["error"]["code"]) == (400, "invalid_world")
    assert says in response.get_json()["error"]["message"]
    assert exported(client) == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"1"])
def test_what_is_no_json_object_is_refused(body: bytes, client: Client) -> None:
    assert put(client, body).status_code == 400


def test_pairing_is_made_automatic_and_manual_again(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2025-11-14T10:00:00Z", "frozen": True})

    def reconnected() -> list[str]:
        client.post("/_mock/instances/default/disconnect")
        client.post("/_mock/instances/default/reconnect")
        fired = client.post("/_mock/clock/advance", json={"seconds": 30}).get_json()["fired"]
        return [one["result"] for one in fired]

    set_to = client.patch("/_mock/world", json={"pairing_seconds": 5})
    assert set_to.get_json() == {"world": "default", **asdict(WorldSettings(pairing_seconds=5))}
    assert reconnected() == ["qr", "connecting", "connected"]

    client.patch("/_mock/world", json={"pairing_seconds": None})
    assert reconnected() == ["qr"]


@pytest.mark.parametrize("body", [{}, {"pairing_seconds": -1}, {"pairing_seconds": "5"}, {"pairing": 5}])
def test_settings_that_make_no_sense_are_refused(body: dict[str, Any], client: Client) -> None:
    assert client.patch("/_mock/world", json=body).status_code == 400


def test_a_world_made_of_an_export_shows_a_qr_code_of_its_own(client: Client) -> None:
    client.post("/_mock/instances/default/status", json={"status": "qr"})
    export = json.loads(exported(client))
    client.post("/_mock/worlds", json={"name": "copy", "export": export})

    url = client.get("/_mock/instances/default/qr?world=copy").get_json()["url"]
    client.post(url.removeprefix("http://localhost"))

    statuses = [
        client.get(f"/_mock/instances/{INSTANCE}?world={name}").get_json()["status"] for name in ("default", "copy")
    ]
    assert statuses == ["qr", "connecting"]
