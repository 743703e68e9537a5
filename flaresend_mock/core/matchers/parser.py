"""Reads matchers: objects of fields, each with a value or with operators."""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from itertools import chain
from typing import Any

from flaresend_mock.core import numbers, paths, redaction
from flaresend_mock.core.bounded_store import is_deeper
from flaresend_mock.core.errors import InvalidMatcher, require
from flaresend_mock.core.matchers import matchers
from flaresend_mock.core.matchers.matchers import Miss, Test
from flaresend_mock.core.model import model

OPERATORS = ("equal", "contains", "regex", "subset", "one_of", "not")
MAX_DEPTH = 20
MAX_TESTS = 1000
MAX_SHOWN = 100
MAX_PROGRAM = 200_000  # how many instructions the regular expressions of a matcher compile to; it has 100 at most

Check = Callable[[Any], str | None]

BODY_FIELDS = tuple(
    """recipients type text url file template caption fileName mimetype sendAt subject description picture
    participants action groupJids name number""".split()
)
"""The fields that documented calls have in their bodies."""
EVENT_FIELDS = ("event", "instanceId", "data", "timestamp")  # the fields of a webhook event
_NUMBERED = ("recipients", "participants", "number")


@model
class Field:
    """A field that matchers can name."""

    read: Callable[[Mapping[str, Any]], Any] | None = None  # takes the value from an item; None takes that of this name
    number: bool = False  # the field holds a phone number; spellings of one number are equal
    many: bool = False  # the field has several values; one of them must match
    words: tuple[str, ...] = ()  # the values that the field can have; other words are refused
    known: Collection[str] | None = None  # the names that the field's object can have; others need `subset`
    fold: bool = False  # the names in the field's object are the same in upper and lower case, as in headers
    free: bool = False  # the field holds any JSON
    check: Check | None = None  # returns why the field can never have a value, or None
    check_name: Check | None = None  # returns why the field's object can never have a name, or None
    check_regex: Check | None = None  # returns why a regular expression can never be found in the field, or None
    spelled: tuple[Callable[[str], str], Callable[[str], str]] | None = None  # how it spells a whole text, and a part


@model
class Matcher:
    """Conditions on the fields of an item, all of which must hold; without conditions, every item matches."""

    tests: Sequence[tuple[str, Field, Test]] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    program: int = 0  # how many instructions its regular expressions have
    warned: bool = False  # the log says that it takes too long

    def holds(self, item: Mapping[str, Any]) -> bool:
        for name, at, test in self.tests:  # noqa: SIM110 - hundreds may wait for each event
            if not test.holds(_value(item, name, at)):
                return False
        return True

    def misses(self, item: Mapping[str, Any]) -> list[Miss]:
        """Return each difference between an item and the expectation."""
        return [miss for name, at, test in self.tests for miss in test.misses(_value(item, name, at), name)]


def compile_matcher(spec: Any, known: Mapping[str, Field], where: str = "match") -> Matcher:
    """Compile a matcher that can name these `known` fields.

    InvalidMatcher says what is wrong, at which place inside of `where`, and suggests the nearest known name.
    """
    spec = as_object(spec)
    if not isinstance(spec, dict):
        raise InvalidMatcher(f"{where}: a matcher is an object of fields, such as {{}} for everything")
    reader = _Reader()
    tests = []
    for name, wanted in spec.items():
        if name not in known:
            raise InvalidMatcher(f"{where}: {unknown(name, known)}")
        tests.append((name, known[name], reader.field(wanted, known[name], f"{where}.{name}")))
    tests.sort(key=lambda entry: entry[1].known is not None or entry[1].free)  # cheap comparisons first
    return Matcher(tests, spec, reader.program)


def as_object(value: Any) -> Any:
    """Return an empty object for an empty list, where an object is expected: PHP's json_encode writes both as []."""
    return {} if value == [] else value


def unknown(name: str, known: Collection[str]) -> str:
    """Say that a name is not known, and suggest the nearest one."""
    short = name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…"
    folded = {one.lower(): one for one in known}
    close = difflib.get_close_matches(short.lower(), folded, n=1)
    every = f"known here: {', '.join(known)}" if known else "nothing is"
    return f"{short!r} is not known; {f'did you mean {folded[close[0]]!r}?' if close else every}"


