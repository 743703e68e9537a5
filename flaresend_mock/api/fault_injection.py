"""Faults, as far as API calls meet them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.errors import OVERLOADED, path_as_sent
from flaresend_mock.core.models import Fault, Reply
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies, headers, jsons
from flaresend_mock.http.auth import bearer
from flaresend_mock.http.connection import cut
from flaresend_mock.http.context import current_request, emulator, notes
from flaresend_mock.http.paths import is_ours

_LISTS = ("recipients", "participants", "groupJids")


@dataclass(frozen=True, slots=True)
class Injected:
    """That a call met a fault, in which world, and how many seconds it waits for its answer."""

    world: World
    fault: Fault
    seconds: float


def apply_before() -> Response | None:
    """Let a call meet a fault of the world it is for, and return the fault's answer if it has one."""
    request = current_request()
    if is_ours(request.path):
        return None
    caller: Caller | None = notes().get("caller")
    world = caller.world if caller else emulator().worlds.default()
    if not world.faults.any():
        return None
    fault = world.faults.match_call(_described(request, caller.instance if caller else None))
    if fault is None:
        return None
    notes().injected = Injected(world, fault, world.faults.seconds_of(fault))
    if fault.action == "reset":
        return Response(status=502)  # seen only where there is no connection to reset
    return _reply(fault.reply) if fault.reply is not None else None


def apply_after(response: Response) -> Response:
    """Spoil or delay an answer, once the call is recorded, as the fault says that it met."""
    injected: Injected | None = notes().get("injected")
    if injected is None:
        return response
    fault = injected.fault
    if injected.seconds:
        faults = injected.world.faults
        injected.world.delay(injected.seconds, lambda: not faults.has(fault.id))
    if fault.action == "corrupt":
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
