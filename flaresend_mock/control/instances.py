"""/_mock/instances: what the dashboard of the real service does with instances, and their API keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response
from marshmallow import fields, validate

from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import Flag, Input, chosen_world, describes, given_body, given_query
from flaresend_mock.core.errors import InvalidNumber
from flaresend_mock.core.models import INSTANCE_STATUSES, Instance
from flaresend_mock.core.numbers import parse
from flaresend_mock.core.redaction import key_id
from flaresend_mock.core.world import World
from flaresend_mock.http import jsons
from flaresend_mock.http.context import emulator
from flaresend_mock.worldfile.schema import LID, usable_key

blueprint = Blueprint("instances", __name__, url_prefix="/instances")

_NAME = validate.Length(max=200)
_KEY: list[Callable[[Any], Any]] = [usable_key, validate.Length(max=500)]


class NewInstance(Input):
    """All may be left out: then there is a number from the seed, and the instance starts up."""

    name = fields.String(load_default="", validate=_NAME)
    number = fields.String(load_default=None, allow_none=True)
    lid = fields.String(load_default=None, allow_none=True, validate=LID)
    status = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(INSTANCE_STATUSES))
    api_key = fields.String(load_default=None, allow_none=True, validate=_KEY)


class InstanceChange(Input):
    name = fields.String(required=True, validate=_NAME)


class StatusChange(Input):
    status = fields.String(required=True, validate=validate.OneOf(INSTANCE_STATUSES))


class Scan(Input):
    """Which `code` is scanned, if not the one that is shown, and by whose phone, if not by the instance's."""

    code = fields.String(load_default=None, allow_none=True)
    number = fields.String(load_default=None, allow_none=True)


class NewKey(Input):
    api_key = fields.String(load_default=None, allow_none=True, validate=_KEY)


class Secrets(Input):
    with_secrets = Flag(load_default=False)


_BY_ID = (
    "show_instance",
    "rename_instance",
    "set_status",
    "reconnect_instance",
    "disconnect_instance",
    "log_out",
    "scan_instance",
    "show_qr_code",
    "list_keys",
    "make_key",
    "put_webhook",
    "show_webhook",
    "remove_instance",
)
_LINKS = dict.fromkeys(_BY_ID, ("instance_id", "/id"))


@blueprint.get("")
@describes(response_types.Instances, query=Secrets())
def list_instances() -> Response:
    """List the instances of a world, oldest first; API keys and secrets are masked."""
    secrets = _with_secrets()
    world = chosen_world()
    return jsons.respond(
        {"instances": [views.instance(one, world, secrets=secrets) for one in world.instances.all()]}
    )


@blueprint.post("")
@describes(response_types.InstanceShown, status=201, body=NewInstance(), refuses=(409,), links=_LINKS)
def create() -> Response:
    """Make an instance; it starts up, unless a status is given."""
    given = given_body()
    world = chosen_world()
    return _shown(world, world.instances.create(**given), 201)


@blueprint.get("/<instance_id>")
@describes(response_types.InstanceShown, query=Secrets())
def show(instance_id: str) -> Response:
    """Show one instance; `default` is the first one."""
    secrets = _with_secrets()
    world = chosen_world()
    return jsons.respond(views.instance(world.instances.find(instance_id), world, secrets=secrets))


@blueprint.patch("/<instance_id>")
@describes(response_types.InstanceShown, body=InstanceChange())
def rename(instance_id: str) -> Response:
    """Give an instance another name."""
    given = given_body()
    world = chosen_world()
    return _shown(world, world.instances.rename(instance_id, given["name"]))


@blueprint.delete("/<instance_id>")
@describes(response_types.Deleted, refuses=(409,))
def remove(instance_id: str) -> Response:
    """Delete an instance: its keys are unknown from now on, what it scheduled is cancelled."""
    world = chosen_world()
    instance = world.instances.find(instance_id)
    world.remove_instance(instance.id)
    return jsons.respond({"deleted": instance.id})


@blueprint.post("/<instance_id>/status")
@describes(response_types.InstanceShown, body=StatusChange())
def set_status(instance_id: str) -> Response:
    """Put an instance into a status, where it stays."""
    given = given_body()
    world = chosen_world()
    return _shown(world, world.pairing.set_status(instance_id, given["status"]))


@blueprint.post("/<instance_id>/reconnect")
@describes(response_types.InstanceShown, refuses=(409,))
def reconnect(instance_id: str) -> Response:
    """Start a disconnected instance up: it shows a QR code a second later."""
    world = chosen_world()
    return _shown(world, world.pairing.reconnect(instance_id))


@blueprint.post("/<instance_id>/disconnect")
@describes(response_types.InstanceShown)
def disconnect(instance_id: str) -> Response:
    """Disconnect an instance, which stays linked to its phone."""
    world = chosen_world()
    return _shown(world, world.pairing.disconnect(instance_id))


@blueprint.post("/<instance_id>/logout")
@describes(response_types.InstanceShown)
def log_out(instance_id: str) -> Response:
    """Unlink an instance's phone: another number may scan its next QR code."""
    world = chosen_world()
    return _shown(world, world.pairing.disconnect(instance_id, log_out=True))


@blueprint.post("/<instance_id>/scan")
@describes(response_types.InstanceShown, body=Scan(), refuses=(409, 410))
def scan(instance_id: str) -> Response:
    """Scan an instance's QR code, as a phone would: it is connected a second later."""
    given = given_body()
    number = None if given["number"] is None else parse(given["number"])
    if given["number"] is not None and number is None:
        raise InvalidNumber
    world = chosen_world()
    return _shown(world, world.pairing.scan(instance_id, given["code"], number))


@blueprint.get("/<instance_id>/api-keys")
@describes(response_types.Keys, query=Secrets())
def list_keys(instance_id: str) -> Response:
    """List an instance's API keys, masked."""
    secrets = _with_secrets()
    instance = chosen_world().instances.find(instance_id)
    return jsons.respond({"api_keys": [views.api_key(key, secrets=secrets) for key in instance.api_keys]})


@blueprint.post("/<instance_id>/api-keys")
@describes(response_types.KeyShown, status=201, body=NewKey(), refuses=(409,))
def make_key(instance_id: str) -> Response:
    """Make an API key, and show it, this once."""
    given = given_body()
    key = chosen_world().instances.add_key(instance_id, given["api_key"])
    return jsons.respond({"id": key_id(key), "api_key": key}, 201)


@blueprint.delete("/<instance_id>/api-keys/<wanted>")
@describes(response_types.Deleted)
def revoke_key(instance_id: str, wanted: str) -> Response:
    """Revoke an API key, named by its id: calls with it are refused from now on."""
    chosen_world().instances.revoke_key(instance_id, wanted)
    return jsons.respond({"deleted": wanted})


def _with_secrets() -> bool:
    return given_query()["with_secrets"] or emulator().with_secrets


def _shown(world: World, instance: Instance, status: int = 200) -> Response:
    return jsons.respond(views.instance(instance, world, secrets=emulator().with_secrets), status)
