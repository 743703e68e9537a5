"""What people write, before it is a message; and messages that are written once more."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flaresend_mock.core.errors import MessageNotFound, NotForwarded
from flaresend_mock.core.models import Chaos, Message, Upload
from flaresend_mock.core.payloads import CONTEXT, Payload
from flaresend_mock.core.store import Store

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
"""Which kinds of message carry a file, and how that is encrypted."""

CAPTIONED = frozenset({"image", "view_once", "channel_image", "video", "document"})
"""Which of them may say something beside their file."""

TARGETED = frozenset({"reaction", "delete", "edit"})
"""Which kinds of message are about another one."""

REPLIES = frozenset({"button_reply", "list_reply"})
"""Kinds of message that reply to the instance's last message, if no other is named."""

MAX_FORWARDS = 127

_VCARD_NUMBER = re.compile(r"^TEL[^\n]*?waid=(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What somebody writes, as they put it; see `POST /_mock/inbound` for what each field means.

    `about` is the id of the message that is replied, reacted to, deleted or edited; `forward` that of one which is
    said again, with all that is in it; `raw` is the payload as it is.
    """

    sender: str | int
    kind: str = "text"
    text: str = ""
    caption: str | None = None
    upload: Upload | None = None
    flaws: Mapping[str, bool] = field(default_factory=dict)
    instance: str | None = None
    group: str | None = None
    about: str | None = None
    forward: str | None = None
    forwarded: int = 0
    mentions: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    raw: Payload | None = None
    by_rule: bool = False
    as_lid: bool | None = None
    chaos: Chaos | None = None


def opened(message: Message) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return what the payload of a received message holds under its kind, and its context."""
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


def target(message: Message) -> str | None:
    """Return the id of the message that a reaction, a deletion or an edit is about."""
    if message.content.type not in TARGETED:
        return None
    key = opened(message)[0].get("key")
    found = key.get("id") if isinstance(key, Mapping) else None
    return found if isinstance(found, str) else None


def again(store: Store, message: Message) -> InboundMessage:
    """Return the letter that says the same: as text, where only the instance could have written it as it is.

    What was sent by URL is not fetched: a sample stands for it, under the name that was sent.
    """
    content = message.content
    kind = content.type if content.type in MEDIA_KINDS else "text"
    upload = None
    if kind != "text":
        media = store.state.media.get(content.media) if content.media else None
        sample = store.host.sample_media(MEDIA_KINDS[kind])
        data, name, mimetype = (
            (media.data, media.file_name, media.mimetype)
            if media
            else (sample.data, sample.file_name, sample.mimetype)
        )
        upload = Upload(data, content.file_name or name, content.mimetype or mimetype)
    text = content.text or (json.dumps(content.template) if content.type == "template" else "")
    return InboundMessage(message.sender, kind, text, content.caption, upload)


def forwarded(store: Store, letter: InboundMessage) -> InboundMessage:
    """Fill in what a letter forwards, if it does. The caller holds the lock.

    Raises:
        MessageNotFound: the message is not there.
        NotForwarded: it was deleted, can be seen once, or says nothing of its own, such as a reaction.
    """
    if letter.forward is None:
        return letter
    message = store.state.messages.get(letter.forward)
    if message is None:
        raise MessageNotFound
    body, context = opened(message)
    kind = message.content.type
    changes = [one for one in store.state.messages if target(one) == message.id]
    if kind in TARGETED or kind == "view_once" or any(one.content.type == "delete" for one in changes):
        raise NotForwarded
    edits = [one.content.text or "" for one in changes if one.content.type == "edit"]
    score = letter.forwarded or min(MAX_FORWARDS, score_of(context) + 1)
    kept = "image" if kind == "channel_image" else kind if kind in (*MEDIA_KINDS, *_SHAPES) else "text"
    if message.content.raw and not edits:
        return replace(letter, kind=kept, raw=_passed_on(message.payload or {}, score))
    copy = again(store, message)
    text, caption = copy.text, copy.caption
    for edit in edits:
        text, caption = (text, edit) if copy.upload else (edit, caption)
    if kept == "text" and not text:
        raise NotForwarded
    return replace(
        letter,
        kind=kept,
        text=text,
        caption=caption,
        upload=copy.upload,
        details=_SHAPES[kind](body) if kind in _SHAPES else {},
        forwarded=score,
    )


def score_of(context: Mapping[str, Any]) -> int:
    """Return how often a message was forwarded, by the context in its payload."""
    score = context.get("forwardingScore")
    return max(0, score) if type(score) is int else 0


def _passed_on(payload: Mapping[str, Any], score: int) -> Payload:
    """Return a payload that was given as it is, as a forwarded one: without what it answers.

    Raises:
        NotForwarded: there is nothing in it that could be.
    """
    for name, body in payload.items():
        if name == CONTEXT:
            continue
        if name == "conversation" and isinstance(body, str):
            return _passed_on({**_without(payload, name), "extendedTextMessage": {"text": body}}, score)
        if isinstance(body, Mapping) and isinstance(body.get("message"), Mapping):
            return {**payload, name: {**body, "message": _passed_on(body["message"], score)}}
        if isinstance(body, Mapping):
            return {**payload, name: {**body, "contextInfo": {"forwardingScore": score, "isForwarded": True}}}
        break
    raise NotForwarded


def _without(payload: Mapping[str, Any], name: str) -> Payload:
    return {other: value for other, value in payload.items() if other != name}


def _place(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body.get(name) for name in ("degreesLatitude", "degreesLongitude", "name", "address")}


def contact_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the name and the number that a received contact holds, each empty where it has none."""
    number = _VCARD_NUMBER.search(str(body.get("vcard", "")))
    return {"displayName": str(body.get("displayName") or ""), "number": number[1] if number else ""}


def choices(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a received poll offers, whatever else stands there."""
    options = body.get("options")
    given = options if isinstance(options, list | tuple) else ()
    return tuple(str(one.get("optionName", "")) for one in given if isinstance(one, Mapping))


def _poll(body: Mapping[str, Any]) -> dict[str, Any]:
    count = body.get("selectableOptionsCount", 1)
    return {"options": list(choices(body)), "selectableOptionsCount": count}


def _length(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"seconds": body["seconds"]} if "seconds" in body else {}


_SHAPES = {
    "location": _place,
    "contact": contact_of,
    "poll": _poll,
    "video": _length,
    "audio": _length,
    "voice": _length,
}
"""What there is in messages beside texts and files."""
