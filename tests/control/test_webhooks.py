"""/_mock/instances/{id}/webhook: what a change keeps, and what a response never shows."""

from __future__ import annotations

from werkzeug.test import Client

from tests.defaults import ANN, BEN
from tests.support import KEY

WEBHOOK = "/_mock/instances/default/webhook"
NOBODY_LISTENS = "http://127.0.0.1:9/hook"


def test_a_paused_webhook_that_is_changed_stays_paused_until_it_is_resumed(client: Client) -> None:
    client.put(WEBHOOK, json={"url": NOBODY_LISTENS})
    client.post(f"{WEBHOOK}/pause", json={})

    changed = client.put(WEBHOOK, json={"url": f"{NOBODY_LISTENS}/elsewhere"}).get_json()["webhook"]
    client.post(f"{WEBHOOK}/resume", json={})
    resumed = client.get(WEBHOOK).get_json()["webhook"]

    assert (changed["url"], changed["paused"]) == (f"{NOBODY_LISTENS}/elsewhere", True)
    assert resumed["paused"] is False


def test_a_verify_token_is_shown_nowhere(client: Client) -> None:
    hook = {"url": NOBODY_LISTENS, "verification": "challenge", "verify_token": "t0p-s3cret"}

    responses = [client.put(WEBHOOK, json=hook), client.get(WEBHOOK), client.post(f"{WEBHOOK}/verify", json={})]

    assert responses[-1].get_json()["verified"] is False
    assert not any("t0p-s3cret" in response.text for response in responses)


def test_no_event_but_message_received_is_sent_by_itself(client: Client) -> None:
    client.put(WEBHOOK, json={"url": NOBODY_LISTENS, "retries": []})
    group = "/groups/120363420250618357@g.us/participants"
    done = [
        client.post("/send-message", headers=KEY, json={"recipients": [ANN], "type": "text", "text": "hi"}),
        client.post("/groups", headers=KEY, json={"subject": "New", "participants": [ANN]}),
        client.post(group, headers=KEY, json={"action": "add", "participants": [BEN]}),
        client.post("/channels/120363313617097254@newsletter/unfollow", headers=KEY),
        client.post("/_mock/instances/default/disconnect"),
        client.post("/_mock/instances/default/reconnect"),
        client.put("/_mock/people/254712345678", json={"name": "Anna"}),
    ]
    assert [response.text for response in done if not response.is_json or response.status_code >= 300] == []
    assert client.get("/_mock/deliveries").get_json()["deliveries"] == []
    client.post("/_mock/clock/advance", json={"seconds": 60})
    client.post("/_mock/instances/default/status", json={"status": "connected"})

    received = client.post("/_mock/inbound", json={"from": ANN, "text": "hi"})

    assert received.status_code == 201, received.text
    deliveries = client.get("/_mock/deliveries").get_json()["deliveries"]
    assert [one["body"]["event"] for one in deliveries] == ["message_received"]


def test_a_webhook_has_no_filter_of_events(client: Client) -> None:
    refused = client.put(WEBHOOK, json={"url": NOBODY_LISTENS, "events": ["message_received"]})
    client.put(WEBHOOK, json={"url": NOBODY_LISTENS, "retries": []})

    client.post("/_mock/inbound", json={"event": {"event": "call", "data": {}}})

    assert refused.status_code == 400
    (delivery,) = client.get("/_mock/deliveries").get_json()["deliveries"]
    assert delivery["body"]["event"] == "call"
