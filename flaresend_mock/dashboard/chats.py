"""The chats page: the list of conversations, one conversation, and what went over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from flaresend_mock.core import numbers
from flaresend_mock.core.inbound_messages import TARGETED, target
from flaresend_mock.core.models import Instance, Message
from flaresend_mock.core.payloads import KINDS
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.exchange import why as explain
from flaresend_mock.dashboard.message_view import Bubble, Phone, line_of, name_of, words
from flaresend_mock.dashboard.pages import number_argument, page, part, place
from flaresend_mock.http.context import emulator
from flaresend_mock.package_data import SAMPLES

blueprint = Blueprint("conversations", __name__)

SOMEBODY = "254712345678"
MOST_SEEN = 10_000
"""Conversations of which it is known up to where they were looked at."""

Seen = dict[tuple[str, str], int]


@blueprint.get("/w/<world>/chats")
def chats(world: str) -> Response:
    """Show the conversations."""
    chosen = emulator().worlds.get(world)
    return page("chats.html", chosen, "chats", chat=None, **_list(chosen))


@blueprint.get("/w/<world>/chats/<instance>/<chat>")
def conversation(world: str, instance: str, chat: str) -> Response:
    """Show one conversation beside the others."""
    chosen = emulator().worlds.get(world)
    found = _found(chosen, instance, chat)
    shown = read_page(chosen, found)
    _seen(chosen)[instance, chat] = shown.last_event
    return page(
        "chats.html",
        chosen,
        "chats",
        chat=found,
        shown=shown,
        members=_members(chosen, chat),
        poster=_poster(chosen),
        kinds=KINDS,
        samples=SAMPLES,
        **_list(chosen),
    )


@blueprint.get("/w/<world>/parts/chats")
def listed(world: str) -> Response:
    """Return the list of conversations, or its next part."""
    chosen = emulator().worlds.get(world)
    return part("list.html", chosen, chat=None, **_list(chosen))


@blueprint.get("/w/<world>/parts/older/<instance>/<chat>")
def older(world: str, instance: str, chat: str) -> Response:
    """Return what was said before."""
    chosen = emulator().worlds.get(world)
    found = _found(chosen, instance, chat)
    return part(
        "older.html", chosen, chat=found, shown=read_page(chosen, found, before=number_argument("before"))
    )


@blueprint.get("/w/<world>/parts/news/<instance>/<chat>")
def news(world: str, instance: str, chat: str) -> Response:
    """Return what was said meanwhile, and what has changed of what was said before."""
    chosen = emulator().worlds.get(world)
    found = _found(chosen, instance, chat)
    shown, changed = read_news(chosen, found, number_argument("after"), number_argument("oldest"))
    _seen(chosen)[instance, chat] = shown.last_event
    return part("news.html", chosen, chat=found, shown=shown, changed=changed)


@blueprint.get("/w/<world>/parts/why/<message>")
def why(world: str, message: str) -> Response:
    """Return what went over the wire for a message."""
    chosen = emulator().worlds.get(world)
    found = explain(chosen, message, place(chosen))
    if found is None:
        raise NotFound("This message is no longer kept.")
    return part("why.html", chosen, found=found)


def _list(world: World) -> dict[str, object]:
    search, start = request.args.get("q", ""), number_argument("start")
    found = read_chats(world, _seen(world), search)
    end = start + LIST_PAGE
    return {
        "found": found[start:end],
        "total": len(found),
        "more": end if len(found) > end else None,
        "search": search,
        "open": request.args.get("open", ""),
        "several": len(world.state.instances) > 1,
    }


def _found(world: World, instance: str, chat: str) -> Chat:
    found = find_chat(world, instance, chat)
    if found is None:
        raise NotFound("There is no such conversation.")
    return found


def _members(world: World, chat: str) -> list[tuple[str, str]]:
    """Return number and name of those who may write in a group, apart from instances."""
    with world.lock:
        group = world.state.groups.get(chat)
        if group is None:
            return []
        ours = {instance.number for instance in world.state.instances.values()}
        names = [(number, name_of(world, number)) for number in group.members if number not in ours]
    return sorted(names, key=lambda one: one[1])


def _poster(world: World) -> str:
    """Return the number of somebody who is no instance: who posts in a channel is not told, but has to be somebody."""
    with world.lock:
        ours = {instance.number for instance in world.state.instances.values()}
        others = (one.number for one in world.state.people.values() if one.on_whatsapp)
        return next((number for number in others if number not in ours), SOMEBODY)


def _seen(world: World) -> Seen:
    """Return up to which event each conversation of a world was looked at."""
    seen = emulator().seen.setdefault(world, {})
    if len(seen) > MOST_SEEN or max(seen.values(), default=0) > world.state.events.last_number:
        seen.clear()  # this is another world by now
    return seen


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


def read_chats(world: World, seen: dict[tuple[str, str], int], search: str = "") -> list[Chat]:
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


def find_chat(world: World, instance: str, chat: str) -> Chat | None:
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


def read_page(world: World, chat: Chat, *, before: int | None = None, count: int = PAGE) -> Page:
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


def read_news(world: World, chat: Chat, after: int, oldest: int = 0) -> tuple[Page, list[Bubble]]:
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
