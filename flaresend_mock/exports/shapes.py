"""What has the shape of a record: msgspec checks the types, and here is checked what it lets pass."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from math import isfinite
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.models import Task
from flaresend_mock.exports.contents import Envelope, Told
from flaresend_mock.exports.rules import not_known

Record = TypeVar("Record")
Look = Callable[[Any], None]

MAX_DEPTH = 200  # twice what bodies may have, as payloads may quote them
_FIRST_DAY, _LAST_DAY = "1970-01-01", "9999-12-30"
_OFFSET = re.compile(r"([Zz]|[+-][0-9]{2}:?[0-9]{2})\Z")


_learning = threading.Lock()
_learnt: set[Any] = set()


class _Misfit(Exception):
    """Something that does not fit; `steps` lead to it, the last one first."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self.steps: list[str] = []


def read(data: Any, kind: type[Record], where: str) -> Record:
    """Turn JSON into a record.

    Raises:
        InvalidWorld: it is not one, or has fields that nobody knows.
    """
    import msgspec  # few runs need it

    try:
        hint: Any = kind  # for mypy, no class is hashable
        look = _look(hint)
        if look is not None:
            look(data)
        record: Record = convert(data, kind)
        return record
    except _Misfit as misfit:
        raise InvalidWorld(where + "".join(reversed(misfit.steps)), misfit.problem) from None
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        raise InvalidWorld(where + path.rstrip("`"), f"{problem}.") from None
    except RecursionError:
        raise InvalidWorld(where, "This is nested too deeply.") from None


def convert(data: Any, kind: Any) -> Any:
    """Turn plain data into a type.

    What msgspec knows of a type is made by one thread at a time: two that meet a new one at once end the process.
    """
    import msgspec  # few runs need it

    with _learning:
        if kind not in _learnt:
            msgspec.json.Decoder(kind)
            _learnt.add(kind)
    return msgspec.convert(data, kind, strict=True)


@cache
def _look(hint: Any) -> Look | None:
    """Return what looks at data of this type; None where nothing can be wrong but the type."""
    if hint is Any:
        return _look_at_json
    if hint is float:
        return _look_at_float
    if hint is datetime:
        return _look_at_time
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _record(hint)
    looks = [look for look in map(_look, get_args(hint)) if look is not None]
    if not looks:
        return None
    (look,) = looks
    if get_origin(hint) is tuple:
        return _items(look)
    return _values(look) if get_origin(hint) in (dict, Mapping) else look


def _look_at_json(data: Any, depth: int = 0) -> None:
    if isinstance(data, float):
        _look_at_float(data)
    elif isinstance(data, dict | list):
        if depth == MAX_DEPTH:
            raise _Misfit("This is nested too deeply.")
        for inner in data.values() if isinstance(data, dict) else data:
            if isinstance(inner, dict | list | float):
                _look_at_json(inner, depth + 1)


def _look_at_float(data: Any) -> None:
    try:
        fits = not isinstance(data, float | int) or isfinite(data)
    except OverflowError:
        fits = False
    if not fits:
        raise _Misfit("A finite number is expected here.")


def _look_at_time(data: Any) -> None:
    if isinstance(data, str) and not data.endswith("Z"):
        raise _Misfit("A time in UTC is expected here, such as 2025-11-14T13:00:00Z.")
    if isinstance(data, str) and not _FIRST_DAY <= data[:10] <= _LAST_DAY:
        raise _Misfit("A time from 1970 to 9999 is expected here, in which every time zone has a day.")


def _look_at_local_time(data: Any) -> None:
    if isinstance(data, str) and _OFFSET.search(data, 10):
        raise _Misfit("A time without an offset is expected here, such as 2025-11-14T13:00:00.")


_APART: Mapping[tuple[type, str], Look | None] = {
    (Task, "local_time"): _look_at_local_time,
    (Told, "subject"): None,  # is read once its kind is known
    (Envelope, "world"): None,  # is read once its version is known
}


def _record(kind: type) -> Look:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    known = frozenset(names)
    looks = [
        (name, look)
        for name in names
        if (look := _APART[kind, name] if (kind, name) in _APART else _look(hints[name])) is not None
    ]

    def look_at_record(data: Any) -> None:
        if not isinstance(data, dict):
            return
        if not data.keys() <= known:
            stranger = next(name for name in data if name not in known)
            misfit = _Misfit(not_known(stranger, names))
            misfit.steps.append(f".{stranger}")
            raise misfit
        for name, look in looks:
            try:
                look(data.get(name))
            except _Misfit as misfit:
                misfit.steps.append(f".{name}")
                raise

    return look_at_record


def _items(look: Look) -> Look:
    def look_at_items(data: Any) -> None:
        for index, item in enumerate(data if isinstance(data, list) else ()):
            try:
                look(item)
            except _Misfit as misfit:
                misfit.steps.append(f"[{index}]")
                raise

    return look_at_items


def _values(look: Look) -> Look:
    def look_at_values(data: Any) -> None:
        for name, value in data.items() if isinstance(data, dict) else ():
            try:
                look(value)
            except _Misfit as misfit:
                misfit.steps.append(f".{name}")
                raise

    return look_at_values
