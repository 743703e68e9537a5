"""Composes what people write: an inbound message becomes the payload that WhatsApp would send for it.

It says, too, who may change, quote and forward which message on WhatsApp.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flaresend_mock.core import errors, numbers, payloads
from flaresend_mock.core.media import Media, mimetype_of, mismatch
from flaresend_mock.core.models import Instance, Message, Upload
from flaresend_mock.core.payloads import MAX_FORWARDS, MEDIA_KINDS, REPLIES, TARGETED, InboundMessage, Payload
from flaresend_mock.core.people import People
from flaresend_mock.core.state import State
from flaresend_mock.core.store import Store

INVITES_FOR = timedelta(days=3)
EDITABLE_FOR = timedelta(minutes=15)
DELETABLE_FOR = timedelta(hours=60)

CHANGES = frozenset({*TARGETED, "disappearing"})  # the kinds that no message can quote, change, forward or wrap
_EDITABLE = frozenset({"text", "image", "video", "gif", "document"})  # the kinds whose text or caption can be edited
_FORWARDED_AS_THEY_ARE = frozenset({*MEDIA_KINDS, "location", "contact", "contacts", "poll"})


class Composer:
    """Composes the payloads of a world's inbound messages. The caller of its methods holds the world's lock."""

    def __init__(self, store: Store, people: People, media: Media) -> None:
        self._store, self._people, self._media = store, people, media

    def compose(
        self, message: InboundMessage, instance: Instance, sender: str, chat: str, now: datetime
    ) -> tuple[InboundMessage, Payload]:
        """Return a message with everything that was left open filled in, and its payload.

        It refuses what WhatsApp does not let its sender send, or what names a message, channel or group that is gone.
        """
        message = self._forward(message)
        if message.raw is not None:
            return message, dict(message.raw)
        other = self._other(message, instance, chat)
        if other is not None and message.kind in TARGETED:
            require_change(self._store.state, message, other, instance.id, sender, chat, now)
        self._require_parts(message, other, sender, chat)
        message = self._complete(message, instance)
        message = replace(message, details=self._details(message, other, instance, sender, chat, now))
        return message, payloads.write(message, self._store.random, int(now.timestamp()))

    def shown(self, message: InboundMessage, number: str) -> str:
        """Return a person's JID or their LID: as the message says, or as the world does, or as its chat does."""
        senders, by_lid = self._store.state.settings.senders, message.as_lid
        if by_lid is None:
            by_lid = message.group is not None if senders == "auto" else senders == "lid"
        return self._people.meet(number).lid if by_lid else number + numbers.USER

    def _forward(self, message: InboundMessage) -> InboundMessage:
        if message.forward is None:
            return message
        original = self._find(message.forward)
        kind = original.content.type
        if kind in CHANGES or kind == "view_once" or is_deleted(self._store.state, original):
            raise errors.NotForwarded
        payload = self._latest(original)
        score = message.forwarded or min(MAX_FORWARDS, payloads.score_of(payloads.context_of(original)) + 1)
        kept = "image" if kind == "channel_image" else kind if kind in _FORWARDED_AS_THEY_ARE else "text"
        if original.content.raw:
            return replace(message, kind=kept, raw=payloads.forwarded(payload or {}, score))
        copy = self.copy_of(original)
        said = payloads.read(payload)
        text, caption = said.text or copy.text, said.caption or copy.caption
        errors.require(kept != "text" or text, errors.NotForwarded)
        details = payloads.details_of(kind, payloads.open_payload(original.payload).fields)
        shown = replace(message, kind=kept, text=text, caption=caption, upload=copy.upload)
        return replace(shown, details=details, forwarded=score)

    def _latest(self, message: Message) -> Payload | None:
        payload = dict(message.payload) if message.payload is not None else None
        for change in changes_of(self._store.state, message) if payload else ():
            words = change.content.text if change.content.caption is None else change.content.caption
            if change.content.type == "edit" and words is not None:
                payload = payloads.edited(payload or {}, words)
        return payload

    def copy_of(self, message: Message) -> InboundMessage:
        """Return an inbound message like a kept one; as text, if only instances write its kind.

        A sample replaces a file that was sent by URL, which the emulator does not fetch. A file that does not fit its
        kind becomes a document.
        """
        content = message.content
        if content.type not in MEDIA_KINDS:
            text = content.text or (json.dumps(content.template) if content.type == "template" else "")
            return InboundMessage(message.sender, text=text, caption=content.caption)
        file = self._store.state.media.get(content.media) if content.media else None
        source = file or self._store.host.sample_media(MEDIA_KINDS[content.type])
        upload = Upload(source.data, content.file_name or source.file_name, content.mimetype or source.mimetype)
        kind = "document" if mismatch(MEDIA_KINDS[content.type], upload) else content.type
        return InboundMessage(message.sender, kind, content.text or "", content.caption, upload)

    def _require_parts(self, message: InboundMessage, other: Message | None, sender: str, chat: str) -> None:
        """Check what a message names, before people are met and files are shared: a refusal changes nothing."""
        groups, group, album = self._store.state.groups, message.details.get("groupJid"), message.details.get("album")
        errors.require(message.kind != "group_invite" or (group in groups if group else groups), errors.GroupNotFound)
        if album is not None:
            parent = self._find(album)
            if parent.content.type != "album" or parent.sender != sender or parent.chat != chat:
                raise errors.NotAllowed("album: this message is not an album of the sender in this chat")
        if any(numbers.parse(one) and self._people.named(one) is None for one in message.mentions):
            raise errors.InvalidNumber("mentions")  # the digits of a LID
        shown: list[str] = list(message.mentions)  # people who may be met, if their LIDs are shown
        if other is not None:
            context = payloads.context_of(other)
            shown += [other.sender, other.chat, context.get("participant", ""), context.get("remoteJid", "")]
        self._people.require_room([sender, *map(self._people.named, shown)])

    def _complete(self, message: InboundMessage, instance: Instance) -> InboundMessage:
        upload, details = message.upload, message.details
        if message.kind in MEDIA_KINDS:
            upload = upload or self._store.host.sample_media(MEDIA_KINDS[message.kind])
            kind = payloads.media_kind(message.kind, mimetype_of(MEDIA_KINDS[message.kind], upload))
            upload = replace(upload, mimetype=mimetype_of(kind, upload))
            if wrong := mismatch(kind, upload):
                raise errors.MediaMismatch(f"media: {wrong} does not fit a message of type {message.kind}")
            if message.kind == "view_once":
                _require_shown(message, kind)
        if message.kind == "channel_image":
            channels, wanted = self._store.state.channels, details.get("channel")
            if wanted is None:
                followed = (one.id for one in channels.values() if one.role_of(instance.number) != "GUEST")
                wanted = next(followed, None)
            errors.require(wanted in channels, errors.ChannelNotFound)
            details = {**details, "channel": wanted}
        mentions, digits = self._mentions(message)
        text = _mentioning(message.text, digits)
        caption = message.caption and _mentioning(message.caption, digits)
        return replace(message, upload=upload, details=details, text=text, caption=caption, mentions=mentions)

    def _mentions(self, message: InboundMessage) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """Return the JIDs of the people who are mentioned; and by their numbers and LIDs, the digits of that JID."""
        digits: dict[str, str] = {}
        mentions = []
        for given in message.mentions:
            number = self._people.named(given)
            mention = given if number is None else self.shown(message, number)
            mentions.append(mention)
            if number is not None:
                person = self._people.meet(number)
                spellings = (numbers.parse(given), person.number, *person.aliases, person.lid)
                digits |= dict.fromkeys((one.partition("@")[0] for one in spellings if one), mention.partition("@")[0])
        return tuple(dict.fromkeys(mentions)), digits

    def _other(self, message: InboundMessage, instance: Instance, chat: str) -> Message | None:
        """Return the message that this one replies to or changes; for buttons the instance's last one in the chat."""
        wanted = message.target if message.kind in TARGETED else message.reply_to
        state = self._store.state
        if wanted is not None:
            found = self._find(wanted)
            if message.kind not in TARGETED:
                require_usable("reply_to", state, found, "quoted")
            return found
        errors.require(message.kind not in TARGETED, errors.MessageNotFound)
        if message.kind not in REPLIES:
            return None
        deletions: dict[str | None, list[Message]] = {}
        for one in reversed(state.messages):  # who deletes comes after what is deleted
            if one.content.type == "delete":
                deletions.setdefault(payloads.target_of(one), []).append(one)
            in_chat = one.chat == chat and one.instance == instance.id and one.direction == "outbound"
            gone = in_chat and any(applies(state, change, one) for change in deletions.get(one.id, ()))
            if in_chat and one.status != "failed" and not gone:
                return one
        return None

    def _find(self, message_id: str) -> Message:
        return errors.required(self._store.state.messages.get(message_id), errors.MessageNotFound)

    def _details(
        self, message: InboundMessage, other: Message | None, instance: Instance, sender: str, chat: str, now: datetime
    ) -> Payload:
        kind = message.kind
        milliseconds = str(int(now.timestamp() * 1000))
        details = {**message.details, "senderTimestampMs": milliseconds, "timestampMs": milliseconds, "contextInfo": {}}
        if kind in TARGETED and other is not None:
            if kind in ("edit", "delete"):
                details["key"] = self._key_of_author(message, other, instance, sender)
                details |= self._kept_by_edits(message, other)
            else:
                details["key"] = self._key(message, other, from_me=other.direction == "outbound")
            if kind == "poll_vote":
                details["vote"] = self._vote(message, other, sender)
            other = None
        elif kind == "poll":
            group = self._store.state.groups.get(message.group) if message.group else None
            details["announced"] = group is not None and group.is_community_announce
        elif kind in ("contact", "contacts"):
            details |= self._cards(details)
        elif kind == "group_invite":
            groups = self._store.state.groups
            group = groups[details["groupJid"]] if details.get("groupJid") else next(iter(groups.values()))
            details |= {"groupJid": group.id, "groupName": group.subject}
            details["inviteCode"] = self._store.random.letters("group invite", 16)
            details["inviteExpiration"] = str(int((now + INVITES_FOR).timestamp()))
        elif kind == "live_location":
            details |= {"sequenceNumber": milliseconds + "001", "timeOffset": 0}
        if (album := details.get("album")) is not None:
            key = self._key_of_author(message, self._find(album), instance, sender)
            details["messageAssociation"] = {"associationType": "MEDIA_ALBUM", "parentMessageKey": key}
        stays = kind in CHANGES or kind == "channel_image"
        setting = None if stays else self._store.state.disappearing.get(chat)
        details["ephemeral"] = setting is not None and setting.wrapped
        context = details["contextInfo"] | self._context(message, other, instance, chat)
        if setting is not None:
            since, mode = str(int(setting.since.timestamp())), {"initiator": "CHANGED_IN_CHAT"}
            context |= {"expiration": setting.seconds, "ephemeralSettingTimestamp": since, "disappearingMode": mode}
        details["contextInfo"] = context or None
        return self._shared_file(message, instance) | details

    def _shared_file(self, message: InboundMessage, instance: Instance) -> Payload:
        if message.kind not in MEDIA_KINDS:
            return {}
        assert message.upload is not None
        kind = payloads.media_kind(message.kind, message.upload.mimetype)
        if message.kind == "view_once" and not message.details.get("complete"):
            fields: Payload = {"mimetype": message.upload.mimetype}
            return fields | ({"seconds": 2, "ptt": True} if kind == "audio" else {})
        plain = message.kind == "channel_image"
        fields = self._media.share(kind, message.upload, message.flaws, instance.id, plain=plain)
        if kind == "audio":
            fields["ptt"] = message.kind != "audio"
            if not fields["ptt"]:
                del fields["waveform"]
        if message.kind == "gif":
            fields["gifPlayback"] = True
        if message.kind == "video_note":
            fields["height"] = fields["width"] = min(fields["height"], fields["width"])
        return fields

    def _context(self, message: InboundMessage, quoted: Message | None, instance: Instance, chat: str) -> Payload:
        context: Payload = {}
        if quoted is not None:
            context["stanzaId"] = quoted.id
            in_channel = quoted.chat.endswith(numbers.CHANNEL)
            context["participant"] = quoted.chat if in_channel else self.shown(message, quoted.sender)
            context["quotedMessage"] = self._quoted(quoted, instance)
            if quoted.chat != chat:
                context["remoteJid"] = self._reshown(message, quoted.chat)
        if message.mentions:
            context["mentionedJid"] = list(message.mentions)
        if message.forwarded:
            context |= {"forwardingScore": message.forwarded, "isForwarded": True}
        return context

    def _quoted(self, message: Message, instance: Instance) -> Payload:
        """Return a message as replies quote it, with its file: the receiver can download what was quoted."""
        content = message.content
        if (payload := self._latest(message)) is not None:
            return payloads.quoted(payload)
        if content.type == "template":
            template = content.template
            text = template if isinstance(template, str) else json.dumps(template, ensure_ascii=False)
            return {"templateMessage": {"hydratedTemplate": {"hydratedContentText": text}}}
        if content.type not in MEDIA_KINDS:
            return {"conversation": content.text or ""}
        copy = self.copy_of(message)
        copy = replace(copy, details=self._shared_file(copy, instance))
        return payloads.quoted(payloads.write(copy, self._store.random, int(message.at.timestamp())))

    def _key(self, message: InboundMessage, target: Message, *, from_me: bool) -> Payload:
        """Return the key of a target from the instance's side."""
        key: Payload = {"remoteJid": self._reshown(message, target.chat), "fromMe": from_me, "id": target.id}
        if target.chat.endswith(numbers.GROUP):
            key["participant"] = self.shown(message, target.sender)
        return key

    def _key_of_author(self, message: InboundMessage, target: Message, instance: Instance, sender: str) -> Payload:
        """Return the key of a target from its sender's side, for whom a private chat is that with the instance."""
        key = self._key(message, target, from_me=target.sender == sender)
        if target.chat.endswith(numbers.USER):
            key["remoteJid"] = self.shown(message, instance.number)
        return key

    def _reshown(self, message: InboundMessage, jid: str) -> str:
        """Return a person's JID or LID in the form that this message shows; other JIDs unchanged."""
        number = self._people.named(jid)
        return jid if number is None else self.shown(message, number)

    def _kept_by_edits(self, message: InboundMessage, target: Message) -> Payload:
        opened, context = payloads.open_payload(target.payload), dict(payloads.context_of(target))
        context.pop("mentionedJid", None)
        for name in ("participant", "remoteJid"):
            if isinstance(context.get(name), str):
                context[name] = self._reshown(message, context[name])
        kept: Payload = {"edited": opened.name, "contextInfo": context}
        if opened.fields.get("gifPlayback"):
            kept["gifPlayback"] = True
        link = opened.fields.get("matchedText")
        if isinstance(link, str) and link in message.text:
            preview = ("matchedText", "description", "title", "previewType")
            kept |= {name: opened.fields.get(name) for name in preview}
        return kept

    def _vote(self, message: InboundMessage, poll: Message, sender: str) -> Payload:
        iv = self._store.random.material("poll vote")[: payloads.IV_LENGTH]
        choices, secret = message.details["choices"], payloads.secret_of(poll.payload) or b""
        creator, voter = self.shown(message, poll.sender), self.shown(message, sender)
        sealed = payloads.encrypted_vote(choices, secret=secret, poll=poll.id, creator=creator, voter=voter, iv=iv)
        return {"encPayload": payloads.b64(sealed), "encIv": payloads.b64(iv)}

    def _cards(self, details: Mapping[str, Any]) -> Payload:
        if "contacts" not in details:
            known, number = details.get("on_whatsapp"), details["number"]
            known = self._people.on_whatsapp(number) if known is None else known
            return {"on_whatsapp": known, "waid": self._people.named(number) or number}
        return {"contacts": [{**one, **self._cards(one)} for one in details["contacts"]]}


