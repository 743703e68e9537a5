"""Who is in a world: people, groups, channels, and instances with their webhooks."""

from dataclasses import fields
from datetime import datetime
from operator import itemgetter
from typing import Any

from flaresend_mock.control.resources.activity import Attempted, Delivery
from flaresend_mock.core import models
from flaresend_mock.core.redaction import key_id, key_mask, masked
from flaresend_mock.core.world import World
from flaresend_mock.http.resources import Envelope, Property, Resource, envelope, of_model

Rule = of_model(models.Rule, "A rule by which a person replies automatically.")


Person = of_model(models.Person, "A person in the directory.")


Member = of_model(models.Member, "A participant of a group.")


Group = of_model(
    models.Group,
    "A group, with its participants by number.",
    "id subject description owner announce restrict created participants",
    participants=Property([Member], "The participants.", get=lambda group: group.members.values()),
)


class Role(Resource):
    """What an instance is in a channel."""

    number = Property(str, "The instance's number.", get=lambda one: one[0])
    role = Property(str, "OWNER, ADMIN or SUBSCRIBER.", get=lambda one: one[1])


Channel = of_model(
    models.Channel,
    "A channel, with the roles of instances.",
    "id name description invite picture subscribers created roles",
    roles=Property([Role], "The roles of instances.", get=lambda channel: channel.roles.items()),
)


Chaos = of_model(models.Chaos, "Random failures of an instance's deliveries: probabilities from 0 to 1, and a delay.")


Webhook = of_model(
    models.Webhook,
    "The webhook that receives an instance's events.",
    "url secret retries verification verify_token chaos paused failures ordered body_style ca verify",
    retries=Property(
        [float],
        "Seconds of the world's clock between attempts.",
        write=lambda retries: [int(seconds) if seconds == int(seconds) else seconds for seconds in retries],
    ),
)


class ApiKey(Envelope):
    """An API key of an instance."""

    id = Property(str, "The key's id, which revokes it.")
    api_key = Property(str, "The key, masked unless secrets are shown.")


_WEBHOOK = Property(Webhook, "The webhook, or null.", null=True)
Instance = of_model(
    models.Instance,
    "An instance, with its API keys and its webhook.",
    "id name number lid status logged_out api_keys webhook",
    read=itemgetter,
    lid=Property(str, "The LID.", null=True),
    api_keys=Property([ApiKey], "The API keys, masked unless secrets are shown."),
    webhook=_WEBHOOK,
)


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
    webhook = _WEBHOOK


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
