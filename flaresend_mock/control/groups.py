"""/_mock/groups: groups, by people's numbers, without a call of the API."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Blueprint, Response
from marshmallow import ValidationError, fields, validate, validates_schema

from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import Input, Switch, chosen_world, describes, given_body
from flaresend_mock.core.models import DESCRIPTION_LENGTH, GROUP_CAPACITY, SUBJECT_LENGTH
from flaresend_mock.http import jsons

blueprint = Blueprint("groups", __name__, url_prefix="/groups")

ACTIONS = ("add", "remove", "promote", "demote")


class GroupInput(Input):
    """A group of an instance's, the first one's if none is named, with people by their numbers."""

    subject = fields.String(required=True, validate=validate.Length(1, SUBJECT_LENGTH))
    participants = fields.List(fields.String(), required=True, validate=validate.Length(1, GROUP_CAPACITY))
    instance = fields.String(load_default=None, allow_none=True)


class ParticipantsInput(Input):
    """What is done with which people: all of them or, if one cannot be, none."""

    action = fields.String(required=True, validate=validate.OneOf(ACTIONS))
    participants = fields.List(fields.String(), required=True, validate=validate.Length(1, GROUP_CAPACITY))


class GroupChange(Input):
    """What a group is called and says of itself, and whether only admins post in it, or change that."""

    subject = fields.String(validate=validate.Length(1, SUBJECT_LENGTH))
    description = fields.String(validate=validate.Length(max=DESCRIPTION_LENGTH))
    announce = Switch()
    restrict = Switch()

    @validates_schema
    def check_any(self, data: dict[str, Any], **kwargs: Any) -> None:
        if not data:
            raise ValidationError("Give what is to change.")

    more_shape: ClassVar[dict[str, Any]] = {"minProperties": 1}


@blueprint.get("")
@describes(response_types.Groups)
def list_groups() -> Response:
    """List all groups of the world, with who is in them."""
    world = chosen_world()
    with world.lock:
        shown = [views.group(group) for group in world.state.groups.values()]
    return jsons.respond({"groups": shown})


@blueprint.post("")
@describes(response_types.GroupShown, status=201, body=GroupInput(), refuses=(409,))
def create() -> Response:
    """Make a group; who is not on WhatsApp is left out, as the API does it."""
    given = given_body()
    world = chosen_world()
    instance = world.instances.find(given["instance"])
    people = [world.people.named(number) for number in given["participants"]]
    made = world.groups.make(instance.id, given["subject"], people)
    return jsons.respond(views.group(made.group), 201)


@blueprint.patch("/<group_id>")
@describes(response_types.GroupShown, body=GroupChange())
def change_group(group_id: str) -> Response:
    """Change what a group is called and says of itself, and what only its admins may do."""
    given = given_body()
    return jsons.respond(views.group(chosen_world().groups.change(group_id, given)))


@blueprint.post("/<group_id>/participants")
@describes(response_types.GroupShown, body=ParticipantsInput(), refuses=(409,))
def arrange_participants(group_id: str) -> Response:
    """Add, remove, promote or demote people, whoever owns the group."""
    given = given_body()
    group = chosen_world().groups.arrange(group_id, given["action"], given["participants"])
    return jsons.respond(views.group(group))
