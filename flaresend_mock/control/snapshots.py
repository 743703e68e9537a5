"""/_mock/snapshots: named states of a world."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from werkzeug.exceptions import BadRequest

from flaresend_mock.control import response_types
from flaresend_mock.control.calls import chosen_world, describes
from flaresend_mock.core.state import State
from flaresend_mock.http import jsons

blueprint = Blueprint("snapshots", __name__, url_prefix="/snapshots")

MAX_NAME = 100


_LINKS = dict.fromkeys(("restore_snapshot", "delete_snapshot"), ("name", "/name"))


@blueprint.get("")
@describes(response_types.Snapshots)
def list_snapshots() -> Response:
    """List the snapshots of a world, oldest first."""
    found = chosen_world().snapshots.all()
    return jsons.respond({"snapshots": [_summary(name, state) for name, state in found.items()]})


@blueprint.post("/<name>")
@describes(response_types.SnapshotShown, status=201, refuses=(409,), links=_LINKS)
def take(name: str) -> Response:
    """Keep what the world is like now under a name; what had this name before is forgotten."""
    if len(name) > MAX_NAME:
        raise BadRequest(f"A snapshot's name has at most {MAX_NAME} characters.")
    return jsons.respond(_summary(name, chosen_world().snapshots.take(name)), 201)


@blueprint.post("/<name>/restore")
@describes(response_types.Restored)
def restore(name: str) -> Response:
    """Return to a snapshot, which is kept."""
    world = chosen_world()
    world.restore(name)
    return jsons.respond({"world": world.name, "event": world.state.events.last_number})


@blueprint.delete("/<name>")
@describes(response_types.Deleted)
def delete(name: str) -> Response:
    """Forget a snapshot."""
    chosen_world().snapshots.remove(name)
    return jsons.respond({"deleted": name})


def _summary(name: str, state: State) -> dict[str, Any]:
    return {
        "name": name,
        "event": state.events.last_number,
        "messages": len(state.messages),
        "scheduled": len(state.tasks),
    }
