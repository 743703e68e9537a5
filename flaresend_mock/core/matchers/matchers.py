"""Conditions on JSON values: each tells whether a value meets it, and lists what differs.

Regular expressions have Python's syntax and meaning. RE2 runs them in time linear in the length of the text, so each is
translated: Python's own parser reads it, and what RE2 cannot do is refused.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib import import_module
from itertools import chain
from typing import Any

from flaresend_mock.core import numbers
from flaresend_mock.core.bounded_store import limit
from flaresend_mock.core.errors import InvalidMatcher
from flaresend_mock.core.model import model, told

MAX_PATTERN = 1000
MAX_REPEAT = 1000
MAX_GROUPS = 100
MAX_MEMORY = 8 * 1024 * 1024  # bytes that one of them takes compiled, with what it remembers of texts
MAX_TRANSLATION = 512 * 1024
MAX_COMPILED = 16  # the last ones that were used, of all worlds and waits, are kept compiled
MAX_WORK = 4_000_000_000  # instructions times characters of a text: RE2 may have to try each at each
_COMPILING = 256  # characters that take as long as compiling again
_COMPARING = 100  # characters that take as long as comparing an item of a list

_ABSENT = object()


@model
class Miss:
    """A field that differs from what a matcher expects."""

    field: str = told("The field.")
    expected: Any = told("The matcher's condition.")
    actual: Any = told("The value of the item.", default=None)
    missing: bool = told("Whether the item lacks the field.", default=False)


@dataclass(slots=True, eq=False, repr=False)
class Test:
    """One condition on a value. (It has no == and no repr: generating those slows every start.)"""

    misses: Callable[[Any, str], Iterator[Miss]]  # yields each difference from the expectation, with its place
    holds: Callable[[Any], bool]  # tells whether there is none


def condition(expected: Any, meets: Callable[[Any], bool]) -> Test:
    """Return a test that a value passes or fails as a whole; its miss shows what is `expected`."""
    return Test(partial(_misses, expected, meets), meets)  # a function of its own takes twice the memory


def subset(tests: Mapping[str, Test]) -> Test:
    """Compare the named fields of an object, and ignore the others."""

    def misses(value: Any, where: str) -> Iterator[Miss]:
        inside = value if isinstance(value, Mapping) else {}
        for name, test in tests.items():
            yield from test.misses(inside.get(name, _ABSENT), f"{where}.{name}" if where else name)
        if not isinstance(value, Mapping) and not tests:
            yield _miss(where, {}, value)

    return _without(misses)


def items(tests: Sequence[Test], expected: Any) -> Test:
    """Compare a list item by item."""

    def misses(value: Any, where: str) -> Iterator[Miss]:
        if not isinstance(value, list | tuple) or len(value) != len(tests):
            yield _miss(where, expected, value)
            return
        for index, (test, one) in enumerate(zip(tests, value, strict=True)):
            yield from test.misses(one, f"{where}[{index}]")

    return _without(misses)


def every(tests: Sequence[Test]) -> Test:
    return _without(lambda value, where: chain.from_iterable(test.misses(value, where) for test in tests))


def equal(expected: Any) -> Test:
    return condition(expected, partial(same, expected))


def same_number(expected: Any) -> Test:
    """Compare phone numbers by their digits."""
    digits = numbers.parse(expected) or expected
    return condition(expected, lambda value: same(numbers.parse(value) or value, digits))


def contains(expected: Any, item: Test, spelled: Any) -> Test:
    """Find a text, or how it is `spelled`, in a text; or an item that meets a test in a list."""

    def found(value: Any) -> bool:
        if isinstance(value, str):
            _spend(2 * len(value), "contains")
            return isinstance(expected, str) and (expected in value or spelled in value)
        if not isinstance(value, list | tuple):
            return False
        _spend(_COMPARING * len(value), "contains")
        return any(map(item.holds, value))

    return condition({"contains": expected}, found)


def same(first: Any, second: Any) -> bool:
    """Compare two JSON values: numbers are equal by value, and true is not 1."""
    if isinstance(first, str) or isinstance(second, str):
        return bool(first == second)
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, Mapping | list | tuple):
        _spend(_COMPARING * len(first), "a comparison")
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def _misses(expected: Any, meets: Callable[[Any], bool], value: Any, where: str) -> Iterator[Miss]:
    if not meets(value):
        yield _miss(where, expected, value)


def _miss(where: str, expected: Any, value: Any) -> Miss:
    return Miss(where, expected, missing=True) if value is _ABSENT else Miss(where, expected, value)


def _without(misses: Callable[[Any, str], Iterator[Miss]]) -> Test:
    return Test(misses, lambda value: next(misses(value, ""), None) is None)


def _spend(work: int, what: str, where: str = "") -> None:
    """Take work, in searched characters, from what this thread may do; InvalidMatcher if it is too much."""
    left = getattr(limit, "left", None)
    if work > (MAX_WORK if left is None else left):
        raise InvalidMatcher(f"{what} takes too long{where}")
    if left is not None:
        limit.left = left - work


# Regular expressions

Ranges = Sequence[tuple[int, int]]

# private, and the only exact readers of Python's syntax and cases
_parser: Any = import_module("re._parser")
_sre: Any = import_module("_sre")
_MORE_CASES: Mapping[int, tuple[int, ...]] = import_module("re._casefix")._EXTRA_CASES
_LAST = 0x10FFFF
_CLASSIFIED = 0x40000  # Unicode has no letters, digits or spaces from here on
_CASED = 0x1F000  # nor upper and lower case from here on
_UNSUPPORTED = "look-around, back-references, conditions and possessive quantifiers are not supported"
_PIECE = 50_000  # pads a long text piece by piece, to save memory
_POSITIONS = {"AT_BEGINNING": r"\A", "AT_BEGINNING_STRING": r"\A", "AT_END_STRING": r"\z"}


def compile_regex(spec: Any, where: str) -> tuple[Callable[[Any], bool], int]:
    """Return what tells whether a regular expression is found in a value, and how many instructions it compiles to.

    InvalidMatcher, at `where`, if it is wrong, too large, or beyond RE2; and later if a text takes too long.
    """
    if not isinstance(spec, str) or len(spec) > MAX_PATTERN:
        raise InvalidMatcher(f"{where}: a regular expression of at most {MAX_PATTERN} characters is expected")
    try:
        pattern, padded = _compiled(spec)
    except _Unsupported as error:
        raise InvalidMatcher(f"{where}: {error}") from None
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as error:
        raise InvalidMatcher(f"{where}: not a regular expression: {error}") from None
    size = pattern.programsize
    cost = 3 * size if padded else size

    def is_found(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        said = f"{where[:100]}: a regular expression of {size:,} instructions"
        _spend(cost * (len(value) + _COMPILING), said, f" in a text of {len(value):,} characters")
        pattern, padded = _compiled(spec)
        text = _padded(value) if padded else value
        return pattern.search(text.encode("utf-8", "surrogatepass")) is not None

    return is_found, size


@lru_cache(MAX_COMPILED)
def _compiled(spec: str) -> tuple[Any, bool]:
    """Return a regular expression as RE2 searches it, and whether it does in a `padded` text."""
    import re2  # few runs need it

    options, translation = re2.Options(), _Translation(spec)
    options.log_errors, options.max_mem = False, MAX_MEMORY
    re2.purge()  # it keeps others
    try:
        return re2.compile(translation.text, options), translation.padded
    except re2.error:
        raise _Unsupported("not a regular expression that is small enough") from None


class _Unsupported(ValueError):
    """An expression that is right, and that RE2 does not search."""


class _Translation:
    r"""A Python pattern in the syntax of RE2, found in the same texts.

    RE2's \b knows ASCII letters only. A pattern with \b is searched in a `padded` text, in which \b is right for all
    letters; there, each character takes three places. (One difference: after $ without (?m), no newline is found.)
    """

    def __init__(self, spec: str) -> None:
        if spec.count("(") > MAX_GROUPS:
            raise ValueError(f"it has more than {MAX_GROUPS} opening parentheses")
        tree = _parser.parse(spec)
        flags = tree.state.flags
        self.padded = not flags & re.ASCII and bool(re.search(r"\\[bB]", spec))
        text = self._sequence(tree, flags)
        self.text = rf"\A(?s:...)*(?:{text})" if self.padded else text
        if len(self.text) > MAX_TRANSLATION:
            raise ValueError(r"it has too many classes of characters, such as \w")

    def _sequence(self, parts: Iterable[tuple[Any, Any]], flags: int) -> str:
        return "".join(self._part(str(kind), given, flags) for kind, given in parts)

    def _part(self, kind: str, given: Any, flags: int) -> str:
        match kind:
            case "LITERAL" | "NOT_LITERAL" | "ANY":
                return self._one(_characters([(kind, given)], flags))
            case "IN":
                return self._one(_characters(given, flags))
            case "AT":
                return self._position(str(given), flags)
            case "BRANCH":
                return f"(?:{'|'.join(self._sequence(branch, flags) for branch in given[1])})"
            case "SUBPATTERN":
                _, added, removed, parts = given
                if added & (re.ASCII | re.UNICODE):
                    flags &= ~(re.ASCII | re.UNICODE)
                return f"(?:{self._sequence(parts, (flags | added) & ~removed)})"
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, parts = given
                bound = "" if most == _parser.MAXREPEAT else most
                if max(least, bound or 0) > MAX_REPEAT:
                    raise ValueError(f"it repeats more than {MAX_REPEAT} times")
                return f"(?:{self._sequence(parts, flags)}){{{least},{bound}}}"
        raise _Unsupported(_UNSUPPORTED)

    def _one(self, ranges: Ranges) -> str:
        """Write one character of these ranges; a few as [k]|[K], as RE2 takes [kK] for (?i:k), which has more cases."""
        inside = [rf"\x{{{low:x}}}-\x{{{high:x}}}" for low, high in ranges] or [r"^\x{0}-\x{10ffff}"]
        one = f"(?:[{']|['.join(inside)}])" if len(inside) <= 3 else f"[{''.join(inside)}]"
        return f"(?s:.){one}(?s:.)" if self.padded else one

    def _position(self, name: str, flags: int) -> str:
        if flags & re.MULTILINE and name in ("AT_BEGINNING", "AT_END"):
            return "(?m:^)" if name == "AT_BEGINNING" else "(?m:$)"
        if name == "AT_END":
            return rf"(?:(?:{self._one([(10, 10)])})?\z)"
        if name in ("AT_BOUNDARY", "AT_NON_BOUNDARY"):
            if self.padded == bool(flags & re.ASCII):
                raise _Unsupported(r"\b needs (?a) or (?u) for the whole expression")
            return r"\b" if name == "AT_BOUNDARY" else r"\B"
        return _POSITIONS[name]


def _padded(text: str) -> str:
    r"""Put each character between two that RE2's \b, ^ and $ take for the same kind: letter, newline or other."""
    if len(text) > _PIECE:
        return "".join(_padded(text[start : start + _PIECE]) for start in range(0, len(text), _PIECE))
    runs = enumerate(re.split(r"(\w+)", text))
    return "".join(
        f"a{'aa'.join(run)}a" if place % 2 else f" {'  '.join(run)} ".replace(" \n ", "\n\n\n")
        for place, run in runs
        if run
    )


