"""Whether the emulator is ready. A call that waits for that imports this, and not the rest of the control plane."""

from itertools import islice
from typing import Any

from flask import Blueprint, Response

from flaresend_mock.core import hosts
from flaresend_mock.http import bodies
from flaresend_mock.http.context import services
from flaresend_mock.http.endpoint import endpoint
from flaresend_mock.http.resources import Envelope, Property, Resource, shown_by

MAX_FAULTS = 100

blueprint = Blueprint("health", __name__)


class ActiveFault(Resource):
    """An active fault of a world."""

    world = Property(str, "The world's name.", get=lambda one: one[0])
    id = Property(str, "The fault's id.", get=lambda one: one[1].id)
    name = Property(str, "The fault's name.", get=lambda one: one[1].name)
    on = Property(str, "calls or deliveries.", get=lambda one: one[1].on)


class Health(Envelope):
    """Whether the emulator is ready, and which faults are active."""

    status = Property(str, "ok or starting.")
    version = Property(str, "The emulator's version.")
    uptime = Property(float, "Seconds since the start.")
    checks = Property(dict[str, bool], "Whether each part runs.")
    in_container = Property(bool, "Whether the emulator runs in a container, where localhost is not the machine.")
    worlds = Property(int, "The number of worlds.")
    faults = Property([ActiveFault], "The active faults, 100 at most.")


@blueprint.get("/health")
@endpoint(Health, refuses=(503,), any_query=True)
def health() -> Response:
    """Return 200 when everything runs, 503 before."""
    us = services()
    checks = us.health()
    ready = all(checks.values())
    failing = (world for world in us.worlds.all() if world.faults.any())
    active = ((world.name, fault) for world in failing for fault in world.faults.all() if fault.armed)
    shown: dict[str, Any] = {"status": "ok" if ready else "starting", "version": us.version}
    shown |= {"uptime": round(us.uptime(), 3), "checks": checks, "worlds": len(us.worlds.all())}
    shown["in_container"] = hosts.is_in_container()
    shown["faults"] = islice(active, MAX_FAULTS)  # so that you do not debug a failure that you asked for
    return bodies.respond(shown_by(Health)(shown), 200 if ready else 503)
