"""What comes before and after each view of the API: authentication, faults, and the record of the call."""

import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Request, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, NotFound

from flaresend_mock.api.errors import OVERLOADED, Unauthorized
from flaresend_mock.core.faults import CALLS
from flaresend_mock.core.models import Call, Fault, Reply, Upload
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.http import bodies
from flaresend_mock.http.context import PATH, RAW_PATH, SERVICES, AppServices, bearer, cut, received
from flaresend_mock.http.context import shown as shown_headers
from flaresend_mock.http.endpoint import endpoint_of

_LISTS = ("recipients", "participants", "groupJids")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """The instance that makes a call."""

    world: World
    instance: str


def authenticate() -> Response | None:
    """Find the caller, apply a fault that matches, and refuse a call without a known key."""
    environ = request.environ  # each look at a proxy of Flask takes a microsecond
    us: AppServices = environ[SERVICES]
    key = bearer(environ.get("HTTP_AUTHORIZATION", ""))
    found = us.worlds.with_key(key) if key else None
    g.caller = caller = Caller(found[0], found[1].id) if found else None
    world = caller.world if caller else us.worlds.default()
    if world.state.faults:
        reply = apply_before(world, caller.instance if caller else None)
        if reply is not None:
            return reply
    if caller is None or us.strict or environ[PATH].startswith("//"):
        _require_known(request, us, key, caller)
    return None


def _require_known(request: Request, us: AppServices, key: str | None, caller: Caller | None) -> None:
    """Refuse a call of a known route without a known key, and in strict mode a tolerated path, before any check."""
    if isinstance(request.routing_exception, NotFound):
        return
    path: str = request.environ[PATH]
    called = endpoint_of(current_app.view_functions[request.endpoint]) if request.endpoint else None
    tolerated = path.endswith("/") or (called is not None and called.former)
    if path.startswith("//") or (us.strict and tolerated):
        raise NotFound
    if caller is None:
        raise Unauthorized("Invalid API key" if key else "Authorization header required")


@dataclass(frozen=True, slots=True)
class Injected:
    """The fault that a call met, its world, and how many seconds the response is delayed."""

    world: World
    fault: Fault
    seconds: float


def apply_before(world: World, instance: str | None) -> Response | None:
    """Find the fault that matches the instance's call, and return the fault's reply if it has one."""
    fault = world.faults.match(_describe_call(request, instance), CALLS)
    if fault is None:
        return None
    g.injected = Injected(world, fault, world.faults.seconds_of(fault))
    if fault.action == "reset":
        return Response(status=502)  # reaches the client only where no connection can be reset
    return _reply(fault.reply) if fault.reply is not None else None


def apply_after(response: Response, injected: Injected) -> Response:
    """Corrupt, cut or delay a response, as the call's fault says, after the call was recorded."""
    fault = injected.fault
    if injected.seconds:
        faults = injected.world.faults
        injected.world.delay(injected.seconds, lambda: not faults.has(fault.id))
    if fault.action == "corrupt":
        response.set_data(response.get_data()[:-1] + b"{")
    elif fault.action is not None and not cut(request.environ, fault.action):
        return Response("Here the connection would have ended.", 502, content_type="text/plain; charset=utf-8")
    return response


def _describe_call(request: Request, instance: str | None) -> dict[str, Any]:
    """Return a call as matchers see it. A body that cannot be read has no fields."""
    try:
        body = bodies.read(request, _LISTS, limits=bodies.API_LIMITS)
    except HTTPException:
        body = {}
    return {
        "method": request.method,
        "path": request.environ[PATH],
        "raw_path": request.environ[RAW_PATH],
        "query": request.environ.get("QUERY_STRING", ""),
        "headers": shown_headers(received(request.environ)),
        "body": body,
        "key": bearer(request.headers.get("Authorization", "")),
        "instance": instance,
    }


def _reply(reply: Reply) -> Response:
    if isinstance(reply.body, str):
        status = bodies.STATUS_LINES.get(reply.status, reply.status)
        response = Response(reply.body, status, content_type="text/plain; charset=utf-8")
    else:
        phrase = bodies.STATUS_LINES.get(reply.status, "Unknown").partition(" ")[2]
        message = OVERLOADED.get(reply.status) or phrase.capitalize() or "Unknown"
        body = {"success": False, "message": message} if reply.body is None else reply.body
        response = bodies.respond(body, reply.status)
    if reply.status in (204, 304):
        response.set_data(b"")
    for name, value in reply.headers.items():
        response.headers[name] = value
    return response


def record(response: Response) -> Response:
    """Record the call with its response, and return what a fault makes of the response.

    Calls without a known key belong to the default world. Of uploads in a form, only a description is kept.
    """
    environ, found = request.environ, vars(g._get_current_object())
    caller: Caller | None = found.get("caller")
    world: World = caller.world if caller else environ[SERVICES].worlds.default()
    injected: Injected | None = found.get("injected")
    fault = injected.fault if injected else None
    cut_off = fault is not None and fault.action == "reset"
    query = environ.get("QUERY_STRING", "")
    response_body = b"" if cut_off else response.get_data()
    masked = world.instances.masked
    path, raw_path = environ[PATH], environ[RAW_PATH]
    shown = masked(path)
    shown_raw = shown if raw_path == path else masked(raw_path) if shown == path else quote(shown, safe="/*")
    if response.status_code == 404 and not cut_off:  # the message repeats the path
        response_body = masked(response_body.decode().replace(raw_path, shown_raw)).encode()
    body = environ.get(bodies.RAW)
    if body is None and (fields := found.get("body")) is not None:
        body = {
            name: {"fileName": one.file_name, "mimetype": one.mimetype, "size": len(one.data)}
            if isinstance(one, Upload)
            else one
            for name, one in fields.items()
        }
    call = Call(
        method=environ["REQUEST_METHOD"],
        path=shown,
        query=masked(query) if query else "",
        headers=received(environ),
        body=body,
        status=None if cut_off else response.status_code,
        response=response_body,
        instance=caller.instance if caller else None,
        fault=fault.id if fault else None,
        raw_path=shown_raw,
    )
    with world.lock:
        world.record("request", call)
    of_world = "" if world.name == DEFAULT else f" in {world.name}"
    met = f" ({fault.id})" if fault else ""
    log.info("%s %s %s%s%s", call.method, call.path, call.status or "reset", of_world, met)
    return apply_after(response, injected) if injected else response
