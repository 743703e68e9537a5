"""/_mock/worlds, and one world as a whole: reset, export, import, settings, snapshots and its clock."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, get_type_hints

from flask import Response, request
from marshmallow import ValidationError, validate, validates_schema
from werkzeug.exceptions import BadRequest

from flaresend_mock.control import resources
from flaresend_mock.control.inputs import Input, Text, input_of, setting_input
from flaresend_mock.core.errors import KeyInUse, require
from flaresend_mock.core.state import State, WorldSettings
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies
from flaresend_mock.http.context import services
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.resources import parse_time
from flaresend_mock.http.turns import give_back
from flaresend_mock.package_data import world_file, world_names
from flaresend_mock.world_format import load_file, load_world

blueprint = Endpoints("worlds", "/worlds")
one = Endpoints("world")
snapshots = Endpoints("snapshots", "/snapshots")
clock = Endpoints("clock")

MAX_SNAPSHOT_NAME = 100
NAME = validate.Regexp(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", error="A name has letters, digits, dots, dashes and underscores, 64 at most."
)
_TYPES = get_type_hints(WorldSettings)
_Settings: Any = Input.from_dict({one.name: setting_input(one, _TYPES[one.name]) for one in fields(WorldSettings)})


class WorldInput(input_of("WorldInput", _Settings)):  # type: ignore[misc]
    """A world from a shipped `fixture`, the contents of a `world` file or an `export`; by default, from a fixture."""

    name = Text("The name of the world.", check=NAME)
    fixture = Text("The fixture: default or demo.", words=world_names())

    @validates_schema
    def check_source(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if len(data.keys() & {"fixture", "world", "export"}) > 1:
            raise ValidationError("Give one of fixture, world and export.")
        if "export" in data and data.keys() & {"seed", "time_zone"}:
            raise ValidationError("An export has its own seed and time_zone.")


@blueprint.get("", resources.Worlds, refuses=(503,))
def list_worlds() -> dict[str, list[World]]:
    """List the worlds, oldest first."""
    return {"worlds": services().worlds.all()}


@blueprint.post("", resources.NewWorld, status=201, body=WorldInput(), limits=bodies.IMPORT_LIMITS, refuses=(409,))
def create_world(body: dict[str, Any]) -> dict[str, Any]:
    """Create a world with an API key of its own."""
    warnings: list[str] = []
    options = _options() | {"seed": body.get("seed"), "time_zone": body.get("time_zone")}
    source = body.get("export", body.get("world"))
    if source is None:
        fixture = body.get("fixture", "default")
        state = services().with_past(fixture, load_file(world_file(fixture), **options))
    else:
        state = load_world(source, name=body.get("name", ""), warnings=warnings, **options)
    settings = {name: value for name, value in body.items() if hasattr(state.settings, name)}
    state.settings = replace(state.settings, **settings)
    world = services().worlds.create(body.get("name"), state, body.get("api_key"))
    made = world.instances.all()
    return {"name": world.name, "api_key": made[0].api_keys[0], "instances": made, "warnings": warnings}


@blueprint.get("/<name>", resources.WorldDetails)
def show_world(name: str) -> World:
    """Show a world with its instances."""
    return services().worlds.get(name)


@blueprint.delete("/<name>", resources.Deleted, refuses=(409,))
def delete_world(name: str) -> dict[str, str]:
    """Delete a world. Its API keys become unknown."""
    services().worlds.remove(name)
    return {"deleted": name}


@one.post("/reset", resources.Restored)
def reset_world(world: World) -> dict[str, Any]:
    """Reset the world to its initial state: contents, clock and log. Event numbers keep increasing."""
    world.reset()
    return _restored(world)


@one.get("/world", dict[str, Any], query=input_of("Secrets")(), refuses=(503,))
def export_world(world: World, query: dict[str, Any]) -> Response:
    """Export the whole world; API keys and secrets only with `with_secrets=true`."""
    from flaresend_mock.world_format.write import export

    us, secrets = services(), query["with_secrets"] or services().with_secrets
    us.turns.take(request.environ)  # it takes several times the memory of the world
    return Response(export(world.saved(), secrets=secrets), content_type=bodies.JSON)


@one.put("/world", resources.Imported, body=input_of("WholeWorld")(), limits=bodies.IMPORT_LIMITS, refuses=(409,))
def import_world(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Replace the world by an export or a world file, which is its initial state from now on."""
    former = world.instances.first()
    warnings: list[str] = []
    state = load_world(body, known=world.saved(), name=world.name, warnings=warnings, **_options())
    if not any(instance.api_keys for instance in state.instances.values()):
        first = next(iter(state.instances.values()))
        state.instances[first.id] = replace(first, api_keys=former.api_keys)
        warnings.append("no instance had an API key: the first one keeps those of the world's first one")
    give_back(request.environ)  # before it waits for an advance of the clock
    keys = {key for instance in state.instances.values() for key in instance.api_keys}
    require(not services().worlds.taken_keys(keys, apart_from=world), KeyInUse)
    world.require_memory(max(0, 2 * state.bytes - world.state.bytes))
    world.replace(state)
    return _restored(world) | {"warnings": warnings}


