"""What all calls of the control plane have in common: errors, names, and which world they are about."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.control.errors import TABLE
from flaresend_mock.core import errors
from tests.support import KEY


def error(response: Any) -> dict[str, str]:
    """Return an error's code and message, having made sure that it has these and nothing more."""
    assert response.content_type == "application/json; charset=utf-8"
    assert list(response.json) == ["error"]
    assert list(response.json["error"]) == ["code", "message"]
    found: dict[str, str] = response.json["error"]
    return found


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_refusals_names_those_of_the_core(name: str) -> None:
    assert issubclass(getattr(errors, name), errors.Refusal)
    assert TABLE[name].keys() <= {"status", "code"}


@pytest.mark.parametrize(
    ("method", "path", "given", "refused", "meant"),
    [
        ("PATCH", "/_mock/clock", {"json": {"froze": True}}, "froze", "frozen"),
        ("PATCH", "/_mock/clock", {"json": {"Now": "2025-01-01"}}, "Now", "now"),
        ("POST", "/_mock/clock/advance", {"json": {"second": 1}}, "second", "seconds"),
        ("POST", "/_mock/clock/advance", {"json": {"toNext": True}}, "toNext", "to_next"),
        ("GET", "/_mock/messages", {"query_string": {"limits": 1}}, "limits", "limit"),
        ("GET", "/_mock/requests", {"query_string": {"sinse": 1}}, "sinse", "since"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(
    method: str, path: str, given: dict[str, Any], refused: str, meant: str, client: Client
) -> None:
    response = client.open(path, method=method, **given)

    assert response.status_code == 400
    assert error(response) == {"code": "bad_request", "message": f"{refused!r} is not known; did you mean {meant!r}?"}


def test_a_name_like_no_other_is_refused_with_all_known_ones(client: Client) -> None:
    response = client.patch("/_mock/clock", json={"zzz": 1})

    assert response.status_code == 400
    assert error(response)["message"] == "'zzz' is not known; known here: now, frozen"


@pytest.mark.parametrize("name", ["", "_schema", "x" * 100_000, "\ud800", "now\x00"])
def test_a_strange_name_is_refused_too(name: str, client: Client) -> None:
    response = client.patch("/_mock/clock", json={name: 1})

    assert response.status_code == 400
    assert error(response)["code"] == "bad_request"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"null", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"frozen=true", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes, content_type: str, status: int, client: Client) -> None:
    response = client.patch("/_mock/clock", data=body, content_type=content_type)

    assert response.status_code == status
    assert error(response)["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/_mock/clock"),
        ("POST", "/_mock/reset"),
        ("GET", "/_mock/messages"),
        ("GET", "/_mock/requests"),
        ("GET", "/_mock/events"),
    ],
)
def test_an_unknown_world_is_not_found(method: str, path: str, client: Client) -> None:
    by_name = client.open(path, method=method, query_string={"world": "nowhere"})
    by_key = client.open(path, method=method, headers={"Authorization": "Bearer nobody's"})

    assert by_name.status_code == by_key.status_code == 404
    assert error(by_name) == {"code": "world_not_found", "message": "there is no world named 'nowhere'"}
    assert error(by_key) == {"code": "not_found", "message": "No world has this API key."}


def test_a_world_is_named_or_found_by_its_key_or_else_the_default_one(client: Client) -> None:
    by_name = client.get("/_mock/clock?world=default")
    by_key = client.get("/_mock/clock", headers=KEY)
    by_default = client.get("/_mock/clock")
    by_name_with_a_wrong_key = client.get("/_mock/clock?world=default", headers={"Authorization": "Bearer x"})

    for response in (by_name, by_key, by_default, by_name_with_a_wrong_key):
        assert response.status_code == 200


@pytest.mark.parametrize("path", ["/_mock", "/_mock/nope", "/_mock/clock/nope", "/_mock//clock"])
def test_an_unknown_route_is_not_found(path: str, client: Client) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert error(response) == {"code": "not_found", "message": f"There is no GET {path} here."}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/_mock/health", {"GET", "HEAD"}),
        ("GET", "/_mock/reset", {"POST"}),
        ("DELETE", "/_mock/clock", {"GET", "HEAD", "PATCH"}),
        ("OPTIONS", "/_mock/messages", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_not_allowed(method: str, path: str, allowed: set[str], client: Client) -> None:
    response = client.open(path, method=method)

    assert response.status_code == 405
    assert error(response)["code"] == "method_not_allowed"
    assert {name.strip() for name in response.headers["Allow"].split(",")} == allowed


def test_an_error_in_the_emulator_is_told_and_logged(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("flaresend_mock.core.worlds.Worlds.default", None)

    response = client.get("/_mock/clock")

    assert response.status_code == 500
    message = "Internal error in the emulator; its log has the details."
    assert error(response) == {"code": "internal_server_error", "message": message}
    assert "Traceback" in caplog.text


def test_no_call_needs_a_key(client: Client) -> None:
    assert client.post("/_mock/reset").status_code == 200


def test_calls_of_the_control_plane_are_not_among_the_requests(client: Client) -> None:
    client.get("/_mock/clock")
    client.get("/_mock/nope")

    assert client.get("/_mock/requests").json == {"requests": [], "evicted": 0}
