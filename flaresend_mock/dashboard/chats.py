"""The conversations of a world: which there are, and what was said in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flaresend_mock.core import numbers
from flaresend_mock.core.inbound_messages import TARGETED, target
from flaresend_mock.core.models import Instance, Message
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import Bubble, Phone, line_of, name_of, words

PAGE = 40
LIST_PAGE = 60


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation of an instance with a person, a group or a channel."""

    instance: Instance
    id: str
    title: str
    kind: str
    last: Message | None = None
    unread: int = 0

    @property
    def line(self) -> str:
        return line_of(self.last) if self.last else ""

    @property
    def number(self) -> str:
        """The digits of the person's number; empty for groups and channels."""
        return self.id.removesuffix(numbers.USER) if self.kind == "person" else ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a conversation, oldest first; `older` tells whether there is more before it."""

    bubbles: list[Bubble]
    older: bool
    last_event: int


def kind_of(chat: str) -> str:
    return (
        "group" if chat.endswith(numbers.GROUP) else "channel" if chat.endswith(numbers.CHANNEL) else "person"
    )


def chats(world: World, seen: dict[tuple[str, str], int], search: str = "") -> list[Chat]:
    """Return all conversations, the newest first, and then whoever could be written to.

    Args:
        seen: up to which event each conversation has been looked at.
        search: what the name, the number or something that was said must contain; what was is shown then.
    """
    with world.lock:
        state = world.state
        wanted = search.strip().lower()
        last: dict[tuple[str, str], Message] = {}
        said: dict[tuple[str, str], Message] = {}
        unread: dict[tuple[str, str], int] = {}
        for message in reversed(state.messages):
            key = (message.instance, message.chat)
            if key not in last:
                last[key] = message
            if message.direction == "outbound" and message.event > seen.get(key, 0):
                unread[key] = unread.get(key, 0) + 1
            if wanted and key not in said and wanted in words(message).lower():
                said[key] = message
        for instance in state.instances.values():
            for group in state.groups.values():
                if instance.number in group.members:
                    last.setdefault((instance.id, group.id), None)  # type: ignore[arg-type]
        for person in state.people.values():
            if person.on_whatsapp:
                for instance in state.instances.values():
                    if person.number != instance.number:
                        last.setdefault((instance.id, numbers.jid(person.number)), None)  # type: ignore[arg-type]
        found = [
            Chat(
                state.instances[instance],
                chat,
                name_of(world, chat),
                kind_of(chat),
                message,
                unread.get((instance, chat), 0),
            )
            for (instance, chat), message in last.items()
            if instance in state.instances
        ]
    if not wanted:
        return found
    digits = "".join(filter(str.isdigit, wanted))
    return [
        replace(chat, last=said.get((chat.instance.id, chat.id), chat.last))
        for chat in found
        if wanted in chat.title.lower()
        or (digits and digits in chat.id)
        or wanted in chat.line.lower()
        or (chat.instance.id, chat.id) in said
    ]


def find(world: World, instance: str, chat: str) -> Chat | None:
    """Return a conversation, whether anything was said in it or not; None where there can be none."""
    with world.lock:
        owner = world.state.instances.get(instance)
        kind = kind_of(chat)
        digits = chat.removesuffix(numbers.USER)
        if owner is None or (kind == "person" and not (digits.isascii() and digits.isdigit())):
            return None
        if kind == "group" and chat not in world.state.groups:
            return None
        return Chat(owner, chat, name_of(world, chat), kind)


def page(world: World, chat: Chat, *, before: int | None = None, count: int = PAGE) -> Page:
    """Return the last messages of a conversation, or those before an event."""
    with world.lock:
        changes: list[Message] = []
        found: list[Message] = []
        for message in _of(world, chat):
            if message.content.type in TARGETED:
                changes.append(message)
            elif before is None or message.event < before:
                found.append(message)
                if len(found) > count:
                    break
        older = len(found) > count
        found = found[:count][::-1]
        changes.reverse()
        return Page(Phone(world, found, changes).bubbles(), older, world.state.events.last_number)


def news(world: World, chat: Chat, after: int, oldest: int = 0) -> tuple[Page, list[Bubble]]:
    """Return what was said after an event, and the earlier bubbles that have changed since.

    Args:
        oldest: the event of the first bubble that is shown: what changes before it is not looked at.
    """
    with world.lock:
        fresh: list[Message] = []
        touched: dict[str, Message] = {}
        changes: list[Message] = []
        for message in _of(world, chat):
            if message.event <= after:
                break
            (changes if message.content.type in TARGETED else fresh).append(message)
        fresh.reverse()
        for change in changes:
            about = world.state.messages.get(target(change) or "")
            if about is not None and oldest <= about.event <= after:
                touched[about.id] = about
        for event in world.state.events.since(after, "delivery"):
            about = world.state.messages.get(getattr(event.subject, "message", ""))
            if (
                about is not None
                and oldest <= about.event <= after
                and about.content.type not in TARGETED  # which are no bubbles
                and (about.instance, about.chat) == (chat.instance.id, chat.id)
            ):
                touched[about.id] = about
        every = (
            [one for one in _of(world, chat) if one.content.type in TARGETED][::-1]
            if touched or changes
            else []
        )
        last = world.state.events.last_number
        new = Page(Phone(world, fresh, every).bubbles(), False, last)
        return new, Phone(world, touched.values(), every).bubbles()


def _of(world: World, chat: Chat) -> Iterator[Message]:
    """Yield the messages of a conversation, newest first."""
    for message in reversed(world.state.messages):
        if _in(message, chat):
            yield message


def _in(message: Message, chat: Chat) -> bool:
    return message.chat == chat.id and message.instance == chat.instance.id
