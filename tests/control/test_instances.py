"""/_mock/instances: what the dashboard does, from an instance's creation to its API keys and QR codes."""

from __future__ import annotations

import io
from typing import Any

import pytest
import segno
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from tests.defaults import ANN, INSTANCE, OUR_LID, OUR_NUMBER
from tests.support import KEY

INSTANCES = "/_mock/instances"
DEFAULT = f"{INSTANCES}/default"
NUMBER = "254700111222"
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}


@pytest.fixture
def frozen(client: Client) -> Client:
    client.patch("/_mock/clock", json={"frozen": True})
    return client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def make(client: Client, **given: Any) -> Any:
    response = client.post(INSTANCES, json=given)
    assert response.status_code == 201, response.text
    return response.get_json()


def refused(response: Any, status: int, code: str) -> str:
    assert (response.status_code, response.get_json()["error"]["code"]) == (status, code), response.text
    message: str = response.get_json()["error"]["message"]
    return message


def advance(client: Client, seconds: float) -> list[Any]:
    fired: list[Any] = client.post("/_mock/clock/advance", json={"seconds": seconds}).get_json()["fired"]
    return fired


def status(client: Client, instance: str = "default") -> str:
    found: str = client.get(f"{INSTANCES}/{instance}").get_json()["status"]
    return found


def show_qr(client: Client) -> Any:
    """Lead the first instance to its QR code, and return what is told of it."""
    client.post(f"{DEFAULT}/disconnect")
    client.post(f"{DEFAULT}/reconnect")
    advance(client, 1)
    return client.get(f"{DEFAULT}/qr").get_json()


def test_the_first_instance_is_also_called_default(client: Client) -> None:
    by_name = client.get(DEFAULT).get_json()

    assert by_name == client.get(f"{INSTANCES}/{INSTANCE}").get_json()
    assert (by_name["id"], by_name["number"], by_name["lid"]) == (INSTANCE, OUR_NUMBER, OUR_LID)
    assert (by_name["status"], by_name["logged_out"], by_name["webhook"]) == ("connected", False, None)
    assert client.get(INSTANCES).get_json() == {"instances": [by_name]}


def test_a_new_instance_starts_up_step_by_step_and_the_api_says_how_far_it_is(frozen: Client) -> None:
    made = make(frozen, name="Shop", number="+254 700 111222", api_key="shop-key")
    seen = []

    for step in (None, "second", "scan", "second"):
        if step == "second":
            advance(frozen, 1)
        elif step == "scan":
            frozen.post(f"{INSTANCES}/{made['id']}/scan", json={})
        response = frozen.post("/send-message", headers=bearer("shop-key"), json=MESSAGE)
        seen.append((response.status_code, response.get_json().get("status")))

    assert (made["name"], made["number"], made["status"]) == ("Shop", NUMBER, "initializing")
    assert seen == [(425, "initializing"), (425, "qr"), (425, "connecting"), (200, None)]


@pytest.mark.parametrize("given", ["disconnected", "initializing", "qr", "connecting"])
def test_every_status_but_connected_is_told_with_425(given: str, frozen: Client) -> None:
    set_to = frozen.post(f"{DEFAULT}/status", json={"status": given}).get_json()
    advance(frozen, 3600)

    response = frozen.post("/send-message", headers=KEY, json=MESSAGE)

    assert set_to["status"] == status(frozen) == given
    assert response.status_code == 425
    assert response.get_json()["status"] == given


def test_a_disconnected_instance_still_keeps_schedules(frozen: Client) -> None:
    frozen.post(f"{DEFAULT}/disconnect")

    assert frozen.get("/scheduled-messages", headers=KEY).status_code == 200


def test_an_instance_can_be_made_without_anything_and_always_the_same(client: Client) -> None:
    first = make(client)
    client.post("/_mock/reset")

    assert make(client) == first
    assert first["number"].startswith("2547")
    assert first["api_keys"] == []


