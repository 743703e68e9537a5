"""Whom a bot writes to: LIDs that look like numbers, two numbers of one person, typos, and privacy in groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
import requests

from flaresend_mock.testing import Flaresend
from tests.defaults import ANN, ANN_LID, ANNS_GROUP, BEN, CARA, DAN

JOAO, JOAO_OLD = "5531988561070", "553188561070"  # one phone in Brazil, with and without the ninth digit
Event = Mapping[str, Any]
Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(flaresend_mock: Flaresend) -> Call:
    """Return what calls the API, as a bot does."""

    def post(path: str, **body: Any) -> dict[str, Any]:
        url, headers = f"{flaresend_mock.url}/{path}", flaresend_mock.headers
        response: dict[str, Any] = requests.post(url, headers=headers, json=body, timeout=10).json()
        return response

    return post


def send(call: Call, number: str, text: str = "Welcome!") -> dict[str, Any]:
    return call("send-message", recipients=[number], type="text", text=text)


# A bot strips the end of `from`


def stripped(event: Event) -> str:
    """Return the writer's number as many bots do: the digits of `from`, wherever they come from."""
    return str(event["data"]["from"]).partition("@")[0]


def number_of(event: Event, known: Mapping[str, str]) -> str | None:
    """Return the writer's number as a careful bot does: a LID is none, and has to be looked up."""
    data = event["data"]
    jid = data.get("participantPn") or data.get("participant") or data["from"]
    return known.get(jid) if jid.endswith("@lid") else jid.partition("@")[0]


def test_a_bot_that_strips_lid_writes_to_nobody(flaresend_mock: Flaresend, call: Call) -> None:
    by_number = flaresend_mock.receive(ANN, "hi")
    by_lid = flaresend_mock.receive(ANN, "hi again", from_lid=True)

    naive = stripped(by_lid)
    assert f"{naive}@lid" == ANN_LID
    assert call("check-number", number=naive)["exists"] is False
    for spelling in (naive, f"+{naive}", f"{naive}@s.whatsapp.net", f"{naive}@c.us"):
        assert send(call, spelling)["invalid_recipients"] == [spelling]
    call("schedule-message", recipients=[naive], type="text", text="Later", sendAt="2099-01-01 09:00:00")
    flaresend_mock.clock.advance(to="2099-01-01T09:00:00Z")
    assert flaresend_mock.messages(direction="outbound") == []

    careful = number_of(by_lid, {ANN_LID: stripped(by_number)})
    assert careful == ANN
    assert send(call, ANN)["successful_recipients"] == [f"{ANN}@s.whatsapp.net"]


def test_a_bot_that_strips_lid_invites_nobody_from_a_group(flaresend_mock: Flaresend, call: Call) -> None:
    event = flaresend_mock.receive(ANN, "add me", group=ANNS_GROUP)
    event = {**event, "data": {**event["data"], "from": event["data"]["participant"]}}

    response = call("groups", subject="Bookings", participants=[stripped(event)])
    assert response == {"success": False, "message": "No valid participants"}

    careful = number_of(event, {})
    assert call("groups", subject="Bookings", participants=[careful])["data"]["size"] == 2


@pytest.mark.flaresend(lid_recipients="accept")
def test_a_world_may_accept_lids_as_they_are(flaresend_mock: Flaresend, call: Call) -> None:
    assert send(call, ANN_LID)["successful_recipients"] == [f"{ANN}@s.whatsapp.net"]
    assert send(call, ANN_LID.removesuffix("@lid"))["successful_recipients"] == []
    assert len(flaresend_mock.sent_to(ANN)) == 1


# One phone has two numbers


def latest_of(customers: dict[str, str], event: Event) -> bool:
    """Keep a customer by the digits of `from`, and tell whether they are new: a naive bot."""
    number = stripped(event)
    is_new = number not in customers
    customers[number] = str(event["data"]["message"].get("conversation"))
    return is_new


