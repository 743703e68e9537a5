"""Message payloads as WhatsApp writes them, `data.message` of a webhook event: how they are written, and read.

Those that were given unchanged are read, too. Wrappers mark disappearing chats, view once, captions of documents and
edits. Payloads are read inside them.
"""

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, NamedTuple

from flaresend_mock.core.errors import NotForwarded
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Cause, Chaos, Content, Message, Upload
from flaresend_mock.core.randomness import SeededRandom

Payload = dict[str, Any]

CONTEXT = "messageContextInfo"
TARGETED = frozenset({"reaction", "delete", "edit", "poll_vote"})  # the kinds that change another message, their target
OTHER = "other"  # the kind of a payload that the emulator does not know

_BESIDE = frozenset({CONTEXT, "senderKeyDistributionMessage"})  # keys that stand beside the content of a message
_MAX_WRAPPERS = 5
_VCARD_NUMBER = re.compile(r"^(?:item\d+\.)?TEL([^\n:]*):([^\n]*)", re.MULTILINE)
_VCARD_SPECIAL = re.compile(r"[\\;,]")
_WAID = re.compile(r"waid=(\d+)")
WAVEFORM_BARS = 64
MAX_FORWARDS = 127
IV_LENGTH = 12
TAG_IN_BASE64 = 24  # the length of a vote without choices

TABLES = json.loads((Path(__file__).parent / "assets" / "payloads.json").read_text("utf-8"))
"""What differs by kind of message, or by the key of a payload's content.

kinds: the kind, by key; protocol: the types of a protocolMessage, by kind. media: the kind of media of a file. files:
how a kind of media is encrypted and served. texts: where a text is; other_texts: the same by key, for other contents
and forms. details: how payloads call them. keys: those of a content, in order; stubs: those that linked devices get of
what is viewed once, since the end of 2024. names: the key of a content, if it is not its kind's name; fixed: what it
always holds. before_context: the keys that messageContextInfo follows. fields: with which people write a kind; telling:
those that tell it. not_shown: the parts of outbound messages that WhatsApp does not show.
"""

MEDIA_KINDS: Mapping[str, str] = TABLES["media"]  # and the media that the file is encrypted as
REPLIES = frozenset({"button_reply", "list_reply"})  # to the last message of the instance, without `reply_to`
_BEFORE_CONTEXT = frozenset(TABLES["before_context"].split())
"""The keys that messageContextInfo follows. It precedes all others: it is a field in the middle of WhatsApp's protocol
buffer, and the client writes fields in the order of their numbers."""
_KEPT_BY_EDITS = ("matchedText", "description", "title", "previewType", "gifPlayback", "contextInfo")


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
    cause: Cause | None = None
    as_lid: bool | None = None
    chaos: Chaos | None = None


def b64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def media_kind(kind: str, mimetype: str) -> str:
    """Return the kind of media that the file of a message is encrypted as."""
    family = mimetype.partition("/")[0]
    return family if kind == "view_once" and family in ("video", "audio") else MEDIA_KINDS[kind]


def write(message: InboundMessage, chance: SeededRandom, seconds: int) -> Payload:
    """Return the payload of a message at a time in Unix seconds, with its messageContextInfo where WhatsApp puts it.

    `details` hold what its kind needs: fields of its shared file, `key` of its target, `contextInfo`.
    """
    name, body = _written(message)
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


def _written(message: InboundMessage) -> tuple[str, Any]:
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


class Opened(NamedTuple):
    """The content of a payload: its key, its value, and the keys of the wrappers around it, the outermost first."""

    name: str
    body: Any
    wrappers: tuple[str, ...] = ()

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.body if isinstance(self.body, Mapping) else {}


def open_payload(payload: Any) -> Opened:
    """Return the content of a payload, without what wraps it."""
    wrappers: tuple[str, ...] = ()
    while True:
        name, body = _content(payload)
        inner = body.get("message") if isinstance(body, Mapping) else None
        if not isinstance(inner, Mapping) or len(wrappers) == _MAX_WRAPPERS:
            return Opened(name, body, wrappers)
        wrappers, payload = (*wrappers, name), inner


def read(payload: Any) -> Content:
    """Return what a payload says; its type is as in POST /_mock/inbound, or `other`."""
    opened = open_payload(payload)
    name, fields = opened.name, opened.fields
    if name == "conversation":
        return Content("text", _text(opened.body))
    kind = TABLES["kinds"].get(name, OTHER)
    if name == "protocolMessage":  # one that lost its type, as a gateway drops defaults, deletes its target
        type_ = fields.get("type", "REVOKE" if "key" in fields else None)
        kind = next((one for one, types in TABLES["protocol"].items() if type_ in types), OTHER)
    if kind == "edit":
        return replace(read(fields.get("editedMessage")), type="edit")
    if kind == "video" and fields.get("gifPlayback"):
        kind = "gif"
    if kind == "audio" and fields.get("ptt"):
        kind = "voice"
    if any(wrapper.startswith("viewOnce") for wrapper in opened.wrappers):
        kind = "view_once"
    text = _text(_at(fields, TABLES["other_texts"].get(name) or TABLES["texts"].get(kind, "")))
    caption, file_name, mimetype = (_text(fields.get(key)) for key in ("caption", "fileName", "mimetype"))
    return Content(kind, text, caption=caption, file_name=file_name, mimetype=mimetype)


