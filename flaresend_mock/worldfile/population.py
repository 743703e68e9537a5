"""Invents people and groups from a world's seed, with names by Faker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from faker import Faker

from flaresend_mock.core.randomness import as_digits, lasting
from flaresend_mock.core.state import State
from flaresend_mock.worldfile.schema import LONG_AGO

SUBJECTS = (
    "{last_name} family",
    "{city} hikers",
    "Class of {year}",
    "{company} team",
    "{street_name} neighbours",
    "{first_name}'s birthday",
    "{city} book club",
    "{safe_color_name} team, Saturdays",
)
"""What groups are called, in turn."""


def populate(world: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Return the world with invented people, under `invented`, and groups of them after its own.

    The same seed invents the same, as long as the release of Faker stays the same.
    """
    wanted = world["populate"]
    faker = Faker(["en_US", "sw"])
    faker.seed_instance(state.seed)
    unused = _unused_numbers(state)
    invented = [
        {"number": next(unused), "name": faker.name(), "lid": None, "on_whatsapp": True}
        for _ in range(wanted["people"])
    ]
    host = world["instances"][0]["number"]
    known = [
        person["number"] for person in world["people"] if person["number"] != host and person["on_whatsapp"]
    ]
    everybody = [person["number"] for person in invented] or known
    groups = [_group(faker, state.seed, index, host, everybody) for index in range(wanted["groups"])]
    return {**world, "invented": invented, "groups": [*world["groups"], *groups]}


def _unused_numbers(state: State) -> Any:
    numbers = ("2547" + as_digits(lasting(state.seed, "invented number", str(n)), 8) for n in count())
    seen = set(state.people)
    for number in numbers:
        if number not in seen:
            seen.add(number)
            yield number


def _group(faker: Faker, seed: int, index: int, host: str, everybody: list[str]) -> dict[str, Any]:
    """Invent one group: every third belongs to somebody else, the others to the instance."""
    dice = lasting(seed, "invented group", str(index))
    size = 3 + dice[63] % 10 if everybody else 0
    people = list(dict.fromkeys(everybody[byte * len(everybody) // 256] for byte in dice[:size]))
    owner = people[0] if index % 3 == 2 and people else host
    template = SUBJECTS[index % len(SUBJECTS)]
    participants = [
        {"number": number, "admin": "superadmin" if number == owner else None} for number in [host, *people]
    ]
    return {
        "id": None,
        "subject": template.format_map(_Fakes(faker)),
        "description": faker.catch_phrase(),
        "owner": owner,
        "created": LONG_AGO + timedelta(days=7 * index, minutes=dice[62]),
        "invite": None,
        "announce": False,
        "restrict": False,
        "participants": participants,
    }


class _Fakes(dict[str, str]):
    """Answers {city} and the like with what Faker makes of them."""

    def __init__(self, faker: Faker) -> None:
        super().__init__()
        self._faker = faker

    def __missing__(self, name: str) -> str:
        return str(getattr(self._faker, name)())