def _characters(items: Iterable[tuple[Any, Any]], flags: int) -> Ranges:
    """Return the characters that one part of a pattern matches, such as x or [^a-z]."""
    negated = False
    named: list[tuple[int, int]] = []
    categories: list[tuple[int, int]] = []
    for kind, given in items:
        negated = negated or str(kind) in ("NEGATE", "NOT_LITERAL", "ANY")
        if str(kind) in ("LITERAL", "NOT_LITERAL"):
            named.append((given, given))
        elif str(kind) == "RANGE":
            named.append(given)
        elif str(kind) == "CATEGORY":
            categories += _category(str(given), flags & re.ASCII)
        elif str(kind) == "ANY" and not flags & re.DOTALL:
            named.append((10, 10))
    others = _others([*_with_cases(named, flags), *categories])
    return others if negated else _others(others)


@cache
def _category(name: str, flags: int) -> Ranges:
    r"""Return the characters of \d, \s, \w, \D, \S or \W, which depend on the version of Python."""
    letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[name.rpartition("_")[2]]
    characters = "".join(map(chr, range(_CLASSIFIED)))
    found = [(run.start(), run.end() - 1) for run in re.compile(rf"\{letter}+", flags).finditer(characters)]
    return _others(found) if "_NOT_" in name else found


def _others(ranges: Ranges) -> Ranges:
    others, after = [], 0
    for low, high in sorted(ranges):
        if low > after:
            others.append((after, low - 1))
        after = max(after, high + 1)
    return [*others, (after, _LAST)] if after <= _LAST else others


def _with_cases(ranges: Ranges, flags: int) -> Ranges:
    if not flags & re.IGNORECASE:
        return ranges
    codes, cases = _cases()
    found = (codes[bisect_left(codes, low) : bisect_right(codes, high)] for low, high in _others(_others(ranges)))
    pairs = ((code, other) for code in chain.from_iterable(found) for other in cases[code])
    return [*ranges, *((other, other) for code, other in pairs if not flags & re.ASCII or max(code, other) < 128)]


@cache
def _cases() -> tuple[Sequence[int], Mapping[int, Sequence[int]]]:
    """Return the characters that have cases, in order; and for each, itself and its other cases."""
    groups: dict[int, list[int]] = {}
    for code in range(_CASED):
        lower = _sre.unicode_tolower(code)
        groups.setdefault(min(lower, *_MORE_CASES.get(lower, (lower,))), []).append(code)
    cases = {code: group for group in groups.values() if len(group) > 1 for code in group}
    return sorted(cases), cases
