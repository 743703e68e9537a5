"""The two documents: the Flaresend API, and the control plane."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from flaresend_mock.contract import cases
from flaresend_mock.http.describing import Description, description_of
from flaresend_mock.http.paths import is_ours
from flaresend_mock.openapi.bodies import BODIES
from flaresend_mock.openapi.examples import Examples
from flaresend_mock.openapi.json_schema import FORM, Shape, Shapes
from flaresend_mock.openapi.words import API, CONTROL, EXAMPLES
from flaresend_mock.version import __version__

VERSION = "3.1.0"
JSON = "application/json"
MULTIPART = "multipart/form-data"
FIDELITY = "x-fidelity"

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")
_PARAMETER = re.compile(r"<(?:any\((?P<words>[^)]*)\):)?(?P<name>\w+)>")

_MEANINGS = {
    200: "It was done.",
    201: "It was made.",
    202: "It is being done.",
    400: "What was given is not what is expected; the message says what.",
    401: "The call is not authenticated.",
    403: "The instance may not do this.",
    404: "There is no such thing.",
    408: "It did not happen in time.",
    409: "What there is does not allow it.",
    410: "It is no longer there.",
    413: "The body is too large.",
    415: "The body is of no type that is taken.",
    422: "What was to be verified does not hold.",
    425: "The instance's phone is not connected.",
    429: "There were too many calls: asked for by a magic number.",
    501: "The documentation says that it is not available yet.",
    503: "The service is not available: asked for by a magic number, or all places are taken.",
}


_CONTROL_MEANINGS = {
    400: "What was given is not what is expected, or nothing that is known; the message says what.",
    401: "The control token is missing, or it is another one.",
    403: "A web page from elsewhere, or under another name, may not steer the emulator.",
    404: "There is no such thing, or no such world.",
    410: "The world of this API key was given up for others.",
}


def api_document(app: Flask, refused: Callable[[int], Any]) -> Shape:
    """Return the document of the Flaresend API.

    Args:
        app: what serves it.
        refused: returns the type of the answer to a call that is refused with a status.
    """
    about = {
        "title": "Flaresend API",
        "version": "1.0.0",
        "summary": "WhatsApp messaging, as flaresend-mock emulates it",
        "description": (
            "Flaresend publishes no OpenAPI document; this one is made by its emulator from what that loads and "
            f"answers with. `{FIDELITY}` says of each call and example whether Flaresend's documentation says so "
            "(documented), has said so since (documented-later), or the emulator fills a gap (assumed)."
        ),
    }
    rules = [rule for rule in app.url_map.iter_rules() if not is_ours(rule.rule)]
    maker = _Maker(app, refused, _api_statuses, Examples(cases(), app.url_map))
    document = maker.document(about, rules)
    document["components"]["securitySchemes"] = {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "The API key of an instance; the first one of the default world has YOUR_API_KEY.",
        }
    }
    return {**document, "security": [{"apiKey": []}]}


def control_document(app: Flask, refused: Callable[[int], Any]) -> Shape:
    """Return the document of the control plane; the arguments are those of `api_document`."""
    about = {
        "title": "flaresend-mock control plane",
        "version": __version__,
        "summary": "What tests and demonstrations steer the emulator with",
        "description": (
            "A call is about the default world, the world named by `?world=`, or the one that the API key in "
            "`Authorization` belongs to. It needs the header X-Control-Token where the emulator was started with "
            "--control-token."
        ),
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    maker = _Maker(app, refused, _control_statuses, None)
    document = maker.document(about, list(app.url_map.iter_rules()))
    document["components"]["securitySchemes"] = {
        "controlToken": {"type": "apiKey", "in": "header", "name": "X-Control-Token"},
        "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key, which picks its world."},
    }
    return {**document, "security": [{}, {"controlToken": []}, {"apiKey": []}]}


def _api_statuses(description: Description) -> Iterator[int]:
    yield from (401, 503)
    if description.phone:
        yield 425
    if description.body is not None:
        yield from (400, 413, 415, 429)


def _control_statuses(description: Description) -> Iterator[int]:
    yield from (400, 401, 403, 404, 410)
    if description.body is not None:
        yield from (413, 415)


class _Maker:
    def __init__(
        self,
        app: Flask,
        refused: Callable[[int], Any],
        usual: Callable[[Description], Iterator[int]],
        examples: Examples | None,
    ) -> None:
        self._app = app
        self._refused = refused
        self._usual = usual
        self._examples = examples
        self._meanings = _MEANINGS | (_CONTROL_MEANINGS if examples is None else {})
        self._words = CONTROL if examples is None else API
        self._shapes = Shapes(self._words)

    def document(self, about: Shape, rules: list[Rule]) -> Shape:
        paths: Shape = {}
        tags: dict[str, None] = {}
        for rule in rules:
            view = self._app.view_functions[rule.endpoint]
            description = description_of(view)
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
            "components": {"schemas": self._shapes.components},
        }

    def _operation(
        self, rule: Rule, view: Callable[..., Any], description: Description, tag: str, words: str
    ) -> Shape:
        summary, _, rest = inspect.cleandoc(view.__doc__ or "").partition("\n\n")
        operation: Shape = {
            "operationId": _operation_id(rule, words),
            "tags": [tag],
            "summary": summary.replace("\n", " ").rstrip("."),
        }
        if rest:
            operation["description"] = rest.partition("\nRaises:")[0].strip()
        if self._examples:
            operation[FIDELITY] = self._examples.tag(rule.endpoint)
        parameters = [
            _path_parameter(name, self._words)
            for name in sorted(rule.arguments)
            if not words or name != "name"
        ]
        if description.query is not None:
            parameters += self._shapes.parameters(description.query)
        if description.world:
            parameters.append(_WORLD)
        if parameters:
            operation["parameters"] = parameters
        if description.body is not None:
            operation["requestBody"] = self._body(rule, description)
        operation["responses"] = self._responses(rule, view, description)
        return operation

    def _body(self, rule: Rule, description: Description) -> Shape:
        body = description.body
        assert body is not None
        content: Shape = {JSON: {"schema": self._shapes.body(body)}}
        if self._examples and (examples := self._examples.requests(rule.endpoint)):
            content[JSON]["examples"] = examples
        elif self._examples is None and rule.endpoint in BODIES:
            content[JSON]["example"] = BODIES[rule.endpoint]
        if description.forms:
            content[MULTIPART] = {"schema": self._shapes.body(body, FORM)}
        needed = any(field.required for field in body.fields.values()) or bool(body.partial)
        return {"required": needed, "content": content}

    def _responses(self, rule: Rule, view: Callable[..., Any], description: Description) -> Shape:
        found: Shape = {}
        for status, what in description.answers.items():
            name = _camel(rule.endpoint.rpartition(".")[2]) + "Answer"
            kind, shape = (what, {}) if isinstance(what, str) else (JSON, self._shapes.answer(what, name))
            content: Shape = {
                kind: {"schema": shape} if shape else {},
                **{other: {} for other in description.also},
            }
            found[str(status)] = {"description": _MEANINGS[status], "content": content}
            if links := self._links(description.links):
                found[str(status)]["links"] = links
        for status in sorted({*self._usual(description), *description.refuses}):
            shape = self._shapes.of_type(self._refused(status))
            content = {JSON: {"schema": shape}}
            found[str(status)] = {"description": self._meanings[status], "content": content}
        if self._examples:
            for code, response in found.items():
                if examples := self._examples.answers(rule.endpoint, int(code)):
                    response["content"][JSON]["examples"] = examples
        return found

    def _links(self, links: Mapping[str, tuple[str, str]]) -> Shape:
        return {
            name: {"operationId": name, "parameters": {parameter: f"$response.body#{pointer}"}}
            for name, (parameter, pointer) in links.items()
        }


_WORLD = {
    "name": "world",
    "in": "query",
    "required": False,
    "description": "The name of a world, instead of the default one or the API key's.",
    "schema": {"type": "string"},
}


def _paths(rule: str) -> Iterator[tuple[str, str]]:
    """Yield the paths of a rule in OpenAPI's spelling, one for each of the words that a part of it may be."""
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
    return (
        f"{name}_{blueprint if name in _ABOUT_MANY else _ONE.get(blueprint) or blueprint.removesuffix('s')}"
    )


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


def _path_parameter(name: str, words: Mapping[str, str]) -> Shape:
    shape: Shape = {"name": name, "in": "path", "required": True}
    if name in words:
        shape["description"] = words[name]
    if name in EXAMPLES:
        shape["example"] = EXAMPLES[name]
    return {**shape, "schema": {"type": "string", "minLength": 1}}


def _camel(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))
