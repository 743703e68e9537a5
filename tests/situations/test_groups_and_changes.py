"""Groups, edits and deletions: whose number is it, whose message, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.testing import ControlPlaneError, Flaresend
from tests.defaults import ANN, ANN_LID, ANNS_GROUP, BEN, BEN_LID, FAMILY, OUR_LID, OUR_NUMBER

pytestmark = pytest.mark.flaresend(frozen_at="2025-11-14T12:00:00Z")
Data = Mapping[str, Any]


def receive(flaresend: Flaresend, sender: str = ANN, text: str | None = None, **fields: Any) -> Data:
    """Return the data of the event of a message."""
    found: Data = flaresend.receive(sender, text, **fields)["data"]
    return found


def in_group(flaresend: Flaresend, group: str = ANNS_GROUP) -> Mapping[str, str | None]:
    """Return the participants of a group with their roles, as an application gets them."""
    response = requests.get(f"{flaresend.url}/groups/{group}", headers=flaresend.headers, timeout=10)
    return {one["id"]: one["admin"] for one in response.json()["data"]["participants"]}


def join(flaresend: Flaresend, number: str, group: str = ANNS_GROUP) -> None:
    body = {"action": "add", "participants": [number]}
    url = f"{flaresend.url}/groups/{group}/participants"
    requests.post(url, headers=flaresend.headers, json=body, timeout=10).raise_for_status()


def send_to_group(flaresend: Flaresend, text: str, group: str) -> Any:
    body = {"groupJids": [group], "type": "text", "text": text}
    url = f"{flaresend.url}/groups/send-message"
    return requests.post(url, headers=flaresend.headers, json=body, timeout=10).json()


def protocol(data: Data) -> Data | None:
    """Return what a message changes, wherever WhatsApp puts it."""
    message = data["message"]
    wrapped = message.get("editedMessage", {}).get("message", message)
    found: Data | None = wrapped.get("protocolMessage")
    return found


def words(message: Data) -> str | None:
    """Return the text or caption of a message or of an edit."""
    message = message.get("documentWithCaptionMessage", {}).get("message", message)
    if "conversation" in message:
        return str(message["conversation"])
    bodies = [one for one in message.values() if isinstance(one, Mapping)]
    return next((one.get("text", one.get("caption")) for one in bodies if {"text", "caption"} & one.keys()), None)


class CarefulStore:
    """Messages by id, changed only by whom WhatsApp lets: the author, or an admin of the group."""

    def __init__(self, is_admin: Callable[[str], bool] = lambda writer: False) -> None:
        self.messages: dict[str, tuple[str, str | None]] = {}
        self._is_admin = is_admin

    def take(self, data: Data) -> None:
        writer = data.get("participant", data["from"])
        change = protocol(data)
        if change is None:
            self.messages[data["id"]] = (writer, words(data["message"]))
            return
        id_ = change["key"]["id"]
        author, _ = self.messages.get(id_, (None, None))
        if change["type"] == "MESSAGE_EDIT" and writer == author:
            self.messages[id_] = (writer, words(change["editedMessage"]))
        elif change["type"] == "REVOKE" and (writer == author or self._is_admin(writer)):
            self.messages.pop(id_, None)

    @property
    def texts(self) -> list[str | None]:
        return [text for _, text in self.messages.values()]


class NaiveStore(CarefulStore):
    """Applies any change by the id that it names, as plain text."""

    def take(self, data: Data) -> None:
        change = data["message"].get("protocolMessage")
        if change is None:
            self.messages[data["id"]] = (data["from"], words(data["message"]))
        elif change["type"] == "REVOKE":
            self.messages.pop(change["key"]["id"], None)
        else:
            self.messages[change["key"]["id"]] = (data["from"], change["editedMessage"].get("conversation"))


def test_a_bot_that_looks_for_numbers_among_the_participants_finds_no_admin(flaresend_mock: Flaresend) -> None:
    data = receive(flaresend_mock, text="!close", group=ANNS_GROUP)
    participants = in_group(flaresend_mock)

    def naive(data: Data) -> bool:
        return participants.get(data["participantPn"]) is not None

    def careful(data: Data) -> bool:
        return participants.get(data["participant"]) is not None

    assert participants[ANN_LID] == "superadmin"
    assert [naive(data), careful(data)] == [False, True]
    join(flaresend_mock, BEN)
    participants = in_group(flaresend_mock)
    assert not careful(receive(flaresend_mock, BEN, "!close", group=ANNS_GROUP))


def test_a_bot_that_waits_for_its_number_is_deaf_to_mentions_in_groups(flaresend_mock: Flaresend) -> None:
    data = receive(flaresend_mock, text=f"@{OUR_NUMBER} help", mentions=[OUR_NUMBER], group=FAMILY)
    body = data["message"]["extendedTextMessage"]

    def naive() -> bool:
        return f"@{OUR_NUMBER}" in body["text"]

    def careful(own: set[str]) -> bool:
        return not own.isdisjoint(body["contextInfo"]["mentionedJid"])

    assert not naive()
    assert careful({OUR_LID, f"{OUR_NUMBER}@s.whatsapp.net"})
    assert body["text"] == f"@{OUR_LID.removesuffix('@lid')} help"


def test_a_bot_that_knows_itself_by_number_takes_a_reply_to_it_for_one_to_others(flaresend_mock: Flaresend) -> None:
    send_to_group(flaresend_mock, "Shall I order?", FAMILY)
    ours = flaresend_mock.messages(direction="outbound")[-1].id

    reply = receive(flaresend_mock, text="Yes", reply_to=ours, group=FAMILY)["message"]["extendedTextMessage"]

    context = reply["contextInfo"]
    assert context["participant"] != f"{OUR_NUMBER}@s.whatsapp.net"
    assert context["participant"] == OUR_LID
    assert context["quotedMessage"] == {"conversation": "Shall I order?"}
    assert flaresend_mock.messages(reply_to=ours)[-1].text == "Yes"


@pytest.mark.parametrize("senders", ["number", "lid"])
def test_a_bot_that_needs_the_number_beside_the_lid_fails_in_worlds_without(
    senders: str, flaresend_mock: Flaresend
) -> None:
    flaresend_mock.settings(senders=senders)

    data = receive(flaresend_mock, text="hi", group=ANNS_GROUP)

    with pytest.raises(KeyError):
        data["participantPn"]
    assert data["participant"] == (ANN_LID if senders == "lid" else f"{ANN}@s.whatsapp.net")


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    "original",
    [{"type": "image", "caption": "Old"}, {"type": "video", "caption": "Old"}, {"type": "document", "caption": "Old"}],
    ids=lambda original: original["type"],
)
def test_a_bot_that_reads_edits_as_texts_loses_captions(
    original: dict[str, Any], wrapped: bool, flaresend_mock: Flaresend
) -> None:
    naive, careful = NaiveStore(), CarefulStore()
    first = receive(flaresend_mock, **original)
    edit = receive(flaresend_mock, type="edit", target=first["id"], text="New", wrapped=wrapped)

    for data in (first, edit):
        naive.take(data)
        careful.take(data)

    assert "New" not in naive.texts
    assert careful.texts == ["New"]
    shown = flaresend_mock.messages(type="edit")[-1]
    assert (shown.caption, shown.target) == ("New", first["id"])


def test_a_bot_that_takes_a_deletion_for_a_message_answers_it(flaresend_mock: Flaresend) -> None:
    first = receive(flaresend_mock, text="Oops")
    gone = receive(flaresend_mock, type="delete", target=first["id"])

    def naive(data: Data) -> str:
        return f"You wrote: {words(data['message'])}"

    def careful(data: Data) -> str | None:
        return None if protocol(data) else naive(data)

    assert naive(gone) == "You wrote: None"
    assert [careful(first), careful(gone)] == ["You wrote: Oops", None]


def test_a_bot_that_takes_from_me_for_its_own_side_overlooks_every_edit(flaresend_mock: Flaresend) -> None:
    first = receive(flaresend_mock, text="Two cakes")
    edit = receive(flaresend_mock, type="edit", target=first["id"], text="Three cakes")
    change = protocol(edit)
    assert change is not None
    careful = CarefulStore()
    careful.take(first)
    careful.take(edit)

    assert change["key"] == {"remoteJid": f"{OUR_NUMBER}@s.whatsapp.net", "fromMe": True, "id": first["id"]}
    ignored = change["key"]["fromMe"]  # "mine, so nothing to do"
    assert ignored
    assert careful.texts == ["Three cakes"]


def test_a_bot_that_deletes_by_id_lets_a_member_delete_what_others_wrote(flaresend_mock: Flaresend) -> None:
    join(flaresend_mock, BEN)
    roles = in_group(flaresend_mock)
    naive, careful = NaiveStore(), CarefulStore(lambda writer: roles.get(writer) is not None)
    order = receive(flaresend_mock, text="Order 17 is paid", group=ANNS_GROUP)
    key = {"remoteJid": ANNS_GROUP, "fromMe": True, "id": order["id"], "participant": BEN_LID}
    edited = {"conversation": "Order 17 is free"}
    revoke = {"protocolMessage": {"key": key, "type": "REVOKE"}}
    false_edit = {"protocolMessage": {"key": key, "type": "MESSAGE_EDIT", "editedMessage": edited}}

    with pytest.raises(ControlPlaneError, match="only its author, or an admin") as refused:
        receive(flaresend_mock, BEN, type="delete", target=order["id"], group=ANNS_GROUP)
    assert (refused.value.status, refused.value.code) == (409, "not_allowed")
    for store in (naive, careful):
        store.take(order)
    false = [receive(flaresend_mock, BEN, message=one, group=ANNS_GROUP) for one in (false_edit, revoke)]
    naive.take(false[0])
    careful.take(false[0])
    assert (naive.texts, careful.texts) == (["Order 17 is free"], ["Order 17 is paid"])
    naive.take(false[1])
    careful.take(false[1])
    assert (naive.texts, careful.texts) == ([], ["Order 17 is paid"])


def test_a_bot_that_lets_only_authors_delete_keeps_what_an_admin_removed(flaresend_mock: Flaresend) -> None:
    join(flaresend_mock, BEN)
    roles = in_group(flaresend_mock)
    naive, careful = CarefulStore(), CarefulStore(lambda writer: roles.get(writer) is not None)
    spam = receive(flaresend_mock, BEN, "Cheap watches", group=ANNS_GROUP)
    gone = receive(flaresend_mock, type="delete", target=spam["id"], group=ANNS_GROUP)

    for store in (naive, careful):
        store.take(spam)
        store.take(gone)

    change = protocol(gone)
    assert change is not None
    assert (change["key"]["fromMe"], change["key"]["participant"]) == (False, BEN_LID)
    assert (naive.texts, careful.texts) == (["Cheap watches"], [])


def test_nobody_edits_after_a_quarter_of_an_hour(flaresend_mock: Flaresend) -> None:
    first = receive(flaresend_mock, text="Seven")["id"]
    flaresend_mock.clock.advance(minutes=15)
    receive(flaresend_mock, type="edit", target=first, text="Eight")
    flaresend_mock.clock.advance(1)

    with pytest.raises(ControlPlaneError, match="within 15 minutes") as refused:
        receive(flaresend_mock, type="edit", target=first, text="Nine")

    assert refused.value.status == 409
    flaresend_mock.clock.advance(hours=60 - 1)
    receive(flaresend_mock, type="delete", target=first)
    assert [one.type for one in flaresend_mock.messages()] == ["text", "edit", "delete"]


def test_a_bot_that_looks_up_a_quote_by_id_alone_shows_what_was_edited_since(flaresend_mock: Flaresend) -> None:
    kept: dict[str, str] = {}
    first = receive(flaresend_mock, text="At seven")
    kept[first["id"]] = first["message"]["conversation"]
    receive(flaresend_mock, type="edit", target=first["id"], text="At eight")

    reply = receive(flaresend_mock, BEN, "See you then", reply_to=first["id"])

    context = reply["message"]["extendedTextMessage"]["contextInfo"]
    assert kept[context["stanzaId"]] == "At seven"
    assert context["quotedMessage"] == {"conversation": "At eight"}


def test_a_bot_that_takes_groups_by_their_digits_misses_old_ones(tmp_path: Path) -> None:
    old = "34679352103-1411377110@g.us"
    members = [{"number": ANN, "admin": "superadmin"}, {"number": OUR_NUMBER}]
    group = {"id": old, "subject": "Old friends", "owner": ANN, "participants": members}
    world = {"instances": [{"number": OUR_NUMBER, "api_keys": ["OLD"]}], "groups": [group]}
    file = tmp_path / "world.json"
    file.write_text(json.dumps(world), encoding="utf-8")
    with FlaresendMock(world=str(file), log_level="error") as emulator, Flaresend(emulator.url, "OLD") as flaresend:
        data = receive(flaresend, text="hi", group=old)
        assert in_group(flaresend, old)[data["participant"]] == "superadmin"
        response = send_to_group(flaresend, "Hello", old)
        assert flaresend.expect_message(to=old, text="Hello")
        removed = receive(flaresend, type="delete", target=data["id"], group=old)
        assert protocol(removed)["key"]["remoteJid"] == old  # type: ignore[index]
        flaresend.export(file)
    assert json.loads(file.read_text(encoding="utf-8"))["groups"][0]["id"] == old

    assert response["message"] == "Message sent successfully to 1 group"
    digits, _, server = data["from"].partition("@")
    assert not digits.isdigit()
    assert server == "g.us"
