"""The login of a dashboard with a control token."""

from __future__ import annotations

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.http.context import cookie_of

TOKEN = "a-long-secret"


@pytest.fixture
def guarded() -> Client:
    return FlaresendMock(control_token=TOKEN).app.test_client()


def enter(client: Client, token: str = TOKEN) -> None:
    response = client.post("/_mock/ui/login", data={"token": token})
    assert (response.status_code, response.headers["Location"]) == (303, "./")


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/_mock/ui/", "login"),
        ("/_mock/ui/w/default/chats", "../../login"),
        ("/_mock/ui/w/a/chats/b/c", "../../../../login"),
    ],
)
def test_who_has_not_entered_it_is_led_to_where_it_is_entered(path: str, way: str, guarded: Client) -> None:
    response = guarded.get(path)
    assert (response.status_code, response.headers["Location"]) == (302, way)
    assert guarded.get("/_mock/ui/login").status_code == 200
    assert guarded.get("/_mock/ui/assets/dashboard.css").status_code == 200


def test_whoever_enters_it_sees_the_pages_and_steers(guarded: Client) -> None:
    enter(guarded)

    assert guarded.get("/_mock/ui/w/default/chats").status_code == 200
    assert guarded.get("/_mock/messages").status_code == 200
    assert guarded.post("/_mock/reset", headers={"Origin": "http://localhost"}).status_code == 200


def test_another_token_opens_nothing(guarded: Client) -> None:
    response = guarded.post("/_mock/ui/login", data={"token": "wrong"})

    assert response.status_code == 401
    assert "Set-Cookie" not in response.headers
    assert guarded.get("/_mock/messages").status_code == 401


def test_the_token_itself_is_not_kept_and_no_script_reads_what_is(guarded: Client) -> None:
    response = guarded.post("/_mock/ui/login", data={"token": TOKEN})
    cookie = response.headers["Set-Cookie"]

    assert TOKEN not in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert guarded.get("/_mock/messages", headers={"X-Control-Token": "wrong"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_a_page_from_elsewhere_does_not_steer_in_the_name_of_who_has_entered(
    headers: dict[str, str], guarded: Client
) -> None:
    enter(guarded)
    assert guarded.post("/_mock/reset", headers=headers).status_code == 403
    assert guarded.post("/_mock/reset", headers=headers | {"X-Control-Token": TOKEN}).status_code == 200


def test_another_emulator_is_not_opened_by_it(guarded: Client) -> None:
    enter(guarded)
    cookie = guarded.get_cookie(cookie_of(TOKEN))
    assert cookie is not None
    other = FlaresendMock(control_token="another-secret").app.test_client()
    for name in (cookie_of(TOKEN), cookie_of("another-secret")):
        other.set_cookie(name, cookie.value)

    assert other.get("/_mock/messages").status_code == 401


def test_two_emulators_of_a_host_do_not_log_each_other_out() -> None:
    assert cookie_of(TOKEN) != cookie_of("another-secret")
    assert TOKEN not in cookie_of(TOKEN)


def test_a_part_of_a_page_has_the_whole_page_asked_for_anew(guarded: Client) -> None:
    response = guarded.get("/_mock/ui/w/default/parts/status", headers={"HX-Request": "true"})

    assert (response.status_code, response.headers["HX-Refresh"], response.text) == (401, "true", "")


def test_without_a_token_nothing_opens_by_an_empty_one() -> None:
    client = FlaresendMock().app.test_client()
    assert client.get("/_mock/ui/w/default/chats").status_code == 200
    assert FlaresendMock(control_token=TOKEN).app.test_client().post("/_mock/ui/login").status_code == 401