def test_an_instance_can_be_made_connected(client: Client) -> None:
    made = make(client, number=NUMBER, status="connected", api_key="k", lid="111111111111111@lid")

    assert (made["status"], made["lid"]) == ("connected", "111111111111111@lid")
    assert client.post("/send-message", headers=bearer("k"), json=MESSAGE).status_code == 200


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"number": OUR_NUMBER}, 409, "number_in_use"),
        ({"number": f"+{OUR_NUMBER}"}, 409, "number_in_use"),
        ({"lid": OUR_LID}, 409, "lid_in_use"),
        ({"api_key": "YOUR_API_KEY"}, 409, "key_in_use"),
        ({"number": "x"}, 400, "invalid_number"),
        ({"number": ""}, 400, "invalid_number"),
        ({"number": 254700111222}, 400, "bad_request"),
        ({"api_key": ""}, 400, "bad_request"),
        ({"api_key": "a b"}, 400, "bad_request"),
        ({"lid": "x"}, 400, "bad_request"),
        ({"status": "Connected"}, 400, "bad_request"),
        ({"name": "x" * 201}, 400, "bad_request"),
        ({"name": None}, 400, "bad_request"),
        ({"apikey": "x"}, 400, "bad_request"),
    ],
)
def test_what_cannot_be_an_instance_is_refused(given: dict[str, Any], status: int, code: str, client: Client) -> None:
    refused(client.post(INSTANCES, json=given), status, code)

    assert len(client.get(INSTANCES).get_json()["instances"]) == 1


@pytest.mark.parametrize("given", [{"api_key": "YOUR_API_KEY"}, {"lid": OUR_LID}])
def test_a_refused_instance_does_not_spend_the_next_number(given: dict[str, str], client: Client) -> None:
    before = client.get("/_mock/world").get_json()["counters"]
    assert client.post(INSTANCES, json=given).status_code == 409
    assert client.get("/_mock/world").get_json()["counters"] == before


def test_an_instance_can_be_renamed(client: Client) -> None:
    assert client.patch(DEFAULT, json={"name": "Main"}).get_json()["name"] == "Main"

    assert client.get(DEFAULT).get_json()["name"] == "Main"
    refused(client.patch(DEFAULT, json={}), 400, "bad_request")
    said = refused(client.patch(DEFAULT, json={"name": "x", "nmae": "x"}), 400, "bad_request")
    assert said == "'nmae' is not known; did you mean 'name'?"


def test_a_removed_instance_is_gone_with_its_keys_and_its_schedule(client: Client) -> None:
    made = make(client, number=NUMBER, status="connected", api_key="k")
    later = {**MESSAGE, "sendAt": "2025-11-14 10:30:00"}
    client.post("/schedule-message", headers=bearer("k"), json=later)

    assert client.delete(f"{INSTANCES}/{made['id']}").get_json() == {"deleted": made["id"]}
    advance(client, 3600)

    assert client.get("/groups", headers=bearer("k")).status_code == 401
    assert client.get("/_mock/messages").get_json()["messages"] == []
    refused(client.get(f"{INSTANCES}/{made['id']}"), 404, "instance_not_found")


def test_the_last_instance_stays(client: Client) -> None:
    refused(client.delete(DEFAULT), 409, "last_instance")

    assert client.get("/groups", headers=KEY).status_code == 200


def test_when_the_first_instance_is_removed_the_next_is_the_default(client: Client) -> None:
    made = make(client, number=NUMBER)

    client.delete(DEFAULT)

    assert client.get(DEFAULT).get_json()["id"] == made["id"]


def test_an_instance_that_is_removed_while_it_starts_up_leaves_nothing_due(frozen: Client) -> None:
    made = make(frozen)

    frozen.delete(f"{INSTANCES}/{made['id']}")

    assert advance(frozen, 60) == []


@pytest.mark.parametrize("call", ["status", "disconnect", "logout", "reconnect", "scan", "api-keys", "qr", ""])
def test_an_unknown_instance_is_not_found(call: str, client: Client) -> None:
    body = {"status": "qr"} if call == "status" else {}
    method = "GET" if call in ("qr", "") else "POST"
    for unknown in ("nope", "%00", INSTANCE.upper()):
        path = f"{INSTANCES}/{unknown}/{call}".rstrip("/")
        refused(client.open(path, method=method, json=body), 404, "instance_not_found")


