"""Events of one's own: delivered as they are given, and recorded like any other."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from flaresend_mock import FlaresendMock
from flaresend_mock.core.models import Webhook
from flaresend_mock.core.world import World
from flaresend_mock.package_data import event_names, sample_event
from flaresend_mock.testing.client import Flaresend
from tests.defaults import ANN, ANN_LID, ANNS_GROUP, INSTANCE, OUR_NUMBER
from tests.support import REPOSITORY

JID = f"{ANN}@s.whatsapp.net"
STAMP = "2025-11-14T10:00:00.000Z"


def post(client: Client, event: Any, **more: Any) -> TestResponse:
    return client.post("/_mock/inbound", json={"event": event, **more})


def body_of(world: World) -> str:
    """Return the body of the last delivery."""
    return world.deliveries.all()[-1].body.decode()


def sent(client: Client, world: World, event: str) -> str:
    """Deliver an event that is given as the bytes of JSON, and return the bytes that are delivered."""
    response = client.post("/_mock/inbound", data=f'{{"event": {event}}}'.encode(), content_type="application/json")
    assert response.status_code == 201, response.text
    return body_of(world)


def last(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/_mock/messages").get_json()["messages"][-1]
    return found


@pytest.mark.parametrize("name", event_names())
def test_a_sample_is_sent_by_its_name(name: str, client: Client, world: World) -> None:
    response = post(client, name)

    assert response.status_code == 201, response.text
    wanted = sample_event(name)
    assert response.get_json()["event"] == {**wanted, "instanceId": INSTANCE, "timestamp": STAMP}
    assert list(json.loads(body_of(world))) == ["event", "instanceId", "data", "timestamp"]
    message = last(client)
    assert (message["type"], message["direction"]) == ("event", "inbound")
    assert response.get_json()["delivery"]["message"] == message["id"]
    assert "@" not in message["id"]


@pytest.mark.parametrize(
    ("given", "delivered"),
    [
        ('{"event":"x"}', f'{{"event":"x","instanceId":"{INSTANCE}","timestamp":"{STAMP}"}}'),
        ("{}", f'{{"instanceId":"{INSTANCE}","timestamp":"{STAMP}"}}'),
        (
            '{"data":null,"event":"x","more":1}',
            f'{{"data":null,"event":"x","instanceId":"{INSTANCE}","more":1,"timestamp":"{STAMP}"}}',
        ),
        (
            '{"timestamp":"then","z":1,"instanceId":7,"event":"x"}',
            '{"timestamp":"then","z":1,"instanceId":7,"event":"x"}',
        ),
        (
            '{"event":"x","timestamp":null,"data":[]}',
            f'{{"event":"x","instanceId":"{INSTANCE}","timestamp":null,"data":[]}}',
        ),
        (
            '{"event":"x","instanceId":"i","timestamp":1,"data":{"n":[1,1.5,-0.25,12345678901234567890,1e3,true,null]}}',
            '{"event":"x","instanceId":"i","timestamp":1,"data":{"n":[1,1.5,-0.25,12345678901234567890,1000.0,true,null]}}',
        ),
        (
            '{"event":"x","instanceId":"i","timestamp":1,"data":"\\u00e9\\ud83d\\ude00/\\/\\u2028 é😀"}',
            '{"event":"x","instanceId":"i","timestamp":1,"data":"é😀//\u2028 é😀"}',
        ),
    ],
)
def test_exactly_this_json_is_sent(given: str, delivered: str, client: Client, world: World) -> None:
    assert sent(client, world, given) == delivered


def test_a_deep_and_a_large_event_are_sent(client: Client, world: World) -> None:
    deep = "[" * 90 + "]" * 90
    large = json.dumps("é" * 2_000_000, ensure_ascii=False)

    for part in (deep, large):
        event = f'{{"event":"x","instanceId":"i","timestamp":1,"data":{part}}}'
        assert sent(client, world, event) == event
    assert client.get("/_mock/messages").status_code == client.get("/_mock/deliveries").status_code == 200
    assert client.get("/_mock/world").status_code == client.get("/_mock/transcript").status_code == 200


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("undecryptible", "event: 'undecryptible' is not known; did you mean 'undecryptable'?"),
        ("", "event: '' is not known"),
        ([1], "event: An object is expected here, or the name of a sample."),
        (7, "event: An object is expected here, or the name of a sample."),
        (None, "event: "),
        (True, "event: An object is expected here, or the name of a sample."),
    ],
)
def test_what_is_no_event_is_refused_and_changes_nothing(
    event: Any, problem: str, client: Client, world: World
) -> None:
    response = post(client, event)

    assert response.status_code == 400
    assert response.get_json()["error"]["message"].startswith(problem), response.text
    assert len(world.state.messages) == 0


@pytest.mark.parametrize(
    "beside", [{"from": ANN}, {"text": "hi"}, {"group": ANNS_GROUP}, {"chaos": {}}, {"message": {"a": 1}}]
)
def test_nothing_but_the_instance_stands_beside_it(beside: dict[str, Any], client: Client) -> None:
    refused = post(client, {"event": "x"}, **beside)
    assert refused.status_code == 400
    refusal = "event: An event is sent unchanged; give only `instance` beside it."
    assert refused.get_json()["error"]["message"] == refusal
    assert post(client, {"event": "x"}, instance="default").status_code == 201
    assert post(client, {"event": "x"}, instance="none").status_code == 404


def test_a_form_holds_an_event_as_json_or_by_name(client: Client, world: World) -> None:
    for given in ('{"event": "x", "data": 1}', ' \n{"event": "y"}', "call"):
        response = client.post("/_mock/inbound", data={"event": given})
        assert response.status_code == 201, response.text
    assert [json.loads(one.body)["event"] for one in world.deliveries.all()] == ["x", "y", "call"]
    assert client.post("/_mock/inbound", data={"event": "{broken"}).status_code == 400


@pytest.mark.parametrize(
    ("event", "chat", "sender"),
    [
        ({"data": {"from": JID}}, JID, ANN),
        ({"data": {"from": ANN_LID}}, JID, ANN),
        ({"data": {"from": f"{ANN}@c.us"}}, JID, ANN),
        ({"data": {"from": ANNS_GROUP, "participant": ANN_LID}}, ANNS_GROUP, ANN),
        ({"data": {"from": "status@broadcast", "participant": JID}}, "status@broadcast", ANN),
        ({"data": {"from": JID, "fromMe": True}}, JID, OUR_NUMBER),
        ({"data": {"key": {"remoteJid": JID, "fromMe": True}}}, JID, OUR_NUMBER),
        ({"data": {"keys": [{"remoteJid": JID}]}}, JID, ANN),
        ({"data": [{"from": ANN_LID, "id": "A1"}]}, JID, ANN),
        ({"data": {"id": ANNS_GROUP, "author": ANN_LID}}, ANNS_GROUP, ANN),
        ({"data": {"from": "13491234567890123@lid"}}, "13491234567890123@lid", "13491234567890123@lid"),
        ({"data": {"from": 7, "participant": {"a": 1}, "id": 8, "key": "k"}}, "event", "event"),
        ({"data": []}, "event", "event"),
        ({"data": "text"}, "event", "event"),
        ({}, "event", "event"),
    ],
)
def test_it_is_recorded_in_the_chat_that_it_tells_of(
    event: dict[str, Any], chat: str, sender: str, client: Client, world: World
) -> None:
    assert post(client, event).status_code == 201
    (message,) = world.state.messages
    assert (message.chat, message.sender) == (chat, sender)
    assert message.to == (chat if chat == ANNS_GROUP else OUR_NUMBER)
    assert world.deliveries.all()[0].chat == chat
    assert client.get("/_mock/ui/w/default/chats").status_code == 200
    assert client.get(f"/_mock/ui/w/default/chats/{INSTANCE}/{chat}").status_code == 200


@pytest.mark.parametrize("data", [{"id": "3EB0AA"}, {"key": {"id": "3EB0AA"}}, {"id": "3EB0AA", "key": {"id": "x"}}])
def test_it_has_the_id_that_it_gives(data: dict[str, Any], client: Client) -> None:
    post(client, {"event": "x", "data": data})

    assert last(client)["id"] == "3EB0AA"


def test_its_message_can_be_quoted(client: Client) -> None:
    post(client, {"event": "x", "data": {"from": JID, "id": "3EB0AA", "message": {"imageMessage": {"caption": "hi"}}}})
    reply = client.post("/_mock/inbound", json={"from": ANN, "text": "yes", "reply_to": "3EB0AA"}).get_json()

    context = reply["event"]["data"]["message"]["extendedTextMessage"]["contextInfo"]
    assert context["quotedMessage"] == {"imageMessage": {"caption": "hi"}}


@pytest.mark.parametrize("message", ["hi", 1, ["hi"], True])
def test_an_event_whose_message_is_no_object_is_exported_and_imported(message: Any, client: Client) -> None:
    post(client, {"event": "x", "data": {"message": message}})

    export = client.get("/_mock/world?with_secrets=true").data
    assert client.put("/_mock/world", data=export, content_type="application/json").status_code == 200
    assert last(client)["type"] == "event"


def test_an_id_may_come_twice(client: Client, world: World) -> None:
    first = post(client, "undecryptable").get_json()
    again = {**sample_event("undecryptable")["data"], "message": {"conversation": "now you can read it"}}
    second = post(client, {"event": "message_received", "data": again}).get_json()

    assert first["event"]["data"]["id"] == second["event"]["data"]["id"] == first["delivery"]["message"]
    assert second["delivery"]["message"] != first["delivery"]["message"]
    assert last(client)["text"] == "now you can read it"
    found = client.get(f"/_mock/messages/{second['delivery']['message']}")
    assert found.status_code in (200, 404)  # 404 if single messages are not shown


def test_its_text_is_found(client: Client) -> None:
    post(client, "status-broadcast")
    for match in ({"text": {"contains": "shoes"}}, {"type": "event"}, {"from": ANN}):
        body = {"match": {"direction": "inbound", **match}, "timeout": 0}
        response = client.post("/_mock/messages/wait", json=body)
        assert response.status_code == 200, response.text
    assert "New shoes are here!" in client.get("/_mock/transcript").text
    assert "New shoes" in client.get("/_mock/ui/w/default/parts/chats?q=shoes").text


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        ({"number": ANN}, {"call", "status-broadcast", "group-participants-update", "message-null"}),
        ({"body": {"event": "call"}}, {"call"}),
        ({"body": {"data": {"from": "status@broadcast"}}}, {"status-broadcast"}),
        ({"chat": ANNS_GROUP}, {"group-participants-update"}),
        ({}, {"call", "status-broadcast", "group-participants-update", "message-null", "own-message", None}),
    ],
)
def test_faults_apply(match: dict[str, Any], hits: set[str | None], client: Client, world: World) -> None:
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9/hook"))
    response = client.post("/_mock/faults", json={"on": "deliveries", "action": "drop", "match": match})
    assert response.status_code == 201, response.text
    dropped: set[str | None] = set()
    for name in ("call", "status-broadcast", "group-participants-update", "message-null", "own-message"):
        if post(client, name).get_json()["delivery"]["status"] == "dropped":
            dropped.add(name)
    if post(client, {"data": [None]}).get_json()["delivery"]["status"] == "dropped":
        dropped.add(None)

    assert dropped == hits


def test_chaos_of_the_webhook_applies(client: Client, world: World) -> None:
    client.put(
        "/_mock/instances/default/webhook",
        json={"url": "http://127.0.0.1:9/hook", "chaos": {"duplicate": 1, "delay": 60}},
    )
    post(client, "call")

    assert [one.status for one in world.deliveries.all()] == ["delayed", "delayed"]


def test_an_event_for_a_phone_that_is_away_waits_or_is_refused(client: Client, world: World) -> None:
    world.pairing.set_status(None, "disconnected")
    assert post(client, "call").get_json()["delivery"]["status"] == "waiting"
    client.patch("/_mock/world", json={"offline_messages": "drop"})
    assert post(client, "call").status_code == 409


def test_the_documentation_names_each_sample() -> None:
    text = (REPOSITORY / "docs" / "webhooks.md").read_text(encoding="utf-8")
    section = text.partition("## Events of your own")[2].partition("\n## ")[0]

    assert sorted(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == list(event_names())


def test_no_event_but_the_documented_one_is_sent_by_itself(client: Client, world: World) -> None:
    """Whatever happens to an instance, its groups and its messages."""
    client.post("/_mock/inbound", json={"from": ANN, "text": "hi"})
    client.post("/_mock/instances/default/disconnect")
    client.post("/_mock/instances/default/reconnect")
    client.post("/_mock/instances/default/status", json={"status": "connected"})
    headers = {"Authorization": "Bearer YOUR_API_KEY"}
    client.post("/send-message", json={"recipients": [ANN], "type": "text", "text": "hi"}, headers=headers)
    body = {"action": "remove", "participants": [ANN]}
    client.post(f"/groups/{ANNS_GROUP}/participants", json=body, headers=headers)

    assert [json.loads(one.body)["event"] for one in world.deliveries.all()] == ["message_received"]


@pytest.mark.parametrize("name", ["undecryptable", "call", "group-system-line", "own-message"])
def test_the_dashboard_shows_how_to_send_it_again(name: str, client: Client, flaresend: FlaresendMock) -> None:
    message = post(client, name).get_json()["delivery"]["message"]
    response = client.get(f"/_mock/ui/w/default/parts/why/{message}")

    assert response.status_code == 200
    text = unescape(response.text)
    sent = sample_event(name)
    assert json.dumps({"event": sent}, ensure_ascii=False).replace("'", "'\\''") in text
    script = response.text.partition('<pre id="as-test">')[2].partition("</pre>")[0]
    assert "flaresend_mock.event(" in script
    made: dict[str, Any] = {}
    exec(unescape(script).replace("webhook_receiver()", "webhook_receiver(retries=[])"), made)
    with Flaresend(flaresend.url, flaresend.api_key) as kit:
        made["test_the_application_gets_the_event"](kit)


def test_the_dashboard_shows_what_quotes_an_own_event(client: Client, world: World) -> None:
    message = post(client, "status-broadcast").get_json()["delivery"]["message"]
    own = post(client, "own-message").get_json()["delivery"]["message"]
    for target in (message, own):
        response = client.post("/_mock/inbound", json={"from": ANN, "text": "re", "reply_to": target})
        assert response.status_code in (201, 409), response.text
    for one in client.get("/_mock/messages").get_json()["messages"]:
        assert client.get(f"/_mock/ui/w/default/parts/why/{one['id']}").status_code == 200


@pytest.mark.parametrize(
    "data", [{}, {"from": "status@broadcast"}, {"from": "999@lid"}, {"from": "254712345678:3@s.whatsapp.net"}]
)
def test_an_event_of_no_known_person_is_not_quoted(data: dict[str, Any]) -> None:
    client = FlaresendMock(log_level="error").app.test_client()
    event = {"event": "call", "data": {"id": "E1", **data}}
    assert client.post("/_mock/inbound", json={"event": event}).status_code == 201

    for group in ({}, {"group": "120363420250618357@g.us"}):
        reply = client.post("/_mock/inbound", json={"from": "254712345678", "text": "r", "reply_to": "E1", **group})
        assert (reply.status_code, reply.get_json()["error"]["code"]) == (409, "not_allowed")
    exported = client.get("/_mock/world?with_secrets=true").get_json()
    assert client.put("/_mock/world", json=exported).status_code == 200
