"""Every call and its answer, in the event log of the world it was for and in the emulator's own log."""

from __future__ import annotations

import logging
from typing import Any

from flask import Request, Response

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.errors import path_as_sent
from flaresend_mock.api.fault_injection import Injected
from flaresend_mock.core.events import weigh_call
from flaresend_mock.core.models import Call, Upload
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.http.bodies import raw_body
from flaresend_mock.http.context import current_request, emulator, notes
from flaresend_mock.http.headers import received
from flaresend_mock.http.paths import is_ours

log = logging.getLogger(__name__)

NOT_FOUND = 404


def record(response: Response) -> Response:
    """Record the call that this response answers. Calls that bring no known key belong to the default world."""
    request = current_request()
    if is_ours(request.path):
        return response
    noted = notes()
    caller: Caller | None = noted.get("caller")
    world = caller.world if caller else emulator().worlds.default()
    query = request.environ.get("QUERY_STRING", "")
    headers = received(request.environ)
    body = _body(request)
    injected: Injected | None = noted.get("injected")
    fault = injected.fault if injected else None
    cut_off = fault is not None and fault.action == "reset"
    response_body = b"" if cut_off else response.get_data()
    if response.status_code == NOT_FOUND and not cut_off:  # which names the path
        response_body = world.instances.masked(response_body.decode()).encode()
    call = Call(
        method=request.method,
        path=world.instances.masked(path_as_sent(request)),
        query=world.instances.masked(query),
        headers=headers,
        body=body,
        status=None if cut_off else response.status_code,
        response=response_body,
        instance=caller.instance if caller else None,
        weight=weigh_call(headers, query, body, response_body),
        fault=fault.id if fault else None,
    )
    with world.lock:
        world.record("request", call)
    of_world = "" if world.name == DEFAULT else f" in {world.name}"
    met = f" ({fault.id})" if fault else ""
    log.info("%s %s %s%s%s", call.method, call.path, call.status or "reset", of_world, met)
    return response


def _body(request: Request) -> Any:
    """Return the body as it was sent, in bytes; of a form its fields, with uploads named but not kept."""
    raw = raw_body(request)
    fields: dict[str, Any] | None = notes().get("body")
    if raw is not None or fields is None:
        return raw
    return {name: _described(value) if isinstance(value, Upload) else value for name, value in fields.items()}


def _described(upload: Upload) -> dict[str, Any]:
    return {"fileName": upload.file_name, "mimetype": upload.mimetype, "size": len(upload.data)}
