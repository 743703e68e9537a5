"""The world as a whole: POST /_mock/reset."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.control.calls import chosen_world
from flaresend_mock.web import jsons

blueprint = Blueprint("world", __name__)


@blueprint.post("/reset")
def reset() -> Response:
    """Return to the world as it was created: contents, clock and log."""
    world = chosen_world()
    world.reset()
    return jsons.respond({"world": world.name, "event": world.state.events.last_number})
