"""JSON Schemas of what calls take and answer, from marshmallow's schemas and from types."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints, is_typeddict

import msgspec
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema
from marshmallow.fields import Field, Method

Shape = dict[str, Any]

REFERENCE = "#/components/schemas/"
JSON_ONLY, FORM = "json", "form"

_END = "\\Z"


class Shapes:
    """Schemas of one document; what has a name of its own is kept in `components`, and referred to.

    Args:
        words: what fields mean, by name, or by schema and name where it means something else there; what a field says
            about itself goes before.
    """

    def __init__(self, words: Mapping[str, str] | None = None) -> None:
        self._words = words or {}
        plugin = MarshmallowPlugin(schema_name_resolver=_name)
        self._spec = APISpec("", "", "3.1.0", plugins=[plugin])
        converter: Any = plugin.converter
        self._converter = converter
        self._converter.add_attribute_function(_own_shape)
        self._types: Shape = {}
        self._bodies: Shape = {}

    @property
    def components(self) -> Shape:
        found = {
            **self._spec.to_dict().get("components", {}).get("schemas", {}),
            **self._types,
            **self._bodies,
        }
        return {name: self._told(name, _mended(found[name])) for name in sorted(found)}

    def _told(self, of: str, shape: Shape) -> Shape:
        """Say of each property what it means."""
        properties = {
            name: {"description": said, **inner}
            if (said := self._words.get(f"{of}.{name}") or self._words.get(name))
            else inner
            for name, inner in shape.get("properties", {}).items()
        }
        return {**shape, "properties": properties} if properties else shape

    def body(self, schema: Schema, how: str = JSON_ONLY) -> Shape:
        """Return the schema of a body; one whose type says what else it needs is one of several.

        Args:
            how: as JSON, which carries no files, or as a form, which is one object: few generators know of others.
        """
        whole = self._object(schema)
        if how == FORM:
            return self._kept(_title(schema) + "Form", whole)
        whole["properties"].pop("file", None)
        needs = getattr(schema, "needs", None)
        if needs is None or schema.partial:
            return self._kept(_title(schema), whole)
        variants: list[Shape] = []
        mapping: dict[str, str] = {}
        for kinds, names in needs:
            possible = [kind for kind in kinds if kind in whole["properties"]["type"]["enum"]]
            if not possible:
                continue
            reference = self._kept(
                f"{_title(schema)}{possible[0].title() if len(possible) == 1 else 'Media'}",
                _variant(whole, possible, names[0]),
            )
            variants.append(reference)
            mapping |= dict.fromkeys(possible, reference["$ref"])
        return {"oneOf": variants, "discriminator": {"propertyName": "type", "mapping": mapping}}

    def parameters(self, schema: Schema) -> list[Shape]:
        """Return what may stand in a query."""
        whole = self._object(schema)
        required = whole.get("required", ())
        return [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                **({"description": self._words[name]} if name in self._words else {}),
                "schema": _mended(shape),
            }
            for name, shape in whole["properties"].items()
        ]

    def answer(self, what: Any, name: str) -> Shape:
        """Return the schema of an answer: what a schema dumps, or a type."""
        if not isinstance(what, Schema):
            return self.of_type(what)
        properties = {key: self._dumped(field) for key, field in what.dump_fields.items()}
        return self._kept(name, _object(what, properties))

    def of_type(self, what: Any) -> Shape:
        """Return the schema of a type; those with keys are objects that have no others."""
        (shape,), found = msgspec.json.schema_components([what], ref_template=REFERENCE + "{name}")
        for typed in _typed_dicts(what):
            found[typed.__name__] = _exact(typed, found[typed.__name__])
        self._types |= found
        return shape

    def _dumped(self, field: Field[Any]) -> Shape:
        write = getattr(field, "write", None)
        if write is not None:
            return self.of_type(field.of or get_type_hints(write)["return"])  # type: ignore[attr-defined]
        if isinstance(field, Method):
            return {"type": "string"}
        found: Shape = self._converter.field2property(field)
        return found

    def _object(self, schema: Schema) -> Shape:
        shape = self._converter.schema2jsonschema(schema)
        shape["properties"] = dict(shape["properties"])
        if schema.partial:
            shape.pop("required", None)
            shape["minProperties"] = 1
        return {**_about(schema), **shape, **getattr(schema, "more_shape", {})}

    def _kept(self, name: str, shape: Shape) -> Shape:
        self._bodies[name] = shape
        return {"$ref": REFERENCE + name}


def _own_shape(converter: Any, field: Field[Any], **kwargs: Any) -> Shape:
    if not callable(shape := getattr(field, "shape", None)):
        return {}
    own: Shape = shape()
    if field.allow_none:
        kinds = own["type"] if isinstance(own["type"], list) else [own["type"]]
        own["type"] = [*kinds, "null"]
        if "enum" in own:
            own["enum"] = [*own["enum"], None]
    return own


def _variant(whole: Shape, kinds: Sequence[str], needed: str) -> Shape:
    """Return the shape of a message of some types, which needs a field."""
    properties = {
        **whole["properties"],
        "type": {**whole["properties"]["type"], "enum": list(kinds)},
        needed: _without_null(whole["properties"][needed]),
    }
    return {**whole, "properties": properties, "required": [*whole.get("required", ()), needed]}


def _without_null(shape: Shape) -> Shape:
    kind = shape.get("type")
    if not isinstance(kind, list):
        return shape
    left = [one for one in kind if one != "null"]
    filled = {"string": {"minLength": 1}, "object": {"minProperties": 1}}
    more = {key: value for one in left for key, value in filled.get(one, {}).items()}
    return {**shape, "type": left[0] if len(left) == 1 else left, **more}


def _object(what: Schema, properties: Shape) -> Shape:
    return {
        **_about(what),
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _exact(typed: Any, shape: Shape) -> Shape:
    """Return the schema of a TypedDict with its keys in their order, and no others."""
    order = list(get_type_hints(typed))
    exact = {
        **shape,
        "properties": {key: shape["properties"][key] for key in order},
        "required": [key for key in order if key in shape.get("required", ())],
        "additionalProperties": False,
    }
    exact.pop("title", None)
    return exact


def _typed_dicts(what: Any, seen: set[Any] | None = None) -> Iterator[Any]:
    """Yield the TypedDicts that a type is made of."""
    seen = set() if seen is None else seen
    if is_typeddict(what) and what not in seen:
        seen.add(what)
        yield what
        for inner in get_type_hints(what).values():
            yield from _typed_dicts(inner, seen)
    for inner in getattr(what, "__args__", ()):
        yield from _typed_dicts(inner, seen)


def _mended(shape: Any) -> Any:
    """Say in JSON Schema's own words what Python says in others."""
    if isinstance(shape, list):
        return [_mended(inner) for inner in shape]
    if not isinstance(shape, Mapping):
        return shape
    mended = {key: _mended(inner) for key, inner in shape.items()}
    if mended.get("enum") in ([True], [False]):  # which few generators know of booleans
        return {"type": "boolean", "const": mended["enum"][0]}
    if isinstance(mended.get("pattern"), str):
        mended["pattern"] = _pattern(mended["pattern"])
    if mended.get("type") == "object":
        for ours, theirs in (("minLength", "minProperties"), ("maxLength", "maxProperties")):
            if ours in mended:
                mended[theirs] = mended.pop(ours)
    return mended


def _pattern(pattern: str) -> str:
    """Anchor what Python matches as a whole: in JSON Schema, a pattern may fit anywhere."""
    return f"^(?:{pattern.removesuffix(_END)})$" if pattern.endswith(_END) else pattern


def _name(schema: Any) -> str:
    return _title(schema if isinstance(schema, Schema) else schema())


def _title(schema: Schema) -> str:
    return type(schema).__name__.removesuffix("Input")


def _about(schema: Schema) -> Shape:
    """Return the first paragraph of a schema's own docstring."""
    doc = inspect.cleandoc(type(schema).__dict__.get("__doc__") or "").partition("\n\n")[0]
    return {"description": doc.replace("\n", " ")} if doc else {}
