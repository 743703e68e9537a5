"""The world as a whole: reset, export, import and settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import INCLUDE

from flaresend_mock.control import response_types
from flaresend_mock.control.calls import (
    Flag,
    Input,
    Number,
    chosen_world,
    describes,
    given_body,
    given_json,
    given_query,
)
from flaresend_mock.control.imports import MAX_DEPTH, allow_large, state_of
from flaresend_mock.core.errors import KeyInUse
from flaresend_mock.http import jsons
from flaresend_mock.http.context import emulator
from flaresend_mock.worldfile.schema import MAX_PAIRING_SECONDS

blueprint = Blueprint("world", __name__)


class ExportOptions(Input):
    with_secrets = Flag(load_default=False)


class WholeWorld(Input):
    """An export, as `GET /_mock/world` returns it, or what a world file holds."""

    class Meta:
        unknown = INCLUDE


class WorldSettings(Input):
    """`pairing_seconds`: how long a QR code is shown until it is scanned by itself; null for never."""

    pairing_seconds = Number(0, MAX_PAIRING_SECONDS, required=True, allow_none=True)


@blueprint.post("/reset")
@describes(response_types.Restored)
def reset() -> Response:
    """Return to the world as it was created: contents, clock and log."""
    world = chosen_world()
    world.reset()
    return jsons.respond({"world": world.name, "event": world.state.events.last_number})


@blueprint.get("/world")
@describes(dict[str, Any], query=ExportOptions())
def export_world() -> Response:
    """Export the world, to the last byte; API keys and secrets only with `with_secrets=true`."""
    from flaresend_mock.exports.exporting import export  # few runs export anything

    secrets = given_query()["with_secrets"] or emulator().with_secrets
    world = chosen_world()
    return Response(export(world.saved(), secrets=secrets), content_type=jsons.CONTENT_TYPE)


@blueprint.put("/world")
@describes(response_types.Imported, body=WholeWorld(), refuses=(409,))
def import_world() -> Response:
    """Become what an export or a world file says; a reset returns to it from now on."""
    allow_large(request)
    data = given_json(MAX_DEPTH)
    world, worlds = chosen_world(), emulator().worlds
    former = world.instances.first()
    state, warnings = state_of(data, "format" in data, world.name, world.saved(), history=emulator().history)
    if not any(instance.api_keys for instance in state.instances.values()):
        first = next(iter(state.instances.values()))
        state.instances[first.id] = replace(first, api_keys=former.api_keys)
        warnings.append("no instance had an API key: the first one keeps those of the world's first one")
    keys = [key for instance in state.instances.values() for key in instance.api_keys]
    if not all(worlds.key_is_free(key, apart_from=world) for key in keys):
        raise KeyInUse
    world.replace(state)
    return jsons.respond({"world": world.name, "event": state.events.last_number, "warnings": warnings})


@blueprint.patch("/world")
@describes(response_types.WorldSettingsShown, body=WorldSettings())
def change() -> Response:
    """Change the world's settings."""
    given = given_body()
    world = chosen_world()
    world.pairing.set_automatic(given["pairing_seconds"])
    return jsons.respond({"world": world.name, "pairing_seconds": world.state.pairing_seconds})
