"""Resources: the JSON objects that responses hold, each declared once, with the meaning of every field; and times.

Responses, the fields that matchers know, the OpenAPI documents and the tables in docs/ come from these declarations.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, reduce
from operator import attrgetter, itemgetter, methodcaller, or_
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from marshmallow import Schema, fields, missing

from flaresend_mock.core.event_bodies import time_text
from flaresend_mock.core.matchers.parser import Field as Matched
from flaresend_mock.http.bodies import dump_json

Read = Callable[[Any], Any]

_of_models: dict[type, type[Resource]] = {}


class Property(fields.Field[Any]):
    """One field of a resource."""

    def __init__(
        self,
        of: Any,  # a JSON type of Python, `datetime` (written in UTC), a resource, or a list with one of these
        description: str,  # what it means
        *,
        at: str | None = None,  # the attribute that it is read from, such as "content.type"; its own name for None
        get: Read | None = None,  # reads it instead
        write: Read | None = None,  # turns what was read into JSON, where the type does not
        null: bool = False,  # it may be null
        optional: bool = False,  # left out where `get` returns `missing`, or an envelope does not have it
        match: Matched | None = None,  # how matchers name it, beyond equality
        only_match: bool = False,  # matchers can name it, and responses do not hold it
        key: str | None = None,
    ) -> None:
        super().__init__(dump_only=True, allow_none=null, data_key=key, metadata={"description": description})
        self.of, self.description, self.at, self.get, self.write = of, description, at, get, write
        self.optional = optional
        self.match = match or Matched()
        self.only_match = only_match


class Resource(Schema):
    """A JSON object in a response, read from the attributes of an item. One that `has_more` may have other fields."""

    has_more: ClassVar[bool] = False
    read: ClassVar[Any] = attrgetter

    fields: dict[str, Property]  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        shown = [(name, it) for name, it in self.fields.items() if not it.only_match]
        self.parts = {it.data_key or name: (self.reader(name, it), it.write or _writer(it.of)) for name, it in shown}

    def reader(self, name: str, one: Property) -> Read:
        """Return a function that reads a property of an item."""
        return one.get or self.read(one.at or name)

    def dump(self, obj: Any, *, many: bool | None = None) -> dict[str, Any]:
        """Return an item as JSON."""
        shown = {}
        for name, (read, write) in self.parts.items():
            value = read(obj)
            if value is not missing:
                shown[name] = value if write is None or value is None else write(value)
        return shown


class Envelope(Resource):
    """A JSON object in a response, read from a dictionary. Optional keys may be missing there."""

    def reader(self, name: str, one: Property) -> Read:
        key = one.at or name
        return one.get or (methodcaller("get", key, missing) if one.optional else itemgetter(key))

    def pieces(self, obj: Any) -> Iterator[bytes]:
        """Yield the JSON of an item in pieces, one for each resource in a list. They are made as they are asked for."""
        before = "{"
        for name, (read, write) in self.parts.items():
            if (value := read(obj)) is missing:
                continue
            yield f'{before}"{name}":'.encode()
            before = ","
            if isinstance(write, ListWriter):
                for number, one in enumerate(value):
                    yield (b"," if number else b"[") + dump_json(write.one(one))
                yield b"]" if value else b"[]"
            else:
                yield dump_json(value if write is None or value is None else write(value))
        yield b"}"


def declared(file: Path, base: type[Resource], known: Mapping[str, Any] | None = None) -> SimpleNamespace:
    """Return the resources that a file declares by JSON Schemas, which may refer to those before them, or `known` ones.

    Properties are required, unless `required` lists those that are. `x-from` is the path that one is read from, where
    that is not its name: "group.id" in the item, "1.name" in its second part, "." for the item itself, or "clock.now()"
    for what a call returns. `x-text` is the text that one always has, and `{}` the place of one that a class declares.
    A KeyError names a type, format or reference that is unknown.
    """
    found: dict[str, type[Resource]] = {}
    for name, schema in json.loads(file.read_text(encoding="utf-8")).items():
        every, shown = {**(known or {}), **found}, schema["properties"]
        fields = {key: _declared(one, every, key in schema.get("required", shown)) for key, one in shown.items()}
        bases = tuple(_hint(one, every) for one in schema.get("allOf", ())) or (base,)
        about = {"__doc__": schema.get("description"), "has_more": schema.get("additionalProperties", False)}
        found[name] = type(name, bases, about | fields)
    return SimpleNamespace(**found)


def _declared(schema: Mapping[str, Any], known: Mapping[str, Any], required: bool) -> Property:
    if not schema:
        return Property(Any, "")
    hint, means, form = _hint(schema, known), schema["description"], schema.get("format")
    how: dict[str, Any] = {"at": schema.get("x-from"), "get": _reader(schema), "write": form and _FORMATS[form][1]}
    return Property(_type(hint), means, **how, null=_is_optional(hint), optional=not required)


def _hint(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    """Return the type of a JSON Schema, as a data class has it."""
    match schema:
        case {"const": word}:
            return Literal[word]
        case {"$ref": name}:
            return known[name.removeprefix("#/")]
        case {"anyOf": several}:
            return reduce(or_, [_hint(one, known) for one in several])
        case {"type": [kind, "null"]}:
            return _hint({**schema, "type": kind}, known) | None
        case {"type": "array", "items": one}:
            return tuple[_hint(one, known), ...]  # type: ignore[misc]
        case {"type": "object", "additionalProperties": one}:
            return dict[str, _hint(one, known)]  # type: ignore[misc]
    return _FORMATS[schema["format"]][0] if "format" in schema else _TYPES[schema["type"]]


def _reader(schema: Mapping[str, Any]) -> Read | None:
    """Return what reads a property that is no attribute or key of an item."""
    path = schema.get("x-from", "")
    if path == "." or schema.keys() & {"const", "x-text"}:
        return lambda item: schema.get("const", schema.get("x-text", item))
    if path.endswith("()"):
        called = attrgetter(path.removesuffix("()"))
        return lambda item: called(item)()
    index, _, rest = path.partition(".")
    if not index.isdigit():
        return None
    part = itemgetter(int(index))
    return (lambda item: attrgetter(rest)(part(item))) if rest else part


def properties(model: type, at: str = "") -> dict[str, Property]:
    """Return a property for each field of a data class that says what it means, with the type of the field.

    They are read from the item, or from what is `at` a path in it, such as "state.settings.".
    """
    hints, described = get_type_hints(model), [one for one in dataclasses.fields(model) if one.metadata]
    pairs = [(one.name, hints[one.name], one.metadata["description"]) for one in described]
    return {name: Property(_type(of), means, at=at + name, null=_is_optional(of)) for name, of, means in pairs}


def of_model(
    model: type, description: str, names: str = "", called: str = "", read: Any = attrgetter, **more: Property
) -> type[Resource]:
    """Return the resource of a data class. It has `properties` of these names, or all, and those that are given.

    In the OpenAPI document, it is `called` as the class by default.
    """
    known = properties(model) | more
    shown = {name: known[name] for name in names.split() or known}
    made = type(called or model.__name__, (Resource,), {"__doc__": description, "read": read, **shown})
    if not called:
        _of_models[model] = made
    return made


class ListWriter:
    """Turns a list into JSON, by what turns `one` of its values into JSON."""

    def __init__(self, one: Read) -> None:
        self.one = one

    def __call__(self, values: Iterable[Any]) -> list[Any]:
        return list(map(self.one, values))


def _is_optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _type(hint: Any) -> Any:
    """Return the type of a property for that of a field."""
    if _is_optional(hint):
        return _type(get_args(hint)[0])
    return [_type(get_args(hint)[0])] if get_origin(hint) is tuple else _of_models.get(hint, hint)


def matched(of: type[Resource]) -> dict[str, Matched]:
    """Return what matchers can name in a resource."""
    return {one.data_key or name: one.match for name, one in instance(of).fields.items()}


@cache
def instance(of: type[Resource]) -> Resource:
    """Return the one instance of a resource."""
    return of()


def shown_by(of: type[Resource]) -> Callable[[Any], dict[str, Any]]:
    """Return the function that shows an item as this resource."""
    return instance(of).dump


def _writer(of: Any) -> Read | None:
    """Return what turns a value of a type into JSON; None if it is JSON."""
    if isinstance(of, type) and issubclass(of, datetime):  # or that of a library that fakes time
        return utc
    if isinstance(of, list):
        write = _writer(of[0])
        return None if write is None else ListWriter(write)
    if get_origin(of) is dict:
        return dict
    if isinstance(of, type) and issubclass(of, Resource):
        return shown_by(of)
    return None


def utc_seconds(moment: datetime) -> str:
    """Write UTC to the second: 2023-12-01T12:01:00Z."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def utc_milliseconds(moment: datetime) -> str:
    """Write UTC to the millisecond: 2026-04-06T17:36:38.092Z."""
    return time_text(moment.astimezone(UTC))


