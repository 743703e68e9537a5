"""The directory: people are put into it and taken out of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from flaresend_mock.core.errors import InvalidNumber, LidInUse, PersonIsLinked, PersonNotFound
from flaresend_mock.core.models import Change, Person, Rule
from flaresend_mock.core.people import own_lid
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, ANN_LID, BEN, BEN_LID, FAMILY, INSTANCE, NOBODY, OUR_LID, OUR_NUMBER, described, text

NEW = "254711000111"
LID = "111111111111111@lid"


def put(
    world: World,
    number: str = NEW,
    name: str = "Amina",
    lid: str | None = None,
    on_whatsapp: bool = True,
    rules: tuple[Rule, ...] = (),
) -> Person:
    return world.people.put(number, name=name, lid=lid, on_whatsapp=on_whatsapp, rules=rules)


def told(world: World) -> list[tuple[str, str]]:
    changes = [event.subject for event in world.state.events.since(0, "person")]
    return [(change.action, change.id) for change in changes if isinstance(change, Change)]


def directory(world: World) -> tuple[dict[str, Person], dict[str, str], int]:
    return dict(world.state.people), dict(world.state.lids), world.state.events.last_number


def test_who_is_put_into_the_directory_is_there_by_number_and_lid(world: World) -> None:
    person = put(world, "+254 711-000.111", lid=LID)

    assert person == Person(NEW, LID, "Amina")
    assert world.state.people[NEW] == person
    assert world.people.named(LID) == NEW
    assert told(world) == [("set", NEW)]


def test_without_a_lid_somebody_new_gets_their_own(world: World) -> None:
    own = own_lid(world.state, NEW)

    assert put(world).lid == own
    assert world.people.named(own) == NEW


def test_without_a_lid_somebody_keeps_theirs(world: World) -> None:
    assert put(world, ANN).lid == ANN_LID
    assert world.people.named(ANN_LID) == ANN


def test_a_new_lid_takes_the_place_of_the_former(world: World) -> None:
    put(world, ANN, lid=LID)

    assert world.people.named(LID) == ANN
    assert world.people.named(ANN_LID) is None


def test_ones_own_lid_may_be_given_again(world: World) -> None:
    assert put(world, ANN, lid=ANN_LID).lid == ANN_LID
    assert world.people.named(ANN_LID) == ANN


def test_a_lid_that_was_given_up_may_be_taken(world: World) -> None:
    put(world, ANN, lid=LID)

    put(world, BEN, lid=ANN_LID)

    assert world.people.named(ANN_LID) == BEN
    assert world.people.named(BEN_LID) is None


def test_a_lid_taken_from_somebody_not_yet_met_leaves_them_another(world: World) -> None:
    taken = own_lid(world.state, "4915112345678")
    put(world, lid=taken)

    met = world.people.meet("4915112345678")

    assert met.lid != taken
    assert world.people.named(taken) == NEW
    assert world.people.named(met.lid) == "4915112345678"


def test_an_entry_is_replaced_as_a_whole(world: World) -> None:
    put(world, name="Amina", on_whatsapp=False, rules=(Rule(),))

    assert put(world, name="") == world.state.people[NEW] == Person(NEW, own_lid_of(world), "")


def own_lid_of(world: World) -> str:
    return world.state.people[NEW].lid


def test_who_is_not_on_whatsapp_cannot_be_reached(world: World) -> None:
    put(world, on_whatsapp=False)

    assert world.people.check(NEW) == (NEW, False)
    assert world.sending.send(INSTANCE, [NEW], text()).successful == ()


def test_who_is_put_on_whatsapp_can_be_reached(world: World) -> None:
    put(world, NOBODY)
    put(world, "9990000404")

    assert world.people.check(NOBODY) == (NOBODY, True)
    assert world.people.check("9990000404") == ("9990000404", True)


def test_rules_answer(world: World) -> None:
    put(world, rules=(Rule("hello", "Hi!", 5),))

    world.sending.send(INSTANCE, [NEW], text("Hello"))
    world.timeline.advance(timedelta(seconds=5))

    assert [message.content.text for message in world.state.messages] == ["Hello", "Hi!"]


@pytest.mark.parametrize("given", ["", "12", "nonsense", ANN_LID, "0254711000111", FAMILY])
def test_only_numbers_are_put_in_or_taken_out(given: str, world: World) -> None:
    before = directory(world)

    with pytest.raises(InvalidNumber):
        put(world, given)
    with pytest.raises(InvalidNumber):
        world.people.remove(given)

    assert directory(world) == before


def test_a_lid_of_somebody_else_is_refused_and_nothing_changes(world: World) -> None:
    before = directory(world)

    for lid in (ANN_LID, OUR_LID):
        with pytest.raises(LidInUse):
            put(world, lid=lid)

    assert directory(world) == before


def test_an_instance_stays_on_whatsapp_and_in_the_directory(world: World) -> None:
    before = directory(world)

    with pytest.raises(PersonIsLinked):
        put(world, OUR_NUMBER, on_whatsapp=False)
    with pytest.raises(PersonIsLinked):
        world.people.remove(OUR_NUMBER)

    assert directory(world) == before


def test_an_instance_may_get_a_name_and_another_lid(world: World) -> None:
    put(world, OUR_NUMBER, "Shop", LID)

    assert world.people.named(LID) == OUR_NUMBER
    assert world.people.named(OUR_LID) is None


def test_who_is_taken_out_is_not_known_any_more_but_on_whatsapp(world: World) -> None:
    put(world, lid=LID, on_whatsapp=False)

    world.people.remove("+254 711000111")

    assert NEW not in world.state.people
    assert world.people.named(LID) is None
    assert world.people.check(NEW) == (NEW, True)
    assert told(world) == [("set", NEW), ("removed", NEW)]


def test_who_is_not_in_the_directory_cannot_be_taken_out(world: World) -> None:
    before = directory(world)

    with pytest.raises(PersonNotFound):
        world.people.remove(NEW)

    assert directory(world) == before


def test_who_is_taken_out_twice_is_not_found_the_second_time(world: World) -> None:
    put(world)
    world.people.remove(NEW)

    with pytest.raises(PersonNotFound):
        world.people.remove(NEW)


def test_who_is_in_a_group_is_shown_in_it_with_a_lid_after_being_taken_out(world: World) -> None:
    world.people.remove(ANN)

    participants = world.groups.get(INSTANCE, FAMILY).participants
    lid = world.state.people[ANN].lid
    assert lid in [shown for shown, _ in participants]
    assert lid != ANN_LID
    assert world.people.named(lid) == ANN


def test_who_is_taken_out_and_met_again_has_a_lid_of_their_own(world: World) -> None:
    first = put(world).lid
    world.people.remove(NEW)

    assert world.people.meet(NEW) == Person(NEW, first)


def test_numbers_and_lids_name_each_other_after_many_changes(world: World) -> None:
    lids = [f"{n}11111111111111@lid" for n in range(1, 6)]
    for turn in range(40):
        number = f"25471100011{turn % 7}"
        try:
            put(world, number, lid=lids[turn * 3 % 5] if turn % 2 else None)
        except LidInUse:
            world.people.remove(world.state.lids[lids[turn * 3 % 5]])

    assert {person.lid: person.number for person in world.state.people.values()} == world.state.lids


def test_a_reset_returns_the_directory(make_world: Callable[[State], World]) -> None:
    world = make_world(load_world(described()))
    people, lids, _ = directory(world)
    put(world, ANN, lid=LID)
    world.people.remove(BEN)

    world.reset()

    assert (world.state.people, world.state.lids) == (people, lids)
