"""The OpenAPI documents of the Flaresend API and of the control plane, made from their endpoints.

JSON Schemas of request bodies and queries come from marshmallow's schemas, those of responses from resources.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin
from urllib.parse import unquote

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from flaresend_mock.contract import TAGS, Case, cases
from flaresend_mock.http.endpoint import WORLD, Endpoint, endpoint_of
from flaresend_mock.http.resources import Property, Resource, instance
from flaresend_mock.version import __version__

Shape = dict[str, Any]

JSON = "application/json"
MULTIPART = "multipart/form-data"
FIDELITY = "x-fidelity"
MOST_ASSUMED = 5  # how many assumed examples stand beside the documented ones
ASSETS = Path(__file__).parent / "assets"  # texts and examples of both documents, and what refusals they share
REFERENCE = "#/components/schemas/"

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")
_NOT_EMPTY = {"type": "string", "minLength": 1}
_PARAMETER = re.compile(r"<(\w+)>")
_END = "\\Z"
_AMONG_OTHERS: Shape = {"object": {"patternProperties": {"": {}}}, "integer": {"format": "int64"}}
"""What generators need to know of a type that is one of several; docs/openapi.md says why."""
_OF_OBJECTS = {"minLength": "minProperties", "maxLength": "maxProperties"}
_TYPES = {str: "string", datetime: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}


class Shapes:
    """The schemas of one document. Those that are `named` are in `components`, and referred to."""

    def __init__(self) -> None:
        plugin = MarshmallowPlugin(schema_name_resolver=_name)
        self._spec = APISpec("", "", "3.1.0", plugins=[plugin])
        self._converter: Any = plugin.converter
        self.named: Shape = {}

    @property
    def components(self) -> Shape:
        found = self._spec.to_dict().get("components", {}).get("schemas", {}) | self.named
        return {name: _mended(found[name]) for name in sorted(found)}

    def body(self, schema: Schema, *, as_form: bool = False) -> Shape:
        """Return the schema of a body. A body whose `type` decides what else it needs is one of several.

        JSON carries no files. A form is one object, for generators' sake.
        """
        whole = self._object(schema)
        if as_form:
            return self._kept(_name(schema) + "Form", _form(whole))
        whole["properties"].pop("file", None)
        needs = getattr(schema, "needs", None)
        if needs is None or schema.partial:
            return self._kept(_name(schema), whole)
        variants: list[Shape] = []
        mapping: dict[str, str] = {}
        for kinds, names in needs:
            possible = [kind for kind in kinds if kind in whole["properties"]["type"]["enum"]]
            if not possible:
                continue
            name = _name(schema) + (possible[0].title() if len(possible) == 1 else "Media")
            variants.append(self._kept(name, _variant(whole, possible, names[0])))
            mapping |= dict.fromkeys(possible, variants[-1]["$ref"])
        return {"oneOf": variants, "discriminator": {"propertyName": "type", "mapping": mapping}}

    def parameters(self, schema: Schema) -> list[Shape]:
        whole = self._object(schema)
        return [
            {
                "name": name,
                "in": "query",
                "required": name in whole.get("required", ()),
                "description": shape.get("description", ""),
                "schema": _mended({key: value for key, value in shape.items() if key != "description"}),
            }
            for name, shape in whole["properties"].items()
        ]

    def response(self, of: Any, name: str = "") -> Shape:
        """Return the schema of a response: a resource, under a name or that of its class, a type, or a named schema."""
        if isinstance(of, str):
            return {"$ref": REFERENCE + of}
        resource = instance(of) if inspect.isclass(of) and issubclass(of, Resource) else of
        if not isinstance(resource, Resource):
            return dict(_mended(self._of(of)))
        name = name or type(resource).__name__
        if name not in self.named:
            self.named[name] = {}  # a resource may refer to itself
            shown = {one.data_key or key: one for key, one in resource.fields.items() if not one.only_match}
            self.named[name] = {
                **_about(resource),
                "type": "object",
                "properties": {key: self._property(one) for key, one in shown.items()},
                "required": [key for key, one in shown.items() if not one.optional],
                "additionalProperties": resource.has_more,
            }
        return {"$ref": REFERENCE + name}

    def _property(self, one: Property) -> Shape:
        shape = self._of(one.of)
        if one.allow_none and shape:
            shape = {"anyOf": [shape, {"type": "null"}]}
        return {"description": one.description, **shape}

    def _of(self, of: Any) -> Shape:
        if isinstance(of, list):
            return {"type": "array", "items": self._of(of[0])}
        if of is Any:
            return {}
        if get_origin(of) is Literal:
            return {"enum": list(get_args(of))}
        if get_origin(of) is dict:
            inner = self._of(get_args(of)[1])
            return {"type": "object", **({"additionalProperties": inner} if inner else {})}
        if isinstance(of, UnionType):
            return {"type": [_TYPES[one] for one in get_args(of)]}
        return {"type": _TYPES[of]} if of in _TYPES else self.response(of)

    def _object(self, schema: Schema) -> Shape:
        shape = self._converter.schema2jsonschema(schema)
        shape["properties"] = dict(shape["properties"])
        for name, one in schema.fields.items():
            if getattr(getattr(one, "inner", one), "is_matcher", False):
                self._refer_to_matcher(shape["properties"][name], *schema.matches)  # type: ignore[attr-defined]
        if schema.partial:
            shape.pop("required", None)
            shape["minProperties"] = 1
        return {**_about(schema), **shape, **getattr(schema, "more_shape", {})}

    def _refer_to_matcher(self, shape: Shape, name: str, known: Mapping[str, Property]) -> None:
        """Make the schema of a field one of a matcher, or of a list of them."""
        properties = {one.data_key or key: self._expected(one) for key, one in known.items()}
        of = self._kept(name, {"type": "object", "properties": properties, "additionalProperties": False})
        if "items" in shape:
            shape["items"] = of
        else:
            del shape["type"]
            shape.update(of)

    def _expected(self, one: Property) -> Shape:
        kind, described = self._of(one.of).get("type"), {"description": one.description}
        if one.match.free or one.match.known is not None or kind in (None, "object", "array"):
            return described
        text = {"type": kind, **({"enum": list(one.match.words)} if one.match.words else {})}
        spelled = [{"type": "integer"}] if one.match.number else []
        null = [{"type": "null"}] if one.allow_none else []
        return {**described, "anyOf": [text, *spelled, *null, {"$ref": f"{REFERENCE}Operators"}]}

    def _kept(self, name: str, shape: Shape) -> Shape:
        self.named[name] = shape
        return {"$ref": REFERENCE + name}


def _form(whole: Shape) -> Shape:
    """Return the schema of a body as a form, whose lists are documented as `name[]`; its values are texts or files."""
    names = {name: f"{name}[]" if "items" in shape else name for name, shape in whole["properties"].items()}
    shapes = {names[name]: _as_text(shape) for name, shape in whole["properties"].items()}
    return {**whole, "properties": shapes, "required": [names[name] for name in whole.get("required", ())]}


def _as_text(shape: Shape) -> Shape:
    kinds = shape.get("type")
    changed: Shape = {"items": _as_text(shape["items"])} if "items" in shape else {}
    if isinstance(kinds, list):
        changed["type"] = "string" if "string" in kinds else kinds[0]
    return {**shape, **changed}


def _variant(whole: Shape, kinds: Sequence[str], needed: str) -> Shape:
    every = whole["properties"]
    changed = {"type": {**every["type"], "enum": list(kinds)}, needed: _without_null(every[needed])}
    return {**whole, "properties": {**every, **changed}, "required": [*whole.get("required", ()), needed]}


def _without_null(shape: Shape) -> Shape:
    kind = shape.get("type")
    if not isinstance(kind, list):
        return shape
    left = [one for one in kind if one != "null"]
    filled = {"string": {"minLength": 1}, "object": {"minProperties": 1}}
    more = {key: value for one in left for key, value in filled.get(one, {}).items()}
    return {**shape, "type": left[0] if len(left) == 1 else left, **more}


def _mended(shape: Any) -> Any:
    """Translate what marshmallow writes differently into JSON Schema."""
    if isinstance(shape, list):
        return [_mended(inner) for inner in shape]
    if not isinstance(shape, Mapping):
        return shape
    mended = {key: _mended(inner) for key, inner in shape.items()}
    if mended.get("enum") in ([True], [False]):  # generators compare an enum or const of booleans with strings
        mended |= {"type": "boolean", "not": {"const": not mended.pop("enum")[0]}}
    if mended.get("type") == "object" and not mended.keys() & {"properties", "additionalProperties"}:
        mended["additionalProperties"] = True  # otherwise generators take it for an object without any property
    kinds = mended.get("type")
    if isinstance(kinds, list) and len(kinds) - ("null" in kinds) > 1:  # few generators know more than one
        mended["anyOf"] = [{"type": kind, **_AMONG_OTHERS.get(kind, {})} for kind in mended.pop("type")]
    pattern = mended.get("pattern")
    if isinstance(pattern, str) and pattern.endswith(_END):  # Python matches it as a whole
        mended["pattern"] = f"^(?:{pattern.removesuffix(_END)})$"
    if mended.get("type") == "object":
        mended = {_OF_OBJECTS.get(key, key): inner for key, inner in mended.items()}
    return mended


def _name(schema: Any) -> str:
    return type(schema).__name__ if isinstance(schema, Schema) else str(schema.__name__)


def _about(schema: Schema) -> Shape:
    doc = inspect.cleandoc(type(schema).__dict__.get("__doc__") or "").partition("\n\n")[0]
    return {"description": doc.replace("\n", " ")} if doc else {}


def document(name: str, app: Flask, refused: Any = "Refused") -> Shape:
    """Return the document of the Flaresend API, "api", or of the control plane, "control".

    It describes the endpoints of `app`; a refusal holds `refused`, a resource or the name of a schema in the texts.
    """
    texts = json.loads((ASSETS / f"{name}.json").read_text(encoding="utf-8"))
    if name == "control":
        texts["document"]["info"]["version"] = __version__
    return _Maker(app, refused, texts, _Examples(cases(), app.url_map) if name == "api" else None).document()


class _Examples:
    """The cases of the contract, by endpoint, which `routes` find by method and path."""

    def __init__(self, cases: Iterable[Case], routes: Map) -> None:
        self._cases: dict[str, list[Case]] = {}
        adapter = routes.bind("localhost")
        for case in cases:
            path = unquote(case.request["path"].partition("?")[0])
            try:
                endpoint, _ = adapter.match(path, method=case.request["method"])
            except HTTPException:
                continue
            self._cases.setdefault(endpoint, []).append(case)

    def tag(self, endpoint: str) -> str:
        """Return the strongest tag of an endpoint's cases."""
        return min((case.tag for case in self._cases.get(endpoint, ())), key=TAGS.index, default=TAGS[-1])

    def requests(self, endpoint: str) -> dict[str, Any]:
        found = [
            (case, case.request["json"])
            for case in self._cases.get(endpoint, ())
            if case.response["status"] == 200 and "json" in case.request
        ]
        return dict(_chosen(sorted(found, key=lambda one: one[1].get("type") != "text")))  # most send a text

    def responses(self, endpoint: str, status: int) -> dict[str, Any]:
        found = [case for case in self._cases.get(endpoint, ()) if case.response["status"] == status]
        return dict(_chosen((case, case.response["body"]) for case in found))


