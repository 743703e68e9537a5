"""The page of faults: what goes wrong on purpose."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.dashboard.pages import page
from flaresend_mock.web.context import emulator

blueprint = Blueprint("faults_page", __name__)


@blueprint.get("/w/<world>/faults")
def faults(world: str) -> Response:
    """Show the page."""
    return page("faults.html", emulator().worlds.get(world), "faults")
