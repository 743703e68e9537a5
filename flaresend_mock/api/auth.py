"""Authentication: the API key names the instance, and with it the world."""

from flask import Request, Response, current_app, g, request
from werkzeug.exceptions import NotFound

from flaresend_mock.api import fault_injection
from flaresend_mock.api.errors import Unauthorized
from flaresend_mock.core.bounded_store import MAX_COUNT
from flaresend_mock.core.hosts import MAX_HOST
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Cause
from flaresend_mock.core.world import World
from flaresend_mock.http.context import PATH, SERVICES, AppServices, bearer
from flaresend_mock.http.endpoint import endpoint_of


@model
class Caller:
    """The instance that makes a call, and the cause of what the call sends."""

    world: World
    instance: str
    cause: Cause


def authenticate() -> Response | None:
    """Find the caller, apply a fault that matches, and refuse a call without a known key."""
    environ = request.environ  # each look at a proxy of Flask takes a microsecond
    us: AppServices = environ[SERVICES]
    key = bearer(environ.get("HTTP_AUTHORIZATION", ""))
    found = us.worlds.with_key(key) if key else None
    world = found[0] if found else us.worlds.default()
    with world.lock:
        log = world.state.events
        log.calls = log.calls % MAX_COUNT + 1
        world.calls_under_way += 1
        g.cause = cause = Cause("call", f"call-{log.calls}")
    g.caller = caller = Caller(world, found[1].id, cause) if found else None
    if caller is not None and 0 < len(host := environ.get("HTTP_HOST", "")) <= MAX_HOST:  # inline, for every call
        caller.world.called_at[caller.instance] = environ["wsgi.url_scheme"], host, environ.get("SCRIPT_NAME", "")
    if world.state.faults:
        reply = fault_injection.apply_before(world, caller.instance if caller else None)
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
