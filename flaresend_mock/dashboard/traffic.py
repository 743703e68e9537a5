"""The page of traffic: aPI calls and webhook deliveries, live."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.dashboard.pages import page
from flaresend_mock.web.context import emulator

blueprint = Blueprint("traffic_page", __name__)


@blueprint.get("/w/<world>/traffic")
def traffic(world: str) -> Response:
    """Show the page."""
    return page("traffic.html", emulator().worlds.get(world), "traffic")
