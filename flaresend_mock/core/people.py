"""The directory: people with their numbers and LIDs, and whether they are on WhatsApp."""

from __future__ import annotations

from itertools import count

from flaresend_mock.core import numbers
from flaresend_mock.core.errors import InvalidNumber, LidInUse, PersonIsLinked, PersonNotFound
from flaresend_mock.core.models import Change, Person, Rule
from flaresend_mock.core.randomness import as_digits, lasting
from flaresend_mock.core.state import State
from flaresend_mock.core.store import Store


class People:
    """The directory of a world. Numbers that it does not contain are on WhatsApp, too."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, given: str | int) -> tuple[str, bool]:
        """Return the digits of a number and whether it is registered on WhatsApp."""
        number = self._parsed(given)
        with numbers.magic_outcomes([number], self._store.delay), self._store.lock:
            return number, self.on_whatsapp(number)

    def on_whatsapp(self, number: str) -> bool:
        person = self._store.state.people.get(number)
        return person.on_whatsapp if person else numbers.magic(number) != 404

    def meet(self, number: str) -> Person:
        """Return the person with this number, and enter them into the directory, with a LID, if they are not in it."""
        state = self._store.state
        person = state.people.get(number)
        if person is None:
            person = Person(number, own_lid(state, number), on_whatsapp=self.on_whatsapp(number))
            self.add(person)
        return person

    def add(self, person: Person) -> None:
        """Enter a person into the directory, or replace their entry."""
        state = self._store.state
        former = state.people.get(person.number)
        if former is not None:
            state.lids.pop(former.lid, None)
        state.people[person.number] = person
        state.lids[person.lid] = person.number

    def put(
        self, given: str, *, name: str, lid: str | None, on_whatsapp: bool, rules: tuple[Rule, ...]
    ) -> Person:
        """Enter a person into the directory, or replace their entry; without a LID they keep theirs."""
        with self._store.lock:
            number = self._parsed(given)
            if lid is not None and self._store.state.lids.get(lid, number) != number:
                raise LidInUse
            if not on_whatsapp and self.is_linked(number):
                raise PersonIsLinked
            person = Person(number, lid or self.meet(number).lid, name, on_whatsapp, rules)
            self.add(person)
            self._store.record("person", Change("set", number, {"name": name, "on_whatsapp": on_whatsapp}))
            return person

    def remove(self, given: str) -> None:
        """Remove a person from the directory. Their number is then one like any other, and on WhatsApp."""
        with self._store.lock:
            number = self._parsed(given)
            person = self._store.state.people.get(number)
            if person is None:
                raise PersonNotFound
            if self.is_linked(number):
                raise PersonIsLinked
            del self._store.state.people[number], self._store.state.lids[person.lid]
            for group in self._store.state.groups.values():
                if number in group.members:
                    self.meet(number)
            self._store.record("person", Change("removed", number))

    def _parsed(self, given: str | int) -> str:
        number = numbers.parse(given)
        if number is None:
            raise InvalidNumber
        return number

    def is_linked(self, number: str) -> bool:
        """Tell whether an instance has this number."""
        return any(instance.number == number for instance in self._store.state.instances.values())

    def named(self, given: str | int) -> str | None:
        """Return the number of the person named by a number, a JID or a LID."""
        if isinstance(given, str) and given.endswith(numbers.LID):
            return self._store.state.lids.get(given)
        return numbers.parse(given)


def own_lid(state: State, number: str) -> str:
    """Return the default LID of a number, which is always the same.

    Assumed: WhatsApp's LIDs cannot be derived from numbers; here they come from the number and the seed.
    """
    candidates = (as_digits(lasting(state.seed, "lid", f"{number}:{n}"), 15) + numbers.LID for n in count())
    return next(lid for lid in candidates if lid not in state.lids)
