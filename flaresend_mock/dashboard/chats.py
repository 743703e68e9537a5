"""The chats page: the list of chats, one chat with its messages, and what went over the wire for a message."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from operator import itemgetter
from urllib.parse import quote

from flask import Response, abort, redirect, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from flaresend_mock.core import kinds, models, numbers
from flaresend_mock.core.payloads import TARGETED, target_of
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.exchange import explain_message, failed_replies, find_missed
from flaresend_mock.dashboard.message_view import Shown, bubbles, instance_of, line_of, name_of, words
from flaresend_mock.dashboard.pages import blueprint, live, number_argument, part
from flaresend_mock.http.context import is_audience, services
from flaresend_mock.package_data import SAMPLES, event_names, sample, sample_event

MESSAGES = 40  # the number of messages that a page loads at a time
CHATS = 60  # the number of chats that the list loads at a time
DEFAULT_POSTER = "254712345678"
OTHER = "other"  # the kind of a chat that only events of your own name
MAX_EMPTY_CHATS = 10_000  # chats without messages that are listed
MAX_SEEN = 10_000  # the number of chats of which the dashboard remembers the last event that was looked at

Seen = dict[tuple[str, str], int]  # by instance and chat: the last event that was looked at


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat of an instance with a person, a group or a channel, or one that only own events name."""

    instance: models.Instance
    id: str
    title: str
    kind: str
    last: models.Message | None = None
    unread: int = 0

    @property
    def key(self) -> str:
        return f"{self.instance.id}/{self.id}"

    @property
    def line(self) -> str:
        return line_of(self.last) if self.last else ""

    @property
    def number(self) -> str:
        return self.id.removesuffix(numbers.USER) if self.kind == "person" else ""


@blueprint.get("/w/<world>/chats")
def chats(world: World) -> Response:
    return part("chats.html", world, tab="chats", **_list(world))


@blueprint.get("/w/<world>/chats/<instance>/<chat>")
def one_chat(world: World, instance: str, chat: str) -> Response:
    found = _found(world, instance, chat)
    shown = read_page(world, found, around=number_argument("at"))
    _seen(world)[instance, chat] = shown["last_event"]
    open_chat = {"chat": found, "shown": shown, "members": _members(world, chat), "poster": _poster(world)}
    form = {"fields_of": kinds.FIELDS, "samples": SAMPLES, "events": event_names(), "limit": services().max_body_size}
    return part("chats.html", world, tab="chats", **open_chat, **form, **_list(world))


@blueprint.get("/samples/<name>")
def shipped_sample(name: str) -> Response:
    """Return a shipped file or webhook event, which the page shows before it is sent."""
    if name in event_names():
        return Response(json.dumps(sample_event(name)), content_type="application/json")
    if name not in SAMPLES:
        raise NotFound
    return Response(sample(name).data, content_type=sample(name).mimetype)


@blueprint.get("/w/<world>/messages/<message>")
def one_message(world: World, message: str) -> BaseResponse:
    """Lead to a message in its chat; a reaction, an edit and the like lead to the message that they change."""
    with world.lock:
        found = world.state.messages.get(message) or abort(404, "This message is no longer kept.")
        found = world.state.messages.get((found.content.type in TARGETED and target_of(found)) or message) or found
    return redirect(f"../chats/{quote(found.instance)}/{quote(found.chat, safe='')}?at={found.event}#m{found.event}")


@blueprint.get("/w/<world>/parts/older/<instance>/<chat>")
def older(world: World, instance: str, chat: str) -> Response:
    found = _found(world, instance, chat)
    return part("older.html", world, chat=found, shown=read_page(world, found, before=number_argument("before")))


@blueprint.get("/w/<world>/parts/news/<instance>/<chat>")
def news(world: World, instance: str, chat: str) -> Response:
    found = _found(world, instance, chat)
    shown = read_news(world, found, number_argument("after"), number_argument("oldest"))
    _seen(world)[instance, chat] = shown["last_event"]
    return part("news.html", world, chat=found, shown=shown, changed=shown["changed"])


