"""Writes message payloads as WhatsApp does: `data.message` of a webhook event. `payload_reader.py` reads them."""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flaresend_mock.core.models import Chaos, Upload
from flaresend_mock.core.payload_reader import CONTEXT, Payload
from flaresend_mock.core.randomness import SeededRandom

WAVEFORM_BARS = 64
MAX_FORWARDS = 127

MEDIA_KINDS = {
    "image": "image",
    "view_once": "image",
    "channel_image": "image",
    "video": "video",
    "gif": "video",
    "video_note": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "document",
    "sticker": "sticker",
}
"""The kinds of message with a file, and the kind of media that the file is encrypted as; see `media_kind`."""

REPLIES = frozenset({"button_reply", "list_reply"})
"""The kinds that reply to the last message of the instance, unless `reply_to` names another."""

_VCARD_SPECIAL = re.compile(r"[\\;,]")

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
        "contactsArrayMessage",
        "liveLocationMessage",
        "stickerMessage",
        "groupInviteMessage",
    }
)

_KEYS = {
    "image": (
        "url mimetype caption fileSha256 fileLength height width mediaKey fileEncSha256 directPath "
        "mediaKeyTimestamp jpegThumbnail contextInfo viewOnce"
    ),
    "video": (
        "url mimetype fileSha256 fileLength seconds mediaKey caption gifPlayback height width fileEncSha256 "
        "directPath mediaKeyTimestamp jpegThumbnail contextInfo viewOnce"
    ),
    "audio": (
        "url mimetype fileSha256 fileLength seconds ptt mediaKey fileEncSha256 directPath mediaKeyTimestamp "
        "contextInfo waveform viewOnce"
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
    "live_location": (
        "degreesLatitude degreesLongitude accuracyInMeters speedInMps degreesClockwiseFromMagneticNorth caption "
        "sequenceNumber timeOffset contextInfo"
    ),
    "contact": "displayName vcard contextInfo",
    "contacts": "displayName contacts contextInfo",
    "group_invite": "groupJid inviteCode inviteExpiration groupName caption contextInfo",
    "reaction": "key text senderTimestampMs",
    "poll": "name options selectableOptionsCount contextInfo",
    "album": "expectedImageCount expectedVideoCount contextInfo",
}
_KEPT_BY_EDITS = ("matchedText", "description", "title", "previewType", "gifPlayback", "contextInfo")
_STUB_KEYS = frozenset({"mimetype", "caption", "seconds", "ptt", "contextInfo", "viewOnce"})
"""What linked devices get of a message that can be viewed once, since the end of 2024."""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message that a person writes to an instance; see `POST /_mock/inbound` for what each field means.

    `reply_to` is the id of the message that is quoted, or whose button is pressed; `target` of the one that is reacted
    to, edited or deleted; `forward` of the one that is forwarded. `details` holds the other fields of its payload by
    their names there; `raw` is the whole payload as given, instead of all this.
    """

    sender: str | int
    kind: str = "text"
    text: str = ""
    caption: str | None = None
    upload: Upload | None = None
    flaws: Mapping[str, bool] = field(default_factory=dict)
    instance: str | None = None
    group: str | None = None
    reply_to: str | None = None
    target: str | None = None
    forward: str | None = None
    forwarded: int = 0
    mentions: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] | None = None
    by_rule: bool = False
    as_lid: bool | None = None
    chaos: Chaos | None = None


def b64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def media_kind(kind: str, mimetype: str) -> str:
    """Return the kind of media that the file of a message is encrypted as."""
    family = mimetype.partition("/")[0]
    return family if kind == "view_once" and family in ("video", "audio") else MEDIA_KINDS[kind]


def write(message: InboundMessage, chance: SeededRandom, seconds: int) -> Payload:
    """Return the payload of a message, with its messageContextInfo where WhatsApp puts it.

    Args:
        message: its `details` hold what its kind needs: fields of its shared file, `key` of its target, `contextInfo`.
        seconds: when it is written, in Unix seconds.
    """
    name, body = _BUILDERS[message.kind](message)
    info = context_info(chance, seconds)
    if "messageAssociation" in message.details:
        info["messageAssociation"] = message.details["messageAssociation"]
    if message.details.get("ephemeral"):
        name, body = "ephemeralMessage", {"message": {name: body}}
    return {name: body, CONTEXT: info} if name in _BEFORE_CONTEXT else {CONTEXT: info, name: body}


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


def _plain(key: str, kind: str) -> Callable[[InboundMessage], tuple[str, Any]]:
    """Return a builder that writes the details, the text and the caption of a message under a key."""

    def build(message: InboundMessage) -> tuple[str, Any]:
        return key, _in_order(kind, {**message.details, "text": message.text, "caption": message.caption})

    return build


def _text(message: InboundMessage) -> tuple[str, Any]:
    details = message.details
    if not details.get("contextInfo") and not details.get("matchedText"):
        return "conversation", message.text
    values = {**details, "text": message.text, "previewType": "NONE"}
    return "extendedTextMessage", _in_order("text", values)


def _document(message: InboundMessage) -> tuple[str, Any]:
    body = _in_order("document", {**message.details, "caption": message.caption, "contactVcard": False})
    if message.caption is None:
        return "documentMessage", body
    return "documentWithCaptionMessage", {"message": {"documentMessage": body}}


def _view_once(message: InboundMessage) -> tuple[str, Any]:
    """Write the stub that linked devices get; with the detail `complete`, the picture and its key, too."""
    kind = media_kind("view_once", message.details["mimetype"])
    _, body = _plain("", kind)(message)
    body["viewOnce"] = True
    if not message.details.get("complete"):
        body = {
            key: value for key, value in body.items() if key in _STUB_KEYS and (kind == "audio" or key != "seconds")
        }
    wrapper = "viewOnceMessageV2Extension" if kind == "audio" else "viewOnceMessageV2"
    return wrapper, {"message": {f"{kind}Message": body}}


def _contact_card(details: Mapping[str, Any]) -> Payload:
    """Return a name and a vCard, with the number under which the person is on WhatsApp."""
    name, number = " ".join(details["displayName"].split()), details["number"]
    waid = details.get("waid", number) if details["on_whatsapp"] else None
    safe, parameter = _VCARD_SPECIAL.sub(r"\\\g<0>", name), f";waid={waid}" if waid else ""
    vcard = (
        f"BEGIN:VCARD\nVERSION:3.0\nN:;{safe};;;\nFN:{safe}\n"
        f"TEL;type=CELL{parameter}:+{number[:3]} {number[3:]}\nEND:VCARD"
    )
    return {"displayName": name, "vcard": vcard}


def _contacts(message: InboundMessage) -> tuple[str, Any]:
    cards = [_contact_card(one) for one in message.details["contacts"]]
    values = {**message.details, "displayName": f"{len(cards)} contacts", "contacts": cards}
    return "contactsArrayMessage", _in_order("contacts", values)


def _poll(message: InboundMessage) -> tuple[str, Any]:
    """Write a poll; its key tells how many options may be chosen, and whether a community announced it."""
    details = message.details
    one = details["selectableOptionsCount"] == 1
    version = "V2" if details.get("announced") else "V3" if one else ""
    options = [{"optionName": option} for option in details["options"]]
    return f"pollCreationMessage{version}", _in_order("poll", {**details, "name": message.text, "options": options})


def _poll_vote(message: InboundMessage) -> tuple[str, Any]:
    details = message.details
    return "pollUpdateMessage", {
        "pollCreationMessageKey": dict(details["key"]),
        "vote": dict(details["vote"]),
        "senderTimestampMs": details["senderTimestampMs"],
    }


def _button_reply(message: InboundMessage) -> tuple[str, Any]:
    return "buttonsResponseMessage", {
        "selectedButtonId": message.details["selectedButtonId"],
        "selectedDisplayText": message.text,
        "contextInfo": message.details.get("contextInfo") or {},
        "type": "DISPLAY_TEXT",
    }


def _list_reply(message: InboundMessage) -> tuple[str, Any]:
    return "listResponseMessage", {
        "title": message.text,
        "listType": "SINGLE_SELECT",
        "singleSelectReply": {"selectedRowId": message.details["selectedRowId"]},
        "contextInfo": message.details.get("contextInfo") or {},
    }


def _edit(message: InboundMessage) -> tuple[str, Any]:
    """Write an edit, which keeps the kind of its target: `edited` is the key of the target's content."""
    details, name = message.details, message.details["edited"]
    values = {key: details[key] for key in _KEPT_BY_EDITS if key in details}
    if name == "conversation" and not values.get("contextInfo"):
        edited: Payload = {name: message.text}
    elif name in ("conversation", "extendedTextMessage"):
        edited = {"extendedTextMessage": _in_order("text", {**values, "text": message.text})}
    else:
        kind = name.removesuffix("Message").removesuffix("WithCaption")
        edited = {f"{kind}Message": _in_order(kind, {**values, "caption": message.text})}
        edited = {"documentWithCaptionMessage": {"message": edited}} if kind == "document" else edited
    protocol = {
        "key": dict(details["key"]),
        "type": "MESSAGE_EDIT",
        "editedMessage": edited,
        "timestampMs": details["timestampMs"],
    }
    if details.get("wrapped"):
        return "editedMessage", {"message": {"protocolMessage": protocol}}
    return "protocolMessage", protocol


_BUILDERS: Mapping[str, Callable[[InboundMessage], tuple[str, Any]]] = {
    "text": _text,
    "image": _plain("imageMessage", "image"),
    "channel_image": _plain("imageMessage", "image"),
    "video": _plain("videoMessage", "video"),
    "gif": _plain("videoMessage", "video"),
    "video_note": _plain("ptvMessage", "video"),
    "audio": _plain("audioMessage", "audio"),
    "voice": _plain("audioMessage", "audio"),
    "document": _document,
    "sticker": _plain("stickerMessage", "sticker"),
    "view_once": _view_once,
    "album": _plain("albumMessage", "album"),
    "location": _plain("locationMessage", "location"),
    "live_location": _plain("liveLocationMessage", "live_location"),
    "contact": lambda message: (
        "contactMessage",
        _in_order("contact", {**message.details, **_contact_card(message.details)}),
    ),
    "contacts": _contacts,
    "group_invite": _plain("groupInviteMessage", "group_invite"),
    "reaction": _plain("reactionMessage", "reaction"),
    "poll": _poll,
    "poll_vote": _poll_vote,
    "button_reply": _button_reply,
    "list_reply": _list_reply,
    "delete": lambda message: ("protocolMessage", {"key": dict(message.details["key"]), "type": "REVOKE"}),
    "edit": _edit,
    "disappearing": lambda message: (
        "protocolMessage",
        {"type": "EPHEMERAL_SETTING", "ephemeralExpiration": message.details["seconds"]},
    ),
}

KINDS = tuple(_BUILDERS)
"""Every kind of message that a person can write."""
