"""The body of a message as WhatsApp writes it: `data.message` of a webhook event, keys in WhatsApp's order."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flaresend_mock.core.randomness import SeededRandom

Payload = dict[str, Any]

CONTEXT = "messageContextInfo"
WAVEFORM_BARS = 64

_VCARD_SPECIAL = re.compile(r"[\\;,]")

# Where these come first, messageContextInfo stands behind the first key; elsewhere before it. It is a field in the
# middle of WhatsApp's protocol buffer, and the client writes fields in the order of their numbers.
_BEFORE_CONTEXT = frozenset(
    {
        "conversation",
        "imageMessage",
        "contactMessage",
        "locationMessage",
        "extendedTextMessage",
        "documentMessage",
        "audioMessage",
        "videoMessage",
        "protocolMessage",
        "stickerMessage",
    }
)

_KEYS = {
    "image": (
        "url mimetype caption fileSha256 fileLength height width mediaKey fileEncSha256 directPath "
        "mediaKeyTimestamp jpegThumbnail contextInfo viewOnce"
    ),
    "video": (
        "url mimetype fileSha256 fileLength seconds mediaKey caption gifPlayback height width fileEncSha256 "
        "directPath mediaKeyTimestamp jpegThumbnail contextInfo"
    ),
    "audio": (
        "url mimetype fileSha256 fileLength seconds ptt mediaKey fileEncSha256 directPath mediaKeyTimestamp "
        "contextInfo waveform"
    ),
    "document": (
        "url mimetype title fileSha256 fileLength pageCount mediaKey fileName fileEncSha256 directPath "
        "mediaKeyTimestamp contactVcard jpegThumbnail contextInfo caption"
    ),
    "sticker": (
        "url fileSha256 fileEncSha256 mediaKey mimetype height width directPath fileLength mediaKeyTimestamp "
        "isAnimated contextInfo"
    ),
    "text": "text matchedText description title previewType contextInfo",
    "location": "degreesLatitude degreesLongitude name address url contextInfo",
    "contact": "displayName vcard contextInfo",
}


def b64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody writes, before it is a payload.

    `details` holds what its kind needs: see the functions below. `media` holds the fields of a sealed file,
    `context` those of a contextInfo.
    """

    kind: str
    text: str = ""
    caption: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    media: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)


def write(written: Written, chance: SeededRandom, seconds: int) -> Payload:
    """Return the payload of a message, with its messageContextInfo where WhatsApp puts it.

    Args:
        seconds: when it is written, in Unix seconds.
    """
    name, body = _BUILDERS[written.kind](written)
    info = {CONTEXT: context_info(chance, seconds)}
    return {name: body} | info if name in _BEFORE_CONTEXT else info | {name: body}


def context_info(chance: SeededRandom, seconds: int) -> Payload:
    """Return the device metadata that comes with every message: well-formed, and from the seed."""
    material = chance.material("message context")
    return {
        "deviceListMetadata": {
            "senderKeyHash": b64(material[:10]),
            "senderTimestamp": str(max(0, seconds - 567_982 - material[60] * 60)),
            "recipientKeyHash": b64(material[10:20]),
            "recipientTimestamp": str(max(0, seconds - 753 - material[61])),
        },
        "deviceListMetadataVersion": 2,
        "messageSecret": b64(material[20:52]),
    }


def _in_order(kind: str, values: Mapping[str, Any]) -> Payload:
    return {key: values[key] for key in _KEYS[kind].split() if values.get(key) is not None}


def _with_context(written: Written) -> Payload:
    return {**written.details, "contextInfo": dict(written.context) or None}


def _text(written: Written) -> tuple[str, Any]:
    details = written.details
    if not written.context and not details.get("matchedText"):
        return "conversation", written.text
    values = {**_with_context(written), "text": written.text, "previewType": "NONE"}
    return "extendedTextMessage", _in_order("text", values)


def _media(kind: str) -> Any:
    def build(written: Written) -> tuple[str, Any]:
        values = {**written.media, **_with_context(written), "caption": written.caption}
        return f"{kind}Message", _in_order(kind, values)

    return build


def _document(written: Written) -> tuple[str, Any]:
    values = {**written.media, **_with_context(written), "caption": written.caption, "contactVcard": False}
    body = _in_order("document", values)
    if written.caption is None:
        return "documentMessage", body
    return "documentWithCaptionMessage", {"message": {"documentMessage": body}}


def _view_once(written: Written) -> tuple[str, Any]:
    _, image = _media("image")(written)
    return "viewOnceMessageV2", {"message": {"imageMessage": {**image, "viewOnce": True}}}


def _location(written: Written) -> tuple[str, Any]:
    return "locationMessage", _in_order("location", _with_context(written))


def _contact(written: Written) -> tuple[str, Any]:
    name, number = _one_line(written.details["displayName"]), written.details["number"]
    safe = _VCARD_SPECIAL.sub(r"\\\g<0>", name)
    vcard = (
        f"BEGIN:VCARD\nVERSION:3.0\nN:;{safe};;;\nFN:{safe}\n"
        f"TEL;type=CELL;waid={number}:+{number[:3]} {number[3:]}\nEND:VCARD"
    )
    return "contactMessage", _in_order(
        "contact", {**_with_context(written), "displayName": name, "vcard": vcard}
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _reaction(written: Written) -> tuple[str, Any]:
    details = written.details
    return "reactionMessage", {
        "key": dict(details["key"]),
        "text": written.text,
        "senderTimestampMs": details["senderTimestampMs"],
    }


def _poll(written: Written) -> tuple[str, Any]:
    return "pollCreationMessageV3", {
        "name": written.text,
        "options": [{"optionName": option} for option in written.details["options"]],
        "selectableOptionsCount": written.details["selectableOptionsCount"],
    }


def _button_reply(written: Written) -> tuple[str, Any]:
    return "buttonsResponseMessage", {
        "selectedButtonId": written.details["selectedButtonId"],
        "selectedDisplayText": written.text,
        "contextInfo": dict(written.context),
        "type": "DISPLAY_TEXT",
    }


def _list_reply(written: Written) -> tuple[str, Any]:
    return "listResponseMessage", {
        "title": written.text,
        "listType": "SINGLE_SELECT",
        "singleSelectReply": {"selectedRowId": written.details["selectedRowId"]},
        "contextInfo": dict(written.context),
    }


def _delete(written: Written) -> tuple[str, Any]:
    return "protocolMessage", {"key": dict(written.details["key"]), "type": "REVOKE"}


def _edit(written: Written) -> tuple[str, Any]:
    return "protocolMessage", {
        "key": dict(written.details["key"]),
        "type": "MESSAGE_EDIT",
        "editedMessage": {"conversation": written.text},
        "timestampMs": written.details["timestampMs"],
    }


_BUILDERS = {
    "text": _text,
    "image": _media("image"),
    "channel_image": _media("image"),
    "video": _media("video"),
    "audio": _media("audio"),
    "voice": _media("audio"),
    "document": _document,
    "sticker": _media("sticker"),
    "view_once": _view_once,
    "location": _location,
    "contact": _contact,
    "reaction": _reaction,
    "poll": _poll,
    "button_reply": _button_reply,
    "list_reply": _list_reply,
    "delete": _delete,
    "edit": _edit,
}

KINDS = tuple(_BUILDERS)
"""Every kind of message that somebody can write."""