@blueprint.get("/w/<world>/parts/suggestions/<instance>/<chat>")
def suggestions(world: World, instance: str, chat: str) -> Response:
    """Return what a customer may write next to the bot of the world `demo`."""
    from flaresend_mock.background.demo_bot import suggestions

    found = _found(world, instance, chat)
    chips, ready = suggestions(world, found.instance, found.id)
    return part("demo_chips.html", world, chat=found, chips=chips, ready=ready)


@blueprint.get("/w/<world>/parts/why/<message>")
def why(world: World, message: str) -> Response:
    return part("why.html", world, found=explain_message(world, message))


def read_chats(world: World, seen: Seen, search: str = "", open_: str = "") -> tuple[list[Chat], int]:
    """Return chats that a search finds, newest first, each with the message found, and how many messages are unread.

    Chats without messages come last. Messages of the open chat are read, and so are those of the world's past.
    """
    wanted = search.strip().lower()
    last: dict[tuple[str, str], models.Message | None] = {}
    matched: dict[tuple[str, str], models.Message] = {}
    unread: dict[tuple[str, str], int] = {}
    with world.lock:
        state, past = world.state, world.past
        for message in reversed(state.messages):
            key = (message.instance, message.chat)
            last.setdefault(key, message)
            if message.direction == "outbound" and message.event > seen.get(key, past):
                unread[key] = unread.get(key, 0) + 1
            if wanted and key not in matched and wanted in words(message).lower():
                matched[key] = message
        for key in islice(_chats_without_messages(world), MAX_EMPTY_CHATS):
            last.setdefault(key, None)
        found = [
            Chat(owner, chat, name_of(world, chat), _kind_of(chat), message, unread.get((instance, chat), 0))
            for (instance, chat), message in last.items()
            if (owner := state.instances.get(instance)) is not None
        ]
    total = sum(one.unread for one in found if one.key != open_)
    if not wanted:
        return found, total
    digits = "".join(filter(str.isdigit, wanted))
    fitting = [
        replace(chat, last=matched.get((chat.instance.id, chat.id), chat.last))
        for chat in found
        if any(wanted in text.lower() for text in (chat.title, chat.line))
        or (digits and digits in chat.id)
        or (chat.instance.id, chat.id) in matched
    ]
    return fitting, total


