"""Messages of other kinds than text: a naive bot overlooks them or breaks, and a careful one does not."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import requests
from cryptography.exceptions import InvalidTag

from flaresend_mock import FlaresendMock
from flaresend_mock.package_data import sample
from flaresend_mock.testing import ControlPlaneError, Flaresend
from tests.defaults import ANN, ANN_LID, ANNS_GROUP, BEN, FAMILY
from tests.unsealing import inner, open_vote, unseal

pytestmark = pytest.mark.flaresend(frozen_at="2025-11-14T12:00:00Z")
Data = Mapping[str, Any]


def receive(flaresend: Flaresend, sender: str = ANN, text: str | None = None, **fields: Any) -> Data:
    """Return the data of the event of a message."""
    found: Data = flaresend.receive(sender, text, **fields)["data"]
    return found


def content(message: Mapping[str, Any]) -> tuple[str, Any]:
    """Return key and value of what a message says, as a careful bot finds them."""
    found = inner(message)
    beside = ("messageContextInfo", "senderKeyDistributionMessage")
    return next((name, value) for name, value in found.items() if name not in beside)


def text_of(message: Mapping[str, Any]) -> str | None:
    """Return the words of a message, wherever they are."""
    name, said = content(message)
    if name == "conversation":
        return str(said)
    if name == "protocolMessage" and "editedMessage" in said:
        return text_of(said["editedMessage"])
    return said.get("text", said.get("caption", said.get("name"))) if isinstance(said, Mapping) else None


def test_a_bot_that_takes_the_first_key_finds_no_message_in_a_poll(flaresend_mock: Flaresend) -> None:
    plain = receive(flaresend_mock, text="hi")["message"]
    poll = receive(flaresend_mock, type="poll", text="Which day?")["message"]

    def naive(message: Mapping[str, Any]) -> str:
        return next(iter(message))

    assert [naive(plain), naive(poll)] == ["conversation", "messageContextInfo"]
    assert [content(plain)[0], content(poll)[0]] == ["conversation", "pollCreationMessageV3"]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_bot_that_reads_only_conversation_is_deaf_in_chats_whose_messages_disappear(
    wrapped: bool, flaresend_mock: Flaresend
) -> None:
    receive(flaresend_mock, type="disappearing", seconds=86_400, wrapped=wrapped)

    message = receive(flaresend_mock, text="My order, please")["message"]
    edit = receive(flaresend_mock, type="edit", text="Two, please", target=flaresend_mock.messages()[-1].id)

    assert "conversation" not in message
    assert text_of(message) == "My order, please"
    assert text_of(edit["message"]) == "Two, please"
    assert flaresend_mock.messages(text="My order, please", direction="inbound")
    receive(flaresend_mock, type="disappearing", seconds=0)
    assert receive(flaresend_mock, text="Thanks")["message"]["conversation"] == "Thanks"


def test_a_world_has_chats_whose_messages_disappear_from_its_start_and_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    disappearing = {f"{BEN}@s.whatsapp.net": {"seconds": 604_800, "wrapped": False}}
    instances = [{"number": "254708920430", "api_keys": ["K"]}]
    file.write_text(json.dumps({"instances": instances, "disappearing": disappearing}), encoding="utf-8")

    def key_of(flaresend: Flaresend, sender: str) -> str:
        return content(receive(flaresend, sender, "hi")["message"])[0]

    with FlaresendMock(world=str(file), log_level="error") as emulator, Flaresend(emulator.url, "K") as bakery:
        assert key_of(bakery, BEN) == "extendedTextMessage"
        assert key_of(bakery, ANN) == "conversation"
        with bakery.snapshot():
            receive(bakery, BEN, type="disappearing", seconds=0)
            assert key_of(bakery, BEN) == "conversation"
        assert key_of(bakery, BEN) == "extendedTextMessage"
        receive(bakery, BEN, type="disappearing", seconds=0)
        bakery.export(file)
        bakery.reset()
        assert key_of(bakery, BEN) == "extendedTextMessage"
        assert json.loads(file.read_text(encoding="utf-8"))["disappearing"] == {}


def test_a_bot_that_downloads_what_is_viewed_once_finds_nothing_to_download(flaresend_mock: Flaresend) -> None:
    def picture(message: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = message["viewOnceMessageV2"]["message"]["imageMessage"]
        return found

    def naive(message: Mapping[str, Any]) -> bytes:
        found = picture(message)
        return unseal(urlopen(found["url"]).read(), found["mediaKey"], "image")

    def careful(message: Mapping[str, Any]) -> bytes | None:
        return naive(message) if "url" in picture(message) else None

    stub = receive(flaresend_mock, type="view_once")["message"]
    whole = receive(flaresend_mock, type="view_once", complete=True)["message"]

    with pytest.raises(KeyError, match="url"):
        naive(stub)
    assert careful(stub) is None
    assert careful(whole) == naive(whole) == sample("image").data


@pytest.mark.parametrize(
    ("media", "wrapper", "name"),
    [
        ({"sample": "jpeg"}, "viewOnceMessageV2", "imageMessage"),
        ({"sample": "mp4"}, "viewOnceMessageV2", "videoMessage"),
        ({"sample": "ogg"}, "viewOnceMessageV2Extension", "audioMessage"),
    ],
)
def test_a_bot_that_expects_pictures_gets_films_and_voices_to_view_once_too(
    media: dict[str, str], wrapper: str, name: str, flaresend_mock: Flaresend
) -> None:
    for complete in (False, True):
        message = receive(flaresend_mock, type="view_once", media=media, complete=complete)["message"]

        assert list(message) == ["messageContextInfo", wrapper]
        assert content(message)[0] == name
        secrets = {"url", "directPath", "mediaKey", "fileSha256", "fileEncSha256"} & content(message)[1].keys()
        assert len(secrets) == (5 if complete else 0)


def votes(poll: Data, events: list[Data]) -> Counter[str]:
    """Count votes as a careful bot does: the last one of each voter, with all its options."""
    last = {one.get("participant", one["from"]): open_vote(poll, one) for one in events}
    return Counter(option for options in last.values() for option in options)


@pytest.mark.parametrize(
    "chat", [{"group": ANNS_GROUP}, {}, {"from_lid": True}, {"group": ANNS_GROUP, "from_lid": False}], ids=str
)
def test_a_bot_that_ignores_votes_or_counts_each_event_gets_another_result(
    chat: dict[str, Any], flaresend_mock: Flaresend
) -> None:
    options = ["Tea", "Coffee ☕", "Water"]
    poll = receive(flaresend_mock, type="poll", text="What?", options=options, selectable=0, **chat)
    cast = [["Tea"], [], ["Coffee ☕", "Water"]]

    events = [receive(flaresend_mock, type="poll_vote", target=poll["id"], choices=one, **chat) for one in cast]

    assert [open_vote(poll, one) for one in events] == cast
    assert [text_of(one["message"]) for one in events] == [None, None, None]  # a naive bot sees nothing
    assert len({one["id"] for one in events} | {poll["id"]}) == 4
    assert votes(poll, events) == {"Coffee ☕": 1, "Water": 1}
    naive = Counter(option for one in events for option in open_vote(poll, one))
    assert naive == {"Tea": 1, "Coffee ☕": 1, "Water": 1}  # counts what was withdrawn


def test_a_bot_that_mixes_numbers_and_lids_cannot_open_votes(flaresend_mock: Flaresend) -> None:
    poll = receive(flaresend_mock, type="poll", group=ANNS_GROUP)
    vote = receive(flaresend_mock, type="poll_vote", target=poll["id"], choices=["Sunday"], group=ANNS_GROUP)

    assert vote["participant"] == ANN_LID
    assert open_vote(poll, vote) == ["Sunday"]
    with pytest.raises(InvalidTag):
        open_vote(poll, {**vote, "participant": vote["participantPn"]})


@pytest.mark.parametrize("key", ["pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3"])
def test_votes_in_polls_that_were_given_whole_open_with_their_secret(key: str, flaresend_mock: Flaresend) -> None:
    secret = {"messageContextInfo": {"messageSecret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}}
    said = {"name": "Day?", "options": [{"optionName": "Sat "}, {"optionName": "Sun"}]}
    poll = receive(flaresend_mock, message={**secret, key: {**said, "selectableOptionsCount": 1}})
    mute = receive(flaresend_mock, message={key: said})

    vote = receive(flaresend_mock, type="poll_vote", target=poll["id"], choices=["Sat "])

    assert open_vote(poll, vote) == ["Sat "]
    for target, choices, says in (
        (poll, ["Sat"], "choices: the poll has no option 'Sat'; its options are Sat , Sun"),
        (poll, ["Sat ", "Sun"], "choices: the poll allows 1"),
        (mute, ["Sun"], "target: this message is not a poll that can be voted in"),
    ):
        with pytest.raises(ControlPlaneError, match=re.escape(says)) as refused:
            receive(flaresend_mock, type="poll_vote", target=target["id"], choices=choices)
        assert refused.value.status == 409
    assert len(flaresend_mock.messages(type="poll_vote")) == 1


def test_the_key_of_a_poll_depends_on_how_many_answers_it_takes(flaresend_mock: Flaresend) -> None:
    keys = [content(receive(flaresend_mock, type="poll", selectable=n)["message"])[0] for n in (0, 1, 2)]

    assert keys == ["pollCreationMessage", "pollCreationMessageV3", "pollCreationMessage"]
    naive = [key for key in keys if key == "pollCreationMessageV3"]  # sees one of three
    careful = [key for key in keys if key.startswith("pollCreationMessage")]
    assert (len(naive), len(careful)) == (1, 3)


def test_a_bot_that_handles_each_message_alone_takes_the_first_picture_of_an_album_for_all(
    flaresend_mock: Flaresend,
) -> None:
    marker = receive(flaresend_mock, type="album", images=2, videos=1)
    items = [
        receive(flaresend_mock, media={"sample": "jpeg"}, caption="The beach", album=marker["id"]),
        receive(flaresend_mock, media={"sample": "png"}, album=marker["id"]),
        receive(flaresend_mock, media={"sample": "mp4"}, album=marker["id"]),
    ]

    naive = [one for one in items if text_of(one["message"])]  # only the first has words
    album = content(marker["message"])[1]
    careful = [
        one
        for one in items
        if one["message"]["messageContextInfo"]["messageAssociation"]["parentMessageKey"]["id"] == marker["id"]
    ]

    assert len(naive) == 1
    assert len(careful) == album["expectedImageCount"] + album["expectedVideoCount"] == 3


def test_a_bot_that_reads_the_waid_of_a_contact_fails_for_one_without_whatsapp(flaresend_mock: Flaresend) -> None:
    def naive(message: Mapping[str, Any]) -> str:
        return str(re.search(r"waid=(\d+)", content(message)[1]["vcard"])[1])  # type: ignore[index]

    def careful(message: Mapping[str, Any]) -> list[str]:
        name, said = content(message)
        cards = said["contacts"] if name == "contactsArrayMessage" else [said]
        numbers = [re.search(r"TEL[^:\n]*:([^\n]+)", one["vcard"]) for one in cards]
        return ["".join(filter(str.isdigit, one[1])) for one in numbers if one]

    known = receive(flaresend_mock, contact={"name": "Ben", "number": BEN})["message"]
    unknown = receive(flaresend_mock, contact={"name": "Nobody", "number": "254700000000"})["message"]
    several = receive(flaresend_mock, type="contacts")["message"]

    assert naive(known) == BEN
    with pytest.raises(TypeError):
        naive(unknown)
    with pytest.raises(KeyError):
        naive(several)
    assert [careful(known), careful(unknown)] == [[BEN], ["254700000000"]]
    assert len(careful(several)) == 2


@pytest.mark.parametrize(
    ("given", "key", "holds"),
    [
        ({"type": "live_location", "latitude": 1.5}, "liveLocationMessage", {"degreesLatitude": 1.5}),
        ({"type": "video_note"}, "ptvMessage", {"mimetype": "video/mp4"}),
        ({"type": "gif"}, "videoMessage", {"gifPlayback": True}),
        ({"type": "group_invite", "invite": FAMILY}, "groupInviteMessage", {"groupJid": FAMILY}),
    ],
)
def test_a_bot_that_knows_a_few_keys_overlooks_the_kinds_beside_them(
    given: dict[str, Any], key: str, holds: dict[str, Any], flaresend_mock: Flaresend
) -> None:
    message = receive(flaresend_mock, **given)["message"]

    naive = [name for name in ("conversation", "imageMessage", "locationMessage") if name in message]
    assert naive == []
    assert content(message)[0] == key
    assert holds.items() <= content(message)[1].items()


def test_a_bot_that_waits_for_words_beside_a_file_is_not_told_that_they_were_sent(flaresend_mock: Flaresend) -> None:
    def send(**body: str) -> None:
        requests.post(
            f"{flaresend_mock.url}/send-message",
            json={"recipients": [ANN], **body},
            headers=flaresend_mock.headers,
            timeout=10,
        )

    send(type="audio", url="https://example.com/a.ogg", caption="Your invoice")
    send(type="document", url="https://example.com/a.pdf", caption="Your invoice")

    with pytest.raises(AssertionError):
        flaresend_mock.expect_message(type="audio", caption="Your invoice", within=0)
    flaresend_mock.expect_message(type="document", caption="Your invoice", within=0)


def test_words_that_a_kind_cannot_hold_are_refused_instead_of_lost(flaresend_mock: Flaresend) -> None:
    for fields, place in (
        ({"type": "location", "text": "Meet me here"}, "text"),
        ({"type": "voice", "caption": "Listen"}, "caption"),
    ):
        with pytest.raises(ControlPlaneError, match=f"^{place}: ") as refused:
            receive(flaresend_mock, **fields)
        assert refused.value.status == 400
    assert flaresend_mock.messages() == []
