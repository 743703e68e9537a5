"""A reply of the application that failed is seen at the message that it was to answer, with the way to its call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.world import World
from tests.defaults import ANN, ANN_LID, ANNS_GROUP, BEN, CARA, FAMILY, INSTANCE, PROJECT
from tests.support import KEY

UI = "/_mock/ui/w/default/"
WRONG = {"Authorization": "Bearer nope"}
HI = {"recipients": [ANN], "type": "text", "text": "Hi"}

Reply = tuple[str, dict[str, str], dict[str, Any]]


def chat_of(person: str) -> str:
    return f"chats/{INSTANCE}/{person if '@' in person else person + '@s.whatsapp.net'}"


@pytest.fixture
def inbound(client: Client) -> Callable[..., str]:
    def write(sender: str = ANN, **letter: Any) -> str:
        response = client.post("/_mock/inbound", json={"from": sender, "text": "Hello?", **letter})
        assert response.status_code == 201, response.text
        return str(response.get_json()["event"]["data"]["id"])

    return write


def page(client: Client, path: str) -> str:
    response = client.get(UI + path)
    assert response.status_code == 200, response.text
    return response.text


def failed(html: str) -> dict[str, list[str]]:
    """Return what the page says of failed replies, by the message that has them."""
    found = {}
    for bubble in re.findall(r'<li class="bubble.*?</li>', html, re.DOTALL):
        id_ = re.findall(r'data-message="([^"]*)"', bubble)[0]
        told = re.findall(r'<button type="button" class="missed".*?</button>', bubble, re.DOTALL)
        if told:
            found[id_] = [unescape(re.sub(r"<[^>]*>", "", one)) for one in told]
    return found


REPLIES: dict[str, tuple[Reply, str]] = {
    "a wrong key": (("/send-message", WRONG, {"json": HI}), "Reply refused: 401 Invalid API key"),
    "no key": (("/send-message", {}, {"data": HI}), "Reply refused: 401 Authorization header required"),
    "a misspelled path": (("/sendMessage", KEY, {"json": HI}), "Reply refused: 404 Cannot POST /sendMessage"),
    "a wrong type": (("/send-message", KEY, {"json": {**HI, "type": "txt"}}), "Reply refused: 400"),
    "a misspelled field": (("/send-message", KEY, {"json": {"to": ANN, "text": "Hi"}}), "Reply refused: 400"),
    "a text of recipients": (("/send-message", KEY, {"json": {**HI, "recipients": ANN}}), "Reply refused: 400"),
    "no JSON": (("/send-message", KEY, {"data": b"{'a'", "content_type": "application/json"}), "Reply refused: 400"),
    "nothing": (("/send-message", KEY, {}), "Reply refused: 400"),
    "a number with spaces": (
        ("/send-message", WRONG, {"json": {**HI, "recipients": ["+254 712-345678"]}}),
        "Reply refused: 401",
    ),
    "a schedule in the past": (
        ("/schedule-message", KEY, {"json": {**HI, "sendAt": "2020-01-01 00:00:00"}}),
        "Reply refused: 400",
    ),
    "a LID": (("/send-message", KEY, {"json": {**HI, "recipients": [ANN_LID]}}), "Reply did not get here: 200"),
    "another form": (("/send-message", KEY, {"data": b"x", "content_type": "text/plain"}), "Reply refused: 415"),
}


@pytest.mark.parametrize(("reply", "told"), REPLIES.values(), ids=REPLIES)
def test_it_is_seen_at_the_message_that_it_was_to_answer(
    reply: Reply, told: str, client: Client, inbound: Callable[..., str]
) -> None:
    inbound(BEN)
    inbound(text="First")
    message = inbound()
    path, headers, given = reply
    client.post(path, headers=headers, **given)

    found = failed(page(client, chat_of(ANN)))

    assert list(found) == [message]
    assert len(found[message]) == 1
    assert found[message][0].startswith(told)
    assert failed(page(client, chat_of(BEN))) == {}


def test_it_leads_to_its_call(client: Client, inbound: Callable[..., str]) -> None:
    message = inbound()
    client.post("/send-message", headers=WRONG, json=HI)
    (number,) = re.findall(r'hx-get="[./]*w/default/(parts/traffic/\d+)" hx-target="#why"', page(client, chat_of(ANN)))

    shown = unescape(client.get(UI + number, headers={"HX-Target": "why"}).text)
    assert "data-close" in shown
    assert "POST /send-message" in shown
    assert f'"{ANN}"' in shown
    assert "Invalid API key" in shown
    assert number in page(client, f"parts/why/{message}")


def test_a_disconnected_instance_refuses_it(client: Client, inbound: Callable[..., str]) -> None:
    message = inbound()
    client.post("/_mock/instances/default/disconnect")
    client.post("/send-message", headers=KEY, json=HI)

    assert failed(page(client, chat_of(ANN)))[message][0].startswith("Reply refused: 425 Instance not ready")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"preset": "down"}, "Reply refused: 503 Service unavailable fault down"),
        ({"action": "reset", "name": "cut"}, "Reply got no response fault cut resets the connection before"),
        (
            {"action": "drop_response", "name": "lost"},
            "Reply met a fault: 200 fault lost processes the call and sends no",
        ),
        ({"action": "corrupt", "name": "bad"}, "Reply met a fault: 200 fault bad sends a response that is no JSON"),
        ({"respond": {"status": 500, "body": "oops"}}, "Reply refused: 500"),
    ],
)
def test_a_fault_is_named(fault: dict[str, Any], told: str, client: Client, inbound: Callable[..., str]) -> None:
    message = inbound()
    assert client.post("/_mock/faults", json=fault).status_code == 201
    client.post("/send-message", headers=KEY, json=HI)

    assert failed(page(client, chat_of(ANN)))[message][0].startswith(told)


@pytest.mark.parametrize("group", [FAMILY, PROJECT])
def test_groups_have_theirs(group: str, client: Client, world: World, inbound: Callable[..., str]) -> None:
    message = inbound(ANN if group == FAMILY else BEN, group=group)
    said = {"type": "text", "text": "Hi", "groupJids": [group]}
    client.post("/groups/send-message", headers=KEY, json={**said, "type": "x"})
    client.patch(f"/_mock/groups/{ANNS_GROUP}", json={"announce": True})

    found = failed(page(client, chat_of(group)))
    assert list(found) == [message]
    assert [list(failed(page(client, chat_of(one)))) for one in (ANN, BEN)] == [[], []]


def test_a_group_in_which_only_admins_post_refuses_it(client: Client, inbound: Callable[..., str]) -> None:
    message = inbound(group=ANNS_GROUP)
    demoted = {"action": "demote", "participants": ["254708920430"]}
    assert client.post(f"/_mock/groups/{ANNS_GROUP}/participants", json=demoted).status_code == 200
    assert client.patch(f"/_mock/groups/{ANNS_GROUP}", json={"announce": True}).status_code == 200
    said = {"type": "text", "text": "Hi", "groupJids": [ANNS_GROUP, FAMILY]}
    assert client.post("/groups/send-message", headers=KEY, json=said).status_code == 200

    assert failed(page(client, chat_of(ANNS_GROUP)))[message][0].startswith("Reply did not get here: 200")
    assert failed(page(client, chat_of(FAMILY))) == {}


def test_what_succeeded_or_asks_for_something_else_is_no_failed_reply(
    client: Client, inbound: Callable[..., str]
) -> None:
    inbound()
    client.post("/send-message", headers=KEY, json=HI)
    client.post("/check-number", headers=KEY, json={"number": [ANN]})
    client.post("/groups", headers=KEY, json={"participants": [ANN]})
    client.get("/nowhere", headers=KEY)
    client.post("/send-message", headers=KEY, json={**HI, "recipients": [CARA], "type": "x"})

    assert failed(page(client, chat_of(ANN))) == {}


OTHERS: dict[str, tuple[str, Any]] = {
    "a longer number": ("/send-message", {"to": f"{ANN}9", "text": "Hi"}),
    "one that ends the same": ("/send-message", {"to": f"9{ANN}", "text": "Hi"}),
    "an unknown path": ("/sendMessage", {"to": f"{ANN}9", "text": "Hi"}),
    "another one's number in a wrong field": ("/send-message", {"to": BEN, "text": "Hi"}),
    "another one's number in broken JSON": ("/send-message", f'{{"recipients": ["{BEN}"], "text": "Hi}}'),
}


@pytest.mark.parametrize(("path", "body"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("newest", [ANN, CARA])
def test_a_call_for_others_is_not_shown_here(
    newest: str, path: str, body: Any, client: Client, inbound: Callable[..., str]
) -> None:
    inbound(CARA if newest == ANN else ANN)
    message = inbound(newest)
    client.post(
        path, headers=WRONG, data=body if isinstance(body, str) else json.dumps(body), content_type="application/json"
    )

    shown = failed(page(client, chat_of(ANN)))
    to_no_one = newest == ANN and path == "/send-message" and BEN not in str(body)
    assert list(shown) == ([message] if to_no_one else [])


def test_an_alias_names_the_person(client: Client, world: World, inbound: Callable[..., str]) -> None:
    world.people.put(BEN, aliases=["5531988561070"])
    message = inbound(BEN)
    client.post("/send-message", headers=WRONG, json={**HI, "recipients": ["5531988561070"]})

    assert list(failed(page(client, chat_of(BEN)))) == [message]


def test_it_appears_at_once_and_stays(client: Client, inbound: Callable[..., str]) -> None:
    old, message = inbound(text="old"), inbound()
    html = page(client, chat_of(ANN))
    assert failed(html) == {}
    after = re.findall(r'name="after" value="(\d+)"', html)[0]
    assert re.search(r'id="newest"[^>]*news-request from:body', html)
    news = f"parts/news/{chat_of(ANN).removeprefix('chats/')}?oldest=0&after="
    client.post("/send-message", headers=WRONG, json=HI)

    found = page(client, news + after)
    assert list(failed(found)) == [message]
    assert found.count("hx-swap-oob") >= 2  # the bubble and the position
    after = re.findall(r'name="after" value="(\d+)"', found)[0]
    assert failed(page(client, news + after)) == {}
    inbound(type="edit", text="Hello!", target=message)
    assert list(failed(page(client, news + after))) == [message]
    assert old not in found


def test_an_earlier_page_has_its_own(client: Client, inbound: Callable[..., str]) -> None:
    message = inbound()
    client.post("/send-message", headers=WRONG, json=HI)
    for number in range(45):
        inbound(text=str(number))

    html = page(client, chat_of(ANN))
    assert failed(html) == {}
    older = re.findall(r'hx-get="[./]*w/default/(parts/older/[^"]*)"', html)[0]
    assert list(failed(page(client, unescape(older)))) == [message]


def test_of_a_long_reason_the_beginning_is_shown(client: Client, inbound: Callable[..., str]) -> None:
    message = inbound()
    client.post("/_mock/faults", json={"respond": {"status": 500, "body": {"message": "why " * 100_000}}})
    client.post("/send-message", headers=KEY, json=HI)

    (told,) = failed(page(client, chat_of(ANN)))[message]
    assert told.startswith("Reply refused: 500 why why")
    assert len(told) < 400


def test_a_hostile_response_is_text(client: Client, inbound: Callable[..., str]) -> None:
    inbound()
    fault = {"name": "<b>f</b>", "respond": {"status": 500, "body": {"message": "<script>alert(1)</script>"}}}
    client.post("/_mock/faults", json=fault)
    client.post("/send-message", headers=KEY, json=HI)

    html = page(client, chat_of(ANN))
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<b>f</b>" not in html


def test_each_look_finds_what_failed_since_and_before(
    client: Client, world: World, inbound: Callable[..., str]
) -> None:
    first = inbound()
    client.post("/send-message", headers=WRONG, json=HI)
    assert list(failed(page(client, chat_of(ANN)))) == [first]
    second = inbound()
    client.post("/send-message", headers=WRONG, json=HI)

    for _ in range(2):
        assert list(failed(page(client, chat_of(ANN)))) == [first, second]
    export = client.get("/_mock/world").get_json()
    client.post("/_mock/reset")
    assert not failed(page(client, chat_of(ANN)))
    client.put("/_mock/world", json=export)
    assert list(failed(page(client, chat_of(ANN)))) == [first, second]


def test_what_is_no_longer_kept_is_not_shown(client: Client, inbound: Callable[..., str]) -> None:
    export = client.get("/_mock/world").get_json()
    client.put("/_mock/world", json={**export, "history": 8})
    first = inbound()
    client.post("/send-message", headers=WRONG, json=HI)
    assert list(failed(page(client, chat_of(ANN)))) == [first]

    for _ in range(8):
        client.post("/send-message", headers=KEY, json=HI)
    assert not failed(page(client, chat_of(ANN)))


def test_equal_failures_are_told_once_with_their_number(client: Client, inbound: Callable[..., str]) -> None:
    message = inbound()
    for headers in (WRONG, WRONG, WRONG, {}, WRONG):
        client.post("/send-message", headers=headers, json=HI)

    told = failed(page(client, chat_of(ANN)))[message]
    assert [" ".join(one.split()) for one in told] == [
        "Reply refused: 401 Invalid API key 3 times </>",
        "Reply refused: 401 Authorization header required </>",
        "Reply refused: 401 Invalid API key </>",
    ]


def test_a_fault_keeps_its_name_when_it_was_deleted(client: Client, inbound: Callable[..., str]) -> None:
    message = inbound()
    fault = client.post("/_mock/faults", json={"preset": "down"}).get_json()["id"]
    client.post("/send-message", headers=KEY, json=HI)
    client.delete(f"/_mock/faults/{fault}")

    html = page(client, chat_of(ANN))
    assert "fault down" in failed(html)[message][0]
    (number,) = re.findall(r'w/default/(parts/traffic/\d+)" hx-target="#why"', html)
    assert "Hit by the fault down, which was deleted" in page(client, number)
    assert re.search(r"Fault <bdi>down</bdi>", page(client, "traffic"))


@pytest.mark.parametrize("status", ["initializing", "qr", "connecting", "disconnected"])
def test_the_chat_says_in_words_what_the_phone_does(status: str, client: Client, world: World) -> None:
    world.pairing.set_status(INSTANCE, status)
    says = {"initializing": "starting", "qr": "not linked"}.get(status, status)

    shown = re.sub(r"<[^>]*>", "", page(client, chat_of(ANN)))
    assert shown.count(f" is {says}") == 2  # beside the name, and above the field


def test_it_keeps_its_id_when_the_reply_fails_again(client: Client, inbound: Callable[..., str]) -> None:
    """So that a button keeps the focus of the keyboard, and gets it back, when its bubble is replaced."""
    inbound()
    ids = []
    for headers in (WRONG, WRONG, {}):
        client.post("/send-message", headers=headers, json=HI)
        ids.append(re.findall(r'class="missed"[^>]* id="([^"]*)"', page(client, chat_of(ANN))))

    assert ids[0] == ids[1] == ids[2][:1]
    assert len(ids[2]) == 2