def utc(moment: datetime) -> str:
    """Write UTC as short as it is exact to the millisecond."""
    return utc_milliseconds(moment) if moment.microsecond >= 1000 else utc_seconds(moment)


def local_time(moment: datetime) -> str:
    """Write local time as the documentation does for schedules: 2025-11-14 13:48:00."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat(" ")


def readable_time(moment: datetime) -> str:
    """Write local time as the documentation does for groups: Aug 13, 2025, 11:01 PM."""
    month, half = (moment.ctime()[4:7], "AM" if moment.hour < 12 else "PM")  # not in the machine's language
    return f"{month} {moment.day}, {moment.year}, {moment.hour % 12 or 12}:{moment.minute:02} {half}"


def parse_time(text: str, time_zone: str) -> datetime:
    """Read an ISO 8601 time; one without an offset is local time in this time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(time_zone))
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("beyond the calendar") from None


_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "object": dict, "null": None}
_FORMATS: dict[Any, tuple[Any, Read | None]] = {
    "date-time": (datetime, None),
    "unixtime": (int, lambda moment: int(moment.timestamp())),
    "readable-time": (str, readable_time),
    "local-time": (str, local_time),
    "utc-seconds": (str, utc_seconds),
    "utc-milliseconds": (str, utc_milliseconds),
    "count": (int, len),
    "digits": (str, str),
    "texts": (list, lambda values: list(map(str, values))),
}
"""The formats that files declare: the types of their JSON, and what turns other values into it."""
