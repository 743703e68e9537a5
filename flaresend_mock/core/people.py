"""The directory: people with their numbers and LIDs, and whether they are on WhatsApp."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from flaresend_mock.core import errors, numbers
from flaresend_mock.core.models import Change, Person
from flaresend_mock.core.randomness import as_digits, lasting
from flaresend_mock.core.state import State
from flaresend_mock.core.store import Store


class People:
    """The directory of a world. Numbers that it does not contain are on WhatsApp, too, unless it is closed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, given: str | int) -> tuple[str, bool]:
        """Return the digits of a number and whether it is registered on WhatsApp."""
        digits = self._digits(given)
        number = self.recipient(digits)
        with numbers.magic_outcomes([number], self._store.delay), self._store.lock:
            return digits, number is not None and self.on_whatsapp(number)

    def on_whatsapp(self, number: str) -> bool:
        """Tell whether a number is on WhatsApp. The digits of a LID look like a number, and are none."""
        state = self._store.state
        if number + numbers.LID in state.lids:
            return False
        person = state.people.get(state.aliases.get(number, number))
        if person is not None:
            return person.on_whatsapp
        outcome = numbers.magic(number)
        return outcome != 404 if state.settings.directory == "open" else outcome not in (None, 404)

    def meet(self, number: str) -> Person:
        """Return the person with this number. A new one enters the directory, with a LID. Call `require_room` first."""
        state = self._store.state
        number = state.aliases.get(number, number)
        if (person := state.people.get(number)) is None:
            if holder := state.people.get(state.lids.get(number + numbers.LID, "")):  # met in the same call, say
                self.add(replace(holder, lid=own_lid(state, holder.number)))
            person = Person(number, own_lid(state, number), on_whatsapp=self.on_whatsapp(number))
            self.add(person)
        return person

    def require_room(self, met: Iterable[str | None]) -> None:
        """Refuse to meet people, by their numbers, if the directory has no room for all of them."""
        state = self._store.state
        if unknown := {state.aliases.get(number, number) for number in met if number} - state.people.keys():
            self._store.require_room("people", len(unknown))

    def add(self, person: Person) -> None:
        """Enter a person into the directory, or replace their entry."""
        state = self._store.state
        self._forget_names(state.people.get(person.number))
        state.people[person.number] = person
        state.lids[person.lid] = person.number
        state.aliases.update(dict.fromkeys(person.aliases, person.number))

    def _forget_names(self, person: Person | None) -> None:
        if person is not None:
            del self._store.state.lids[person.lid]
            for alias in person.aliases:
                del self._store.state.aliases[alias]

    def put(self, given: str, *, lid: str | None = None, aliases: Sequence[str | int] = (), **fields: Any) -> Person:
        """Enter a person with these fields into the directory, or replace their entry. Without a LID, theirs stays."""
        with self._store.lock:
            number = self.phone(given)
            others = tuple(dict.fromkeys(self._digits(alias, "aliases") for alias in aliases))
            if lid is not None:
                self.require_free_lid(lid, number, *others)
            state = self._store.state
            for alias in others:
                is_free = alias not in state.people and state.aliases.get(alias, number) == number
                if alias + numbers.LID in state.lids:
                    raise errors.AliasInUse(f"aliases: {alias} are the digits of a LID, and not a phone number")
                errors.require(alias != number, errors.AliasInUse, f"aliases: {alias} is the person's own number")
                errors.require(is_free, errors.AliasInUse, f"aliases: {alias} is another person's number")
            errors.require(fields.get("on_whatsapp", True) or not self.is_linked(number), errors.PersonIsLinked)
            self._store.require_room("people", number not in state.people)
            person = Person(number, lid or self.meet(number).lid, aliases=others, **fields)
            self.add(person)
            shown = {"name": person.name, "on_whatsapp": person.on_whatsapp}
            self._store.record("person", Change("set", number, shown))
            return person

    def require_free_lid(self, lid: str, number: str, *aliases: str) -> None:
        """Refuse a LID for the person with this number if another has it, or if its digits are a phone number."""
        state, digits = self._store.state, lid.removesuffix(numbers.LID)
        errors.require(state.lids.get(lid, number) == number, errors.LidInUse, "lid: another person has this LID")
        is_number = digits in (number, *aliases) or digits in state.people or digits in state.aliases
        errors.require(not is_number, errors.LidInUse, f"lid: {digits} is a phone number in this world")

    def remove(self, given: str) -> None:
        """Remove a person from the directory. Their number is then one like any other."""
        with self._store.lock:
            number = self.recipient(self._digits(given)) or ""
            person = errors.required(self._store.state.people.get(number), errors.PersonNotFound)
            errors.require(not self.is_linked(number), errors.PersonIsLinked)
            self._forget_names(person)
            del self._store.state.people[number]
            groups = self._store.state.groups.values()
            if any(number in (*one.members, one.owner, one.subject_owner) for one in groups):  # whatever room there is
                self.add(Person(number, own_lid(self._store.state, number), on_whatsapp=self.on_whatsapp(number)))
            self._store.record("person", Change("removed", number))

    def phone(self, given: str | int) -> str:
        """Return the registered number of a phone, given by this or by an alias; LidInUse for the digits of a LID."""
        number = self.recipient(self._digits(given))
        return errors.required(number, errors.LidInUse, "number: these are the digits of a LID, and not a phone number")

    def _digits(self, given: str | int, field: str = "number") -> str:
        return errors.required(numbers.parse(given), errors.InvalidNumber, field)

    def is_linked(self, number: str) -> bool:
        return any(instance.number == number for instance in self._store.state.instances.values())

    def named(self, given: str | int) -> str | None:
        """Return the registered number of the person named by a number, an alias, a JID or a LID."""
        return self._store.state.lids.get(str(given).strip()) or self.recipient(given)

    def recipient(self, given: str | int) -> str | None:
        """Return the registered number of a recipient. LIDs count if the world accepts them, and their digits never."""
        state = self._store.state
        number = numbers.parse(given)
        if number is None:
            return state.lids.get(str(given).strip()) if state.settings.lid_recipients == "accept" else None
        return None if number + numbers.LID in state.lids else state.aliases.get(number, number)

    def spellings(self, given: str | int) -> list[str]:
        """Return all numbers of the person that is named, the registered one first."""
        number = self.named(given)
        person = self._store.state.people.get(number or "")
        return [] if number is None else [number, *(person.aliases if person else ())]


def own_lid(state: State, number: str) -> str:
    """Return the default LID of a number, which is always the same.

    Assumed: WhatsApp's LIDs cannot be derived from numbers; here they come from the number and the seed.
    """
    candidates = (as_digits(lasting(state.seed, "lid", f"{number}:{n}"), 15) for n in count())
    lids = (one + numbers.LID for one in candidates if one not in state.people and one not in state.aliases)
    return next(lid for lid in lids if lid not in state.lids)
