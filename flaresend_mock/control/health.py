"""GET /_mock/health: whether the emulator is ready."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from flask import Blueprint, Response

from flaresend_mock.control import response_types
from flaresend_mock.control.calls import describes
from flaresend_mock.http import jsons
from flaresend_mock.http.context import Emulator, emulator

blueprint = Blueprint("health", __name__)

MAX_FAULTS = 100


@blueprint.get("/health")
@describes(response_types.Health, world=False, refuses=(503,))
def health() -> Response:
    """Answer 200 once everything runs, 503 before."""
    us = emulator()
    checks = us.health()
    ready = all(checks.values())
    body = {
        "status": "ok" if ready else "starting",
        "version": us.version,
        "uptime": round(us.uptime(), 3),
        "checks": checks,
        "worlds": len(us.worlds.all()),
        "faults": list(islice(_armed(us), MAX_FAULTS)),
    }
    return jsons.respond(body, 200 if ready else 503)


def _armed(us: Emulator) -> Iterator[dict[str, str]]:
    """Yield what goes wrong on purpose now, so that nobody looks for a mistake that is none."""
    for world in us.worlds.all():
        for fault in world.faults.all() if world.faults.any() else ():
            if fault.armed:
                yield {"world": world.name, "id": fault.id, "name": fault.name, "on": fault.on}
