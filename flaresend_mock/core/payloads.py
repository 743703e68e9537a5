"""Writes message payloads as WhatsApp does: `data.message` of a webhook event. `payload_reader.py` reads them."""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from flaresend_mock.core.model import model
from flaresend_mock.core.models import Chaos, Upload
from flaresend_mock.core.payload_reader import CONTEXT, TABLES, Payload
from flaresend_mock.core.randomness import SeededRandom

WAVEFORM_BARS = 64
MAX_FORWARDS = 127

MEDIA_KINDS: Mapping[str, str] = TABLES["media"]
"""The kinds of message with a file, and the kind of media that the file is encrypted as; see `media_kind`."""

REPLIES = frozenset({"button_reply", "list_reply"})
"""The kinds that reply to the last message of the instance, unless `reply_to` names another."""

_VCARD_SPECIAL = re.compile(r"[\\;,]")

_BEFORE_CONTEXT = frozenset(TABLES["before_context"].split())
"""The keys that messageContextInfo follows. It precedes all others: it is a field in the middle of WhatsApp's protocol
buffer, and the client writes fields in the order of their numbers."""
_KEPT_BY_EDITS = ("matchedText", "description", "title", "previewType", "gifPlayback", "contextInfo")

IV_LENGTH = 12
TAG_IN_BASE64 = 24
"""The length of a vote without choices."""


@model
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
    name, body = _content(message)
    info = context_info(chance, seconds)
    if "messageAssociation" in message.details:
        info["messageAssociation"] = message.details["messageAssociation"]
    if message.details.get("ephemeral"):
        name, body = "ephemeralMessage", {"message": {name: body}}
    return {name: body, CONTEXT: info} if name in _BEFORE_CONTEXT else {CONTEXT: info, name: body}


def context_info(chance: SeededRandom, seconds: int) -> Payload:
    """Return the device metadata of a message: well-formed, and derived from the seed."""
    material = chance.material("message context")
    own = {"senderKeyHash": b64(material[:10]), "senderTimestamp": str(max(0, seconds - 567_982 - material[60] * 60))}
    to = {"recipientKeyHash": b64(material[10:20]), "recipientTimestamp": str(max(0, seconds - 753 - material[61]))}
    secret = b64(material[20:52])
    return {"deviceListMetadata": own | to, "deviceListMetadataVersion": 2, "messageSecret": secret}


def _in_order(kind: str, values: Mapping[str, Any], table: str = "keys") -> Payload:
    return {key: values[key] for key in TABLES[table][kind].split() if values.get(key) is not None}


def _content(message: InboundMessage) -> tuple[str, Any]:
    kind, details, text = message.kind, message.details, message.text
    context = details.get("contextInfo")
    said = {TABLES["texts"].get(kind, "text"): text, "caption": message.caption}
    values = {**details, **said, **TABLES["fixed"].get(kind, {})}
    shape = MEDIA_KINDS.get(kind, kind)
    name = TABLES["names"].get(kind, f"{shape}Message")
    match kind:
        case "text" if not context and not details.get("matchedText"):
            return "conversation", text
        case "document" if message.caption is not None:
            return "documentWithCaptionMessage", {"message": {name: _in_order(kind, values)}}
        case "view_once":
            return _view_once(details, values)
        case "edit":
            return _edit(details, text)
        case "contact":
            values |= _contact_card(details)
        case "contacts":
            cards = [_contact_card(one) for one in details["contacts"]]
            values |= {"displayName": f"{len(cards)} contacts", "contacts": cards}
        case "poll":  # its key tells how many options may be chosen, and whether a community announced it
            name += "V2" if details.get("announced") else "V3" if details["selectableOptionsCount"] == 1 else ""
            values["options"] = [{"optionName": option} for option in details["options"]]
        case "poll_vote":
            values["pollCreationMessageKey"] = details["key"]
        case "disappearing":
            values["ephemeralExpiration"] = details["seconds"]
        case "button_reply":
            values["contextInfo"] = context or {}
        case "list_reply":
            values |= {"singleSelectReply": {"selectedRowId": details["selectedRowId"]}, "contextInfo": context or {}}
    return name, _in_order(shape, values)


def _view_once(details: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[str, Any]:
    """Write the stub that linked devices get; with the detail `complete`, the picture and its key, too."""
    kind = media_kind("view_once", details["mimetype"])
    body = _in_order(kind, values, "keys" if details.get("complete") else "stubs")
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


def _edit(details: Mapping[str, Any], text: str) -> tuple[str, Any]:
    """Write an edit, which keeps the kind of its target: `edited` is the key of the target's content."""
    name = details["edited"]
    values = {key: details[key] for key in _KEPT_BY_EDITS if key in details}
    if name == "conversation" and not values.get("contextInfo"):
        edited: Payload = {name: text}
    elif name in ("conversation", "extendedTextMessage"):
        edited = {"extendedTextMessage": _in_order("text", {**values, "text": text})}
    else:
        kind = name.removesuffix("Message").removesuffix("WithCaption")
        edited = {f"{kind}Message": _in_order(kind, {**values, "caption": text})}
        edited = {"documentWithCaptionMessage": {"message": edited}} if kind == "document" else edited
    protocol = {"key": dict(details["key"]), "type": "MESSAGE_EDIT", "editedMessage": edited}
    protocol["timestampMs"] = details["timestampMs"]
    if details.get("wrapped"):
        return "editedMessage", {"message": {"protocolMessage": protocol}}
    return "protocolMessage", protocol


def encrypted_vote(options: Iterable[str], *, secret: bytes, poll: str, creator: str, voter: str, iv: bytes) -> bytes:
    """Return the encrypted vote for these options, followed by its tag of 16 bytes. No options withdraw a vote.

    Baileys and whatsmeow agree on this. `secret` is the messageSecret of the poll, whose id is `poll`. The key depends
    on the JIDs of its `creator` and of the `voter` in the form in which the chat shows them: a receiver that mixes
    numbers and LIDs cannot decrypt the vote.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow to import, and few runs need it

    hashes = (hashlib.sha256(option.encode()).digest() for option in options)
    chosen = b"".join(b"\x0a\x20" + one for one in hashes)  # field 1 of the protocol buffer, 32 bytes
    return AESGCM(vote_key(secret, poll, creator, voter)).encrypt(iv, chosen, f"{poll}\0{voter}".encode())


def chooses(vote: Mapping[str, Any]) -> bool:
    """Tell whether a pollUpdateMessage chooses anything; a vote that is withdrawn is only a tag."""
    sealed = vote.get("vote")
    payload = sealed.get("encPayload") if isinstance(sealed, Mapping) else None
    return isinstance(payload, str) and len(payload) > TAG_IN_BASE64


def vote_key(secret: bytes, poll: str, creator: str, voter: str) -> bytes:
    """Return the key of a voter's votes in a poll (RFC 5869 with SHA-256, no salt, 32 bytes)."""
    info = f"{poll}{creator}{voter}Poll Vote\1".encode()
    return hmac.digest(hmac.digest(bytes(32), secret, "sha256"), info, "sha256")
