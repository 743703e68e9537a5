"""The instances page: phones that are linked to Flaresend, with their API keys and webhooks."""

import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from flask import Response, abort

from flaresend_mock.background.webhook_handshake import MODES
from flaresend_mock.core import models, redaction
from flaresend_mock.core.hosts import is_loopback
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.pages import blueprint, live, page, part
from flaresend_mock.http.context import own_url
from flaresend_mock.package_data import event_names, sample_event


@blueprint.get("/w/<world>/instances")
def instances(world: World) -> Response:
    return page("instances.html", world, "instances", statuses=models.INSTANCE_STATUSES, **_cards(world))


@blueprint.get("/w/<world>/parts/instances/<instance>/<any(webhook, event, settings, scan):dialog>")
def dialog(world: World, instance: str, dialog: str) -> Response:
    """Return a dialog for an instance: its webhook, an event for it, its settings, or a scan by another phone."""
    with world.lock:
        found = world.state.instances.get(instance) or abort(404, "There is no such instance.")
        only = len(world.state.instances) == 1
    choices = {"modes": MODES, "body_styles": models.BODY_STYLES, "statuses": models.INSTANCE_STATUSES}
    samples = {name: json.dumps(sample_event(name), indent=2) for name in event_names()}
    return part("instances_dialog.html", world, dialog=dialog, one=found, only=only, samples=samples, **choices)


def read_cards(world: World) -> list[dict[str, Any]]:
    """Return all instances, oldest first. `held` and `waiting` count events; `seconds` is left of the QR code."""
    with world.lock:
        now, people = world.clock.now(), world.state.people
        counts = Counter((one.instance, one.status) for one in world.deliveries.all())
        return [
            {
                "instance": one,
                "lid": people[one.number].lid if one.number in people else "",
                "api_keys": [(redaction.key_id(key), redaction.key_mask(key)) for key in one.api_keys],
                **{status: counts[one.id, status] for status in ("held", "waiting")},
                "seconds": max(0, round((one.qr.expires - now).total_seconds())) if one.qr else 0,
            }
            for one in world.state.instances.values()
        ]


@live("instances", "instances_cards.html")
def _cards(world: World) -> dict[str, object]:
    shown = {"is_local": is_loopback(urlsplit(own_url()).hostname or "")}  # a phone cannot open the URL in a QR code
    return shown | {"cards": read_cards(world), "settings": world.state.settings}
