"""The people page: the people, groups and channels of a world, with search, pages and forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from flaresend_mock.core import numbers
from flaresend_mock.core.channels import ROLES
from flaresend_mock.core.models import DESCRIPTION_LENGTH, SUBJECT_LENGTH, Channel, Group, Instance, Person
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import instance_of, name_of
from flaresend_mock.dashboard.pages import page, part

blueprint = Blueprint("people_page", __name__)

PAGE = 60
CHOICES = 200
"""The number of people that the form for a new group lists. Other numbers can be typed."""

MAX_PAGE_DIGITS = 9
KINDS = ("people", "groups", "channels")


@dataclass(frozen=True, slots=True)
class Entry:
    """A person, a group or a channel in the list.

    `chat` is the instance and the id of the chat, if there can be one. A group has the name of its `owner`, a channel
    has the `roles` of the instances.
    """

    id: str
    title: str
    chat: tuple[str, str] | None
    person: Person | None = None
    instance: Instance | None = None
    group: Group | None = None
    channel: Channel | None = None
    owner: str = ""
    roles: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group: `role` is Creator, Admin or empty; `ours` means an instance."""

    number: str
    name: str
    lid: str
    role: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the entries that a search found: `first` to `last` of `total`, on `page` of `pages`."""

    entries: tuple[Entry, ...]
    total: int
    page: int

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.entries) - 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


@blueprint.get("/w/<world>/people", defaults={"kind": "people"})
@blueprint.get("/w/<world>/people/<kind>")
def people(world: World, kind: str) -> Response:
    """Show the people, groups or channels of a world."""
    return page("people.html", world, "people", live=False, **_listed(world, kind))


@blueprint.get("/w/<world>/parts/people/<kind>")
def entry_list(world: World, kind: str) -> Response:
    """Return the current list."""
    return part("people_list.html", world, live=True, **_listed(world, kind))


@blueprint.get("/w/<world>/parts/people/people/new")
def new_person(world: World) -> Response:
    """Return the form for a new person."""
    return part("people_dialog.html", world, dialog="person", person=None, linked=False)


@blueprint.get("/w/<world>/parts/people/people/<number>")
def person(world: World, number: str) -> Response:
    """Return the form of a person."""
    with world.lock:
        found = world.state.people.get(number)
        linked = instance_of(world, number) is not None
    if found is None:
        raise NotFound("There is no such person.")
    return part("people_dialog.html", world, dialog="person", person=found, linked=linked)


@blueprint.get("/w/<world>/parts/people/groups/new")
def new_group(world: World) -> Response:
    """Return the form for a new group."""
    with world.lock:
        ours = {one.number for one in world.state.instances.values()}
        others = [one for one in world.state.people.values() if one.on_whatsapp and one.number not in ours]
        owners = list(world.state.instances.values())
    others.sort(key=_by_name)
    return part(
        "people_dialog.html",
        world,
        dialog="group",
        choices=others[:CHOICES],
        more=max(0, len(others) - CHOICES),
        owners=owners,
        longest=SUBJECT_LENGTH,
    )


@blueprint.get("/w/<world>/parts/people/groups/<group>")
def members(world: World, group: str) -> Response:
    """Return the settings and members of a group."""
    with world.lock:
        found = world.state.groups.get(group)
        if found is None:
            raise NotFound("There is no such group.")
        shown = _members(world, found)
    return part(
        "people_dialog.html",
        world,
        dialog="members",
        group=found,
        members=shown,
        longest=SUBJECT_LENGTH,
        longest_description=DESCRIPTION_LENGTH,
    )


@blueprint.get("/w/<world>/parts/people/channels/new", defaults={"channel": None})
@blueprint.get("/w/<world>/parts/people/channels/<channel>")
def channel(world: World, channel: str | None) -> Response:
    """Return the form of a channel, or the one for a new channel."""
    with world.lock:
        found = world.state.channels.get(channel) if channel else None
        owners = list(world.state.instances.values())
    if channel and found is None:
        raise NotFound("There is no such channel.")
    return part(
        "people_dialog.html",
        world,
        dialog="channel",
        channel=found,
        owners=owners,
        roles=ROLES,
        longest=SUBJECT_LENGTH,
        longest_description=DESCRIPTION_LENGTH,
    )


def find(world: World, kind: str, search: str, wanted: int) -> Found:
    """Return a page of the people, groups or channels whose name, number or id contains a text."""
    with world.lock:
        entries = {"people": _people, "groups": _groups, "channels": _channels}[kind](world)
    words = search.strip().lower()
    if words:
        digits = "".join(filter(str.isdigit, words))
        entries = [
            one for one in entries if words in one.title.lower() or (len(digits) >= 3 and digits in one.id)
        ]
    last = max(1, -(-len(entries) // PAGE))
    number = min(max(1, wanted), last)
    return Found(tuple(entries[(number - 1) * PAGE : number * PAGE]), len(entries), number)


def _listed(world: World, kind: str) -> dict[str, Any]:
    if kind not in KINDS:
        raise NotFound
    search, wanted = request.args.get("q", ""), request.args.get("page", "1")
    usable = wanted.isascii() and wanted.isdigit() and len(wanted) <= MAX_PAGE_DIGITS
    with world.lock:
        counts = (len(world.state.people), len(world.state.groups), len(world.state.channels))
    return {
        "kind": kind,
        "search": search,
        "found": find(world, kind, search, int(wanted) if usable else 1),
        "counts": dict(zip(KINDS, counts, strict=True)),
    }


def _people(world: World) -> list[Entry]:
    """Return the people: instances first, then by name; people without a name come last, by number."""
    owners = list(world.state.instances.values())
    ours = {one.number: one for one in owners}
    return [
        Entry(
            one.number,
            _named(one, ours.get(one.number)),
            _chat_with(one, owners),
            person=one,
            instance=ours.get(one.number),
        )
        for one in sorted(
            world.state.people.values(), key=lambda one: (one.number not in ours, _by_name(one))
        )
    ]


def _groups(world: World) -> list[Entry]:
    """Return the groups, the newest first."""
    owners = list(world.state.instances.values())
    return [
        Entry(
            one.id,
            one.subject,
            _chat_in(one.id, one.members, owners),
            group=one,
            owner=name_of(world, one.owner),
        )
        for one in sorted(world.state.groups.values(), key=lambda one: one.created, reverse=True)
    ]


def _channels(world: World) -> list[Entry]:
    owners = list(world.state.instances.values())
    return [
        Entry(
            one.id,
            one.name,
            _chat_in(one.id, one.roles, owners),
            channel=one,
            roles=tuple((owner.name or f"+{owner.number}", one.role_of(owner.number)) for owner in owners),
        )
        for one in world.state.channels.values()
    ]


def _members(world: World, group: Group) -> list[Member]:
    """Return the members of a group: the creator, the admins, then the others by name."""
    ours = {one.number for one in world.state.instances.values()}
    found = []
    for one in group.members.values():
        person = world.state.people.get(one.number)
        creator = one.admin == "superadmin" or one.number == group.owner
        role = "Creator" if creator else "Admin" if one.admin else ""
        name = name_of(world, one.number)
        found.append(Member(one.number, name, person.lid if person else "", role, one.number in ours))
    ranks = {"Creator": 0, "Admin": 1, "": 2}
    return sorted(found, key=lambda one: (ranks[one.role], one.name.lower()))


def _named(person: Person, instance: Instance | None) -> str:
    return (instance.name if instance else "") or person.name or f"+{person.number}"


def _by_name(person: Person) -> tuple[bool, str]:
    return not person.name, person.name.lower() or person.number


def _chat_with(person: Person, owners: Sequence[Instance]) -> tuple[str, str] | None:
    if not person.on_whatsapp:
        return None
    other = next((one for one in owners if one.number != person.number), None)
    return (other.id, numbers.jid(person.number)) if other else None


def _chat_in(chat: str, inside: Any, owners: Sequence[Instance]) -> tuple[str, str] | None:
    member = next((one for one in owners if one.number in inside), None)
    return (member.id, chat) if member else None
