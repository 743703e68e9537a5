"""The body of a message: keys in WhatsApp's order, in WhatsApp's encodings, its context where WhatsApp puts it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import pytest

from flaresend_mock.core import payloads
from flaresend_mock.core.kinds import KINDS
from flaresend_mock.core.payloads import CONTEXT, MEDIA_KINDS, InboundMessage, Payload, context_info, write
from flaresend_mock.core.randomness import SeededRandom

SECONDS = 1_760_705_279
KEY = {"remoteJid": "254712345678@s.whatsapp.net", "fromMe": True, "id": "AC00"}
CONTACT = {"displayName": "Jane Doe", "number": "254798765432", "on_whatsapp": True}
MEDIA = {
    "thumbnail comes last although it is given first": None,
    "jpegThumbnail": "/9j/",
    "waveform": "AAAA",
    "isAnimated": False,
    "mediaKeyTimestamp": "1760705279",
    "directPath": "/v/x",
    "fileEncSha256": "b",
    "mediaKey": "k",
    "ptt": False,
    "seconds": 0,
    "width": 2,
    "height": 1,
    "pageCount": 1,
    "title": "",
    "fileName": "",
    "fileLength": "3",
    "fileSha256": "a",
    "mimetype": "image/jpeg",
    "url": "http://host/v/x",
}
DETAILS: dict[str, Any] = {
    "key": KEY,
    "senderTimestampMs": "1760705279689",
    "timestampMs": "1760705279689",
    "options": ["Tea", "Coffee"],
    "selectableOptionsCount": 0,
    "selectedButtonId": "yes",
    "selectedRowId": "row-1",
    "displayName": "Jane Doe",
    "number": "254798765432",
    "on_whatsapp": True,
    "contacts": [CONTACT, {**CONTACT, "on_whatsapp": False}],
    "degreesLatitude": 0,
    "degreesLongitude": 0.0,
    "accuracyInMeters": 16,
    "sequenceNumber": "1760705279689001",
    "timeOffset": 0,
    "groupJid": "120363403582097887@g.us",
    "inviteCode": "aBcDeFgHiJkLmNoP",
    "inviteExpiration": "1760964479",
    "groupName": "Again again",
    "expectedImageCount": 2,
    "expectedVideoCount": 0,
    "vote": {"encPayload": "AAAA", "encIv": "AAAA"},
    "edited": "conversation",
    "seconds": 604_800,
}
QUOTE = {"stanzaId": "3EB0", "participant": "254708920430@s.whatsapp.net", "quotedMessage": {}}
FILE = "fileSha256 fileLength"
KEYS = {
    "image": f"url mimetype caption {FILE} height width mediaKey fileEncSha256 directPath mediaKeyTimestamp "
    "jpegThumbnail contextInfo",
    "channel_image": f"url mimetype caption {FILE} height width mediaKey fileEncSha256 directPath "
    "mediaKeyTimestamp jpegThumbnail contextInfo",
    "video": f"url mimetype {FILE} seconds mediaKey caption height width fileEncSha256 directPath "
    "mediaKeyTimestamp jpegThumbnail contextInfo",
    "audio": f"url mimetype {FILE} seconds ptt mediaKey fileEncSha256 directPath mediaKeyTimestamp "
    "contextInfo waveform",
    "voice": f"url mimetype {FILE} seconds ptt mediaKey fileEncSha256 directPath mediaKeyTimestamp "
    "contextInfo waveform",
    "sticker": "url fileSha256 fileEncSha256 mediaKey mimetype height width directPath fileLength "
    "mediaKeyTimestamp isAnimated contextInfo",
    "document": f"url mimetype title {FILE} pageCount mediaKey fileName fileEncSha256 directPath "
    "mediaKeyTimestamp contactVcard jpegThumbnail contextInfo caption",
    "text": "text previewType contextInfo",
    "location": "degreesLatitude degreesLongitude contextInfo",
    "contact": "displayName vcard contextInfo",
    "reaction": "key text senderTimestampMs",
    "poll": "name options selectableOptionsCount contextInfo",
    "gif": f"url mimetype {FILE} seconds mediaKey caption height width fileEncSha256 directPath "
    "mediaKeyTimestamp jpegThumbnail contextInfo",
    "video_note": f"url mimetype {FILE} seconds mediaKey height width fileEncSha256 directPath "
    "mediaKeyTimestamp jpegThumbnail contextInfo",
    "live_location": "degreesLatitude degreesLongitude accuracyInMeters caption sequenceNumber timeOffset contextInfo",
    "contacts": "displayName contacts contextInfo",
    "group_invite": "groupJid inviteCode inviteExpiration groupName caption contextInfo",
    "album": "expectedImageCount expectedVideoCount contextInfo",
    "poll_vote": "pollCreationMessageKey vote senderTimestampMs",
    "disappearing": "type ephemeralExpiration",
    "button_reply": "selectedButtonId selectedDisplayText contextInfo type",
    "list_reply": "title listType singleSelectReply contextInfo",
    "delete": "key type",
    "edit": "key type editedMessage timestampMs",
}
NAMES = {
    "text": "extendedTextMessage",
    "image": "imageMessage",
    "channel_image": "imageMessage",
    "video": "videoMessage",
    "audio": "audioMessage",
    "voice": "audioMessage",
    "sticker": "stickerMessage",
    "location": "locationMessage",
    "contact": "contactMessage",
    "delete": "protocolMessage",
    "edit": "protocolMessage",
    "reaction": "reactionMessage",
    "poll": "pollCreationMessage",
    "poll_vote": "pollUpdateMessage",
    "gif": "videoMessage",
    "video_note": "ptvMessage",
    "live_location": "liveLocationMessage",
    "contacts": "contactsArrayMessage",
    "group_invite": "groupInviteMessage",
    "album": "albumMessage",
    "disappearing": "protocolMessage",
    "button_reply": "buttonsResponseMessage",
    "list_reply": "listResponseMessage",
    "document": "documentWithCaptionMessage",
    "view_once": "viewOnceMessageV2",
}
CONTEXT_FIRST = {
    "reaction",
    "poll",
    "poll_vote",
    "button_reply",
    "list_reply",
    "document",
    "view_once",
    "video_note",
    "album",
}
UNCAPTIONED = {"audio", "voice", "sticker", "video_note", "contact", "contacts", "location", "album"}


def written(
    kind: str, details: Mapping[str, Any] = DETAILS, context: Mapping[str, Any] = QUOTE, **changes: Any
) -> Payload:
    media = MEDIA if kind in MEDIA_KINDS else {}
    everything = {"text": "Hi", "caption": None if kind in UNCAPTIONED else "Look", **changes}
    full = {**details, **media, "contextInfo": context or None}
    message = InboundMessage("254712345678", kind, details=full, **everything)
    return write(message, SeededRandom(1, {}), SECONDS)


def body(payload: Payload) -> dict[str, Any]:
    """Return what a payload holds beside its context, out of its wrapping."""
    (found,) = (value for key, value in payload.items() if key != CONTEXT)
    assert isinstance(found, dict)
    if list(found) == ["message"]:
        (found,) = found["message"].values()
        assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("kind", KEYS)
def test_keys_come_in_whatsapps_order(kind: str) -> None:
    assert list(body(written(kind))) == KEYS[kind].split()


@pytest.mark.parametrize("kind", KINDS)
def test_the_context_of_a_message_stands_where_whatsapp_puts_it(kind: str) -> None:
    names = [CONTEXT, NAMES[kind]] if kind in CONTEXT_FIRST else [NAMES[kind], CONTEXT]

    assert list(written(kind)) == names


def test_a_plain_text_is_a_conversation() -> None:
    payload = written("text", context={})

    assert list(payload) == ["conversation", CONTEXT]
    assert payload["conversation"] == "Hi"


@pytest.mark.parametrize("text", ["", "x" * 65_536, "مرحبا", "👩‍👩‍👧‍👦", "a\nb\u2028c"])
def test_a_text_is_taken_as_it_is(text: str) -> None:
    assert written("text", text=text, context={})["conversation"] == text


def test_a_link_is_an_extended_text_with_its_preview() -> None:
    details = {"title": "Offers", "matchedText": "https://example.com", "description": "Fresh"}

    payload = written("text", details=details, context={})

    assert payload["extendedTextMessage"] == {
        "text": "Hi",
        "matchedText": "https://example.com",
        "description": "Fresh",
        "title": "Offers",
        "previewType": "NONE",
    }
    keys = ["text", "matchedText", "description", "title", "previewType"]
    assert list(payload["extendedTextMessage"]) == keys


def test_a_document_is_wrapped_only_if_it_has_a_caption() -> None:
    plain = written("document", caption=None)

    assert list(plain) == ["documentMessage", CONTEXT]
    assert "caption" not in plain["documentMessage"]
    assert list(written("document")["documentWithCaptionMessage"]["message"]) == ["documentMessage"]


def test_an_empty_caption_is_a_caption() -> None:
    assert body(written("image", caption=""))["caption"] == ""
    assert body(written("document", caption=""))["caption"] == ""


def test_linked_devices_get_a_stub_of_what_is_viewed_once() -> None:
    inside = written("view_once", context={})["viewOnceMessageV2"]["message"]

    assert inside == {"imageMessage": {"mimetype": "image/jpeg", "caption": "Look", "viewOnce": True}}


@pytest.mark.parametrize(
    ("mimetype", "wrapper", "name"),
    [
        ("image/jpeg", "viewOnceMessageV2", "imageMessage"),
        ("video/mp4", "viewOnceMessageV2", "videoMessage"),
        ("audio/ogg; codecs=opus", "viewOnceMessageV2Extension", "audioMessage"),
    ],
)
def test_the_old_form_of_view_once_is_complete_and_ends_with_view_once(mimetype: str, wrapper: str, name: str) -> None:
    details = {**DETAILS, **MEDIA, "mimetype": mimetype, "complete": True}
    message = InboundMessage("254712345678", "view_once", details=details)

    inside = write(message, SeededRandom(1, {}), SECONDS)[wrapper]["message"]

    assert list(inside) == [name]
    assert list(inside[name])[-1] == "viewOnce"
    assert {"url", "mediaKey", "directPath"} <= inside[name].keys()


@pytest.mark.parametrize("kind", sorted(set(KEYS) - {"button_reply", "list_reply"}))
def test_what_quotes_nothing_has_no_context_of_its_own(kind: str) -> None:
    assert "contextInfo" not in written(kind, context={}).get(NAMES[kind], {})


def test_fields_at_their_default_are_present() -> None:
    document = body(written("document"))
    audio = body(written("audio"))
    location = body(written("location"))

    assert (document["title"], document["contactVcard"]) == ("", False)
    assert (audio["seconds"], audio["ptt"]) == (0, False)
    assert (location["degreesLatitude"], location["degreesLongitude"]) == (0, 0.0)
    assert body(written("poll"))["selectableOptionsCount"] == 0
    assert body(written("sticker"))["isAnimated"] is False


def test_enums_are_names() -> None:
    assert body(written("delete"))["type"] == "REVOKE"
    assert body(written("edit"))["type"] == "MESSAGE_EDIT"
    assert body(written("button_reply"))["type"] == "DISPLAY_TEXT"
    assert body(written("list_reply"))["listType"] == "SINGLE_SELECT"
    assert body(written("text"))["previewType"] == "NONE"


def test_a_reaction_is_removed_by_an_empty_text() -> None:
    assert body(written("reaction", text="")) == {"key": KEY, "text": "", "senderTimestampMs": "1760705279689"}


@pytest.mark.parametrize(
    ("edited", "message"),
    [
        ("conversation", {"conversation": "New"}),
        ("extendedTextMessage", {"extendedTextMessage": {"text": "New"}}),
        ("imageMessage", {"imageMessage": {"caption": "New"}}),
        ("videoMessage", {"videoMessage": {"caption": "New"}}),
        (
            "documentWithCaptionMessage",
            {"documentWithCaptionMessage": {"message": {"documentMessage": {"caption": "New"}}}},
        ),
    ],
)
def test_an_edit_keeps_the_kind_of_what_it_edits(edited: str, message: dict[str, Any]) -> None:
    found = written("edit", text="New", details={**DETAILS, "edited": edited}, context={})

    assert found["protocolMessage"]["editedMessage"] == message


def test_an_edit_has_an_older_form_with_a_wrapper() -> None:
    found = written("edit", details={**DETAILS, "wrapped": True})

    assert list(found) == [CONTEXT, "editedMessage"]
    assert list(found["editedMessage"]["message"]) == ["protocolMessage"]


@pytest.mark.parametrize(
    ("count", "announced", "name"),
    [
        (1, False, "pollCreationMessageV3"),
        (0, False, "pollCreationMessage"),
        (2, False, "pollCreationMessage"),
        (1, True, "pollCreationMessageV2"),
    ],
)
def test_the_key_of_a_poll_tells_how_many_answers_it_allows(count: int, announced: bool, name: str) -> None:
    details = {**DETAILS, "selectableOptionsCount": count, "announced": announced}

    assert name in written("poll", details=details)


def test_a_contact_without_whatsapp_has_no_waid() -> None:
    details = {**CONTACT, "on_whatsapp": False}

    assert "TEL;type=CELL:+254 798765432" in body(written("contact", details=details))["vcard"]
    assert "waid" in body(written("contacts"))["contacts"][0]["vcard"]
    assert "waid" not in body(written("contacts"))["contacts"][1]["vcard"]


@pytest.mark.parametrize("card", [{}, {"vcard": None}, {"vcard": "BEGIN:VCARD\nFN:Jane\nEND:VCARD"}])
def test_a_contact_may_have_no_number(card: dict[str, Any]) -> None:
    contact = payloads.contact_of({"displayName": "Jane", **card})

    assert contact == {"displayName": "Jane", "number": "", "on_whatsapp": False}


def test_a_poll_holds_its_options() -> None:
    poll = body(written("poll", text="Which?"))

    assert poll["name"] == "Which?"
    assert poll["options"] == [{"optionName": "Tea"}, {"optionName": "Coffee"}]


def test_a_contact_is_a_vcard_that_nothing_breaks_out_of() -> None:
    details = {**CONTACT, "displayName": "Jane\nTEL:1"}

    contact = body(written("contact", details=details))

    assert contact["displayName"] == "Jane TEL:1"
    assert contact["vcard"] == (
        "BEGIN:VCARD\nVERSION:3.0\nN:;Jane TEL:1;;;\nFN:Jane TEL:1\n"
        "TEL;type=CELL;waid=254798765432:+254 798765432\nEND:VCARD"
    )


def test_a_name_with_a_semicolon_stays_one_part_of_the_vcard() -> None:
    details = {**CONTACT, "displayName": "Doe; Jane"}

    vcard = body(written("contact", details=details))["vcard"]

    assert "N:;Doe\\; Jane;;;" in vcard.split("\n")


def test_the_context_of_a_message_has_whatsapps_form() -> None:
    info = context_info(SeededRandom(1, {}), SECONDS)

    metadata = info["deviceListMetadata"]
    assert list(info) == ["deviceListMetadata", "deviceListMetadataVersion", "messageSecret"]
    assert list(metadata) == ["senderKeyHash", "senderTimestamp", "recipientKeyHash", "recipientTimestamp"]
    assert info["deviceListMetadataVersion"] == 2
    assert len(b64decode(info["messageSecret"], validate=True)) == 32
    for name in ("sender", "recipient"):
        assert len(b64decode(metadata[f"{name}KeyHash"], validate=True)) == 10
        assert 0 < int(metadata[f"{name}Timestamp"]) < SECONDS


def test_the_context_of_a_message_comes_from_the_seed_and_never_twice() -> None:
    chance = SeededRandom(1, {})
    first, second = context_info(chance, SECONDS), context_info(chance, SECONDS)

    assert first != second
    assert context_info(SeededRandom(1, {}), SECONDS) == first
    assert context_info(SeededRandom(2, {}), SECONDS) != first


def test_in_the_first_days_of_1970_no_timestamp_is_negative() -> None:
    metadata = context_info(SeededRandom(1, {}), 0)["deviceListMetadata"]

    assert int(metadata["senderTimestamp"]) >= 0
    assert int(metadata["recipientTimestamp"]) >= 0
