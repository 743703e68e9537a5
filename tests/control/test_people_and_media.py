"""/_mock/people and /_mock/media: who is in the directory, and files as they were sent."""

from __future__ import annotations

import io
from typing import Any

import pytest
from werkzeug.test import Client

from tests.defaults import ANN, ANN_LID, ANNS_GROUP, BEN, BEN_LID, CARA, OUR_LID, OUR_NUMBER
from tests.support import KEY

PEOPLE = "/_mock/people"
AMINA = "254711000111"


def put(client: Client, number: str, **given: Any) -> Any:
    response = client.put(f"{PEOPLE}/{number}", json=given)
    assert response.status_code == 200, response.text
    return response.get_json()


def refused(response: Any, status: int, code: str) -> str:
    assert (response.status_code, response.get_json()["error"]["code"]) == (status, code), response.text
    message: str = response.get_json()["error"]["message"]
    return message


def person(client: Client, number: str) -> dict[str, Any] | None:
    people = client.get(PEOPLE).get_json()["people"]
    return next((one for one in people if one["number"] == number), None)


def exists(client: Client, number: str) -> bool:
    found: bool = client.post("/check-number", headers=KEY, json={"number": number}).get_json()["exists"]
    return found


def upload(client: Client, name: str, data: bytes = b"%PDF-1.4 data", mimetype: str = "") -> Any:
    """Send a document, and return the response to asking for its file."""
    form = {"recipients[]": ANN, "type": "document", "file": (io.BytesIO(data), name, mimetype or None)}
    sent = client.post("/send-message", headers=KEY, data=form)
    assert sent.status_code == 200, sent.text
    return client.get(f"/_mock/media/{newest(client)['media']}")


def newest(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/_mock/messages?limit=1").get_json()["messages"][0]
    return found


def test_somebody_new_gets_a_lid_and_is_listed(client: Client) -> None:
    made = put(client, AMINA, name="Amina")

    assert made == person(client, AMINA)
    assert made == {
        "number": AMINA,
        "lid": made["lid"],
        "name": "Amina",
        "on_whatsapp": True,
        "rules": [],
        "aliases": [],
        "addable": True,
    }
    assert made["lid"].endswith("@lid")


def test_a_number_can_be_written_in_any_way(client: Client) -> None:
    assert put(client, "+254 711-000.111", name="Amina")["number"] == AMINA
    assert put(client, f"{AMINA}@s.whatsapp.net", name="A")["number"] == AMINA
    assert client.delete(f"{PEOPLE}/+254-711-000-111").status_code == 200


def test_without_a_lid_people_keep_theirs(client: Client) -> None:
    assert put(client, ANN, name="Renamed")["lid"] == ANN_LID


def test_a_lid_of_ones_own_can_be_given_and_the_former_is_free_again(client: Client) -> None:
    put(client, ANN, lid="111111111111111@lid")

    assert put(client, AMINA, lid=ANN_LID)["lid"] == ANN_LID


def test_a_lid_of_somebody_else_is_refused(client: Client) -> None:
    refused(client.put(f"{PEOPLE}/{ANN}", json={"lid": BEN_LID}), 409, "lid_in_use")
    refused(client.put(f"{PEOPLE}/{AMINA}", json={"lid": OUR_LID}), 409, "lid_in_use")

    assert person(client, AMINA) is None


def test_whoever_is_not_on_whatsapp_cannot_be_written_to(client: Client) -> None:
    assert exists(client, AMINA)

    put(client, AMINA, on_whatsapp=False)

    assert not exists(client, AMINA)
    said = {"recipients": [AMINA], "type": "text", "text": "x"}
    assert client.post("/send-message", headers=KEY, json=said).get_json()["successful_recipients"] == []


def test_whoever_is_removed_is_as_anybody_is(client: Client) -> None:
    put(client, AMINA, on_whatsapp=False)

    assert client.delete(f"{PEOPLE}/{AMINA}").get_json() == {"deleted": AMINA}

    assert exists(client, AMINA)
    assert person(client, AMINA) is None
    refused(client.delete(f"{PEOPLE}/{AMINA}"), 404, "person_not_found")


def test_a_member_of_a_group_who_is_removed_stays_in_it(client: Client) -> None:
    client.delete(f"{PEOPLE}/{ANN}")

    assert client.get(f"/groups/{ANNS_GROUP}", headers=KEY).status_code == 200
    assert client.get("/groups", headers=KEY).status_code == 200


def test_an_instance_stays_in_the_directory_and_on_whatsapp(client: Client) -> None:
    refused(client.delete(f"{PEOPLE}/{OUR_NUMBER}"), 409, "person_is_linked")
    refused(client.put(f"{PEOPLE}/{OUR_NUMBER}", json={"on_whatsapp": False}), 409, "person_is_linked")

    assert put(client, OUR_NUMBER, name="Us")["lid"] == OUR_LID


def test_somebody_with_rules_answers(client: Client) -> None:
    client.patch("/_mock/clock", json={"frozen": True})
    put(client, AMINA, rules=[{"when": "price", "reply": "How much?", "after": 2}])
    said = {"recipients": [AMINA], "type": "text", "text": "The price is 5"}
    client.post("/send-message", headers=KEY, json=said)

    client.post("/_mock/clock/advance", json={"seconds": 2})

    assert (newest(client)["direction"], newest(client)["text"]) == ("inbound", "How much?")


@pytest.mark.parametrize("number", ["x", "0123456789", "1", "1" * 16, "%00", "ä", "120363403582097887@g.us"])
def test_what_is_no_number_is_refused(number: str, client: Client) -> None:
    refused(client.put(f"{PEOPLE}/{number}", json={}), 400, "invalid_number")
    refused(client.delete(f"{PEOPLE}/{number}"), 400, "invalid_number")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"nam": "x"}, "'nam' is not known; did you mean 'name'?"),
        ({"onWhatsapp": True}, "'onWhatsapp' is not known; did you mean 'on_whatsapp'?"),
        ({"rules": [{"wen": "x"}]}, "rules[0]: 'wen' is not known; did you mean 'when'?"),
        ({"name": 5}, "name: "),
        ({"on_whatsapp": "true"}, "on_whatsapp: "),
        pytest.param({"on_whatsapp": 1}, "on_whatsapp: "),
        ({"lid": "x"}, "lid: "),
        ({"lid": "163514152964174@lid\n"}, "lid: "),
        ({"rules": {}}, "rules: "),
        ({"rules": [None]}, "rules[0]"),
        ({"rules": [{"after": -1}]}, "rules[0].after: "),
        ({"rules": [{"after": 1e300}]}, "rules[0].after: "),
        ({"rules": [{}] * 101}, "rules: "),
        ({"name": "x" * 65_537}, "name: "),
    ],
)
def test_what_describes_nobody_is_refused_by_name(given: dict[str, Any], said: str, client: Client) -> None:
    assert refused(client.put(f"{PEOPLE}/{AMINA}", json=given), 400, "bad_request").startswith(said)

    assert person(client, AMINA) is None


