"""Who is in a world: people, groups, channels, and instances with their webhooks."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from flaresend_mock.control.resources.activity import Attempted, Delivery
from flaresend_mock.core import models
from flaresend_mock.core.redaction import key_id, key_mask, masked
from flaresend_mock.core.world import World
from flaresend_mock.http.resources import Envelope, Property, Resource, envelope


class Rule(Resource):
    """A rule by which a person replies automatically."""

    when = Property(str, "A text that contains this is replied to; null for every text.", null=True)
    reply = Property(str, "The reply; null for the same text.", null=True)
    after = Property(float, "Seconds of the world's clock until the reply.")


class Person(Resource):
    """A person in the directory."""

    number = Property(str, "The phone number, as digits.")
    lid = Property(str, "The LID, such as 163514152964174@lid.")
    name = Property(str, "The name.")
    on_whatsapp = Property(bool, "Whether messages reach this number.")
    rules = Property([Rule], "Automatic replies: the first rule that matches applies.")
    aliases = Property([str], "Further numbers that reach this person.")
    addable = Property(bool, "Whether others may add this person to groups.")


class Member(Resource):
    """A participant of a group."""

    number = Property(str, "The phone number, as digits.")
    admin = Property(str, "superadmin, admin, or null.", null=True)


class Group(Resource):
    """A group, with its participants by number."""

    id = Property(str, "The group's JID.")
    subject = Property(str, "The name of the group.")
    description = Property(str, "The description of the group.")
    owner = Property(str, "The number of who created the group.")
    announce = Property(bool, "Whether only admins may post.")
    restrict = Property(bool, "Whether only admins may edit the group's info.")
    created = Property(datetime, "When the group was created, in UTC.")
    participants = Property([Member], "The participants.", get=lambda group: group.members.values())


class Role(Resource):
    """What an instance is in a channel."""

    number = Property(str, "The instance's number.", get=lambda one: one[0])
    role = Property(str, "OWNER, ADMIN or SUBSCRIBER.", get=lambda one: one[1])


class Channel(Resource):
    """A channel, with the roles of instances."""

    id = Property(str, "The channel's JID.")
    name = Property(str, "The name of the channel.")
    description = Property(str, "The description of the channel.")
    invite = Property(str, "The code in the link by which people find the channel.")
    picture = Property(str, "The URL of the channel's picture.", null=True)
    subscribers = Property(int, "The number of subscribers.")
    created = Property(datetime, "When the channel was created, in UTC.")
    roles = Property([Role], "The roles of instances.", get=lambda channel: channel.roles.items())


class Chaos(Resource):
    """Random failures of an instance's deliveries: probabilities from 0 to 1, and a delay."""

    duplicate = Property(float, "The probability that an event is delivered twice.")
    reorder = Property(float, "The probability that later events overtake an event.")
    drop = Property(float, "The probability that an event is not delivered.")
    delay = Property(float, "Seconds of the world's clock until an event is sent.")


class Webhook(Resource):
    """The webhook that receives an instance's events."""

    url = Property(str, "The URL that events are sent to.")
    secret = Property(str, "The secret that deliveries are signed with, masked.", null=True)
    retries = Property(
        [float],
        "Seconds of the world's clock between one attempt and the next.",
        write=lambda retries: [int(seconds) if seconds == int(seconds) else seconds for seconds in retries],
    )
    verification = Property(str, "How the receiver is verified: none, post or challenge.")
    verify_token = Property(str, "The token of a challenge, masked.", null=True)
    chaos = Property(Chaos, "Random failures of deliveries.")
    paused = Property(bool, "Whether events are held.")
    failures = Property(int, "Deliveries that failed in a row.")
    ordered = Property(bool, "Whether the events of a chat wait for one that is retried.")
    body_style = Property(str, "How the JSON of events is written: raw or escaped.")
    ca = Property(str, "Certificates in PEM that the receiver is verified against, besides the public ones.", null=True)
    verify = Property(bool, "Whether the certificate of an https receiver is verified.")


class ApiKey(Envelope):
    """An API key of an instance."""

    id = Property(str, "The key's id, which revokes it.")
    api_key = Property(str, "The key, masked unless secrets are shown.")


class Instance(Envelope):
    """An instance, with its API keys and its webhook."""

    id = Property(str, "The instance's id.")
    name = Property(str, "The name.")
    number = Property(str, "The phone number, as digits.")
    lid = Property(str, "The LID.", null=True)
    status = Property(str, f"{', '.join(models.INSTANCE_STATUSES)}.")
    logged_out = Property(bool, "Whether another phone may scan its QR code.")
    api_keys = Property([ApiKey], "The API keys, masked unless secrets are shown.")
    webhook = Property(Webhook, "The webhook, or null.", null=True)


def shown_instance(instance: models.Instance, world: World, *, secrets: bool) -> dict[str, Any]:
    """Return an instance as it is shown; its API keys and its webhook's secrets are masked unless `secrets`."""
    person = world.state.people.get(instance.number)
    return {
        **{one.name: getattr(instance, one.name) for one in fields(instance)},
        "lid": person.lid if person else None,
        "api_keys": [shown_key(key, secrets=secrets) for key in instance.api_keys],
        "webhook": instance.webhook if secrets else masked(instance.webhook),
    }


def shown_key(key: str, *, secrets: bool) -> dict[str, str]:
    """Return an API key as it is shown, masked unless `secrets`."""
    return {"id": key_id(key), "api_key": key if secrets else key_mask(key)}


People = envelope("People", people=Property([Person], "The people in the directory."))
Groups = envelope("Groups", groups=Property([Group], "The groups."))
Channels = envelope("Channels", channels=Property([Channel], "The channels."))
Instances = envelope("Instances", instances=Property([Instance], "The instances, oldest first."))
ApiKeys = envelope("ApiKeys", api_keys=Property([ApiKey], "The API keys."))


class InstanceWebhook(Envelope):
    """The webhook of an instance."""

    instance = Property(str, "The instance's id.")
    webhook = Property(Webhook, "The webhook, or null.", null=True)


Resumed = envelope("Resumed", replayed=Property([Delivery], "The held events, which are delivered now."))


class Verified(Envelope):
    """The result of a webhook's verification."""

    verified = Property(bool, "Whether the webhook passed.")
    reason = Property(str, "Why it did not.")
    attempt = Property(Attempted, "What was sent, and the response.", null=True)


class QrCode(Envelope):
    """The QR code that an instance shows."""

    instance = Property(str, "The instance's id.")
    code = Property(str, "The code, which a scan sends.")
    url = Property(str, "The page that a phone opens when it scans the QR code.")
    expires = Property(datetime, "When another code replaces it, in UTC.")
