"""Magic numbers: phone numbers of country code 999 that make a whole call go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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


class applied:  # noqa: N801 - reads as what is done: with magic.applied(…)
    """Refuses what magic numbers refuse; otherwise lets the work be done, then keeps the caller of `999…408` waiting.

    The work is done before the wait: a client that gives up early has sent its message all the same, as
    happens with a real service, and nothing is left to happen once it is gone.

    Args:
        given: the numbers of a call, None where one is not a number.
        stall: keeps a caller waiting for so many seconds.

    Raises:
        NotReady, Overloaded: as `refuse` does.
    """

    __slots__ = ("_slow", "_stall")

    def __init__(self, given: Iterable[str | None], stall: Stall) -> None:
        people = list(given)
        refuse(people)
        self._slow = any(number and numbers.magic(number) == 408 for number in people)
        self._stall = stall

    def __enter__(self) -> None:
        """Let the work begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._slow and kind is None:
            self._stall(STALL_SECONDS)
