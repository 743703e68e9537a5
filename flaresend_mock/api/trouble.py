"""Faults, as far as API calls meet them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.errors import OVERLOADED, path_as_sent
from flaresend_mock.core.records import Fault, Reply
from flaresend_mock.core.world import World
from flaresend_mock.web import bodies, headers, jsons
from flaresend_mock.web.auth import bearer
from flaresend_mock.web.connection import cut
from flaresend_mock.web.context import current_request, emulator, notes
from flaresend_mock.web.paths import is_ours

_LISTS = ("recipients", "participants", "groupJids")


@dataclass(frozen=True, slots=True)
class Struck:
    """That a call met a fault, in which world, and how many seconds it waits for its answer."""

    world: World
    fault: Fault
    seconds: float


def inflict() -> Response | None:
    """Let a call meet a fault of the world it is for, and return the fault's answer if it has one."""
    request = current_request()
    if is_ours(request.path):
        return None
    caller: Caller | None = notes().get("caller")
    world = caller.world if caller else emulator().worlds.default()
    if not world.faults.any():
        return None
    fault = world.faults.strike_call(_described(request, caller.instance if caller else None))
    if fault is None:
        return None
    notes().struck = Struck(world, fault, world.faults.seconds_of(fault))
    if fault.action == "reset":
        return Response(status=502)  # seen only where there is no connection to reset
    return _reply(fault.reply) if fault.reply is not None else None


def finish(response: Response) -> Response:
    """Spoil or delay an answer, once the call is recorded, as the fault says that it met."""
    struck: Struck | None = notes().get("struck")
    if struck is None:
        return response
    fault = struck.fault
    if struck.seconds:
        faults = struck.world.faults
        struck.world.stall(struck.seconds, lambda: not faults.has(fault.id))
    if fault.action == "malform":
        response.set_data(response.get_data()[:-1] + b"{")
    elif fault.action is not None and not cut(current_request().environ, fault.action):
        return Response(
            "Here the connection would have ended.", 502, content_type="text/plain; charset=utf-8"
        )
    return response


def _described(request: Request, instance: str | None) -> dict[str, Any]:
    """Return a call as faults see it; a body that cannot be read has no fields."""
    try:
        body = bodies.read(request, _LISTS)
    except HTTPException:
        body = {}
    return {
        "method": request.method,
        "path": path_as_sent(request),
        "query": request.environ.get("QUERY_STRING", ""),
        "headers": headers.shown(headers.received(request.environ)),
        "body": body,
        "key": bearer(request.headers.get("Authorization", "")),
        "instance": instance,
    }


def _reply(reply: Reply) -> Response:
    status = jsons.status_line(reply.status)
    if isinstance(reply.body, str):
        response = Response(reply.body, status, content_type="text/plain; charset=utf-8")
    else:
        body = {"success": False, "message": _message(reply.status)} if reply.body is None else reply.body
        response = jsons.respond(body, reply.status)
    if reply.status in (204, 304):
        response.set_data(b"")
    for name, value in reply.headers.items():
        response.headers[name] = value
    return response


def _message(status: int) -> str:
    return OVERLOADED.get(status) or jsons.status_line(status).partition(" ")[2].capitalize()
