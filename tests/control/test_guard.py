"""Who may steer the emulator: no web page from elsewhere, or, with a token, whoever knows it."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.control.guard import OPEN
from flaresend_mock.http.context import audience_of, cookie_of, pass_for
from flaresend_mock.http.request_reader import Head
from flaresend_mock.http.turns import LEAVE
from tests.support import KEY

HEALTH, CLOCK = "/_mock/health", "/_mock/clock"
TOKEN = "t0k3n"


@pytest.fixture
def client() -> Client:
    return FlaresendMock().app.test_client()


@pytest.fixture
def guarded() -> Client:
    return FlaresendMock(control_token=TOKEN).app.test_client()


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json()["error"]["code"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:3577"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "[::1"},
        {"Host": "[x]:1"},
        {"Host": "[evil.example%eth0]"},
        {"Host": "evil.example%eth0"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://evil.example:3577"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://127.0.0.1:4001", "Host": "127.0.0.1:4002"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", CLOCK), ("POST", "/_mock/reset"), ("OPTIONS", "/_mock/reset"), ("GET", HEALTH)]
)
def test_a_page_from_elsewhere_is_refused(headers: dict[str, str], method: str, path: str, client: Client) -> None:
    response = client.open(path, method=method, headers=headers)

    assert code(response) == (403, "forbidden")
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": ""},
        {"Host": "127.0.0.1:3577"},
        {"Host": "localhost:3577"},
        {"Host": "LOCALHOST"},
        {"Host": "localhost."},
        {"Host": "[::1]:3577"},
        {"Host": "[::1]"},
        {"Host": "[fe80::1%eth0]:3577"},
        {"Host": "[fe80::1%25eth0]:3577"},
        {"Host": "192.168.1.17:3577"},
        {"Host": "flaresend:3577"},
        {"Host": "flaresend.internal"},
        {"Host": "box.local:1"},
        {"Host": "flaresend.shop.svc:3577"},
        {"Host": "flaresend.shop.svc.cluster.local"},
        {"Host": "nas.lan:3577"},
        {"Host": "8.8.8.8"},
        {"Host": "127.0.0.1:3577", "Origin": "http://127.0.0.1:3577"},
        {"Host": "[::1]:3577", "Origin": "http://[::1]:3577"},
        {"Host": "localhost:3577", "Origin": "https://localhost:3577"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_whoever_is_near_may_steer(headers: dict[str, str], client: Client) -> None:
    assert client.get(CLOCK, headers=headers).status_code == 200
    assert client.post("/_mock/reset", headers=headers).status_code == 200


def test_the_public_url_is_ours_too() -> None:
    client = FlaresendMock(public_url="https://demo.example.com:8443/").app.test_client()
    ours = {"Host": "demo.example.com:8443", "Origin": "https://demo.example.com:8443"}

    assert client.get(CLOCK, headers=ours).status_code == 200
    assert client.get(CLOCK, headers={**ours, "Host": "demo.example.com"}).status_code == 403
    assert client.get(CLOCK, headers={**ours, "Origin": "https://demo.example.com"}).status_code == 403
    assert client.get(CLOCK, headers={"Host": "127.0.0.1:3577"}).status_code == 200


def test_allowed_hosts_are_ours_too() -> None:
    client = FlaresendMock(allowed_host="mock.example.com, *.ci.example.com").app.test_client()

    for host in ("mock.example.com:3577", "MOCK.example.com", "run-7.ci.example.com"):
        assert client.get(CLOCK, headers={"Host": host}).status_code == 200, host
        assert client.get(CLOCK, headers={"Host": host, "Origin": f"https://{host}"}).status_code == 200, host
        assert client.get(CLOCK, headers={"Host": host, "Origin": "https://evil.example"}).status_code == 403
    assert client.get(CLOCK, headers={"Host": "ci.example.com"}).status_code == 403


def test_the_api_itself_is_open_to_pages_from_elsewhere(client: Client) -> None:
    foreign = {"Host": "evil.example", "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    assert client.get("/groups", headers={**KEY, **foreign}).status_code == 200
    assert client.get("/_mockery", headers={**KEY, **foreign}).status_code == 404


@pytest.mark.parametrize("given", [None, "", "wrong", "t0k3", "t0k3nn", "T0K3N", "t\xf6k3n", "\xff\xfe", "x" * 10_000])
def test_without_the_right_token_nothing_is_done(given: str | None, guarded: Client) -> None:
    headers = {} if given is None else {"X-Control-Token": given}

    for method, path in (
        ("GET", CLOCK),
        ("POST", "/_mock/reset"),
        ("GET", "/_mock/nope"),
        ("GET", "/_mock"),
        ("GET", "/_mock/healthy"),
        ("GET", "/_mock/scan"),
        ("DELETE", "/_mock/worlds/default"),
    ):
        assert code(guarded.open(path, method=method, headers=headers)) == (401, "unauthorized")


def test_the_right_token_opens_everything_whatever_the_origin(guarded: Client) -> None:
    token = {"X-Control-Token": TOKEN}
    foreign = {"Host": "evil.example", "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    assert guarded.get(CLOCK, headers=token).status_code == 200
    assert guarded.get(CLOCK, headers={**token, **foreign}).status_code == 200


def test_the_token_is_no_api_key_and_no_query(guarded: Client) -> None:
    assert guarded.get(CLOCK, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 401
    assert guarded.get(f"{CLOCK}?token={TOKEN}").status_code == 401
    assert guarded.get("/groups", headers={"X-Control-Token": TOKEN}).status_code == 401


def test_health_and_the_scan_page_need_no_token(guarded: Client) -> None:
    assert guarded.get(HEALTH).status_code in (200, 503)
    assert guarded.get("/_mock/scan/nothing").status_code == 410


def test_the_api_needs_no_token(guarded: Client) -> None:
    assert guarded.get("/groups", headers=KEY).status_code == 200


def test_the_token_is_not_kept_among_the_requests(guarded: Client) -> None:
    guarded.get("/groups", headers={**KEY, "X-Control-Token": TOKEN})

    assert TOKEN not in guarded.get("/_mock/requests", headers={"X-Control-Token": TOKEN}).text


OPEN_PATHS = [*sorted(OPEN), "/_mock/docs/docs.js", "/_mock/ui/assets/dashboard.css", "/_mock/scan/no"]


@pytest.mark.parametrize("path", [*OPEN_PATHS, "/_mock/events", "/_mock/ui/", "/_mock/ui////", "/_mock/no"])
def test_callers_without_the_token_keep_their_turn(path: str, guarded: Client) -> None:
    """Otherwise they would compute side by side, and all others would wait for them."""
    left: list[bool] = []

    guarded.head(path, environ_overrides={LEAVE: lambda: left.append(True)})

    assert left == []


@pytest.mark.parametrize(
    ("path", "leaves"),
    [("/_mock/ui/w/default/chats", False), ("/_mock/events?stream=false", False), ("/_mock/events?stream=true", True)],
)
def test_an_audience_keeps_its_turn_but_for_streams(path: str, leaves: bool, guarded: Client) -> None:
    left: list[bool] = []
    guarded.set_cookie(cookie_of(TOKEN), pass_for(audience_of(TOKEN)))

    found = guarded.get(path, environ_overrides={LEAVE: lambda: left.append(True)})

    assert (found.status_code, bool(left)) == (200, leaves)


@pytest.mark.parametrize("headers", [{"X-Control-Token": TOKEN}, {}])
def test_whoever_may_wait_lets_others_have_a_turn(headers: dict[str, str], guarded: Client, client: Client) -> None:
    left: list[bool] = []

    found = (guarded if headers else client).get(
        "/_mock/events", headers=headers, environ_overrides={LEAVE: lambda: left.append(True)}
    )

    assert found.status_code == 200
    assert left


PASS = f"{cookie_of(TOKEN)}={pass_for(TOKEN)}"
OWN = {"HTTP_HOST": "localhost:3577", "HTTP_ORIGIN": "http://localhost:3577"}
FOREIGN = {"HTTP_HOST": "localhost:3577", "HTTP_ORIGIN": "http://localhost:8000", "HTTP_SEC_FETCH_SITE": "same-site"}


@pytest.mark.parametrize(
    ("token", "path", "fields", "known"),
    [
        (None, "/_mock/reset", {}, True),
        (None, "/_mock/reset", OWN, True),
        (None, "/_mock/reset", FOREIGN, False),
        (None, "/_mock/reset", {"HTTP_SEC_FETCH_SITE": "cross-site"}, False),
        (None, "/_mock/reset", {"HTTP_HOST": "evil.example"}, False),
        (None, "/send-message", {}, False),
        (None, "/send-message", {**FOREIGN, "HTTP_AUTHORIZATION": KEY["Authorization"]}, True),
        (TOKEN, "/_mock/docs", {}, False),
        (TOKEN, "/_mock/reset", OWN, False),
        (TOKEN, "/_mock/reset", {**FOREIGN, "HTTP_X_CONTROL_TOKEN": TOKEN}, True),
        (TOKEN, "/_mock/reset", {**OWN, "HTTP_COOKIE": PASS}, True),
        (TOKEN, "/_mock/reset", {**FOREIGN, "HTTP_COOKIE": PASS}, False),
    ],
)
def test_large_bodies_of_calls_that_are_refused_take_no_room(
    token: str | None, path: str, fields: dict[str, str], known: bool
) -> None:
    """The server asks this before it keeps a body in a file."""
    assert FlaresendMock(control_token=token)._knows(Head("POST", path, 1, fields)) is known
