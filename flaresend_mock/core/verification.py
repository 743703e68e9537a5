"""What happened, held against what was expected: counts, order, and the nearest miss."""

from __future__ import annotations

import difflib
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flaresend_mock.core.errors import MatcherTooSlow
from flaresend_mock.core.matchers.matchers import Miss
from flaresend_mock.core.matchers.parser import Matcher

Item = Mapping[str, Any]

MAX_COMPARED = 500
_MAX_TEXT = 500


class Gathering:
    """What fits a matcher, until there is enough of it. Many threads bring things, one waits for `news` of them.

    Args:
        wanted: how many are enough.
    """

    def __init__(self, matcher: Matcher, wanted: int) -> None:
        self.enough = threading.Event()
        self.news = threading.Event()
        self._later: deque[tuple[Any, int, Item]] = deque()
        self.error: MatcherTooSlow | None = None
        self._matcher = matcher
        self._wanted = wanted
        self._lock = threading.Lock()
        self._found: dict[Any, tuple[int, Item]] = {}
        self._seen: set[Any] = set()

    def look(self, key: Any, number: int, item: Item, *, newer: bool = True) -> None:
        """Look at something that happened; raises nothing.

        Args:
            key: what it is the same by as before, when it has changed since.
            number: the number of its event.
            newer: whether this is what it is like now, and not what it may have been like before.
        """
        if self.enough.is_set():
            return
        if newer and self._matcher.patterns:  # may take its time, which whoever waits has
            self._later.append((key, number, item))
            self.news.set()
            return
        self._take(key, number, item, newer=newer)
        if self.enough.is_set():
            self.news.set()

    def catch_up(self) -> None:
        """Look at what came meanwhile; whoever waits calls this at every `news`."""
        self.news.clear()
        while self._later and not self.enough.is_set():
            self._take(*self._later.popleft(), newer=True)
        if self.enough.is_set():
            self.news.set()

    def _take(self, key: Any, number: int, item: Item, *, newer: bool) -> None:
        with self._lock:
            if key in self._seen and not newer:
                return
            self._seen.add(key)
            try:
                fits = self._matcher.holds(item)
            except MatcherTooSlow as error:
                self.error = error
                self.enough.set()
                return
            if fits:
                self._found[key] = (number, item)
            else:
                self._found.pop(key, None)
            if len(self._found) >= self._wanted:
                self.enough.set()

    def found(self) -> list[Item]:
        """Return what fits, in the order it happened.

        Raises:
            MatcherTooSlow: a regular expression took too long.
        """
        if self.error is not None:
            raise self.error
        with self._lock:
            return [item for _, item in sorted(self._found.values(), key=lambda entry: entry[0])]


@dataclass(frozen=True, slots=True)
class Expectation:
    """How many there are to be, and which of them one after the other; others may come between those."""

    exactly: int | None = None
    at_least: int | None = None
    at_most: int | None = None
    in_order: Sequence[Matcher] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an expectation holds.

    `certain` tells whether that is so whatever else there may have been before; `problem` says what is wrong; `missing`
    is the first matcher of an order that nothing fits, and `left` what there was to fit it.
    """

    holds: bool
    certain: bool
    problem: str = ""
    missing: Matcher | None = None
    left: Sequence[Item] = ()


def judge(expected: Expectation, found: Sequence[Item]) -> Verdict:
    """Hold what was found against what was expected.

    Raises:
        MatcherTooSlow: a regular expression takes too long.
    """
    count = len(found)
    upper = [bound for bound in (expected.exactly, expected.at_most) if bound is not None]
    lower = [bound for bound in (expected.exactly, expected.at_least) if bound is not None]
    if upper and count > min(upper):
        return Verdict(False, True, f"expected {_wanted(expected)}, found {count}")
    if lower and count < max(lower):
        return Verdict(False, False, f"expected {_wanted(expected)}, found {count}")
    position = 0
    for step, matcher in enumerate(expected.in_order):
        left = found[position:]
        at = next((index for index, item in enumerate(left) if matcher.holds(item)), None)
        if at is None:
            after = f"after the one that fits in_order[{step - 1}]" if step else "at all"
            return Verdict(False, False, f"nothing fits in_order[{step}] {after}", matcher, left)
        position += at + 1
    return Verdict(True, certain=not upper)


def nearest(matcher: Matcher, items: Iterable[Item]) -> tuple[Item, list[Miss]] | None:
    """Return what comes closest to a matcher, and in which fields it misses: the fewest, the likest, then the newest.

    Raises:
        MatcherTooSlow: a regular expression takes too long.
    """
    best: tuple[tuple[int, float], Item, list[Miss]] | None = None
    for item in list(items)[-MAX_COMPARED:]:
        misses = matcher.misses(item)
        distance = (len(misses), -sum(map(_likeness, misses)))
        if misses and (best is None or distance <= best[0]):
            best = (distance, item, misses)
    return None if best is None else best[1:]


def _likeness(miss: Miss) -> float:
    expected = miss.expected
    if isinstance(expected, Mapping) and len(expected) == 1:
        expected = next(iter(expected.values()))
    if not isinstance(expected, str) or not isinstance(miss.actual, str):
        return 0.0
    return difflib.SequenceMatcher(None, expected[:_MAX_TEXT], miss.actual[:_MAX_TEXT]).quick_ratio()


def _wanted(expected: Expectation) -> str:
    parts = []
    if expected.exactly is not None:
        parts.append(f"exactly {expected.exactly}" if expected.exactly else "none")
    if expected.at_least is not None:
        parts.append(f"at least {expected.at_least}")
    if expected.at_most is not None:
        parts.append(f"at most {expected.at_most}")
    return " and ".join(parts)
