"""/_mock/{messages,requests,deliveries}/{wait,verify}: what is expected, held against what happened."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.control.verification import MAX_SHOWN
from flaresend_mock.core.matchers.parser import Matcher
from flaresend_mock.core.state import State
from flaresend_mock.core.transcript import LIMIT
from flaresend_mock.core.verification import LIGHT
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, BEN, INSTANCE, PROJECT, described
from tests.support import KEY, client_of

NOW = {"timeout": 0}


def send(client: Client, *words: str, to: str = ANN) -> None:
    for text in words:
        body = {"recipients": [to], "type": "text", "text": text}
        assert client.post("/send-message", headers=KEY, json=body).status_code == 200


def ask(client: Client, call: str, **body: Any) -> Any:
    return client.post(f"/_mock/{call}", json=body)


def refused(response: Any, status: int, code: str) -> str:
    assert (response.status_code, response.get_json()["error"]["code"]) == (status, code), response.text
    message: str = response.get_json()["error"]["message"]
    return message


def texts(response: Any, name: str = "messages") -> list[str]:
    return [message["text"] for message in response.get_json()[name]]


@pytest.fixture
def forgetful(make_world: Callable[[State], World]) -> Client:
    """A client of a world that keeps three messages and three events."""
    return client_of(make_world(load_world(described(), history=3)))


def test_what_is_there_already_is_answered_at_once(client: Client) -> None:
    send(client, "a", "b")

    response = ask(client, "messages/wait", match={"text": "a"}, timeout=300)

    assert response.status_code == 200
    assert texts(response) == ["a"]
    assert response.get_json()["event"] == 4


@pytest.mark.parametrize("is_there", [True, False], ids=["what is there", "what comes"])
def test_other_calls_go_on_while_a_wait_looks_at(
    is_there: bool, client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at a text for a regular expression may take seconds: the world does not wait for it."""
    looks, goes_on, holds = threading.Event(), threading.Event(), Matcher.holds

    def look(matcher: Matcher, item: Mapping[str, Any]) -> bool:
        assert threading.current_thread() is waiting
        looks.set()
        return goes_on.wait(60) and holds(matcher, item)

    def wait() -> None:
        match = {"text": {"regex": "^b$"}}
        responses.append(ask(client.application.test_client(), "messages/wait", match=match, timeout=60))

    responses: list[Any] = []
    monkeypatch.setattr(Matcher, "holds", look)
    waiting = threading.Thread(target=wait)
    if is_there:
        send(client, "a")
    waiting.start()
    while not world.subscribers.anybody():
        assert waiting.is_alive()
    if not is_there:
        send(client, "a")
    assert looks.wait(60)

    send(client, "b")
    assert waiting.is_alive()
    goes_on.set()
    waiting.join(60)

    assert texts(responses[0]) == ["b"]


