"""The OpenAPI documents of the Flaresend API and of the control plane, made from their endpoints."""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from flaresend_mock.contract import TAGS, Case, cases
from flaresend_mock.http.endpoint import WORLD, Endpoint, endpoint_of
from flaresend_mock.openapi.json_schema import FORM, Shape, Shapes
from flaresend_mock.version import __version__

VERSION = "3.1.0"
JSON = "application/json"
MULTIPART = "multipart/form-data"
FIDELITY = "x-fidelity"
MOST_ASSUMED = 5
"""How many assumed examples stand beside the documented ones."""

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")
_PARAMETER = re.compile(r"<(?:any\((?P<words>[^)]*)\):)?(?P<name>\w+)>")

_MEANINGS = {
    200: "Done.",
    201: "Created.",
    202: "Accepted.",
    400: "The request is wrong; the message says how.",
    401: "The call is not authenticated.",
    403: "The instance may not do this.",
    404: "Not found.",
    408: "It did not happen in time.",
    409: "Conflict with the current state.",
    410: "No longer there.",
    413: "The body is too large.",
    415: "The content type is not supported.",
    422: "The expectation is not met.",
    425: "The instance's phone is not connected.",
    429: "Too many calls: a magic number asks for it.",
    501: "The documentation says that it is not available yet.",
    503: "Unavailable: a magic number asks for it, or all places are taken.",
}
_CONTROL_MEANINGS = {
    400: "The request is wrong, or has an unknown name; the message says how.",
    401: "The control token is missing or wrong.",
    403: "The request comes from a web page of another origin.",
    404: "Not found, or no such world.",
    410: "This API key's world was evicted to make room for newer ones.",
}
_PARAMETERS = {
    "code": "The invite code: the last part of the invite link.",
    "task_id": "The id of a scheduled message, such as SCHED-9128371923.",
    "instance_id": "The id of an instance, or `default` for the first one.",
    "number": "A phone number in international format, such as 254712345678.",
    "delivery_id": "The id of a delivery.",
    "fault_id": "The id of a fault, such as fault-1.",
    "media_id": "The id of a file, from a message's `media`.",
    "wanted": "The id of an API key, from the list of keys.",
    "name": "The name.",
}
_EXAMPLES = {
    "group_id": "120363420250618357@g.us",
    "channel_id": "120363406469149890@newsletter",
    "instance_id": "default",
}
"""Values of parameters that the default world has."""


def api_document(app: Flask, refused: Callable[[int], Any]) -> Shape:
    """Return the document of the Flaresend API of an application; `refused` returns the resource of a status."""
    about = {
        "title": "Flaresend API",
        "version": "1.0.0",
        "summary": "WhatsApp messaging, as flaresend-mock emulates it",
        "description": (
            "Flaresend publishes no OpenAPI document; the emulator makes this one from its own schemas. "
            f"`{FIDELITY}` says of each call and example whether Flaresend's documentation says so "
            "(documented), has said so since (documented-later), or the emulator fills a gap (assumed)."
        ),
    }
    key = "The API key of an instance. That of the default world's first instance is YOUR_API_KEY."
    schemes = {"apiKey": {"type": "http", "scheme": "bearer", "description": key}}
    maker = _Maker(app, refused, _api_statuses, _Examples(cases(), app.url_map))
    return maker.document(about, schemes) | {"security": [{"apiKey": []}]}


def control_document(app: Flask, refused: Callable[[int], Any]) -> Shape:
    """Return the document of the control plane; the arguments are those of `api_document`."""
    about = {
        "title": "flaresend-mock control plane",
        "version": __version__,
        "summary": "Controls the emulator from tests and demonstrations",
        "description": (
            "A call is about the default world, the world named by `?world=`, or the one that the API key in "
            "`Authorization` belongs to. It needs the header X-Control-Token where the emulator was started with "
            "--control-token."
        ),
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    schemes = {
        "controlToken": {"type": "apiKey", "in": "header", "name": "X-Control-Token"},
        "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key, which picks its world."},
    }
    maker = _Maker(app, refused, _control_statuses, None)
    return maker.document(about, schemes) | {"security": [{}, {"controlToken": []}, {"apiKey": []}]}


def _api_statuses(description: Endpoint) -> Iterator[int]:
    yield from (401, 503)
    if description.phone:
        yield 425
    if description.body is not None:
        yield from (400, 413, 415, 429)


