"""The faults page: presets as switches, faults in words, and the calls of its buttons and forms."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.app import api_app
from flaresend_mock.core.faults import ATTEMPT_ACTIONS, CALL_ACTIONS, EVENT_ACTIONS, PRESETS
from flaresend_mock.core.transcript import CALL_ACTIONS_TEXT, DELIVERY_ACTIONS_TEXT
from tests.defaults import ANN
from tests.support import KEY

PAGE = "/_mock/ui/w/default/faults"
LIVE = "/_mock/ui/w/default/parts/faults"
FAULTS = "/_mock/faults"


def arm(client: Client, **given: Any) -> str:
    response = client.post(FAULTS, json=given)
    assert response.status_code == 201, response.text
    id_: str = response.get_json()["id"]
    return id_


def armed(client: Client) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = client.get(FAULTS).get_json()["faults"]
    return faults


def buttons(client: Client) -> dict[str, dict[str, str]]:
    """Return the attributes of every button of the live part, by id."""
    found = {}
    for tag in re.findall(r"<button\b([^>]*)>", client.get(LIVE).text):
        given = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        found[given["id"]] = given
    return found


def press(client: Client, button: dict[str, str]) -> int:
    """Do what dashboard.js does when a button is pressed."""
    method, path = button["data-do"].split(" ")
    body = button.get("data-body")
    return client.open(f"/_mock/{path}", method=method, json=json.loads(body) if body is not None else None).status_code


def words(client: Client) -> list[str]:
    """Return the text of each fault."""
    found = re.findall(r'<div class="rule">.*?<p>(.*?)</p>', client.get(LIVE).text, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", "", one)).split()) for one in found]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_switched_on_and_off(client: Client, preset: str) -> None:
    off = buttons(client)[f"preset-{preset}"]
    assert off["aria-checked"] == "false"

    assert press(client, off) == 201
    on = buttons(client)[f"preset-{preset}"]

    assert [one["name"] for one in armed(client)] == [preset]
    assert on["aria-checked"] == "true"
    assert press(client, on) == 200
    assert armed(client) == []
    assert buttons(client)[f"preset-{preset}"]["aria-checked"] == "false"


def test_a_preset_for_some_calls_only_does_not_switch_it_on(client: Client) -> None:
    arm(client, preset="down", match={"path": "/groups"})

    assert buttons(client)["preset-down"]["aria-checked"] == "false"
    assert words(client) == ["API calls with path /groups: responds with 503."]


def test_the_page_holds_what_is_refreshed(client: Client) -> None:
    arm(client, name="mine", respond={"status": 418})

    whole, live = client.get(PAGE).text, client.get(LIVE).text

    assert "mine" in live
    assert re.search(r'id="armed"[^>]*hx-get="[^"]*parts/faults"[^>]*news-fault', whole)
    assert 'aria-label="Delete the fault mine"' in whole
    assert "<html" not in live


def test_rules_are_told_in_words_the_newest_first(client: Client) -> None:
    arm(
        client,
        match={"method": "POST", "path": "/send-message"},
        respond={"status": 503},
        delay={"from": 1, "to": 3},
        after=2,
        every=3,
        times=5,
        probability=0.25,
    )
    client.put(f"/_mock/people/{ANN}", json={"name": "Ann"})
    arm(client, match={"number": f"+{ANN}"}, action="drop_response", times=1)
    arm(client, on="deliveries", delay={"mean": 2, "deviation": 0.5})
    arm(client, on="deliveries", action="drop", match={"body": {"event": "message_received"}})

    assert words(client) == [
        'Webhook deliveries with body {"event": "message_received"}: never sends the event.',
        "Webhook deliveries, all of them: delays the event by 2 s ± 0.5 s.",
        f"API calls with number Ann, +{ANN}: processes the call and sends no response, once.",
        "API calls with method POST, path /send-message: responds with 503, delays the response by 1 to 3 s, "
        "after 2 matches, every 3 matches, 25% of the time, at most 5 times.",
    ]


def test_counts_grow_and_a_rule_is_used_up(client: Client) -> None:
    arm(client, name="once", respond={"status": 500}, after=1, times=1)
    assert [client.get("/groups", headers=KEY).status_code for _ in range(3)] == [200, 500, 200]

    shown = client.get(LIVE).text

    assert re.search(r"<dt>matched</dt><dd>2</dd>", shown)
    assert re.search(r"<dt>hit</dt><dd>1<small> of 1</small></dd>", shown)
    assert "used up" in shown


def test_what_is_used_up_can_be_armed_again_just_as_it_was(client: Client) -> None:
    arm(
        client,
        name="flaky <Ann>",
        match={"path": "/groups", "body": {"text": {"contains": "x"}}},
        respond={"status": 500, "body": {"a": '"<>'}, "headers": {"X-A": "b"}},
        delay={"mean": 0, "deviation": 0},
        times=1,
    )
    id_ = arm(client, name="now", respond={"status": 500, "body": "text"}, delay=0, times=1)
    client.get("/groups", headers=KEY)
    assert "again-fault-1" not in buttons(client)

    assert press(client, buttons(client)[f"again-{id_}"]) == 201

    first, second = armed(client)[1:]
    counts = ("id", "armed", "matched", "hits")
    assert {**first, **dict.fromkeys(counts)} == {**second, **dict.fromkeys(counts)}
    assert second["armed"] is True


def test_a_masked_key_is_neither_shown_nor_armed_again(client: Client) -> None:
    id_ = arm(client, match={"key": "YOUR_API_KEY"}, respond={"status": 500}, times=1)
    assert client.get("/groups", headers=KEY).status_code == 500

    assert words(client) == ["API calls with API key ***: responds with 500, once."]
    assert "YOUR_API_KEY" not in client.get(LIVE).text
    assert f"again-{id_}" not in buttons(client)


def test_one_is_deleted_and_all_are(client: Client) -> None:
    assert "delete-all" not in buttons(client)
    for status in (500, 501, 502):
        arm(client, respond={"status": status})

    assert press(client, buttons(client)["delete-fault-2"]) == 200
    assert [one["id"] for one in armed(client)] == ["fault-1", "fault-3"]
    assert press(client, buttons(client)["delete-all"]) == 200
    assert armed(client) == []
    assert "No faults." in client.get(LIVE).text


def test_markup_in_names_and_matches_is_text(client: Client) -> None:
    evil = "<script>alert(1)</script>\"' onclick=x"
    arm(client, name=evil, match={"query": evil}, respond={"status": 500, "body": evil}, times=1)
    client.get("/groups", headers=KEY, query_string=evil)

    for shown in (client.get(PAGE).text, client.get(LIVE).text):
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_the_forms_have_the_fields_that_the_control_plane_takes(client: Client) -> None:
    shown = client.get(PAGE).text
    calls, deliveries = re.findall(r'<form data-call="POST faults".*?</form>', shown, re.DOTALL)
    often = {"times", "after", "every", "probability", "name", "respond.status", "delay", "action"}

    assert set(re.findall(r'name="([^"]+)"', calls)) == often | {"match.method", "match.path", "match.number"}
    assert set(re.findall(r'name="([^"]+)"', deliveries)) == often | {"on", "match.number", "match.url"}
    for form, on in ((calls, "calls"), (deliveries, "deliveries")):
        for action in filter(None, re.findall(r'<option value="(\w+)">\w+:', form)):
            arm(client, on=on, action=action)


def test_every_action_is_told_in_words() -> None:
    assert tuple(CALL_ACTIONS_TEXT) == CALL_ACTIONS
    assert tuple(DELIVERY_ACTIONS_TEXT) == (*ATTEMPT_ACTIONS, *EVENT_ACTIONS)


def test_the_paths_that_are_offered_are_those_of_the_api() -> None:
    api = {rule.rule for rule in api_app().url_map.iter_rules()}

    page = FlaresendMock().app.test_client().get(PAGE).text
    offered = re.findall(
        '<option value="([^"]+)"', page.partition('<datalist id="fault-paths">')[2].partition("</datalist>")[0]
    )
    former = {"/channels/create"}
    assert set(offered) == {one for one in api if "<" not in one and one != "/"} - former


def test_faults_of_another_world_are_not_shown() -> None:
    client = FlaresendMock().app.test_client()
    client.post("/_mock/worlds", json={"name": "t1", "fixture": "default"})
    client.post(f"{FAULTS}?world=t1", json={"name": "theirs", "respond": {"status": 500}})

    assert "theirs" not in client.get(PAGE).text
    assert "theirs" in client.get("/_mock/ui/w/t1/faults").text
    assert client.get("/_mock/ui/w/nowhere/faults").status_code == 404
