"""Bodies and queries of the control plane: strict schemas, whose refusals say what is wrong, and where."""

import dataclasses
import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args, get_origin

from marshmallow import INCLUDE, ValidationError, fields, validate, validates_schema

from flaresend_mock.core.matchers.parser import as_object, unknown
from flaresend_mock.http.endpoint import RequestSchema
from flaresend_mock.package_data import named_value
from flaresend_mock.world_format.schema import base_url

_WHOLE = "_schema"
_DECLARED = json.loads((Path(__file__).parent / "assets" / "inputs.json").read_text("utf-8"))


class Input(RequestSchema):
    """A body or query of the control plane; it refuses unknown names, and with `refused` too few or too many fields."""

    more_shape: ClassVar[dict[str, Any]] = {}
    refused: ClassVar[str]
    not_json = "The body is not a JSON object, or is nested too deeply."
    error_messages = {"type": "An object is expected here."}  # noqa: RUF012 - as marshmallow declares it

    def refusal(self, invalid: ValidationError, where: str) -> str:
        """Return the place and the message of the first mistake. Of an unknown name, it says which is meant."""
        place, problem = first_mistake(self, invalid.messages_dict)
        steps = ".".join(step for step in (where, place) if step)
        return f"{steps}: {problem}" if steps else problem

    @validates_schema
    def check_size(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        least, most = (self.more_shape.get(f"{end}Properties", len(data)) for end in ("min", "max"))
        if not least <= len(data) <= most:
            raise ValidationError(self.refused)


def about(description: str, **more: Any) -> dict[str, Any]:
    """Return the metadata of a field: what it means, and more of its JSON Schema."""
    return {"description": description, **more} if description else more


class Text(fields.String):
    """A string: of certain `words`, of a `length` from one number to another, or one that passes a `check`."""

    def __init__(
        self, description: str, *, words: Collection[str] = (), length: Any = None, check: Any = None, **options: Any
    ) -> None:
        checks: list[Any] = [check, words and validate.OneOf(words), length and validate.Length(*length)]
        super().__init__(validate=[one for one in checks if one] or None, metadata=about(description), **options)


class _OfAnObject:
    """A field that takes PHP's empty list for an empty object."""

    def deserialize(self, value: Any, *where: Any, **options: Any) -> Any:
        return super().deserialize(as_object(value), *where, **options)  # type: ignore[misc]


class Nested(_OfAnObject, fields.Nested):
    """An object with a schema."""

    def __init__(self, schema: type[Input], description: str = "") -> None:
        super().__init__(schema, metadata=about(description))


class Dictionary(_OfAnObject, fields.Dict):
    """An object with names of any kind."""

    def __init__(self, description: str, **options: Any) -> None:
        wrong = "An object is expected here."
        super().__init__(metadata=about(description), error_messages={"invalid": wrong}, **options)


class Object(_OfAnObject, fields.Raw):
    """An object that the view reads, such as a matcher, or a value of other types."""

    def __init__(self, description: str, types: Any = "object", *, check: Any = None, **options: Any) -> None:
        super().__init__(validate=check, metadata=about(description, type=types), **options)


class Matching(Object):
    """A matcher. What its schema `matches` is the matcher's name in the OpenAPI document, and the fields of items."""

    is_matcher = True

    def __init__(self, **options: Any) -> None:
        super().__init__("A matcher: fields with the values that they must have. All must match.", **options)


class Whole(fields.Integer):
    """A whole number; neither a text nor true."""

    def __init__(self, description: str, lowest: int, highest: int | None, **options: Any) -> None:
        check = validate.Range(lowest, highest)
        super().__init__(strict=True, validate=check, metadata=about(description), **options)


class Number(fields.Float):
    """A number; neither a text nor true."""

    def __init__(self, description: str, lowest: float, highest: float, **options: Any) -> None:
        super().__init__(validate=validate.Range(lowest, highest), metadata=about(description), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if isinstance(value, str):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


def setting_input(setting: dataclasses.Field[Any], kind: Any) -> fields.Field[Any]:
    """Return the input of a setting of a world, of a type."""
    description, lowest, highest = (setting.metadata[name] for name in ("description", "minimum", "maximum"))
    if get_origin(kind) is Literal:
        return Text(description, words=get_args(kind))
    if str in get_args(kind):
        return Text(description, check=base_url, allow_none=True)
    of = Whole if int in get_args(kind) else Number
    return of(description, lowest, highest, allow_none=setting.default is None)


class Several(fields.List[Any]):
    """A list of strings, or of another field: as many as `most`, and as few as `least`."""

    def __init__(self, description: str, most: Any, of: Any = fields.String, *, least: Any = None, **more: Any) -> None:
        super().__init__(of, validate=validate.Length(least, most), metadata=about(description), **more)


class Switch(fields.Boolean):
    """True or false in JSON; no text or number that looks like them."""

    def __init__(self, description: str, **options: Any) -> None:
        super().__init__(metadata=about(description), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Flag(fields.Boolean):
    """true or false in a query."""

    def __init__(self, description: str, **options: Any) -> None:
        super().__init__(truthy={"true", "1"}, falsy={"false", "0"}, metadata=about(description), **options)


class Count(fields.Integer):
    """A whole number in a query."""

    def __init__(self, description: str, lowest: int = 0, **options: Any) -> None:
        super().__init__(validate=validate.Range(min=lowest), metadata=about(description), **options)


class Since(Count):
    """The number of an event in a query; `null` is the beginning."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return 0 if value == "null" else super()._deserialize(value, attr, data, **kwargs)


@cache
def input_of(name: str, base: type[Input] = Input) -> Any:
    """Return the input that assets/inputs.json declares under this name by a JSON Schema, after the fields of `base`.

    There, "core.groups:CAPACITY" is what a module has, and `{}` the place of a field that a class declares. `x-check`
    checks values, `x-name` is a field's name in Python, and `x-refusal` is the message for too few or many fields.
    """
    schema = _DECLARED[name]
    for one in schema.get("allOf", ()):
        base = _referred(one)
    made: dict[str, Any] = {"__doc__": schema.get("description"), "refused": schema.get("x-refusal")}
    made["more_shape"] = {key: schema[key] for key in ("minProperties", "maxProperties") if key in schema}
    for key, one in schema.get("properties", {}).items():
        options = {"required": key in schema.get("required", ()), "data_key": key if "x-name" in one else None}
        made[one.get("x-name", key)] = _field(one, **options) if one else fields.Raw()
    if "additionalProperties" in schema:
        made["Meta"] = type("Meta", (), {"unknown": INCLUDE})
    return type(name, (base,), made)


def _referred(schema: Mapping[str, str]) -> type[Input]:
    found: type[Input] = input_of(schema["$ref"].removeprefix("#/"))
    return found


def _field(declared: Mapping[str, Any], **options: Any) -> fields.Field[Any]:
    """Return the field of a JSON Schema; KeyError names an unknown type."""
    schema = {key: named_value(one) for key, one in declared.items()}
    means, check, get = schema.get("description", ""), schema.get("x-check"), schema.get
    if "default" in schema:
        default = schema["default"]
        options["load_default"] = default.copy if isinstance(default, list | dict) else default
    match schema:
        case {"$ref": _}:
            return Nested(_referred(schema), means)
        case {"type": [kind, "null"]}:
            return _field({**declared, "type": kind}, allow_none=True, **options)
        case {"type": [*kinds]}:
            return Object(means, kinds, **options)
        case {"type": "matcher"}:
            return Matching(**options)
        case {"type": "integer"}:
            return Whole(means, schema["minimum"], get("maximum"), **options)
        case {"type": "number"}:
            return Number(means, schema["minimum"], schema["maximum"], **options)
        case {"type": "boolean"}:
            return Switch(means, validate=validate.Equal(schema["const"]) if "const" in schema else None, **options)
        case {"type": "array"}:
            return Several(means, get("maxItems"), _field(schema["items"]), least=get("minItems"), **options)
        case {"type": "object"}:
            return Dictionary(means, **options)
        case {"type": "flag"}:
            return Flag(means, **options)
        case {"type": "since"}:
            return Since(means, **options)
        case {"type": "count"}:
            return Count(means, schema["minimum"], **options)
        case {"type": "string"}:
            bounds = get("minLength"), get("maxLength")
            return Text(means, words=get("enum", ()), length=bounds if any(bounds) else None, check=check, **options)
    raise KeyError(get("type"))


def first_mistake(schema: Any, messages: Mapping[Any, Any]) -> tuple[str, str]:
    """Return the place of the first mistake, such as groups[0].owner, and its message.

    An unknown name comes before a missing field: most likely it is the missing field, mistyped.
    """
    where = ""
    inside: Any = schema
    problem: Any = messages
    while isinstance(problem, Mapping):
        known = _names(inside)
        names = [name for name in problem if isinstance(name, str) and name != _WHOLE]
        strange = next((name for name in names if known is not None and name not in known), None)
        if strange is not None:
            return where, unknown(strange, list(known or ()))
        name, problem = next(iter(problem.items()))
        if isinstance(name, int):
            where += f"[{name}]"
        elif name != _WHOLE:
            where += f".{name}" if where else str(name)
            field = None if known is None else known[name]
            inside = getattr(getattr(field, "inner", field), "schema", None)
    return where, str(problem[0])


def _names(schema: Any) -> dict[str, Any] | None:
    found = getattr(schema, "fields", None)
    return None if found is None else {field.data_key or name: field for name, field in found.items()}
