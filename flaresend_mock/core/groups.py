"""Groups: their participants and admins, and messages to them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flaresend_mock.core import errors, numbers
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Cause, Content, Group, Member
from flaresend_mock.core.people import People
from flaresend_mock.core.sending import Outcome, Sending, require_complete, require_few
from flaresend_mock.core.store import Store

Named = list[tuple[str, str | None]]

INVITE_LINK = "https://chat.whatsapp.com/"
CAPACITY = 1024
SUBJECT_LENGTH = 100
DESCRIPTION_LENGTH = 2048


@model
class GroupView:
    """A group as WhatsApp shows it: people by LID, its creation in the world's time zone."""

    group: Group
    owner: str
    subject_owner: str
    created: datetime
    participants: tuple[tuple[str, str | None], ...]


class Groups:
    """The groups of a world, as one of its instances sees them."""

    def __init__(self, store: Store, people: People, instances: Instances, sending: Sending) -> None:
        self._store, self._people, self._instances, self._sending = store, people, instances, sending

    def create(self, instance_id: str, subject: str, participants: Sequence[str | int]) -> GroupView:
        """Create a group with the instance as its superadmin, without people who are not on WhatsApp."""
        people = [self._people.named(given) for given in participants]
        with numbers.magic_outcomes(people, self._store.delay):
            return self.make(instance_id, subject, people)

    def make(self, instance_id: str, subject: str, people: Sequence[str | None]) -> GroupView:
        """Create a group as `create` does, of numbers or None for what is not one, but ignore magic numbers."""
        with self._store.lock:
            instance = self._instances.require_ready(instance_id)
            members = {instance.number: Member(instance.number, "superadmin")}
            for number in people:
                if number and self._people.on_whatsapp(number) and self._is_addable(number):
                    members.setdefault(number, Member(number))
            errors.require(len(members) > 1, errors.NoValidParticipants)
            errors.require(len(members) <= CAPACITY, errors.GroupFull, CAPACITY)
            self._require_room(members, 1)
            for number in members:
                self._people.meet(number)
            owner, now = instance.number, self._store.clock.now()
            random, groups = self._store.random, self._store.state.groups
            id_ = random.digits("group", 12, "120363{}@g.us".format, groups)
            invite = random.letters("group invite", 22, str, {one.invite for one in groups.values()})
            group = Group(id_, subject, owner, now, owner=owner, created=now, invite=invite, members=members)
            return self._view(self._store.put("group", group, "created", {"subject": subject}))

    def all(self, instance_id: str, page: slice = slice(None)) -> list[GroupView]:
        """Return the groups the instance is in, or a page of them, oldest first."""
        with self._store.lock:
            number = self._instances.require_ready(instance_id).number
            mine = [group for group in self._store.state.groups.values() if number in group.members]
            return [self._view(group) for group in sorted(mine, key=lambda group: group.created)[page]]

    def get(self, instance_id: str, group_id: str) -> GroupView:
        with self._store.lock:
            return self._view(self._mine(instance_id, group_id))

    def invite_link(self, instance_id: str, group_id: str) -> str:
        """Return the invite link of a group, which only its admins get."""
        return INVITE_LINK + self._as_admin(instance_id, group_id, "invite").invite

    def send(self, instance_id: str, group_ids: Sequence[str], content: Content, cause: Cause | None = None) -> Outcome:
        """Send a message to groups. Groups in which the instance must not post count as failed."""
        require_complete(content)
        with self._store.lock:
            instance, state = self._instances.require_ready(instance_id), self._store.state
            own = {one.number for one in state.instances.values()}
            require_few(len(group_ids))
            copies = {
                id_: len(own & group.members.keys()) for id_ in set(group_ids) if (group := state.groups.get(id_))
            }
            require_few(sum(copies.get(id_, 1) for id_ in group_ids))
            content, now = self._sending.kept(content), self._store.clock.now()
            delivered, failed = list[str](), list[str]()
            with self._store.while_sending(content.media):
                for group_id in group_ids:
                    group = state.groups.get(group_id)
                    is_member = group is not None and instance.number in group.members
                    if group and is_member and (not group.announce or group.is_admin(instance.number)):
                        delivered.append(group_id)
                        self._sending.record(instance, group_id, group_id, content, "sent", now, cause)
                    else:
                        failed.append(group_id)
            return Outcome(now, len(group_ids), tuple(delivered), tuple(failed))

    def manage(
        self, instance_id: str, group_id: str, action: str, participants: Sequence[str | int]
    ) -> tuple[list[str], list[str]]:
        """Add, remove, promote or demote people, by numbers, JIDs or LIDs: all or, if one is refused, none.

        People whose privacy settings forbid that they are added are left out. Returns the digits of the people of whom
        this is true now, once each, and of those who could not be added.
        """
        named = self._named(participants)
        with numbers.magic_outcomes([number for _, number in named], self._store.delay), self._store.lock:
            group = self._as_admin(instance_id, group_id, "manage")
            private = [one for one in named if action == "add" and self._is_private(group, one[1])]
            invalid = [digits for digits, _ in private]
            errors.require(not private or len(private) < len(named), errors.NotAddable, invalid)
            left_out = set(private)
            return self._manage(group, action, [one for one in named if one not in left_out]), invalid

    def arrange(self, group_id: str, action: str, participants: Sequence[str | int]) -> Group:
        """Add, remove, promote or demote people in any group as `manage` does.

        It ignores magic numbers and privacy settings, as if private people joined by the invite link.
        """
        with self._store.lock:
            self._manage(self._find(group_id), action, self._named(participants))
            return self._store.state.groups[group_id]

    def change(self, group_id: str, changes: Mapping[str, Any]) -> Group:
        with self._store.lock:
            group = replace(self._find(group_id), **changes)
            self._store.require_room("groups", 0)
            if "subject" in changes:
                group = replace(group, subject_time=self._store.clock.now())
            return self._store.put("group", group, "changed", dict(changes))

    def _require_room(self, members: Mapping[str, Member], groups: int) -> None:
        self._store.require_room("groups", groups)
        self._people.require_room(members)

    def _is_addable(self, number: str) -> bool:
        person = self._store.state.people.get(number)
        return person is None or person.addable

    def _is_private(self, group: Group, number: str | None) -> bool:
        if number is None or number in group.members:
            return False
        return self._people.on_whatsapp(number) and not self._is_addable(number)

    def _find(self, group_id: str) -> Group:
        return errors.required(self._store.state.groups.get(group_id), errors.GroupNotFound)

    def _named(self, participants: Sequence[str | int]) -> Named:
        """Return people once each: as responses echo them, and by number."""
        named = [(given, self._people.named(given)) for given in participants]
        return list(dict.fromkeys((_echo(given, number), number) for given, number in named))

    def _manage(self, group: Group, action: str, named: Named) -> list[str]:
        people = self._add(group, named) if action == "add" else self._change(group, named, action)
        for number in people:
            self._people.meet(number)
        given = [digits for digits, _ in named]
        self._store.put("group", replace(group, members=people), action, {"participants": given})
        return given

    def _add(self, group: Group, named: Named) -> dict[str, Member]:
        strangers = [digits for digits, number in named if number is None or not self._people.on_whatsapp(number)]
        errors.require(not strangers, errors.NotOnWhatsApp, strangers)
        already = [digits for digits, number in named if number in group.members]
        errors.require(not already, errors.AlreadyParticipants, already)
        members = dict(group.members)
        members.update((number, Member(number)) for _, number in named if number)
        errors.require(len(members) <= CAPACITY, errors.GroupFull, CAPACITY)
        self._require_room(members, 0)
        return members

    def _change(self, group: Group, named: Named, action: str) -> dict[str, Member]:
        strangers = [digits for digits, number in named if number not in group.members]
        errors.require(not strangers, errors.NotParticipants, strangers)
        members = dict(group.members)
        for number in {number for _, number in named if number}:  # a number and its LID name one person
            member = members[number]
            if action == "promote":
                members[number] = replace(member, admin=member.admin or "admin")
            elif number == group.owner or member.admin == "superadmin":
                raise errors.CreatorIsProtected
            elif action == "demote":
                members[number] = replace(member, admin=None)
            else:
                del members[number]
        return members

    def _mine(self, instance_id: str, group_id: str) -> Group:
        instance = self._instances.require_ready(instance_id)
        group = self._find(group_id)
        errors.require(instance.number in group.members, errors.NotInGroup)
        return group

    def _as_admin(self, instance_id: str, group_id: str, what: str) -> Group:
        with self._store.lock:
            group = self._mine(instance_id, group_id)
            errors.require(group.is_admin(self._instances.find(instance_id).number), errors.NotGroupAdmin, what)
            return group

    def _view(self, group: Group) -> GroupView:
        def lid(number: str) -> str:
            return self._people.meet(number).lid

        owner, subject_owner = lid(group.owner), lid(group.subject_owner)
        created = group.created.astimezone(ZoneInfo(self._store.state.time_zone))
        participants = tuple((lid(member.number), member.admin) for member in group.members.values())
        return GroupView(group, owner, subject_owner, created, participants)


def _echo(given: str | int, number: str | None) -> str:
    """Return a person as responses echo them: the digits of their number or of the given LID, or the given text."""
    text = str(given).strip()
    if text.endswith(numbers.LID):
        return text.removesuffix(numbers.LID)
    return number or numbers.parse(given) or str(given)