def test_a_bot_that_keeps_the_number_it_was_given_meets_one_person_twice(flaresend_mock: Flaresend, call: Call) -> None:
    flaresend_mock.person(JOAO_OLD, name="João", aliases=[JOAO])
    naive, careful = {JOAO: "asked by phone"}, {JOAO: "asked by phone"}

    sent = send(call, JOAO)  # as it stands in the order
    event = flaresend_mock.receive(JOAO, "Yes, please")

    assert latest_of(naive, event)  # the answer comes from a stranger
    (jid,) = sent["successful_recipients"]
    careful[jid.partition("@")[0]] = careful.pop(JOAO)  # keeps the number under which it was delivered
    assert not latest_of(careful, event)
    assert (len(naive), len(careful)) == (2, 1)
    assert [one.to for one in flaresend_mock.sent_to(JOAO)] == [JOAO_OLD]


@pytest.mark.parametrize(
    ("number", "other"), [(JOAO_OLD, JOAO), ("525512345678", "5215512345678"), ("5491123456789", "541123456789")]
)
def test_two_spellings_are_one_member_of_a_group(
    number: str, other: str, flaresend_mock: Flaresend, call: Call
) -> None:
    flaresend_mock.person(number, aliases=[other])

    group = call("groups", subject="Trip", participants=[number, other])["data"]
    assert group["size"] == 2  # not 3, as the naive bot counts
    again = call(f"groups/{group['id']}/participants", action="add", participants=[other])
    assert again["message"] == "Some participants are already in the group."
    assert again["invalid"] == [number]


# A number has a typo


def notify(call: Call, number: str) -> bool:
    """Send a message and believe the status of the response, as a naive bot does."""
    return bool(send(call, number)["success"])


def notify_carefully(call: Call, number: str) -> bool:
    return bool(send(call, number)["successful_recipients"])


@pytest.mark.parametrize("typo", ["2547123456780", "0254712345678", "2540712345678", "1234567"])
@pytest.mark.flaresend(directory="closed")
def test_a_message_to_a_number_with_a_typo_reaches_nobody(typo: str, flaresend_mock: Flaresend, call: Call) -> None:
    assert notify(call, typo)
    assert not notify_carefully(call, typo)
    assert notify_carefully(call, ANN)
    assert [one.to for one in flaresend_mock.messages()] == [ANN]


def test_a_directory_is_closed_in_the_middle_of_a_test(flaresend_mock: Flaresend, call: Call) -> None:
    assert call("check-number", number="4915112345678")["exists"] is True

    flaresend_mock.settings(directory="closed")

    assert call("check-number", number="4915112345678")["exists"] is False
    flaresend_mock.person("4915112345678", name="Mia")
    assert call("check-number", number="4915112345678")["exists"] is True


# People whom nobody may add to groups


def added(response: Mapping[str, Any], wanted: Iterable[str]) -> set[str]:
    """Return who is in the group now, as a naive bot thinks: all, if the call succeeded."""
    return set(wanted) if response["success"] else set()


def added_for_sure(response: Mapping[str, Any]) -> set[str]:
    return set(response.get("participants", ())) if response["success"] else set()


def test_a_bot_that_counts_on_success_thinks_that_everybody_was_added(flaresend_mock: Flaresend, call: Call) -> None:
    flaresend_mock.person(CARA, addable=False)
    group = call("groups", subject="Trip", participants=[ANN, CARA])["data"]
    assert group["size"] == 2

    wanted = [BEN, CARA]
    response = call(f"groups/{group['id']}/participants", action="add", participants=wanted)
    assert response["message"] == "Participants successfully added"
    assert response["invalid"] == [CARA]
    assert added(response, wanted) == {BEN, CARA}
    assert added_for_sure(response) == {BEN}
    url = f"{flaresend_mock.url}/groups/{group['id']}"
    info = requests.get(url, headers=flaresend_mock.headers, timeout=10).json()["data"]
    assert len(info["participants"]) == 3


def test_nobody_is_added_if_everybody_forbids_it(flaresend_mock: Flaresend, call: Call) -> None:
    for number in (CARA, DAN):
        flaresend_mock.person(number, addable=False)
    group = call("groups", subject="Trip", participants=[ANN])["data"]

    response = call(f"groups/{group['id']}/participants", action="add", participants=[CARA, DAN])

    assert response == {"success": False, "message": "Some participants could not be added.", "invalid": [CARA, DAN]}
