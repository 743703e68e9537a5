"""Reads message payloads, those that were given unchanged included: kind, text and caption, quotes and targets.

Wrappers mark disappearing chats, view once, captions of documents and edits. Payloads are read inside them.
"""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from flaresend_mock.core.errors import NotForwarded
from flaresend_mock.core.models import Content, Message

Payload = dict[str, Any]

CONTEXT = "messageContextInfo"
TARGETED = frozenset({"reaction", "delete", "edit", "poll_vote"})
"""The kinds that change another message, their target."""
OTHER = "other"
"""The kind of a payload that the emulator does not know."""

_BESIDE = frozenset({CONTEXT, "senderKeyDistributionMessage"})
"""Keys that stand beside the content of a message."""
_MAX_WRAPPERS = 5
_VCARD_NUMBER = re.compile(r"^(?:item\d+\.)?TEL([^\n:]*):([^\n]*)", re.MULTILINE)
_WAID = re.compile(r"waid=(\d+)")

TABLES = json.loads((Path(__file__).parent / "assets" / "payloads.json").read_text("utf-8"))
"""What differs by kind of message, or by the key of a payload's content.

kinds: the kind, by key; protocol: the types of a protocolMessage, by kind. media: the kind of media of a file. files:
how a kind of media is encrypted and served. texts: where a text is; other_texts: the same by key, for other contents
and forms. details: how payloads call them. keys: those of a content, in order; stubs: those that linked devices get of
what is viewed once, since the end of 2024. names: the key of a content, if it is not its kind's name; fixed: what it
always holds. before_context: the keys that messageContextInfo follows. fields: with which people write a kind; telling:
those that tell it. not_shown: the parts of outbound messages that WhatsApp does not show.
"""


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
