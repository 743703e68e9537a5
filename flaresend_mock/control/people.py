"""/_mock/people, /_mock/groups and /_mock/channels: what instances of a world find there, without calls of the API."""

from typing import Any, ClassVar

from marshmallow import ValidationError, validates_schema

from flaresend_mock.control import resources
from flaresend_mock.control.inputs import Input, Nested, NonEmptyInput, Number, Several, Switch, Text, Whole
from flaresend_mock.core.channels import MAX_SUBSCRIBERS, ROLES
from flaresend_mock.core.groups import CAPACITY, DESCRIPTION_LENGTH, SUBJECT_LENGTH
from flaresend_mock.core.models import Channel, Group, Person, Rule
from flaresend_mock.core.world import World
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.world_format.schema import LID

people = Endpoints("people", "/people")
groups = Endpoints("groups", "/groups")
channels = Endpoints("channels", "/channels")

_LENGTH = (None, 65_536)  # of names, and of texts of rules
ACTIONS = ("add", "remove", "promote", "demote")

_INSTANCE = "The id of an instance; the first one if it is left out."
_LID = "The LID, such as 163514152964174@lid; null for one that comes from the number and the seed."
_SUBJECT = "The name of the group: 100 characters at most."
_CHANNEL_NAME = "The name of the channel."
_ROLE = "The instance's role in the channel: OWNER, ADMIN, SUBSCRIBER, or GUEST for none."


class RuleInput(Input):
    """Sends `reply`, or the same text for null, `after` seconds after a text that contains `when`."""

    when = Text("The rule matches a text that contains this; null for every text.", load_default=None, length=_LENGTH)
    reply = Text("The reply; null for the same text.", load_default=None, length=_LENGTH)
    after = Number("Seconds of the world's clock until the reply.", 0, 30 * 86_400, load_default=1.0)


class PersonInput(Input):
    name = Text("The name.", load_default="", length=_LENGTH)
    lid = Text(_LID, load_default=None, check=LID)
    on_whatsapp = Switch("Whether messages reach this number.", load_default=True)
    aliases = Several("Further numbers of this person, such as without Brazil's ninth digit.", 10, load_default=tuple)
    addable = Switch("Whether others may add this person to groups.", load_default=True)
    rules = Several("Automatic replies, by the first rule that matches.", 100, Nested(RuleInput), load_default=list)


@people.get("", resources.People, refuses=(503,))
def list_people(world: World) -> dict[str, list[Person]]:
    """List the people in the directory. Other numbers are on WhatsApp, too, unless the directory is closed."""
    with world.lock:
        return {"people": list(world.state.people.values())}


@people.put("/<number>", resources.Person, body=PersonInput(), refuses=(409,))
def put_person(world: World, number: str, body: dict[str, Any]) -> Person:
    """Set the person of a number. Fields that are left out get their defaults; the LID stays."""
    body["rules"] = tuple(Rule(**rule) for rule in body["rules"])
    return world.people.put(number, **body)


@people.delete("/<number>", resources.Deleted, refuses=(409,))
def delete_person(world: World, number: str) -> dict[str, str]:
    """Remove a person from the directory. The number stays on WhatsApp, unless the directory is closed."""
    world.people.remove(number)
    return {"deleted": number}


class _Participants(Input):
    participants = Several("Phone numbers. Unknown ones are added to the directory.", CAPACITY, required=True, least=1)


class GroupInput(_Participants):
    """A group of an instance, with people by their numbers."""

    subject = Text(_SUBJECT, required=True, length=(1, SUBJECT_LENGTH))
    instance = Text(_INSTANCE, load_default=None)


class ParticipantsInput(_Participants):
    """An action on participants: it is done to all of them or, if one is refused, to none."""

    action = Text("What to do: add, remove, promote or demote.", required=True, words=ACTIONS)


class GroupChange(NonEmptyInput):
    """The info of a group, and what only its admins may do."""

    subject = Text(_SUBJECT, length=(1, SUBJECT_LENGTH))
    description = Text("The description of the group.", length=(None, DESCRIPTION_LENGTH))
    announce = Switch("Whether only admins may post.")
    restrict = Switch("Whether only admins may edit the group's info.")


@groups.get("", resources.Groups, refuses=(503,))
def list_groups(world: World) -> dict[str, list[Group]]:
    """List all groups of the world, with their participants."""
    with world.lock:
        return {"groups": list(world.state.groups.values())}


@groups.post("", resources.Group, status=201, body=GroupInput(), refuses=(409,))
def create_group(world: World, body: dict[str, Any]) -> Group:
    """Create a group. Like the API, it leaves out people who are not on WhatsApp or forbid that they are added."""
    instance = world.instances.find(body["instance"])
    members = [world.people.named(number) for number in body["participants"]]
    return world.groups.make(instance.id, body["subject"], members).group


@groups.patch("/<group_id>", resources.Group, body=GroupChange())
def change_group(world: World, group_id: str, body: dict[str, Any]) -> Group:
    """Change the info of a group, and what only its admins may do."""
    return world.groups.change(group_id, body)


@groups.post("/<group_id>/participants", resources.Group, body=ParticipantsInput(), refuses=(409,))
def arrange_participants(world: World, group_id: str, body: dict[str, Any]) -> Group:
    """Add, remove, promote or demote participants of any group. Privacy settings of people do not count."""
    return world.groups.arrange(group_id, body["action"], body["participants"])


class ChannelChange(Input):
    """The texts of a channel, and the `role` of an `instance` in it."""

    more_shape: ClassVar[dict[str, Any]] = {
        "minProperties": 1,
        "not": {"properties": {"instance": {}}, "required": ["instance"], "maxProperties": 1},
    }

    name = Text(_CHANNEL_NAME, length=(1, SUBJECT_LENGTH))
    description = Text("The description of the channel.", length=(None, DESCRIPTION_LENGTH))
    subscribers = Whole("The number of subscribers.", 0, MAX_SUBSCRIBERS)
    instance = Text(_INSTANCE, allow_none=True)
    role = Text(_ROLE, words=ROLES)

    @validates_schema
    def check_any(self, data: dict[str, Any], **kwargs: Any) -> None:
        if not data.keys() - {"instance"}:
            raise ValidationError("Give what is to change.")


class ChannelInput(ChannelChange):
    """A channel. An instance owns it unless another `role` is given."""

    more_shape: ClassVar[dict[str, Any]] = {}

    name = Text(_CHANNEL_NAME, required=True, length=(1, SUBJECT_LENGTH))
    role = Text(_ROLE, load_default=ROLES[0], words=ROLES)


@channels.get("", resources.Channels, refuses=(503,))
def list_channels(world: World) -> dict[str, list[Channel]]:
    """List all channels of the world, with the roles of instances."""
    with world.lock:
        return {"channels": list(world.state.channels.values())}


@channels.post("", resources.Channel, status=201, body=ChannelInput())
def create_channel(world: World, body: dict[str, Any]) -> Channel:
    """Create a channel."""
    instance, role = body.pop("instance", None), body.pop("role")
    return world.channels.make(instance, role, **body)


@channels.patch("/<channel_id>", resources.Channel, body=ChannelChange())
def change_channel(world: World, channel_id: str, body: dict[str, Any]) -> Channel:
    """Change a channel, or the role of an instance in it."""
    instance, role = body.pop("instance", None), body.pop("role", None)
    return world.channels.change(channel_id, body, instance, role)