@one.patch("/world", resources.WorldSettings, body=input_of("SettingsInput", _Settings)())
def change_world(world: World, body: dict[str, Any]) -> World:
    """Change the world's settings."""
    world.pairing.change_settings(**body)
    return world


@snapshots.get("", resources.Snapshots)
def list_snapshots(world: World) -> dict[str, Any]:
    """List the snapshots of a world, oldest first."""
    return {"snapshots": world.snapshots.all().items()}


@snapshots.post("/<name>", resources.Snapshot, status=201, refuses=(409,))
def take_snapshot(world: World, name: str) -> tuple[str, State]:
    """Save the world under a name. An earlier snapshot of this name is replaced."""
    if len(name) > MAX_SNAPSHOT_NAME:
        raise BadRequest(f"A snapshot's name has at most {MAX_SNAPSHOT_NAME} characters.")
    return name, world.snapshots.take(name)


@snapshots.post("/<name>/restore", resources.Restored)
def restore_snapshot(world: World, name: str) -> dict[str, Any]:
    """Return to a snapshot, which is kept."""
    world.restore(name)
    return _restored(world)


@snapshots.delete("/<name>", resources.Deleted)
def delete_snapshot(world: World, name: str) -> dict[str, str]:
    """Delete a snapshot."""
    world.snapshots.remove(name)
    return {"deleted": name}


def _options() -> dict[str, Any]:
    return {"history": services().history, "check_webhook": services().check_webhook}


def _restored(world: World) -> dict[str, Any]:
    return {"world": world.name, "event": world.state.events.last_number}


@clock.get("/clock", resources.Clock)
def show_clock(world: World) -> World:
    """Show the time, whether the clock is stopped, and when the next timer is due."""
    return world


@clock.patch("/clock", resources.Clock, body=input_of("ClockChange")())
def change_clock(world: World, body: dict[str, Any]) -> World:
    """Set, stop or start the clock. Timers that are overdue run when the clock runs."""
    if "now" in body:
        body["now"] = _time(body["now"], world)
    world.timeline.change(**body)
    return world


@clock.post("/clock/advance", resources.Advanced, body=input_of("Advance")())
def advance_clock(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Advance the clock, run every timer that is due on the way, and return what ran."""
    if "seconds" in body:
        fired = world.timeline.advance(timedelta(seconds=body["seconds"]))
    elif "to" in body:
        fired = world.timeline.advance_to(_time(body["to"], world))
    else:
        fired = world.timeline.advance_to_next()
    return {"now": world.clock.now(), "fired": fired}


def _time(text: str, world: World) -> datetime:
    try:
        return parse_time(text, world.state.time_zone)
    except ValueError:
        raise BadRequest(f"{text!r} is not an ISO 8601 time, such as 2025-11-14T13:00:00Z.") from None
