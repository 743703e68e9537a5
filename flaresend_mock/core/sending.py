"""Messages an instance sends, to people and to whole groups and channels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flaresend_mock.core import magic_numbers, numbers
from flaresend_mock.core.errors import InvalidContent
from flaresend_mock.core.models import MEDIA_TYPES, Content, Instance, Media, Message, Outcome

if TYPE_CHECKING:
    from flaresend_mock.core.world import World

DEFAULT_MIMETYPE = "application/octet-stream"


def missing_part(kind: str, text: Any, media: Any, template: Any) -> str | None:
    """Return what a message of this type still needs: text, media or template; None if it is complete."""
    if kind == "text":
        return None if text else "text"
    if kind in MEDIA_TYPES:
        return None if media else "media"
    return None if template else "template"


def require_complete(content: Content) -> None:
    """Check that a message has what its type needs.

    Raises:
        InvalidContent: it has not.
    """
    media = content.upload or content.media or content.url
    missing = missing_part(content.type, content.text, media, content.template)
    if missing:
        raise InvalidContent(missing)


class Sending:
    """Sends messages and records what became of them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, instance_id: str, recipients: Sequence[str | int], content: Content) -> Outcome:
        """Send one message to many people. Whoever is given twice gets it twice.

        Raises:
            InvalidContent: the message lacks what its type needs.
            NotReady: the instance is not connected, or a magic number says so.
            Overloaded: a magic number asks for it.
        """
        require_complete(content)
        people = [numbers.parse(given) for given in recipients]
        with magic_numbers.applied(people, self._world.delay), self._world.lock:
            instance = self._world.instances.require_ready(instance_id)
            return self.deliver(instance, recipients, people, content)

    def deliver(
        self,
        instance: Instance,
        recipients: Sequence[str | int],
        people: Sequence[str | None],
        content: Content,
    ) -> Outcome:
        """Sort recipients into reached, failed and invalid ones, and record a message for each of the first two.

        The caller holds the world's lock.
        """
        content = self.keep(content)
        now = self._world.clock.now()
        successful: list[str] = []
        failed: list[str] = []
        invalid: list[str] = []
        for given, number in zip(recipients, people, strict=True):
            if number is None or not self._world.people.on_whatsapp(number):
                invalid.append(str(given))
                continue
            jid = numbers.jid(number)
            fails = numbers.magic(number) == 500
            (failed if fails else successful).append(jid)
            self.record(instance, jid, number, content, "failed" if fails else "sent", now)
        return Outcome(now, tuple(successful), tuple(failed), tuple(invalid))

    def record(
        self, instance: Instance, chat: str, to: str, content: Content, status: str, now: datetime
    ) -> Message:
        """Record one outbound message and tell of it."""
        world = self._world
        message = Message(
            id="3EB0" + world.random.hexadecimal("message", 18),
            event=world.state.events.last_number + 1,
            direction="outbound",
            instance=instance.id,
            chat=chat,
            sender=instance.number,
            to=to,
            content=content,
            status=status,
            at=now,
        )
        world.state.messages.add(message.id, message)
        world.record("message", message, now)
        if len(world.state.instances) > 1:
            world.inbound.deliver_to_local_instances(message)
        world.inbound.schedule_auto_reply(message)
        return message

    def keep(self, content: Content) -> Content:
        """Store a message's upload, if it has one, and refer to it by id from then on."""
        upload = content.upload
        if upload is None:
            return content
        media = Media(
            id=self._world.random.hexadecimal("media", 32).lower(),
            data=upload.data,
            file_name=upload.file_name,
            mimetype=upload.mimetype,
            sha256=hashlib.sha256(upload.data).hexdigest(),
        )
        self._world.state.media.add(media.id, media)
        return replace(
            content,
            upload=None,
            media=media.id,
            file_name=content.file_name or upload.file_name or None,
            mimetype=content.mimetype or upload.mimetype or DEFAULT_MIMETYPE,
        )
