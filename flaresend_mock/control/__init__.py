"""The control plane under /_mock, by which tests and demonstrations control a world."""

from flask import Flask

from flaresend_mock.control import about, guard
from flaresend_mock.http.context import CONTROL


def install(app: Flask, *, only_health: bool = False) -> None:
    """Add the control plane to an application, or only its endpoint for health. Importing the rest takes a while."""
    app.before_request(guard.check)
    blueprints = [about.readiness]
    if not only_health:
        from flaresend_mock.control import (
            clock,
            faults,
            inbound,
            instances,
            lists,
            people,
            transcript,
            verification,
            webhooks,
            worlds,
        )

        blueprints += [worlds.blueprint, worlds.one, worlds.snapshots, instances.blueprint, instances.pairing]
        blueprints += [people.people, people.groups, people.channels, webhooks.webhooks, inbound.blueprint]
        blueprints += [lists.blueprint, transcript.blueprint, verification.blueprint, webhooks.deliveries, lists.media]
        blueprints += [clock.blueprint, faults.blueprint, about.documents]
    for blueprint in blueprints:
        app.register_blueprint(blueprint, url_prefix=CONTROL + (blueprint.url_prefix or ""))
