"""Sending: messages of an instance to people; groups and channels record theirs here, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.errors import InvalidContent
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.media import Media
from flaresend_mock.core.model import model
from flaresend_mock.core.models import MEDIA_TYPES, Cause, Content, Instance, Message
from flaresend_mock.core.payloads import TABLES
from flaresend_mock.core.people import People
from flaresend_mock.core.store import PORTION, Store

_NOT_SHOWN: Mapping[str, Any] = {kind: dict.fromkeys(parts.split()) for kind, parts in TABLES["not_shown"].items()}
"""The parts that WhatsApp does not show, by the type of the message. They are accepted, and not sent."""
Recipients = Sequence[str | int]
_hidden_of: Mapping[str, Any] = {kind: attrgetter(*parts) for kind, parts in _NOT_SHOWN.items()}


@model
class Outcome:
    """The outcome of one sending: JIDs of successful and failed recipients, and invalid ones as they were given."""

    at: datetime
    total: int
    successful: tuple[str, ...]
    failed: tuple[str, ...]
    invalid: tuple[str, ...] = ()


def require_complete(content: Content) -> None:
    """Refuse a message that lacks the part that its type needs: text, media or template."""
    needed, given = "template", content.template
    if content.type == "text":
        needed, given = "text", content.text
    elif content.type in MEDIA_TYPES:
        needed, given = "media", content.upload or content.media or content.url
    if not given:
        raise InvalidContent(needed)


class Sending:
    """Sends messages, and records them."""

    def __init__(self, store: Store, people: People, instances: Instances, media: Media) -> None:
        self._store, self._people, self._instances, self._media = store, people, instances, media

    def send(self, instance_id: str, recipients: Recipients, content: Content, cause: Cause | None = None) -> Outcome:
        """Send one message to many people. A recipient that is given twice gets it twice."""
        require_complete(content)
        people = list(map(self._people.recipient, recipients))
        with numbers.magic_outcomes(people, self._store.delay), self._store.lock:
            return self.deliver(self._instances.require_ready(instance_id), recipients, people, content, cause)

    def deliver(
        self, instance: Instance, to: Recipients, people: list[str | None], content: Content, cause: Cause | None
    ) -> Outcome:
        """Record a message for each valid recipient, and return which ones failed. The caller holds the lock."""
        content, now = self.kept(content), self._store.clock.now()
        found: tuple[list[str], list[str], list[str]] = ([], [], [])
        successful, failed, invalid = found
        pairs: Iterable[tuple[str | int, str | None]] = zip(to, people, strict=True)
        for given, number in pairs if len(people) < PORTION else self._store.in_portions(pairs):
            if number is None or not self._people.on_whatsapp(number):
                invalid.append(str(given))
                continue
            jid = number + numbers.USER
            fails = numbers.magic(number) == 500
            (failed if fails else successful).append(jid)
            self.record(instance, jid, number, content, "failed" if fails else "sent", now, cause)
        return Outcome(now, len(to), tuple(successful), tuple(failed), tuple(invalid))

    def kept(self, content: Content) -> Content:
        """Return a message with its upload stored, and without the parts that WhatsApp does not show."""
        hidden, given = _NOT_SHOWN[content.type], _hidden_of[content.type](content)
        if given.count(None) < len(given):
            content = replace(content, **hidden)
        return self._media.keep(content) if content.upload else content

    def record(
        self, instance: Instance, chat: str, to: str, content: Content, status: str, now: datetime, cause: Cause | None
    ) -> Message:
        """Store and record one outbound message. The caller holds the lock."""
        id_, event = "3EB0" + self._store.random.hexadecimal("message", 18), self._store.state.events.last_number + 1
        parties = "outbound", instance.id, chat, instance.number, to
        message = Message(id_, event, *parties, content, status, now, None, cause)
        self._store.state.messages.add(id_, message)
        self._store.record("message", message, now)
        return message
