"""/_mock/channels: WhatsApp newsletters, as all instances see them, without a call of the API."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Blueprint, Response
from marshmallow import ValidationError, fields, validate, validates_schema

from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import Input, Whole, chosen_world, describes, given_body
from flaresend_mock.core.channels import ROLES
from flaresend_mock.core.models import DESCRIPTION_LENGTH, SUBJECT_LENGTH
from flaresend_mock.http import jsons

blueprint = Blueprint("channels", __name__, url_prefix="/channels")

MAX_SUBSCRIBERS = 10**12
_ROLE = validate.OneOf(ROLES)


class ChannelChange(Input):
    """What a channel is called and says of itself, and the `role` in it of an `instance`, or of the first one."""

    more_shape: ClassVar[dict[str, Any]] = {
        "anyOf": [{"required": [name]} for name in ("name", "description", "subscribers", "role")]
    }

    name = fields.String(validate=validate.Length(1, SUBJECT_LENGTH))
    description = fields.String(validate=validate.Length(max=DESCRIPTION_LENGTH))
    subscribers = Whole(0, MAX_SUBSCRIBERS)
    instance = fields.String(allow_none=True)
    role = fields.String(validate=_ROLE)

    @validates_schema
    def check_any(self, data: dict[str, Any], **kwargs: Any) -> None:
        if not data.keys() - {"instance"}:
            raise ValidationError("Give what is to change.")


class ChannelInput(ChannelChange):
    """A channel, which an instance owns, the first one if none is named; another `role` says what it is in it."""

    more_shape: ClassVar[dict[str, Any]] = {}

    name = fields.String(required=True, validate=validate.Length(1, SUBJECT_LENGTH))
    role = fields.String(load_default=ROLES[0], validate=_ROLE)


@blueprint.get("")
@describes(response_types.Channels)
def list_channels() -> Response:
    """List all channels of the world, with what instances are in them."""
    world = chosen_world()
    with world.lock:
        shown = [views.channel(channel) for channel in world.state.channels.values()]
    return jsons.respond({"channels": shown})


@blueprint.post("")
@describes(response_types.ChannelShown, status=201, body=ChannelInput())
def create() -> Response:
    """Make a channel."""
    given = given_body()
    instance, role = given.pop("instance", None), given.pop("role")
    return jsons.respond(views.channel(chosen_world().channels.make(instance, role, **given)), 201)


@blueprint.patch("/<channel_id>")
@describes(response_types.ChannelShown, body=ChannelChange())
def change_channel(channel_id: str) -> Response:
    """Change a channel, or what an instance is in it."""
    given = given_body()
    instance, role = given.pop("instance", None), given.pop("role", None)
    return jsons.respond(views.channel(chosen_world().channels.change(channel_id, given, instance, role)))