def test_a_wait_ends_though_each_item_that_it_looks_at_takes_longer_and_another_comes_meanwhile(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def holds(matcher: Matcher, item: Mapping[str, Any]) -> bool:
        looked.append(item["text"])
        send(client, f"{item['text']}+")
        return False

    def wait() -> Any:
        return ask(client, "messages/wait", match={"text": {"regex": "x"}}, timeout=0.000001)

    monkeypatch.setattr(Matcher, "holds", holds)
    send(client, "a")

    refused(wait(), 408, "timeout")
    assert looked == ["a", "a+", "a++"]


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("match", [{"text": {"regex": "go"}}, {"text": {"contains": "go"}}], ids=str)
def test_a_wait_finds_what_came_in_time_though_it_looks_at_others_until_the_end(
    match: dict[str, Any], count: int, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds, burst = Matcher.holds, ["x" * LIGHT, "b", "c", *[f"go {number}" for number in range(count)]]

    def looks(matcher: Matcher, item: Mapping[str, Any]) -> bool:
        if item["text"] == "a":
            send(client, *burst)
        return holds(matcher, item)

    monkeypatch.setattr(Matcher, "holds", looks)
    send(client, "a")

    assert texts(ask(client, "messages/wait", match=match, count=count, timeout=0.000001)) == burst[3:]


def test_a_timeout_does_not_search_long_texts_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.core.bounded_store.MAX_FAULT_WORK", 100_000)
    send(client, "near")
    send(client, "x" * 100_000)

    response = ask(client, "messages/wait", match={"text": {"regex": "nearer"}}, timeout=0)

    assert refused(response, 408, "timeout").endswith('text is "near", expected {"regex": "nearer"}')


@pytest.mark.parametrize("call", ["search", "wait", "verify", "transcript"])
def test_bodies_are_not_parsed_for_matchers_that_do_not_name_them(
    call: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2 * LIMIT):
        client.post("/send-message", data="a=b", content_type="application/x-www-form-urlencoded")
    parsed: list[Any] = []
    monkeypatch.setattr("flaresend_mock.control.resources.body_of", parsed.append)
    match = {"path": "/send-message", "status": 401, "method": "GET"}

    if call == "transcript":
        client.get("/_mock/transcript", query_string={"kind": "requests", "match": json.dumps(match)})
    else:
        ask(client, f"requests/{call}", match=match, **({"timeout": 0} if call == "wait" else {}))

    shown = {"search": 0, "transcript": LIMIT + 1}.get(call, MAX_SHOWN + 1)  # the newest ones, and the nearest one
    assert len(parsed) == shown


@pytest.mark.parametrize("call", ["search", "verify", "wait", "transcript"])
def test_a_regular_expression_that_takes_too_long_in_a_text_is_refused(
    call: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.core.matchers.matchers.MAX_WORK", 40_000)
    send(client, "x" * 5000)
    match = {"text": {"regex": "x{7}y"}}

    if call == "transcript":
        response = client.get("/_mock/transcript", query_string={"match": json.dumps(match)})
    else:
        response = ask(client, f"messages/{call}", match=match)

    said = refused(response, 400, "invalid_matcher")
    size = re.escape("match.text.regex: a regular expression of ") + r"\d+ instructions"
    assert re.fullmatch(f"{size} takes too long in a text of 5,000 characters", said)


def test_what_comes_is_answered_when_it_comes(client: Client, world: World) -> None:
    responses: list[Any] = []
    other = client.application.test_client()
    waiting = threading.Thread(
        target=lambda: responses.append(ask(other, "messages/wait", match={"text": "b"}, count=2, timeout=60))
    )
    waiting.start()
    while not world.subscribers.anybody():
        assert waiting.is_alive()
    send(client, "a", "b")
    assert waiting.is_alive()

    send(client, "b")
    waiting.join(20)

    assert texts(responses[0]) == ["b", "b"]
    assert not world.subscribers.anybody()


def test_only_what_came_after_an_event_counts(client: Client) -> None:
    send(client, "a")
    event = client.get("/_mock/events").get_json()["events"][-1]["id"]

    refused(ask(client, "messages/wait", since=event, **NOW), 408, "timeout")
    send(client, "b")

    assert texts(ask(client, "messages/wait", since=event, **NOW)) == ["b"]
    assert texts(ask(client, "messages/verify", since=event)) == ["b"]


@pytest.mark.parametrize("call", ["search", "wait", "verify"])
def test_null_is_the_beginning(call: str, client: Client) -> None:
    send(client, "a", "b")

    assert texts(ask(client, f"messages/{call}", since=None, match={"text": "a"})) == ["a"]


def test_a_timeout_tells_what_arrived_and_what_came_nearest(client: Client) -> None:
    send(client, "order 1", "order 2")
    send(client, "hello", to=BEN)

    response = ask(client, "messages/wait", match={"to": ANN, "text": "order 3"}, count=2, **NOW)

    said = refused(response, 408, "timeout")
    assert said == '0 of 2 messages within 0 s; in the nearest one text is "order 2", expected "order 3"'
    body = response.get_json()
    assert (body["count"], body["messages"]) == (0, [])
    assert texts(response, "arrived") == ["order 1", "order 2", "hello"]
    assert body["nearest"]["item"]["text"] == "order 2"
    assert body["nearest"]["misses"] == [
        {"field": "text", "expected": "order 3", "actual": "order 2", "missing": False}
    ]


def test_a_timeout_says_if_nothing_arrived_at_all(client: Client) -> None:
    response = ask(client, "messages/wait", **NOW)

    assert refused(response, 408, "timeout") == "0 of 1 messages within 0 s; none arrived at all"
    assert (response.get_json()["arrived"], response.get_json()["nearest"]) == ([], None)


def test_a_missing_field_is_told_as_missing(client: Client) -> None:
    send(client, "a")

    response = ask(client, "requests/verify", match={"body": {"caption": "x"}})

    assert response.get_json()["nearest"]["misses"] == [
        {"field": "body.caption", "expected": "x", "actual": None, "missing": True}
    ]


def test_answers_show_the_newest_twenty(client: Client) -> None:
    send(client, *map(str, range(25)))

    verified = ask(client, "messages/verify")
    missed = ask(client, "messages/wait", match={"text": "x"}, **NOW)

    assert (verified.get_json()["count"], texts(verified)) == (25, [str(number) for number in range(5, 25)])
    assert len(missed.get_json()["arrived"]) == 20


@pytest.mark.parametrize(
    ("match", "found"),
    [
        ({}, 3),
        ({"number": f"+{ANN}"}, 2),
        ({"number": {"not": ANN}}, 1),
        ({"to": ANN}, 1),
        ({"from": "+254 712 345 678"}, 1),
        ({"chat": f"{ANN}@s.whatsapp.net"}, 2),
        ({"group": PROJECT}, 1),
        ({"group": None}, 2),
        ({"type": "text"}, 3),
        ({"type": "image"}, 0),
        ({"direction": "inbound"}, 1),
        ({"direction": "outbound"}, 2),
        ({"direction": {"one_of": ["inbound", "outbound"]}}, 3),
        ({"instance": INSTANCE}, 3),
        ({"status": "received"}, 1),
        ({"text": {"regex": "^h", "contains": "ello"}}, 1),
        ({"event": {"not": 1}}, 2),
        ({"template": None}, 3),
    ],
)
def test_messages_are_told_apart(match: dict[str, Any], found: int, client: Client) -> None:
    send(client, "hello")
    group = {"groupJids": [PROJECT], "type": "text", "text": "to all"}
    assert client.post("/groups/send-message", headers=KEY, json=group).status_code == 200
    assert client.post("/_mock/inbound", json={"from": ANN, "text": "Hi"}).status_code == 201

    response = ask(client, "messages/verify", match=match, exactly=found)

    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ({}, 200),
        ({"exactly": 3}, 200),
        ({"exactly": 2}, 422),
        ({"exactly": 4}, 422),
        ({"exactly": 0}, 422),
        ({"at_least": 3}, 200),
        ({"at_least": 4}, 422),
        ({"at_most": 3}, 200),
        ({"at_most": 2}, 422),
        ({"at_least": 2, "at_most": 4}, 200),
        ({"never": True}, 422),
        ({"never": True, "match": {"text": "x"}}, 200),
        ({"at_most": 0, "match": {"text": "x"}}, 200),
        ({"match": {"text": "x"}}, 422),
        ({"in_order": [{"text": "a"}, {"text": "c"}]}, 200),
        ({"in_order": [{"text": "c"}, {"text": "a"}]}, 422),
        ({"in_order": [{}, {}, {}]}, 200),
        ({"in_order": [{}, {}, {}, {}]}, 422),
        ({"in_order": [{"text": "a"}], "exactly": 3}, 200),
        ({"in_order": [{"text": "a"}], "exactly": 2}, 422),
        ({"in_order": [{"text": "a"}], "match": {"text": {"not": "a"}}}, 422),
    ],
)
def test_what_is_expected_holds_or_does_not(expected: dict[str, Any], status: int, client: Client) -> None:
    send(client, "a", "b", "c")

    response = ask(client, "messages/verify", **expected)

    assert response.status_code == status, response.text
    if status == 200:
        assert response.get_json()["verified"] is True
    else:
        refused(response, 422, "not_verified")


def test_a_broken_order_tells_which_step_and_after_what(client: Client) -> None:
    send(client, "a", "b")

    response = ask(client, "messages/verify", in_order=[{"text": "b"}, {"text": "a"}])

    assert "in_order[1] after the one that fits in_order[0]" in refused(response, 422, "not_verified")
    assert response.get_json()["nearest"] is None


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        ({"at_least": 3}, 200),
        ({"at_least": 4}, 409),
        ({"exactly": 3}, 409),
        ({"exactly": 4}, 409),
        ({"exactly": 2}, 422),
        ({"at_most": 3}, 409),
        ({"at_most": 2}, 422),
        ({"never": True}, 422),
        ({"never": True, "match": {"text": "a"}}, 409),
        ({"match": {"text": "a"}}, 409),
        ({"match": {"text": "c"}}, 200),
        ({"in_order": [{"text": "c"}, {"text": "e"}]}, 200),
        ({"in_order": [{"text": "a"}, {"text": "e"}]}, 409),
        ({"in_order": [{"text": "e"}, {"text": "c"}]}, 409),
        ({"in_order": [{"text": "c"}], "at_most": 5}, 409),
    ],
)
def test_nobody_can_tell_only_where_what_is_forgotten_matters(
    expected: dict[str, Any], status: int, forgetful: Client
) -> None:
    send(forgetful, "a", "b", "c", "d", "e")

    response = ask(forgetful, "messages/verify", **expected)

    assert response.status_code == status, response.text
    if status == 409:
        assert "up to event 3 " in refused(response, 409, "evicted")


