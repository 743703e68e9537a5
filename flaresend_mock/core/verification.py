"""Compares what happened with what was expected: counts, order, and the nearest miss."""

import difflib
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from flaresend_mock.core.bounded_store import limited_work
from flaresend_mock.core.errors import InvalidMatcher
from flaresend_mock.core.matchers.matchers import Miss
from flaresend_mock.core.matchers.parser import Matcher
from flaresend_mock.core.model import model

Item = Mapping[str, Any]

MAX_COMPARED = 500
LIGHT = 4 * 1024  # bytes of an item that is parsed and matched where it comes from: there, the world waits
_MAX_TEXT = 500


class Gathering:
    """Collects the items that match, until there are enough. Many threads `put` items; one waits for them.

    That one looks at items in the `queue`, which are large or need a regular expression: there is `news` for it.
    """

    def __init__(self, matcher: Matcher, wanted: int) -> None:
        self.news = threading.Event()
        self.enough = False
        self._matcher, self._wanted = matcher, wanted
        self._lock = threading.Lock()
        self._found: dict[Any, tuple[int, Item]] = {}
        self.queue: deque[tuple[Any, int, Item]] = deque()
        self._behind = True  # until the thread that waits has looked at all that came
        self.bytes = 0  # of what was found and what is queued, as far as items tell their `size`

    def put(self, key: Any, number: int, item: Item) -> None:
        """Queue an item of the event with this number, or look at it at once."""
        size = getattr(item, "size", 0)
        with self._lock:
            self._behind |= self._matcher.program > 0 or size > LIGHT
            if self._behind:
                self.queue.append((key, number, item))
                self.bytes += size
                self.news.set()
                return
        self.look(key, number, item)

    def look(self, key: Any, number: int, item: Item) -> None:
        """Add an item if it matches, and drop its earlier state, of the same `key`."""
        matches = not self.enough and self._matcher.holds(item)
        with self._lock:
            if self.enough:
                return
            _, former = self._found.pop(key, (0, {}))
            self.bytes -= getattr(former, "size", 0)
            if matches:
                self._found[key] = (number, item)
                self.bytes += getattr(item, "size", 0)
            if len(self._found) >= self._wanted:
                self.enough = True
                self.news.set()

    def look_at_next(self) -> bool:
        """Look at the next item that is queued, if there is one, and return whether there are enough."""
        with self._lock:
            self._behind = bool(self.queue)
            if self.enough or not self.queue:
                self.news.clear()
                return self.enough
            key, number, item = self.queue.popleft()
            self.bytes -= getattr(item, "size", 0)
        self.look(key, number, item)
        return self.enough

    def found(self) -> list[Item]:
        """Return the items that match, in the order of their events."""
        with self._lock:
            return [item for _, item in sorted(self._found.values(), key=lambda entry: entry[0])]


@model
class Verdict:
    """The result of an expectation: whether it holds or what the `problem` is.

    Items that are no longer kept cannot change a `certain` result. `missing` is the first matcher of `in_order` that no
    item meets; the items that are `left` were compared with it.
    """

    holds: bool
    certain: bool
    problem: str = ""
    missing: Matcher | None = None
    left: Sequence[Item] = ()


def judge(found: Sequence[Item], in_order: Sequence[Matcher] = (), **counts: int) -> Verdict:
    """Compare the items that were found with their expected number: `exactly`, `at_least` or `at_most` as many.

    Items must also meet the matchers `in_order`; others may lie between.
    """
    upper = [counts[name] for name in ("exactly", "at_most") if name in counts]
    lower = [counts[name] for name in ("exactly", "at_least") if name in counts]
    too_many = bool(upper) and len(found) > min(upper)
    if too_many or (lower and len(found) < max(lower)):
        wanted = " and ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
        wanted = "none" if wanted == "exactly 0" else wanted
        return Verdict(False, too_many, f"expected {wanted}, found {len(found)}")
    position = 0
    for step, matcher in enumerate(in_order):
        left = found[position:]
        at = next((index for index, item in enumerate(left) if matcher.holds(item)), None)
        if at is None:
            after = f"after the one that fits in_order[{step - 1}]" if step else "at all"
            return Verdict(False, False, f"nothing fits in_order[{step}] {after}", matcher, left)
        position += at + 1
    return Verdict(True, certain=not upper)


def nearest(matcher: Matcher, items: Iterable[Item]) -> tuple[Item, list[Miss]] | None:
    """Return the item nearest to a matcher, and its misses: the fewest misses, the most similar, then the newest."""
    compared = []
    with limited_work():
        for item in reversed(list(items)[-MAX_COMPARED:]):
            with suppress(InvalidMatcher):  # to search its texts again takes too long
                if misses := matcher.misses(item):
                    compared.append((item, misses))
    return min(compared, key=lambda pair: (len(pair[1]), -sum(map(_likeness, pair[1]))), default=None)


def _likeness(miss: Miss) -> float:
    expected = miss.expected
    if isinstance(expected, Mapping) and len(expected) == 1:
        expected = next(iter(expected.values()))
    if not isinstance(expected, str) or not isinstance(miss.actual, str):
        return 0.0
    return difflib.SequenceMatcher(None, expected[:_MAX_TEXT], miss.actual[:_MAX_TEXT]).quick_ratio()
