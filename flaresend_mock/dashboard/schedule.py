"""The page of schedule: what is still to be sent, and the world's clock."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.dashboard.pages import page
from flaresend_mock.web.context import emulator

blueprint = Blueprint("schedule_page", __name__)


@blueprint.get("/w/<world>/schedule")
def schedule(world: str) -> Response:
    """Show the page."""
    return page("schedule.html", emulator().worlds.get(world), "schedule")