def test_a_connected_instance_cannot_be_reconnected(frozen: Client) -> None:
    said = refused(frozen.post(f"{DEFAULT}/reconnect"), 409, "already_connected")
    assert said == "the instance is connected already"

    frozen.post(f"{DEFAULT}/disconnect")
    assert frozen.post(f"{DEFAULT}/reconnect").get_json()["status"] == "initializing"
    refused(frozen.post(f"{DEFAULT}/reconnect"), 409, "already_connected")


def test_disconnecting_on_the_way_stops_it(frozen: Client) -> None:
    frozen.post(f"{DEFAULT}/disconnect")
    frozen.post(f"{DEFAULT}/reconnect")

    frozen.post(f"{DEFAULT}/disconnect")

    assert advance(frozen, 60) == []
    assert status(frozen) == "disconnected"


def test_only_after_a_logout_may_another_phone_scan(frozen: Client) -> None:
    show_qr(frozen)
    refused(frozen.post(f"{DEFAULT}/scan", json={"number": NUMBER}), 409, "another_phone")

    assert frozen.post(f"{DEFAULT}/logout").get_json()["logged_out"] is True
    frozen.post(f"{DEFAULT}/reconnect")
    advance(frozen, 1)
    scanned = frozen.post(f"{DEFAULT}/scan", json={"number": f"+{NUMBER}"}).get_json()

    assert (scanned["number"], scanned["status"], scanned["logged_out"]) == (NUMBER, "connecting", False)


def test_the_phone_of_another_instance_cannot_scan(frozen: Client) -> None:
    make(frozen, number=NUMBER, status="connected")
    frozen.post(f"{DEFAULT}/logout")
    show_qr(frozen)

    refused(frozen.post(f"{DEFAULT}/scan", json={"number": NUMBER}), 409, "number_in_use")
    refused(frozen.post(f"{DEFAULT}/scan", json={"number": "x"}), 400, "invalid_number")
    refused(frozen.post(f"{DEFAULT}/scan", json={"number": ""}), 400, "invalid_number")


def test_a_qr_code_is_told_with_its_address_and_its_end(frozen: Client) -> None:
    shown = show_qr(frozen)

    assert shown == {
        "instance": INSTANCE,
        "code": shown["code"],
        "url": f"http://localhost/_mock/scan/{shown['code']}",
        "expires": "2025-11-14T10:01:01Z",
    }
    assert frozen.get(f"{DEFAULT}/qr").get_json() == shown


def test_a_qr_code_is_replaced_once_it_has_expired(frozen: Client) -> None:
    first = show_qr(frozen)
    advance(frozen, 60)

    second = frozen.get(f"{DEFAULT}/qr").get_json()

    assert second["code"] != first["code"]
    refused(frozen.post(f"{DEFAULT}/scan", json={"code": first["code"]}), 410, "qr_code_expired")
    assert frozen.post(f"{DEFAULT}/scan", json={"code": second["code"]}).status_code == 200


@pytest.mark.parametrize("given", ["connected", "disconnected", "initializing", "connecting"])
def test_without_a_qr_code_there_is_nothing_to_scan(given: str, client: Client) -> None:
    client.post(f"{DEFAULT}/status", json={"status": given})

    assert given in refused(client.get(f"{DEFAULT}/qr"), 409, "no_qr_code")
    refused(client.post(f"{DEFAULT}/scan", json={}), 409, "no_qr_code")


def test_the_pictures_of_a_qr_code_hold_its_address(frozen: Client) -> None:
    url = show_qr(frozen)["url"]
    expected = segno.make(url, micro=False, error="m")
    png, svg, text = io.BytesIO(), io.BytesIO(), io.StringIO()
    expected.save(png, kind="png", scale=8, border=4)
    expected.save(svg, kind="svg", scale=8, border=4, light="white", xmldecl=False)
    expected.terminal(text, border=2, compact=True)

    responses = {kind: frozen.get(f"{DEFAULT}/qr?format={kind}") for kind in ("png", "svg", "text")}

    assert responses["png"].data.startswith(b"\x89PNG\r\n\x1a\n")
    assert {kind: response.data for kind, response in responses.items()} == {
        "png": png.getvalue(),
        "svg": svg.getvalue(),
        "text": text.getvalue().encode(),
    }
    assert [response.content_type for response in responses.values()] == [
        "image/png",
        "image/svg+xml",
        "text/plain; charset=utf-8",
    ]
    assert {response.headers["Cache-Control"] for response in responses.values()} == {"no-store"}


