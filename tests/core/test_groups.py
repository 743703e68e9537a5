"""Groups: all or nothing, and who may do what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from flaresend_mock.core.errors import (
    AlreadyParticipants,
    CreatorIsProtected,
    GroupFull,
    GroupNotFound,
    InvalidContent,
    NotGroupAdmin,
    NotInGroup,
    NotOnWhatsApp,
    NotParticipants,
    NotReady,
    NoValidParticipants,
    PeopleRefused,
    Refusal,
)
from flaresend_mock.core.groups import CAPACITY
from flaresend_mock.core.models import Content, Upload
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import (
    ANN,
    ANN_LID,
    ANNS_GROUP,
    BEN,
    BEN_LID,
    CARA,
    DAN,
    FAMILY,
    INSTANCE,
    NOBODY,
    OUR_LID,
    OUR_NUMBER,
    PROJECT,
    described,
    text,
)
from tests.support import NOW

FOREIGN = "120363000000000001@g.us"
ANNOUNCING = "120363000000000002@g.us"
AS_MEMBER = "120363000000000003@g.us"


@pytest.fixture
def wider(make_world: Callable[[State], World]) -> World:
    """The default world, with groups in which the instance has less to say."""

    def group(id_: str, members: list[dict[str, str]], announce: bool) -> dict[str, object]:
        ann = {"number": ANN, "admin": "superadmin"}
        return {"id": id_, "subject": id_, "owner": ANN, "announce": announce, "participants": [ann, *members]}

    us = {"number": OUR_NUMBER}
    groups = [
        group(FOREIGN, [], announce=False),
        group(ANNOUNCING, [us], announce=True),
        group(AS_MEMBER, [us], announce=False),
    ]
    return make_world(load_world(described(groups=[*described()["groups"], *groups])))


def members(world: World, group_id: str) -> dict[str, str | None]:
    return {member.number: member.admin for member in world.state.groups[group_id].members.values()}


def refused(world: World, action: str, *people: str | int, group_id: str = PROJECT) -> Refusal:
    """Return the refusal of managing people, having made sure that it changed nothing."""
    groups, events = dict(world.state.groups), world.state.events.last_number

    with pytest.raises(Refusal) as refusal:
        world.groups.manage(INSTANCE, group_id, action, people)

    assert world.state.groups == groups
    assert world.state.events.last_number == events
    return refusal.value


def test_a_new_group_belongs_to_the_instance(world: World) -> None:
    view = world.groups.create(INSTANCE, "Friends", [ANN, BEN])

    assert view.owner == view.subject_owner == OUR_LID
    assert view.participants == ((OUR_LID, "superadmin"), (ANN_LID, None), (BEN_LID, None))
    assert view.group.created == view.group.subject_time == NOW
    assert world.groups.get(INSTANCE, view.group.id) == view


def test_whoever_is_not_on_whatsapp_is_left_out_of_a_new_group(world: World) -> None:
    view = world.groups.create(INSTANCE, "Friends", [NOBODY, "9990000404", "nonsense", ANN])

    assert members(world, view.group.id) == {OUR_NUMBER: "superadmin", ANN: None}


def test_people_named_twice_are_in_a_new_group_once(world: World) -> None:
    view = world.groups.create(INSTANCE, "Friends", [ANN, f"+{ANN}", int(ANN), ANN_LID, OUR_NUMBER])

    assert members(world, view.group.id) == {OUR_NUMBER: "superadmin", ANN: None}


@pytest.mark.parametrize("people", [[NOBODY], ["nonsense"], [OUR_NUMBER], [NOBODY, OUR_LID]])
def test_a_group_needs_somebody_else(people: list[str], world: World) -> None:
    counters = dict(world.state.counters)

    with pytest.raises(NoValidParticipants):
        world.groups.create(INSTANCE, "Friends", people)

    assert len(world.state.groups) == 3
    assert world.state.counters == counters


def test_a_new_group_holds_1024_people_and_no_more(world: World) -> None:
    people = [str(254720000000 + n) for n in range(CAPACITY)]

    with pytest.raises(GroupFull):
        world.groups.create(INSTANCE, "Too many", people)
    view = world.groups.create(INSTANCE, "Just enough", people[1:])

    assert len(view.participants) == CAPACITY


def test_groups_show_people_by_a_lid_of_their_own(world: World) -> None:
    view = world.groups.create(INSTANCE, "Friends", ["4915112345678", "4915187654321"])

    lids = [lid for lid, _ in view.participants]
    assert len(set(lids)) == 3
    assert [world.people.named(lid) for lid in lids] == [OUR_NUMBER, "4915112345678", "4915187654321"]


def test_groups_are_listed_oldest_first(world: World) -> None:
    world.timeline.change(now=datetime(2025, 9, 1, tzinfo=UTC))
    created = world.groups.create(INSTANCE, "Friends", [ANN]).group.id

    listed = [view.group.id for view in world.groups.all(INSTANCE)]

    assert listed == [ANNS_GROUP, FAMILY, created, PROJECT]
    assert [view.group.id for view in world.groups.all(INSTANCE, slice(1, 3))] == [FAMILY, created]


def test_only_groups_the_instance_is_in_are_listed(wider: World) -> None:
    assert FOREIGN not in [view.group.id for view in wider.groups.all(INSTANCE)]


def test_a_group_shows_its_creation_in_the_time_zone_of_the_world(make_world: Callable[[State], World]) -> None:
    world = make_world(load_world(described(), time_zone="Africa/Nairobi"))

    created = world.groups.get(INSTANCE, FAMILY).created

    assert created.replace(tzinfo=None) == datetime(2025, 8, 14, 2, 1)


@pytest.mark.parametrize("group_id", ["", "nonsense", "999@g.us", ANN])
def test_an_unknown_group_is_not_found(group_id: str, world: World) -> None:
    with pytest.raises(GroupNotFound):
        world.groups.get(INSTANCE, group_id)
    with pytest.raises(GroupNotFound):
        world.groups.invite_link(INSTANCE, group_id)
    assert isinstance(refused(world, "add", CARA, group_id=group_id), GroupNotFound)


def test_a_group_the_instance_is_not_in_is_closed_to_it(wider: World) -> None:
    with pytest.raises(NotInGroup):
        wider.groups.get(INSTANCE, FOREIGN)
    with pytest.raises(NotInGroup):
        wider.groups.invite_link(INSTANCE, FOREIGN)
    assert isinstance(refused(wider, "add", CARA, group_id=FOREIGN), NotInGroup)


def test_admins_get_the_invite_link(world: World) -> None:
    link = world.groups.invite_link(INSTANCE, ANNS_GROUP)

    assert link == "https://chat.whatsapp.com/" + world.state.groups[ANNS_GROUP].invite
    assert world.groups.invite_link(INSTANCE, ANNS_GROUP) == link


def test_others_neither_get_the_invite_link_nor_manage_people(wider: World) -> None:
    with pytest.raises(NotGroupAdmin) as refusal:
        wider.groups.invite_link(INSTANCE, AS_MEMBER)

    assert refusal.value.what == "invite"
    assert isinstance(refused(wider, "add", "nonsense", group_id=AS_MEMBER), NotGroupAdmin)


def test_people_are_added(world: World) -> None:
    done, _ = world.groups.manage(INSTANCE, PROJECT, "add", [f"+{CARA}", DAN])

    assert done == [CARA, DAN]
    assert members(world, PROJECT) == {OUR_NUMBER: "superadmin", BEN: None, CARA: None, DAN: None}


def test_people_are_removed(world: World) -> None:
    done, _ = world.groups.manage(INSTANCE, PROJECT, "remove", [BEN])

    assert done == [BEN]
    assert members(world, PROJECT) == {OUR_NUMBER: "superadmin"}


def test_people_are_promoted_and_demoted(world: World) -> None:
    world.groups.manage(INSTANCE, PROJECT, "promote", [BEN])
    promoted = members(world, PROJECT)
    world.groups.manage(INSTANCE, PROJECT, "demote", [BEN])

    assert promoted[BEN] == "admin"
    assert members(world, PROJECT)[BEN] is None


def test_promoting_an_admin_and_demoting_a_member_changes_nothing(world: World) -> None:
    before = members(world, ANNS_GROUP)

    assert world.groups.manage(INSTANCE, ANNS_GROUP, "promote", [OUR_NUMBER, ANN]) == ([OUR_NUMBER, ANN], [])
    assert members(world, ANNS_GROUP) == before

    before = members(world, PROJECT)
    assert world.groups.manage(INSTANCE, PROJECT, "demote", [BEN]) == ([BEN], [])
    assert members(world, PROJECT) == before


@pytest.mark.parametrize("action", ["remove", "demote"])
@pytest.mark.parametrize(("group_id", "creator"), [(PROJECT, OUR_NUMBER), (ANNS_GROUP, ANN)])
def test_the_creator_can_be_neither_removed_nor_demoted(action: str, group_id: str, creator: str, world: World) -> None:
    assert isinstance(refused(world, action, creator, group_id=group_id), CreatorIsProtected)


@pytest.mark.parametrize("action", ["remove", "demote"])
@pytest.mark.parametrize("role", ["admin", None])
def test_the_creator_is_protected_whatever_their_role(
    action: str, role: str | None, make_world: Callable[[State], World]
) -> None:
    people = [{"number": ANN, "admin": role}, {"number": OUR_NUMBER, "admin": "admin"}]
    group = {"id": FOREIGN, "subject": "Friends", "owner": ANN, "participants": people}
    world = make_world(load_world(described(groups=[group])))

    assert isinstance(refused(world, action, ANN, group_id=FOREIGN), CreatorIsProtected)


def test_the_creator_protects_everybody_named_with_them(world: World) -> None:
    assert isinstance(refused(world, "remove", BEN, OUR_NUMBER), CreatorIsProtected)


def test_with_one_who_is_in_already_nobody_is_added(world: World) -> None:
    refusal = refused(world, "add", CARA, BEN, DAN)

    assert isinstance(refusal, AlreadyParticipants)
    assert refusal.invalid == [BEN]


@pytest.mark.parametrize("stranger", [NOBODY, "9990000404", "nonsense"])
def test_with_one_who_is_not_on_whatsapp_nobody_is_added(stranger: str, world: World) -> None:
    refusal = refused(world, "add", CARA, stranger, BEN)

    assert isinstance(refusal, NotOnWhatsApp)
    assert refusal.invalid == [stranger]


@pytest.mark.parametrize("action", ["remove", "promote", "demote"])
@pytest.mark.parametrize("stranger", [CARA, NOBODY, "nonsense"])
def test_with_one_who_is_not_in_the_group_nobody_is_touched(action: str, stranger: str, world: World) -> None:
    refusal = refused(world, action, BEN, stranger)

    assert isinstance(refusal, NotParticipants)
    assert refusal.invalid == [stranger]


def test_everybody_who_is_refused_is_named_by_their_digits(world: World) -> None:
    refusal = refused(world, "remove", f"+{CARA}", f"{DAN}@s.whatsapp.net", "111111111111111@lid", "x")

    assert isinstance(refusal, PeopleRefused)
    assert refusal.invalid == [CARA, DAN, "111111111111111", "x"]


@pytest.mark.parametrize("action", ["remove", "promote", "demote"])
def test_a_number_and_a_lid_that_name_one_person_count_as_one(action: str, world: World) -> None:
    done, _ = world.groups.manage(INSTANCE, PROJECT, action, [BEN, BEN_LID, f"{BEN}@s.whatsapp.net", int(BEN)])

    assert done == [BEN, BEN_LID.removesuffix("@lid")]
    outcomes: dict[str, dict[str, str | None]] = {"remove": {}, "promote": {BEN: "admin"}, "demote": {BEN: None}}
    assert members(world, PROJECT) == {OUR_NUMBER: "superadmin", **outcomes[action]}


def test_one_person_added_by_number_and_lid_is_in_once(world: World) -> None:
    world.groups.manage(INSTANCE, PROJECT, "add", [ANN, ANN_LID])

    assert members(world, PROJECT) == {OUR_NUMBER: "superadmin", BEN: None, ANN: None}


def test_the_digits_of_a_lid_are_no_phone_number(make_world: Callable[[State], World]) -> None:
    digits = "111111111111111"
    people = [*described()["people"], {"number": DAN, "lid": f"{digits}@lid"}]
    people = [person for person in people if person != {"number": DAN}]
    world = make_world(load_world(described(people=people)))

    for spelled in (digits, f"+{digits}", f"{digits}@s.whatsapp.net", f"{digits}@c.us"):
        assert isinstance(refused(world, "add", spelled), NotOnWhatsApp)
    world.groups.manage(INSTANCE, PROJECT, "add", [f"{digits}@lid"])

    assert members(world, PROJECT) == {OUR_NUMBER: "superadmin", BEN: None, DAN: None}


def test_a_full_group_takes_nobody_more(world: World) -> None:
    room = CAPACITY - len(members(world, PROJECT))
    people = [str(254720000000 + n) for n in range(room)]
    world.groups.manage(INSTANCE, PROJECT, "add", people[1:])

    assert isinstance(refused(world, "add", people[0], DAN), GroupFull)
    world.groups.manage(INSTANCE, PROJECT, "add", people[:1])
    assert isinstance(refused(world, "add", DAN), GroupFull)

    assert len(members(world, PROJECT)) == CAPACITY


def test_an_instance_that_leaves_a_group_is_no_longer_in_it(world: World) -> None:
    world.groups.manage(INSTANCE, ANNS_GROUP, "remove", [OUR_NUMBER])

    with pytest.raises(NotInGroup):
        world.groups.get(INSTANCE, ANNS_GROUP)


def test_a_message_goes_to_the_groups_where_the_instance_may_post(wider: World) -> None:
    given = [PROJECT, FOREIGN, ANNOUNCING, AS_MEMBER, "nonsense"]

    outcome = wider.groups.send(INSTANCE, given, text("Hi"))

    assert outcome.successful == (PROJECT, AS_MEMBER)
    assert outcome.failed == (FOREIGN, ANNOUNCING, "nonsense")
    assert [(message.chat, message.to) for message in wider.state.messages] == [
        (PROJECT, PROJECT),
        (AS_MEMBER, AS_MEMBER),
    ]


def test_admins_post_where_only_admins_may(wider: World) -> None:
    view = wider.groups.create(INSTANCE, "Friends", [ANN])

    assert wider.groups.send(INSTANCE, [view.group.id], text()).successful == (view.group.id,)


def test_an_upload_to_many_groups_is_stored_once(world: World) -> None:
    image = Content("image", upload=Upload(b"jpeg", "a.jpg", "image/jpeg"))

    world.groups.send(INSTANCE, [PROJECT, FAMILY], image)

    (media,) = world.state.media
    assert [message.content.media for message in world.state.messages] == [media.id, media.id]


def test_an_incomplete_message_goes_to_no_group(world: World) -> None:
    with pytest.raises(InvalidContent):
        world.groups.send(INSTANCE, [PROJECT], Content("text"))


def test_groups_need_a_connected_phone(world: World) -> None:
    world.pairing.set_status(INSTANCE, "qr")

    with pytest.raises(NotReady):
        world.groups.all(INSTANCE)
    with pytest.raises(NotReady):
        world.groups.get(INSTANCE, PROJECT)
    with pytest.raises(NotReady):
        world.groups.create(INSTANCE, "Friends", [ANN])
    with pytest.raises(NotReady):
        world.groups.send(INSTANCE, [PROJECT], text())
    assert isinstance(refused(world, "add", CARA), NotReady)
