"""The decorator that makes a view an endpoint: it loads the request, calls the view, and dumps the result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

from flask import Blueprint, Request, Response, g
from flask import request as here
from marshmallow import Schema, ValidationError, fields, missing
from werkzeug.exceptions import BadRequest, NotFound

from flaresend_mock.core.matchers.parser import unknown
from flaresend_mock.core.model import model
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies
from flaresend_mock.http.body_stream import forget, release
from flaresend_mock.http.context import SERVICES, bearer, services
from flaresend_mock.http.resources import Envelope, Resource, instance

View = Callable[..., Any]

WORLD = "world"

_MOST_NARROWED = 100
_ATTRIBUTE = "flaresend_mock_endpoint"


class RequestSchema(Schema):
    """Loads a body or a query. Subclasses of the API and of the control plane word refusals."""

    not_json: ClassVar[str] = bodies.NOT_JSON

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        known = self.fields.items()
        self._needed = frozenset(name for name, one in known if one.required or one.load_default is not missing)
        self._names = {one.data_key or name: name for name, one in known}
        self._narrowed: dict[frozenset[str], RequestSchema] = {}

    def parse(self, data: Mapping[str, Any], where: str = "") -> Any:
        """Load data, which is at `where` in the body, by those fields that it has: the others take 4% of a call."""
        names = self._needed.union(map(self._names.__getitem__, self._names.keys() & data.keys()))
        if names not in self._narrowed and len(self._narrowed) < _MOST_NARROWED:
            self._narrowed[names] = type(self)(only=names)
        refused = ValidationError("")
        for schema in (self._narrowed.get(names, self), self):  # the second one refuses it
            try:
                return schema.load(data)
            except ValidationError as refused_now:
                refused = refused_now.with_traceback(None)  # its frames would keep the data until they are collected
        raise BadRequest(self.refusal(refused, where))

    def refusal(self, invalid: ValidationError, where: str) -> str:
        """Return the message of the first field that is wrong, in the order of the fields."""
        found = invalid.messages_dict
        return str(next(found[name][0] for name in self.fields if name in found))


@model
class Endpoint:
    """What an endpoint takes, returns and refuses. Its view carries it, and the OpenAPI documents come from it."""

    response: Any  # the resource that a response holds, a type of JSON, or a media type for anything else
    status: int = 200  # the status of a response
    also: tuple[str, ...] = ()  # other media types that a response may have
    body: RequestSchema | None = None  # loads the body; None ignores it
    query: RequestSchema | None = None  # loads the query
    forms: bool = False  # accepts forms; those of the API always do, except in strict mode
    phone: bool = False  # needs a connected instance, which is checked first
    refuses: Sequence[int] = ()  # the statuses of refusals that only this endpoint has
    refusal: type[Resource] | None = None  # the resource that these hold, if it is not the usual one
    former: bool = False  # its route is no longer documented; strict mode refuses it
    limits: bodies.Limits = bodies.LIMITS  # how large the body may be
    any_query: bool = False  # ignores a query that it does not know, for probes that add one
    takes: tuple[str, ...] = ()  # the names of the view's parameters


def endpoint(response: Any, **options: Any) -> Callable[[View], Callable[..., Response]]:
    """Make a view an endpoint. `Endpoint` describes the arguments.

    The view's parameters say what it gets: `caller` (in the API), `world` (in the control plane), `body` and `query` as
    they were loaded, and the parts of the path. It returns an item that the response's resource shows, or a response.
    """

    def decorate(view: View) -> Callable[..., Response]:
        takes = tuple(inspect.signature(view).parameters)
        resource = instance(response) if inspect.isclass(response) and issubclass(response, Resource) else response
        of = Endpoint(resource, takes=takes, **options)
        dump = getattr(resource, "dump", None)
        of_api = "caller" in takes
        known = of.body.fields.items() if of.body else ()
        lists = [name for name, one in known if getattr(one, "is_list", isinstance(one, fields.List))]

        @wraps(view)
        def run(**arguments: Any) -> Response:
            request: Request = here._get_current_object()  # type: ignore[attr-defined]
            if of_api:
                arguments["caller"] = caller = g.caller
                if of.phone:
                    caller.world.instances.require_ready(caller.instance)
            elif not of.any_query:
                _check_query(request, of.query)
            if of.query is not None and "query" in takes:
                asked = {name: value for name, value in request.args.items() if name != WORLD}
                arguments["query"] = of.query.parse(asked)
            if of.body is not None:
                strict = of_api and request.environ[SERVICES].strict
                forms = of.forms or (of_api and not strict)
                how = {"forms": forms, "strict": strict, "empty_list": not of_api}
                given = bodies.read(request, lists, limits=of.limits, not_json=of.body.not_json, **how)
                if of_api:
                    g.body = given  # for the request log
                elif of.limits is bodies.LIMITS:
                    release(request.environ)  # before the view waits for something
                else:
                    forget(request.environ)
                arguments["body"] = of.body.parse(given)
                del given  # what a large body is read from takes as much memory as what it becomes
            if WORLD in takes:
                arguments[WORLD] = world = chosen_world(request)
                if world.follows_process:  # a test may have set it just now
                    world.timeline.run_due()
            result = view(**arguments)
            if isinstance(result, Response):
                return result
            if not of_api and isinstance(resource, Envelope):
                return bodies.stream(resource.pieces(result), of.status, refusable=503 in of.refuses)
            return bodies.respond(dump(result) if dump else result, of.status)

        setattr(run, _ATTRIBUTE, of)
        return run

    return decorate


def _of(method: str) -> Callable[..., Callable[[View], Callable[..., Response]]]:
    def on(self: Endpoints, path: str, response: Any, **options: Any) -> Callable[[View], Callable[..., Response]]:
        route, make = self.route(path, methods=[method]), endpoint(response, **self.every, **options)
        return lambda view: route(make(view))

    return on


class Endpoints(Blueprint):
    """A blueprint whose `get`, `post` and others make a view an endpoint; `every` one has the options of this."""

    def __init__(self, name: str, url_prefix: str = "", templates: Path | None = None, **every: Any) -> None:
        super().__init__(name, __name__, url_prefix=url_prefix, template_folder=templates)
        self.every = every

    get, post, put, patch, delete = map(_of, ("GET", "POST", "PUT", "PATCH", "DELETE"))  # type: ignore[assignment]


def endpoint_of(view: Callable[..., Any]) -> Endpoint | None:
    """Return the description that a view carries, or None for a view that is not an endpoint."""
    found: Endpoint | None = getattr(view, _ATTRIBUTE, None)
    return found


def chosen_world(request: Request) -> World:
    """Return the world named by `?world=`, or that of the API key in `Authorization`, or the default world."""
    worlds = services().worlds
    name = request.args.get(WORLD)
    if name is not None:
        return worlds.get(name)
    key = bearer(request.headers.get("Authorization", ""))
    if not key:
        return worlds.default()
    found = worlds.with_key(key)
    if found is None:
        raise NotFound("No world has this API key.")
    return found[0]


def _check_query(request: Request, schema: RequestSchema | None) -> None:
    known = [one.data_key or name for name, one in schema.fields.items()] if schema else []
    known.append(WORLD)
    strange = next((name for name in request.args if name not in known), None)
    if strange is not None:
        raise BadRequest(unknown(strange, known))
