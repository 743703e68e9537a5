"""The pages of worlds and of instances: what each world holds, its snapshots, and the phones with their webhooks."""

import json
from collections import Counter
from dataclasses import asdict, fields
from functools import cache
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from flask import Response, abort

from flaresend_mock.background.webhook_handshake import MODES
from flaresend_mock.core import hosts, models, redaction
from flaresend_mock.core.state import WorldSettings
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.dashboard.pages import blueprint, live, part
from flaresend_mock.http.context import own_url, services
from flaresend_mock.package_data import event_names, sample_event, world_names

MAX_CARDS = 200


@blueprint.get("/w/<world>/worlds")
def worlds(world: World) -> Response:
    lists = {"fixtures": world_names(), "zones": _zones(), "settings": _inputs()}
    return part("worlds.html", world, tab="worlds", **lists, **_cards(world))


@live("worlds", "worlds_cards.html")
def _cards(chosen: World) -> dict[str, Any]:
    """Return the first worlds: the one of the page, then the default one, then the others, oldest first."""
    found = sorted(services().worlds.all(), key=lambda one: (one is not chosen, one.name != DEFAULT))
    return {"cards": list(map(_card, found[:MAX_CARDS])), "more": max(0, len(found) - MAX_CARDS), "default": DEFAULT}


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


@cache
def _inputs() -> list[dict[str, Any]]:
    types = get_type_hints(WorldSettings)
    return [
        {
            "name": one.name,
            "label": one.name.replace("_", " ").capitalize().replace("Lid", "LID").replace("Qr", "QR"),
            "words": get_args(types[one.name]) if one.default is not None else (),
            "is_text": str in get_args(types[one.name]),
            "step": "1" if int in get_args(types[one.name]) else "any",
            **one.metadata,
        }
        for one in fields(WorldSettings)
    ]


def _card(world: World) -> dict[str, Any]:
    with world.lock:
        state = world.state
        card: dict[str, Any] = {"name": world.name, "seed": state.seed, "time_zone": state.time_zone}
        card |= {"instances": len(state.instances), "messages": len(state.messages), "scheduled": len(state.tasks)}
        card |= {"now": world.clock.now().astimezone(ZoneInfo(state.time_zone)), "frozen": world.timeline.frozen}
        card |= {"settings": asdict(state.settings), "faults": sum(fault.armed for fault in state.faults.values())}
        card["connected"] = sum(instance.status == "connected" for instance in state.instances.values())
        snapshots = world.snapshots.all().items()
        return card | {"snapshots": {name: (len(kept.messages), len(kept.tasks)) for name, kept in snapshots}}


@blueprint.get("/w/<world>/instances")
def instances(world: World) -> Response:
    return part("instances.html", world, tab="instances", statuses=models.INSTANCE_STATUSES, **_instances(world))


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
def _instances(world: World) -> dict[str, object]:
    is_local = hosts.is_loopback(urlsplit(own_url()).hostname or "")  # a phone cannot open the URL in a QR code
    return {"is_local": is_local, "cards": read_cards(world), "settings": world.state.settings}
