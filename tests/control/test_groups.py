"""/_mock/groups and GET /_mock/scheduled: seen and made without a call of the API."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.conftest import KEY
from tests.defaults import ANN, BEN, NOBODY

GROUPS = "/_mock/groups"


def test_a_group_is_made_and_listed_and_the_api_knows_it(client: FlaskClient) -> None:
    made = client.post(GROUPS, json={"subject": "Tasting", "participants": [ANN, f"+{BEN}", NOBODY]})

    assert made.status_code == 201
    assert made.json is not None
    people = {one["number"]: one["admin"] for one in made.json["participants"]}
    assert people == {"254708920430": "superadmin", ANN: None, BEN: None}
    listed = client.get(GROUPS).json
    assert listed is not None
    assert listed["groups"][-1] == made.json
    assert client.get(f"/groups/{made.json['id']}", headers=KEY).status_code == 200


def test_making_a_group_is_no_call_and_meets_no_fault(client: FlaskClient) -> None:
    client.post("/_mock/faults", json={"preset": "down"})

    assert client.post(GROUPS, json={"subject": "x", "participants": ["254799900503"]}).status_code == 201
    assert client.post(GROUPS, json={"subject": "y", "participants": ["999000503"]}).status_code == 201
    requests = client.get("/_mock/requests").json
    assert requests is not None
    assert requests["requests"] == []


def test_a_group_that_cannot_be_is_refused(client: FlaskClient) -> None:
    for body, status, says in (
        ({"subject": "x", "participants": [NOBODY]}, 400, "none of them is on WhatsApp"),
        ({"subject": "", "participants": [ANN]}, 400, "subject: "),
        ({"subject": "x", "participants": []}, 400, "participants: "),
        ({"subject": "x", "participants": [1]}, 400, "participants"),
        ({"participants": [ANN]}, 400, "subject: "),
        ({"subject": "x", "participants": [ANN], "instance": "none"}, 404, "no instance"),
        ({"subject": "x", "participants": [ANN], "name": "y"}, 400, "name"),
    ):
        answer = client.post(GROUPS, json=body)
        assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_what_is_still_to_be_sent_is_listed_in_its_order(client: FlaskClient) -> None:
    for text, at in (("later", "2030-01-02 10:00:00"), ("sooner", "2030-01-01 10:00:00")):
        body = {"recipients": [ANN], "type": "text", "text": text, "sendAt": at}
        assert client.post("/schedule-message", json=body, headers=KEY).status_code == 200

    shown = client.get("/_mock/scheduled").json

    assert shown is not None
    assert [(one["text"], one["sendAt"], one["status"]) for one in shown["scheduled"]] == [
        ("sooner", "2030-01-01T10:00:00Z", "pending"),
        ("later", "2030-01-02T10:00:00Z", "pending"),
    ]


def test_what_is_scheduled_is_cancelled_whoever_scheduled_it(client: FlaskClient) -> None:
    body = {
        "recipients": ["254712345678"],
        "type": "text",
        "text": "Never mind",
        "sendAt": "2099-01-01 09:00:00",
    }
    task = client.post("/schedule-message", json=body, headers=KEY).get_json()["task_id"]

    answer = client.delete(f"/_mock/scheduled/{task}")

    assert (answer.status_code, answer.get_json()) == (200, {"deleted": task})
    assert client.get("/_mock/scheduled").get_json() == {"scheduled": []}
    assert client.delete(f"/_mock/scheduled/{task}").get_json()["error"]["code"] == "task_not_found"
    (change,) = client.get("/_mock/events?kind=task&limit=1").get_json()["events"]
    assert change["task"]["action"] == "cancelled"