def _require_shown(message: InboundMessage, kind: str) -> None:
    if kind == "audio" and message.caption is not None:
        raise errors.MediaMismatch("caption: a voice message has none")
    shows_seconds = kind == "audio" or (kind == "video" and message.details.get("complete"))
    if "seconds" in message.details and not shows_seconds:
        raise errors.MediaMismatch(f"seconds: {'the stub of a video' if kind == 'video' else 'a picture'} has none")


def _mentioning(text: str, digits: Mapping[str, str]) -> str:
    return re.sub(r"@\+?([0-9]+)", lambda found: "@" + digits.get(found[1], found[0][1:]), text)


def require_change(
    state: State, message: InboundMessage, target: Message, instance: str, sender: str, chat: str, now: datetime
) -> None:
    """Refuse a change of a target that WhatsApp does not let the sender of a message make: NotAllowed says why."""
    _require(target.instance == instance, "target: another instance has this message")
    _require(target.chat == chat, "target: this message is in another chat")
    require_usable("target", state, target, "changed")
    match message.kind:
        case "poll_vote":
            _require_options(message, target)
        case "edit":
            _require_edit(target, sender, now)
        case "delete":
            group = state.groups.get(chat)
            if group is None or not group.is_admin(sender):
                by_author = target.sender == sender
                _require(by_author, "target: only its author, or an admin of its group, deletes a message")
                _require(now - target.at <= DELETABLE_FOR, "target: a message is deleted within 60 hours")