@pytest.mark.parametrize("query", ["format=gif", "format=PNG", "format=", "fromat=png"])
def test_a_format_that_there_is_not_is_refused(query: str, frozen: Client) -> None:
    show_qr(frozen)

    refused(frozen.get(f"{DEFAULT}/qr?{query}"), 400, "bad_request")


def test_the_address_begins_with_the_public_url() -> None:
    client = FlaresendMock(public_url="https://demo.example.com/x/").app.test_client()
    client.patch("/_mock/clock", json={"frozen": True})

    assert show_qr(client)["url"].startswith("https://demo.example.com/x/_mock/scan/")


def test_the_button_of_the_page_scans_and_opening_it_again_changes_nothing(frozen: Client) -> None:
    path = show_qr(frozen)["url"].removeprefix("http://localhost")

    first, seen = frozen.post(path), status(frozen)
    second = frozen.get(path)
    advance(frozen, 1)
    third = frozen.post(path)

    assert (first.status_code, seen) == (200, "connecting")
    assert "Phone linked" in first.text
    assert f"+{OUR_NUMBER}" in first.text
    assert (second.status_code, third.status_code) == (200, 200)
    assert status(frozen) == "connected"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", [{}, {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}])
def test_opening_the_page_links_nothing_and_shows_a_button(
    method: str, headers: dict[str, str], frozen: Client
) -> None:
    path = show_qr(frozen)["url"].removeprefix("http://localhost")
    before = frozen.get("/_mock/events").get_json()["events"]

    page = frozen.open(path, method=method, headers=headers)

    assert page.status_code == 200
    assert page.text.count('<form method="post"><button>') == (method == "GET")
    assert status(frozen) == "qr"
    assert frozen.get("/_mock/events").get_json()["events"] == before


@pytest.mark.parametrize("body", [{"code": "wrong"}, {"number": "254700999888"}])
def test_a_refused_scan_does_not_replace_a_code_that_has_expired(body: dict[str, str], frozen: Client) -> None:
    code = show_qr(frozen)["code"]
    frozen.post(INSTANCES, json={"number": "254700999888", "status": "connected"})
    advance(frozen, 61)
    before = frozen.get("/_mock/world").get_json()

    for refused_body in (body, {"code": code}):
        assert frozen.post(f"{DEFAULT}/scan", json=refused_body).status_code in (409, 410)

    assert frozen.get("/_mock/world").get_json() == before


def test_the_page_of_a_code_that_another_has_replaced_says_expired(frozen: Client) -> None:
    path = show_qr(frozen)["url"].removeprefix("http://localhost")
    frozen.post(path)
    show_qr(frozen)

    page = frozen.get(path)

    assert page.status_code == 410
    assert "expired" in page.text
    assert status(frozen) == "qr"


def test_the_page_of_a_code_that_has_expired_scans_nothing(frozen: Client) -> None:
    path = show_qr(frozen)["url"].removeprefix("http://localhost")
    advance(frozen, 61)

    assert frozen.get(path).status_code == 410
    assert frozen.post(path).status_code == 410
    assert status(frozen) == "qr"


def test_the_page_shows_names_as_text_and_runs_nothing(frozen: Client) -> None:
    frozen.patch(DEFAULT, json={"name": "<script>alert(1)</script>&\"'{title}"})
    path = show_qr(frozen)["url"].removeprefix("http://localhost")

    page = frozen.get(path)

    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#34;&#39;{title}" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("code", ["nope", "<script>", "%00", "x" * 5000, "None"])
def test_the_page_of_an_unknown_code_says_expired_and_not_what_was_asked(code: str, client: Client) -> None:
    page = client.get(f"/_mock/scan/{code}")

    assert page.status_code == 410
    assert code not in page.text


def test_a_code_is_scanned_by_itself_after_a_while_if_so_set(frozen: Client) -> None:
    assert frozen.patch("/_mock/world", json={"pairing_seconds": 5}).status_code == 200
    show_qr(frozen)

    advance(frozen, 5)
    assert status(frozen) == "connecting"
    advance(frozen, 1)

    assert status(frozen) == "connected"


