"""Who is meant by a number, an alias or a LID, in every call that takes numbers; closed directories; privacy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from flaresend_mock.core.errors import (
    AliasInUse,
    AlreadyParticipants,
    InvalidNumber,
    InvalidWorld,
    LidInUse,
    NotAddable,
    NotOnWhatsApp,
    NotParticipants,
    NoValidParticipants,
    PersonNotFound,
    PersonNotOnWhatsApp,
)
from flaresend_mock.core.models import Person, Rule
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.people import own_lid
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from flaresend_mock.world_format.write import export
from tests.defaults import (
    ANN,
    ANN_LID,
    BEN,
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

ANNS_DIGITS = ANN_LID.removesuffix("@lid")
EVA, EVA_OLD = "5531988561070", "553188561070"  # with and without Brazil's ninth digit
LUIS, LUIS_OLD = "525512345678", "5215512345678"  # without and with Mexico's 1
STRANGER = "4915112345678"

SPELLINGS = [
    ANNS_DIGITS,
    int(ANNS_DIGITS),
    f"+{ANNS_DIGITS}",
    " +268 813-446.717 676 ",
    "(268)813446717676",
    f"{ANNS_DIGITS}@s.whatsapp.net",
    f"{ANNS_DIGITS}@c.us",
    OUR_LID.removesuffix("@lid"),
]
"""The digits of a person's LID in every spelling that numbers have, and those of an instance's LID."""


@pytest.fixture
def closed(make_world: Callable[[State], World]) -> World:
    return make_world(load_world(described(directory="closed")))


@pytest.fixture
def wider(world: World) -> World:
    """The default world, with Eva and Luis, who have two numbers each."""
    world.people.put(EVA, name="Eva", aliases=[EVA_OLD])
    world.people.put(LUIS, name="Luis", aliases=[f"+{LUIS_OLD}"])
    return world


def soon(world: World, minutes: int = 1) -> datetime:
    return world.clock.now().replace(tzinfo=None) + timedelta(minutes=minutes)


def sent_to(world: World) -> list[str]:
    return [one.to for one in world.state.messages if one.direction == "outbound"]


def same(world: World) -> tuple[Any, ...]:
    return (dict(world.state.people), dict(world.state.lids), dict(world.state.aliases), dict(world.state.groups))


# The digits of a LID


@pytest.mark.parametrize("given", SPELLINGS)
def test_the_digits_of_a_lid_are_not_on_whatsapp_in_any_call_or_spelling(given: str | int, world: World) -> None:
    before = same(world)
    task = world.schedule.add(INSTANCE, [given, ANN], text(), soon(world))
    changed = world.schedule.add(INSTANCE, [BEN], text(), soon(world, 2))
    world.schedule.update(INSTANCE, changed.id, {"recipients": [given]})

    assert world.people.check(given)[1] is False
    assert world.sending.send(INSTANCE, [given, ANN], text()).invalid == (str(given),)
    assert [fired.id for fired in world.timeline.advance(timedelta(minutes=2))] == [task.id, changed.id]
    assert sent_to(world) == [ANN, ANN]
    with pytest.raises(NoValidParticipants):
        world.groups.create(INSTANCE, "Digits", [given])
    with pytest.raises(NotOnWhatsApp) as refused:
        world.groups.manage(INSTANCE, PROJECT, "add", [given])
    assert refused.value.invalid == [world.people.check(given)[0]]
    for action in ("remove", "promote", "demote"):
        with pytest.raises(NotParticipants):
            world.groups.manage(INSTANCE, FAMILY, action, [given])
    with pytest.raises(InvalidNumber, match="from"):
        world.inbound.receive(InboundMessage(str(given), text="hi"))
    with pytest.raises(InvalidNumber, match="mentions"):
        world.inbound.receive(InboundMessage(ANN, text="hi", mentions=(str(given),)))
    assert same(world) == before


def test_the_digits_of_a_lid_become_nobodys_number(world: World) -> None:
    before = same(world)
    for refused in (
        lambda: world.people.put(ANNS_DIGITS),
        lambda: world.people.put(BEN, lid=f"{ANNS_DIGITS}@lid"),
        lambda: world.instances.create(number=ANNS_DIGITS),
        lambda: world.instances.create(number=STRANGER, lid=ANN_LID),
    ):
        with pytest.raises(LidInUse):
            refused()
    with pytest.raises(AliasInUse, match="digits of a LID"):
        world.people.put(ANN, aliases=[ANNS_DIGITS])
    with pytest.raises(PersonNotFound):
        world.people.remove(ANNS_DIGITS)
    assert same(world) == before


def test_a_phone_number_becomes_nobodys_lid(world: World) -> None:
    world.people.put("4915112345678", aliases=["491511234567890"])

    for taken in ("4915112345678@lid", "491511234567890@lid"):
        with pytest.raises(LidInUse, match="is a phone number"):
            world.people.put(BEN, lid=taken)
        with pytest.raises(LidInUse, match="is a phone number"):
            world.instances.create(lid=taken)
    with pytest.raises(LidInUse, match="is a phone number"):
        world.people.put("491511111111111", lid="491511111111111@lid")
    with pytest.raises(LidInUse, match="is a phone number"):
        world.people.put(BEN, lid="491522222222222@lid", aliases=["491522222222222"])


def test_an_own_lid_has_the_digits_of_nobodys_number(world: World) -> None:
    digits = own_lid(world.state, STRANGER).removesuffix("@lid")
    world.people.put(digits)

    assert world.people.meet(STRANGER).lid.removesuffix("@lid") not in world.state.people


def test_a_phone_that_scans_does_not_have_the_digits_of_a_lid(world: World) -> None:
    world.pairing.disconnect(None, log_out=True)
    world.pairing.reconnect(None)
    world.timeline.advance(timedelta(seconds=1))

    with pytest.raises(LidInUse):
        world.pairing.scan(None, number=ANNS_DIGITS)
    assert world.instances.first().number == OUR_NUMBER


def test_the_digits_of_a_lid_cause_no_magic(world: World, stalls: list[float]) -> None:
    world.people.put(ANN, lid="999000000000429@lid")
    world.people.put(BEN, lid="999000000000408@lid")

    digits = ["999000000000429", "999000000000408"]
    assert world.sending.send(INSTANCE, digits, text()).invalid == tuple(digits)
    assert [world.people.check(one) for one in digits] == [(one, False) for one in digits]
    assert stalls == []


def test_a_lid_is_no_recipient_unless_the_world_accepts_it(world: World) -> None:
    assert world.sending.send(INSTANCE, [ANN_LID], text()).invalid == (ANN_LID,)

    world.pairing.change_settings(lid_recipients="accept")

    outcome = world.sending.send(INSTANCE, [ANN_LID, f" {ANN_LID} ", ANNS_DIGITS, "999999999999999@lid"], text())
    assert outcome.successful == (f"{ANN}@s.whatsapp.net",) * 2
    assert outcome.invalid == (ANNS_DIGITS, "999999999999999@lid")
    world.schedule.add(INSTANCE, [ANN_LID], text(), soon(world))
    world.timeline.advance(timedelta(minutes=1))
    assert sent_to(world) == [ANN] * 3


def test_a_lid_that_is_accepted_brings_the_magic_of_its_number(world: World, stalls: list[float]) -> None:
    slow = world.people.put("999000000408").lid
    world.pairing.change_settings(lid_recipients="accept")

    world.sending.send(INSTANCE, [slow], text())
    world.schedule.add(INSTANCE, [slow], text(), soon(world))

    assert stalls == [12, 12]


# Aliases


@pytest.mark.parametrize(("number", "alias"), [(EVA, EVA_OLD), (LUIS, LUIS_OLD)])
def test_every_spelling_reaches_one_person(number: str, alias: str, wider: World) -> None:
    jid = f"{number}@s.whatsapp.net"

    assert wider.people.check(f"+{alias}") == (alias, True)
    outcome = wider.sending.send(INSTANCE, [number, alias, f"{alias}@c.us", int(alias)], text())
    assert outcome.successful == (jid,) * 4
    assert {message.chat for message in wider.state.messages} == {jid}
    group = wider.groups.create(INSTANCE, "Trip", [alias, number, f"{alias}@s.whatsapp.net"])
    assert list(group.group.members) == [OUR_NUMBER, number]
    with pytest.raises(AlreadyParticipants):
        wider.groups.manage(INSTANCE, group.group.id, "add", [alias])
    assert wider.groups.manage(INSTANCE, group.group.id, "promote", [alias, number]) == ([number], [])
    assert wider.groups.manage(INSTANCE, group.group.id, "remove", [alias]) == ([number], [])
    assert wider.inbound.receive(InboundMessage(alias, text="hi")).event["data"]["from"] == jid
    mention = wider.inbound.receive(InboundMessage(ANN, text=f"ask @{alias}", mentions=(alias,)))
    assert mention.event["data"]["message"]["extendedTextMessage"] == {
        "text": f"ask @{number}",
        "previewType": "NONE",
        "contextInfo": {"mentionedJid": [jid]},
    }
    assert alias not in wider.state.people


def test_an_alias_is_looked_up_when_the_message_falls_due(world: World) -> None:
    world.schedule.add(INSTANCE, [EVA_OLD], text(), soon(world))
    world.people.put(EVA, aliases=[EVA_OLD])

    world.timeline.advance(timedelta(minutes=1))

    assert sent_to(world) == [EVA]


def test_rules_reply_to_a_message_to_an_alias(wider: World) -> None:
    wider.people.put(EVA, aliases=[EVA_OLD], rules=(Rule(None, "Oi!", 5),))

    wider.sending.send(INSTANCE, [EVA_OLD], text())
    wider.timeline.advance(timedelta(seconds=5))

    assert [(one.direction, one.chat) for one in wider.state.messages] == [
        ("outbound", f"{EVA}@s.whatsapp.net"),
        ("inbound", f"{EVA}@s.whatsapp.net"),
    ]


def test_an_alias_has_the_magic_of_the_registered_number_in_every_call(world: World, stalls: list[float]) -> None:
    world.people.put("999000000408", aliases=[EVA_OLD])
    world.people.put(EVA, aliases=["999000000429"])

    world.people.check(EVA_OLD)
    world.sending.send(INSTANCE, [EVA_OLD, "999000000429"], text())
    task = world.schedule.add(INSTANCE, [EVA_OLD, "999000000429"], text(), soon(world))
    world.schedule.update(INSTANCE, task.id, {"recipients": [EVA_OLD]})

    assert stalls == [12] * 4


def test_a_contact_has_the_registered_number_as_waid(wider: World) -> None:
    details = {"displayName": "Eva", "number": EVA_OLD}
    card = wider.inbound.receive(InboundMessage(ANN, kind="contact", details=details)).message.payload

    assert card is not None
    assert f"waid={EVA}:+553 188561070" in card["contactMessage"]["vcard"]


@pytest.mark.parametrize(
    ("aliases", "problem"),
    [
        ([ANN], "another person's number"),
        ([OUR_NUMBER], "another person's number"),
        ([LUIS_OLD], "another person's number"),
        ([EVA], "own number"),
        ([f"+{EVA} "], "own number"),
    ],
)
def test_an_alias_is_nobody_elses_number(aliases: list[str], problem: str, wider: World) -> None:
    before = same(wider)

    with pytest.raises(AliasInUse, match=problem):
        wider.people.put(EVA, aliases=aliases)
    assert same(wider) == before


def test_an_alias_that_is_no_number_is_refused_by_its_name(world: World) -> None:
    with pytest.raises(InvalidNumber, match="aliases"):
        world.people.put(EVA, aliases=["nonsense"])


def test_an_entry_is_changed_and_removed_by_an_alias(wider: World) -> None:
    place = list(wider.state.people).index(EVA)

    assert wider.people.put(EVA_OLD, name="Eva M.", aliases=[EVA_OLD]).number == EVA
    assert list(wider.state.people).index(EVA) == place

    wider.people.remove(EVA_OLD)
    assert EVA not in wider.state.people
    assert wider.sending.send(INSTANCE, [EVA_OLD], text()).successful == (f"{EVA_OLD}@s.whatsapp.net",)


def test_an_alias_that_is_given_up_is_a_number_like_any_other(wider: World) -> None:
    wider.people.put(EVA)

    assert wider.people.meet(EVA_OLD).number == EVA_OLD


def test_a_phone_has_its_registered_number(wider: World) -> None:
    second = wider.instances.create(number=EVA_OLD, status="connected")

    assert second.number == EVA
    wider.pairing.disconnect(second.id)
    wider.pairing.reconnect(second.id)
    wider.timeline.advance(timedelta(seconds=1))
    assert wider.pairing.scan(second.id, number=EVA_OLD).number == EVA
    wider.pairing.disconnect(second.id, log_out=True)
    wider.pairing.reconnect(second.id)
    wider.timeline.advance(timedelta(seconds=1))
    assert wider.pairing.scan(second.id, number=LUIS_OLD).number == LUIS


def test_an_instance_receives_what_is_sent_to_its_alias(wider: World) -> None:
    second = wider.instances.create(number=EVA_OLD, status="connected")

    wider.sending.send(INSTANCE, [EVA_OLD], text("between phones"))

    assert [one.instance for one in wider.state.messages if one.direction == "inbound"] == [second.id]


def test_aliases_and_settings_outlive_snapshots_exports_and_resets(
    wider: World, make_world: Callable[[State], World]
) -> None:
    wider.pairing.change_settings(directory="closed", lid_recipients="accept")
    wider.snapshots.take("one")
    wider.people.put(EVA)
    wider.pairing.change_settings(directory="open")

    wider.restore("one")
    copy = make_world(load_world(json.loads(export(wider.saved(), secrets=True))))

    for one in (wider, copy):
        assert one.state.aliases == {EVA_OLD: EVA, LUIS_OLD: LUIS}
        assert (one.state.settings.directory, one.state.settings.lid_recipients) == ("closed", "accept")
        assert one.sending.send(INSTANCE, [EVA_OLD, STRANGER], text()).invalid == (STRANGER,)
    wider.reset()
    assert wider.state.aliases == {}
    assert wider.state.settings.directory == "open"


# World files


@pytest.mark.parametrize(
    ("sections", "where"),
    [
        ({"people": [{"number": EVA, "aliases": [ANN]}, {"number": ANN}]}, "people[0].aliases"),
        ({"people": [{"number": ANN}, {"number": EVA, "aliases": [OUR_NUMBER]}]}, "people[1].aliases"),
        ({"people": [{"number": EVA, "aliases": [EVA]}]}, "people[0].aliases"),
        (
            {"people": [{"number": EVA, "aliases": [EVA_OLD]}, {"number": ANN, "aliases": [EVA_OLD]}]},
            "people[1].aliases",
        ),
        ({"people": [{"number": EVA, "aliases": ["+1"]}]}, "people[0].aliases[0]"),
        ({"people": [{"number": ANN, "lid": ANN_LID}, {"number": ANNS_DIGITS}]}, "people"),
        ({"people": [{"number": ANN, "lid": ANN_LID, "aliases": [ANNS_DIGITS]}]}, "people"),
        ({"people": [{"number": OUR_LID.removesuffix("@lid")}]}, "people"),
        ({"directory": "shut"}, "directory"),
        ({"lid_recipients": True}, "lid_recipients"),
    ],
)
def test_a_world_file_that_confuses_people_is_refused(sections: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidWorld) as refused:
        load_world(described(**{"groups": [], "channels": [], **sections}))

    assert refused.value.where == where


def test_a_group_in_a_world_file_names_people_by_registered_numbers() -> None:
    group = {
        "subject": "Trip",
        "owner": OUR_NUMBER,
        "participants": [{"number": OUR_NUMBER, "admin": "superadmin"}, {"number": EVA_OLD}],
    }

    with pytest.raises(InvalidWorld, match=f"{EVA_OLD} is a person's number, and an alias of {EVA}"):
        load_world(described(people=[{"number": EVA, "aliases": [EVA_OLD]}], groups=[group]))


# Closed directories


def test_only_listed_people_exist_in_a_closed_world(closed: World) -> None:
    outcome = closed.sending.send(INSTANCE, [ANN, STRANGER, "1234567", NOBODY, OUR_NUMBER], text())

    assert outcome.invalid == (STRANGER, "1234567", NOBODY)
    assert closed.people.check(STRANGER) == (STRANGER, False)
    with pytest.raises(NotOnWhatsApp):
        closed.groups.manage(INSTANCE, FAMILY, "add", [STRANGER])
    with pytest.raises(NoValidParticipants):
        closed.groups.create(INSTANCE, "Strangers", [STRANGER])
    with pytest.raises(PersonNotOnWhatsApp):
        closed.inbound.receive(InboundMessage(STRANGER, text="hi"))
    closed.people.put(STRANGER, name="Stranger")
    assert closed.people.check(STRANGER) == (STRANGER, True)
    closed.people.remove(STRANGER)
    assert closed.people.check(STRANGER) == (STRANGER, False)


def test_magic_numbers_work_in_a_closed_world(closed: World, stalls: list[float]) -> None:
    outcome = closed.sending.send(INSTANCE, ["999000000408", "999000000500", "999000000404", "999000000123"], text())

    assert outcome.successful == ("999000000408@s.whatsapp.net",)
    assert outcome.failed == ("999000000500@s.whatsapp.net",)
    assert outcome.invalid == ("999000000404", "999000000123")
    assert stalls == [12]


def test_a_world_is_closed_for_messages_that_fall_due_later(world: World) -> None:
    world.schedule.add(INSTANCE, [STRANGER, ANN], text(), soon(world))
    world.pairing.change_settings(directory="closed")

    world.timeline.advance(timedelta(minutes=1))

    assert sent_to(world) == [ANN]


def test_participants_and_phones_of_a_closed_world_are_listed(make_world: Callable[[State], World]) -> None:
    group = {
        "subject": "Trip",
        "owner": OUR_NUMBER,
        "participants": [{"number": OUR_NUMBER, "admin": "superadmin"}, {"number": STRANGER}],
    }
    closed = make_world(load_world(described(directory="closed", people=[], groups=[group])))

    outcome = closed.sending.send(INSTANCE, [STRANGER, OUR_NUMBER, ANN], text())
    assert outcome.invalid == (ANN,)


def test_a_new_phone_is_listed_in_a_closed_world(closed: World) -> None:
    closed.instances.create(number=STRANGER, status="connected")

    assert closed.people.check(STRANGER) == (STRANGER, True)


# Privacy


@pytest.fixture
def private(world: World) -> World:
    """The default world, whose Cara and Dan may not be added to groups."""
    for number in (CARA, DAN):
        world.people.put(number, addable=False)
    return world


def test_a_group_is_created_without_people_who_forbid_it(private: World) -> None:
    assert list(private.groups.create(INSTANCE, "Trip", [CARA, ANN]).group.members) == [OUR_NUMBER, ANN]
    with pytest.raises(NoValidParticipants):
        private.groups.create(INSTANCE, "Trip", [CARA, DAN])


def test_the_others_are_added(private: World) -> None:
    lid = private.state.people[DAN].lid

    assert private.groups.manage(INSTANCE, PROJECT, "add", [CARA, ANN, lid]) == (
        [ANN],
        [CARA, lid.removesuffix("@lid")],
    )
    assert ANN in private.state.groups[PROJECT].members
    assert CARA not in private.state.groups[PROJECT].members


def test_nobody_is_added_if_all_forbid_it_or_one_is_a_stranger(private: World) -> None:
    before = same(private)

    with pytest.raises(NotAddable) as refused:
        private.groups.manage(INSTANCE, PROJECT, "add", [CARA, DAN])
    assert refused.value.invalid == [CARA, DAN]
    with pytest.raises(NotOnWhatsApp) as strange:
        private.groups.manage(INSTANCE, PROJECT, "add", [CARA, ANN, NOBODY])
    assert strange.value.invalid == [NOBODY]
    assert same(private) == before


def test_who_is_in_the_group_or_not_on_whatsapp_is_refused_for_that(private: World) -> None:
    private.groups.arrange(PROJECT, "add", [CARA])  # by the invite link
    private.people.put(DAN, addable=False, on_whatsapp=False)

    with pytest.raises(AlreadyParticipants) as already:
        private.groups.manage(INSTANCE, PROJECT, "add", [CARA])
    assert already.value.invalid == [CARA]
    with pytest.raises(NotOnWhatsApp) as strange:
        private.groups.manage(INSTANCE, PROJECT, "add", [DAN])
    assert strange.value.invalid == [DAN]


def test_who_forbids_to_be_added_is_promoted_and_removed_like_others(private: World) -> None:
    private.groups.arrange(PROJECT, "add", [CARA])

    assert private.groups.manage(INSTANCE, PROJECT, "promote", [CARA]) == ([CARA], [])
    assert private.groups.manage(INSTANCE, PROJECT, "remove", [CARA]) == ([CARA], [])


def test_privacy_counts_for_an_alias_too(private: World) -> None:
    private.people.put(CARA, addable=False, aliases=[EVA_OLD])

    assert private.groups.manage(INSTANCE, PROJECT, "add", [EVA_OLD, ANN]) == ([ANN], [CARA])


def test_a_person_keeps_their_details_when_a_phone_takes_their_number(private: World) -> None:
    private.people.put(CARA, addable=False, aliases=[EVA_OLD])
    private.instances.create(number=CARA)

    lid = private.state.people[CARA].lid
    assert private.state.people[CARA] == replace(Person(CARA, lid), aliases=(EVA_OLD,), addable=False)