def test_a_file_comes_back_as_it_was_sent_and_always_as_a_download(client: Client) -> None:
    data = bytes(range(256)) * 40

    response = upload(client, "report.html", data, "text/html")

    assert response.data == data
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.headers["Content-Disposition"] == "attachment; filename=report.html"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["ä.pdf", "😀.pdf", 'a"b.pdf', "../../etc/passwd", "a;b.pdf", "x" * 300])
def test_a_file_of_any_name_is_a_download(name: str, client: Client) -> None:
    response = upload(client, name)

    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("written", ["a%0Ab.pdf", "a%0D%0AX-Evil: 1.pdf", "a%00.pdf"])
def test_a_name_with_a_line_break_is_a_download_too(written: str, client: Client) -> None:
    body = (
        f'--b\r\nContent-Disposition: form-data; name="recipients[]"\r\n\r\n{CARA}\r\n'
        '--b\r\nContent-Disposition: form-data; name="type"\r\n\r\ndocument\r\n'
        f"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=utf-8''{written}\r\n\r\n%PDF\r\n--b--\r\n"
    )
    client.post("/send-message", headers=KEY, data=body, content_type="multipart/form-data; boundary=b")

    response = client.get(f"/_mock/media/{newest(client)['media']}")

    assert (response.status_code, response.data) == (200, b"%PDF")
    assert "X-Evil" not in response.headers


def test_a_part_of_a_file_can_be_asked_for(client: Client) -> None:
    upload(client, "a.pdf", b"0123456789")
    path = f"/_mock/media/{newest(client)['media']}"

    part = client.get(path, headers={"Range": "bytes=2-4"})
    beyond = client.get(path, headers={"Range": "bytes=99-"})

    assert part.status_code in (200, 206)
    assert b"234" in part.data
    assert beyond.status_code in (200, 416)


@pytest.mark.parametrize("media", ["nope", "%00", "..", "default"])
def test_an_unknown_file_is_not_found(media: str, client: Client) -> None:
    refused(client.get(f"/_mock/media/{media}"), 404, "media_not_found")


