"""The people page: the people, groups and channels of a world, with search, pages and forms."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from flask import Response, abort, request

from flaresend_mock.core import channels, groups, models, numbers
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import instance_of, name_of
from flaresend_mock.dashboard.pages import blueprint, number_argument, part

PAGE = 60
CHOICES = 200  # The number of people that the form for a new group lists. Other numbers can be typed.

KINDS = ("people", "groups", "channels")
_ROLES = ("Creator", "Admin", "")  # the roles of a group's members, in the order in which they are listed


@dataclass(frozen=True, slots=True)
class Entry:
    """A person, a group or a channel. `linked`: it is an instance. `roles` are those of the instances in a channel."""

    id: str
    title: str
    chat: tuple[str, str] | None
    shown: models.Person | models.Group | models.Channel
    linked: bool = False
    owner: str = ""
    roles: tuple[tuple[str, str], ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        return (self.id, *self.shown.aliases) if isinstance(self.shown, models.Person) else (self.id,)

    def matches(self, words: str) -> bool:
        digits = "".join(filter(str.isdigit, words))
        return words in self.title.lower() or (len(digits) >= 3 and any(digits in id_ for id_ in self.ids))


@blueprint.get("/w/<world>/people", defaults={"kind": "people"})
@blueprint.get("/w/<world>/people/<any(people, groups, channels):kind>")
def people(world: World, kind: str) -> Response:
    closed = world.state.settings.directory == "closed"
    return part("people.html", world, tab="people", live=False, closed=closed, **_listed(world, kind))


@blueprint.get("/w/<world>/parts/people/<any(people, groups, channels):kind>")
def entry_list(world: World, kind: str) -> Response:
    return part("people_list.html", world, live=True, **_listed(world, kind))


@blueprint.get("/w/<world>/parts/people/people/new", defaults={"number": None})
@blueprint.get("/w/<world>/parts/people/people/<number>")
def person(world: World, number: str | None) -> Response:
    with world.lock:
        found = (world.state.people.get(number) or abort(404, "There is no such person.")) if number else None
        linked = number is not None and instance_of(world, number) is not None
    return _dialog(world, "person", person=found, linked=linked)


@blueprint.get("/w/<world>/parts/people/groups/new")
def new_group(world: World) -> Response:
    with world.lock:
        owners = list(world.state.instances.values())
        ours = {one.number for one in owners}
        others = [one for one in world.state.people.values() if one.on_whatsapp and one.number not in ours]
    more = max(0, len(others) - CHOICES)
    return _dialog(world, "group", choices=sorted(others, key=_by_name)[:CHOICES], more=more, owners=owners)


@blueprint.get("/w/<world>/parts/people/groups/<group>")
def members(world: World, group: str) -> Response:
    with world.lock:
        found = world.state.groups.get(group) or abort(404, "There is no such group.")
        shown = _members(world, found)
    return _dialog(world, "members", group=found, members=shown)


@blueprint.get("/w/<world>/parts/people/channels/new", defaults={"channel": None})
@blueprint.get("/w/<world>/parts/people/channels/<channel>")
def channel(world: World, channel: str | None) -> Response:
    with world.lock:
        found = (world.state.channels.get(channel) or abort(404, "There is no such channel.")) if channel else None
        owners = list(world.state.instances.values())
    return _dialog(world, "channel", channel=found, owners=owners, roles=channels.ROLES)


def find(world: World, kind: str, search: str, wanted: int) -> dict[str, Any]:
    """Return a page of the people, groups or channels whose name, number or id contains a text: `first` to `last`."""
    with world.lock:
        all_ = {"people": _people, "groups": _groups, "channels": _channels}[kind](world)
    entries = [one for one in all_ if one.matches(search.strip().lower())]
    pages = max(1, -(-len(entries) // PAGE))
    page = min(max(1, wanted), pages)
    before, shown = (page - 1) * PAGE, entries[(page - 1) * PAGE : page * PAGE]
    place = {"first": before + 1, "last": before + len(shown), "page": page, "pages": pages}
    return {"entries": shown, "total": len(entries), **place}


def _listed(world: World, kind: str) -> dict[str, Any]:
    search, counts = request.args.get("q", ""), {name: len(getattr(world.state, name)) for name in KINDS}
    found = find(world, kind, search, number_argument("page"))
    return {"kind": kind, "search": search, "found": found, "counts": counts}


def _dialog(world: World, name: str, **values: Any) -> Response:
    values |= {"longest": groups.SUBJECT_LENGTH, "longest_description": groups.DESCRIPTION_LENGTH}
    return part("people_dialog.html", world, dialog=name, closed=world.state.settings.directory == "closed", **values)


def _people(world: World) -> list[Entry]:
    ours = {one.number: one for one in world.state.instances.values()}
    found = sorted(world.state.people.values(), key=lambda one: (one.number not in ours, _by_name(one)))
    entries = []
    for one in found:
        title = (ours[one.number].name if one.number in ours else "") or one.name or f"+{one.number}"
        chat = _chat(world, one.number + numbers.USER, ours.keys() - {one.number}) if one.on_whatsapp else None
        entries.append(Entry(one.number, title, chat, one, linked=one.number in ours))
    return entries


def _groups(world: World) -> list[Entry]:
    found = sorted(world.state.groups.values(), key=lambda one: one.created, reverse=True)
    chats = (_chat(world, one.id, one.members) for one in found)
    return [Entry(one.id, one.subject, next(chats), one, owner=name_of(world, one.owner)) for one in found]


def _channels(world: World) -> list[Entry]:
    found, owners = world.state.channels.values(), world.state.instances.values()
    roles = (tuple((owner.title, one.role_of(owner.number)) for owner in owners) for one in found)
    return [Entry(one.id, one.name, _chat(world, one.id, one.roles), one, roles=next(roles)) for one in found]


def _members(world: World, group: models.Group) -> list[dict[str, Any]]:
    found = []
    for one in group.members.values():
        person = world.state.people.get(one.number)
        creator = one.admin == "superadmin" or one.number == group.owner
        role, ours = "Creator" if creator else "Admin" if one.admin else "", instance_of(world, one.number) is not None
        shown = {"number": one.number, "name": name_of(world, one.number), "lid": person.lid if person else ""}
        found.append({**shown, "role": role, "ours": ours})
    return sorted(found, key=lambda one: (_ROLES.index(one["role"]), one["name"].lower()))


def _by_name(person: models.Person) -> tuple[bool, str]:
    return not person.name, person.name.lower() or person.number


def _chat(world: World, chat: str, inside: Container[str]) -> tuple[str, str] | None:
    return next(((one.id, chat) for one in world.state.instances.values() if one.number in inside), None)
