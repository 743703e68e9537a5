"""Turns the sections of a world file into a state, and refuses what contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.clock import ClockSetting
from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.instances import instance_id
from flaresend_mock.core.models import GROUP_CAPACITY, Channel, Group, Instance, Member, Person, Rule
from flaresend_mock.core.people import own_lid
from flaresend_mock.core.randomness import SeededRandom
from flaresend_mock.core.state import DEFAULT_HISTORY, State
from flaresend_mock.worldfile.schema import LONG_AGO


def build(world: Mapping[str, Any], history: int | None = None) -> State:
    """Build a state.

    Args:
        world: what the schema of world files loaded.

    Raises:
        InvalidWorld: two things share an id, a number, a LID or a key, or a group has no owner in it.
    """
    state = State(
        history=history or DEFAULT_HISTORY,
        seed=world["seed"],
        time_zone=world["time_zone"],
        senders_as_lids=world["senders"] == "lid",
        pairing_seconds=world["pairing_seconds"],
    )
    builder = _Builder(state)
    if world["clock"]:
        now = world["clock"]["now"]
        state.clock = ClockSetting(frozen_at=now) if world["clock"]["frozen"] else ClockSetting(starts_at=now)
    linked = {section["number"]: section["lid"] for section in world["instances"]}
    for index, section in enumerate(world["people"]):
        lid = section["lid"] or linked.get(section["number"])
        builder.person(f"people[{index}]", {**section, "lid": lid})
    for index, section in enumerate(world["instances"]):
        builder.instance(f"instances[{index}]", section)
    if world["populate"]:
        from flaresend_mock.worldfile.population import populate  # brings Faker, which few worlds need

        world = populate(world, state)
        for section in world["invented"]:
            builder.person("populate.people", section)
    for index, section in enumerate(world["groups"]):
        builder.group(f"groups[{index}]", section)
    for index, section in enumerate(world["channels"]):
        builder.channel(f"channels[{index}]", section)
    return state


class _Builder:
    def __init__(self, state: State) -> None:
        self.state = state
        self.random = SeededRandom(state.seed, state.counters)

    def person(self, where: str, section: Mapping[str, Any]) -> None:
        number = section["number"]
        if number in self.state.people:
            raise InvalidWorld(f"{where}.number", f"{number} is there twice.")
        self._enter(
            where,
            number,
            section["lid"],
            name=section["name"],
            on_whatsapp=section["on_whatsapp"],
            rules=tuple(Rule(**rule) for rule in section.get("rules", ())),
        )

    def instance(self, where: str, section: Mapping[str, Any]) -> None:
        number = section["number"]
        id_ = section["id"] or instance_id(self.state.seed, number)
        if id_ in self.state.instances:
            raise InvalidWorld(f"{where}.id", f"{id_} is there twice.")
        if any(number == other.number for other in self.state.instances.values()):
            raise InvalidWorld(f"{where}.number", f"{number} is linked to another instance.")
        for key in section["api_keys"]:
            if any(key in other.api_keys for other in self.state.instances.values()):
                raise InvalidWorld(f"{where}.api_keys", "Another instance has the same key.")
        if number in self.state.people:
            if section["lid"] not in (None, self.state.people[number].lid):
                raise InvalidWorld(f"{where}.lid", "The person with this number has another LID.")
        else:
            self._enter(where, number, section["lid"], name=section["name"])
        self.state.instances[id_] = Instance(
            id=id_,
            number=number,
            name=section["name"],
            status=section["status"],
            api_keys=tuple(section["api_keys"]),
        )

    def group(self, where: str, section: Mapping[str, Any]) -> None:
        id_ = section["id"] or "120363" + self.random.digits("group", 12) + numbers.GROUP
        if id_ in self.state.groups:
            raise InvalidWorld(f"{where}.id", f"{id_} is there twice.")
        members = {
            member["number"]: Member(member["number"], member["admin"]) for member in section["participants"]
        }
        if len(members) < len(section["participants"]):
            raise InvalidWorld(f"{where}.participants", "Somebody is there twice.")
        if len(members) > GROUP_CAPACITY:
            raise InvalidWorld(f"{where}.participants", f"A group holds at most {GROUP_CAPACITY} people.")
        for number in members:
            if number not in self.state.people:
                self._enter(where, number, None)
        owner = section["owner"]
        if owner not in members:
            raise InvalidWorld(f"{where}.owner", f"{owner} is not among the participants.")
        invite = section["invite"] or self.random.letters("group invite", 22)
        if any(invite == other.invite for other in self.state.groups.values()):
            raise InvalidWorld(f"{where}.invite", "Another group has the same invite code.")
        created = section["created"] or LONG_AGO
        self.state.groups[id_] = Group(
            id=id_,
            subject=section["subject"],
            subject_owner=owner,
            subject_time=created,
            owner=owner,
            created=created,
            invite=invite,
            members=members,
            description=section["description"],
            announce=section["announce"],
            restrict=section["restrict"],
        )

    def channel(self, where: str, section: Mapping[str, Any]) -> None:
        id_ = section["id"] or "120363" + self.random.digits("channel", 12) + numbers.CHANNEL
        if id_ in self.state.channels:
            raise InvalidWorld(f"{where}.id", f"{id_} is there twice.")
        invite = section["invite"] or "0029V" + self.random.letters("channel invite", 19)
        if any(invite == other.invite for other in self.state.channels.values()):
            raise InvalidWorld(f"{where}.invite", "Another channel has the same invite code.")
        if len({role["number"] for role in section["roles"]}) < len(section["roles"]):
            raise InvalidWorld(f"{where}.roles", "Somebody is there twice.")
        self.state.channels[id_] = Channel(
            id=id_,
            name=section["name"],
            invite=invite,
            created=section["created"] or LONG_AGO,
            description=section["description"],
            subscribers=section["subscribers"],
            roles={role["number"]: role["role"] for role in section["roles"]},
        )

    def _enter(self, where: str, number: str, lid: str | None, **details: Any) -> None:
        if lid in self.state.lids:
            raise InvalidWorld(f"{where}.lid", f"{lid} belongs to somebody else.")
        person = Person(number, lid or own_lid(self.state, number), **details)
        self.state.people[number] = person
        self.state.lids[person.lid] = number
