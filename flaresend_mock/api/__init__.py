"""The Flaresend API: one module a resource."""

from __future__ import annotations

from flask import Flask

from flaresend_mock.api import channels, groups, messages, schedule


def install(app: Flask) -> None:
    """Add the Flaresend API to an application, at its root."""
    for resource in (messages, schedule, groups, channels):
        app.register_blueprint(resource.blueprint)
    app.register_blueprint(messages.numbers)