def _chosen(found: Iterable[tuple[Case, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield examples without duplicates: all documented ones, and some assumed ones."""
    seen, assumed = set(), 0
    for case, value in sorted(found, key=lambda one: TAGS.index(one[0].tag)):
        shown = json.dumps(value, sort_keys=True)
        assumed += case.tag == TAGS[-1]
        if shown in seen or assumed > MOST_ASSUMED:
            continue
        seen.add(shown)
        yield (case.name.partition("/")[2], {"summary": case.title, "value": value, "x-fidelity": case.tag})


@dataclass(frozen=True)
class _Maker:
    app: Flask
    refused: Any
    texts: Shape
    examples: _Examples | None
    shapes: Shapes = field(default_factory=Shapes)

    def document(self) -> Shape:
        paths: Shape = {}
        for rule in self.app.url_map.iter_rules():
            view = self.app.view_functions[rule.endpoint]
            description = endpoint_of(view)
            if description is None:
                continue
            path = _PARAMETER.sub(r"{\1}", rule.rule)
            for method in _METHODS:
                if method in (rule.methods or ()):
                    paths.setdefault(path, {})[method.lower()] = self._operation(rule, view, description)
        found: Shape = self.texts["document"]
        self.shapes.named.update(self.texts.get("schemas", {}))
        if "webhooks" in found:
            self.shapes.named.update(json.loads((ASSETS / "events.json").read_text(encoding="utf-8")))
        found["paths"] = paths
        found["components"]["schemas"] = self.shapes.components
        return found

    def _operation(self, rule: Rule, view: Callable[..., Any], description: Endpoint) -> Shape:
        tag, _, name = rule.endpoint.partition(".")
        summary, _, rest = inspect.cleandoc(view.__doc__ or "").partition("\n\n")
        operation: Shape = {"operationId": name, "tags": [tag]}
        operation["summary"] = summary.replace("\n", " ").rstrip(".")
        operation["description"] = rest.partition("\nRaises:")[0].strip() or f"{operation['summary']}."
        if self.examples:
            operation[FIDELITY] = self.examples.tag(rule.endpoint)
        if description.former:
            operation["deprecated"] = True
        parameters = [
            {"name": part, "in": "path", "required": True, **self.texts["parameters"][part], "schema": _NOT_EMPTY}
            for part in sorted(rule.arguments - set(rule.defaults or ()))
        ]
        if description.query is not None:
            parameters += self.shapes.parameters(description.query)
        if WORLD in description.takes:
            parameters.append(self.texts["world"])
        if parameters:
            operation["parameters"] = parameters
        if description.body is not None:
            operation["requestBody"] = self._body(rule, operation["operationId"], description)
        operation["responses"] = self._responses(rule, operation["operationId"], description)
        return operation

    def _body(self, rule: Rule, operation_id: str, description: Endpoint) -> Shape:
        body = description.body
        assert body is not None
        content: Shape = {JSON: {"schema": self.shapes.body(body)}}
        if self.examples is None:
            content[JSON]["example"] = self.texts["examples"][operation_id]
        elif examples := self.examples.requests(rule.endpoint):
            content[JSON]["examples"] = examples
        if description.forms:
            content[MULTIPART] = {"schema": self.shapes.body(body, as_form=True)}
            if lists := [name for name, one in body.fields.items() if getattr(one, "is_list", False)]:
                content[MULTIPART]["encoding"] = {f"{name}[]": {"style": "form", "explode": True} for name in lists}
        needed = any(field.required for field in body.fields.values()) or bool(body.partial)
        return {"required": needed, "content": content}

    def _responses(self, rule: Rule, operation_id: str, description: Endpoint) -> Shape:
        found: Shape = {}
        of, status, meanings = description.response, description.status, self.texts["responses"]
        if of is not None:
            words = rule.endpoint.rpartition(".")[2].split("_")
            name = "".join(map(str.title, words)) + "Response" if self.examples else ""
            kind, shape = (of, {}) if isinstance(of, str) else (JSON, self.shapes.response(of, name))
            content: Shape = {kind: {"schema": shape} if shape else {}, **{other: {} for other in description.also}}
            found[str(status)] = {"description": meanings[str(status)], "content": content}
            if links := self.texts["links"].get(operation_id):
                found[str(status)]["links"] = {
                    name: {"operationId": name, "parameters": {link["parameter"]: f"$response.body#{link['value']}"}}
                    for link in links
                    for name in link["operations"]
                }
        usual = self.texts["usual"] + (self.texts["usual_with_body"] if description.body is not None else [])
        for status in sorted({*usual, *description.refuses, *((425,) if description.phone else ())}):
            own = description.refusal if status in description.refuses else None
            said = self.texts.get("refusals", {}).get(str(status), self.refused)
            shape = self.shapes.response(own or said)
            found[str(status)] = {"description": meanings[str(status)], "content": {JSON: {"schema": shape}}}
        if self.examples:
            for code, response in found.items():
                if examples := self.examples.responses(rule.endpoint, int(code)):
                    response["content"][JSON]["examples"] = examples
        return found
