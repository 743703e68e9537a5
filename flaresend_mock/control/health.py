"""GET /_mock/health: whether the emulator is ready."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.web import jsons
from flaresend_mock.web.context import emulator

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
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
    }
    return jsons.respond(body, 200 if ready else 503)
