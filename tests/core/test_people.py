"""People: who is on WhatsApp, and under which LID."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flaresend_mock.core.errors import InvalidNumber
from flaresend_mock.core.models import Person
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, ANN_LID, CARA, NOBODY, described


def test_a_check_answers_with_the_digits_of_a_number(world: World) -> None:
    assert world.people.check("+254 712-345.678") == (ANN, True)
    assert world.people.check(254712345678) == (ANN, True)


def test_every_well_formed_number_is_on_whatsapp_unless_the_world_says_otherwise(world: World) -> None:
    assert world.people.check("4915112345678") == ("4915112345678", True)
    assert world.people.check(NOBODY) == (NOBODY, False)


@pytest.mark.parametrize("given", ["", "12", "nonsense", -1, ANN_LID])
def test_a_check_refuses_what_is_no_number(given: str | int, world: World) -> None:
    with pytest.raises(InvalidNumber):
        world.people.check(given)


def test_a_check_changes_nothing(world: World) -> None:
    people = dict(world.state.people)

    world.people.check("4915112345678")

    assert world.state.people == people
    assert world.state.events.last_number == 0


def test_somebody_keeps_the_lid_they_were_met_with(world: World) -> None:
    first = world.people.meet("4915112345678")
    world.people.meet("4915187654321")

    assert world.people.meet("4915112345678") == first
    assert world.people.named(first.lid) == "4915112345678"


def test_a_lid_does_not_depend_on_whom_was_met_before(make_world: Callable[[State], World]) -> None:
    one, other = make_world(load_world(described())), make_world(load_world(described()))
    other.people.meet("4915187654321")

    assert one.people.meet("4915112345678") == other.people.meet("4915112345678")


def test_lids_depend_on_the_seed(make_world: Callable[[State], World]) -> None:
    one = make_world(load_world(described(), seed=1))
    other = make_world(load_world(described(), seed=2))

    assert one.people.meet("4915112345678").lid != other.people.meet("4915112345678").lid


def test_people_are_named_by_number_jid_or_lid(world: World) -> None:
    assert world.people.named(ANN) == ANN
    assert world.people.named(f"{ANN}@s.whatsapp.net") == ANN
    assert world.people.named(ANN_LID) == ANN
    assert world.people.named("111111111111111@lid") is None


def test_a_changed_entry_gives_up_its_former_lid(world: World) -> None:
    former = world.people.meet(CARA).lid

    world.people.add(Person(CARA, "111111111111111@lid", on_whatsapp=False))

    assert world.people.named(former) is None
    assert world.people.named("111111111111111@lid") == CARA
    assert world.people.check(CARA) == (CARA, False)
