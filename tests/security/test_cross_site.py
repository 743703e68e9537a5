"""A web page in the developer's browser steers nothing and reads nothing."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.app import api_app, control_app, dashboard_app
from flaresend_mock.http.context import ISOLATION
from tests.security.hostile import ANN, CONTROL_BODIES, calls, last_event, messages, raw, status_of
from tests.support import KEY

PAGES: dict[str, dict[str, str]] = {
    "a page elsewhere": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "a page in a sandbox": {"Origin": "null"},
    "a page on another port of this machine": {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-site"},
    "a page whose name was rebound": {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"},
    "a picture or a script": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a frame": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "a frame of another port": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "frame"},
    "an object": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
    "an embedded file": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"},
    "a navigation without a destination": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
}
VISIT = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
STREAMS: list[tuple[str, dict[str, str]]] = [
    ("/_mock/events?stream=true", {}),
    ("/_mock/events", {"Accept": "text/event-stream"}),
    ("/_mock/events/?stream=true", {}),
    ("/_mock/events", {"Accept": "text/event-stream;q=x, ;;"}),
    ("/_mock/events?stream=false", {"Accept": "text/html, text/event-stream;q=0.1"}),
]


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


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_elsewhere_may_lead_to_a_page(method: str, site: str, shared: Client) -> None:
    for path in ("/_mock/ui/w/default/chats", "/_mock/docs", "/_mock/events"):
        headers = {**VISIT, "Sec-Fetch-Site": site, "Accept": "text/html"}

        assert shared.open(path, method=method, headers=headers).status_code == 200, path


def test_a_form_of_a_page_from_elsewhere_is_no_visit(shared: Client) -> None:
    before = last_event(shared)

    for method, path in calls(control_app(), "default"):
        if method not in ("GET", "HEAD"):
            assert shared.open(path, method=method, headers=VISIT).status_code == 403, (method, path)

    assert last_event(shared) == before


@pytest.mark.parametrize(("path", "asking"), STREAMS)
def test_a_visit_opens_no_stream(path: str, asking: dict[str, str], shared: Client) -> None:
    assert shared.get(path, headers={**VISIT, **asking}).status_code == 403


@pytest.mark.parametrize(
    "page", [None, "", "https://evil.example/", "http://localhost:8000/", "http://localhost.evil.example/"]
)
@pytest.mark.parametrize(("path", "asking"), STREAMS)
def test_a_browser_that_sends_no_metadata_opens_no_stream_for(
    page: str | None, path: str, asking: dict[str, str], shared: Client
) -> None:
    """Over plain HTTP to another machine, browsers omit the metadata; the dashboard's pages send a Referer."""
    referer = {} if page is None else {"Referer": page}
    refused = shared.get(path, headers={"User-Agent": BROWSER, **referer, **asking})

    assert refused.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": BROWSER, "Referer": "http://localhost/_mock/ui/w/default/chats"},
        {"User-Agent": BROWSER, "Sec-Fetch-Site": "same-origin"},
        {"User-Agent": "curl/8.5.0"},
        {},
    ],
)
def test_the_dashboard_and_programs_open_streams(headers: dict[str, str], shared: Client) -> None:
    with shared.get("/_mock/events?stream=true", headers=headers, buffered=False) as stream:
        assert (stream.status_code, stream.mimetype) == (200, "text/event-stream")


@pytest.mark.parametrize("token", [None, "t0k3n"])
def test_no_page_from_elsewhere_links_a_phone(token: str | None) -> None:
    with FlaresendMock(control_token=token) as emulator:
        client, asked = emulator.app.test_client(), {"X-Control-Token": token or ""}
        client.patch("/_mock/clock", json={"frozen": True}, headers=asked)
        client.post("/_mock/instances/default/logout", headers=asked)
        client.post("/_mock/instances/default/reconnect", headers=asked)
        client.post("/_mock/clock/advance", json={"seconds": 1}, headers=asked)
        shown = client.get("/_mock/instances/default/qr", headers=asked).get_json()
        page = shown["url"].removeprefix("http://localhost")

        for headers in (*PAGES.values(), VISIT):
            if headers.get("Host") is None:
                assert client.post(page, headers=headers).status_code == 403
        assert client.get(page, headers=PAGES["a frame"]).status_code == 403
        assert client.get(page, headers=VISIT).status_code == 200
        assert client.get("/_mock/instances/default", headers=asked).get_json()["status"] == "qr"

        pressed = client.post(page, headers={"Origin": "http://localhost"})
        assert pressed.status_code == 200
        assert client.get("/_mock/instances/default", headers=asked).get_json()["status"] == "connecting"


@pytest.mark.parametrize("token", [None, "t0k3n"])
def test_every_response_keeps_pages_of_other_origins_out(token: str | None) -> None:
    """Refusals, errors, pages, files, lists and streams alike."""
    client = FlaresendMock(control_token=token).app.test_client()
    strange = [("GET", "/_mock/nope"), ("PUT", "/_mock/clock"), ("GET", "/_mock/ui/nope"), ("GET", "/v/a/b")]
    files = [
        "/_mock/docs/docs.js",
        "/_mock/ui/assets/dashboard.js",
        "/_mock/ui/faces/face/a.svg",
        "/_mock/openapi.json",
    ]
    streams = [("GET", path) for path, _ in STREAMS[:1]]
    ours = [*calls(control_app(), "default"), *calls(dashboard_app(), "default"), *streams]

    for method, path in [*ours, *strange, *(("GET", file) for file in files)]:
        for headers in ({"X-Control-Token": token or ""}, PAGES["a frame"]):
            body = CONTROL_BODIES[method, path] if path.endswith("/wait") else None
            with client.open(path, method=method, headers=headers, json=body, buffered=False) as response:
                sent = response.headers
                assert sent.getlist("X-Content-Type-Options") == ["nosniff"], (method, path)
                assert sent.getlist("Cross-Origin-Resource-Policy") == ["same-origin"], (method, path)
                [policy] = sent.getlist("Content-Security-Policy")
                assert "frame-ancestors 'none'" in policy, (method, path)
                assert "default-src 'none'" in policy, (method, path)

    home = client.get("/", headers={"Accept": "text/html"})
    assert "frame-ancestors 'none'" in home.headers["Content-Security-Policy"]


def test_an_error_in_the_emulator_has_the_same_headers(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.core.worlds.Worlds.default", None)

    failed = client.get("/_mock/clock")

    assert failed.status_code == 500
    assert failed.headers["X-Content-Type-Options"] == "nosniff"
    assert failed.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_api_sends_only_what_is_documented(client: Client) -> None:
    for path in ("/groups", "/nope"):
        sent = client.get(path, headers=KEY).headers
        assert not set(ISOLATION) & set(sent.keys())


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
