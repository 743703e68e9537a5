"""/_mock/worlds: worlds of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import ValidationError, fields, validate, validates_schema

from flaresend_mock.control import response_types
from flaresend_mock.control.calls import Input, Number, describes, given_body, given_query
from flaresend_mock.control.imports import MAX_DEPTH, allow_large, state_of
from flaresend_mock.control.views import instance as instance_view
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.http import jsons, times
from flaresend_mock.http.context import emulator
from flaresend_mock.package_data import world_file, world_names
from flaresend_mock.worldfile import load_file
from flaresend_mock.worldfile.schema import MAX_PAIRING_SECONDS, known_time_zone, usable_key

blueprint = Blueprint("worlds", __name__, url_prefix="/worlds")

NAME = validate.Regexp(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
    error="A name has letters, digits, dots, dashes and underscores, 64 at most.",
)


class NewWorld(Input):
    """From a shipped `fixture`, the contents of a `world` file or an `export`; one of them, or the default fixture."""

    name = fields.String(validate=NAME)
    fixture = fields.String(validate=validate.OneOf(world_names()))
    world = fields.Dict()
    export = fields.Dict()
    seed = fields.Integer(strict=True, validate=validate.Range(-(10**17), 10**17))
    time_zone = fields.String(validate=known_time_zone)
    api_key = fields.String(validate=[usable_key, validate.Length(max=500)])
    pairing_seconds = Number(0, MAX_PAIRING_SECONDS, allow_none=True)

    @validates_schema
    def check_source(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if len(data.keys() & {"fixture", "world", "export"}) > 1:
            raise ValidationError("Give one of fixture, world and export.")
        if "export" in data and data.keys() & {"seed", "time_zone"}:
            raise ValidationError("An export has its own seed and time_zone.")


_LINKS = dict.fromkeys(("show_world", "delete_world"), ("name", "/name"))


@blueprint.before_request
def refuse_queries() -> None:
    given_query()


@blueprint.get("")
@describes(response_types.Worlds, world=False)
def list_worlds() -> Response:
    """List the worlds there are, oldest first."""
    return jsons.respond({"worlds": [_summary(world) for world in emulator().worlds.all()]})


@blueprint.post("")
@describes(response_types.MadeWorld, status=201, body=NewWorld(), world=False, refuses=(409,), links=_LINKS)
def create() -> Response:
    """Make a world with an API key of its own."""
    allow_large(request)
    given = given_body(MAX_DEPTH)
    state, warnings = _state(given)
    if "pairing_seconds" in given:
        state.pairing_seconds = given["pairing_seconds"]
    world = emulator().worlds.create(given.get("name"), state, given.get("api_key"))
    instances = world.instances.all()
    shown = {
        "name": world.name,
        "api_key": instances[0].api_keys[0],
        "instances": [
            {"id": one.id, "number": one.number, "api_keys": list(one.api_keys)} for one in instances
        ],
        "warnings": warnings,
    }
    return jsons.respond(shown, 201)


@blueprint.get("/<name>")
@describes(response_types.WorldShown, world=False)
def show(name: str) -> Response:
    """Show one world, with its instances."""
    world = emulator().worlds.get(name)
    instances = [instance_view(one, world, secrets=emulator().with_secrets) for one in world.instances.all()]
    return jsons.respond(_summary(world) | {"instances": instances})


@blueprint.delete("/<name>")
@describes(response_types.Deleted, world=False, refuses=(409,))
def delete(name: str) -> Response:
    """Drop a world; its API keys are unknown from now on."""
    emulator().worlds.remove(name)
    return jsons.respond({"deleted": name})


def _state(given: Mapping[str, Any]) -> tuple[State, list[str]]:
    options: dict[str, Any] = {
        "seed": given.get("seed"),
        "time_zone": given.get("time_zone"),
        "history": emulator().history,
    }
    if "export" in given or "world" in given:
        data = given.get("export", given.get("world"))
        return state_of(data, "export" in given, given.get("name", ""), **options)
    return load_file(world_file(given.get("fixture", "default")), **options), []


def _summary(world: World) -> dict[str, Any]:
    with world.lock:
        state = world.state
        return {
            "name": world.name,
            "seed": state.seed,
            "time_zone": state.time_zone,
            "now": times.stamp(world.clock.now()),
            "frozen": world.timeline.frozen,
            "pairing_seconds": state.pairing_seconds,
            "instances": len(state.instances),
            "messages": len(state.messages),
            "scheduled": len(state.tasks),
            "faults": sum(fault.armed for fault in state.faults.values()),
            "snapshots": list(world.snapshots.all()),
            "events": state.events.last_number,
        }
