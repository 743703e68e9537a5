"""A web page in the developer's browser steers nothing and reads nothing."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.app import api_app, control_app, dashboard_app
from tests.security.hostile import ANN, CONTROL_BODIES, calls, last_event, messages, raw, status_of
from tests.support import KEY

PAGES: dict[str, dict[str, str]] = {
    "a page elsewhere": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "a page in a sandbox": {"Origin": "null"},
    "a page on another port of this machine": {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-site"},
    "a page whose name was rebound": {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"},
    "a picture or a script": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
}


@pytest.mark.parametrize("headers", PAGES.values(), ids=PAGES)
def test_no_call_of_the_control_plane_is_open_to(headers: dict[str, str], shared: Client) -> None:
    before = last_event(shared)

    for method, path in [*calls(control_app(), "default"), *calls(dashboard_app(), "default")]:
        response = shared.open(path, method=method, headers=headers)
        assert response.status_code == 403, (method, path)
        assert response.content_type == "application/json; charset=utf-8"

    assert last_event(shared) == before


def test_a_stream_is_not_opened_for_a_page_from_elsewhere(shared: Client) -> None:
    for query in ("", "?stream=true"):
        headers = {"Accept": "text/event-stream", "Origin": "https://evil.example"}

        response = shared.get(f"/_mock/events{query}", headers=headers)

        assert (response.status_code, response.mimetype) == (403, "application/json")


def test_a_file_is_not_shown_to_a_page_from_elsewhere(client: Client) -> None:
    form = {"recipients[]": ANN, "type": "document", "file": (BytesIO(b"private"), "a.txt")}
    client.post("/send-message", headers=KEY, data=form)
    path = f"/_mock/media/{messages(client)[-1]['media']}"

    assert client.get(path).data == b"private"
    for headers in PAGES.values():
        assert client.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("preflight", [True, False])
def test_no_answer_ever_allows_another_origin_to_read_it(preflight: bool, client: Client) -> None:
    headers = {**KEY, "Origin": "https://evil.example"}
    if preflight:
        headers |= {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
            "Access-Control-Request-Private-Network": "true",
        }
    api = list(calls(api_app(), "default"))
    ours = [*calls(control_app(), "default"), *calls(dashboard_app(), "default")]

    for method, path in [*api, *ours, ("GET", "/nope"), ("GET", "/v/a/b"), ("GET", "/_mock/nope")]:
        response = client.open(path, method="OPTIONS" if preflight else method, headers=headers)
        allowing = [name for name, _ in response.headers if name.lower().startswith("access-control-")]
        assert allowing == [], (method, path)
        if preflight:
            assert not 200 <= response.status_code < 300, path


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain;charset=UTF-8", "", None])
def test_json_under_the_content_type_of_a_simple_request_does_nothing(content_type: str | None, shared: Client) -> None:
    before = last_event(shared)

    for (method, path), body in CONTROL_BODIES.items():
        response = shared.open(path, method=method, data=json.dumps(body), content_type=content_type)
        assert response.status_code == 415, (method, path)

    assert last_event(shared) == before


def test_every_call_that_takes_a_body_is_among_those_that_are_tested(client: Client) -> None:
    """All others do not look at one: what is no JSON at all does not disturb them."""
    for method, path in [*calls(control_app(), "default"), *calls(dashboard_app(), "default")]:
        named = path.replace("people/default", "people/254711000111")
        if method in ("GET", "HEAD") or (method, named) in CONTROL_BODIES:
            continue
        response = client.open(path, method=method, data="{", content_type="application/json")
        assert "not a JSON object" not in response.text, (method, path)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("headers", [PAGES["a page elsewhere"], PAGES["a page in a sandbox"]])
def test_a_form_that_a_page_submits_writes_nothing(content_type: str, headers: dict[str, str], shared: Client) -> None:
    navigating = {**headers, "Sec-Fetch-Mode": "navigate"}

    response = shared.post(
        "/_mock/inbound", headers=navigating, data={"from": ANN, "text": "hi"}, content_type=content_type
    )

    assert response.status_code == 403
    assert messages(shared) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_api_does_nothing_for_a_page_that_cannot_send_a_key(method: str, client: Client) -> None:
    """A key is a header that a browser sends for a page elsewhere only after asking, and is told no."""
    for path in ("/groups", "/channels", "/send-message?key=YOUR_API_KEY&api_key=YOUR_API_KEY"):
        body: dict[str, Any] = {"recipients": [ANN], "type": "text", "text": "x", "api_key": "YOUR_API_KEY"}
        response = client.open(path, method=method, data=json.dumps(body), content_type="text/plain")
        assert response.status_code in (401, 405), path

    assert messages(client) == []


@pytest.mark.parametrize(
    "head",
    [
        "Host: localhost\r\nHost: evil.example",
        "Host: evil.example\r\nHost: localhost",
        "Host: evil.example\r\n localhost",
        "Host: localhost, evil.example",
        "Host: localhost@evil.example",
        "Host: localhost/../evil.example",
        "Host: localhost:80:evil.example",
        "Host: 127.0.0.1 evil.example",
        "Host: localhost\r\nOrigin: http://localhost\r\nOrigin: https://evil.example",
    ],
)
def test_a_host_that_can_be_read_in_two_ways_is_none_of_ours(head: str, running: FlaresendMock) -> None:
    call = f"GET /_mock/clock HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n"

    assert status_of(raw(running, call.encode())) in (400, 403)


def test_the_control_plane_has_no_second_spelling(running: FlaresendMock) -> None:
    for path in ("/%5fmock/clock", "/_mock/clock/", "/%5Fmock%2Fclock", "/_mock/./clock", "/_mock//clock"):
        call = f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"

        assert status_of(raw(running, call.encode())) in (403, 404), path
        assert b'"now"' not in raw(running, call.encode())


@pytest.mark.parametrize(
    "header", ["X_Control_Token: t0k3n", "X-Control-Token: t0k3n x", "X-Control-Token: t0k3n\r\nX-Control-Token: a"]
)
def test_a_token_in_another_spelling_opens_nothing(header: str) -> None:
    with FlaresendMock(control_token="t0k3n") as guarded:
        call = f"GET /_mock/clock HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n"

        assert status_of(raw(guarded, call.encode())) == 401
