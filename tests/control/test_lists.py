"""/_mock/messages, /_mock/requests and /_mock/events: what happened, newest last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, INSTANCE, OUR_NUMBER, OWNED, PROJECT, described
from tests.support import KEY, client_of


@pytest.fixture
def forgetful(make_world: Callable[[State], World]) -> Client:
    """A client of a world that keeps three messages and three events."""
    return client_of(make_world(load_world(described(), history=3)))


def send(client: Client, *words: str) -> None:
    for text in words:
        body = {"recipients": [ANN], "type": "text", "text": text}
        assert client.post("/send-message", headers=KEY, json=body).status_code == 200


def listed(client: Client, name: str, query: str = "") -> list[dict[str, Any]]:
    response = client.get(f"/_mock/{name}{query}")
    assert response.status_code == 200, response.text
    assert response.json is not None
    found: list[dict[str, Any]] = response.json[name]
    return found


def test_a_message_is_shown_with_everything_about_it(client: Client) -> None:
    send(client, "Hello")

    (message,) = listed(client, "messages")

    assert message["id"].startswith("3EB0")
    assert message == {
        "id": message["id"],
        "direction": "outbound",
        "instance": INSTANCE,
        "chat": f"{ANN}@s.whatsapp.net",
        "from": OUR_NUMBER,
        "to": ANN,
        "type": "text",
        "text": "Hello",
        "caption": None,
        "fileName": None,
        "mimetype": None,
        "media": None,
        "url": None,
        "template": None,
        "reply_to": None,
        "target": None,
        "status": "sent",
        "timestamp": "2025-11-14T10:00:00Z",
        "event": 1,
        "cause": {"kind": "call", "id": "call-1"},
    }


def test_messages_to_groups_and_channels_are_shown_by_jid(client: Client) -> None:
    said = {"type": "text", "text": "Hello"}
    client.post("/groups/send-message", headers=KEY, json={"groupJids": [PROJECT], **said})
    client.post(f"/channels/{OWNED}/message", headers=KEY, json=said)

    assert [(message["chat"], message["to"]) for message in listed(client, "messages")] == [
        (PROJECT, PROJECT),
        (OWNED, OWNED),
    ]


def test_messages_are_shown_newest_last(client: Client) -> None:
    send(client, "a", "b", "c")

    assert [message["text"] for message in listed(client, "messages")] == ["a", "b", "c"]


def test_a_list_goes_on_from_an_event_and_stops_at_a_limit(client: Client) -> None:
    send(client, "a", "b", "c")
    first = listed(client, "messages", "?since=0&limit=1")
    assert listed(client, "messages", "?since=null&limit=1") == first

    rest = listed(client, "messages", f"?since={first[0]['event']}")
    second = listed(client, "messages", f"?since={first[0]['event']}&limit=1")

    assert [message["text"] for message in first] == ["a"]
    assert [message["text"] for message in rest] == ["b", "c"]
    assert [message["text"] for message in second] == ["b"]


def test_a_limit_alone_gives_the_newest(client: Client) -> None:
    send(client, "a", "b", "c")

    assert [message["text"] for message in listed(client, "messages", "?limit=2")] == ["b", "c"]
    assert [request["id"] for request in listed(client, "requests", "?limit=1")] == [6]


def test_requests_and_events_page_by_their_own_ids(client: Client) -> None:
    send(client, "a", "b")

    assert [request["id"] for request in listed(client, "requests")] == [2, 4]
    assert [request["id"] for request in listed(client, "requests", "?since=2")] == [4]
    assert [request["id"] for request in listed(client, "requests", "?since=4")] == []
    assert [event["id"] for event in listed(client, "events")] == [1, 2, 3, 4]
    assert [event["id"] for event in listed(client, "events", "?since=1&limit=2")] == [2, 3]


def test_a_list_goes_on_after_a_reset(client: Client) -> None:
    send(client, "a", "b")
    last = listed(client, "events")[-1]["id"]

    client.post("/_mock/reset")
    send(client, "c")

    assert [message["text"] for message in listed(client, "messages", f"?since={last}")] == ["c"]


def test_what_was_forgotten_is_counted(forgetful: Client) -> None:
    send(forgetful, "a", "b", "c", "d", "e")

    messages = forgetful.get("/_mock/messages").json
    requests = forgetful.get("/_mock/requests").json
    events = forgetful.get("/_mock/events").json

    assert messages is not None
    assert requests is not None
    assert events is not None
    assert ([message["text"] for message in messages["messages"]], messages["evicted"]) == (["c", "d", "e"], 2)
    assert ([request["id"] for request in requests["requests"]], requests["evicted"]) == ([8, 10], 3)
    assert ([event["id"] for event in events["events"]], events["evicted"]) == ([8, 9, 10], 7)


def test_a_new_world_has_empty_lists(client: Client) -> None:
    for name in ("messages", "requests", "events"):
        assert client.get(f"/_mock/{name}").json == {name: [], "evicted": 0}


@pytest.mark.parametrize("name", ["messages", "requests", "events"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=-1", "since"),
        ("since=x", "since"),
        ("since=1.5", "since"),
        ("since=", "since"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=all", "limit"),
        ("limit=" + "9" * 5000, "limit"),
    ],
)
def test_a_page_that_makes_no_sense_is_refused_by_name(name: str, query: str, field: str, client: Client) -> None:
    response = client.get(f"/_mock/{name}?{query}")

    assert response.status_code == 400
    assert response.json is not None
    assert response.json["error"]["code"] == "bad_request"
    assert response.json["error"]["message"].startswith(f"{field}: ")


def test_a_request_is_shown_with_its_answer(client: Client) -> None:
    body = {"number": ANN, "unknown": [1, None]}
    client.post("/check-number/?a=b&a=c", headers={**KEY, "X-Trace": "7"}, json=body)

    (request,) = listed(client, "requests")

    headers = request.pop("headers")
    assert headers["X-Trace"] == "7"
    assert headers["Content-Type"] == "application/json"
    assert request == {
        "id": 1,
        "call": "call-1",
        "method": "POST",
        "path": "/check-number",
        "raw_path": "/check-number/",
        "query": "a=b&a=c",
        "body": body,
        "body_size": None,
        "status": 200,
        "response": {"success": True, "number": ANN, "exists": True},
        "instance": INSTANCE,
        "timestamp": "2025-11-14T10:00:00Z",
        "fault": None,
    }


@pytest.mark.parametrize(
    ("path", "status"), [("/nope", 404), ("/send-message", 405), ("/groups/x", 404), ("/channels", 501)]
)
def test_requests_that_were_refused_are_shown_too(path: str, status: int, client: Client) -> None:
    response = client.get(path, headers=KEY)

    (request,) = listed(client, "requests")

    assert (request["path"], request["status"]) == (path, status)
    assert request["response"] == response.json


@pytest.mark.parametrize("authorization", [None, "Bearer nobody's"])
def test_requests_without_a_known_key_belong_to_no_instance(authorization: str | None, client: Client) -> None:
    client.get("/groups", headers={"Authorization": authorization} if authorization else {})

    (request,) = listed(client, "requests")

    assert (request["status"], request["instance"]) == (401, None)


def test_a_body_that_could_not_be_read_is_shown_as_text(client: Client) -> None:
    client.post("/send-message", headers=KEY, data=b'{"a": \xff', content_type="application/json")

    (request,) = listed(client, "requests")

    assert request["body"] == '{"a": \ufffd'


def test_of_an_upload_only_name_type_and_size_are_shown(client: Client) -> None:
    body = (
        '--b\r\nContent-Disposition: form-data; name="recipients[]"\r\n\r\n'
        f"{ANN}\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n%PDF\r\n--b--\r\n"
    )
    client.post("/send-message", headers=KEY, data=body, content_type="multipart/form-data; boundary=b")

    (request,) = listed(client, "requests")

    assert request["body"] == {
        "recipients": [ANN],
        "file": {"fileName": "a.pdf", "mimetype": "application/pdf", "size": 4},
    }


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Authorization", "Bearer SECRET"),
        ("Authorization", "bearer  SECRET"),
        ("Authorization", "Bearer\tSECRET"),
        ("Authorization", "SECRET"),
        ("Authorization", "SECRET and more"),
        ("Authorization", "Bearer SECRET SECRET"),
        ("Proxy-Authorization", "Basic SECRET"),
        ("Cookie", "session=SECRET"),
        ("Cookie", "session=SECRET; theme=dark"),
        ("X-Api-Key", "SECRET"),
    ],
)
@pytest.mark.parametrize("name", ["requests", "events"])
def test_a_credential_is_never_shown(header: str, value: str, name: str, client: Client) -> None:
    client = client.application.test_client(use_cookies=False)  # a jar of cookies would replace ours
    client.get("/groups", headers={**KEY, header: value})

    shown = client.get(f"/_mock/{name}").text

    assert header.title() in shown
    assert "SECRET" not in shown


def test_our_own_key_is_never_shown(client: Client) -> None:
    send(client, "Hello")
    client.get("/nope", headers=KEY)

    for name in ("messages", "requests", "events"):
        assert "YOUR_API_KEY" not in client.get(f"/_mock/{name}").text


def test_events_tell_of_everything_that_happened(client: Client) -> None:
    message = {"recipients": [ANN], "type": "text", "text": "Hello"}
    scheduled = {**message, "sendAt": "2025-11-14 10:30:00"}
    client.post("/schedule-message", headers=KEY, json=scheduled)
    client.post("/groups", headers=KEY, json={"subject": "Friends", "participants": [ANN]})
    client.post("/channels", headers=KEY, json={"name": "News"})
    client.post("/_mock/clock/advance", json={"seconds": 3600})

    events = listed(client, "events")

    kinds = ["task", "request", "group", "request", "channel", "request", "message", "task", "clock"]
    assert [event["kind"] for event in events] == kinds
    assert all(set(event) == {"id", "kind", "timestamp", event["kind"]} for event in events)
    assert events[0]["task"]["action"] == "scheduled"
    assert events[7]["task"]["action"] == "sent"
    assert events[7]["timestamp"] == "2025-11-14T10:30:00Z"


def test_a_change_of_the_clock_is_shown_among_the_events(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2025-11-14T13:00:00Z", "frozen": True})

    (event,) = listed(client, "events")

    assert event["clock"]["now"] == "2025-11-14T13:00:00Z"
    assert event["clock"]["frozen"] is True