def require_usable(field: str, state: State, message: Message, changed: str) -> None:
    """Refuse a message that cannot be quoted or `changed`: NotAllowed says why, and names the request's `field`."""
    kind = message.content.type
    original = payloads.target_of(message)
    hint = f"; name the message that it is about, {original}" if original else ""
    _require(kind not in CHANGES, f"{field}: a message of type {kind} cannot be {changed}{hint}")
    _require(message.status != "failed", f"{field}: this message failed, so no one has it")
    _require(message.sender.isdigit(), f"{field}: this event names no person who wrote it")
    _require(not is_deleted(state, message), f"{field}: this message was deleted")


def changes_of(state: State, message: Message) -> list[Message]:
    """Return the reactions, edits, deletions and votes that phones apply to a message, oldest first."""
    return [one for one in state.messages if payloads.target_of(one) == message.id and applies(state, one, message)]


def applies(state: State, change: Message, target: Message) -> bool:
    """Tell whether phones apply a change. They ignore what its sender must not do, and only raw payloads do that."""
    if (change.chat, change.instance) != (target.chat, target.instance):
        return False
    kind, group = change.content.type, state.groups.get(target.chat)
    if not change.content.raw or kind not in ("edit", "delete") or change.sender == target.sender:
        return True
    return kind == "delete" and group is not None and group.is_admin(change.sender)


