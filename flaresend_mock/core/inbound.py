"""Inbound messages, from top to bottom: a message becomes a payload, is recorded, and becomes an event.

People write them by request or by an automatic reply, and other instances of this world send them. `payloads.py` builds
the payload, `deliveries.py` delivers the event.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flaresend_mock.core import errors, numbers, payloads
from flaresend_mock.core.deliveries import Deliveries
from flaresend_mock.core.events import Event
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.media import Media, mimetype_of
from flaresend_mock.core.models import (
    Content,
    Delivery,
    InboundMessage,
    Instance,
    Message,
    PendingAutoReply,
    Upload,
)
from flaresend_mock.core.payloads import MAX_FORWARDS, MEDIA_KINDS, REPLIES, TARGETED, Payload
from flaresend_mock.core.people import People
from flaresend_mock.core.store import Store
from flaresend_mock.core.time_travel import Fired

AUTO_REPLY = "auto_reply"
EVENT = "message_received"

_FORWARDED_AS_THEY_ARE = frozenset({*MEDIA_KINDS, "location", "contact", "poll"})

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Received:
    """A received message, the event that tells of it, and the event's delivery."""

    event: Payload
    message: Message
    delivery: Delivery


class Inbound:
    """Receives what people write to the instances of a world."""

    def __init__(
        self, store: Store, people: People, instances: Instances, media: Media, deliveries: Deliveries
    ) -> None:
        self._store = store
        self._people = people
        self._instances = instances
        self._media = media
        self._deliveries = deliveries
        store.react("message", self._after_message)

    def receive(self, message: InboundMessage) -> Received:
        """Receive a message from a person, in a chat or in a group.

        Raises:
            InvalidNumber, PersonNotOnWhatsApp: its sender cannot write.
            GroupNotFound, NotInGroup, PersonNotInGroup, NotGroupAdmin: its sender cannot write in this group.
            MessageNotFound: it replies to, changes or forwards a message that is not kept.
        """
        with self._store.lock:
            instance = self._instances.find(message.instance)
            sender = self._check(message, instance)
            now = self._store.clock.now()
            message = self._complete(self._forward(message), instance)
            chat = message.group or numbers.jid(sender)
            other = self._other(message, instance, chat)
            if message.kind == "channel_image":
                chat = message.details["channel"]
            payload = message.raw or payloads.write(
                self._with_details(message, other, now), self._store.random, int(now.timestamp())
            )
            recorded = self._record(message, instance, sender, chat, dict(payload), now)
            event = self._event(message, recorded)
            body = _encode(event).encode()
            delivery = self._deliveries.queue(instance.id, chat, recorded.id, body, message.chaos)
            return Received(event, recorded, delivery)

    def _check(self, message: InboundMessage, instance: Instance) -> str:
        """Return the sender's number, if they can write to the instance, or in the group."""
        state = self._store.state
        number = self._people.named(message.sender)
        if number is None:
            raise errors.InvalidNumber("from")
        if not self._people.is_linked(number) and not self._people.on_whatsapp(number):
            raise errors.PersonNotOnWhatsApp
        if instance.status != "connected":
            raise errors.NotReady(instance.status)
        if message.group is None:
            return number
        group = state.groups.get(message.group)
        if group is None:
            raise errors.GroupNotFound
        if instance.number not in group.members:
            raise errors.NotInGroup
        if number not in group.members:
            raise errors.PersonNotInGroup
        if group.announce and not group.is_admin(number):
            raise errors.NotGroupAdmin("post")
        return number

    def _forward(self, message: InboundMessage) -> InboundMessage:
        """Return a message with the contents of the one that it forwards, edits included."""
        if message.forward is None:
            return message
        original = self._find(message.forward)
        kind = original.content.type
        body, context = payloads.unwrap(original)
        changes = [one for one in self._store.state.messages if payloads.target_of(one) == original.id]
        if kind in TARGETED or kind == "view_once" or any(one.content.type == "delete" for one in changes):
            raise errors.NotForwarded
        edits = [one.content.text or "" for one in changes if one.content.type == "edit"]
        score = message.forwarded or min(MAX_FORWARDS, payloads.score_of(context) + 1)
        kept = kind if kind in _FORWARDED_AS_THEY_ARE else "text"
        kept = "image" if kept == "channel_image" else kept
        if original.content.raw and not edits:
            return replace(message, kind=kept, raw=payloads.forwarded(original.payload or {}, score))
        copy = self._copy(original)
        text, caption = copy.text, copy.caption
        for edit in edits:
            text, caption = (text, edit) if copy.upload else (edit, caption)
        if kept == "text" and not text:
            raise errors.NotForwarded
        return replace(
            message,
            kind=kept,
            text=text,
            caption=caption,
            upload=copy.upload,
            details=payloads.details_of(kind, body),
            forwarded=score,
        )

    def _copy(self, message: Message) -> InboundMessage:
        """Return an inbound message like a kept one; as text, if only instances write its kind.

        A sample replaces a file that was sent by URL, which the emulator does not fetch.
        """
        content = message.content
        if content.type not in MEDIA_KINDS:
            text = content.text or (json.dumps(content.template) if content.type == "template" else "")
            return InboundMessage(message.sender, text=text, caption=content.caption)
        file = self._store.state.media.get(content.media) if content.media else None
        source = file or self._store.host.sample_media(MEDIA_KINDS[content.type])
        upload = Upload(
            source.data, content.file_name or source.file_name, content.mimetype or source.mimetype
        )
        return InboundMessage(message.sender, content.type, content.text or "", content.caption, upload)

    def _complete(self, message: InboundMessage, instance: Instance) -> InboundMessage:
        """Fill in what was left open: whether people are shown by LID, the file, and the channel."""
        kind = MEDIA_KINDS.get(message.kind)
        upload = message.upload
        if kind and message.raw is None:
            upload = upload or self._store.host.sample_media(kind)
            upload = replace(upload, mimetype=mimetype_of(kind, upload))
        details = message.details
        if message.kind == "channel_image":
            details = {**details, "channel": self._channel(message, instance)}
        as_lid = self._store.state.senders_as_lids if message.as_lid is None else message.as_lid
        return replace(message, upload=upload, details=details, as_lid=as_lid)

    def _channel(self, message: InboundMessage, instance: Instance) -> str:
        channels = self._store.state.channels
        wanted = message.details.get("channel")
        if wanted is None:
            followed = (one.id for one in channels.values() if one.role_of(instance.number) != "GUEST")
            wanted = next(followed, None)
        if wanted not in channels:
            raise errors.ChannelNotFound
        return str(wanted)

    def _other(self, message: InboundMessage, instance: Instance, chat: str) -> Message | None:
        """Return the message that this one replies to or changes; for buttons the instance's last one in the chat."""
        wanted = message.target if message.kind in TARGETED else message.reply_to
        if wanted is not None:
            return self._find(wanted)
        if message.kind in TARGETED and message.raw is None:
            raise errors.MessageNotFound
        for one in reversed(self._store.state.messages) if message.kind in REPLIES else ():
            if one.chat == chat and one.instance == instance.id and one.direction == "outbound":
                return one
        return None

    def _find(self, message_id: str) -> Message:
        found = self._store.state.messages.get(message_id)
        if found is None:
            raise errors.MessageNotFound
        return found

    def _with_details(self, message: InboundMessage, other: Message | None, now: datetime) -> InboundMessage:
        """Return a message with everything in its details that its payload contains."""
        milliseconds = str(int(now.timestamp() * 1000))
        details = self._shared_file(message) | dict(message.details)
        details |= {"senderTimestampMs": milliseconds, "timestampMs": milliseconds}
        if message.kind in TARGETED and other is not None:
            own = message.kind != "reaction"  # the sender of a message deletes and edits it
            details["key"] = self._key(message, other, from_me=own or other.direction == "outbound")
            other = None
        details["contextInfo"] = self._context(message, other) or None
        return replace(message, details=details)

    def _shared_file(self, message: InboundMessage) -> Payload:
        kind = MEDIA_KINDS.get(message.kind)
        if kind is None:
            return {}
        assert message.upload is not None
        plain = message.kind == "channel_image"
        fields = self._media.share(kind, message.upload, message.flaws, plain=plain)
        if kind == "audio":
            fields["ptt"] = message.kind == "voice"
            if not fields["ptt"]:
                del fields["waveform"]
        return fields

    def _context(self, message: InboundMessage, quoted: Message | None) -> Payload:
        context: Payload = {}
        if quoted is not None:
            context["stanzaId"] = quoted.id
            context["participant"] = self._shown(message, quoted.sender)
            context["quotedMessage"] = payloads.quote_of(quoted)
        if message.mentions:
            context["mentionedJid"] = list(message.mentions)
        if message.forwarded:
            context |= {"forwardingScore": message.forwarded, "isForwarded": True}
        return context

    def _key(self, message: InboundMessage, target: Message, *, from_me: bool) -> Payload:
        chat, is_person = target.chat, target.chat.endswith(numbers.USER)
        shown = self._shown(message, chat.removesuffix(numbers.USER)) if is_person else chat
        key: Payload = {"remoteJid": shown, "fromMe": from_me, "id": target.id}
        if target.chat.endswith(numbers.GROUP):
            key["participant"] = self._shown(message, target.sender)
        return key

    def _shown(self, message: InboundMessage, number: str) -> str:
        """Return a person's JID or, if this message shows people by LID, their LID."""
        return self._people.meet(number).lid if message.as_lid else numbers.jid(number)

    def _record(
        self,
        message: InboundMessage,
        instance: Instance,
        sender: str,
        chat: str,
        payload: Payload,
        now: datetime,
    ) -> Message:
        store, upload = self._store, message.upload
        content = Content(
            type=message.kind,
            text=message.text or None,
            caption=message.caption,
            file_name=upload.file_name if upload else None,
            mimetype=upload.mimetype if upload else None,
            upload=upload,
            raw=message.raw is not None,
            by_rule=message.by_rule,
        )
        recorded = Message(
            id="AC" + store.random.hexadecimal("received message", 30),
            event=store.state.events.last_number + 1,
            direction="inbound",
            instance=instance.id,
            chat=chat,
            sender=sender,
            to=message.group or instance.number,
            content=self._media.keep(content),
            status="received",
            at=now,
            payload=payload,
        )
        store.state.messages.add(recorded.id, recorded)
        store.record("message", recorded, now)
        return recorded

    def _event(self, message: InboundMessage, recorded: Message) -> Payload:
        sender = self._shown(message, recorded.sender)
        in_chat = recorded.chat.endswith(numbers.USER)
        data: Payload = {"from": sender if in_chat else recorded.chat}
        if message.group:
            data["participant"] = sender
        data |= {
            "message": recorded.payload,
            "timestamp": math.ceil(recorded.at.timestamp()),
            "id": recorded.id,
        }
        stamp = recorded.at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        return {"event": EVENT, "instanceId": recorded.instance, "data": data, "timestamp": stamp}

    def _after_message(self, event: Event) -> None:
        """Deliver a sent message to other instances of this world, and schedule its recipient's automatic reply."""
        message = event.subject
        if isinstance(message, Message) and message.direction == "outbound" and message.status == "sent":
            if len(self._store.state.instances) > 1:
                self._deliver_to_local_instances(message)
            self._schedule_auto_reply(message)

    def _deliver_to_local_instances(self, message: Message) -> None:
        group = self._store.state.groups.get(message.to)
        for other in self._instances.all():
            is_recipient = other.number in group.members if group else other.number == message.to
            if is_recipient and other.id != message.instance and other.status == "connected":
                copy = self._copy(message)
                self.receive(replace(copy, instance=other.id, group=group.id if group else None))

    def _schedule_auto_reply(self, message: Message) -> None:
        """Set a timer for the first rule of the recipient that matches."""
        store = self._store
        person = store.state.people.get(message.to)
        text = message.content.text
        for rule in person.rules if person is not None and text is not None else ():
            if text is not None and (rule.when is None or rule.when.lower() in text.lower()):
                key = store.random.hexadecimal("auto-reply", 16).lower()
                reply = text if rule.reply is None else rule.reply
                store.state.auto_replies[key] = PendingAutoReply(message.instance, message.to, reply)
                store.set_timer(message.at + timedelta(seconds=rule.after), AUTO_REPLY, key)
                return

    def send_auto_reply(self, key: str) -> Fired:
        """Receive an automatic reply that is due. The caller holds the lock."""
        store = self._store
        pending = store.state.auto_replies.pop(key)
        reply = InboundMessage(
            pending.number, text=pending.text, instance=pending.instance, group=pending.group, by_rule=True
        )
        try:
            result = self.receive(reply).message.id
        except errors.Refusal as refusal:
            reason = str(refusal) or type(refusal).__name__
            return Fired(store.clock.now(), AUTO_REPLY, key, "failed", reason)
        return Fired(store.clock.now(), AUTO_REPLY, key, result)

    def forget(self, instance_id: str) -> None:
        """Cancel the automatic replies to an instance. The caller holds the lock."""
        state = self._store.state
        for key in [key for key, one in state.auto_replies.items() if one.instance == instance_id]:
            del state.auto_replies[key]
            state.timers.cancel(AUTO_REPLY, key)
