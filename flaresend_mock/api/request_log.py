"""The request log: every call with its response, in the event log of its world and in the emulator's own log."""

from __future__ import annotations

import logging
from typing import Any

from flask import Request, Response, g, request

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.fault_injection import Injected
from flaresend_mock.core.models import Call, Upload
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.http.bodies import RAW
from flaresend_mock.http.context import services
from flaresend_mock.http.headers import path_as_sent, received

log = logging.getLogger(__name__)

NOT_FOUND = 404


def record(response: Response) -> None:
    """Record the call with its response. Calls without a known key belong to the default world."""
    caller: Caller | None = g.get("caller")
    world: World = (
        g.world if "world" in g else services().worlds.default()
    )  # identifying the caller may be refused
    injected: Injected | None = g.get("injected")
    fault = injected.fault if injected else None
    cut_off = fault is not None and fault.action == "reset"
    path, query = path_as_sent(request), request.environ.get("QUERY_STRING", "")
    headers, body = received(request.environ), _body(request)
    response_body = b"" if cut_off else response.get_data()
    masked = world.instances.masked
    if response.status_code == NOT_FOUND and not cut_off:  # the message repeats the path
        response_body = masked(response_body.decode()).encode()
    call = Call(
        method=request.method,
        path=masked(path),
        query=masked(query) if query else "",
        headers=headers,
        body=body,
        status=None if cut_off else response.status_code,
        response=response_body,
        instance=caller.instance if caller else None,
        fault=fault.id if fault else None,
    )
    with world.lock:
        world.record("request", call)
    of_world = "" if world.name == DEFAULT else f" in {world.name}"
    met = f" ({fault.id})" if fault else ""
    log.info("%s %s %s%s%s", call.method, call.path, call.status or "reset", of_world, met)


def _body(request: Request) -> Any:
    """Return the bytes of a JSON body, or the fields of a form, in which uploads are described and not kept."""
    raw: bytes | None = request.environ.get(RAW)
    fields: dict[str, Any] | None = g.get("body")
    if raw is not None or fields is None:
        return raw
    return {name: _described(value) if isinstance(value, Upload) else value for name, value in fields.items()}


def _described(upload: Upload) -> dict[str, Any]:
    return {"fileName": upload.file_name, "mimetype": upload.mimetype, "size": len(upload.data)}
