"""GET /_mock/transcript: one report that explains a failed test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.state import State
from flaresend_mock.core.transcript import fault_line, message_line
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, BEN, OUR_NUMBER, PROJECT, described
from tests.support import KEY, client_of

PATH = "/_mock/transcript"
JSON = {"Accept": "application/json"}


@pytest.fixture
def nairobi(make_world: Callable[[State], World]) -> Client:
    """A client of the default world, in another time zone, that keeps a hundred messages and events."""
    return client_of(make_world(load_world(described(time_zone="Africa/Nairobi"), history=100)))


def send(client: Client, *words: str, kind: str = "text") -> None:
    for text in words:
        body = {"recipients": [ANN], "type": kind, "text": text}
        client.post("/send-message", headers=KEY, json=body)


def receive(client: Client, text: str, **more: Any) -> None:
    response = client.post("/_mock/inbound", json={"from": ANN, "text": text, **more})
    assert response.status_code == 201, response.text


def text_of(client: Client, **query: Any) -> str:
    response = client.get(PATH, query_string=query)
    assert response.status_code == 200, response.text
    assert response.content_type == "text/plain; charset=utf-8"
    return response.text


def json_of(client: Client, **query: Any) -> Any:
    response = client.get(PATH, query_string=query, headers=JSON)
    assert response.status_code == 200, response.text
    assert response.content_type == "application/json; charset=utf-8"
    return response.json


def test_an_empty_world_has_a_transcript(client: Client) -> None:
    assert text_of(client) == "transcript, UTC time:\n  (no messages)\ncalls:\n  (none)"


def test_everything_is_one_line_each_in_the_time_of_the_world(nairobi: Client) -> None:
    nairobi.patch("/_mock/clock", json={"now": "2025-11-14T10:00:00Z", "frozen": True})
    nairobi.put("/_mock/people/254799000111", json={"on_whatsapp": False})
    body = {"recipients": [ANN, "254799000111"], "type": "text", "text": "Order 17\nis on its way\x1b"}
    nairobi.post("/send-message", headers=KEY, json=body)
    send(nairobi, "no", kind="txt")
    receive(nairobi, "thanks")
    nairobi.post("/_mock/inbound", json={"from": BEN, "text": "all", "group": PROJECT})
    later = {"recipients": [ANN], "type": "text", "text": "Again!", "sendAt": "2025-11-15 09:00:00"}
    nairobi.post("/schedule-message", headers=KEY, json=later)
    nairobi.post("/_mock/faults", json={"match": {"path": "/groups"}, "respond": {"status": 503}, "times": 1})
    nairobi.get("/groups", headers=KEY)
    nairobi.post("/_mock/faults", json={"delay": {"from": 1, "to": 3}, "match": {"method": "PATCH"}})

    wanted = {"direction": "outbound", "text": {"contains": "order 18"}}
    assert text_of(nairobi, match=json.dumps(wanted)).split("\n") == [
        "the nearest one differs in:",
        r'  text is "Order 17\nis on its way\u001b", expected {"contains": "order 18"}',
        "transcript, Africa/Nairobi time:",
        rf'  2025-11-14 13:00:00 → {OUR_NUMBER} to {ANN} text "Order 17\nis on its way\u001b"',
        f'  2025-11-14 13:00:00 ← {ANN} to {OUR_NUMBER} text "thanks"',
        f'  2025-11-14 13:00:00 ← {BEN} to {PROJECT} text "all"',
        "calls:",
        '  2025-11-14 13:00:00 POST /send-message 200, invalid: ["254799000111"]',
        '  2025-11-14 13:00:00 POST /send-message 400 {"success": false, "message": "Unsupported message type: txt"}',
        "  2025-11-14 13:00:00 POST /schedule-message 200",
        '  2025-11-14 13:00:00 GET /groups 503 by fault-1 {"success": false, "message": "Service unavailable"}',
        "webhook:",
        "  msg_Ut29i70lFNBWJQztHMmtKypA no endpoint (the instance had no webhook)",
        "  msg_Uv2BsiwMf5cq6FMhBNKLPbWP no endpoint (the instance had no webhook)",
        "scheduled; now it is 2025-11-14 13:00:00, the clock is frozen:",
        f'  2025-11-15 09:00:00 → {ANN} text "Again!"',
        "faults:",
        "  fault-1 on calls path=/groups: responds with 503, once (matched 1, hit 1, used up)",
        "  fault-2 on calls method=PATCH: delays the response by 1 to 3 s (matched 0, hit 0)",
    ]


def test_as_json_it_has_what_the_lists_have(nairobi: Client) -> None:
    send(nairobi, "Hello")
    receive(nairobi, "thanks")
    nairobi.post("/_mock/faults", json={"preset": "flaky"})
    send(nairobi, "Again")
    found = json_of(nairobi, match=json.dumps({"to": BEN}))

    assert list(found) == [
        "world",
        "now",
        "frozen",
        "time_zone",
        "messages",
        "requests",
        "strays",
        "deliveries",
        "scheduled",
        "faults",
        "evicted",
        "nearest",
    ]
    assert (found["world"], found["frozen"], found["time_zone"]) == ("default", False, "Africa/Nairobi")
    assert found["now"] == nairobi.get("/_mock/clock").get_json()["now"]
    for name in ("messages", "requests", "deliveries", "scheduled", "faults"):
        assert found[name] == nairobi.get(f"/_mock/{name}").get_json()[name], name
    assert (found["strays"], found["evicted"]) == ([], {"messages": 0, "requests": 0, "deliveries": 0})
    refused = nairobi.post("/_mock/messages/wait", json={"match": {"to": BEN}, "timeout": 0}).get_json()
    assert found["nearest"] == refused["nearest"]
    assert len(found["nearest"]["misses"]) == 1
    assert json_of(nairobi)["nearest"] is None


def test_the_accept_header_decides_between_text_and_json(client: Client) -> None:
    for accept, kind in (
        ("*/*", "text/plain"),
        ("text/html,*/*;q=0.8", "text/plain"),
        ("application/json", "application/json"),
        ("application/json, */*;q=0.1", "application/json"),
        ("application/json;q=0.1, text/plain", "text/plain"),
    ):
        assert client.get(PATH, headers={"Accept": accept}).mimetype == kind, accept


def test_a_transcript_begins_after_an_event(client: Client) -> None:
    send(client, "a", "b", "c")
    after = client.get("/_mock/messages").get_json()["messages"][1]["event"]

    found = json_of(client, since=after)

    assert [message["text"] for message in found["messages"]] == ["c"]
    assert [request["body"]["text"] for request in found["requests"]] == ["b", "c"]


def test_a_transcript_has_the_newest_of_many(client: Client) -> None:
    send(client, *map(str, range(31)))

    lines = text_of(client).split("\n")

    assert lines[1] == "  … the last 30:"
    assert [lines[2][-3:], lines[31][-4:]] == ['"1"', '"30"']
    assert len(json_of(client)["requests"]) == 30


@pytest.mark.parametrize(
    ("kind", "match", "field"),
    [
        ("messages", {"text": "no"}, "text"),
        ("requests", {"path": "/send-message", "status": 503}, "status"),
        ("deliveries", {"status": "delivered"}, "status"),
    ],
)
def test_the_nearest_of_each_list_is_explained(kind: str, match: dict[str, Any], field: str, client: Client) -> None:
    receive(client, "yes")
    send(client, "yes")

    found = json_of(client, kind=kind, match=json.dumps(match))

    assert [miss["field"] for miss in found["nearest"]["misses"]] == [field]
    assert text_of(client, kind=kind, match=json.dumps(match)).startswith(f"the nearest one differs in:\n  {field} is ")


def test_a_message_of_the_other_direction_is_not_near(client: Client) -> None:
    receive(client, "yes")

    match = json.dumps({"direction": "outbound", "text": "yes"})

    assert text_of(client, match=match).startswith("transcript")
    assert json_of(client, match=match)["nearest"]["misses"][0]["field"] == "direction"


def test_calls_that_went_astray_are_shown_on_request(client: Client) -> None:
    send(client, "mine")
    client.get("/groups", headers={"Authorization": "Bearer unknown-key"})

    assert text_of(client, strays_since=2).endswith(
        "\ncalls with an unknown API key, or one of the default world:\n"
        '  2025-11-14 10:00:00 GET /groups 401 {"success": false, "error": "Invalid API key"}'
    )
    assert [stray["id"] for stray in json_of(client, strays_since=0)["strays"]] == [2, 3]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("match={", "match: Not JSON."),
        ("match=[1]", "match: a matcher is an object of fields, such as {} for everything"),
        ('match={"txt":1}', "match: 'txt' is not known; did you mean 'text'?"),
        ('kind=requests&match={"text":1}', "match: 'text' is not known"),
        ("kind=groups", "kind: Must be one of: messages, requests, deliveries."),
        ("since=-1", "since: Must be greater than or equal to 0."),
        ("strays_since=x", "strays_since: Not a valid integer."),
        ("limit=1", "'limit' is not known"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: str, message: str, client: Client) -> None:
    response = client.get(f"{PATH}?{query}")

    assert response.status_code == 400
    assert response.get_json()["error"]["message"].startswith(message)


def test_odd_values_are_written_on_one_line() -> None:
    message = {"chat": "120363403582097887@g.us", "from": "1\u202e", "to": "2", "text": "x" * 200, "type": None}

    line = message_line(message, "now")

    assert line == rf'now ← 1\u202e to 2 in 120363403582097887@g.us None "{"x" * 99}…'
    assert fault_line({"delay": 7, "match": [], "respond": 3}).startswith("None on None: responds with None, ")


def test_a_matcher_that_matches_has_no_near_miss(client: Client) -> None:
    client.post("/_mock/inbound", json={"from": ANN, "text": "Order 17"})
    client.post("/_mock/inbound", json={"from": ANN, "text": "Order 18"})

    assert json_of(client, match=json.dumps({"text": {"contains": "17"}}))["nearest"] is None
    assert json_of(client, match=json.dumps({"text": "Order 19"}))["nearest"] is not None
