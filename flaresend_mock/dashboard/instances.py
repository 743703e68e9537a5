"""The page of instances: phones that are linked to Flaresend."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.dashboard.pages import page
from flaresend_mock.web.context import emulator

blueprint = Blueprint("instances_page", __name__)


@blueprint.get("/w/<world>/instances")
def instances(world: str) -> Response:
    """Show the page."""
    return page("instances.html", emulator().worlds.get(world), "instances")
