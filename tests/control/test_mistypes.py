"""What is mistyped is refused by the control plane, with what to do about it; what only looks odd is not."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from tests.defaults import ANN, INSTANCE, PROJECT, described
from tests.support import KEY

FAULTS = "/_mock/faults"
LONG_KEY = "fm_0123456789ab"
CALLS = ["requests/wait", "requests/verify", "faults"]
MESSAGES = ["messages/wait", "messages/verify"]
SLASH = "a path begins with a slash"
QUERY = "a path has no query; that is matched with query"
OURS = "calls of the control plane are not matched"
ID = "the id of an instance is expected here"
NUMBER = "not a phone number in international format"
GROUP = "a group is named by its JID, such as 120363403582097887@g.us"
WHOLE = "a status is a whole number, such as 503"
MASKED = "credentials are masked; match the API key with key"


def match(client: Client, call: str, spec: Any) -> Any:
    """Hand a matcher to a call that takes one; whoever waits, does so for nothing."""
    more: dict[str, Any] = {"faults": {"delay": 1}, "wait": {"timeout": 0}}.get(call.rpartition("/")[2], {})
    return client.post(f"/_mock/{call}", json={"match": spec, **more})


def refused(answer: Any, code: str = "bad_request") -> str:
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, code), answer.text
    message: str = answer.get_json()["error"]["message"]
    return message


def understood(answer: Any) -> bool:
    """Tell whether a matcher was one, whatever came of it."""
    return answer.status_code in (200, 201, 408, 422)


def combined(*entries: tuple[list[str], dict[str, Any], str]) -> list[tuple[str, dict[str, Any], str]]:
    return [(call, spec, said) for calls, spec, said in entries for call in calls]


MISTYPED = combined(
    (CALLS, {"path": "send-message"}, f"match.path: {SLASH}"),
    (CALLS, {"path": ""}, f"match.path: {SLASH}"),
    (CALLS, {"path": 5}, f"match.path: {SLASH}"),
    (CALLS, {"path": {"one_of": ["/groups", "groups"]}}, f"match.path.one_of[1]: {SLASH}"),
    (CALLS, {"path": {"not": "groups"}}, f"match.path.not: {SLASH}"),
    (CALLS, {"path": "/x?y=1"}, f"match.path: {QUERY}"),
    (CALLS, {"path": "/_mock/messages"}, f"match.path: {OURS}"),
    ([*CALLS, *MESSAGES, "deliveries/wait"], {"instance": "default"}, f"match.instance: {ID}"),
    (CALLS, {"instance": {"one_of": [INSTANCE, "default"]}}, f"match.instance.one_of[1]: {ID}"),
    ([*CALLS, *MESSAGES], {"number": "abc"}, f"match.number: {NUMBER}"),
    ([*CALLS, *MESSAGES], {"number": {"not": "abc"}}, f"match.number.not: {NUMBER}"),
    ([*CALLS, *MESSAGES], {"number": {"one_of": [ANN, "abc"]}}, f"match.number.one_of[1]: {NUMBER}"),
    ([*CALLS, *MESSAGES], {"number": {"equal": "abc"}}, f"match.number.equal: {NUMBER}"),
    ([*CALLS, *MESSAGES], {"number": True}, f"match.number: {NUMBER}"),
    (MESSAGES, {"from": "nobody"}, f"match.from: {NUMBER}"),
    (MESSAGES, {"to": {"not": "nobody"}}, f"match.to.not: {NUMBER}"),
    (MESSAGES, {"chat": {"one_of": ["nobody"]}}, f"match.chat.one_of[0]: {NUMBER}"),
    (MESSAGES, {"group": "Family"}, f"match.group: {GROUP}"),
    (MESSAGES, {"group": {"not": "Family"}}, f"match.group.not: {GROUP}"),
    (CALLS[:2], {"status": "200"}, f"match.status: {WHOLE}"),
    (CALLS[:2], {"status": {"one_of": [200, "404"]}}, f"match.status.one_of[1]: {WHOLE}"),
    (CALLS[:2], {"status": True}, f"match.status: {WHOLE}"),
    (CALLS, {"method": "post"}, "match.method: 'post' is not known; did you mean 'POST'?"),
    (CALLS, {"method": {"equal": "post"}}, "match.method.equal: 'post' is not known; did you mean 'POST'?"),
    (CALLS, {"headers": {"authorization": "x"}}, f"match.headers.authorization: {MASKED}"),
    (CALLS, {"headers": {"Authorization": "x"}}, f"match.headers.Authorization: {MASKED}"),
    (CALLS, {"headers": {"subset": {"X-API-Key": "x"}}}, f"match.headers.subset.X-API-Key: {MASKED}"),
    (CALLS, {"headers": {"not": {"Cookie": "x"}}}, f"match.headers.not.Cookie: {MASKED}"),
)


@pytest.mark.parametrize(("call", "spec", "said"), MISTYPED)
def test_a_matcher_that_nothing_could_ever_fit_is_refused(
    call: str, spec: dict[str, Any], said: str, client: Client
) -> None:
    assert refused(match(client, call, spec), "invalid_matcher") == said


@pytest.mark.parametrize(
    ("call", "spec", "said"),
    combined(
        (CALLS, {"path": {"equal": "send-message"}}, f"match.path.equal: {SLASH}"),
        (CALLS, {"instance": {"equal": "default"}}, f"match.instance.equal: {ID}"),
        (MESSAGES, {"group": {"equal": "Family"}}, f"match.group.equal: {GROUP}"),
        (CALLS[:2], {"status": {"equal": "200"}}, f"match.status.equal: {WHOLE}"),
    ),
)
def test_nor_does_it_help_to_write_it_with_equal(
    call: str, spec: dict[str, Any], said: str, client: Client
) -> None:
    assert refused(match(client, call, spec), "invalid_matcher") == said


ODD = combined(
    ([*CALLS, *MESSAGES], {"number": "+254 712 345 678"}, ""),
    ([*CALLS, *MESSAGES], {"number": {"one_of": ["+254 712 345 678", int(ANN)]}}, ""),
    ([*CALLS, *MESSAGES], {"number": {"not": "+254 712 345 678"}}, ""),
    ([*CALLS, *MESSAGES], {"number": {"not": {"one_of": ["+254 712 345 678"]}}}, ""),
    (MESSAGES, {"from": PROJECT}, ""),
    (MESSAGES, {"from": {"one_of": [PROJECT, ANN]}}, ""),
    (MESSAGES, {"from": {"not": PROJECT}}, ""),
    (MESSAGES, {"group": {"one_of": [PROJECT, None]}}, ""),
    (CALLS[:2], {"status": None}, ""),
    (CALLS[:2], {"status": 200.0}, ""),
    (CALLS[:2], {"status": {"one_of": [None, 200.0]}}, ""),
    (CALLS[:2], {"status": {"not": None}}, ""),
    (CALLS, {"path": {"contains": "send"}}, ""),
    (CALLS, {"path": {"regex": "^/x.y"}}, ""),
    (CALLS, {"headers": {"X-Trace": "Bearer"}}, ""),
)


@pytest.mark.parametrize(("call", "spec", "_"), ODD)
def test_a_matcher_that_is_only_written_in_another_way_is_taken(
    call: str, spec: dict[str, Any], _: str, client: Client
) -> None:
    assert understood(match(client, call, spec))


def test_what_is_written_in_another_way_means_the_same(client: Client) -> None:
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
        answer = client.post(f"/_mock/{source}/verify", json={"match": spec, "exactly": count})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "spec",
    [
        {"headers": {"X-Trace": LONG_KEY}},
        {"headers": {"X-Trace": {"one_of": ["x", f"Bearer {LONG_KEY}"]}}},
        {"body": {"text": LONG_KEY}},
        {"body": {"subset": {LONG_KEY: 1}}},
        {"body": {"template": {"deep": [{"er": {"contains": LONG_KEY}}]}}},
        {"query": f"key={LONG_KEY}"},
        {"path": f"/x/{LONG_KEY}"},
        {"key": LONG_KEY, "query": {"not": LONG_KEY}},
    ],
)
def test_an_api_key_in_a_fault_belongs_to_key(spec: dict[str, Any], client: Client) -> None:
    assert match(client, "faults", spec).status_code == 201  # nobody's key yet
    made = client.post("/_mock/instances/default/api-keys", json={"api_key": LONG_KEY})
    assert made.status_code == 201

    answer = match(client, "faults", spec)

    assert refused(answer, "invalid_fault").endswith("keys are matched with key, which masks them")
    assert LONG_KEY not in answer.text
    assert match(client, "faults", {"key": LONG_KEY}).status_code == 201
    assert match(client, "faults", {"key": {"one_of": [LONG_KEY]}}).status_code == 201


@pytest.mark.parametrize(
    ("call", "body", "place"),
    [
        ("messages/wait", {"timeout": "5"}, "timeout: "),
        ("requests/wait", {"timeout": True}, "timeout: "),
        (
            "faults",
            {"delay": "1"},
            "delay: seconds, or an object with ",
        ),
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

    answer = client.open(f"/_mock/{path}?wordl=t1", method=method, json=body)

    said = refused(answer)
    assert "'wordl' is not known" in said
    assert client.get("/_mock/events").get_json() == before


@pytest.mark.parametrize("path", ["reset", "clock/advance", "faults", "snapshots/a", "messages/wait"])
def test_a_mistyped_world_is_told_what_it_is_called(path: str, client: Client) -> None:
    body = {"clock/advance": {"seconds": 1}, "faults": {"preset": "down"}, "messages/wait": {"timeout": 0}}

    answer = client.post(f"/_mock/{path}?wordl=t1", json=body.get(path))

    assert refused(answer) == "'wordl' is not known; did you mean 'world'?"


WORLD = described()


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "faults", {"respnd": {}}, "'respnd' is not known; did you mean 'respond'?"),
        (
            "POST",
            "faults",
            {"respond": {"statsu": 503}},
            "respond: 'statsu' is not known; did you mean 'status'?",
        ),
        (
            "POST",
            "faults",
            {"delay": {"mean": 1, "devation": 1}},
            "delay: 'devation' is not known; did you mean 'deviation'?",
        ),
        (
            "PUT",
            f"people/{ANN}",
            {"rules": [{"answer": "x"}, {"wen": "hi"}]},
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
        (
            "PUT",
            "world",
            {**WORLD, "peolpe": []},
            "'peolpe' is not known; did you mean 'people'?",
        ),
        (
            "PUT",
            "world",
            {**WORLD, "people": [{"number": ANN, "rules": [{"anwser": "x"}]}]},
            "people[0].rules[0]: 'anwser' is not known; did you mean 'answer'?",
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
    answer = client.open(f"/_mock/{path}", method=method, json=body)

    assert answer.status_code == 400, answer.text
    assert answer.get_json()["error"]["message"].endswith(said)


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
@pytest.mark.parametrize("body", [b"[1]", b'"x"', b"1", b"{"])
def test_a_body_that_is_no_object_is_refused_as_such(
    body: bytes, method: str, path: str, client: Client
) -> None:
    answer = client.open(f"/_mock/{path}", method=method, data=body, content_type="application/json")

    assert "JSON object" in refused(answer)
