"""What people write to an instance: it is recorded, and told to the instance's webhook."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flaresend_mock.core import inbound_messages, numbers, payloads
from flaresend_mock.core.deliveries import Deliveries
from flaresend_mock.core.errors import (
    ChannelNotFound,
    GroupNotFound,
    InvalidNumber,
    MessageNotFound,
    NotGroupAdmin,
    NotInGroup,
    NotReady,
    PersonNotInGroup,
    PersonNotOnWhatsApp,
    Refusal,
)
from flaresend_mock.core.events import Event
from flaresend_mock.core.inbound_messages import REPLIES, MEDIA_KINDS, TARGETED, InboundMessage
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.media import Media, mimetype_of
from flaresend_mock.core.models import (
    Content,
    Delivery,
    Fired,
    Group,
    Instance,
    Message,
    PendingAutoReply,
)
from flaresend_mock.core.payloads import Payload, Written
from flaresend_mock.core.people import People
from flaresend_mock.core.store import Store

AUTO_REPLY = "auto_reply"
EVENT = "message_received"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a letter: the event as it is delivered, and its delivery."""

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
        store.react("message", self._react)

    def receive(self, letter: InboundMessage) -> Received:
        """Let somebody write to an instance, alone or in a group.

        Raises:
            InvalidNumber, PersonNotOnWhatsApp: nobody can write from this number.
            InstanceNotFound: there is no such instance.
            NotReady: the instance's phone is not connected.
            GroupNotFound, NotInGroup, PersonNotInGroup: they do not meet in this group.
            MessageNotFound: the message it is about, or that is forwarded, is not there.
            NotForwarded: nobody can forward that message.
        """
        with self._store.lock:
            instance = self._instances.find(letter.instance)
            number, group = self._check(letter, instance)
            now = self._store.clock.now()
            letter = self._settled(inbound_messages.forwarded(self._store, letter), instance)
            about = self._about(letter)
            if about is None and letter.kind in REPLIES:
                about = self._last_sent(instance, numbers.jid(number) if group is None else group.id)

            chat = group.id if group else numbers.jid(number)
            if letter.kind == "channel_image":
                chat = str(letter.details.get("channel", chat))
            payload = letter.raw or payloads.write(
                self._written(letter, number, about, now), self._store.random, int(now.timestamp())
            )
            message = self._record(letter, instance, number, group, chat, payload, now)
            event = self._event(letter, instance, number, group, chat, message)
            delivery = self._deliveries.queue(
                instance.id, chat, message.id, _encode(event).encode(), letter.chaos
            )
            return Received(event, message, delivery)

    def forget(self, instance_id: str) -> None:
        """Cancel the automatic replies to an instance. The caller holds the lock."""
        auto_replies = self._store.state.auto_replies
        for key in [key for key, pending in auto_replies.items() if pending.instance == instance_id]:
            del auto_replies[key]
            self._store.state.timers.cancel(AUTO_REPLY, key)

    def send_auto_reply(self, key: str) -> Fired:
        """Receive the text of an automatic reply that is due. The caller holds the lock."""
        pending = self._store.state.auto_replies.pop(key)
        letter = InboundMessage(
            sender=pending.number,
            text=pending.text,
            instance=pending.instance,
            group=pending.group,
            by_rule=True,
        )
        try:
            result = self.receive(letter).message.id
        except Refusal as refusal:
            return Fired(
                self._store.clock.now(), AUTO_REPLY, key, "failed", str(refusal) or type(refusal).__name__
            )
        return Fired(self._store.clock.now(), AUTO_REPLY, key, result)

    def _react(self, event: Event) -> None:
        """Deliver a sent message to other instances of this world, and schedule its recipient's auto-reply."""
        message = event.subject
        if isinstance(message, Message) and message.direction == "outbound":
            if len(self._store.state.instances) > 1:
                self.deliver_to_local_instances(message)
            self.schedule_auto_reply(message)

    def schedule_auto_reply(self, message: Message) -> None:
        """Set a timer for the recipient's automatic reply, if a rule matches. The caller holds the lock."""
        person = self._store.state.people.get(message.to)
        text = message.content.text
        if person is None or text is None or message.status != "sent":
            return
        for rule in person.rules:
            if rule.when is None or rule.when.lower() in text.lower():
                key = self._store.random.hexadecimal("auto-reply", 16).lower()
                reply = text if rule.reply is None else rule.reply
                self._store.state.auto_replies[key] = PendingAutoReply(message.instance, person.number, reply)
                self._store.set_timer(message.at + timedelta(seconds=rule.after), AUTO_REPLY, key)
                return

    def deliver_to_local_instances(self, message: Message) -> None:
        """Let a message arrive at the other instances it is for. The caller holds the lock."""
        group = self._store.state.groups.get(message.to)
        for other in list(self._store.state.instances.values()):
            is_for = other.number in group.members if group else other.number == message.to
            if (
                is_for
                and other.id != message.instance
                and other.status == "connected"
                and message.status == "sent"
            ):
                letter = inbound_messages.again(self._store, message)
                self.receive(replace(letter, instance=other.id, group=group.id if group else None))

    def _check(self, letter: InboundMessage, instance: Instance) -> tuple[str, Group | None]:
        number = self._people.named(letter.sender)
        if number is None:
            raise InvalidNumber("from")
        is_instance = any(number == other.number for other in self._store.state.instances.values())
        if not is_instance and not self._people.on_whatsapp(number):
            raise PersonNotOnWhatsApp
        if instance.status != "connected":
            raise NotReady(instance.status)
        if letter.group is None:
            return number, None
        group = self._store.state.groups.get(letter.group)
        if group is None:
            raise GroupNotFound
        if instance.number not in group.members:
            raise NotInGroup
        if number not in group.members:
            raise PersonNotInGroup
        if group.announce and not group.is_admin(number):
            raise NotGroupAdmin("post")
        return number, group

    def _about(self, letter: InboundMessage) -> Message | None:
        if letter.about is None:
            return None
        message = self._store.state.messages.get(letter.about)
        if message is None:
            raise MessageNotFound
        return message

    def _last_sent(self, instance: Instance, chat: str) -> Message | None:
        """Return what the instance wrote last in a chat: what people press buttons of."""
        for message in reversed(self._store.state.messages):
            if message.chat == chat and message.instance == instance.id and message.direction == "outbound":
                return message
        return None

    def _written(self, letter: InboundMessage, number: str, about: Message | None, now: datetime) -> Written:
        details = dict(letter.details)
        milliseconds = str(int(now.timestamp() * 1000))
        if letter.kind in TARGETED and about is not None:
            own = letter.kind != "reaction"  # deleting and editing is told from the sender's side
            details["key"] = self._key(letter, about, from_me=own or about.direction == "outbound")
        return Written(
            kind=letter.kind,
            text=letter.text,
            caption=letter.caption,
            details={**details, "senderTimestampMs": milliseconds, "timestampMs": milliseconds},
            media=self._shared_media(letter),
            context=self._context(letter, about if letter.kind not in TARGETED else None),
        )

    def _shared_media(self, letter: InboundMessage) -> dict[str, Any]:
        kind = MEDIA_KINDS.get(letter.kind)
        if kind is None:
            return {}
        assert letter.upload is not None
        fields = self._media.share(kind, letter.upload, letter.flaws, plain=letter.kind == "channel_image")
        if kind == "audio":
            fields["ptt"] = letter.kind == "voice"
            if not fields["ptt"]:
                del fields["waveform"]
        return fields

    def _context(self, letter: InboundMessage, about: Message | None) -> Payload:
        context: Payload = {}
        if about is not None:
            context["stanzaId"] = about.id
            context["participant"] = self._shown(letter, about.sender)
            context["quotedMessage"] = _quoted(about)
        if letter.mentions:
            context["mentionedJid"] = list(letter.mentions)
        if letter.forwarded:
            context |= {"forwardingScore": letter.forwarded, "isForwarded": True}
        return context

    def _key(self, letter: InboundMessage, about: Message, *, from_me: bool) -> Payload:
        if about.chat.endswith(numbers.USER):
            return {
                "remoteJid": self._shown(letter, about.chat.removesuffix(numbers.USER)),
                "fromMe": from_me,
                "id": about.id,
            }
        key: Payload = {"remoteJid": about.chat, "fromMe": from_me, "id": about.id}
        if about.chat.endswith(numbers.GROUP):
            key["participant"] = self._shown(letter, about.sender)
        return key

    def _shown(self, letter: InboundMessage, number: str) -> str:
        """Return how people stand in the events of a letter: by number or by LID."""
        return self._people.meet(number).lid if letter.as_lid else numbers.jid(number)

    def _settled(self, letter: InboundMessage, instance: Instance) -> InboundMessage:
        """Fill in what was left open: whether people are shown by LID, the file, and the channel."""
        kind = MEDIA_KINDS.get(letter.kind)
        upload = letter.upload
        if kind and letter.raw is None:
            upload = upload or self._store.host.sample_media(kind)
            upload = replace(upload, mimetype=mimetype_of(kind, upload))
        details = letter.details
        if letter.kind == "channel_image":
            details = {**details, "channel": self._channel(letter, instance)}
        as_lid = self._store.state.senders_as_lids if letter.as_lid is None else letter.as_lid
        return replace(letter, upload=upload, details=details, as_lid=as_lid)

    def _channel(self, letter: InboundMessage, instance: Instance) -> str:
        channels = self._store.state.channels
        wanted = letter.details.get("channel")
        if wanted is None:
            followed = [one.id for one in channels.values() if one.role_of(instance.number) != "GUEST"]
            wanted = next(iter(followed), None)
        if wanted not in channels:
            raise ChannelNotFound
        return str(wanted)

    def _record(
        self,
        letter: InboundMessage,
        instance: Instance,
        number: str,
        group: Group | None,
        chat: str,
        payload: Payload,
        now: datetime,
    ) -> Message:
        upload = letter.upload
        content = Content(
            type=letter.kind,
            text=letter.text or None,
            caption=letter.caption,
            file_name=upload.file_name if upload else None,
            mimetype=upload.mimetype if upload else None,
            upload=upload,
            raw=letter.raw is not None,
            by_rule=letter.by_rule,
        )
        message = Message(
            id="AC" + self._store.random.hexadecimal("received message", 30),
            event=self._store.state.events.last_number + 1,
            direction="inbound",
            instance=instance.id,
            chat=chat,
            sender=number,
            to=group.id if group else instance.number,
            content=self._media.keep(content),
            status="received",
            at=now,
            payload=payload,
        )
        self._store.state.messages.add(message.id, message)
        self._store.record("message", message, now)
        return message

    def _event(
        self,
        letter: InboundMessage,
        instance: Instance,
        number: str,
        group: Group | None,
        chat: str,
        message: Message,
    ) -> Payload:
        sender = self._shown(letter, number)
        data: Payload = {"from": chat if group or letter.kind == "channel_image" else sender}
        if group:
            data["participant"] = sender
        data |= {
            "message": message.payload,
            "timestamp": math.ceil(message.at.timestamp()),
            "id": message.id,
        }
        stamp = message.at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        return {"event": EVENT, "instanceId": instance.id, "data": data, "timestamp": stamp}


def _quoted(about: Message) -> Payload:
    if about.payload is not None:
        return {key: _unquoted(value) for key, value in about.payload.items() if key != payloads.CONTEXT}
    content = about.content
    if content.type in MEDIA_KINDS:
        return {f"{content.type}Message": {"caption": content.caption} if content.caption else {}}
    return {"conversation": content.text or ""}


def _unquoted(content: Any) -> Any:
    """Return a message's content without what it quotes itself: quotes do not nest."""
    if not isinstance(content, dict):
        return content
    inner = {key: value for key, value in content.items() if key != "contextInfo"}
    if isinstance(inner.get("message"), dict):
        inner["message"] = {key: _unquoted(value) for key, value in inner["message"].items()}
    return inner