class _Reader:
    def __init__(self) -> None:
        self._count = 0
        self.program = 0

    def field(self, spec: Any, at: Field, where: str) -> Test:
        spec = as_object(spec) if at.fold else spec
        if at.many and isinstance(spec, dict) and spec.keys() == {"not"}:
            self._tick(where)  # no value may match, rather than: one value may differ
            return self._negation(spec["not"], at, f"{where}.not")
        if isinstance(spec, dict) and (at.free or at.known is not None) and not _is_operation(spec):
            test: Test = self._shorthand(spec, at, where)
        elif isinstance(spec, dict):
            test = self._operation(spec, at, where)
        else:
            test = self._plain(spec, at, where)
        return matchers.condition(spec, lambda values: any(map(test.holds, values))) if at.many else test

    def _negation(self, spec: Any, at: Field, where: str) -> Test:
        test = self.field(spec, at, where)
        return matchers.condition({"not": spec}, lambda value: not test.holds(value))

    def _shorthand(self, spec: dict[str, Any], at: Field, where: str) -> Test:
        """Read an object of fields as a subset; where the fields are known, only `template` and `data` hold objects."""
        if at.fold or at.known is None:
            return self._subset(self._folded(spec, at, where), where, strict=at.fold)
        for name in spec:
            if name not in at.known:
                raise InvalidMatcher(f'{where}: {unknown(name, at.known)} (others are named with "subset")')
        return self._subset(spec, where, strict=True)

    def _folded(self, spec: dict[str, Any], at: Field, where: str) -> dict[str, Any]:
        """Check the names of an object, and write them in lower case where case makes no difference."""
        for name in spec:
            _refuse(at.check_name, name, f"{where}.{name[:MAX_SHOWN]}")
        return {name.lower(): wanted for name, wanted in spec.items()} if at.fold else spec

    def _subset(self, spec: dict[str, Any], where: str, *, strict: bool = False) -> Test:
        self._tick(where)
        tests = {}
        for name, wanted in spec.items():
            inner = f"{where}.{name}"
            plain = not strict or name in ("template", "data")
            tests[name] = self._any(wanted, inner) if plain else self.field(wanted, _ANYTHING, inner)
        return matchers.subset(tests)

    def _any(self, spec: Any, where: str) -> Test:
        if not isinstance(spec, dict):
            return self._plain(spec, _ANYTHING, where)
        return self._operation(spec, _ANYTHING, where) if _is_operation(spec) else self._subset(spec, where)

    def _plain(self, spec: Any, at: Field, where: str) -> Test:
        self._tick(where)
        _refuse(at.check, spec, where)
        if at.words and isinstance(spec, str) and spec not in at.words:
            raise InvalidMatcher(f"{where}: {unknown(spec, at.words)}")
        if isinstance(spec, list):
            return matchers.items([self._any(one, f"{where}[{index}]") for index, one in enumerate(spec)], spec)
        if at.spelled and isinstance(spec, str):
            spellings = (spec, at.spelled[0](spec))
            return matchers.condition(spec, lambda value: value in spellings)
        return matchers.same_number(spec) if at.number else matchers.equal(spec)

    def _operation(self, spec: dict[str, Any], at: Field, where: str) -> Test:
        require(spec, InvalidMatcher, f"{where}: an operator is expected: {', '.join(OPERATORS)}")
        tests = []
        for name, operand in spec.items():
            if name not in OPERATORS:
                raise InvalidMatcher(f"{where}: {unknown(name, OPERATORS)}")
            tests.append(self._operator(name, operand, at, f"{where}.{name}"))
        return tests[0] if len(tests) == 1 else matchers.every(tests)

    def _operator(self, name: str, operand: Any, at: Field, where: str) -> Test:
        self._tick(where)
        single = replace(at, read=None, many=False)
        match name:
            case "equal":
                require(not is_deeper(operand, MAX_DEPTH + 1), InvalidMatcher, f"{where[:100]}…: nested too deeply")
                if at.fold and isinstance(operand, dict):
                    operand = {name.lower(): wanted for name, wanted in operand.items()}
                checked = at.words or at.number or at.check is not None
                return self._plain(operand, at, where) if checked else matchers.equal(operand)
            case "contains":
                spelled = at.spelled[1](operand) if at.spelled and isinstance(operand, str) else operand
                return matchers.contains(operand, self._any(operand, where), spelled)
            case "regex":
                _refuse(at.check_regex, operand, where)
                is_found, size = matchers.compile_regex(operand, where)
                self.program += max(size, MAX_PROGRAM // 100)
                if self.program > MAX_PROGRAM:
                    raise InvalidMatcher(f"{where}: the regular expressions of this matcher are too large together")
                return matchers.condition({"regex": operand}, is_found)
            case "subset":
                operand = as_object(operand)
                require(isinstance(operand, dict), InvalidMatcher, f"{where}: an object is expected")
                return self._subset(self._folded(operand, at, where), where)
            case "one_of":
                is_list = isinstance(operand, list) and bool(operand)
                require(is_list, InvalidMatcher, f"{where}: a list with at least one item is expected")
                choices = [self.field(one, single, f"{where}[{index}]") for index, one in enumerate(operand)]
                return matchers.condition({"one_of": operand}, lambda value: any(one.holds(value) for one in choices))
            case _:
                return self._negation(operand, single, where)

    def _tick(self, where: str) -> None:
        self._count += 1
        require(self._count <= MAX_TESTS, InvalidMatcher, f"{where}: a matcher has at most {MAX_TESTS} conditions")
        depth = where.count(".") + where.count("[")
        require(depth <= 2 * MAX_DEPTH, InvalidMatcher, f"{where[:100]}…: nested too deeply")


_ANYTHING = Field()


def _refuse(check: Check | None, value: Any, where: str) -> None:
    problem = check(value) if check is not None else None
    require(problem is None, InvalidMatcher, f"{where}: {problem}")


def _is_operation(spec: dict[str, Any]) -> bool:
    return bool(spec) and all(name in OPERATORS for name in spec)


def _value(item: Mapping[str, Any], name: str, at: Field) -> Any:
    if at.read is not None:
        return at.read(item)
    value = item.get(name)
    if at.fold and isinstance(value, Mapping):
        return {key.lower(): content for key, content in value.items()}
    return value


def numbers_in(body: Any) -> list[str]:
    """Return the digits of each phone number in a body: recipients, participants and number."""
    values = [body.get(name) for name in _NUMBERED] if isinstance(body, Mapping) else []
    given = chain.from_iterable(value if isinstance(value, list) else [value] for value in values)
    return [digits for one in given if (digits := numbers.parse(one))]


def check_path(value: Any) -> str | None:
    """Return why no call of the API can have a path."""
    if not isinstance(value, str) or not value.startswith("/"):
        return "a path begins with a slash"
    if "?" in value:
        return "a path has no query; that is matched with query (a question mark in a path is written %3F)"
    return "calls of the control plane are not matched" if value.startswith("/_mock") else None


def check_path_regex(pattern: Any) -> str | None:
    """Return why no path has what a regular expression finds."""
    found = paths.first_encoded(pattern) if isinstance(pattern, str) else None
    hint = f"{paths.decoded(found)!r} instead of {found!r}" if found else ""
    return f"paths are matched percent-decoded: write {hint}, or match raw_path" if found else None


def check_number(value: Any) -> str | None:
    return None if numbers.parse(value) else "not a phone number in international format"


_MASKED = "credentials are masked; match the API key with key"
_NO_ID = "the id of an instance is expected here"

HEADERS = Field(fold=True, free=True, check_name=lambda name: _MASKED if redaction.is_secret(name) else None)
PATH = Field(check=check_path, check_regex=check_path_regex, spelled=(paths.routed, paths.decoded))
RAW_PATH = Field(check=check_path)
INSTANCE = Field(check=lambda value: _NO_ID if value == "default" else None)

CALL_FIELDS: Mapping[str, Field] = {
    "method": Field(words=("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")),
    "path": PATH,
    "raw_path": RAW_PATH,
    "query": Field(),
    "headers": HEADERS,
    "body": Field(known=BODY_FIELDS),
    "number": Field(lambda call: numbers_in(call["body"]), number=True, many=True, check=check_number),
    "key": Field(),
    "instance": INSTANCE,
}
DELIVERY_FIELDS: Mapping[str, Field] = {
    "instance": INSTANCE,
    "chat": Field(),
    "number": Field(lambda event: event["number"], number=True, many=True, check=check_number),
    "message": Field(),
    "url": Field(),
    "body": Field(known=EVENT_FIELDS),
}
