"""Fault injection: applies the world's faults to calls of the API."""

from typing import Any

from flask import Request, Response, g, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.api.errors import OVERLOADED
from flaresend_mock.core.faults import CALLS
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Fault, Reply
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies, context
from flaresend_mock.http.body_stream import forget


class DescribedCall(dict[str, Any]):
    """A call as matchers see it. Its body is read when a matcher looks at it; one that cannot be read has no fields."""

    def __init__(self, request: Request, instance: str | None) -> None:
        self._request = request
        super().__init__(
            method=request.method,
            path=request.environ[context.PATH],
            raw_path=request.environ[context.RAW_PATH],
            query=request.environ.get("QUERY_STRING", ""),
            headers=context.shown(context.received(request.environ)),
            key=context.bearer(request.headers.get("Authorization", "")),
            instance=instance,
        )

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name == "body" else super().get(name, default)

    def __missing__(self, name: str) -> Any:
        limits = bodies.UNKNOWN_LIMITS if self["instance"] is None else bodies.LIMITS
        try:
            self[name] = bodies.read(self._request, bodies.LISTS, limits=limits)
        except HTTPException:
            self[name] = {}
        return self[name]


@model
class Injected:
    """The fault that a call met, its world, and how many seconds the response is delayed."""

    world: World
    fault: Fault
    seconds: float


def apply_before(world: World, instance: str | None) -> Response | None:
    """Find the fault that matches the instance's call, and return the fault's reply if it has one."""
    fault = world.faults.match(DescribedCall(request, instance), CALLS)
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
        g.pop("body", None)
        forget(request.environ)
        injected.world.delay(injected.seconds, lambda: not faults.has(fault.id))
    if fault.action == "corrupt":
        response.set_data(response.get_data()[:-1] + b"{")
    elif fault.action is not None and not context.cut(request.environ, fault.action):
        return Response("Here the connection would have ended.", 502, content_type="text/plain; charset=utf-8")
    return response


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
    response.headers.update(reply.headers)
    return response
