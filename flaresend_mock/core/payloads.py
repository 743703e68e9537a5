"""Message payloads as WhatsApp writes them, `data.message` of a webhook event: they are built and read here."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from flaresend_mock.core.errors import NotForwarded
from flaresend_mock.core.models import InboundMessage, Message
from flaresend_mock.core.randomness import SeededRandom

Payload = dict[str, Any]

CONTEXT = "messageContextInfo"
WAVEFORM_BARS = 64
MAX_FORWARDS = 127

KINDS = (
    "text",
    "image",
    "channel_image",
    "video",
    "audio",
    "voice",
    "document",
    "sticker",
    "view_once",
    "location",
    "contact",
    "reaction",
    "poll",
    "button_reply",
    "list_reply",
    "delete",
    "edit",
)
"""Every kind of message that a person can write."""

MEDIA_KINDS = {
    "image": "image",
    "view_once": "image",
    "channel_image": "image",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "document",
    "sticker": "sticker",
}
"""The kinds of message with a file, and the kind of media that the file is encrypted as."""

CAPTIONED = frozenset({"image", "view_once", "channel_image", "video", "document"})
"""The kinds whose file may have a caption."""

TARGETED = frozenset({"reaction", "delete", "edit"})
"""The kinds that change another message, their target."""

REPLIES = frozenset({"button_reply", "list_reply"})
"""The kinds that reply to the last message of the instance, unless `reply_to` names another."""

_VCARD_SPECIAL = re.compile(r"[\\;,]")
_VCARD_NUMBER = re.compile(r"^TEL[^\n]*?waid=(\d+)", re.MULTILINE)

# messageContextInfo follows these keys and precedes all others: it is a field in the middle of WhatsApp's protocol
# buffer, and the client writes fields in the order of their numbers.
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


def write(message: InboundMessage, chance: SeededRandom, seconds: int) -> Payload:
    """Return the payload of a message, with its messageContextInfo where WhatsApp puts it.

    Args:
        message: its `details` hold what its kind needs: fields of its shared file, `key` of its target, `contextInfo`.
        seconds: when it is written, in Unix seconds.
    """
    name, body = _body(message)
    info = {CONTEXT: context_info(chance, seconds)}
    return {name: body} | info if name in _BEFORE_CONTEXT else info | {name: body}


def context_info(chance: SeededRandom, seconds: int) -> Payload:
    """Return the device metadata of a message: well-formed, and derived from the seed."""
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


def _body(message: InboundMessage) -> tuple[str, Any]:
    """Return the key of a message in its payload, and what is under it."""
    kind, details = message.kind, message.details
    match kind:
        case "text":
            if not details.get("contextInfo") and not details.get("matchedText"):
                return "conversation", message.text
            values = {**details, "text": message.text, "previewType": "NONE"}
            return "extendedTextMessage", _in_order("text", values)
        case "location":
            return "locationMessage", _in_order("location", details)
        case "contact":
            return "contactMessage", _in_order("contact", {**details, **_card(details)})
        case "reaction":
            return "reactionMessage", {
                "key": dict(details["key"]),
                "text": message.text,
                "senderTimestampMs": details["senderTimestampMs"],
            }
        case "poll":
            return "pollCreationMessageV3", {
                "name": message.text,
                "options": [{"optionName": option} for option in details["options"]],
                "selectableOptionsCount": details["selectableOptionsCount"],
            }
        case "button_reply":
            return "buttonsResponseMessage", {
                "selectedButtonId": details["selectedButtonId"],
                "selectedDisplayText": message.text,
                "contextInfo": details.get("contextInfo") or {},
                "type": "DISPLAY_TEXT",
            }
        case "list_reply":
            return "listResponseMessage", {
                "title": message.text,
                "listType": "SINGLE_SELECT",
                "singleSelectReply": {"selectedRowId": details["selectedRowId"]},
                "contextInfo": details.get("contextInfo") or {},
            }
        case "delete":
            return "protocolMessage", {"key": dict(details["key"]), "type": "REVOKE"}
        case "edit":
            return "protocolMessage", {
                "key": dict(details["key"]),
                "type": "MESSAGE_EDIT",
                "editedMessage": {"conversation": message.text},
                "timestampMs": details["timestampMs"],
            }
    media = MEDIA_KINDS[kind]
    body = _in_order(media, {**details, "caption": message.caption, "contactVcard": False})
    if kind == "view_once":
        return "viewOnceMessageV2", {"message": {"imageMessage": {**body, "viewOnce": True}}}
    if kind == "document" and message.caption is not None:
        return "documentWithCaptionMessage", {"message": {"documentMessage": body}}
    return f"{media}Message", body


def _card(details: Mapping[str, Any]) -> Payload:
    name, number = " ".join(details["displayName"].split()), details["number"]
    safe = _VCARD_SPECIAL.sub(r"\\\g<0>", name)
    vcard = (
        f"BEGIN:VCARD\nVERSION:3.0\nN:;{safe};;;\nFN:{safe}\n"
        f"TEL;type=CELL;waid={number}:+{number[:3]} {number[3:]}\nEND:VCARD"
    )
    return {"displayName": name, "vcard": vcard}


def unwrap(message: Message) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return what the payload of a received message holds under its kind, and its contextInfo."""
    payload: Any = message.payload or {}
    for _ in range(3):
        body = next((value for key, value in payload.items() if key != CONTEXT), None)
        if not isinstance(body, Mapping):
            return {}, {}
        if not isinstance(body.get("message"), Mapping):
            context = body.get("contextInfo")
            return body, context if isinstance(context, Mapping) else {}
        payload = body["message"]
    return {}, {}


