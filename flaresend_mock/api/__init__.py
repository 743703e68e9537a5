"""The Flaresend API: one module a resource, each a blueprint whose views only translate."""

from __future__ import annotations

from flask import Flask

from flaresend_mock.api import (
    auth,
    channels,
    fault_injection,
    groups,
    messages,
    numbers,
    request_log,
    schedule,
)


def install(app: Flask) -> None:
    """Add the Flaresend API to an application, at its root."""
    for step in (auth.identify, fault_injection.apply_before, auth.authenticate):
        app.before_request(step)
    app.after_request(fault_injection.apply_after)  # the last of the two: they run in reverse order
    app.after_request(request_log.record)
    for resource in (messages, schedule, groups, channels, numbers):
        app.register_blueprint(resource.blueprint)
