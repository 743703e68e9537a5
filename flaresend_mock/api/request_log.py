"""The request log: every call with its response, in the event log of its world and in the emulator's own log."""

import logging
from urllib.parse import quote

from flask import Response, g, request

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.errors import refuse
from flaresend_mock.api.fault_injection import Injected, apply_after
from flaresend_mock.core.errors import Overloaded
from flaresend_mock.core.models import Call
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.http.bodies import HEAVY, described, hold
from flaresend_mock.http.body_stream import RAW, peek
from flaresend_mock.http.context import PATH, PUBLIC, RAW_PATH, SERVICES, received

log = logging.getLogger(__name__)


def record(response: Response) -> Response:
    """Record the call with its response, and return what a fault makes of the response.

    Calls without a known key belong to the default world. Of uploads in a form, only a description is kept; of a body
    that was not read, because the call was refused before or needs none, the first bytes.
    """
    environ, found = request.environ, vars(g._get_current_object())
    caller: Caller | None = found.get("caller")
    world: World = caller.world if caller else environ[SERVICES].worlds.default()
    injected: Injected | None = found.get("injected")
    fault = injected.fault if injected else None
    cut_off = fault is not None and fault.action == "reset"
    query = environ.get("QUERY_STRING", "")
    response_body = b"" if cut_off else response.get_data()
    environ[PUBLIC] = caller is None
    if len(response_body) > HEAVY and not hold(response):
        return record(refuse(Overloaded(429)))
    masked = world.instances.masked
    path, raw_path = environ[PATH], environ[RAW_PATH]
    shown = masked(path)
    shown_raw = shown if raw_path == path else masked(raw_path) if shown == path else quote(shown, safe="/*")
    if response.status_code == 404 and not cut_off:  # the message repeats the path
        response_body = masked(response_body.decode().replace(raw_path, shown_raw)).encode()
    body, body_size = environ.get(RAW), None
    if body is None:
        body, body_size = (described(found["body"]), None) if found.get("body") else peek(environ)
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
        id=found["cause"].id if "cause" in found else "",  # none if its key is that of an evicted world
        body_size=body_size,
    )
    with world.lock:
        world.calls_under_way -= "cause" in found
        world.record("request", call)
    of_world = "" if world.name == DEFAULT else f" in {world.name}"
    met = f" ({fault.id})" if fault else ""
    log.info("%s %s %s%s%s", call.method, call.path, call.status or "reset", of_world, met)
    return apply_after(response, injected) if injected else response
