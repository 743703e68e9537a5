"""Matchers, as they are written: an object of fields, each with a value or with operators."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flaresend_mock.core.errors import InvalidMatcher
from flaresend_mock.core.matchers import patterns
from flaresend_mock.core.matchers.matchers import (
    All,
    AnyOf,
    Contains,
    Either,
    Equal,
    Items,
    Matches,
    Miss,
    Not,
    SameNumber,
    Subset,
    Test,
    sharing,
)

OPERATORS = ("equal", "contains", "regex", "subset", "one_of", "not")
MAX_DEPTH = 20
MAX_TESTS = 1000
MAX_SHOWN = 100


Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Field:
    """A field that matchers can name.

    Args:
        read: takes its value from something; None takes what is there under the field's name.
        number: whether it holds a phone number, which may be written in any way.
        many: whether it has several values, one of which must fit.
        words: what it can be, where that is known; anything else is a mistake.
        known: the names of an object's fields, where they are known; others are named with `subset`.
        fold: whether upper and lower case of an object's names are alike, as in headers.
        free: whether it holds any JSON.
        check: says what is wrong with a value that it can never have, if something is.
        check_name: says the same of a name in the object that it holds.
    """

    read: Callable[[Mapping[str, Any]], Any] | None = None
    number: bool = False
    many: bool = False
    words: tuple[str, ...] = ()
    known: Collection[str] | None = None
    fold: bool = False
    free: bool = False
    check: Check | None = None
    check_name: Check | None = None


@dataclass(frozen=True, slots=True)
class Matcher:
    """What something must be like in all of its named fields; without any, everything fits.

    `patterns` counts the regular expressions in it, which share the time that there is.
    """

    tests: Sequence[tuple[str, Field, Test]] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    patterns: int = 0

    def holds(self, item: Mapping[str, Any]) -> bool:
        """Tell whether something is meant.

        Raises:
            MatcherTooSlow: a regular expression takes too long on it.
        """
        with sharing(self.patterns):
            for name, at, test in self.tests:  # noqa: SIM110 - hundreds may wait for each thing that happens
                if not test.holds(_value(item, name, at)):
                    return False
            return True

    def misses(self, item: Mapping[str, Any]) -> list[Miss]:
        """Return in which fields something is not as expected.

        Raises:
            MatcherTooSlow: a regular expression takes too long on it.
        """
        with sharing(self.patterns):
            return [
                miss for name, at, test in self.tests for miss in test.misses(_value(item, name, at), name)
            ]


def compile_matcher(spec: Any, known: Mapping[str, Field], where: str = "match") -> Matcher:
    """Read a matcher.

    Args:
        spec: an object of fields, each with the value it must have, or with operators.
        known: the fields there are.
        where: what the matcher is called in errors.

    Raises:
        InvalidMatcher: it is none; the message says where and why, with the nearest name that is known.
    """
    if not isinstance(spec, dict):
        raise InvalidMatcher(f"{where}: a matcher is an object of fields, such as {{}} for everything")
    reader = _Reader()
    tests = []
    for name, wanted in spec.items():
        if name not in known:
            raise InvalidMatcher(f"{where}: {unknown(name, known)}")
        tests.append((name, known[name], reader.field(wanted, known[name], f"{where}.{name}")))
    tests.sort(
        key=lambda entry: entry[1].known is not None or entry[1].free
    )  # what is cheap to look at comes first
    return Matcher(tests, spec, reader.patterns)


def unknown(name: str, known: Collection[str]) -> str:
    """Say that a name is not known, and which one may be meant."""
    short = name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…"
    folded = {one.lower(): one for one in known}
    close = difflib.get_close_matches(short.lower(), folded, n=1)
    every = f"known here: {', '.join(known)}" if known else "nothing is"
    hint = f"did you mean {folded[close[0]]!r}?" if close else every
    return f"{short!r} is not known; {hint}"


class _Reader:
    """Turns what matchers are written as into tests, a bounded number of them."""

    def __init__(self) -> None:
        self._count = 0
        self.patterns = 0

    def field(self, spec: Any, at: Field, where: str) -> Test:
        if (
            at.many and isinstance(spec, dict) and spec.keys() == {"not"}
        ):  # none of them, not: one of them not
            self._tick(where)
            return Not(self.field(spec["not"], at, f"{where}.not"), spec["not"])
        if isinstance(spec, dict) and (at.free or at.known is not None) and not _is_operation(spec):
            test: Test = self._shorthand(spec, at, where)
        elif isinstance(spec, dict):
            test = self._operation(spec, at, where)
        else:
            test = self._plain(spec, at, where)
        return AnyOf(test, spec) if at.many else test

    def _shorthand(self, spec: dict[str, Any], at: Field, where: str) -> Test:
        """Read an object as the subset it must have; in one whose fields are known, only `template` holds objects."""
        for name in spec:
            _refuse(at.check_name, name, f"{where}.{name[:MAX_SHOWN]}")
        if at.fold:
            return self._subset({name.lower(): wanted for name, wanted in spec.items()}, where, strict=True)
        if at.known is None:
            return self._subset(spec, where)
        for name in spec:
            if name not in at.known:
                raise InvalidMatcher(f'{where}: {unknown(name, at.known)} (others are named with "subset")')
        return self._subset(spec, where, strict=True)

    def _subset(self, spec: dict[str, Any], where: str, *, strict: bool = False) -> Test:
        self._tick(where)
        tests = {}
        for name, wanted in spec.items():
            inner = f"{where}.{name}"
            plain = not strict or name in ("template", "data")
            tests[name] = self._any(wanted, inner) if plain else self.field(wanted, _ANYTHING, inner)
        return Subset(tests)

    def _any(self, spec: Any, where: str) -> Test:
        """Read any JSON: operators where there are some, else what a value must be or, of an object, have."""
        if isinstance(spec, dict):
            return (
                self._operation(spec, _ANYTHING, where) if _is_operation(spec) else self._subset(spec, where)
            )
        return self._plain(spec, _ANYTHING, where)

    def _plain(self, spec: Any, at: Field, where: str) -> Test:
        self._tick(where)
        _refuse(at.check, spec, where)
        if at.words and isinstance(spec, str) and spec not in at.words:
            raise InvalidMatcher(f"{where}: {unknown(spec, at.words)}")
        if isinstance(spec, list):
            return Items([self._any(one, f"{where}[{index}]") for index, one in enumerate(spec)], spec)
        return SameNumber(spec) if at.number else Equal(spec)

    def _operation(self, spec: dict[str, Any], at: Field, where: str) -> Test:
        if not spec:
            raise InvalidMatcher(f"{where}: an operator is expected: {', '.join(OPERATORS)}")
        tests = []
        for name, operand in spec.items():
            if name not in OPERATORS:
                raise InvalidMatcher(f"{where}: {unknown(name, OPERATORS)}")
            tests.append(self._operator(name, operand, at, f"{where}.{name}"))
        return tests[0] if len(tests) == 1 else All(tests)

    def _operator(self, name: str, operand: Any, at: Field, where: str) -> Test:
        self._tick(where)
        match name:
            case "equal":
                if _depth(operand) > MAX_DEPTH:
                    raise InvalidMatcher(f"{where[:100]}…: nested too deeply")
                if at.fold and isinstance(operand, dict):
                    operand = {name.lower(): wanted for name, wanted in operand.items()}
                checked = at.words or at.number or at.check is not None
                return self._plain(operand, at, where) if checked else Equal(operand)
            case "contains":
                return Contains(
                    operand if isinstance(operand, str) else None, self._any(operand, where), operand
                )
            case "regex":
                self.patterns += 1
                return Matches(patterns.compiled(operand, where), operand)
            case "subset":
                if not isinstance(operand, dict):
                    raise InvalidMatcher(f"{where}: an object is expected")
                for inner in operand:
                    _refuse(at.check_name, inner, f"{where}.{inner[:MAX_SHOWN]}")
                if at.fold:
                    operand = {name.lower(): wanted for name, wanted in operand.items()}
                return self._subset(operand, where)
            case "one_of":
                if not isinstance(operand, list) or not operand:
                    raise InvalidMatcher(f"{where}: a list with something in it is expected")
                single = _single(at)
                return Either(
                    [self.field(one, single, f"{where}[{index}]") for index, one in enumerate(operand)],
                    operand,
                )
            case _:
                return Not(self.field(operand, _single(at), where), operand)

    def _tick(self, where: str) -> None:
        self._count += 1
        if self._count > MAX_TESTS:
            raise InvalidMatcher(f"{where}: a matcher has at most {MAX_TESTS} conditions")
        if where.count(".") + where.count("[") > 2 * MAX_DEPTH:
            raise InvalidMatcher(f"{where[:100]}…: nested too deeply")


_ANYTHING = Field()


def _single(at: Field) -> Field:
    return replace(at, read=None, many=False)


def _refuse(check: Check | None, value: Any, where: str) -> None:
    problem = check(value) if check is not None else None
    if problem is not None:
        raise InvalidMatcher(f"{where}: {problem}")


def _is_operation(spec: dict[str, Any]) -> bool:
    """Tell whether an object consists of operators: then it is not a subset."""
    return bool(spec) and all(name in OPERATORS for name in spec)


def _value(item: Mapping[str, Any], name: str, at: Field) -> Any:
    if at.read is not None:
        return at.read(item)
    value = item.get(name)
    if at.fold and isinstance(value, Mapping):
        return {key.lower(): content for key, content in value.items()}
    return value


def _depth(value: Any) -> int:
    """Return how deep a JSON value nests, or just more than may be."""
    level, depth = [value], 0
    while depth <= MAX_DEPTH:
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return depth
        depth += 1
    return depth
