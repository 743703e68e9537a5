"""Regular expressions that others wrote: bounded in time, and in what compiling them takes."""

from __future__ import annotations

import re
from typing import Any

from flaresend_mock.core.errors import InvalidMatcher

MAX_PATTERN = 1000
MAX_UNFOLDED = 20_000

_PARTS = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d*)(?:,(\d*))?\}|(?P<aside>\(\?#[^)]*\)|\(\?[A-Za-z0-9-]*\)|\s)|.",
    re.DOTALL,
)
"""What stands aside (comments, flags, and blanks, which may be nothing) may be between a group and how often it is."""


def _unfolded(pattern: str) -> int:
    """Return about how long a pattern is once its counted repetitions are written out, as compiling it does."""
    outer: list[int] = []
    size = last = before_note = 0
    for part in _PARTS.finditer(pattern):
        if part["aside"]:
            size += 1
            if part[0] == "\n":  # the end of a note, if there was one
                last, before_note = max(last, before_note), 0
        elif part[0] == "(":
            outer.append(size)
            size = last = 0
        elif part[0] == ")":
            last = size + 1
            size = last + (outer.pop() if outer else 0)
        elif part[1] or part[2]:
            times = min(int((part[2] or part[1])[:9]), 10**6)
            size += last * max(times - 1, 0)
            last *= max(times, 1)
        else:
            before_note = max(before_note, last) if part[0] == "#" else before_note
            last = 1
            size += 1
    return size


def compiled(spec: Any, where: str) -> Any:
    """Compile a regular expression.

    Raises:
        InvalidMatcher: it is none, or too long once its repetitions are written out; `where` it stands is said.
    """
    if not isinstance(spec, str) or len(spec) > MAX_PATTERN:
        raise InvalidMatcher(f"{where}: a regular expression of at most {MAX_PATTERN} characters is expected")
    if _unfolded(spec) > MAX_UNFOLDED:
        raise InvalidMatcher(f"{where}: not a regular expression that is short enough: it repeats too much")
    import regex  # takes a timeout, which the standard library's does not; few runs need it

    try:
        return regex.compile(spec)
    except (regex.error, ValueError, RecursionError, OverflowError, MemoryError) as error:
        raise InvalidMatcher(f"{where}: not a regular expression: {error}") from None
