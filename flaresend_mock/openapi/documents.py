"""The OpenAPI documents of the Flaresend API and of the control plane, made from their endpoints."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from flaresend_mock.contract import TAGS, Case, cases
from flaresend_mock.http.endpoint import WORLD, Endpoint, endpoint_of
from flaresend_mock.openapi.json_schema import Shape, Shapes
from flaresend_mock.version import __version__

JSON = "application/json"
MULTIPART = "multipart/form-data"
FIDELITY = "x-fidelity"
MOST_ASSUMED = 5  # how many assumed examples stand beside the documented ones
ASSETS = Path(__file__).parent / "assets"  # texts and examples of both documents, and what refusals they share

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")
_NOT_EMPTY = {"type": "string", "minLength": 1}
_PARAMETER = re.compile(r"<(\w+)>")


def document(name: str, app: Flask, refused: Callable[[int], Any]) -> Shape:
    """Return the document of the Flaresend API, "api", or of the control plane, "control".

    It describes the endpoints of `app`; `refused` returns the resource that a refusal with a status holds.
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
    refused: Callable[[int], Any]
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
            shape = self.shapes.response(own or self.refused(status))
            found[str(status)] = {"description": meanings[str(status)], "content": {JSON: {"schema": shape}}}
        if self.examples:
            for code, response in found.items():
                if examples := self.examples.responses(rule.endpoint, int(code)):
                    response["content"][JSON]["examples"] = examples
        return found
