"""Invents people and groups from a world's seed, with names by Faker."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from faker import Faker

from flaresend_mock.core.models import Person
from flaresend_mock.core.randomness import as_digits, lasting
from flaresend_mock.core.state import State
from flaresend_mock.world_format.schema import LONG_AGO, Population

SUBJECTS = (Path(__file__).parent / "assets" / "subjects.txt").read_text("utf-8").splitlines()
"""The subjects of groups, in turn. Faker invents what is in braces."""


def invent(wanted: Population, state: State, host: str, known: Sequence[Person]) -> tuple[list[Person], list[Any]]:
    """Return invented people, and groups of them as in a world file.

    The same seed invents the same, as long as the release of Faker stays the same. The number `host` is in every group;
    the others are people who are `known` if no one is invented.
    """
    faker = Faker(["en_US", "sw"])
    faker.seed_instance(state.seed)
    unused = _unused_numbers(state)
    people = [Person(next(unused), "", faker.name()) for _ in range(wanted.people)]
    others = [one.number for one in people] or [one.number for one in known if one.number != host and one.on_whatsapp]
    return people, [_group(faker, state.seed, index, host, others) for index in range(wanted.groups)]


def _unused_numbers(state: State) -> Iterator[str]:
    seen = {*state.people, *state.aliases}
    for n in count():
        number = "2547" + as_digits(lasting(state.seed, "invented number", str(n)), 8)
        if number not in seen:
            seen.add(number)
            yield number


def _group(faker: Faker, seed: int, index: int, host: str, others: list[str]) -> dict[str, Any]:
    """Invent one group: another person owns every third, the instance owns the rest."""
    dice = lasting(seed, "invented group", str(index))
    size = 3 + dice[63] % 10 if others else 0
    people = list(dict.fromkeys(others[byte * len(others) // 256] for byte in dice[:size]))
    owner = people[0] if index % 3 == 2 and people else host
    template = SUBJECTS[index % len(SUBJECTS)]
    created = LONG_AGO + timedelta(days=7 * index, minutes=dice[62])
    return {
        "subject": re.sub(r"{(\w+)}", lambda found: str(getattr(faker, found[1])()), template),
        "description": faker.catch_phrase(),
        "owner": owner,
        "created": created.isoformat(),
        "participants": [
            {"number": number, "admin": "superadmin" if number == owner else None} for number in [host, *people]
        ],
    }
