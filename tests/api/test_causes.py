"""Each message knows what made it, however calls overlap; and the ids of calls are never given twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import Context
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.events import Event
from flaresend_mock.core.models import Message, Rule
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import ANN, BEN, FAMILY, OUR_NUMBER, OWNED, described
from tests.support import KEY, client_of

SLOW = "9990000408"


def sent(client: Client, text: str, to: list[str], status: int = 200, **headers: str) -> None:
    body = {"recipients": to, "type": "text", "text": text}
    assert client.post("/send-message", json=body, headers={**KEY, **headers}).status_code == status


def messages(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/_mock/messages").get_json()["messages"]
    return found


def calls(client: Client) -> dict[str, Any]:
    """Return the bodies of the calls that are kept, by their ids."""
    return {one["call"]: one["body"] for one in client.get("/_mock/requests").get_json()["requests"]}


def check_each_has_its_own(client: Client) -> None:
    kept = calls(client)
    for one in messages(client):
        assert one["cause"]["kind"] == "call"
        assert kept[one["cause"]["id"]]["text"] == one["text"]
        assert one["to"] in kept[one["cause"]["id"]]["recipients"]


def test_a_fast_call_that_overtakes_a_slow_one_keeps_its_message(client: Client, world: World) -> None:
    world.host = replace(world.host, delay=lambda seconds, until: Context().run(sent, client, "fast", [ANN]))

    sent(client, "slow", [ANN, SLOW])

    assert [one["text"] for one in messages(client)] == ["slow", "slow", "fast"]
    assert list(calls(client)) == ["call-2", "call-1"]
    check_each_has_its_own(client)


def test_a_call_under_way_in_an_import_shares_its_id_with_no_later_one(client: Client, world: World) -> None:
    saved = world.saved()

    def replace_world(seconds: float, until: Callable[[], bool]) -> None:
        world.replace(saved)

    world.host = replace(world.host, delay=replace_world)
    sent(client, "slow", [ANN, SLOW])
    sent(client, "later", [ANN])

    assert list(calls(client)) == ["call-1", "call-2"]
    check_each_has_its_own(client)


def test_a_call_that_ends_within_another_keeps_its_message(client: Client, world: World) -> None:
    def overtake(event: Event) -> None:
        if isinstance(event.subject, Message) and event.subject.content.text == "outer":
            Context().run(sent, client, "inner", [ANN])

    with world.subscribers.subscribe("message", overtake):
        sent(client, "outer", [ANN])

    assert [one["text"] for one in messages(client)] == ["outer", "inner"]
    assert list(calls(client)) == ["call-2", "call-1"]
    check_each_has_its_own(client)


def test_every_way_of_sending_names_its_call(client: Client) -> None:
    said = {"type": "text", "text": "all"}
    client.post("/groups/send-message", json={**said, "groupJids": [FAMILY]}, headers=KEY)
    client.post(f"/channels/{OWNED}/message", data=said, headers=KEY)

    assert [one["cause"] for one in messages(client)] == [
        {"kind": "call", "id": "call-1"},
        {"kind": "call", "id": "call-2"},
    ]


def test_a_scheduled_message_names_its_task_and_that_its_call(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2025-11-14T10:00:00Z", "frozen": True})
    body = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2025-11-15 09:00:00"}
    task = client.post("/schedule-message", json=body, headers=KEY).get_json()["task_id"]
    (pending,) = client.get("/_mock/scheduled").get_json()["scheduled"]
    client.post("/_mock/clock/advance", json={"seconds": 86400})

    assert pending["call"] == "call-1"
    assert [one["cause"] for one in messages(client)] == [{"kind": "task", "id": task}]


def test_what_people_write_names_no_call(client: Client, world: World) -> None:
    world.people.put(ANN, rules=(Rule(None, "Thanks", 0),))
    sent(client, "Hello", [ANN])
    world.timeline.run_due()
    client.post("/_mock/inbound", json={"from": BEN, "text": "hi"})
    client.post("/_mock/inbound", json={"event": {"event": "own"}})
    world.inbound.receive(InboundMessage(BEN, text="from long ago"))
    first, *others = messages(client)

    assert [one["cause"] for one in others] == [
        {"kind": "auto_reply", "id": first["id"]},
        {"kind": "inbound", "id": ""},
        {"kind": "event", "id": ""},
        None,
    ]


def test_a_message_of_another_instance_names_that_message(client: Client) -> None:
    other = {"name": "Second", "number": "254700111222", "status": "connected"}
    assert client.post("/_mock/instances", json=other).status_code == 201
    sent(client, "Hello", [other["number"]])
    outbound, inbound = messages(client)

    assert inbound["from"] == OUR_NUMBER
    assert inbound["cause"] == {"kind": "message", "id": outbound["id"]}


def test_messages_are_found_by_their_cause(client: Client) -> None:
    sent(client, "one", [ANN])
    sent(client, "two", [ANN])

    found = client.post("/_mock/messages/search", json={"match": {"cause": {"id": "call-2"}}}).get_json()

    assert [one["text"] for one in found["messages"]] == ["two"]


@pytest.mark.parametrize("key", ["", "Bearer nope", KEY["Authorization"]])
def test_a_refused_call_changes_no_id_but_those_of_calls(key: str, client: Client) -> None:
    def ids() -> list[str]:
        sent(client, "Hello", [ANN])
        later = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2030-01-01 09:00:00"}
        task = client.post("/schedule-message", json=later, headers=KEY).get_json()["task_id"]
        group = {"subject": "x", "participants": [ANN]}
        made = client.post("/groups", json=group, headers=KEY).get_json()
        return [messages(client)[-1]["id"], task, str(made)]

    plain = ids()
    client.post("/_mock/reset")
    for path in ("/send-message", "/nowhere", "/schedule-message"):
        assert client.post(path, json={"recipients": []}, headers={"Authorization": key}).status_code >= 400
    assert ids() == plain


@pytest.mark.parametrize("how", ["reset", "snapshots/before/restore"])
def test_no_id_of_a_call_is_given_twice(how: str, client: Client, world: World) -> None:
    client.post("/_mock/snapshots/before")

    def go_back(seconds: float, until: object) -> None:
        assert client.post(f"/_mock/{how}").status_code == 200
        Context().run(sent, client, "fast", [ANN])

    world.host = replace(world.host, delay=go_back)
    sent(client, "slow", [ANN, SLOW])

    check_each_has_its_own(client)
    assert len(calls(client)) == 2


def test_causes_and_ids_of_calls_survive_an_export(
    client: Client, world: World, make_world: Callable[..., World]
) -> None:
    world.people.put(ANN, rules=(Rule(None, "Thanks", 3600),))
    sent(client, "Hello", [ANN])
    body = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2030-01-01 09:00:00"}
    client.post("/schedule-message", json=body, headers=KEY)
    client.post("/send-message", data=b"{", headers=KEY, content_type="application/json")
    first = export(world.saved(), secrets=True)

    again = make_world(load_world(json.loads(first)))

    assert export(again.saved(), secrets=True) == first
    assert again.state.events.calls == 3


def test_the_number_of_calls_may_be_left_out_of_a_world(
    client: Client, world: World, make_world: Callable[..., World]
) -> None:
    sent(client, "old", [ANN])
    sent(client, "older", [ANN])
    document = json.loads(export(world.saved(), secrets=True))
    del document["last_call"]

    again = client_of(make_world(load_world(document)))
    sent(again, "new", [ANN])

    assert [one["text"] for one in messages(again)] == ["old", "older", "new"]
    check_each_has_its_own(again)
    assert int(list(calls(again))[-1].removeprefix("call-")) > 0


def test_an_older_export_has_no_causes() -> None:
    message = {
        "id": "3EB0",
        "event": 1,
        "direction": "outbound",
        "instance": described()["instances"][0]["id"],
        "chat": f"{ANN}@s.whatsapp.net",
        "sender": OUR_NUMBER,
        "to": ANN,
        "content": {"type": "text", "text": "x"},
        "status": "sent",
        "at": "2025-01-01T00:00:00Z",
    }
    assert [one.cause for one in load_world(described(messages=[message])).messages] == [None]