def _at(fields: Any, path: str) -> Any:
    for name in path.split("."):
        fields = _mapping(fields).get(name)
    return fields


def quoted_by(message: Message) -> str | None:
    """Return the id of the message that a message replies to."""
    return _text(context_of(message).get("stanzaId"))


def secret_of(payload: Any) -> bytes | None:
    """Return the secret of a message, with which votes are encrypted; None if it has none."""
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(payload, Mapping):
            break
        try:
            return b64decode(_at(payload, f"{CONTEXT}.messageSecret"), validate=True) or None
        except (TypeError, ValueError):
            payload = next((_mapping(one).get("message") for key, one in payload.items() if key not in _BESIDE), None)
    return None


def context_of(message: Message) -> Mapping[str, Any]:
    return _mapping(open_payload(message.payload).fields.get("contextInfo"))


def target_of(message: Message) -> str | None:
    """Return the id of the message that a reaction, a deletion, an edit or a vote changes."""
    if message.content.type not in TARGETED:
        return None
    fields = open_payload(message.payload).fields
    return _text(_mapping(fields.get("key") or fields.get("pollCreationMessageKey")).get("id"))


def edited(payload: Mapping[str, Any], words: str) -> Payload:
    """Return a payload with other words as its text or caption."""
    name, body = _content(payload)
    if name == "conversation":
        return {**payload, name: words}
    if not isinstance(body, Mapping):
        return dict(payload)
    if isinstance(body.get("message"), Mapping):
        return {**payload, name: {**body, "message": edited(body["message"], words)}}
    return {**payload, name: {**body, "text" if name == "extendedTextMessage" else "caption": words}}


def quoted(payload: Mapping[str, Any]) -> Payload:
    """Return a payload as replies quote it: without its context, and without what it quotes itself."""
    return {key: _unquoted(value) for key, value in payload.items() if key not in _BESIDE}


def _unquoted(content: Any) -> Any:
    if not isinstance(content, Mapping):
        return content
    inner = {key: value for key, value in content.items() if key != "contextInfo"}
    if isinstance(inner.get("message"), Mapping):
        inner["message"] = quoted(inner["message"])
    return inner


def score_of(context: Mapping[str, Any]) -> int:
    """Return how often a message was forwarded, according to its contextInfo."""
    score = context.get("forwardingScore")
    return max(0, score) if type(score) is int else 0


def forwarded(payload: Mapping[str, Any], score: int) -> Payload:
    """Return a payload as a forwarded one, without what it quotes; NotForwarded if it has no body."""
    name, body = _content(payload)
    if name == "conversation" and isinstance(body, str):
        others = {other: value for other, value in payload.items() if other != name}
        return forwarded({**others, "extendedTextMessage": {"text": body}}, score)
    if not isinstance(body, Mapping):
        raise NotForwarded
    if isinstance(body.get("message"), Mapping):
        return {**payload, name: {**body, "message": forwarded(body["message"], score)}}
    return {**payload, name: {**body, "contextInfo": {"forwardingScore": score, "isForwarded": True}}}


def contact_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a received contact: its name, its number as digits, empty if it has none, and whether it has a waid."""
    found = _VCARD_NUMBER.search(str(body.get("vcard", "")))
    waid = _WAID.search(found[1]) if found else None
    number = waid[1] if waid else "".join(filter(str.isdigit, found[2])) if found else ""
    return {"displayName": str(body.get("displayName") or ""), "number": number, "on_whatsapp": waid is not None}


def contacts_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = body.get("contacts")
    return [contact_of(_mapping(one)) for one in (given if isinstance(given, list | tuple) else ())]


def choices(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the options of a received poll."""
    options = body.get("options")
    given = options if isinstance(options, list | tuple) else ()
    return tuple(str(one.get("optionName", "")) for one in given if isinstance(one, Mapping))


def details_of(kind: str, body: Mapping[str, Any]) -> Payload:
    """Return the details of a received message, from which a message like it can be written."""
    match kind:
        case "location" | "live_location":
            return {name: value for name, value in body.items() if name not in ("contextInfo", "caption")}
        case "contact":
            return contact_of(body)
        case "contacts":
            return {"contacts": contacts_of(body)}
        case "poll":
            return {"options": list(choices(body)), "selectableOptionsCount": body.get("selectableOptionsCount", 1)}
        case "video" | "gif" | "video_note" | "audio" | "voice":
            return {"seconds": body["seconds"]} if "seconds" in body else {}
        case _:
            return {}


def _content(payload: Any) -> tuple[str, Any]:
    """Return the first key of a payload that is content, and its value."""
    found = payload.items() if isinstance(payload, Mapping) else ()
    content = ((name, body) for name, body in found if name not in _BESIDE and body is not None)
    return next(content, ("", None))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
