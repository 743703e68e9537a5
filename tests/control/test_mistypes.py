"""The control plane refuses mistyped names and values, and says where they are and what may be meant."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from tests.defaults import ANN, PROJECT, described
from tests.support import KEY

API_KEY = "fm_0123456789ab"


def refused(response: Any, code: str = "bad_request") -> str:
    assert (response.status_code, response.get_json()["error"]["code"]) == (400, code), response.text
    message: str = response.get_json()["error"]["message"]
    return message


def with_matcher(call: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a call with a matcher; a call that waits ends at once."""
    return {"match": spec, **({"timeout": 0} if call.endswith("wait") else {})}


@pytest.mark.parametrize(
    ("calls", "body", "good", "bad", "mistake"),
    [
        (
            ("messages/search", "messages/wait", "messages/verify"),
            {},
            {"from": "+254 712 345 678"},
            {"from": "nobody"},
            "match.from: not a phone number in international format",
        ),
        (
            ("requests/search", "requests/wait", "requests/verify"),
            {},
            {"status": 200.0},
            {"status": "200"},
            "match.status: a status is a whole number, such as 503",
        ),
        (
            ("deliveries/search", "deliveries/wait", "deliveries/verify"),
            {},
            {"status": "delivered"},
            {"status": "deliverd"},
            "match.status: 'deliverd' is not known; did you mean 'delivered'?",
        ),
        (("faults",), {"delay": 1}, {"path": "/groups"}, {"path": "groups"}, "match.path: a path begins with a slash"),
        (
            ("faults",),
            {"on": "deliveries", "action": "drop"},
            {"number": ANN},
            {"number": "abc"},
            "match.number: not a phone number in international format",
        ),
    ],
)
def test_every_call_that_takes_a_matcher_refuses_a_mistyped_one(
    calls: tuple[str, ...],
    body: dict[str, Any],
    good: dict[str, Any],
    bad: dict[str, Any],
    mistake: str,
    client: Client,
) -> None:
    for call in calls:
        wrong = client.post(f"/_mock/{call}", json={**body, **with_matcher(call, bad)})
        assert refused(wrong, "invalid_matcher") == mistake
        assert client.get("/_mock/faults").get_json() == {"faults": []}

        right = client.post(f"/_mock/{call}", json={**body, **with_matcher(call, good)})
        assert right.status_code in (200, 201, 408, 422), right.text


def test_a_matcher_in_an_unusual_notation_means_the_same(client: Client) -> None:
    body = {"recipients": [ANN], "type": "text", "text": "Hello"}
    assert client.post("/send-message", headers=KEY, json=body).status_code == 200
    letter = {"from": ANN, "group": PROJECT, "text": "Hi"}
    client.post("/_mock/inbound", json=letter)

    for source, spec, count in (
        ("messages", {"number": "+254 712 345 678", "direction": "outbound"}, 1),
        ("messages", {"number": {"one_of": ["+254 712 345 678"]}, "direction": "outbound"}, 1),
        ("requests", {"number": "+254 712 345 678"}, 1),
        ("requests", {"status": 200.0}, 1),
        ("requests", {"status": {"not": 200.0}}, 0),
        ("requests", {"status": {"one_of": [None, 200.0]}}, 1),
        ("requests", {"status": None}, 0),
    ):
        response = client.post(f"/_mock/{source}/verify", json={"match": spec, "exactly": count})
        assert response.status_code == 200, response.text


def test_an_api_key_in_a_fault_belongs_to_key(client: Client) -> None:
    spec = {"body": {"text": API_KEY}}
    made = client.post("/_mock/instances/default/api-keys", json={"api_key": API_KEY})
    assert made.status_code == 201

    response = client.post("/_mock/faults", json={"match": spec, "delay": 1})

    assert refused(response, "invalid_fault").endswith("keys are matched with key, which masks them")
    assert API_KEY not in response.text
    armed = client.post("/_mock/faults", json={"match": {"key": API_KEY}, "delay": 1})
    assert armed.status_code == 201


