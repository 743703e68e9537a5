"""/_mock/instances/{id}/webhook: what a change keeps, and what a response never shows."""

from __future__ import annotations

from werkzeug.test import Client

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

    responses = [
        client.put(WEBHOOK, json=hook),
        client.get(WEBHOOK),
        client.post(f"{WEBHOOK}/verify", json={}),
    ]

    assert responses[-1].get_json()["verified"] is False
    assert not any("t0p-s3cret" in response.text for response in responses)
