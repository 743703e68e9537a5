"""/_mock: what tests and demonstrations steer a world with."""

from __future__ import annotations

from flask import Flask

from flaresend_mock.control import (
    channels,
    clock,
    deliveries,
    documents,
    faults,
    groups,
    guard,
    health,
    inbound,
    instances,
    lists,
    media,
    pairing,
    people,
    snapshots,
    verification,
    webhooks,
    world,
    worlds,
)
from flaresend_mock.http.paths import OURS

RESOURCES = (
    health,
    worlds,
    world,
    snapshots,
    instances,
    pairing,
    people,
    groups,
    channels,
    webhooks,
    inbound,
    lists,
    verification,
    deliveries,
    media,
    clock,
    faults,
    documents,
)


def install(app: Flask) -> None:
    """Add the control plane to an application, under /_mock."""
    app.before_request(guard.check)
    for resource in RESOURCES:
        app.register_blueprint(resource.blueprint, url_prefix=OURS + (resource.blueprint.url_prefix or ""))
