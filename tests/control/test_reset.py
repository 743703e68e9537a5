"""POST /_mock/reset: the world as it was created."""

from __future__ import annotations

from typing import Any

from werkzeug.test import Client

from tests.defaults import ANN, CARA, OWNED, PROJECT
from tests.support import KEY, RealTime

MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}


def get(client: Client, path: str) -> Any:
    response = client.get(path, headers=KEY)
    assert response.status_code == 200, response.text
    return response.json


def change_everything(client: Client) -> list[Any]:
    """Make a call of every kind that changes something, and return the answers."""
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/send-message", MESSAGE),
        ("POST", "/schedule-message", {**MESSAGE, "sendAt": "2025-12-24 18:00:00"}),
        ("POST", "/groups", {"subject": "Friends", "participants": [ANN]}),
        ("POST", f"/groups/{PROJECT}/participants", {"action": "add", "participants": [CARA]}),
        ("POST", "/channels", {"name": "News"}),
        ("PUT", f"/channels/{OWNED}", {"name": "Renamed"}),
        ("PATCH", "/_mock/clock", {"frozen": True}),
        ("POST", "/_mock/clock/advance", {"seconds": 3600}),
    ]
    responses = [client.open(path, method=method, headers=KEY, json=body) for method, path, body in calls]
    assert [response.status_code for response in responses] == [200] * len(calls)
    return [response.json for response in responses]


def test_a_reset_answers_with_the_world_and_the_number_of_its_event(client: Client) -> None:
    client.post("/send-message", headers=KEY, json=MESSAGE)

    response = client.post("/_mock/reset")

    assert response.status_code == 200
    assert response.json == {"world": "default", "event": 3}


def test_a_reset_takes_everything_back(client: Client) -> None:
    paths = ("/groups", "/scheduled-messages", f"/channels/{OWNED}", "/_mock/messages", "/_mock/clock")
    before = [get(client, path) for path in paths]
    change_everything(client)
    assert [get(client, path) for path in paths] != before

    client.post("/_mock/reset")

    assert [get(client, path) for path in paths] == before


def test_the_same_calls_after_a_reset_get_the_same_answers(client: Client) -> None:
    before = change_everything(client)

    client.post("/_mock/reset")

    assert change_everything(client) == before


def test_after_a_reset_time_runs_as_it_did(client: Client, real_time: RealTime) -> None:
    client.patch("/_mock/clock", json={"now": "2030-01-01T00:00:00Z", "frozen": True})

    client.post("/_mock/reset")
    real_time.pass_by(seconds=5)

    assert get(client, "/_mock/clock")["now"] == "2025-11-14T10:00:05Z"


def test_after_a_reset_the_log_begins_with_it_and_goes_on_counting(client: Client) -> None:
    client.post("/send-message", headers=KEY, json=MESSAGE)
    client.post("/_mock/reset")
    client.post("/send-message", headers=KEY, json=MESSAGE)

    events = get(client, "/_mock/events")["events"]

    assert [(event["id"], event["kind"]) for event in events] == [(3, "world"), (4, "message"), (5, "request")]
    assert events[0]["world"] == {"action": "reset", "id": "default"}
