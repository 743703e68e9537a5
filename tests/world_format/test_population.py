"""The demo world: people and groups, invented from a seed."""

from __future__ import annotations

from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.state import State
from flaresend_mock.package_data import FIXTURES
from flaresend_mock.world_format import load_file, load_world
from tests.defaults import ANN, INSTANCE, NOBODY, OUR_NUMBER, described

WHO_ANSWER = {"254711000001", "254711000002", "254711000003"}
DEMO = FIXTURES / "worlds" / "demo.json"


def populated(inhabitants: int, groups: int, **sections: Any) -> State:
    """Return a small world with so many invented people and groups."""
    instance = {"id": INSTANCE, "number": OUR_NUMBER}
    populate = {"people": inhabitants, "groups": groups}
    return load_world({"version": 1, "instances": [instance], "populate": populate, **sections})


def test_the_demo_world_is_the_same_every_time() -> None:
    one, other = load_file(DEMO), load_file(DEMO)

    assert one.people == other.people
    assert one.groups == other.groups
    assert one.channels == other.channels
    assert one.counters == other.counters


def test_another_seed_invents_other_people_and_groups() -> None:
    one, other = load_file(DEMO), load_file(DEMO, seed=8)

    assert set(one.people) & set(other.people) == {OUR_NUMBER, *WHO_ANSWER}
    assert not set(one.groups) & set(other.groups)
    assert [person.name for person in one.people.values()] != [person.name for person in other.people.values()]


def test_the_demo_world_has_as_many_people_and_groups_as_it_says() -> None:
    state = load_file(DEMO)

    assert len(state.people) == 36 + 1 + len(WHO_ANSWER)
    assert len(state.groups) == 12


def test_invented_people_have_names_numbers_and_lids_of_their_own() -> None:
    state = load_file(DEMO)

    assert all(numbers.parse(number) == number for number in state.people)
    assert all(person.name for person in state.people.values())
    assert len({person.lid for person in state.people.values()}) == len(state.people)
    assert state.lids == {person.lid: number for number, person in state.people.items()}


def test_the_instance_is_in_every_invented_group_and_owns_most_of_them() -> None:
    state = load_file(DEMO)

    for group in state.groups.values():
        assert OUR_NUMBER in group.members
        assert group.members[group.owner].admin == "superadmin"
        assert set(group.members) <= set(state.people)
        assert 1 <= len(group.subject) <= 100
    assert len({group.owner for group in state.groups.values()}) > 1


def test_more_groups_leave_the_people_as_they_were() -> None:
    assert populated(20, 1).people == populated(20, 9).people


def test_a_world_may_have_many_inhabitants() -> None:
    state = populated(2000, 100)

    assert len(state.people) == 2001
    assert len(state.groups) == 100


def test_groups_without_invented_people_are_made_of_those_there_are() -> None:
    state = populated(0, 5, people=[{"number": ANN}, {"number": NOBODY, "on_whatsapp": False}])

    for group in state.groups.values():
        assert set(group.members) == {OUR_NUMBER, ANN}


def test_a_world_may_be_populated_beside_what_it_describes() -> None:
    state = load_world(described(populate={"people": 5, "groups": 2}))

    assert len(state.groups) == 3 + 2
    assert ANN in state.people
