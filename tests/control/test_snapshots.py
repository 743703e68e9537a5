"""/_mock/snapshots: named states of a world, and the way back to them."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from tests.defaults import ANN, OWNED, PROJECT
from tests.support import KEY, RealTime

SNAPSHOTS = "/_mock/snapshots"


def send(client: Client, text: str) -> None:
    body = {"recipients": [ANN], "type": "text", "text": text}
    assert client.post("/send-message", headers=KEY, json=body).status_code == 200


def texts(client: Client) -> list[str]:
    return [message["text"] for message in client.get("/_mock/messages").get_json()["messages"]]


def listed(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(SNAPSHOTS).get_json()["snapshots"]
    return found


def test_a_snapshot_brings_everything_back(client: Client) -> None:
    paths = ("/groups", "/scheduled-messages", f"/channels/{OWNED}", "/_mock/messages", "/_mock/clock")
    client.patch("/_mock/clock", json={"frozen": True})
    send(client, "before")
    before = [client.get(path, headers=KEY).get_json() for path in paths]
    client.post(f"{SNAPSHOTS}/x")

    send(client, "after")
    client.patch("/_mock/clock", json={"now": "2030-01-01T00:00:00Z"})
    client.post("/groups", headers=KEY, json={"subject": "Friends", "participants": [ANN]})
    client.put(f"/channels/{OWNED}", headers=KEY, json={"name": "Renamed"})
    client.post(f"/groups/{PROJECT}/participants", headers=KEY, json={"action": "add", "participants": [ANN]})
    later = {"recipients": [ANN], "type": "text", "text": "later", "sendAt": "2031-12-24 18:00:00"}
    client.post("/schedule-message", headers=KEY, json=later)
    assert client.post(f"{SNAPSHOTS}/x/restore").status_code == 200

    assert [client.get(path, headers=KEY).get_json() for path in paths] == before


def test_a_snapshot_is_summed_up_when_it_is_taken_and_in_the_list(client: Client) -> None:
    send(client, "a")

    taken = client.post(f"{SNAPSHOTS}/x")

    assert taken.status_code == 201
    assert taken.get_json() == {"name": "x", "event": 2, "messages": 1, "scheduled": 0}
    assert listed(client) == [taken.get_json()]


def test_a_snapshot_can_be_restored_again_and_again(client: Client) -> None:
    send(client, "a")
    client.post(f"{SNAPSHOTS}/x")

    for text in ("b", "c"):
        send(client, text)
        assert texts(client) == ["a", text]
        client.post(f"{SNAPSHOTS}/x/restore")
        assert texts(client) == ["a"]


def test_what_follows_a_restored_snapshot_gets_the_same_ids(client: Client) -> None:
    client.patch("/_mock/clock", json={"frozen": True})
    client.post(f"{SNAPSHOTS}/x")
    ids = []
    for _ in range(2):
        send(client, "a")
        ids.append(client.get("/_mock/messages").get_json()["messages"][0]["id"])
        client.post(f"{SNAPSHOTS}/x/restore")

    assert ids[0] == ids[1]


def test_numbers_of_events_grow_over_a_restored_snapshot(client: Client) -> None:
    client.post(f"{SNAPSHOTS}/x")
    send(client, "a")

    restored = client.post(f"{SNAPSHOTS}/x/restore").get_json()
    send(client, "b")

    assert restored == {"world": "default", "event": 3}
    events = client.get("/_mock/events?since=2").get_json()["events"]
    assert [(event["id"], event["kind"]) for event in events] == [(3, "world"), (4, "message"), (5, "request")]
    assert events[0]["world"] == {"action": "restored", "id": "x"}


def test_a_snapshot_outlives_a_reset(client: Client) -> None:
    send(client, "a")
    client.post(f"{SNAPSHOTS}/x")

    client.post("/_mock/reset")
    assert texts(client) == []
    client.post(f"{SNAPSHOTS}/x/restore")

    assert texts(client) == ["a"]


def test_a_snapshot_taken_under_the_same_name_takes_its_place(client: Client) -> None:
    client.post(f"{SNAPSHOTS}/x")
    send(client, "a")
    client.post(f"{SNAPSHOTS}/x")
    client.post("/_mock/reset")

    client.post(f"{SNAPSHOTS}/x/restore")

    assert texts(client) == ["a"]
    assert [one["name"] for one in listed(client)] == ["x"]


def test_a_clock_that_ran_has_run_on_meanwhile(client: Client, real_time: RealTime) -> None:
    client.post(f"{SNAPSHOTS}/x")
    real_time.pass_by(seconds=5)

    client.post(f"{SNAPSHOTS}/x/restore")

    assert client.get("/_mock/clock").get_json()["now"] == "2025-11-14T10:00:05Z"


def test_a_scheduled_message_is_sent_after_a_restored_snapshot(client: Client) -> None:
    client.patch("/_mock/clock", json={"frozen": True})
    later = {"recipients": [ANN], "type": "text", "text": "later", "sendAt": "2025-11-14 10:30:00"}
    client.post("/schedule-message", headers=KEY, json=later)
    client.post(f"{SNAPSHOTS}/x")
    client.post("/_mock/clock/advance", json={"seconds": 3600})
    assert texts(client) == ["later"]

    client.post(f"{SNAPSHOTS}/x/restore")
    assert texts(client) == []
    client.post("/_mock/clock/advance", json={"seconds": 3600})

    assert texts(client) == ["later"]


def test_faults_come_back_with_their_counts(client: Client) -> None:
    client.post("/_mock/faults", json={"preset": "down", "times": 2})
    client.get("/groups", headers=KEY)
    client.post(f"{SNAPSHOTS}/x")
    client.get("/groups", headers=KEY)
    assert client.get("/groups", headers=KEY).status_code == 200

    client.post(f"{SNAPSHOTS}/x/restore")

    assert [client.get("/groups", headers=KEY).status_code for _ in range(2)] == [503, 200]


def test_a_removed_snapshot_is_not_found(client: Client) -> None:
    client.post(f"{SNAPSHOTS}/x")

    assert client.delete(f"{SNAPSHOTS}/x").get_json() == {"deleted": "x"}

    assert listed(client) == []
    for response in (client.delete(f"{SNAPSHOTS}/x"), client.post(f"{SNAPSHOTS}/x/restore")):
        assert (response.status_code, response.get_json()["error"]["code"]) == (404, "snapshot_not_found")


def test_there_are_at_most_a_hundred(client: Client) -> None:
    for number in range(100):
        assert client.post(f"{SNAPSHOTS}/{number}").status_code == 201

    response = client.post(f"{SNAPSHOTS}/one-more")

    assert (response.status_code, response.get_json()["error"]["code"]) == (409, "too_many")
    assert client.post(f"{SNAPSHOTS}/7").status_code == 201


@pytest.mark.parametrize("name", ["ä", "a b", "restore", "%00", "..", "'", "%F0%9F%98%80", "x" * 100])
def test_a_name_can_be_anything(name: str, client: Client) -> None:
    send(client, "a")
    taken = client.post(f"{SNAPSHOTS}/{name}")
    assert taken.status_code == 201, taken.text
    client.post("/_mock/reset")

    assert client.post(f"{SNAPSHOTS}/{name}/restore").status_code == 200

    assert texts(client) == ["a"]
    assert [one["name"] for one in listed(client)] == [taken.get_json()["name"]]


def test_a_name_that_is_too_long_is_refused(client: Client) -> None:
    assert client.post(f"{SNAPSHOTS}/{'x' * 101}").status_code == 400

    assert listed(client) == []
