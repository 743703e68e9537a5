"""The page of people: who exists: people, groups and channels."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.dashboard.pages import page
from flaresend_mock.web.context import emulator

blueprint = Blueprint("people_page", __name__)


@blueprint.get("/w/<world>/people")
def people(world: str) -> Response:
    """Show the page."""
    return page("people.html", emulator().worlds.get(world), "people")
