"""Inbound messages, from top to bottom: a message becomes a payload, is recorded, and becomes an event.

People write them by request or by an automatic reply, and other instances of this world send them. `composer.py` makes
the payload, `deliveries.py` delivers the event. Own events are delivered unchanged.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flaresend_mock.core import composer, errors, event_bodies, events, models, numbers, payloads, time_travel
from flaresend_mock.core.bounded_store import MAX_PENDING_BYTES
from flaresend_mock.core.deliveries import MAX_OFFLINE, Deliveries
from flaresend_mock.core.event_bodies import MAX_ID, OWN_EVENT
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.media import Media
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Cause, Instance, Message
from flaresend_mock.core.payloads import InboundMessage, Payload
from flaresend_mock.core.people import People
from flaresend_mock.core.sending import MAX_SENT
from flaresend_mock.core.store import Store

AUTO_REPLY = "auto_reply"
MAX_DISAPPEARING = 10_000  # chats with disappearing messages that a world remembers
EVENT = "message_received"
_OPEN_TO_ALL = frozenset({"reaction", "poll_vote", "delete"})  # done by members where only admins post


@model
class Received:
    """A received message, the event that tells of it, and the event's delivery."""

    event: Payload
    message: Message
    delivery: models.Delivery


class Inbound:
    """Receives what people write to the instances of a world."""

    def __init__(self, store: Store, people: People, instances: Instances, media: Media, queue: Deliveries) -> None:
        self._store, self._people, self._instances, self._media = store, people, instances, media
        self._deliveries = queue
        self._text: str | None = None
        self._found: dict[int, tuple[Sequence[models.Rule], models.Rule | None]] = {}  # by rules, for that text
        self._composer = composer.Composer(store, people, media)
        store.react("message", self._after_message)

    def receive(self, message: InboundMessage) -> Received:
        """Receive a message from a person, in a chat or in a group.

        It refuses a sender who cannot write to the instance or in the group, and impossible contents: see `Composer`.
        If the phone is not connected, it raises NotReady in a world that keeps no messages for it, and TooMany for more
        than that keeps: MAX_OFFLINE events, and MAX_PENDING_BYTES.
        """
        with self._store.lock:
            instance = self._instances.find(message.instance)
            sender = self._check(message, instance)
            now = self._store.clock.now()
            chat = message.group or sender + numbers.USER
            message, payload = self._composer.compose(message, instance, sender, chat, now)
            if message.kind == "disappearing":  # from now on, or no more
                seconds = payloads.open_payload(payload).fields.get("ephemeralExpiration")
                chats = self._store.state.disappearing
                if chat in chats:
                    del chats[chat]
                if seconds in models.DISAPPEARING_SECONDS:
                    chats[chat] = models.Disappearing(int(seconds), now, wrapped=message.details.get("wrapped", True))
                    if len(chats) > MAX_DISAPPEARING:
                        del chats[next(iter(chats))]
            if message.kind == "channel_image":
                chat = message.details["channel"]
            parties = {"instance": instance.id, "chat": chat, "sender": sender, "to": message.group or instance.number}
            content = self._media.keep(self._content(message, payload))
            recorded = self._keep(**parties, content=content, payload=payload, at=now, cause=message.cause)
            event = self._event(message, recorded)
            body = event_bodies.encoded(event)
            delivery = self._deliveries.queue(instance.id, chat, recorded.id, body, message.chaos)
            return Received(event, recorded, delivery)

    def receive_event(self, event: Mapping[str, Any], instance_id: str | None = None) -> Received:
        """Deliver an own event: exactly this JSON, with `instanceId` and `timestamp` where they are absent.

        Raises InstanceNotFound, NotReady and TooMany as `receive` does.
        """
        with self._store.lock:
            instance = self._instances.find(instance_id)
            self._require_reached(instance)
            now = self._store.clock.now()
            data, jid = event_bodies.data_of(event), event_bodies.chat_of(event)
            number = self._people.named(jid) if jid else None
            chat = number + numbers.USER if number else jid or OWN_EVENT  # as in all messages, by number
            payload, own_id = data.get("message"), data.get("id") or event_bodies.key_of(data).get("id")
            writer = event_bodies.writer_of(event, instance.number) or OWN_EVENT
            to = chat if chat.endswith(numbers.GROUP) else instance.number
            parties = {"instance": instance.id, "chat": chat, "sender": self._people.named(writer) or writer, "to": to}
            kept = payload if isinstance(payload, Mapping) else None
            content = replace(payloads.read(payload), type=OWN_EVENT, raw=True)
            own_id = own_id if isinstance(own_id, str) and "@" not in own_id and len(own_id) <= MAX_ID else None
            completed, stamped = event_bodies.completed(event, instance.id, now), "timestamp" in event
            body = event_bodies.encoded(completed)
            recorded = self._keep(own_id, **parties, content=content, payload=kept, at=now, cause=Cause("event"))
            delivery = self._deliveries.queue(instance.id, chat, recorded.id, body, None, stamped=stamped)
            return Received(completed, recorded, delivery)

    def _check(self, message: InboundMessage, instance: Instance) -> str:
        number = errors.required(self._people.named(message.sender), errors.InvalidNumber, "from")
        errors.require(self._people.is_linked(number) or self._people.on_whatsapp(number), errors.PersonNotOnWhatsApp)
        own = "from: this is the instance's own number; for a message from its phone, send the event own-message"
        errors.require(number != instance.number, errors.NotAllowed, own)
        is_copy = message.cause is not None and message.cause.kind == "message"  # of what was sent, and is not lost
        self._require_reached(instance, len(message.upload.data) if message.upload and not is_copy else 0)
        self._people.require_room([number])  # it may enter them
        if message.group is None:
            return number
        group = errors.required(self._store.state.groups.get(message.group), errors.GroupNotFound)
        errors.require(instance.number in group.members, errors.NotInGroup)
        errors.require(number in group.members, errors.PersonNotInGroup)
        is_open = not group.announce or message.kind in _OPEN_TO_ALL
        errors.require(is_open or group.is_admin(number), errors.NotGroupAdmin, "post")
        return number

    def _require_reached(self, instance: Instance, file_size: int = 0) -> None:
        """Refuse what an instance does not get, now or once it is connected again."""
        self._store.require_memory(2 * file_size)  # an upload, and a file on the media host
        waits, webhook = instance.status != "connected", instance.webhook
        if waits and (self._store.state.settings.offline_messages == "drop" or instance.logged_out):
            raise errors.NotReady(instance.status)
        if waits and len(self._deliveries.waiting(instance.id)) >= MAX_OFFLINE:
            raise errors.WorldFull(f"{MAX_OFFLINE} events wait for this instance already; connect it")
        is_sent = waits or (webhook is not None and not webhook.paused)
        if is_sent and self._store.state.pending_bytes >= MAX_PENDING_BYTES:
            raise errors.WorldFull("too many bytes wait to be sent already; connect the instance or its receiver")
        if is_sent and file_size:
            self._store.state.require_room_of_files("served", file_size)

    def _content(self, message: InboundMessage, payload: Payload) -> models.Content:
        said = payloads.read(payload)
        is_shown = message.kind != "view_once" or message.details.get("complete")
        return replace(
            said,
            type=said.type if message.raw is not None else message.kind,
            upload=message.upload if said.mimetype is not None and is_shown else None,
            raw=message.raw is not None,
            by_rule=message.cause is not None and message.cause.kind == AUTO_REPLY,
        )

    def _keep(self, id_: str | None = None, **fields: Any) -> Message:
        state = self._store.state
        if not id_ or state.messages.get(id_) is not None:
            id_ = self._store.random.hexadecimal("received message", 30, "AC{}".format, state.messages.by_key)
        event = state.events.last_number + 1
        recorded = Message(id=id_, event=event, direction="inbound", status="received", **fields)
        state.messages.add(id_, recorded)
        self._store.record("message", recorded, recorded.at)
        return recorded

    def _event(self, message: InboundMessage, recorded: Message) -> Payload:
        sender = self._composer.shown(message, recorded.sender)
        data: Payload = {"from": sender if recorded.chat.endswith(numbers.USER) else recorded.chat}
        if message.group:
            data["participant"] = sender
            if sender.endswith(numbers.LID) and message.as_lid is None and self._store.state.settings.senders == "auto":
                data["participantPn"] = recorded.sender + numbers.USER
        data |= {"message": recorded.payload, "timestamp": math.ceil(recorded.at.timestamp()), "id": recorded.id}
        at = event_bodies.time_text(recorded.at)
        return {"event": EVENT, "instanceId": recorded.instance, "data": data, "timestamp": at}

    def _after_message(self, event: events.Event) -> None:
        """Deliver a sent message to other instances of this world, and schedule its recipient's automatic reply."""
        message = event.subject
        if isinstance(message, Message) and message.direction == "outbound" and message.status == "sent":
            group = self._store.state.groups.get(message.to)
            for other in list(self._store.state.instances.values()):
                is_recipient = other.number in group.members if group else other.number == message.to
                if is_recipient and other.id != message.instance:
                    copy = replace(self._composer.copy_of(message), cause=Cause("message", message.id))
                    with suppress(errors.Refusal):  # a copy that cannot be received fails no message
                        self.receive(replace(copy, instance=other.id, group=group.id if group else None))
            recipient = self._store.state.people.get(message.to)
            if recipient is not None and recipient.rules:
                self._schedule_auto_reply(message, recipient.rules)

    def _schedule_auto_reply(self, message: Message, rules: Sequence[models.Rule]) -> None:
        store, text = self._store, message.content.text
        if text is not None and (rule := self._matching(rules, text)):
            key = store.random.hexadecimal("auto-reply", 16, str.lower, store.state.auto_replies)
            said = text if rule.reply is None else rule.reply
            pending = models.PendingAutoReply(message.instance, message.to, said, None, message.id)
            store.state.auto_replies[key] = pending
            store.set_timer(message.at + timedelta(seconds=rule.after), AUTO_REPLY, key)

    def _matching(self, rules: Sequence[models.Rule], text: str) -> models.Rule | None:
        """Return the first rule that matches a text, found once for all messages of a call."""
        if text is not self._text or len(self._found) > MAX_SENT:
            self._text, self._lower, self._found = text, text.lower(), {}
        if id(rules) not in self._found:
            found = (rule for rule in rules if rule.when is None or _is_in(rule.when, self._lower))
            self._found[id(rules)] = rules, next(found, None)
        return self._found[id(rules)][1]

    def send_auto_reply(self, key: str) -> time_travel.Fired:
        """Receive an automatic reply that is due. The caller holds the lock."""
        pending = self._store.state.auto_replies[key]
        del self._store.state.auto_replies[key]
        reply = InboundMessage(pending.number, text=pending.text, instance=pending.instance, group=pending.group)
        reply = replace(reply, cause=Cause(AUTO_REPLY, pending.message))
        try:
            result, reason = self.receive(reply).message.id, None
        except errors.Refusal as refusal:
            result, reason = "failed", refusal.message or str(refusal)
        return time_travel.Fired(self._store.clock.now(), AUTO_REPLY, key, result, reason)

    def forget(self, instance_id: str) -> None:
        """Cancel the automatic replies to an instance. The caller holds the lock."""
        state = self._store.state
        for key in [key for key, one in state.auto_replies.items() if one.instance == instance_id]:
            del state.auto_replies[key]
            state.timers.cancel(AUTO_REPLY, key)


def _is_in(part: str, lower: str) -> bool:
    """Tell whether a text in lower case has a part, in any case: no text is shorter in lower case."""
    return len(part) <= len(lower) and part.lower() in lower