def test_what_is_forgotten_before_an_event_does_not_matter_after_it(forgetful: Client) -> None:
    send(forgetful, "a", "b", "c", "d", "e")

    assert ask(forgetful, "messages/verify", exactly=3, since=3).status_code == 200
    assert ask(forgetful, "messages/verify", exactly=3, since=2).status_code == 409
    assert ask(forgetful, "messages/wait", count=3, **NOW).status_code == 200
    refused(ask(forgetful, "messages/wait", count=4, **NOW), 409, "evicted")
    refused(ask(forgetful, "messages/wait", count=4, since=3, **NOW), 408, "timeout")
    refused(ask(forgetful, "requests/verify", never=True, match={"path": "/x"}), 409, "evicted")
    assert ask(forgetful, "deliveries/verify", never=True).status_code == 200


@pytest.mark.parametrize(
    ("call", "given", "said"),
    [
        ("wait", {"timeout": 301}, "timeout: "),
        ("wait", {"timeout": -1}, "timeout: "),
        ("wait", {"timeout": None}, "timeout: "),
        ("wait", {"timeout": 10**400}, "timeout: "),
        ("wait", {"count": 0}, "count: "),
        ("wait", {"count": 100_001}, "count: "),
        ("wait", {"count": True}, "count: "),
        ("wait", {"count": "1"}, "count: "),
        ("wait", {"count": 1.5}, "count: "),
        ("wait", {"since": -1}, "since: "),
        ("wait", {"since": 2**53 + 1}, "since: "),
        ("wait", {"timout": 1}, "'timout' is not known; did you mean 'timeout'?"),
        ("wait", {"exactly": 1}, "'exactly' is not known"),
        ("verify", {"atleast": 1}, "'atleast' is not known; did you mean 'at_least'?"),
        ("verify", {"timeout": 1}, "'timeout' is not known"),
        ("verify", {"at_least": 0}, "at_least: "),
        ("verify", {"exactly": -1}, "exactly: "),
        ("verify", {"never": False}, "never: "),
        ("verify", {"never": "true"}, "never: "),
        ("verify", {"never": True, "exactly": 0}, "Never leaves nothing"),
        ("verify", {"exactly": 1, "at_most": 2}, "Give exactly, or"),
        ("verify", {"at_least": 2, "at_most": 1}, "at_least is more"),
        ("verify", {"in_order": []}, "in_order: "),
        ("verify", {"in_order": [{}] * 101}, "in_order: "),
        ("verify", {"in_order": {}}, "in_order: "),
        ("verify", {"in_order": [5]}, "in_order[0]: "),
        ("verify", {"in_order": [{}, {"nope": 1}]}, "in_order[1]: 'nope' is not known"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(call: str, given: dict[str, Any], said: str, client: Client) -> None:
    for source in ("messages", "requests", "deliveries"):
        response = ask(client, f"{source}/{call}", **given)

        assert response.status_code == 400, response.text
        assert response.get_json()["error"]["message"].startswith(said)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("messages/wait", NOW),
        ("messages/verify", {}),
        ("messages/verify", {"never": True}),
        ("messages/verify", {"match": {}, "in_order": [{"text": {"regex": "x(?=y)"}}]}),
    ],
)
def test_a_regular_expression_with_look_around_is_refused(call: str, body: dict[str, Any], client: Client) -> None:
    match = body.get("match", {"text": {"regex": "x(?=y)"}})

    said = refused(ask(client, call, **{**body, "match": match}), 400, "invalid_matcher")

    assert said.endswith(
        ".text.regex: look-around, back-references, conditions and possessive quantifiers are not supported"
    )


def test_a_text_that_makes_other_engines_backtrack_holds_up_no_wait_and_no_call(client: Client) -> None:
    responses: list[Any] = []
    other = client.application.test_client()
    match = {"text": {"regex": "(x+x+)+y"}}
    waiting = threading.Thread(target=lambda: responses.append(ask(other, "messages/wait", match=match, timeout=60)))
    waiting.start()

    send(client, "x" * 5000)
    send(client, "x" * 5000 + "y")
    waiting.join(20)

    assert [message["text"][-1] for message in responses[0].get_json()["messages"]] == ["y"]


def test_requests_are_told_apart_by_headers_body_and_answer(client: Client) -> None:
    send(client, "hello")
    client.get("/nope?a=b", headers={**KEY, "X-Trace": "7"})

    for match in (
        {"path": "/send-message", "body": {"recipients": [ANN], "text": {"contains": "ell"}}},
        {"number": f"+{ANN}", "response": {"success": True}},
        {"headers": {"x-trace": "7"}, "status": 404},
        {"query": "a=b", "method": "GET"},
        {"body": {"subset": {"anything": {"not": 1}}}, "status": 200},
        {"status": {"one_of": [404, 405]}},
    ):
        response = ask(client, "requests/verify", match=match, exactly=1)
        assert response.status_code == 200, response.text


def test_true_is_not_one(client: Client) -> None:
    send(client, "a")

    assert ask(client, "requests/verify", match={"response": {"success": 1}}, never=True).status_code == 200
    assert ask(client, "requests/verify", match={"status": 200.0}, exactly=1).status_code == 200


def test_a_delivery_is_told_by_its_event(client: Client) -> None:
    client.post("/_mock/inbound", json={"from": ANN, "text": "hi"})

    match = {"status": "no endpoint", "body": {"instanceId": INSTANCE, "data": {"from": f"{ANN}@s.whatsapp.net"}}}

    assert ask(client, "deliveries/verify", match=match, exactly=1).status_code == 200
    assert ask(client, "deliveries/wait", match=match, timeout=0).status_code == 200


@pytest.mark.parametrize("path", ["/_mock/tasks/wait", "/_mock/messages/waits", "/_mock/events/verify"])
def test_there_is_nothing_else_to_wait_for(path: str, client: Client) -> None:
    assert client.post(path, json={}).status_code in (404, 405)


def test_an_unknown_world_is_not_found(client: Client) -> None:
    refused(ask(client, "messages/wait?world=nope"), 404, "world_not_found")