def read_page(world: World, chat: Chat, *, before: int | None = None, around: int = 0) -> Shown:
    """Return the last messages of a chat, or those before or around an event; there may be `older` and `newer` ones."""
    last, missed = find_missed(world)
    with world.lock:
        if around:
            later = [one.event for one in takewhile(lambda one: one.event > around, _messages(world, chat, last))]
            before = later[-MESSAGES // 2] if len(later) > MESSAGES // 2 else None
        changes, found = list[models.Message](), list[models.Message]()
        for message in _messages(world, chat, last):
            if message.content.type in TARGETED:
                changes.append(message)
            elif before is None or message.event < before:
                found.append(message)
                if len(found) > MESSAGES:
                    break
        shown = found[:MESSAGES][::-1]
        listed: Shown = {"older": len(found) > MESSAGES, "newer": before is not None}
        listed |= {"bubbles": bubbles(world, shown, changes[::-1]), "failed": failed_replies(world, shown, missed)}
        return {**listed, "last_event": last}


def read_news(world: World, chat: Chat, after: int, oldest: int = 0) -> Shown:
    """Return the messages after an event, and bubbles of earlier ones since `oldest` that changed."""
    last, missed = find_missed(world)
    with world.lock:
        recent = list(takewhile(lambda one: one.event > after, _messages(world, chat, last)))
        deliveries = world.state.events.since(after, "delivery")
        targets = {target_of(one) for one in recent}
        targets |= {event.subject.message for event in deliveries if isinstance(event.subject, models.Delivery)}
        some = targets - {None, ""} or any(number > after for number in missed)
        messages = (list(_messages(world, chat, last)) if some else recent)[::-1]
        changes = [one for one in messages if one.content.type in TARGETED]  # which have no bubble
        page = [one for one in messages if one.event >= oldest and one.content.type not in TARGETED]
        failed = failed_replies(world, page, missed)
        targets |= {id_ for id_, events in failed.items() if any(event.number > after for event in events)}
        fresh = [one for one in page if one.event > after]
        changed = [one for one in page if one.event <= after and one.id in targets]
        shown = {"bubbles": bubbles(world, fresh, changes), "changed": bubbles(world, changed, changes)}
        return {**shown, "failed": failed, "older": False, "last_event": last}


@live("chats", "list.html")
def _list(world: World) -> dict[str, object]:
    start, search, open_ = number_argument("start"), request.args.get("q", ""), request.args.get("open", "")
    end, (found, unread) = start + CHATS, read_chats(world, _seen(world), search, open_)
    listed = {"found": found[start:end], "more": end if len(found) > end else None, "unread": unread}
    return {**listed, "search": search, "open": open_, "several": len(world.state.instances) > 1}


@live("unread", "unread.html")
def _unread(world: World) -> dict[str, object]:
    return {"unread": read_chats(world, _seen(world))[1]}


def _found(world: World, instance: str, chat: str) -> Chat:
    """Return a chat, with or without messages. NotFound if it cannot exist."""
    kind, digits = _kind_of(chat), chat.removesuffix(numbers.USER)
    with world.lock:
        if digits in world.state.aliases:
            chat = world.state.aliases[digits] + numbers.USER
        owner = world.state.instances.get(instance)
        exists = {"group": chat in world.state.groups, "channel": True, "person": digits.isascii() and digits.isdigit()}
        found = Chat(owner, chat, name_of(world, chat), kind if exists[kind] else OTHER) if owner else None
        if found is None or (found.kind == OTHER and not any(_messages(world, found, world.state.events.last_number))):
            raise NotFound("There is no such chat.")
        return found


def _members(world: World, chat: str) -> list[tuple[str, str]]:
    with world.lock:
        group = world.state.groups.get(chat)
        members = [] if group is None else [one for one in group.members if not instance_of(world, one)]
        return sorted(((number, name_of(world, number)) for number in members), key=itemgetter(1))


def _poster(world: World) -> str:
    """Return a person's number for posts in a channel. The request needs a sender; the event names none."""
    with world.lock:
        people = (one.number for one in world.state.people.values() if one.on_whatsapp)
        return next((one for one in people if not instance_of(world, one)), DEFAULT_POSTER)


def _seen(world: World) -> Seen:
    seen = services().seen.setdefault(world, {})
    if len(seen) > MAX_SEEN or max(seen.values(), default=0) > world.state.events.last_number:
        seen.clear()  # the world was replaced
    return dict(seen) if is_audience() else seen


def _chats_without_messages(world: World) -> Iterator[tuple[str, str]]:
    state, instances = world.state, world.state.instances.values()
    for instance in instances:
        yield from ((instance.id, one.id) for one in state.groups.values() if instance.number in one.members)
    for person in state.people.values():
        if person.on_whatsapp:
            chat = person.number + numbers.USER
            yield from ((instance.id, chat) for instance in instances if instance.number != person.number)


def _messages(world: World, chat: Chat, last: int) -> Iterator[models.Message]:
    wanted = (chat.id, chat.instance.id)
    return (one for one in reversed(world.state.messages) if one.event <= last and (one.chat, one.instance) == wanted)


def _kind_of(chat: str) -> str:
    return "group" if chat.endswith(numbers.GROUP) else "channel" if chat.endswith(numbers.CHANNEL) else "person"
