"""/_mock/people, /_mock/groups and /_mock/channels: what instances of a world find there, without calls of the API."""

from typing import Any, ClassVar

from marshmallow import ValidationError, validates_schema

from flaresend_mock.control import resources
from flaresend_mock.control.inputs import input_of
from flaresend_mock.core.models import Channel, Group, Person, Rule
from flaresend_mock.core.world import World
from flaresend_mock.http.endpoint import Endpoints

people = Endpoints("people", "/people")
groups = Endpoints("groups", "/groups")
channels = Endpoints("channels", "/channels")


@people.get("", resources.People, refuses=(503,))
def list_people(world: World) -> dict[str, list[Person]]:
    """List the people in the directory. Other numbers are on WhatsApp, too, unless the directory is closed."""
    with world.lock:
        return {"people": list(world.state.people.values())}


@people.put("/<number>", resources.Person, body=input_of("PersonInput")(), refuses=(409,))
def put_person(world: World, number: str, body: dict[str, Any]) -> Person:
    """Set the person of a number. Fields that are left out get their defaults; the LID stays."""
    body["rules"] = tuple(Rule(**rule) for rule in body["rules"])
    return world.people.put(number, **body)


@people.delete("/<number>", resources.Deleted, refuses=(409,))
def delete_person(world: World, number: str) -> dict[str, str]:
    """Remove a person from the directory. The number stays on WhatsApp, unless the directory is closed."""
    world.people.remove(number)
    return {"deleted": number}


@groups.get("", resources.Groups, refuses=(503,))
def list_groups(world: World) -> dict[str, list[Group]]:
    """List all groups of the world, with their participants."""
    with world.lock:
        return {"groups": list(world.state.groups.values())}


@groups.post("", resources.Group, status=201, body=input_of("GroupInput")(), refuses=(409,))
def create_group(world: World, body: dict[str, Any]) -> Group:
    """Create a group. Like the API, it leaves out people who are not on WhatsApp or forbid that they are added."""
    instance = world.instances.find(body["instance"])
    members = [world.people.named(number) for number in body["participants"]]
    return world.groups.make(instance.id, body["subject"], members).group


@groups.patch("/<group_id>", resources.Group, body=input_of("GroupChange")())
def change_group(world: World, group_id: str, body: dict[str, Any]) -> Group:
    """Change the info of a group, and what only its admins may do."""
    return world.groups.change(group_id, body)


@groups.post("/<group_id>/participants", resources.Group, body=input_of("ParticipantsInput")(), refuses=(409,))
def arrange_participants(world: World, group_id: str, body: dict[str, Any]) -> Group:
    """Add, remove, promote or demote participants of any group. Privacy settings of people do not count."""
    return world.groups.arrange(group_id, body["action"], body["participants"])


class ChannelChange(input_of("ChannelChange")):  # type: ignore[misc]
    """The texts of a channel, and the `role` of an `instance` in it."""

    more_shape: ClassVar[dict[str, Any]] = {
        "minProperties": 1,
        "not": {"properties": {"instance": {}}, "required": ["instance"], "maxProperties": 1},
    }

    refused: ClassVar[str] = "Give what is to change."

    @validates_schema
    def check_any(self, data: dict[str, Any], **kwargs: Any) -> None:
        if data.keys() == {"instance"}:
            raise ValidationError(self.refused)


@channels.get("", resources.Channels, refuses=(503,))
def list_channels(world: World) -> dict[str, list[Channel]]:
    """List all channels of the world, with the roles of instances."""
    with world.lock:
        return {"channels": list(world.state.channels.values())}


@channels.post("", resources.Channel, status=201, body=input_of("ChannelInput", ChannelChange)())
def create_channel(world: World, body: dict[str, Any]) -> Channel:
    """Create a channel."""
    instance, role = body.pop("instance", None), body.pop("role")
    return world.channels.make(instance, role, **body)


@channels.patch("/<channel_id>", resources.Channel, body=ChannelChange())
def change_channel(world: World, channel_id: str, body: dict[str, Any]) -> Channel:
    """Change a channel, or the role of an instance in it."""
    instance, role = body.pop("instance", None), body.pop("role", None)
    return world.channels.change(channel_id, body, instance, role)
