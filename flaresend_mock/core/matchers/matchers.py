"""Conditions on JSON values: what a value must be like, and what is missing where it is not."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.errors import MatcherTooSlow

REGEX_SECONDS = 0.1
LEAST_REGEX_SECONDS = 0.0002

_ABSENT = object()
_patience = threading.local()


class sharing:  # noqa: N801 - reads as what is done: with sharing(…)
    """Has so many regular expressions, or items that one is tried on, share the time there is for one."""

    __slots__ = ("_outer", "_shares")

    def __init__(self, shares: int) -> None:
        self._shares = shares

    def __enter__(self) -> None:
        if self._shares > 1:
            self._outer = getattr(_patience, "shares", 1)
            _patience.shares = self._outer * self._shares

    def __exit__(self, *_: object) -> None:
        if self._shares > 1:
            _patience.shares = self._outer


@dataclass(frozen=True, slots=True)
class Miss:
    """One field in which something is not what a matcher expects; `missing` where it is not even there."""

    field: str
    expected: Any
    actual: Any = None
    missing: bool = False


class Test(ABC):
    """One condition on a value. (Its kinds have neither == nor repr: making those would be felt at every start.)"""

    @abstractmethod
    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        """Yield where the value is not as expected.

        Raises:
            MatcherTooSlow: a regular expression takes too long on it.
        """

    def holds(self, value: Any) -> bool:
        return next(self.misses(value, ""), None) is None


@dataclass(slots=True, eq=False, repr=False)
class Equal(Test):
    expected: Any

    def holds(self, value: Any) -> bool:
        return same(value, self.expected)

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        if not same(value, self.expected):
            yield _miss(where, self.expected, value)


@dataclass(slots=True, eq=False, repr=False)
class SameNumber(Test):
    """A phone number, however it is written."""

    expected: Any

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        if not same(_digits(value), _digits(self.expected)):
            yield _miss(where, self.expected, value)


@dataclass(slots=True, eq=False, repr=False)
class Contains(Test):
    """A text with a text in it, or a list with an item that fits."""

    text: str | None
    item: Test
    spec: Any

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        if isinstance(value, str):
            found = self.text is not None and self.text in value
        else:
            found = isinstance(value, list | tuple) and self._among(value)
        if not found:
            yield _miss(where, {"contains": self.spec}, value)

    def _among(self, items: Sequence[Any]) -> bool:
        """Look for an item that fits; all of them together take no longer than one may."""
        with sharing(len(items)):
            return any(self.item.holds(one) for one in items)


@dataclass(slots=True, eq=False, repr=False)
class Matches(Test):
    """A text in which a regular expression is found."""

    pattern: Any
    spec: str

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        if not (isinstance(value, str) and self._found(value)):
            yield _miss(where, {"regex": self.spec}, value)

    def _found(self, text: str) -> bool:
        try:
            seconds = max(REGEX_SECONDS / getattr(_patience, "shares", 1), LEAST_REGEX_SECONDS)
            return self.pattern.search(text, timeout=seconds) is not None
        except TimeoutError:
            raise MatcherTooSlow(self.spec) from None


@dataclass(slots=True, eq=False, repr=False)
class Subset(Test):
    """An object with at least these fields."""

    tests: Mapping[str, Test]

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        inside = value if isinstance(value, Mapping) else {}
        for name, test in self.tests.items():
            yield from test.misses(inside.get(name, _ABSENT), f"{where}.{name}" if where else name)
        if not isinstance(value, Mapping) and not self.tests:
            yield _miss(where, {}, value)


@dataclass(slots=True, eq=False, repr=False)
class Items(Test):
    """A list with exactly these items, in this order."""

    tests: Sequence[Test]
    spec: Any

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        if not isinstance(value, list | tuple) or len(value) != len(self.tests):
            yield _miss(where, self.spec, value)
            return
        for index, (test, one) in enumerate(zip(self.tests, value, strict=True)):
            yield from test.misses(one, f"{where}[{index}]")


@dataclass(slots=True, eq=False, repr=False)
class Either(Test):
    tests: Sequence[Test]
    spec: Any

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        if not any(test.holds(value) for test in self.tests):
            yield _miss(where, {"one_of": self.spec}, value)


@dataclass(slots=True, eq=False, repr=False)
class Not(Test):
    test: Test
    spec: Any

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        if self.test.holds(value):
            yield _miss(where, {"not": self.spec}, value)


@dataclass(slots=True, eq=False, repr=False)
class AnyOf(Test):
    """Several values, one of which fits."""

    test: Test
    spec: Any

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        if not any(self.test.holds(one) for one in value):
            yield _miss(where, self.spec, list(value))


@dataclass(slots=True, eq=False, repr=False)
class All(Test):
    """Several conditions at once."""

    tests: Sequence[Test]

    def misses(self, value: Any, where: str) -> Iterator[Miss]:
        for test in self.tests:
            yield from test.misses(value, where)


def same(first: Any, second: Any) -> bool:
    """Tell whether two JSON values are the same: numbers by value, and true is not 1."""
    if isinstance(first, str) or isinstance(second, str):
        return bool(first == second)
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def _digits(value: Any) -> Any:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return numbers.parse(value) or value
    return value


def _miss(where: str, expected: Any, value: Any) -> Miss:
    return Miss(where, expected, missing=True) if value is _ABSENT else Miss(where, expected, value)
