"""Whatever others write is shown as text: no browser runs it, and no stream is forged by it."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from urllib.parse import quote

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.app import api_app, control_app, dashboard_app
from tests.security.hostile import ANN, CONTROL_BODIES, SCRIPT, TIMEOUT, bodies, calls, headers_for, is_harmless
from tests.support import KEY

JSON = "application/json; charset=utf-8"


def test_an_error_that_repeats_what_was_asked_is_json_wherever_it_comes_from(client: Client) -> None:
    ways = [way for app in (api_app(), control_app(), dashboard_app()) for way in calls(app, quote(SCRIPT, safe=""))]
    ways += [("GET", f"/{SCRIPT}"), ("GET", f"/v/{SCRIPT}/x"), ("GET", f"/_mock/{SCRIPT}"), (SCRIPT, "/groups")]

    for method, path in ways:
        response = client.open(
            path,
            method=method,
            query_string={SCRIPT: SCRIPT, "world": SCRIPT, "format": SCRIPT},
            headers={**KEY, "Accept": "text/html"},
            data=json.dumps({SCRIPT: SCRIPT, "type": SCRIPT}),
            content_type="application/json",
        )
        assert response.status_code != 500, (method, path, response.text)  # 501 is documented
        assert is_harmless(response), (method, path)
        if response.status_code == 404 and path.startswith("/_mock/ui/"):  # a page that says so, where no script runs
            assert "default-src 'none'" in response.headers["Content-Security-Policy"], (method, path)
            assert "<script" not in response.text
        elif response.status_code >= 400 and "/scan/" not in path:
            assert response.content_type == JSON, (method, path)


def test_an_id_of_an_import_leads_no_link_of_a_page_to_another_path(client: Client) -> None:
    """A page loads what a link leads to, and shows it: it might be a file of the import."""
    schedule = {"recipients": [ANN], "type": "text", "text": "Hi", "sendAt": "2099-01-01 10:00:00"}
    task = client.post("/schedule-message", json=schedule, headers=KEY).get_json()["task_id"]
    fault = client.post("/_mock/faults", json={"preset": "down"}).get_json()["id"]
    message = client.post("/_mock/inbound", json={"from": ANN, "text": "hi"}).get_json()["event"]["data"]["id"]
    delivery = client.get("/_mock/deliveries").get_json()["deliveries"][0]["id"]
    export = client.get("/_mock/world").text
    for given in (task, fault, message, delivery, f"{ANN}@s.whatsapp.net"):
        export = export.replace(f'"{given}"', f'"../../evil/{given}"')
    imported = client.put("/_mock/world", data=export, content_type=JSON)
    assert imported.status_code == 200, imported.text
    instance = client.get("/_mock/instances").get_json()["instances"][0]["id"]
    chats = f"chats/{instance}/{quote(f'../../evil/{ANN}@s.whatsapp.net', safe='')}"

    for path in ("chats", chats, "schedule", "faults", "traffic", f"parts/news/{chats.removeprefix('chats/')}"):
        page = client.get(f"/_mock/ui/w/default/{path}")
        assert re.findall(r'(?:href|src|hx-get|data-do|data-call)="[^"]*/evil/[^"]*"', page.text) == [], path


@pytest.mark.parametrize("value", [SCRIPT, [SCRIPT], {SCRIPT: SCRIPT}])
def test_an_error_that_repeats_a_field_is_json(value: object, shared: Client) -> None:
    for method, path in bodies():
        body = CONTROL_BODIES.get((method, path), {"type": "text"})
        for name in body:
            spoilt = {**body, name: value}
            response = shared.open(path, method=method, headers=headers_for(path), json=spoilt)
            assert response.status_code < 500, (method, path, response.text)
            assert response.content_type == JSON, (method, path)


def test_an_error_that_the_server_words_itself_is_json(running: FlaresendMock) -> None:
    for path in (f"/{SCRIPT}", f"/_mock/{SCRIPT}", f"/v/{SCRIPT}/x"):
        for headers in ({"X-A": "a" * 300_000}, {"Content-Length": SCRIPT}, {"Transfer-Encoding": SCRIPT}):
            prepared = requests.Request("GET", running.url, headers=headers).prepare()
            prepared.url = running.url + path
            with requests.Session() as session:
                response = session.send(prepared, timeout=TIMEOUT)
            assert response.status_code in (400, 431, 501)
            assert response.headers["Content-Type"] == JSON


def test_the_world_that_a_scan_page_names_is_not_repeated(shared: Client) -> None:
    page = shared.get("/_mock/scan/x", query_string={"world": SCRIPT})

    assert page.status_code == 410
    assert SCRIPT not in page.text


def test_a_text_ends_no_event_of_a_stream_and_begins_no_other_one(running: FlaresendMock) -> None:
    text = "a\n\nevent: forged\nid: 999\ndata: {}\r\n\r\n\rdata: x\u2028\u2029\x85"
    letter = {"from": ANN, "text": text}
    assert requests.post(f"{running.url}/_mock/inbound", json=letter, timeout=TIMEOUT).status_code == 201

    with requests.get(
        f"{running.url}/_mock/events?stream=true&since=0&kind=message", stream=True, timeout=TIMEOUT
    ) as stream:
        read = []
        for line in iter(stream.raw.readline, b""):
            read.append(line)
            if line.startswith(b"data: "):
                break

    assert [line.partition(b":")[0] for line in read if line.strip()] == [b"retry", b"id", b"event", b"data"]
    assert json.loads(read[-1].removeprefix(b"data: "))["message"]["text"] == text


@pytest.mark.parametrize("mimetype", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"])
def test_a_file_of_the_control_plane_is_a_download(mimetype: str, client: Client) -> None:
    media = {"base64": b64encode(SCRIPT.encode()).decode(), "mimetype": mimetype}
    received = client.post("/_mock/inbound", json={"from": ANN, "type": "document", "media": media})
    assert received.status_code == 201
    shown = client.get("/_mock/messages").get_json()["messages"][-1]

    response = client.get(f"/_mock/media/{shown['media']}")

    assert response.text == SCRIPT
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("mimetype", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"])
def test_a_file_of_the_media_host_runs_nothing_in_our_name(mimetype: str, client: Client) -> None:
    """A page at /v/… has the control plane's own origin: a script in it may do what the developer may."""
    media = {"base64": b64encode(SCRIPT.encode()).decode(), "mimetype": mimetype}
    received = client.post("/_mock/inbound", json={"from": ANN, "type": "channel_image", "media": media})
    if not mimetype.startswith("image/"):
        assert received.get_json()["error"]["code"] == "media_mismatch"
        return
    path = received.get_json()["event"]["data"]["message"]["imageMessage"]["directPath"]

    response = client.get(path)

    assert response.text == SCRIPT
    is_page = response.mimetype == mimetype
    is_download = response.headers.get("Content-Disposition", "").startswith("attachment")
    is_boxed = "sandbox" in response.headers.get("Content-Security-Policy", "")
    assert not is_page or is_download or is_boxed


def test_a_file_of_the_media_host_is_what_it_says_it_is(client: Client) -> None:
    received = client.post("/_mock/inbound", json={"from": ANN, "media": {"sample": "jpeg"}})
    path = received.get_json()["event"]["data"]["message"]["imageMessage"]["directPath"]

    assert client.get(path).headers.get("X-Content-Type-Options") == "nosniff"
