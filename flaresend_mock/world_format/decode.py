"""Decodes JSON into the core's models by their types and the schema's rules, and names the place of each mistake."""

import re
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from math import isfinite
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from marshmallow import ValidationError
from marshmallow.validate import OneOf

from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.matchers.parser import as_object
from flaresend_mock.core.models import Channel, Group, Task
from flaresend_mock.world_format.schema import LEFT_OUT, LISTED, RULES, ClockStart, not_known

MAX_DEPTH = 200  # twice that of request bodies, because payloads may quote them
WHOLE = "the file"  # the place of a mistake that concerns the whole file
_FIRST_DAY, _LAST_DAY = "1970-01-01", "9999-12-30"
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DURATION = re.compile(r"([+-]?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,6}))?S)?)?", re.ASCII)
_NAMES: Mapping[type, str] = {dict: "object", list: "array", NoneType: "null", memoryview: "str"}
"""How errors call the types of JSON; the others are called as in Python."""

Decoder = Callable[[Any], Any]
Rule = Callable[[Any], object]


class _Mistake(Exception):
    """A value that does not fit; `steps` lead to it, the last one first."""

    def __init__(self, problem: str, *steps: str) -> None:
        self.problem = problem
        self.steps = list(steps)


def decode(data: Any, kind: Any, where: str) -> Any:
    """Decode JSON, which stands at `where` in its file, into a type; InvalidWorld if it does not fit."""
    try:
        return _decoder(kind)(data)
    except _Mistake as mistake:
        raise InvalidWorld(where + "".join(reversed(mistake.steps)), mistake.problem) from None


