"""Decodes JSON into the core's models, and names the place of each mistake.

msgspec checks the types. It accepts unknown fields, infinite numbers and times without an offset, and knows no rules
for values; these are checked first.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from functools import cache
from math import isfinite
from typing import Any, get_args, get_origin, get_type_hints

from marshmallow import ValidationError

from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.models import Task
from flaresend_mock.world_format.schema import LISTED, RULES, EventRecord, Listed, not_known

MAX_DEPTH = 200  # twice that of request bodies, because payloads may quote them
WHOLE = "the file"
"""The place of a mistake that concerns the whole file."""
_FIRST_DAY, _LAST_DAY = "1970-01-01", "9999-12-30"
_OFFSET = re.compile(r"([Zz]|[+-][0-9]{2}:?[0-9]{2})\Z")

Check = Callable[[Any], None]

_known_types_lock = threading.Lock()
_known_types: set[Any] = set()


class _Mistake(Exception):
    """A value that does not fit; `steps` lead to it, the last one first."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.steps: list[str] = []


def decode(data: Any, kind: Any, where: str) -> Any:
    """Decode JSON into a type.

    Args:
        where: the place of the data in its file.

    Raises:
        InvalidWorld: the data does not have this type, or has unknown fields, or values against the rules.
    """
    import msgspec

    try:
        check = _check_of(kind)
        if check is not None:
            check(data)
        if kind not in LISTED or not isinstance(data, dict):
            return convert(data, kind)
        listed = LISTED[kind]
        rest = {name: value for name, value in data.items() if name != listed.name}
        return _with_list(convert(rest | {listed.field: {}}, kind), listed, data, where)
    except _Mistake as mistake:
        path, problem = "".join(reversed(mistake.steps)), mistake.problem
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        path, problem = path.rstrip("`"), f"{problem}."
        missing = re.fullmatch(r"Object missing required field `(\w+)`\.", problem)
        if missing:
            path, problem = f"{path}.{missing[1]}", "This field is required."
    except RecursionError:
        path, problem = "", "This is nested too deeply."
    raise InvalidWorld(where + path, problem)


def convert(data: Any, kind: Any) -> Any:
    """Convert plain data to a type.

    msgspec inspects a type under a lock: two threads that meet a new type at once end the process.
    """
    import msgspec

    with _known_types_lock:
        if kind not in _known_types:
            msgspec.json.Decoder(kind)
            _known_types.add(kind)
    return msgspec.convert(data, kind, strict=True)


def _with_list(record: Any, listed: Listed, data: Mapping[str, Any], where: str) -> Any:
    """Return a record with the mapping that is a list in JSON."""
    place = f"{where}.{listed.name}"
    if listed.name not in data:
        if listed.required:
            raise InvalidWorld(place, "This field is required.")
        return record
    items = decode(data[listed.name], listed.kind, place)
    by_number = {item.number: listed.value(item) for item in items}
    if len(by_number) < len(items):
        raise InvalidWorld(place, "A number appears twice.")
    return replace(record, **{listed.field: by_number})


@cache
def _check_of(hint: Any) -> Check | None:
    """Return a check of what msgspec accepts and a world does not; None if there is nothing to check."""
    simple: dict[Any, Check] = {Any: _check_json, float: _check_float, datetime: _check_time}
    if hint in simple:
        return simple[hint]
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _record_check(hint)
    checks = [check for check in map(_check_of, get_args(hint)) if check is not None]
    if not checks:
        return None
    (check,) = checks
    if get_origin(hint) is tuple:
        return _each(check, list, enumerate, "[{}]")
    return _each(check, dict, dict.items, ".{}") if get_origin(hint) in (dict, Mapping) else check


def _check_json(data: Any, depth: int = 0) -> None:
    if isinstance(data, float):
        _check_float(data)
    elif isinstance(data, dict | list):
        if depth == MAX_DEPTH:
            raise _Mistake("This is nested too deeply.")
        for inner in data.values() if isinstance(data, dict) else data:
            if isinstance(inner, dict | list | float):
                _check_json(inner, depth + 1)


def _check_float(data: Any) -> None:
    try:
        fits = not isinstance(data, float | int) or isfinite(data)
    except OverflowError:
        fits = False
    if not fits:
        raise _Mistake("A finite number is expected here.")


def _check_time(data: Any) -> None:
    if isinstance(data, str) and not data.endswith("Z"):
        raise _Mistake("A time in UTC is expected here, such as 2025-11-14T13:00:00Z.")
    if isinstance(data, str) and not _FIRST_DAY <= data[:10] <= _LAST_DAY:
        raise _Mistake("A time from 1970 to 9999 is expected here, in which every time zone has a day.")


def _check_local_time(data: Any) -> None:
    if isinstance(data, str) and _OFFSET.search(data, 10):
        raise _Mistake("A time without an offset is expected here, such as 2025-11-14T13:00:00.")


_SPECIAL: Mapping[tuple[type, str], Check | None] = {
    (Task, "local_time"): _check_local_time,
    (EventRecord, "subject"): None,  # checked once its kind is known
}


def _record_check(kind: type) -> Check:
    hints = get_type_hints(kind)
    listed = LISTED.get(kind)
    names = [one.name for one in fields(kind) if listed is None or one.name != listed.field]
    checks = []
    for name in names:
        check = _SPECIAL[kind, name] if (kind, name) in _SPECIAL else _check_of(hints[name])
        if check is not None:
            checks.append((name, check))
        if (kind, name) in RULES:
            checks.append((name, _rule_check(RULES[kind, name], hints[name])))
    if listed is not None:
        names.append(listed.name)
    known = frozenset(names)

    def check_record(data: Any) -> None:
        if not isinstance(data, dict):
            return
        if not data.keys() <= known:
            raise _Mistake(not_known(next(name for name in data if name not in known), names))
        for name, check in checks:
            value = data.get(name)
            if value is None:
                continue
            try:
                check(value)
            except _Mistake as mistake:
                mistake.steps.append(f".{name}")
                raise

    return check_record


def _rule_check(rule: Callable[[Any], object], hint: Any) -> Check:
    """Return a check of a rule, which passes values of other types: msgspec refuses them."""
    is_text = str in (hint, *get_args(hint))
    kinds = dict if get_origin(hint) is Mapping else str if is_text else (int, float)

    def check(data: Any) -> None:
        if isinstance(data, kinds) and not isinstance(data, bool):
            try:
                rule(data)
            except ValidationError as error:
                raise _Mistake(str(error.messages[0])) from None

    return _each(check, list, enumerate, "[{}]") if get_origin(hint) is tuple else check


def _each(check: Check, kind: type, pairs: Callable[[Any], Any], step: str) -> Check:
    def check_each(data: Any) -> None:
        for key, value in pairs(data) if isinstance(data, kind) else ():
            try:
                check(value)
            except _Mistake as mistake:
                mistake.steps.append(step.format(key))
                raise

    return check_each
