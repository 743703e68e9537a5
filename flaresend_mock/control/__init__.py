"""The control plane under /_mock, by which tests and demonstrations control a world."""

from flask import Flask

from flaresend_mock.control import (
    about,
    clock,
    faults,
    guard,
    inbound,
    instances,
    lists,
    people,
    transcript,
    verification,
    webhooks,
    worlds,
)
from flaresend_mock.http.context import CONTROL

BLUEPRINTS = (
    about.blueprint,
    worlds.blueprint,
    worlds.one,
    worlds.snapshots,
    instances.blueprint,
    instances.pairing,
    people.people,
    people.groups,
    people.channels,
    webhooks.webhooks,
    inbound.blueprint,
    lists.blueprint,
    transcript.blueprint,
    verification.blueprint,
    webhooks.deliveries,
    lists.media,
    clock.blueprint,
    faults.blueprint,
    about.documents,
)


def install(app: Flask) -> None:
    """Add the control plane to an application."""
    app.before_request(guard.check)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint, url_prefix=CONTROL + (blueprint.url_prefix or ""))
