"""The order in which a call is checked: route, key, method, instance, body, meaning."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.world import World
from tests.defaults import ANN, CARA, INSTANCE, OWNED, PROJECT
from tests.support import KEY, client_of

WRONG_KEY = {"Authorization": "Bearer nobody's"}
BROKEN: dict[str, Any] = {"data": b"{", "content_type": "application/json"}
NOT_JSON: dict[str, Any] = {"data": b"x", "content_type": "text/plain"}
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}

NEEDING_THE_PHONE = [
    ("POST", "/send-message"),
    ("POST", "/groups"),
    ("GET", "/groups"),
    ("GET", f"/groups/{PROJECT}"),
    ("GET", f"/groups/{PROJECT}/invite-link"),
    ("POST", "/groups/send-message"),
    ("POST", f"/groups/{PROJECT}/participants"),
    ("POST", "/channels"),
    ("GET", "/channels"),
    ("GET", f"/channels/{OWNED}"),
    ("GET", "/channels/invite/0029Vb8Bvrt8vd1YTuvt1S14"),
    ("PUT", f"/channels/{OWNED}"),
    ("POST", f"/channels/{OWNED}/follow"),
    ("POST", f"/channels/{OWNED}/unfollow"),
    ("POST", f"/channels/{OWNED}/message"),
    ("POST", "/check-number"),
]
ONLY_STORING = [
    ("POST", "/schedule-message"),
    ("GET", "/scheduled-messages"),
    ("PATCH", "/scheduled-messages/SCHED-1"),
    ("DELETE", "/scheduled-messages/SCHED-1"),
]


@pytest.fixture
def disconnected(world: World) -> Client:
    world.pairing.set_status(INSTANCE, "disconnected")
    return client_of(world)


@pytest.fixture
def strict(world: World) -> Client:
    return client_of(world, strict=True)


@pytest.mark.parametrize("headers", [{}, WRONG_KEY, KEY])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "FOO"])
def test_an_unknown_route_comes_before_everything(
    method: str, headers: dict[str, str], disconnected: Client
) -> None:
    answer = disconnected.open("/nope?x=1", method=method, headers=headers, **BROKEN)

    assert answer.status_code == 404
    assert answer.json == {"success": False, "message": f"Cannot {method} /nope"}


@pytest.mark.parametrize(("method", "path"), [*NEEDING_THE_PHONE, *ONLY_STORING])
def test_the_key_comes_before_method_instance_and_body(method: str, path: str, disconnected: Client) -> None:
    without = disconnected.open(path, method=method, **BROKEN)
    wrong = disconnected.open(path, method=method, headers=WRONG_KEY, **BROKEN)
    wrong_method = disconnected.open(path, method="TRACE", **BROKEN)

    assert (without.status_code, wrong.status_code, wrong_method.status_code) == (401, 401, 401)
    assert without.json == {"success": False, "error": "Authorization header required"}
    assert wrong.json == {"success": False, "error": "Invalid API key"}


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Basic WU9VUl9BUElfS0VZ",
        "YOUR_API_KEY",
        "Token YOUR_API_KEY",
        "BearerYOUR_API_KEY",
    ],
)
def test_what_is_no_bearer_authorization_counts_as_none(authorization: str, client: Client) -> None:
    answer = client.get("/groups", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.json == {"success": False, "error": "Authorization header required"}


@pytest.mark.parametrize(
    "key", ["your_api_key", "YOUR_API_KEY2", "YOUR_API", "é", "YOUR_API_KEY YOUR_API_KEY"]
)
def test_another_key_is_invalid(key: str, client: Client) -> None:
    answer = client.get("/groups", headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 401
    assert answer.json == {"success": False, "error": "Invalid API key"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer  "])
def test_the_scheme_is_compared_without_case(scheme: str, client: Client) -> None:
    assert client.get("/groups", headers={"Authorization": f"{scheme} YOUR_API_KEY"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/send-message", {"POST"}),
        ("/scheduled-messages", {"GET", "HEAD"}),
        ("/scheduled-messages/SCHED-1", {"PATCH", "DELETE"}),
        ("/groups", {"GET", "HEAD", "POST"}),
        (f"/groups/{PROJECT}/participants", {"POST"}),
        (f"/channels/{OWNED}", {"GET", "HEAD", "PUT"}),
    ],
)
def test_the_method_comes_before_instance_and_body(
    path: str, allowed: set[str], disconnected: Client
) -> None:
    answer = disconnected.open(path, method="TRACE", headers=KEY, **BROKEN)

    assert answer.status_code == 405
    assert answer.json == {"success": False, "message": "Method not allowed"}
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == allowed


def test_the_documented_example_with_get_shows_that_the_key_works(client: Client) -> None:
    assert client.get("/send-message").status_code == 401
    assert client.get("/send-message", headers=KEY).status_code == 405


@pytest.mark.parametrize("body", [BROKEN, NOT_JSON, {"json": {}}])
@pytest.mark.parametrize(("method", "path"), NEEDING_THE_PHONE)
def test_the_instance_comes_before_the_body(
    method: str, path: str, body: dict[str, Any], disconnected: Client
) -> None:
    answer = disconnected.open(path, method=method, headers=KEY, **body)

    assert answer.status_code == 425
    assert answer.json == {
        "success": False,
        "message": "Instance not ready for messaging",
        "status": "disconnected",
        "action": "Please ensure the QR code is scanned and the instance is connected",
    }


@pytest.mark.parametrize(("method", "path"), ONLY_STORING)
def test_calls_that_only_store_need_no_connected_instance(
    method: str, path: str, disconnected: Client
) -> None:
    assert disconnected.open(path, method=method, headers=KEY).status_code != 425


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/scheduled-messages/unknown"),
        ("POST", "/groups/unknown/participants"),
        ("PUT", "/channels/unknown"),
        ("POST", "/channels/unknown/message"),
    ],
)
def test_the_body_comes_before_its_meaning(method: str, path: str, client: Client) -> None:
    broken = client.open(path, method=method, headers=KEY, **BROKEN)
    not_json = client.open(path, method=method, headers=KEY, **NOT_JSON)
    empty = client.open(path, method=method, headers=KEY, json={})

    assert (broken.status_code, not_json.status_code, empty.status_code) == (400, 415, 400)


def test_the_size_of_a_body_comes_before_its_syntax(world: World) -> None:
    client = client_of(world, max_body_size=10)

    answer = client.post("/send-message", headers=KEY, data=b"{" * 11, content_type="application/json")

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("number", "status"), [("9990000425", 425), ("9990000429", 429), ("9990000503", 503)]
)
def test_the_body_comes_before_what_magic_numbers_ask_for(number: str, status: int, client: Client) -> None:
    wrong = client.post("/send-message", headers=KEY, json={**MESSAGE, "recipients": [number], "text": ""})
    right = client.post("/send-message", headers=KEY, json={**MESSAGE, "recipients": [number]})

    assert wrong.status_code == 400
    assert right.status_code == status
    assert right.json is not None
    assert right.json["success"] is False


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"type": "x"}, "Recipients array is required"),
        ({"recipients": [None], "type": "x"}, "Recipients must be phone numbers"),
        ({"recipients": [ANN]}, "Message type is required"),
        ({"recipients": [ANN], "type": "x", "url": "x"}, "Unsupported message type: x"),
        ({"recipients": [ANN], "type": "text", "url": "x"}, "Text is required"),
        ({"recipients": [ANN], "type": "image", "caption": 5}, "File or URL is required"),
        ({"recipients": [ANN], "type": "image", "url": "x", "sendAt": "x"}, "Invalid URL"),
        ({"recipients": [ANN], "type": "template", "sendAt": "x"}, "Template is required"),
        (MESSAGE, "sendAt is required"),
        ({**MESSAGE, "sendAt": "x"}, "Invalid sendAt format. Use YYYY-MM-DD HH:mm:ss"),
        ({**MESSAGE, "sendAt": "2020-01-01 00:00:00"}, "sendAt must be in the future"),
    ],
)
def test_fields_are_checked_in_the_documented_order(
    body: dict[str, Any], refusal: str, client: Client
) -> None:
    answer = client.post("/schedule-message", headers=KEY, json=body)

    assert answer.status_code == 400
    assert answer.json == {"success": False, "message": refusal}


def test_managing_people_checks_action_then_people_then_admin(client: Client, world: World) -> None:
    world.groups.manage(INSTANCE, PROJECT, "promote", ["254723456789"])
    path = f"/groups/{PROJECT}/participants"

    no_action = client.post(path, headers=KEY, json={"action": "ban", "participants": []})
    nobody = client.post(path, headers=KEY, json={"action": "add", "participants": []})
    no_group = client.post("/groups/x/participants", headers=KEY, json={"action": "add", "participants": []})
    stranger = client.post(path, headers=KEY, json={"action": "remove", "participants": [CARA]})

    assert no_action.json == {
        "success": False,
        "message": "Invalid action. Allowed: add, remove, promote, demote.",
    }
    assert nobody.json == no_group.json == {"success": False, "message": "Participants array is required"}
    assert stranger.json == {
        "success": False,
        "message": "Some participants are not in the group.",
        "invalid": [CARA],
    }


def test_trailing_slashes_are_tolerated(client: Client) -> None:
    assert client.get("/groups/", headers=KEY).status_code == 200
    assert client.post("/send-message/", headers=KEY, json=MESSAGE).status_code == 200
    assert client.get("/send-message/", headers=KEY).status_code == 405


@pytest.mark.parametrize(("headers"), [{}, WRONG_KEY, KEY])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/groups/"), ("POST", "/send-message/"), ("TRACE", "/groups/")]
)
def test_in_strict_mode_a_trailing_slash_is_an_unknown_route(
    method: str, path: str, headers: dict[str, str], strict: Client
) -> None:
    answer = strict.open(path, method=method, headers=headers)

    assert answer.status_code == 404
    assert answer.json == {"success": False, "message": f"Cannot {method} {path}"}


def test_forms_are_accepted_wherever_json_is(client: Client) -> None:
    group = client.post("/groups", headers=KEY, data={"subject": "Friends", "participants[]": [ANN, CARA]})
    number = client.post("/check-number", headers=KEY, data={"number": ANN})

    assert (group.status_code, number.status_code) == (200, 200)


def test_in_strict_mode_forms_are_accepted_only_where_the_documentation_shows_them(
    strict: Client,
) -> None:
    message = {"recipients[]": [ANN], "type": "text", "text": "Hello"}

    sent = strict.post("/send-message", headers=KEY, data=message)
    posted = strict.post(f"/channels/{OWNED}/message", headers=KEY, data={"type": "text", "text": "Hello"})
    checked = strict.post("/check-number", headers=KEY, data={"number": ANN})
    created = strict.post("/groups", headers=KEY, data={"subject": "Friends", "participants[]": [ANN]})

    assert (sent.status_code, posted.status_code) == (200, 200)
    assert (checked.status_code, created.status_code) == (415, 415)


def test_in_strict_mode_documented_calls_work_as_before(strict: Client) -> None:
    assert strict.post("/send-message", headers=KEY, json=MESSAGE).status_code == 200
    assert strict.get("/groups", headers=KEY).status_code == 200
    assert strict.get("/nope").status_code == 404
    assert strict.get("/groups").status_code == 401
