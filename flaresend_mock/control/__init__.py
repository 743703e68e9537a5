"""/_mock: what tests and demonstrations steer a world with."""

from __future__ import annotations

from flask import Flask

from flaresend_mock.control import clock, deliveries, health, inbound, lists, webhooks, world
from flaresend_mock.web.paths import OURS


def install(app: Flask) -> None:
    """Add the control plane to an application, under /_mock."""
    for resource in (health, world, lists, clock, inbound, webhooks, deliveries):
        app.register_blueprint(resource.blueprint, url_prefix=OURS + (resource.blueprint.url_prefix or ""))
