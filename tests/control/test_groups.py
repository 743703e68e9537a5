"""/_mock/groups and GET /_mock/scheduled: seen and made without a call of the API."""

from __future__ import annotations

from typing import Any

from werkzeug.test import Client

from tests.defaults import ANN, ANNS_GROUP, BEN, FAMILY, NOBODY
from tests.support import KEY

GROUPS = "/_mock/groups"


def test_a_group_is_made_and_listed_and_the_api_knows_it(client: Client) -> None:
    made = client.post(GROUPS, json={"subject": "Tasting", "participants": [ANN, f"+{BEN}", NOBODY]})

    assert made.status_code == 201
    assert made.json is not None
    people = {one["number"]: one["admin"] for one in made.json["participants"]}
    assert people == {"254708920430": "superadmin", ANN: None, BEN: None}
    listed = client.get(GROUPS).json
    assert listed is not None
    assert listed["groups"][-1] == made.json
    assert client.get(f"/groups/{made.json['id']}", headers=KEY).status_code == 200


def test_making_a_group_is_no_call_and_meets_no_fault(client: Client) -> None:
    client.post("/_mock/faults", json={"preset": "down"})

    assert client.post(GROUPS, json={"subject": "x", "participants": ["254799900503"]}).status_code == 201
    assert client.post(GROUPS, json={"subject": "y", "participants": ["999000503"]}).status_code == 201
    requests = client.get("/_mock/requests").json
    assert requests is not None
    assert requests["requests"] == []


def test_what_a_group_says_of_itself_and_who_may_change_it(client: Client) -> None:
    change = {"description": "Sundays at six", "restrict": True, "announce": True}

    changed = client.patch(f"{GROUPS}/{FAMILY}", json=change).json

    assert changed is not None
    assert {name: changed[name] for name in change} == change
    shown = client.get(f"/groups/{FAMILY}", headers=KEY).json
    assert shown is not None
    assert shown["data"]["desc"] == "Sundays at six"
    assert client.patch(f"{GROUPS}/{FAMILY}", json={"description": "x" * 2049}).status_code == 400
    assert client.patch(f"{GROUPS}/{FAMILY}", json={"restrict": "yes"}).status_code == 400


def test_a_group_that_cannot_be_is_refused(client: Client) -> None:
    for body, status, says in (
        ({"subject": "x", "participants": [NOBODY]}, 400, "none of them is on WhatsApp"),
        ({"subject": "", "participants": [ANN]}, 400, "subject: "),
        ({"subject": "x", "participants": []}, 400, "participants: "),
        ({"subject": "x", "participants": [1]}, 400, "participants"),
        ({"participants": [ANN]}, 400, "subject: "),
        ({"subject": "x", "participants": [ANN], "instance": "none"}, 404, "no instance"),
        ({"subject": "x", "participants": [ANN], "name": "y"}, 400, "name"),
    ):
        response = client.post(GROUPS, json=body)
        assert (response.status_code, says in response.text) == (status, True), response.text


def test_what_is_still_to_be_sent_is_listed_in_its_order(client: Client) -> None:
    for text, at in (("later", "2030-01-02 10:00:00"), ("sooner", "2030-01-01 10:00:00")):
        body = {"recipients": [ANN], "type": "text", "text": text, "sendAt": at}
        assert client.post("/schedule-message", json=body, headers=KEY).status_code == 200

    shown = client.get("/_mock/scheduled").json

    assert shown is not None
    assert [(one["text"], one["sendAt"], one["status"]) for one in shown["scheduled"]] == [
        ("sooner", "2030-01-01T10:00:00Z", "pending"),
        ("later", "2030-01-02T10:00:00Z", "pending"),
    ]


def test_what_is_scheduled_is_cancelled_whoever_scheduled_it(client: Client) -> None:
    body = {"recipients": ["254712345678"], "type": "text", "text": "Never mind", "sendAt": "2099-01-01 09:00:00"}
    task = client.post("/schedule-message", json=body, headers=KEY).get_json()["task_id"]

    response = client.delete(f"/_mock/scheduled/{task}")

    assert (response.status_code, response.get_json()) == (200, {"deleted": task})
    assert client.get("/_mock/scheduled").get_json() == {"scheduled": []}
    assert client.delete(f"/_mock/scheduled/{task}").get_json()["error"]["code"] == "task_not_found"
    (change,) = client.get("/_mock/events?kind=task&limit=1").get_json()["events"]
    assert change["task"]["action"] == "cancelled"


def members(response: Any) -> dict[str, str | None]:
    return {one["number"]: one["admin"] for one in response.get_json()["participants"]}


def arrange(client: Client, action: str, *participants: str, group: str = FAMILY) -> Any:
    body = {"action": action, "participants": participants}
    return client.post(f"{GROUPS}/{group}/participants", json=body)


def test_people_are_arranged_whoever_owns_the_group(client: Client) -> None:
    added = arrange(client, "add", "+254 799 000 111", "254799000112", group=ANNS_GROUP)
    assert added.status_code == 200, added.text
    assert members(added).items() >= {"254799000111": None, "254799000112": None}.items()

    assert members(arrange(client, "promote", "254799000111", group=ANNS_GROUP))["254799000111"] == "admin"
    assert members(arrange(client, "demote", "254799000111", group=ANNS_GROUP))["254799000111"] is None
    assert "254799000111" not in members(arrange(client, "remove", "254799000111", group=ANNS_GROUP))
    (event,) = client.get("/_mock/events?kind=group&limit=1").get_json()["events"]
    assert event["group"]["action"] == "remove"


def test_people_who_cannot_be_arranged_are_named_and_nothing_is_done(client: Client) -> None:
    before = client.get(GROUPS).get_json()
    for action, people, code in (
        ("add", ["254799000111", NOBODY], "not_on_whatsapp"),
        ("add", ["254799000111", ANN], "already_participants"),
        ("remove", [ANN, "254799000111"], "not_participants"),
        ("remove", ["254708920430"], "creator_is_protected"),
        ("dance", [ANN], "bad_request"),
        ("add", [], "bad_request"),
    ):
        assert arrange(client, action, *people).get_json()["error"]["code"] == code, action
    assert arrange(client, "add", ANN, group="nowhere@g.us").get_json()["error"]["code"] == "group_not_found"
    assert client.get(GROUPS).get_json() == before


def test_a_group_is_renamed_and_closed(client: Client) -> None:
    changed = client.patch(f"{GROUPS}/{FAMILY}", json={"subject": "Renamed", "announce": True}).get_json()

    assert (changed["subject"], changed["announce"]) == ("Renamed", True)
    shown = client.get(f"/groups/{FAMILY}", headers=KEY).get_json()["data"]
    assert shown["name"] == "Renamed"
    for body in ({}, {"subject": ""}, {"announce": "perhaps"}, {"owner": ANN}):
        assert client.patch(f"{GROUPS}/{FAMILY}", json=body).status_code == 400
    assert client.patch(f"{GROUPS}/nowhere@g.us", json={"announce": False}).status_code == 404
