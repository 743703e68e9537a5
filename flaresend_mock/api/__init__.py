"""The Flaresend API: one module a resource, and the steps that every call goes through."""

from __future__ import annotations

from flask import Flask

from flaresend_mock.api import auth, channels, groups, messages, request_log, schedule


def install(app: Flask) -> None:
    """Add the Flaresend API to an application, at its root."""
    app.before_request(auth.authenticate)
    app.after_request(request_log.record)
    for resource in (messages, schedule, groups, channels):
        app.register_blueprint(resource.blueprint)
    app.register_blueprint(messages.numbers)
