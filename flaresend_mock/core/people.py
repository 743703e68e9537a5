"""The directory: people with their numbers and LIDs, and whether they are on WhatsApp."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from flaresend_mock.core import numbers
from flaresend_mock.core.errors import AliasInUse, InvalidNumber, LidInUse, PersonIsLinked, PersonNotFound
from flaresend_mock.core.models import Change, Person, Rule
from flaresend_mock.core.randomness import as_digits, lasting
from flaresend_mock.core.state import State
from flaresend_mock.core.store import Store


class People:
    """The directory of a world. Numbers that it does not contain are on WhatsApp, too, unless it is closed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, given: str | int) -> tuple[str, bool]:
        """Return the digits of a number and whether it is registered on WhatsApp."""
        number = self._digits(given)
        with numbers.magic_outcomes([number], self._store.delay), self._store.lock:
            return number, self.on_whatsapp(number)

    def on_whatsapp(self, number: str) -> bool:
        """Tell whether a number is on WhatsApp. The digits of a LID look like a number, and are none."""
        state = self._store.state
        person = state.people.get(state.aliases.get(number, number))
        if person is not None:
            return person.on_whatsapp
        outcome = numbers.magic(number)
        if number + numbers.LID in state.lids or outcome == 404:
            return False
        return state.settings.directory == "open" or outcome is not None

    def meet(self, number: str) -> Person:
        """Return the person with this number, and enter them into the directory, with a LID, if they are not in it."""
        state = self._store.state
        number = state.aliases.get(number, number)
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
            self._forget(former)
        state.people[person.number] = person
        state.lids[person.lid] = person.number
        state.aliases.update(dict.fromkeys(person.aliases, person.number))

    def _forget(self, person: Person) -> None:
        state = self._store.state
        del state.people[person.number]
        state.lids.pop(person.lid, None)
        for alias in person.aliases:
            state.aliases.pop(alias, None)

    def put(
        self,
        given: str,
        *,
        name: str = "",
        lid: str | None = None,
        on_whatsapp: bool = True,
        rules: tuple[Rule, ...] = (),
        aliases: Sequence[str | int] = (),
        addable: bool = True,
    ) -> Person:
        """Enter a person into the directory, or replace their entry; without a LID they keep theirs."""
        with self._store.lock:
            number = self._parsed(given)
            state = self._store.state
            if lid is not None and state.lids.get(lid, number) != number:
                raise LidInUse("another person has this LID")
            if number not in state.people and number + numbers.LID in state.lids:
                raise LidInUse("these are the digits of a person's LID, and not a phone number")
            others = tuple(dict.fromkeys(map(self._digits, aliases)))
            for alias in others:
                if alias in state.people or state.aliases.get(alias, number) != number:
                    raise AliasInUse(f"{alias} is another person's number")
            if not on_whatsapp and self.is_linked(number):
                raise PersonIsLinked
            person = Person(number, lid or self.meet(number).lid, name, on_whatsapp, rules, others, addable)
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
            self._forget(person)
            for group in self._store.state.groups.values():
                if number in group.members:
                    self.meet(number)
            self._store.record("person", Change("removed", number))

    def _parsed(self, given: str | int) -> str:
        """Return the registered number of a person."""
        number = self._digits(given)
        return self._store.state.aliases.get(number, number)

    def _digits(self, given: str | int) -> str:
        number = numbers.parse(given)
        if number is None:
            raise InvalidNumber
        return number

    def is_linked(self, number: str) -> bool:
        """Tell whether an instance has this number."""
        return any(instance.number == number for instance in self._store.state.instances.values())

    def named(self, given: str | int) -> str | None:
        """Return the registered number of the person named by a number, an alias, a JID or a LID."""
        if isinstance(given, str) and given.endswith(numbers.LID):
            return self._store.state.lids.get(given)
        return self.recipient(given)

    def recipient(self, given: str | int) -> str | None:
        """Return the registered number of a recipient of messages; LIDs count only if the world accepts them."""
        state = self._store.state
        number = numbers.parse(given)
        if number is None and state.settings.lid_recipients == "accept":
            return state.lids.get(str(given).strip())
        return number and state.aliases.get(number, number)


def own_lid(state: State, number: str) -> str:
    """Return the default LID of a number, which is always the same.

    Assumed: WhatsApp's LIDs cannot be derived from numbers; here they come from the number and the seed.
    """
    candidates = (as_digits(lasting(state.seed, "lid", f"{number}:{n}"), 15) + numbers.LID for n in count())
    return next(lid for lid in candidates if lid not in state.lids)
