"""The page of conversations: whom one writes with, what was said, and why."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from flaresend_mock.core.payloads import KINDS
from flaresend_mock.core.world import World
from flaresend_mock.dashboard import chats as reading
from flaresend_mock.dashboard.exchange import why as explain
from flaresend_mock.dashboard.message_view import name_of
from flaresend_mock.dashboard.pages import page, part, place
from flaresend_mock.http.context import emulator
from flaresend_mock.package_data import SAMPLES

blueprint = Blueprint("conversations", __name__)

MAX_NUMBER = 18
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
    shown = reading.page(chosen, found)
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
    return part("older.html", chosen, chat=found, shown=reading.page(chosen, found, before=_number("before")))


@blueprint.get("/w/<world>/parts/news/<instance>/<chat>")
def news(world: str, instance: str, chat: str) -> Response:
    """Return what was said meanwhile, and what has changed of what was said before."""
    chosen = emulator().worlds.get(world)
    found = _found(chosen, instance, chat)
    shown, changed = reading.news(chosen, found, _number("after"), _number("oldest"))
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
    search, start = request.args.get("q", ""), _number("start")
    found = reading.chats(world, _seen(world), search)
    end = start + reading.LIST_PAGE
    return {
        "found": found[start:end],
        "total": len(found),
        "more": end if len(found) > end else None,
        "search": search,
        "open": request.args.get("open", ""),
        "several": len(world.state.instances) > 1,
    }


def _found(world: World, instance: str, chat: str) -> reading.Chat:
    found = reading.find(world, instance, chat)
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


def _number(name: str) -> int:
    given = request.args.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= MAX_NUMBER else 0
