"""Magic numbers: phone numbers of country code 999 that make a whole call go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from flaresend_mock.core import numbers
from flaresend_mock.core.errors import NotReady, Overloaded

STALL_SECONDS = 5.0

Stall = Callable[[float], None]


def refuse(given: Iterable[str | None]) -> None:
    """Refuse the call if one of these numbers asks for it.

    Raises:
        NotReady: for `999…425`, with the status the documentation shows.
        Overloaded: for `999…429` and `999…503`.
    """
    for number in given:
        outcome = numbers.magic(number) if number else None
        if outcome == 425:
            raise NotReady("initializing")
        if outcome in (429, 503):
            raise Overloaded(outcome)


@contextmanager
def applied(given: Iterable[str | None], stall: Stall) -> Iterator[None]:
    """Refuse what magic numbers refuse; otherwise do the work, then keep the caller waiting for `999…408`.

    The work is done before the wait: a client that gives up early has sent its message all the same, as
    happens with a real service, and nothing is left to happen once it is gone.
    """
    people = list(given)
    refuse(people)
    yield
    if any(numbers.magic(number) == 408 for number in people if number):
        stall(STALL_SECONDS)