@cache
def _decoder(hint: Any, rule: Rule | None = None, null: str = "") -> Decoder:
    """Return the decoder of a type, whose values, or items of a list, obey a rule. Errors add `null` to the type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _decoder(args[0], args[1])
    if NoneType in args:
        given = _decoder(args[0], rule, " | null")
        return lambda data: None if data is None else given(data)
    if hint is object:  # decoded later
        return lambda data: data
    if hint is Any:
        return _json
    if origin is tuple:
        return _typed("array" + null, {list}, _array(args, rule))
    if origin in (dict, Mapping):
        inner = _decoder(args[1])
        return _typed("object" + null, {dict}, lambda data: _decode_values(data, dict.fromkeys(data, inner)), rule)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _typed("object" + null, {dict}, _record(hint))
    if origin is Literal:
        return _typed("str" + null, {str}, rule=OneOf(args, error="Invalid enum value {input!r}."))
    expected, kinds, convert = _SIMPLE[hint]
    return _typed(expected + null, kinds, convert, rule)


def _typed(expected: str, kinds: set[type], convert: Decoder | None = None, rule: Rule | None = None) -> Decoder:
    def decode_typed(data: Any) -> Any:
        if type(data) is list and dict in kinds:
            data = as_object(data)
        if type(data) not in kinds:
            raise _Mistake(f"Expected `{expected}`, got `{_NAMES.get(type(data), type(data).__name__)}`.")
        value = convert(data) if convert else data
        if rule:
            try:
                rule(value)
            except ValidationError as error:
                raise _Mistake(str(error.messages[0])) from None
        return value

    return decode_typed


def _array(types: tuple[Any, ...], rule: Rule | None) -> Decoder:
    item = _decoder(types[0], rule)
    length = None if types[-1] is Ellipsis else len(types)

    def decode_array(data: list[Any]) -> tuple[Any, ...]:
        if length not in (None, len(data)):
            raise _Mistake(f"Expected `array` of length {length}, got {len(data)}.")
        items: list[Any] = []
        try:
            for one in data:
                items.append(item(one))  # noqa: PERF401 - its length is needed
        except _Mistake as mistake:
            mistake.steps.append(f"[{len(items)}]")
            raise
        return tuple(items)

    return decode_array


def _decode_values(data: Mapping[str, Any], decoders: Mapping[str, Decoder]) -> dict[str, Any]:
    values, name = {}, ""
    try:
        for name, value in data.items():
            values[name] = decoders[name](value)
    except _Mistake as mistake:
        mistake.steps.append(f".{name}")
        raise
    return values


def _record(kind: type) -> Decoder:
    hints, listed, left_out = get_type_hints(kind), LISTED.get(kind), LEFT_OUT.get(kind, {})
    known: dict[str, Decoder] = {}
    required = []
    for one in fields(kind):
        name, rule = one.name, RULES.get((kind, one.name))
        if listed is not None and name == listed.field:
            name = listed.name
            known[name] = _by_number(listed.kind, listed.value)
        elif (kind, name) in _TIMES:
            known[name] = _typed("datetime", {str}, _TIMES[kind, name], rule)
        else:
            known[name] = _decoder(hints[name], rule)
        if one.default is one.default_factory is MISSING and name not in left_out:
            required.append(name)

    def decode_record(data: dict[str, Any]) -> Any:
        if not data.keys() <= known.keys():
            raise _Mistake(not_known(next(name for name in data if name not in known), list(known)))
        if left_out:
            data = {name: value for name, value in data.items() if value is not None or name not in left_out}
        values = _decode_values(data, known)
        for name in required:
            if name not in values:
                raise _Mistake("This field is required.", f".{name}")
        if listed is not None and listed.name in values:
            values[listed.field] = values.pop(listed.name)
        return kind(**{**left_out, **values})

    return decode_record


def _by_number(kind: Any, value_of: Callable[[Any], Any]) -> Decoder:
    """Return the decoder of a list whose items have a `number`, which is a mapping in the model."""
    as_list = _decoder(kind)

    def decode_list(data: Any) -> dict[str, Any]:
        items = as_list(data)
        by_number = {item.number: value_of(item) for item in items}
        if len(by_number) < len(items):
            raise _Mistake("A number appears twice.")
        return by_number

    return decode_list


def _json(data: Any, depth: int = 0) -> Any:
    if isinstance(data, float):
        _float(data)
    elif isinstance(data, dict | list):
        if depth == MAX_DEPTH:
            raise _Mistake("This is nested too deeply.")
        for inner in data.values() if isinstance(data, dict) else data:
            if isinstance(inner, dict | list | float):
                _json(inner, depth + 1)
    return data


def _float(data: float) -> float:
    try:
        if isfinite(data):
            return float(data)
    except OverflowError:
        pass
    raise _Mistake("A finite number is expected here.")


def _utc_time(data: str) -> datetime:
    if not data.endswith("Z"):
        raise _Mistake("A time in UTC is expected here, such as 2025-11-14T13:00:00Z.")
    if not _FIRST_DAY <= data[:10] <= _LAST_DAY:
        raise _Mistake("A time from 1970 to 9999 is expected here, in which every time zone has a day.")
    return _parsed(data)


def _time_with_offset(data: str) -> datetime:
    try:
        moment = datetime.fromisoformat(data)
        return _utc_time(moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment.tzinfo else data)
    except (ValueError, OverflowError):
        return _utc_time(data)


def _local_time(data: str) -> datetime:
    moment = _parsed(data)
    if moment.tzinfo is not None:
        raise _Mistake("A time without an offset is expected here, such as 2025-11-14T13:00:00.")
    return moment


def _parsed(text: str) -> datetime:
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise _Mistake("Invalid RFC3339 encoded datetime.")


def _duration(data: str) -> timedelta:
    found = _DURATION.fullmatch(data)
    if not found or data[-1] in "PT":
        raise _Mistake("Invalid ISO8601 duration.")
    try:
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:5])
        duration = timedelta(days, seconds, int((found[6] or "").ljust(6, "0")), 0, minutes, hours)
    except (OverflowError, ValueError):
        raise _Mistake("Duration is out of range.") from None
    return -duration if found[1] == "-" else duration


def _bytes(data: str | memoryview) -> bytes:
    try:
        return a2b_base64(data, strict_mode=True)
    except ValueError:
        raise _Mistake("Invalid base64 encoded string.") from None


_SIMPLE: Mapping[Any, tuple[str, set[type], Decoder | None]] = {
    str: ("str", {str}, None),
    int: ("int", {int}, None),
    str | int: ("int | str", {int, str}, None),
    bool: ("bool", {bool}, None),
    float: ("float", {float, int}, _float),
    bytes: ("bytes", {str, memoryview}, _bytes),
    datetime: ("datetime", {str}, _utc_time),
    timedelta: ("duration", {str}, _duration),
}
"""How errors call the types of single values, the types of JSON that they are written in, and their converters."""

_TIMES: Mapping[tuple[type, str], Decoder] = {
    (Task, "local_time"): _local_time,
    (ClockStart, "now"): _time_with_offset,
    (Group, "created"): _time_with_offset,
    (Channel, "created"): _time_with_offset,
}
"""The times that are not written in UTC, or need not be."""