def target_of(message: Message) -> str | None:
    """Return the id of the message that a reaction, a deletion or an edit changes."""
    if message.content.type not in TARGETED:
        return None
    key = unwrap(message)[0].get("key")
    found = key.get("id") if isinstance(key, Mapping) else None
    return found if isinstance(found, str) else None


def quote_of(message: Message) -> Payload:
    """Return a message as replies quote it: without its context, and without what it quotes itself."""
    if message.payload is not None:
        return {key: _unquoted(value) for key, value in message.payload.items() if key != CONTEXT}
    content = message.content
    if content.type in MEDIA_KINDS:
        return {f"{content.type}Message": {"caption": content.caption} if content.caption else {}}
    return {"conversation": content.text or ""}


def _unquoted(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    inner = {key: value for key, value in content.items() if key != "contextInfo"}
    if isinstance(inner.get("message"), dict):
        inner["message"] = {key: _unquoted(value) for key, value in inner["message"].items()}
    return inner


def score_of(context: Mapping[str, Any]) -> int:
    """Return how often a message was forwarded, according to its contextInfo."""
    score = context.get("forwardingScore")
    return max(0, score) if type(score) is int else 0


def forwarded(payload: Mapping[str, Any], score: int) -> Payload:
    """Return a payload as a forwarded one, without what it quotes."""
    name, body = next(((name, body) for name, body in payload.items() if name != CONTEXT), ("", None))
    if name == "conversation" and isinstance(body, str):
        others = {other: value for other, value in payload.items() if other != name}
        return forwarded({**others, "extendedTextMessage": {"text": body}}, score)
    if not isinstance(body, Mapping):
        raise NotForwarded
    if isinstance(body.get("message"), Mapping):
        return {**payload, name: {**body, "message": forwarded(body["message"], score)}}
    return {**payload, name: {**body, "contextInfo": {"forwardingScore": score, "isForwarded": True}}}


def contact_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the name and the number of a received contact, each empty if it has none."""
    number = _VCARD_NUMBER.search(str(body.get("vcard", "")))
    return {"displayName": str(body.get("displayName") or ""), "number": number[1] if number else ""}


def choices(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the options of a received poll."""
    options = body.get("options")
    given = options if isinstance(options, list | tuple) else ()
    return tuple(str(one.get("optionName", "")) for one in given if isinstance(one, Mapping))


def details_of(kind: str, body: Mapping[str, Any]) -> Payload:
    """Return the details of a received message, from which a message like it can be written."""
    match kind:
        case "location":
            names = ("degreesLatitude", "degreesLongitude", "name", "address")
            return {name: body.get(name) for name in names}
        case "contact":
            return dict(contact_of(body))
        case "poll":
            count = body.get("selectableOptionsCount", 1)
            return {"options": list(choices(body)), "selectableOptionsCount": count}
        case "video" | "audio" | "voice":
            return {"seconds": body["seconds"]} if "seconds" in body else {}
        case _:
            return {}
