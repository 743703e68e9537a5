"""/_mock/faults: what goes wrong on purpose, when, and what is told of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, BEN, INSTANCE, PROJECT, described
from tests.support import KEY, Stalls, client_of

FAULTS = "/_mock/faults"
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}


def arm(client: Client, **given: Any) -> Any:
    response = client.post(FAULTS, json=given)
    assert response.status_code == 201, response.text
    return response.get_json()


def refused(response: Any, status: int, code: str) -> str:
    assert (response.status_code, response.get_json()["error"]["code"]) == (status, code), response.text
    message: str = response.get_json()["error"]["message"]
    return message


def send(client: Client, *, headers: dict[str, str] = KEY, **changes: Any) -> int:
    return client.post("/send-message", headers=headers, json={**MESSAGE, **changes}).status_code


def groups(client: Client) -> int:
    return client.get("/groups", headers=KEY).status_code


def shown(client: Client, id_: str = "fault-1") -> Any:
    return client.get(f"{FAULTS}/{id_}").get_json()


def messages(client: Client) -> int:
    return len(client.get("/_mock/messages").get_json()["messages"])


def last_request(client: Client) -> Any:
    return client.get("/_mock/requests?limit=1").get_json()["requests"][0]


def test_a_fault_answers_in_the_place_of_the_real_answer_and_nothing_is_done(client: Client) -> None:
    arm(client, match={"path": "/send-message"}, respond={"status": 503}, times=2)

    assert [send(client) for _ in range(3)] == [503, 503, 200]
    assert messages(client) == 1
    assert groups(client) == 200


def test_a_fault_is_shown_with_all_about_it(client: Client) -> None:
    made = arm(client, name="mine", match={"path": "/groups"}, respond={"status": 418, "headers": {"X-A": "b"}})

    assert made == shown(client)
    assert client.get(FAULTS).get_json() == {"faults": [made]}
    assert made == {
        "id": "fault-1",
        "name": "mine",
        "armed": True,
        "on": "calls",
        "match": {"path": "/groups"},
        "respond": {"status": 418, "body": None, "headers": {"X-A": "b"}},
        "delay": None,
        "action": None,
        "after": 0,
        "every": 1,
        "times": None,
        "probability": 1.0,
        "matched": 0,
        "hits": 0,
    }


def test_what_a_fault_matched_and_hit_is_counted(client: Client) -> None:
    arm(client, match={"path": "/groups"}, respond={"status": 503}, after=1, every=2, times=2)

    assert [groups(client) for _ in range(8)] == [200, 200, 503, 200, 503, 200, 200, 200]
    assert (shown(client)["hits"], shown(client)["armed"]) == (2, False)


def test_chance_is_decided_by_the_seed(client: Client) -> None:
    runs = []
    for _ in range(2):
        arm(client, preset="flaky")
        runs.append([groups(client) for _ in range(50)])
        client.post("/_mock/reset")

    assert runs[0] == runs[1]
    assert 5 <= runs[0].count(503) <= 28


@pytest.mark.parametrize(("probability", "expected"), [(0, 200), (1, 503)])
def test_the_ends_of_chance_are_certain(probability: int, expected: int, client: Client) -> None:
    arm(client, respond={"status": 503}, probability=probability)

    assert {groups(client) for _ in range(20)} == {expected}


def test_a_fault_is_told_of_everywhere(client: Client) -> None:
    arm(client, name="mine", match={"path": "/groups"}, respond={"status": 503}, times=1)

    health = client.get("/_mock/health").get_json()["faults"]
    groups(client)
    request = last_request(client)
    events = client.get("/_mock/events?kind=fault").get_json()["events"]
    client.delete(f"{FAULTS}/fault-1")

    assert health == [{"world": "default", "id": "fault-1", "name": "mine", "on": "calls"}]
    assert (request["fault"], request["status"]) == ("fault-1", 503)
    assert [(event["fault"]["action"], event["fault"]["hits"]) for event in events] == [("armed", 0), ("hit", 1)]
    assert client.get("/_mock/health").get_json()["faults"] == []
    groups(client)
    assert last_request(client)["fault"] is None


def test_a_spent_fault_is_not_among_the_armed_ones(client: Client) -> None:
    arm(client, respond={"status": 503}, times=1)
    groups(client)

    assert client.get("/_mock/health").get_json()["faults"] == []
    assert shown(client)["armed"] is False


def test_hits_can_be_verified(client: Client) -> None:
    arm(client, preset="down", times=2)
    for _ in range(3):
        groups(client)

    for body, status in (
        ({"match": {"fault": "fault-1"}, "exactly": 2}, 200),
        ({"match": {"fault": "fault-1"}, "exactly": 3}, 422),
        ({"match": {"fault": None}, "exactly": 1}, 200),
        ({"match": {"fault": "fault-1", "status": 503}, "at_least": 2}, 200),
    ):
        assert client.post("/_mock/requests/verify", json=body).status_code == status


def test_of_several_faults_the_first_whose_turn_it_is_hits(client: Client) -> None:
    arm(client, respond={"status": 500}, times=1)
    arm(client, respond={"status": 501}, after=1)
    arm(client, respond={"status": 502})

    assert [groups(client) for _ in range(4)] == [500, 502, 501, 501]


def test_removed_faults_hit_no_more_and_ids_are_not_given_again(client: Client) -> None:
    arm(client, preset="down")
    assert client.delete(f"{FAULTS}/fault-1").get_json() == {"deleted": "fault-1"}
    assert groups(client) == 200

    arm(client, preset="down")
    assert arm(client, preset="down")["id"] == "fault-3"
    assert client.delete(FAULTS).get_json() == {"deleted": 2}

    assert groups(client) == 200
    refused(client.get(f"{FAULTS}/fault-1"), 404, "fault_not_found")
    refused(client.delete(f"{FAULTS}/fault-1"), 404, "fault_not_found")


@pytest.mark.parametrize(
    ("preset", "status", "body"),
    [
        ("rate-limited", 429, {"success": False, "message": "Too many requests"}),
        ("down", 503, {"success": False, "message": "Service unavailable"}),
        ("unauthorized", 401, {"success": False, "error": "Invalid API key"}),
    ],
)
def test_presets_answer_as_the_service_would(preset: str, status: int, body: dict[str, Any], client: Client) -> None:
    assert arm(client, preset=preset)["name"] == preset

    response = client.get("/groups", headers=KEY)

    assert (response.status_code, response.get_json()) == (status, body)


def test_a_preset_takes_other_fields_beside_it(client: Client, stalls: Stalls) -> None:
    arm(client, preset="slow", match={"number": ANN}, times=1, delay=0.5)
    arm(client, preset="down", respond={"status": 500}, match={"number": BEN})

    assert [send(client), send(client), send(client, recipients=[BEN])] == [200, 200, 500]
    assert stalls == [0.5]


def test_slow_answers_take_one_to_three_seconds(client: Client, stalls: Stalls) -> None:
    arm(client, preset="slow")

    for _ in range(20):
        assert send(client) == 200

    assert len(stalls) == 20
    assert all(1 <= seconds <= 3 for seconds in stalls)
    assert max(stalls) - min(stalls) > 0.5


@pytest.mark.parametrize(
    ("delay", "lowest", "highest"),
    [
        (1.5, 1.5, 1.5),
        (0, None, None),
        ({"to": 2}, 0, 2),
        ({"from": 1, "to": 1}, 1, 1),
        ({"mean": 2}, 2, 2),
        ({"mean": 2, "deviation": 0.5}, 0, 5),
        ({"mean": 2, "deviation": 100, "from": 1, "to": 3}, 1, 3),
        (3600, 3600, 3600),
    ],
)
def test_a_delay_is_in_its_bounds(
    delay: Any, lowest: float | None, highest: float | None, client: Client, stalls: Stalls
) -> None:
    arm(client, delay=delay)

    for _ in range(10):
        assert send(client) == 200

    if lowest is None or highest is None:
        assert stalls == []
    else:
        assert len(stalls) == 10
        assert all(lowest <= seconds <= highest for seconds in stalls)


def test_a_delayed_call_is_worked_on_at_once(client: Client, world: World, stalls: Stalls) -> None:
    seen: list[int] = []
    world.delay = lambda seconds, until: seen.append(len(world.state.messages))
    arm(client, delay=5)

    send(client)

    assert seen == [1]


def test_the_same_seed_gives_the_same_delays(client: Client, stalls: Stalls) -> None:
    for _ in range(2):
        arm(client, delay={"mean": 2, "deviation": 0.5})
        for _ in range(5):
            send(client)
        client.post("/_mock/reset")

    assert stalls[:5] == stalls[5:]


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({}, True),
        ({"method": "POST"}, True),
        ({"method": {"one_of": ["PUT", "PATCH"]}}, False),
        ({"path": "/send-message"}, True),
        ({"path": {"regex": "^/send"}}, True),
        ({"path": {"not": "/send-message"}}, False),
        ({"path": "/send-message/"}, True),
        ({"query": "a=b"}, True),
        ({"query": {"contains": "b"}}, True),
        ({"query": ""}, False),
        ({"headers": {"X-Trace": "7"}}, True),
        ({"headers": {"x-trace": {"regex": "[0-9]"}}}, True),
        ({"headers": {"X-Trace": "8"}}, False),
        ({"headers": {"Absent": {"not": "x"}}}, True),
        ({"headers": {"not": {"X-Trace": "7"}}}, False),
        ({"body": {"text": "Hello"}}, True),
        ({"body": {"text": {"contains": "ell"}, "type": "text"}}, True),
        ({"body": {"recipients": [ANN]}}, True),
        ({"body": {"recipients": {"contains": ANN}}}, True),
        ({"body": {"recipients": []}}, False),
        ({"body": {"caption": {"not": "x"}}}, True),
        ({"body": {"subset": {"text": "Hello"}}}, True),
        ({"number": ANN}, True),
        ({"number": "+254 712-345.678"}, True),
        ({"number": int(ANN)}, True),
        ({"number": f"{ANN}@s.whatsapp.net"}, True),
        ({"number": BEN}, False),
        ({"number": {"one_of": [BEN, ANN]}}, True),
        ({"number": {"not": ANN}}, False),
        ({"key": "YOUR_API_KEY"}, True),
        ({"key": "other"}, False),
        ({"instance": INSTANCE}, True),
        ({"instance": None}, False),
        ({"path": "/send-message", "number": BEN}, False),
    ],
)
def test_only_what_matches_is_hit(match: dict[str, Any], hit: bool, client: Client) -> None:
    arm(client, match=match, respond={"status": 503})

    response = client.post("/send-message?a=b", headers={**KEY, "X-Trace": "7"}, json=MESSAGE)

    assert (response.status_code == 503) is hit


def test_headers_in_a_subset_match_in_any_case_too(client: Client) -> None:
    arm(client, match={"headers": {"subset": {"X-Trace": "7"}}}, respond={"status": 503})

    assert client.get("/groups", headers={**KEY, "X-Trace": "7"}).status_code == 503


@pytest.mark.parametrize("written", ["+254 712 345 678", "254-712-345-678", int(ANN), f"{ANN}@c.us"])
def test_a_number_is_matched_however_the_call_spells_it(written: object, client: Client) -> None:
    arm(client, match={"number": ANN}, respond={"status": 503})

    assert send(client, recipients=[BEN, written]) == 503
    assert send(client, recipients=[BEN]) == 200
    assert client.post("/check-number", headers=KEY, json={"number": written}).status_code == 503


def test_forms_are_matched_as_json_is(client: Client) -> None:
    arm(client, match={"body": {"recipients": [ANN, BEN], "type": "text"}, "number": BEN}, respond={"status": 503})
    form = {"recipients[]": [ANN, BEN], "type": "text", "text": "x"}

    hit = client.post("/send-message", headers=KEY, data=form, content_type="multipart/form-data")
    missed = client.post("/send-message", headers=KEY, data={**form, "recipients[]": [ANN]})

    assert (hit.status_code, missed.status_code) == (503, 200)


def test_a_fault_that_does_not_match_leaves_uploads_as_they_are(client: Client) -> None:
    arm(client, match={"path": "/nope"}, respond={"status": 503})
    form = {"recipients[]": ANN, "type": "document", "file": (io.BytesIO(b"%PDF-data"), "a.pdf")}

    client.post("/send-message", headers=KEY, data=form)

    (message,) = client.get("/_mock/messages").get_json()["messages"]
    assert client.get(f"/_mock/media/{message['media']}").data == b"%PDF-data"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_a_body_that_cannot_be_read_has_no_fields(body: bytes, client: Client) -> None:
    arm(client, match={"body": {"text": "x"}}, respond={"status": 503}, times=1)
    arm(client, match={"path": "/send-message"}, respond={"status": 504}, times=1)

    responses = [
        client.post("/send-message", headers=KEY, data=body, content_type="application/json") for _ in range(2)
    ]

    assert [response.status_code for response in responses] == [504, 400]


def test_unknown_paths_and_calls_without_a_key_are_hit(client: Client) -> None:
    arm(client, respond={"status": 503})

    for path, headers in (("/nope", {}), ("/groups", {}), ("/groups", {"Authorization": "Bearer nobody"}), ("/", {})):
        assert client.get(path, headers=headers).status_code == 503
        assert last_request(client)["fault"] == "fault-1"


def test_the_control_plane_and_media_are_never_hit(client: Client) -> None:
    arm(client, respond={"status": 503})

    assert client.get("/_mock/clock").status_code == 200
    assert client.get("/_mock/nope").status_code == 404
    assert client.get("/v/t62/x").status_code == 404
    assert shown(client)["matched"] == 0


def test_the_key_a_fault_matches_is_shown_nowhere(client: Client) -> None:
    made = arm(client, match={"key": {"one_of": ["YOUR_API_KEY", "x"]}}, respond={"status": 503})

    assert made["match"] == {"key": "***"}
    assert groups(client) == 503
    for path in (FAULTS, f"{FAULTS}/fault-1", "/_mock/events", "/_mock/health"):
        assert "YOUR_API_KEY" not in client.get(path).text


@pytest.mark.parametrize("status", [200, 201, 204, 299, 304, 400, 404, 418, 499, 500, 599])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_any_status_can_be_answered(method: str, status: int, client: Client) -> None:
    arm(client, respond={"status": status})

    response = client.open("/groups", method=method, headers=KEY)

    assert response.status_code == status
    assert bool(response.data) is not (method == "HEAD" or status in (204, 304))
    assert last_request(client)["status"] == status


@pytest.mark.parametrize(
    ("body", "content_type", "data"),
    [
        ({"a": [1, None]}, "application/json; charset=utf-8", b'{"a":[1,null]}'),
        ([], "application/json; charset=utf-8", b"[]"),
        (0, "application/json; charset=utf-8", b"0"),
        (False, "application/json; charset=utf-8", b"false"),
        ("<h1>Bad gateway</h1>", "text/plain; charset=utf-8", b"<h1>Bad gateway</h1>"),
        ("", "text/plain; charset=utf-8", b""),
        ("ä\u2028", "text/plain; charset=utf-8", "ä\u2028".encode()),
        (None, "application/json; charset=utf-8", b'{"success":false,"message":"Bad gateway"}'),
    ],
)
def test_an_answer_can_be_any_json_or_a_text(body: Any, content_type: str, data: bytes, client: Client) -> None:
    arm(client, respond={"status": 502, "body": body})

    response = client.get("/groups", headers=KEY)

    assert (response.content_type, response.data) == (content_type, data)


def test_an_answer_has_the_headers_it_is_given(client: Client) -> None:
    headers = {"Retry-After": "7", "Content-Type": "text/html", "X-Empty": ""}
    arm(client, respond={"status": 429, "body": "x", "headers": headers})

    response = client.get("/groups", headers=KEY)

    assert {name: response.headers[name] for name in headers} == headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "b\r\nX-Evil: 1"},
        {"X-A": "b\n"},
        {"X-A\r\nX-Evil": "1"},
        {"X A": "1"},
        {"": "1"},
        {"X-A": "ä"},
        {"X-A": "\x00"},
        {"X-A": 5},
        {"X-A": None},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
        {"CONNECTION": "close"},
        {"X" * 101: "1"},
        {"X-A": "x" * 4001},
        {f"X-{number}": "1" for number in range(51)},
        ["X-A"],
    ],
)
def test_headers_that_would_break_the_answer_are_refused(headers: Any, client: Client) -> None:
    response = client.post(FAULTS, json={"respond": {"status": 429, "headers": headers}})

    assert refused(response, 400, "bad_request").startswith("respond.headers")
    assert client.get(FAULTS).get_json() == {"faults": []}


@pytest.mark.parametrize("name", ["Proxy-Authenticate", "proxy-authorization", "Trailers"])
def test_headers_that_the_server_takes_from_nobody_are_refused(name: str, client: Client) -> None:
    refused(client.post(FAULTS, json={"respond": {"status": 407, "headers": {name: "x"}}}), 400, "bad_request")


@pytest.mark.parametrize("action", ["reset", "drop_response", "truncate"])
def test_where_there_is_no_connection_to_end_it_is_said_so(action: str, client: Client) -> None:
    arm(client, action=action)

    response = client.post("/send-message", headers=KEY, json=MESSAGE)

    assert response.status_code == 502
    assert response.text == "Here the connection would have ended."
    assert messages(client) == (0 if action == "reset" else 1)
    assert last_request(client)["status"] == (None if action == "reset" else 200)
    assert last_request(client)["fault"] == "fault-1"


@pytest.mark.parametrize("respond", [None, {"status": 200, "body": []}, {"status": 200, "body": {"a": "b"}}])
def test_a_malformed_answer_is_no_json(respond: Any, client: Client) -> None:
    arm(client, action="corrupt", **({"respond": respond} if respond else {}))

    response = client.get("/groups", headers=KEY)

    assert (response.status_code, response.content_type) == (200, "application/json; charset=utf-8")
    assert response.get_json(silent=True) is None
    assert response.data


def test_a_malformed_number_is_no_json_either(client: Client) -> None:
    arm(client, action="corrupt", respond={"status": 200, "body": 12})

    assert client.get("/groups", headers=KEY).get_json(silent=True) is None


def test_delays_go_with_every_action(client: Client, stalls: Stalls) -> None:
    for action in ("reset", "drop_response", "truncate", "corrupt"):
        arm(client, action=action, delay=2, times=1)
        groups(client)

    assert stalls == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({}, "invalid_fault", "a fault needs a preset"),
        ({"action": "explode"}, "invalid_fault", "action: 'explode'"),
        ({"action": "drop"}, "invalid_fault", "action: 'drop'"),
        ({"on": "deliveries", "action": "truncate"}, "invalid_fault", "action: 'truncate'"),
        ({"action": "drop_response", "respond": {"status": 200}}, "invalid_fault", "respond: "),
        ({"on": "deliveries", "action": "drop", "delay": 1}, "invalid_fault", "delay: "),
        ({"on": "deliveries", "action": "drop_response", "delay": 1}, "invalid_fault", "delay: "),
        ({"on": "deliveries", "respond": {"status": 500, "headers": {"A": "b"}}}, "invalid_fault", "respond: "),
        ({"on": "nothing", "delay": 1}, "bad_request", "on: "),
        ({"preset": "slwo"}, "bad_request", "preset: "),
        ({"delay": -1}, "bad_request", "delay: "),
        ({"delay": 3601}, "bad_request", "delay: "),
        ({"delay": True}, "bad_request", "delay: "),
        ({"delay": "1"}, "bad_request", "delay: "),
        ({"delay": None}, "bad_request", "delay: "),
        ({"delay": [1]}, "bad_request", "delay: "),
        ({"delay": 10**400}, "bad_request", "delay: "),
        ({"delay": {}}, "bad_request", "delay: "),
        ({"delay": {"from": 1}}, "bad_request", "delay: "),
        ({"delay": {"from": 2, "to": 1}}, "bad_request", "delay: "),
        ({"delay": {"to": 1, "deviation": 1}}, "bad_request", "delay: "),
        ({"delay": {"men": 1}}, "bad_request", "delay: 'men' is not known; did you mean 'mean'?"),
        ({"delay": 1, "times": 0}, "bad_request", "times: "),
        ({"delay": 1, "times": True}, "bad_request", "times: "),
        ({"delay": 1, "times": 1.5}, "bad_request", "times: "),
        ({"delay": 1, "every": 0}, "bad_request", "every: "),
        ({"delay": 1, "after": -1}, "bad_request", "after: "),
        ({"delay": 1, "after": 1_000_001}, "bad_request", "after: "),
        ({"delay": 1, "probability": 1.1}, "bad_request", "probability: "),
        ({"delay": 1, "probability": "x"}, "bad_request", "probability: "),
        ({"delay": 1, "name": "x" * 101}, "bad_request", "name: "),
        ({"delay": 1, "time": 1}, "bad_request", "'time' is not known; did you mean 'times'?"),
        ({"respond": {}}, "bad_request", "respond.status: "),
        ({"respond": None}, "bad_request", "respond: "),
        ({"respond": {"status": 199}}, "bad_request", "respond.status: "),
        ({"respond": {"status": 600}}, "bad_request", "respond.status: "),
        ({"respond": {"status": "503"}}, "bad_request", "respond.status: "),
        (
            {"respond": {"status": 500, "boddy": 1}},
            "bad_request",
            "respond: 'boddy' is not known; did you mean 'body'?",
        ),
    ],
)
def test_what_is_no_fault_is_refused(given: dict[str, Any], code: str, said: str, client: Client) -> None:
    assert refused(client.post(FAULTS, json=given), 400, code).startswith(said)

    assert client.get(FAULTS).get_json() == {"faults": []}


def test_a_regular_expression_that_makes_other_engines_backtrack_is_matched(client: Client) -> None:
    arm(client, match={"body": {"text": {"regex": "(x+x+)+y"}}}, respond={"status": 503})

    assert send(client, text="x" * 5000) == 200
    assert send(client, text="x" * 5000 + "y") == 503


def test_there_are_at_most_a_hundred(client: Client) -> None:
    for _ in range(100):
        arm(client, match={"path": "/nope"}, delay=1)

    refused(client.post(FAULTS, json={"delay": 1}), 409, "too_many")
    assert groups(client) == 200


def test_a_reset_disarms_and_starts_counting_anew(client: Client) -> None:
    arm(client, preset="down")
    client.post("/_mock/reset")

    assert groups(client) == 200
    assert arm(client, preset="down")["id"] == "fault-1"
    assert groups(client) == 503


def test_a_fault_whose_matcher_changes_over_a_reset_is_read_anew(client: Client) -> None:
    arm(client, match={"path": "/groups"}, respond={"status": 503})
    assert groups(client) == 503
    client.post("/_mock/reset")
    arm(client, match={"path": "/nope"}, respond={"status": 503})

    assert groups(client) == 200


def test_group_messages_are_matched_by_what_they_hold(client: Client) -> None:
    arm(client, match={"body": {"groupJids": {"contains": PROJECT}}}, respond={"status": 503})

    response = client.post(
        "/groups/send-message", headers=KEY, json={"groupJids": [PROJECT], "type": "text", "text": "x"}
    )

    assert response.status_code == 503


def test_faults_of_the_world_of_a_key_leave_unknown_keys_alone(make_world: Callable[[State], World]) -> None:
    client = client_of(make_world(load_world(described(), api_key="k")))
    arm(client, match={"instance": INSTANCE}, respond={"status": 503})

    assert client.get("/groups", headers={"Authorization": "Bearer k"}).status_code == 503
    assert client.get("/groups", headers=KEY).status_code == 401