@pytest.mark.parametrize(
    ("call", "body", "place"),
    [
        ("messages/wait", {"timeout": "5"}, "timeout: "),
        ("requests/wait", {"timeout": True}, "timeout: "),
        ("faults", {"delay": "1"}, "delay: seconds, or an object with "),
        ("faults", {"delay": True}, "delay: seconds, or an object"),
        ("faults", {"delay": {"from": "1", "to": 2}}, "delay.from: "),
        ("faults", {"preset": "down", "probability": "0.5"}, "probability: "),
        ("faults", {"preset": "down", "times": "1"}, "times: "),
        ("faults", {"respond": {"status": "503"}}, "respond.status: "),
        ("clock/advance", {"seconds": "60"}, "seconds: "),
    ],
)
def test_a_number_is_no_text(call: str, body: dict[str, Any], place: str, client: Client) -> None:
    said = refused(client.post(f"/_mock/{call}", json=body))

    assert said.startswith(place)
    assert len(said) > len(place)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "reset", None),
        ("GET", "clock", None),
        ("PATCH", "clock", {"frozen": True}),
        ("POST", "clock/advance", {"seconds": 1}),
        ("PATCH", "world", {"pairing_seconds": 1}),
        ("PUT", "world", described()),
        ("GET", "world", None),
        ("GET", "faults", None),
        ("POST", "faults", {"preset": "down"}),
        ("GET", "faults/fault-1", None),
        ("DELETE", "faults", None),
        ("GET", "snapshots", None),
        ("POST", "snapshots/a", None),
        ("POST", "snapshots/a/restore", None),
        ("DELETE", "snapshots/a", None),
        ("POST", "inbound", {"from": ANN, "text": "hi"}),
        ("GET", "messages", None),
        ("GET", "requests", None),
        ("GET", "deliveries", None),
        ("GET", "events", None),
        ("POST", "messages/wait", {"timeout": 0}),
        ("POST", "messages/verify", {"never": True}),
        ("GET", "instances", None),
        ("POST", "instances", {}),
        ("GET", "instances/default", None),
        ("PATCH", "instances/default", {"name": "x"}),
        ("POST", "instances/default/status", {"status": "qr"}),
        ("POST", "instances/default/disconnect", None),
        ("GET", "instances/default/qr", None),
        ("GET", "instances/default/api-keys", None),
        ("POST", "instances/default/api-keys", {}),
        ("GET", "instances/default/webhook", None),
        ("PUT", "instances/default/webhook", {"url": "http://localhost:1/"}),
        ("DELETE", "instances/default/webhook", None),
        ("POST", "instances/default/webhook/test", None),
        ("POST", "instances/default/webhook/pause", None),
        ("GET", "people", None),
        ("PUT", f"people/{ANN}", {"name": "Ann"}),
        ("DELETE", f"people/{ANN}", None),
    ],
)
def test_a_mistyped_world_is_not_the_default_one(method: str, path: str, body: Any, client: Client) -> None:
    before = client.get("/_mock/events").get_json()

    response = client.open(f"/_mock/{path}?wordl=t1", method=method, json=body)

    said = refused(response)
    assert "'wordl' is not known" in said
    assert client.get("/_mock/events").get_json() == before


@pytest.mark.parametrize("path", ["reset", "clock/advance", "faults", "snapshots/a", "messages/wait"])
def test_a_mistyped_world_is_told_what_it_is_called(path: str, client: Client) -> None:
    body = {"clock/advance": {"seconds": 1}, "faults": {"preset": "down"}, "messages/wait": {"timeout": 0}}

    response = client.post(f"/_mock/{path}?wordl=t1", json=body.get(path))

    assert refused(response) == "'wordl' is not known; did you mean 'world'?"


WORLD = described()


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "faults", {"respnd": {}}, "'respnd' is not known; did you mean 'respond'?"),
        ("POST", "faults", {"respond": {"statsu": 503}}, "respond: 'statsu' is not known; did you mean 'status'?"),
        (
            "POST",
            "faults",
            {"delay": {"mean": 1, "devation": 1}},
            "delay: 'devation' is not known; did you mean 'deviation'?",
        ),
        (
            "PUT",
            f"people/{ANN}",
            {"rules": [{"reply": "x"}, {"wen": "hi"}]},
            "rules[1]: 'wen' is not known; did you mean 'when'?",
        ),
        (
            "PUT",
            "instances/default/webhook",
            {"url": "http://localhost:1/", "chaos": {"dorp": 1}},
            "chaos: 'dorp' is not known; did you mean 'drop'?",
        ),
        (
            "POST",
            "inbound",
            {"from": ANN, "media": {"smaple": "x"}},
            "media: 'smaple' is not known; did you mean 'sample'?",
        ),
        ("PUT", "world", {**WORLD, "peolpe": []}, "'peolpe' is not known; did you mean 'people'?"),
        (
            "PUT",
            "world",
            {**WORLD, "people": [{"number": ANN, "rules": [{"repyl": "x"}]}]},
            "people[0].rules[0]: 'repyl' is not known; did you mean 'reply'?",
        ),
        (
            "POST",
            "worlds",
            {"world": {**WORLD, "instances": [{"numbr": ANN}]}},
            "instances[0]: 'numbr' is not known; did you mean 'number'?",
        ),
        (
            "POST",
            "worlds",
            {"world": {**WORLD, "clock": {"nwo": "2025-11-14T10:00:00Z"}}},
            "clock: 'nwo' is not known; did you mean 'now'?",
        ),
    ],
)
def test_an_unknown_name_is_told_with_its_place_and_the_nearest_one(
    method: str, path: str, body: dict[str, Any], said: str, client: Client
) -> None:
    response = client.open(f"/_mock/{path}", method=method, json=body)

    assert response.status_code == 400, response.text
    assert response.get_json()["error"]["message"].endswith(said)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "faults"),
        ("POST", "messages/wait"),
        ("POST", "messages/verify"),
        ("POST", "clock/advance"),
        ("PATCH", "clock"),
        ("PUT", "world"),
        ("POST", "worlds"),
        ("POST", "inbound"),
        ("POST", "instances"),
        ("PUT", "instances/default/webhook"),
        ("PUT", f"people/{ANN}"),
    ],
)
def test_a_body_that_is_no_object_is_refused_as_such(method: str, path: str, client: Client) -> None:
    for body in (b"[1]", b'"x"', b"1", b"{"):
        response = client.open(f"/_mock/{path}", method=method, data=body, content_type="application/json")

        assert "JSON object" in refused(response)