def _control_statuses(description: Endpoint) -> Iterator[int]:
    yield from (400, 401, 403, 404, 410)
    if description.body is not None:
        yield from (413, 415)


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
        tags = {case.tag for case in self._cases.get(endpoint, ())}
        return next((tag for tag in TAGS if tag in tags), TAGS[-1])

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
    usual: Callable[[Endpoint], Iterator[int]]
    examples: _Examples | None
    shapes: Shapes = field(default_factory=Shapes)

    def document(self, about: Shape, schemes: Shape) -> Shape:
        paths: Shape = {}
        tags: dict[str, None] = {}
        for rule in self.app.url_map.iter_rules():
            view = self.app.view_functions[rule.endpoint]
            description = endpoint_of(view)
            if description is None:
                continue
            for path, words in _paths(rule.rule):
                tag = rule.endpoint.partition(".")[0]
                tags[tag] = None
                for method in _METHODS:
                    if method in (rule.methods or ()):
                        paths.setdefault(path, {})[method.lower()] = self._operation(
                            rule, view, description, tag, words
                        )
        return {
            "openapi": VERSION,
            "info": about,
            "servers": [],  # each emulator of the process has its own
            "tags": [{"name": tag} for tag in tags],
            "paths": paths,
            "components": {"schemas": self.shapes.components, "securitySchemes": schemes},
        }

    def _operation(self, rule: Rule, view: Callable[..., Any], description: Endpoint, tag: str, words: str) -> Shape:
        summary, _, rest = inspect.cleandoc(view.__doc__ or "").partition("\n\n")
        operation: Shape = {
            "operationId": _operation_id(rule, words),
            "tags": [tag],
            "summary": summary.replace("\n", " ").rstrip("."),
        }
        if rest:
            operation["description"] = rest.partition("\nRaises:")[0].strip()
        if self.examples:
            operation[FIDELITY] = self.examples.tag(rule.endpoint)
        if description.former:
            operation["deprecated"] = True
        parameters = [
            _path_parameter(name, of_api=self.examples is not None)
            for name in sorted(rule.arguments)
            if not words or name != "name"
        ]
        if description.query is not None:
            parameters += self.shapes.parameters(description.query)
        if WORLD in description.takes:
            parameters.append(_WORLD)
        if parameters:
            operation["parameters"] = parameters
        if description.body is not None:
            operation["requestBody"] = self._body(rule, description)
        operation["responses"] = self._responses(rule, description)
        return operation

    def _body(self, rule: Rule, description: Endpoint) -> Shape:
        body = description.body
        assert body is not None
        content: Shape = {JSON: {"schema": self.shapes.body(body)}}
        if self.examples and (examples := self.examples.requests(rule.endpoint)):
            content[JSON]["examples"] = examples
        elif description.example is not None:
            content[JSON]["example"] = description.example
        if description.forms:
            content[MULTIPART] = {"schema": self.shapes.body(body, FORM)}
        needed = any(field.required for field in body.fields.values()) or bool(body.partial)
        return {"required": needed, "content": content}

    def _responses(self, rule: Rule, description: Endpoint) -> Shape:
        found: Shape = {}
        of, status = description.response, description.status
        if of is not None:
            words = rule.endpoint.rpartition(".")[2].split("_")
            name = "".join(map(str.title, words)) + "Response" if self.examples else ""
            kind, shape = (of, {}) if isinstance(of, str) else (JSON, self.shapes.response(of, name))
            content: Shape = {kind: {"schema": shape} if shape else {}, **{other: {} for other in description.also}}
            found[str(status)] = {"description": _MEANINGS[status], "content": content}
            if description.links:
                found[str(status)]["links"] = {
                    name: {"operationId": name, "parameters": {parameter: f"$response.body#{pointer}"}}
                    for name, (parameter, pointer) in description.links.items()
                }
        meanings = _MEANINGS | ({} if self.examples else _CONTROL_MEANINGS)
        for status in sorted({*self.usual(description), *description.refuses}):
            shape = self.shapes.response(self.refused(status))
            found[str(status)] = {"description": meanings[status], "content": {JSON: {"schema": shape}}}
        if self.examples:
            for code, response in found.items():
                if examples := self.examples.responses(rule.endpoint, int(code)):
                    response["content"][JSON]["examples"] = examples
        return found


_WORLD = {
    "name": WORLD,
    "in": "query",
    "required": False,
    "description": "The name of a world. It overrides the world of the API key and the default world.",
    "schema": {"type": "string"},
}


def _paths(rule: str) -> Iterator[tuple[str, str]]:
    """Yield the paths of a rule in OpenAPI's notation: one for each word that a part of it may be."""
    found = next((one for one in _PARAMETER.finditer(rule) if one["words"]), None)
    if found is None:
        yield _PARAMETER.sub(r"{\g<name>}", rule), ""
        return
    for word in found["words"].split(","):
        yield _PARAMETER.sub(r"{\g<name>}", rule.replace(found[0], word.strip())), word.strip()


def _operation_id(rule: Rule, words: str) -> str:
    endpoint: str = rule.endpoint
    blueprint, _, name = endpoint.rpartition(".")
    if words:
        return f"{name}_{words}"
    if endpoint in _NAMES:
        return _NAMES[endpoint]
    if "_" in name or blueprint in name:
        return name
    return f"{name}_{blueprint if name in _ABOUT_MANY else _ONE.get(blueprint) or blueprint.removesuffix('s')}"


_ABOUT_MANY = ("list", "clear", "settle")
_ONE = {"people": "person", "deliveries": "delivery"}
_NAMES = {
    "lists.messages": "list_messages",
    "lists.requests": "list_requests",
    "lists.scheduled": "list_pending",
    "lists.events": "list_events",
    "pairing.qr": "show_qr_code",
    "inbound.inbound": "receive_message",
    "deliveries.redeliver_one": "redeliver",
}


def _path_parameter(name: str, *, of_api: bool) -> Shape:
    words = _PARAMETERS
    if name in ("group_id", "channel_id"):
        kind = name.removesuffix("_id")
        words = {name: f"The JID of a {kind}, from `GET {'' if of_api else '/_mock'}/{kind}s`."}
    shape: Shape = {"name": name, "in": "path", "required": True, "description": words[name]}
    if name in _EXAMPLES:
        shape["example"] = _EXAMPLES[name]
    return {**shape, "schema": {"type": "string", "minLength": 1}}
