"""The order in which a call is checked: route, key, method, phone, body, meaning. And what each of these accepts."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from werkzeug.test import Client

from flaresend_mock.app import api_app
from flaresend_mock.core.world import World
from tests.contents import contents
from tests.defaults import ANN, BEN, CARA, INSTANCE, OWNED, PROJECT
from tests.support import KEY, client_of

WRONG_KEY = {"Authorization": "Bearer nobody's"}
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
OVERLOADED = "9990000503"
LIMIT = 1000

NOT_READY = {
    "success": False,
    "message": "Instance not ready for messaging",
    "status": "disconnected",
    "action": "Please ensure the QR code is scanned and the instance is connected",
}


class Endpoint(NamedTuple):
    """A call that passes every check but the last, and how it is refused.

    Args:
        phone: whether it needs a connected instance.
        status: the status of the response to the call itself: refused for what it means, where it can be.
        body: its body, where it takes one.
        incomplete: the message for an empty body.
    """

    method: str
    path: str
    phone: bool
    status: int
    body: dict[str, Any] | None = None
    incomplete: str = ""


ENDPOINTS = [
    Endpoint("GET", "/scheduled-messages", False, 200),
    Endpoint("DELETE", "/scheduled-messages/unknown", False, 404),
    Endpoint("PATCH", "/scheduled-messages/unknown", False, 404, {"text": "Hi"}, "No fields to update"),
    Endpoint(
        "POST",
        "/schedule-message",
        False,
        503,
        {**MESSAGE, "recipients": [OVERLOADED], "sendAt": "2030-01-01 00:00:00"},
        "Recipients array is required",
    ),
    Endpoint(
        "POST", "/send-message", True, 503, {**MESSAGE, "recipients": [OVERLOADED]}, "Recipients array is required"
    ),
    Endpoint("GET", "/groups", True, 200),
    Endpoint("GET", "/groups/unknown", True, 404),
    Endpoint("GET", "/groups/unknown/invite-link", True, 404),
    Endpoint("POST", "/groups", True, 503, {"subject": "Friends", "participants": [OVERLOADED]}, "Subject is required"),
    Endpoint(
        "POST",
        "/groups/send-message",
        True,
        200,
        {"groupJids": ["120363000000000000@g.us"], "type": "text", "text": "Hello"},
        "groupJids array is required",
    ),
    Endpoint(
        "POST",
        "/groups/unknown/participants",
        True,
        404,
        {"action": "add", "participants": [CARA]},
        "Invalid action. Allowed: add, remove, promote, demote.",
    ),
    Endpoint("GET", "/channels", True, 501),
    Endpoint("GET", "/channels/unknown", True, 404),
    Endpoint("GET", "/channels/invite/unknown", True, 404),
    Endpoint("POST", "/channels", True, 200, {"name": "News"}, "Name is required"),
    Endpoint("POST", "/channels/create", True, 200, {"name": "News"}, "Name is required"),
    Endpoint("PUT", "/channels/unknown", True, 404, {"name": "News"}, "No fields to update"),
    Endpoint("POST", "/channels/unknown/follow", True, 404),
    Endpoint("POST", "/channels/unknown/unfollow", True, 404),
    Endpoint(
        "POST", "/channels/unknown/message", True, 404, {"type": "text", "text": "Hello"}, "Message type is required"
    ),
    Endpoint("POST", "/check-number", True, 503, {"number": OVERLOADED}, "Invalid number format or missing field"),
]
CONTENT_TYPES = ("text/plain", "application/xml", "application/octet-stream", "json", "/", None)


class Call(NamedTuple):
    """A call with flaws, and the response to the first of them."""

    flaw: str
    status: int
    response: dict[str, Any] | None
    method: str
    path: str
    headers: dict[str, str] = KEY
    request: dict[str, Any] = {}  # noqa: RUF012 - nothing changes it


def refusal(message: str) -> dict[str, Any]:
    return {"success": False, "message": message}


def calls_before_the_body(at: Endpoint) -> Iterator[Call]:
    """Yield calls without a phone and with a broken body that are wrong in one thing more, the first check first."""
    method, path = at.method, at.path
    broken = {"data": b"{", "content_type": "application/json"}
    for headers in ({}, WRONG_KEY, KEY):
        for verb in (method, "DELETE", "FOO"):
            unknown = refusal(f"Cannot {verb} /nope")
            yield Call("route", 404, unknown, verb, "/nope?x=1", headers, broken)
    for verb in (method, "TRACE"):
        no_key = {"success": False, "error": "Authorization header required"}
        yield Call("no key", 401, no_key, verb, path, {}, broken)
        wrong = {"success": False, "error": "Invalid API key"}
        yield Call("wrong key", 401, wrong, verb, path, WRONG_KEY, broken)
    yield Call("method", 405, refusal("Method not allowed"), "TRACE", path, KEY, broken)
    if at.phone:
        not_json = {"data": b"x", "content_type": "text/plain"}
        large = {"data": b"{" * (LIMIT + 1), "content_type": "text/plain"}
        for request in (broken, not_json, large, {"json": {}}):
            yield Call("phone", 425, NOT_READY, method, path, KEY, request)


def calls_from_the_body_on(at: Endpoint) -> Iterator[Call]:
    """Yield calls whose body is wrong in one thing less each, and at last the call itself."""
    method, path = at.method, at.path
    if at.body is None:
        yield Call("meaning", at.status, None, method, path)
        return
    for other in CONTENT_TYPES:
        large = {"data": b"{" * (LIMIT + 1), "content_type": other}
        message = refusal("Content-Type must be application/json")
        yield Call(f"content type {other}", 415, message, method, path, KEY, large)
    large = {"data": b"{" * (LIMIT + 1), "content_type": "application/json"}
    yield Call("size", 413, refusal("Request body too large"), method, path, KEY, large)
    broken = {"data": b"{", "content_type": "application/json"}
    yield Call("syntax", 400, refusal("Invalid JSON body"), method, path, KEY, broken)
    for empty in ({}, {"json": {}}, {"data": b"", "content_type": "application/json"}):
        yield Call("fields", 400, refusal(at.incomplete), method, path, KEY, empty)
    yield Call("meaning", at.status, None, method, path, KEY, {"json": at.body})


@pytest.fixture
def strict(world: World) -> Client:
    return client_of(world, strict=True)


def test_the_table_has_every_endpoint() -> None:
    routes = api_app().url_map
    served = {rule.endpoint for rule in routes.iter_rules()}

    assert {routes.bind("").match(at.path, at.method)[0] for at in ENDPOINTS} == served
    assert len(ENDPOINTS) == len(served)


@pytest.mark.parametrize("at", ENDPOINTS, ids=lambda at: f"{at.method} {at.path}")
def test_the_first_flaw_in_the_order_of_checks_decides(at: Endpoint, world: World) -> None:
    client = client_of(world, max_body_size=LIMIT)
    world.pairing.set_status(INSTANCE, "disconnected")
    before = contents(world)

    def check(call: Call) -> None:
        result = client.open(call.path, method=call.method, headers=call.headers, **call.request)

        assert result.status_code == call.status, (call.flaw, result.text)
        if call.response is not None:
            assert result.json == call.response, call.flaw
        if call.status != 200:
            assert result.content_type == "application/json; charset=utf-8", call.flaw
            assert contents(world) == before, call.flaw

    for call in calls_before_the_body(at):
        check(call)
    if at.phone:  # a call that only stores needs no phone
        world.pairing.set_status(INSTANCE, "connected")
        before = contents(world)
    for call in calls_from_the_body_on(at):
        check(call)


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
    response = client.get("/groups", headers={"Authorization": authorization})

    assert response.status_code == 401
    assert response.json == {"success": False, "error": "Authorization header required"}


@pytest.mark.parametrize("key", ["your_api_key", "YOUR_API_KEY2", "YOUR_API", "é", "YOUR_API_KEY YOUR_API_KEY"])
def test_another_key_is_invalid(key: str, client: Client) -> None:
    response = client.get("/groups", headers={"Authorization": f"Bearer {key}"})

    assert response.status_code == 401
    assert response.json == {"success": False, "error": "Invalid API key"}


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
def test_a_method_that_is_not_allowed_gets_the_allowed_ones(path: str, allowed: set[str], client: Client) -> None:
    response = client.open(path, method="TRACE", headers=KEY)

    assert response.status_code == 405
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed


def test_the_documented_example_with_get_shows_that_the_key_works(client: Client) -> None:
    assert client.get("/send-message").status_code == 401
    assert client.get("/send-message", headers=KEY).status_code == 405


@pytest.mark.parametrize(("number", "status"), [("9990000425", 425), ("9990000429", 429), ("9990000503", 503)])
def test_the_body_comes_before_what_magic_numbers_ask_for(number: str, status: int, client: Client) -> None:
    wrong = client.post("/send-message", headers=KEY, json={**MESSAGE, "recipients": [number], "text": ""})
    right = client.post("/send-message", headers=KEY, json={**MESSAGE, "recipients": [number]})

    assert wrong.status_code == 400
    assert right.status_code == status
    assert right.json is not None
    assert right.json["success"] is False


SCHEDULE, PARTICIPANTS = "/schedule-message", f"/groups/{PROJECT}/participants"


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (SCHEDULE, {"type": "x"}, "Recipients array is required"),
        (SCHEDULE, {"recipients": [None], "type": "x"}, "Recipients must be phone numbers"),
        (SCHEDULE, {"recipients": [ANN]}, "Message type is required"),
        (SCHEDULE, {"recipients": [ANN], "type": "x", "url": "x"}, "Unsupported message type: x"),
        (SCHEDULE, {"recipients": [ANN], "type": "text", "url": "x"}, "Text is required"),
        (SCHEDULE, {"recipients": [ANN], "type": "image", "caption": 5}, "File or URL is required"),
        (SCHEDULE, {"recipients": [ANN], "type": "image", "url": "x", "sendAt": "x"}, "Invalid URL"),
        (SCHEDULE, {"recipients": [ANN], "type": "template", "sendAt": "x"}, "Template is required"),
        (SCHEDULE, MESSAGE, "sendAt is required"),
        (SCHEDULE, {**MESSAGE, "sendAt": "x"}, "Invalid sendAt format. Use YYYY-MM-DD HH:mm:ss"),
        (SCHEDULE, {**MESSAGE, "sendAt": "2020-01-01 00:00:00"}, "sendAt must be in the future"),
        (PARTICIPANTS, {"action": "ban", "participants": []}, "Invalid action. Allowed: add, remove, promote, demote."),
        (PARTICIPANTS, {"action": "add", "participants": []}, "Participants array is required"),
        ("/groups/x/participants", {"action": "add", "participants": []}, "Participants array is required"),
        (PARTICIPANTS, {"action": "remove", "participants": [CARA]}, "Some participants are not in the group."),
    ],
)
def test_fields_are_checked_in_the_documented_order(
    path: str, body: dict[str, Any], message: str, client: Client, world: World
) -> None:
    world.groups.manage(INSTANCE, PROJECT, "promote", [BEN])

    response = client.post(path, headers=KEY, json=body)

    more = {"invalid": [CARA]} if message.startswith("Some") else {}
    assert response.status_code == 400
    assert response.json == {"success": False, "message": message, **more}


def test_trailing_slashes_are_tolerated(client: Client) -> None:
    assert client.get("/groups/", headers=KEY).status_code == 200
    assert client.post("/send-message/", headers=KEY, json=MESSAGE).status_code == 200
    assert client.get("/send-message/", headers=KEY).status_code == 405


@pytest.mark.parametrize(("headers"), [{}, WRONG_KEY, KEY])
@pytest.mark.parametrize(("method", "path"), [("GET", "/groups/"), ("POST", "/send-message/"), ("TRACE", "/groups/")])
def test_in_strict_mode_a_trailing_slash_is_an_unknown_route(
    method: str, path: str, headers: dict[str, str], strict: Client
) -> None:
    response = strict.open(path, method=method, headers=headers)

    assert response.status_code == 404
    assert response.json == {"success": False, "message": f"Cannot {method} {path}"}


def test_forms_are_accepted_wherever_json_is(client: Client) -> None:
    group = client.post("/groups", headers=KEY, data={"subject": "Friends", "participants[]": [ANN, CARA]})
    number = client.post("/check-number", headers=KEY, data={"number": ANN})

    assert (group.status_code, number.status_code) == (200, 200)


def test_in_strict_mode_forms_are_accepted_only_where_the_documentation_shows_them(strict: Client) -> None:
    message = {"recipients[]": [ANN], "type": "text", "text": "Hello"}

    sent = strict.post("/send-message", headers=KEY, data=message)
    posted = strict.post(f"/channels/{OWNED}/message", headers=KEY, data={"type": "text", "text": "Hello"})
    checked = strict.post("/check-number", headers=KEY, data={"number": ANN})
    created = strict.post("/groups", headers=KEY, data={"subject": "Friends", "participants[]": [ANN]})

    assert (sent.status_code, posted.status_code) == (200, 200)
    assert (checked.status_code, created.status_code) == (415, 415)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("recipients", ANN, "Recipients array is required"),
        ("recipients", f'["{ANN}"]', "Recipients array is required"),
        ("recipients[0]", ANN, "Recipients array is required"),
        ("recipients[00]", ANN, "Recipients array is required"),
        ("recipients[]", f'["{ANN}"]', "Recipients must be phone numbers"),
        ("recipients[]", f'"[{ANN}]"', "Recipients must be phone numbers"),
    ],
)
def test_in_strict_mode_a_list_in_a_form_has_the_documented_name(
    name: str, value: str, message: str, strict: Client, client: Client
) -> None:
    form = {"type": "text", "text": "Hello"}

    refused = strict.post("/send-message", headers=KEY, data={**form, name: value})
    both = strict.post("/send-message", headers=KEY, data={**form, "recipients[]": [BEN], name: value})
    accepted = strict.post("/send-message", headers=KEY, data={**form, "recipients[]": [ANN, BEN]})
    tolerated = client.post("/send-message", headers=KEY, data={**form, name: value})

    assert (refused.status_code, refused.json) == (400, {"success": False, "message": message})
    assert name == "recipients[]" or both.get_json()["total_recipients"] == 1
    assert accepted.get_json()["total_recipients"] == 2
    assert tolerated.get_json()["total_recipients"] == 1


def test_in_strict_mode_the_documented_upload_of_an_image_is_accepted(strict: Client) -> None:
    """The documentation shows JSON in one value for this multipart form only."""
    form = {"recipients[]": f'["{ANN}"]', "type": "image", "file": (BytesIO(b"x"), "image.jpg")}

    response = strict.post("/send-message", headers=KEY, data=form)

    assert response.get_json()["successful_recipients"] == [f"{ANN}@s.whatsapp.net"]


def test_in_strict_mode_documented_calls_work_as_before(strict: Client) -> None:
    assert strict.post("/send-message", headers=KEY, json=MESSAGE).status_code == 200
    assert strict.get("/groups", headers=KEY).status_code == 200
    assert strict.get("/nope").status_code == 404
    assert strict.get("/groups").status_code == 401
