"""Messages as a phone shows them: text, sender, file, quote, reactions, edits and the delivery mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.models import Delivery, Instance, Message
from flaresend_mock.core.payloads import choices, contact_of, target_of, unwrap
from flaresend_mock.core.world import World

LABELS = {
    "image": "📷 Photo",
    "channel_image": "📷 Photo",
    "view_once": "① Photo",
    "video": "🎥 Video",
    "audio": "🎵 Audio",
    "voice": "🎤 Voice message",
    "document": "📄 Document",
    "sticker": "Sticker",
    "location": "📍 Location",
    "contact": "👤 Contact",
    "poll": "📊 Poll",
    "template": "Template",
}
"""What stands for a message of a kind in one line, before its text."""


@dataclass(frozen=True, slots=True)
class File:
    """A file in a message: `kind` is image, video, audio, document or sticker; `url` is the link that was sent."""

    kind: str
    id: str | None
    name: str
    mimetype: str
    size: int | None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that a message replies to; `event` is None if it is no longer kept."""

    event: int | None
    author: str
    line: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message as the page shows it.

    `ours` tells that the instance sent it. `mark` is its delivery: sent, failed, pending, delivered or none. A poll has
    `choices`, a contact has a `number`.
    """

    message: Message
    ours: bool
    author: str
    text: str
    mark: str
    file: File | None = None
    quote: Quote | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    number: str = ""
    reactions: tuple[tuple[str, int], ...] = ()
    deleted: bool = False
    edited: bool = False
    forwarded: bool = False

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def event(self) -> int:
        return self.message.event

    @property
    def at(self) -> datetime:
        return self.message.at

    @property
    def kind(self) -> str:
        return self.message.content.type


class MessageView:
    """Makes bubbles of messages, with the later messages that react to them, edit or delete them.

    The caller holds the world's lock.
    """

    def __init__(self, world: World, messages: Iterable[Message], changes: Iterable[Message] = ()) -> None:
        self._world = world
        self._messages = list(messages)
        self._deliveries: dict[str, Delivery] = {}
        wanted = {message.id for message in self._messages if message.direction == "inbound"}
        if wanted:
            for delivery in world.deliveries.all():
                if delivery.message in wanted:
                    self._deliveries[delivery.message] = delivery
        self._changes: dict[str, list[Message]] = {}
        for change in changes:
            self._changes.setdefault(target_of(change) or "", []).append(change)

    def bubbles(self) -> list[Bubble]:
        return [self._bubble(message) for message in self._messages]

    def _bubble(self, message: Message) -> Bubble:
        inner, context = unwrap(message)
        reactions: dict[str, str] = {}
        text, deleted, edited = words(message), False, False
        for change in self._changes.get(message.id, ()):
            match change.content.type:
                case "reaction":
                    reactions[change.sender] = change.content.text or ""
                case "delete":
                    deleted = True
                case "edit":
                    text, edited = change.content.text or "", True
        counted: dict[str, int] = {}
        for emoji in reactions.values():
            if emoji:
                counted[emoji] = counted.get(emoji, 0) + 1
        return Bubble(
            message=message,
            ours=message.direction == "outbound",
            author=name_of(self._world, message.sender),
            text=text,
            mark=self._mark(message),
            file=self._file(message),
            quote=self._quote(context),
            details=inner,
            choices=choices(inner) if message.content.type == "poll" else (),
            number=contact_of(inner)["number"] if message.content.type == "contact" else "",
            reactions=tuple(counted.items()),
            deleted=deleted,
            edited=edited,
            forwarded=bool(context.get("isForwarded")),
        )

    def _mark(self, message: Message) -> str:
        if message.direction == "outbound":
            return message.status
        delivery = self._deliveries.get(message.id)
        return "none" if delivery is None or delivery.status == "no endpoint" else delivery.status

    def _file(self, message: Message) -> File | None:
        content = message.content
        if content.media is None and content.url is None:
            return None
        media = self._world.state.media.get(content.media) if content.media else None
        return File(
            kind=_family(content.type),
            id=content.media if media else None,
            name=content.file_name
            or (media.file_name if media else "")
            or (content.url or "").rpartition("/")[2]
            or "file",
            mimetype=content.mimetype or "",
            size=len(media.data) if media else None,
            url=content.url,
        )

    def _quote(self, context: Mapping[str, Any]) -> Quote | None:
        wanted = context.get("stanzaId")
        if not isinstance(wanted, str):
            return None
        quoted = self._world.state.messages.get(wanted)
        if quoted is None:
            return Quote(None, "", "a message that is no longer kept")
        return Quote(quoted.event, name_of(self._world, quoted.sender), line_of(quoted))


def words(message: Message) -> str:
    """Return the text of a message, or its caption."""
    text = message.content.text or message.content.caption
    if not text and message.payload:  # the client may have given the payload itself
        text = message.payload.get("conversation") or unwrap(message)[0].get("text")
    return text if isinstance(text, str) else ""


def line_of(message: Message) -> str:
    """Return a message in one line."""
    kind = message.content.type
    text = words(message)
    if kind == "reaction":
        return f"reacted {text}" if text else "removed a reaction"
    if kind == "delete":
        return "deleted a message"
    label = LABELS.get(kind, "")
    if kind == "document" and message.content.file_name:
        label = f"📄 {message.content.file_name}"
    return f"{label} {text}".strip() if label else text or kind


def name_of(world: World, party: str) -> str:
    """Return the name of a person, a group, a channel or an instance, or else the number or id."""
    if party.endswith(numbers.GROUP):
        group = world.state.groups.get(party)
        return group.subject if group else party
    number = party.removesuffix(numbers.USER)
    owner = instance_of(world, number)
    if owner is not None and owner.name:
        return owner.name
    person = world.state.people.get(number)
    if person is not None and person.name:
        return person.name
    channel = world.state.channels.get(party)
    return channel.name if channel else f"+{number}" if number.isdigit() else party


def instance_of(world: World, number: str) -> Instance | None:
    """Return the instance that has a number."""
    return next((one for one in world.state.instances.values() if one.number == number), None)


def _family(kind: str) -> str:
    return {"channel_image": "image", "view_once": "image", "voice": "audio"}.get(kind, kind)
