"""The page of worlds: whole simulated WhatsApps."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.dashboard.pages import page
from flaresend_mock.web.context import emulator

blueprint = Blueprint("worlds_page", __name__)


@blueprint.get("/w/<world>/worlds")
def worlds(world: str) -> Response:
    """Show the page."""
    return page("worlds.html", emulator().worlds.get(world), "worlds")
