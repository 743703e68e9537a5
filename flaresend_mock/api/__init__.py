"""The Flaresend API: one module a resource, and the steps that every call goes through."""

from __future__ import annotations

from flask import Flask, Response, g, request

from flaresend_mock.api import auth, channels, fault_injection, groups, messages, request_log, schedule
from flaresend_mock.http.context import services


def install(app: Flask) -> None:
    """Add the Flaresend API to an application, at its root."""
    app.before_request(begin)
    app.after_request(finish)
    for resource in (messages, schedule, groups, channels):
        app.register_blueprint(resource.blueprint)
    app.register_blueprint(messages.numbers)


def begin() -> Response | None:
    """Find the caller, apply a fault that matches, and refuse a call without a known key."""
    us = services()
    g.caller = caller = auth.identify(request.environ.get("HTTP_AUTHORIZATION", ""), us)
    world = caller.world if caller else us.worlds.default()
    if world.state.faults and (reply := fault_injection.apply_before(world, caller)) is not None:
        return reply
    if caller is None or us.strict:
        auth.require_known(request, us, caller)
    return None


def finish(response: Response) -> Response:
    """Record the call, then apply what a fault does to its response."""
    request_log.record(response)
    return fault_injection.apply_after(response) if "injected" in g else response