def is_deleted(state: State, message: Message) -> bool:
    return any(one.content.type == "delete" for one in changes_of(state, message))


def _require_edit(target: Message, sender: str, now: datetime) -> None:
    said = payloads.read(target.payload)
    kind = said.type if target.content.raw else target.content.type
    has_words = said.text is not None or said.caption is not None
    _require(target.sender == sender, "target: only its author edits a message")
    _require(kind in _EDITABLE, f"target: a message of type {kind} has no text to edit")
    _require(has_words, f"target: this message of type {kind} has no caption to edit")
    _require(not payloads.context_of(target).get("isForwarded"), "target: a forwarded message cannot be edited")
    _require(now - target.at <= EDITABLE_FOR, "target: a message is edited within 15 minutes")


def _require_options(message: InboundMessage, poll: Message) -> None:
    fields = payloads.open_payload(poll.payload).fields
    options = payloads.choices(fields)
    chosen = message.details["choices"]
    unknown = next((one for one in chosen if one not in options), None)
    allowed = fields.get("selectableOptionsCount")
    is_poll = poll.content.type == "poll" and payloads.secret_of(poll.payload) is not None
    too_many = allowed and isinstance(allowed, int) and len(chosen) > allowed
    _require(is_poll, "target: this message is not a poll that can be voted in")
    _require(unknown is None, f"choices: the poll has no option {unknown!r}; its options are {', '.join(options)}")
    _require(not too_many, f"choices: the poll allows {allowed}")


def _require(allowed: bool, otherwise: str) -> None:
    errors.require(allowed, errors.NotAllowed, otherwise)
