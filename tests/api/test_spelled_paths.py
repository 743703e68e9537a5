"""One path in many spellings: how each is routed, recorded and matched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.world import World
from tests.defaults import PROJECT
from tests.security.hostile import raw, status_of
from tests.support import KEY, client_of

ENCODED = PROJECT.replace("@", "%40")
INFO = f"/groups/{PROJECT}"
SPELLINGS = [
    (INFO, INFO, 200),
    (f"/groups/{ENCODED}", INFO, 200),
    (f"{INFO}/", INFO, 200),
    (f"/groups/{ENCODED}/", INFO, 200),
    (f"/%67roups/{PROJECT.replace('.', '%2e')}", INFO, 200),
    (f"{INFO.replace('.', '%2E')}/invite-link", f"{INFO}/invite-link", 200),
    (f"{INFO}%2Finvite-link", f"{INFO}%2Finvite-link", 404),
    (f"{INFO}%2finvite-link", f"{INFO}%2finvite-link", 404),
    (f"/groups/{PROJECT.replace('@', '%2540')}", f"/groups/{ENCODED}", 404),
    ("/groups/a+b%20c", "/groups/a+b c", 404),
    ("/groups/%ff", "/groups/\ufffd", 404),
    ("/groups/%C3%A9", "/groups/é", 404),
    ("/groups/%", "/groups/%", 404),
    ("/groups/%zz", "/groups/%zz", 404),
    ("/groups/%00", "/groups/\0", 404),
    ("/groups/a%3Fb%23c", "/groups/a?b#c", 404),
    ("/groups/..", "/groups/..", 404),
    ("/groups/../groups", "/groups/../groups", 404),
    ("/./groups", "/./groups", 404),
    ("/%2Fgroups", "/%2Fgroups", 404),
]
DOUBLED = ["//groups", "/groups//", f"/groups//{PROJECT}", f"{INFO}//invite-link", "//", "///groups", "//nope"]


@pytest.fixture(scope="module")
def running() -> Iterator[FlaresendMock]:
    with FlaresendMock(log_level="warning") as mock:
        yield mock


def called(mock: FlaresendMock, path: str, method: str = "GET", key: str = "YOUR_API_KEY") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
    return raw(mock, head.encode())


def recorded(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/_mock/requests?limit=1").get_json()["requests"][-1]
    return found


@pytest.mark.parametrize(("sent", "path", "status"), SPELLINGS)
def test_a_path_is_routed_and_recorded_percent_decoded_once(
    sent: str, path: str, status: int, running: FlaresendMock
) -> None:
    assert status_of(called(running, sent)) == status

    request = recorded(running.app.test_client())
    assert (request["path"], request["raw_path"], request["status"]) == (path, sent, status)


@pytest.mark.parametrize("key", ["YOUR_API_KEY", "unknown"])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("path", DOUBLED)
def test_a_double_slash_is_an_unknown_route(path: str, strict: bool, key: str) -> None:
    with FlaresendMock(strict=strict, log_level="warning") as mock:
        for method in ("GET", "POST"):
            response = called(mock, path, method, key)

            assert status_of(response) == 404
            assert response.endswith(f'{{"success":false,"message":"Cannot {method} {path}"}}'.encode())
            request = recorded(mock.app.test_client())
            assert (request["path"], request["raw_path"]) == (path, path)


def test_a_whole_url_in_the_request_line_has_the_same_path(running: FlaresendMock) -> None:
    assert status_of(called(running, f"http://api.flaresend.com{INFO}")) == 200
    assert recorded(running.app.test_client())["raw_path"] == INFO
    assert status_of(called(running, "http://api.flaresend.com//groups")) == 404


def test_an_application_that_mounts_the_emulator_has_its_own_path_before(world: World) -> None:
    client = client_of(world)

    response = client.get(f"/groups/{ENCODED}", base_url="http://localhost/prefix/", headers=KEY)

    assert response.status_code == 200
    assert recorded(client)["path"] == INFO


@pytest.mark.parametrize("sent", [sent for sent, path, _ in SPELLINGS if path == INFO])
@pytest.mark.parametrize("written", [INFO, f"{INFO}/", f"/groups/{ENCODED}", {"contains": ENCODED}])
def test_a_fault_and_a_verification_see_every_spelling(sent: str, written: Any, client: Client) -> None:
    fault = client.post("/_mock/faults", json={"match": {"path": written}, "respond": {"status": 503}})
    assert fault.status_code == 201

    response = client.get(sent, headers=KEY)

    assert response.status_code == 503
    for match in (written, {"one_of": [written]}, {"not": {"not": written}}):
        verified = client.post("/_mock/requests/verify", json={"match": {"path": match}, "exactly": 1})
        assert verified.status_code == 200
        never = client.post("/_mock/requests/verify", json={"match": {"path": {"not": match}}, "never": True})
        assert never.status_code == 200
    assert client.get("/groups/other", headers=KEY).status_code == 404


def test_a_path_that_is_shown_can_be_matched_as_it_is_shown(client: Client) -> None:
    client.get(f"/groups/{PROJECT.replace('@', '%2540')}", headers=KEY)
    shown = recorded(client)

    for name in ("path", "raw_path"):
        found = client.post("/_mock/requests/search", json={"match": {name: shown[name]}}).get_json()
        assert found["count"] == 1, name


def test_the_raw_path_is_matched_as_it_was_sent(client: Client) -> None:
    match = {"raw_path": f"/groups/{ENCODED}"}
    client.post("/_mock/faults", json={"match": match, "respond": {"status": 503}})

    assert client.get(INFO, headers=KEY).status_code == 200
    assert client.get(f"/groups/{ENCODED}", headers=KEY).status_code == 503


@pytest.mark.parametrize("pattern", [r"^/groups/\d+%40g\.us$", "%2e", {"not": {"regex": "%40"}}])
def test_a_regular_expression_that_no_path_meets_is_refused_with_a_hint(pattern: Any, client: Client) -> None:
    match = {"path": pattern if isinstance(pattern, dict) else {"regex": pattern}}

    response = client.post("/_mock/faults", json={"match": match, "preset": "down"})

    assert response.status_code == 400
    assert "percent-decoded" in response.get_json()["error"]["message"]
    raw_match = {"raw_path": match["path"]}
    assert client.post("/_mock/faults", json={"match": raw_match, "preset": "down"}).status_code == 201


@pytest.mark.parametrize(
    "path",
    [
        "/groups/YOUR_API_KEY",
        "/groups/%59OUR_API_KEY",
        "/groups/%2559OUR_API_KEY",
        "/groups/%252559OUR_API_KEY/",
        "//YOUR_API%5fKEY",
        "/x%2FYOUR_API_KEY",
    ],
)
def test_no_spelling_of_a_path_shows_an_api_key(path: str, running: FlaresendMock) -> None:
    called(running, path)

    text = str(recorded(running.app.test_client()))
    assert "API_KEY" not in text.upper().replace("%5F", "_")
    assert "***" in text


def test_a_short_key_is_masked_behind_an_encoded_space(client: Client) -> None:
    client.post("/_mock/instances/default/api-keys", json={"api_key": "tiny"})
    client.get("/x/%20tiny", headers=KEY)

    assert "tiny" not in str(recorded(client))


def test_an_export_from_before_raw_paths_is_read(client: Client) -> None:
    client.get(f"/groups/{ENCODED}/", headers=KEY)
    exported = client.get("/_mock/world?with_secrets=true").get_json()
    (event,) = [one for one in exported["events"] if one["kind"] == "request"]
    assert (event["subject"]["path"], event["subject"]["raw_path"]) == (INFO, f"/groups/{ENCODED}/")
    del event["subject"]["raw_path"]
    event["subject"]["path"] = f"/groups/{ENCODED}/"

    assert client.put("/_mock/world", json=exported).status_code == 200

    request = recorded(client)
    assert (request["path"], request["raw_path"]) == (INFO, f"/groups/{ENCODED}/")


def test_in_strict_mode_the_former_path_of_channels_is_unknown(world: World) -> None:
    strict = client_of(world, strict=True)

    for headers in ({}, KEY):
        response = strict.post("/channels/create", headers=headers, json={"name": "News"})
        assert response.status_code == 404
        assert response.json == {"success": False, "message": "Cannot POST /channels/create"}
    assert strict.post("/channels", headers=KEY, json={"name": "News"}).status_code == 200
    assert strict.get("/channels/create", headers=KEY).json == {
        "success": False,
        "message": "Channel not found or inaccessible",
    }


def test_a_fault_for_a_path_sees_a_trailing_slash_only_where_it_is_tolerated(world: World) -> None:
    for strict, status in ((False, 503), (True, 404)):
        client = client_of(world, strict=strict)
        client.post("/_mock/faults", json={"match": {"path": "/groups"}, "respond": {"status": 503}})
        assert client.get("/groups/", headers=KEY).status_code == status
        client.delete("/_mock/faults")