def test_a_file_is_gone_after_a_reset(client: Client) -> None:
    upload(client, "a.pdf")
    path = f"/_mock/media/{newest(client)['media']}"

    client.post("/_mock/reset")

    refused(client.get(path), 404, "media_not_found")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"aliases": ["nonsense"]}, 400, "aliases: not a phone number"),
        ({"aliases": "5531988561070"}, 400, "aliases"),
        ({"aliases": [5531988561070]}, 400, "aliases"),
        ({"aliases": ["5531988561070"] * 11}, 400, "aliases"),
        ({"addable": "no"}, 400, "addable"),
        ({"aliases": [ANN]}, 409, f"aliases: {ANN} is another person's number"),
        ({"aliases": [OUR_NUMBER]}, 409, "another person's number"),
        ({"aliases": [BEN]}, 409, "the person's own number"),
        ({"aliases": [ANN_LID.removesuffix("@lid")]}, 409, "the digits of a LID"),
        ({"lid": ANN_LID}, 409, "lid: another person has this LID"),
        ({"aliases": ["2547000000001"], "lid": "2547000000001@lid"}, 409, "lid: 2547000000001 is a phone number"),
    ],
)
def test_what_confuses_people_is_refused_by_its_name(
    body: dict[str, Any], status: int, says: str, client: Client
) -> None:
    before = client.get("/_mock/people").get_json()

    response = client.put(f"/_mock/people/{BEN}", json=body)

    assert response.status_code == status
    assert says in response.get_json()["error"]["message"]
    assert client.get("/_mock/people").get_json() == before


def test_the_digits_of_a_lid_are_no_person_to_put_or_delete(client: Client) -> None:
    digits = ANN_LID.removesuffix("@lid")

    assert client.put(f"/_mock/people/{digits}", json={}).status_code == 409
    assert client.delete(f"/_mock/people/{digits}").status_code == 404
    assert client.post("/_mock/instances", json={"number": digits}).status_code == 409
    assert client.post("/_mock/inbound", json={"from": digits, "text": "hi"}).status_code == 400


def test_a_person_is_put_and_deleted_by_an_alias(client: Client) -> None:
    client.put(f"/_mock/people/{AMINA}", json={"aliases": ["+55 31 98856-1070"]})

    changed = client.put("/_mock/people/5531988561070", json={"addable": False, "aliases": ["5531988561070"]})
    assert (changed.get_json()["number"], changed.get_json()["aliases"]) == (AMINA, ["5531988561070"])
    assert client.delete("/_mock/people/5531988561070").status_code == 200
    assert AMINA not in [one["number"] for one in client.get("/_mock/people").get_json()["people"]]


@pytest.mark.parametrize(
    "match",
    [
        {"to": "5531988561070"},
        {"to": "+55 31 98856 1070"},
        {"to": 5531988561070},
        {"number": "5531988561070"},
        {"to": {"equal": "5531988561070"}},
        {"to": {"one_of": [ANN, "5531988561070"]}},
        {"to": {"not": {"one_of": [ANN]}}},
        {"to": BEN},
    ],
)
def test_matchers_of_messages_take_aliases(match: dict[str, Any], client: Client) -> None:
    client.put(f"/_mock/people/{BEN}", json={"aliases": ["5531988561070"]})
    client.post("/send-message", headers=KEY, json={"recipients": ["5531988561070"], "type": "text", "text": "hi"})

    assert client.post("/_mock/messages/search", json={"match": match}).get_json()["count"] == 1
    assert client.post("/_mock/messages/wait", json={"match": match, "timeout": 0}).status_code == 200
    assert client.post("/_mock/messages/verify", json={"match": match, "exactly": 1}).status_code == 200
    assert client.post("/_mock/messages/verify", json={"in_order": [match]}).status_code == 200
    assert client.post("/_mock/messages/verify", json={"match": {"to": {"not": BEN}}, "never": True}).status_code == 200


def test_matchers_of_calls_compare_what_was_sent(client: Client) -> None:
    client.put(f"/_mock/people/{BEN}", json={"aliases": ["5531988561070"]})
    client.post("/check-number", headers=KEY, json={"number": "5531988561070"})

    found = [
        client.post("/_mock/requests/search", json={"match": {"number": number}}).get_json()["count"]
        for number in ("5531988561070", BEN)
    ]
    assert found == [1, 0]


@pytest.mark.parametrize("number", [BEN, "5531988561070"])
def test_a_fault_meets_the_events_of_a_person_under_each_number(number: str, client: Client) -> None:
    client.put(f"/_mock/people/{BEN}", json={"aliases": ["5531988561070"]})
    client.put("/_mock/instances/default/webhook", json={"url": "http://127.0.0.1:9/hook"})
    fault = {"on": "deliveries", "match": {"number": number}, "action": "drop"}
    assert client.post("/_mock/faults", json=fault).status_code == 201

    for sender in ("5531988561070", ANN):
        client.post("/_mock/inbound", json={"from": sender, "text": "hi"})

    assert client.get("/_mock/faults").get_json()["faults"][0]["hits"] == 1
