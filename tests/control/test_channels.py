"""/_mock/channels: made and changed without a call of the API."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from tests.defaults import OUR_NUMBER
from tests.support import KEY

CHANNELS = "/_mock/channels"


def answered(response: Any, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert isinstance(response.json, dict)
    return response.json


def test_a_channel_is_made_and_listed_and_the_api_knows_it(client: Client) -> None:
    made = answered(client.post(CHANNELS, json={"name": "Bread", "description": "Daily", "subscribers": 12}), 201)

    assert list(made) == ["id", "name", "description", "invite", "picture", "subscribers", "created", "roles"]
    assert made["roles"] == [{"number": OUR_NUMBER, "role": "OWNER"}]
    assert answered(client.get(CHANNELS))["channels"][-1] == made
    shown = answered(client.get(f"/channels/{made['id']}", headers=KEY))["channel"]
    assert shown["thread_metadata"]["subscribers_count"] == "12"
    assert shown["viewer_metadata"] == {"role": "OWNER"}
    invited = answered(client.get(f"/channels/invite/{made['invite']}", headers=KEY))["channel"]
    assert invited["id"] == made["id"]


@pytest.mark.parametrize("role", ["OWNER", "ADMIN", "SUBSCRIBER", "GUEST"])
def test_what_the_instance_is_in_a_channel_can_be_said(role: str, client: Client) -> None:
    made = answered(client.post(CHANNELS, json={"name": "Bread", "role": role}), 201)

    shown = answered(client.get(f"/channels/{made['id']}", headers=KEY))["channel"]
    assert shown["viewer_metadata"] == {"role": role}
    post = {"type": "text", "text": "Fresh"}
    posted = client.post(f"/channels/{made['id']}/message", json=post, headers=KEY)
    assert posted.status_code == (200 if role in ("OWNER", "ADMIN") else 403)


def test_what_a_channel_says_and_who_is_in_it_can_be_changed(client: Client) -> None:
    made = answered(client.post(CHANNELS, json={"name": "Bread"}), 201)
    change = {"name": "Rolls", "description": "Warm", "subscribers": 3, "role": "GUEST"}

    changed = answered(client.patch(f"{CHANNELS}/{made['id']}", json=change))

    assert changed == made | {"name": "Rolls", "description": "Warm", "subscribers": 3, "roles": []}
    assert answered(client.get("/_mock/events"))["events"][-1]["kind"] == "channel"


def test_a_channel_of_a_phone_that_is_not_connected_can_be_made(client: Client) -> None:
    client.post("/_mock/instances/default/status", json={"status": "disconnected"})

    answered(client.post(CHANNELS, json={"name": "Bread"}), 201)


def test_a_channel_that_cannot_be_is_refused(client: Client) -> None:
    before = answered(client.get(CHANNELS))
    first = before["channels"][0]["id"]
    for method, path, body, status, says in (
        ("POST", "", {}, 400, "name: "),
        ("POST", "", {"name": ""}, 400, "name: "),
        ("POST", "", {"name": "x" * 101}, 400, "name: "),
        ("POST", "", {"name": "x", "role": "KING"}, 400, "role: "),
        ("POST", "", {"name": "x", "subscribers": -1}, 400, "subscribers: "),
        ("POST", "", {"name": "x", "subscribers": "1"}, 400, "subscribers: "),
        ("POST", "", {"name": "x", "instance": "nobody"}, 404, "no instance"),
        ("PATCH", f"/{first}", {}, 400, "Give what is to change"),
        ("PATCH", f"/{first}", {"instance": None}, 400, "Give what is to change"),
        ("PATCH", f"/{first}", {"instance": "nope"}, 400, "Give what is to change"),
        ("PATCH", f"/{first}", {"name": "y", "role": "ADMIN", "instance": "nobody"}, 404, "no instance"),
        ("PATCH", "/nothing", {"name": "x"}, 404, "no channel"),
    ):
        response = client.open(CHANNELS + path, method=method, json=body)
        assert (response.status_code, says in response.text) == (status, True), response.text
    assert answered(client.get(CHANNELS)) == before
