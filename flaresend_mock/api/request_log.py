"""The request log: every call with its response, in the event log of its world and in the emulator's own log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import Response, g, request

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
    environ = request.environ
    caller: Caller | None = g.get("caller")
    world: World = caller.world if caller else services().worlds.default()
    injected: Injected | None = g.get("injected")
    fault = injected.fault if injected else None
    cut_off = fault is not None and fault.action == "reset"
    query = environ.get("QUERY_STRING", "")
    response_body = b"" if cut_off else response.get_data()
    masked = world.instances.masked
    if response.status_code == NOT_FOUND and not cut_off:  # the message repeats the path
        response_body = masked(response_body.decode()).encode()
    call = Call(
        method=environ["REQUEST_METHOD"],
        path=masked(path_as_sent(environ)),
        query=masked(query) if query else "",
        headers=received(environ),
        body=_body(environ),
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


def _body(environ: Mapping[str, Any]) -> Any:
    """Return the bytes of a JSON body, or the fields of a form, in which uploads are described and not kept."""
    raw: bytes | None = environ.get(RAW)
    fields: dict[str, Any] | None = None if raw else g.get("body")
    if raw is not None or fields is None:
        return raw
    return {name: _described(value) if isinstance(value, Upload) else value for name, value in fields.items()}


def _described(upload: Upload) -> dict[str, Any]:
    return {"fileName": upload.file_name, "mimetype": upload.mimetype, "size": len(upload.data)}
