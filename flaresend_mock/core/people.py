"""Who has which number and LID, and who is on WhatsApp."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from flaresend_mock.core import magic, numbers
from flaresend_mock.core.chance import as_digits, lasting
from flaresend_mock.core.errors import InvalidNumber
from flaresend_mock.core.records import Person
from flaresend_mock.core.state import State

if TYPE_CHECKING:
    from flaresend_mock.core.world import World


class People:
    """The directory of a world. Whoever is not in it is on WhatsApp all the same, under any valid number."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check(self, given: str | int) -> tuple[str, bool]:
        """Return the digits of a number and whether it is registered on WhatsApp.

        Raises:
            InvalidNumber: it is not a phone number.
        """
        number = numbers.parse(given)
        if number is None:
            raise InvalidNumber
        with magic.applied([number], self._world.stall), self._world.lock:
            return number, self.on_whatsapp(number)

    def on_whatsapp(self, number: str) -> bool:
        person = self._world.state.people.get(number)
        return person.on_whatsapp if person else numbers.magic(number) != 404

    def meet(self, number: str) -> Person:
        """Return the person with this number, with a LID of their own from now on."""
        state = self._world.state
        person = state.people.get(number)
        if person is None:
            person = Person(number, own_lid(state, number), on_whatsapp=self.on_whatsapp(number))
            self.add(person)
        return person

    def add(self, person: Person) -> None:
        """Enter somebody into the directory, or change their entry."""
        state = self._world.state
        former = state.people.get(person.number)
        if former is not None:
            state.lids.pop(former.lid, None)
        state.people[person.number] = person
        state.lids[person.lid] = person.number

    def named(self, given: str | int) -> str | None:
        """Return the number of the person named by a number, a JID or a LID."""
        if isinstance(given, str) and given.endswith(numbers.LID):
            return self._world.state.lids.get(given)
        return numbers.parse(given)


def own_lid(state: State, number: str) -> str:
    """Return the LID that belongs to a number for good.

    Assumed: WhatsApp's cannot be computed from the number; here they come from the number and the seed.
    """
    candidates = (as_digits(lasting(state.seed, "lid", f"{number}:{n}"), 15) + numbers.LID for n in count())
    return next(lid for lid in candidates if lid not in state.lids)