def test_a_made_key_works_at_once_and_a_revoked_one_no_longer(client: Client) -> None:
    made = client.post(f"{DEFAULT}/api-keys", json={})
    key, id_ = made.get_json()["api_key"], made.get_json()["id"]
    before = client.get("/groups", headers=bearer(key)).status_code

    revoked = client.delete(f"{DEFAULT}/api-keys/{id_}").get_json()

    assert (made.status_code, before) == (201, 200)
    assert revoked == {"deleted": id_}
    assert client.get("/groups", headers=bearer(key)).status_code == 401
    assert client.get("/groups", headers=KEY).status_code == 200
    refused(client.delete(f"{DEFAULT}/api-keys/{id_}"), 404, "key_not_found")


def test_keys_are_listed_masked_unless_they_are_wanted(client: Client) -> None:
    client.post(f"{DEFAULT}/api-keys", json={"api_key": "another-long-key"})
    client.post(f"{DEFAULT}/api-keys", json={"api_key": "short"})

    for path in (f"{DEFAULT}/api-keys", DEFAULT, INSTANCES, "/_mock/worlds/default", "/_mock/events"):
        text = client.get(path).text
        assert "another-long-key" not in text
        assert "short" not in text
        assert "YOUR_API_KEY" not in text

    masked = [one["api_key"] for one in client.get(f"{DEFAULT}/api-keys").get_json()["api_keys"]]
    shown = client.get(f"{DEFAULT}/api-keys?with_secrets=true").get_json()["api_keys"]
    assert masked == ["…_KEY", "…-key", "***"]
    assert [one["api_key"] for one in shown] == ["YOUR_API_KEY", "another-long-key", "short"]


@pytest.mark.parametrize("path", [INSTANCES, DEFAULT, f"{DEFAULT}/api-keys"])
def test_secrets_are_asked_for_by_their_name(path: str, client: Client) -> None:
    refused(client.get(f"{path}?with_secret=true"), 400, "bad_request")
    refused(client.get(f"{path}?with_secrets=yes"), 400, "bad_request")

    assert "YOUR_API_KEY" in client.get(f"{path}?with_secrets=true").text


@pytest.mark.parametrize("key", ["", "two words", "schlüssel", "a\n", "x" * 501, 5])
def test_what_cannot_be_a_key_is_refused(key: object, client: Client) -> None:
    refused(client.post(f"{DEFAULT}/api-keys", json={"api_key": key}), 400, "bad_request")


def test_a_key_belongs_to_one_instance_of_one_world() -> None:
    client = FlaresendMock().app.test_client()
    client.post("/_mock/worlds", json={"name": "t1", "api_key": "theirs"})

    for taken in ("theirs", "YOUR_API_KEY"):
        refused(client.post(f"{DEFAULT}/api-keys", json={"api_key": taken}), 409, "key_in_use")
        refused(client.post(INSTANCES, json={"api_key": taken}), 409, "key_in_use")
        refused(client.post("/_mock/instances?world=t1", json={"api_key": taken}), 409, "key_in_use")


def test_an_instance_has_at_most_a_hundred_keys(client: Client) -> None:
    for number in range(99):
        assert client.post(f"{DEFAULT}/api-keys", json={"api_key": f"k{number}"}).status_code == 201

    refused(client.post(f"{DEFAULT}/api-keys", json={}), 409, "too_many")


def test_a_world_that_is_taken_back_does_not_take_the_key_of_another() -> None:
    client = FlaresendMock().app.test_client()
    made = client.post(f"{DEFAULT}/api-keys", json={"api_key": "k"}).get_json()
    client.post("/_mock/snapshots/x")
    client.delete(f"{DEFAULT}/api-keys/{made['id']}")
    client.post("/_mock/worlds", json={"name": "t1", "api_key": "k"})

    client.post("/_mock/snapshots/x/restore")

    client.post("/send-message", headers=bearer("k"), json=MESSAGE)
    assert len(client.get("/_mock/messages?world=t1").get_json()["messages"]) == 1
