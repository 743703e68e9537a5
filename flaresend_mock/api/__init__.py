"""The Flaresend API: one module a resource, each a blueprint whose views only translate."""

from __future__ import annotations

from flask import Flask

from flaresend_mock.api import channels, groups, journal, messages, numbers, schedule
from flaresend_mock.api.auth import authenticate


def install(app: Flask) -> None:
    """Add the Flaresend API to an application, at its root."""
    app.before_request(authenticate)
    app.after_request(journal.record)
    for resource in (messages, schedule, groups, channels, numbers):
        app.register_blueprint(resource.blueprint)
