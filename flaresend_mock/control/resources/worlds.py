"""Worlds, with who is in them: people, groups, channels and instances; and their settings, clock, snapshots and faults.

The last ones are what verification finds in a world, and the responses that assets/envelopes.json declares.
"""

import json
from dataclasses import fields
from datetime import datetime
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from marshmallow import missing

from flaresend_mock.control.resources import activity
from flaresend_mock.core import models, time_travel
from flaresend_mock.core.matchers import matchers
from flaresend_mock.core.redaction import MASK, key_id, key_mask, masked
from flaresend_mock.core.state import WorldSettings as Settings
from flaresend_mock.core.world import World
from flaresend_mock.http.context import services
from flaresend_mock.http.resources import Envelope, Property, Read, Resource, of_model, properties

LAST_EVENT = "The number of the world's last event."
_SETTINGS = properties(Settings, at="state.settings.")

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


Instance = of_model(
    models.Instance,
    "An instance, with its API keys and its webhook.",
    "id name number lid status logged_out api_keys webhook",
    read=itemgetter,
    lid=Property(str, "The LID.", null=True),
    api_keys=Property([ApiKey], "The API keys, masked unless secrets are shown."),
    webhook=Property(Webhook, "The webhook, or null.", null=True),
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


class _World(Resource):
    name = Property(str, "The world's name.")
    seed = Property(int, "The seed of everything random: ids, LIDs, names.", at="state.seed")
    time_zone = Property(str, "The IANA time zone of sendAt.", at="state.time_zone")
    now = Property(datetime, "The time of the world's clock, in UTC.", get=lambda of: of.clock.now())
    frozen = Property(bool, "Whether the clock is stopped.", at="timeline.frozen")


class WorldSummary(_World.from_dict(_SETTINGS)):  # type: ignore[misc]
    """A world: its clock, its settings, and how much it holds."""

    instances: Any = Property(int, "The number of instances.", at="state.instances", write=len)
    messages = Property(int, "The number of messages.", at="state.messages", write=len)
    scheduled = Property(int, "The number of scheduled messages.", at="state.tasks", write=len)
    faults = Property(int, "The number of active faults.", get=lambda of: sum(one.armed for one in of.faults.all()))
    snapshots = Property([str], "The names of the snapshots.", get=lambda of: list(of.snapshots.all()))
    events = Property(int, LAST_EVENT, at="state.events.last_number")

    def dump(self, obj: World, *, many: bool | None = None) -> dict[str, Any]:
        """Return a world as it is at one moment."""
        with obj.lock:
            return super().dump(obj)  # type: ignore[no-any-return]


class WorldDetails(WorldSummary):
    """A world with its instances."""

    instances = Property(
        [Instance],
        "The instances, oldest first.",
        get=lambda of: [shown_instance(one, of, secrets=services().with_secrets) for one in of.instances.all()],
    )


_NEW = "An instance of a new world, with its API keys."
NewWorldInstance = of_model(models.Instance, _NEW, "id number api_keys", "NewWorldInstance")


class _Named(Resource):
    world = Property(str, "The world's name.", at="name")


class WorldSettings(_Named.from_dict(_SETTINGS)):  # type: ignore[misc]
    """The settings of a world."""


class Clock(Resource):
    """A world's clock."""

    now = Property(datetime, "The time, in UTC.", get=lambda of: of.clock.now())
    frozen = Property(bool, "Whether the clock is stopped.", at="timeline.frozen")
    time_zone = Property(str, "The IANA time zone of sendAt.", at="state.time_zone")
    next_due = Property(
        datetime, "When the next timer is due, in UTC.", get=lambda of: of.state.timers.next_at(), null=True
    )


Fired = of_model(time_travel.Fired, "A timer that was run.")


class Snapshot(Resource):
    """A snapshot of a world."""

    name = Property(str, "The snapshot's name.", get=lambda one: one[0])
    event = Property(int, "The number of the last event in it.", get=lambda one: one[1].events.last_number)
    messages = Property(int, "The number of messages.", get=lambda one: len(one[1].messages))
    scheduled = Property(int, "The number of scheduled messages.", get=lambda one: len(one[1].tasks))


Reply = of_model(models.Reply, "The response that a fault gives.", headers=Property(dict[str, str], "More headers."))


def _if_normal(name: str) -> Read:
    return lambda delay: missing if delay.mean is None else getattr(delay, name)


Delay = of_model(
    models.Delay,
    "The seconds that a fault delays by: between two bounds, or around a mean.",
    lowest=Property(float, "The fewest seconds.", key="from"),
    highest=Property(float, "The most seconds.", key="to"),
    mean=Property(float, "The mean of a normal distribution.", get=_if_normal("mean"), optional=True),
    deviation=Property(float, "Its standard deviation.", get=_if_normal("deviation"), optional=True),
)

Fault = of_model(
    models.Fault,
    "A fault, with how often it matched and applied.",
    "id name armed on match respond delay action after every times probability matched hits",
    armed=Property(bool, "Whether it can still apply."),
    match=Property(
        dict,
        "The matcher; an API key in it is masked.",
        get=lambda fault: {name: MASK if name == "key" else wanted for name, wanted in fault.match.items()},
    ),
    respond=Property(Reply, "The response that it gives.", at="reply", null=True),
)

Miss = of_model(matchers.Miss, "A field in which the nearest item differs.")

_TYPES = {"text": str, "number": int, "text or number": str | int, "switch": bool, "time": datetime, "object": dict}
_DECLARED = json.loads((Path(__file__).parent.parent / "assets" / "envelopes.json").read_text("utf-8"))
"""By name, what each is `about`, and its fields: their types and meanings. [X] is a list of X; X? may be null."""
_envelopes: dict[str, type[Envelope]] = {}


def _property(declared: str) -> Property:
    kind, _, meaning = declared.partition(": ")
    of = (_TYPES | vars(activity) | globals() | _envelopes)[kind.strip("[]?")]
    return Property([of] if kind.startswith("[") else of, meaning, null=kind.endswith("?"))


for _name, _fields in _DECLARED.items():
    _shown = {"__doc__": _fields.pop("about", None), **{field: _property(one) for field, one in _fields.items()}}
    _envelopes[_name] = type(_name, (Envelope,), _shown)


def __getattr__(name: str) -> type[Envelope]:
    """Return an envelope; AttributeError if none has this name."""
    if name not in _envelopes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _envelopes[name]


class _Unchanged(Resource):
    def dump(self, obj: dict[str, Any], *, many: bool | None = None) -> dict[str, Any]:
        """Return items unchanged: matchers have seen them as JSON."""
        return obj


def found_items(called: str, name: str, of: type[Resource], **beside: Property) -> type[Resource]:
    """Return a response with the items that match, under the name of their list."""
    return type(called, (_Unchanged,), {name: Property([of], "The items that match."), **beside})


@cache
def unmet(name: str, of: type[Resource]) -> type[Resource]:
    """Return what says why an expectation is not met. A refusal for another reason has only the error."""
    base, refused = _envelopes["Nearest"], _envelopes["Refused"]
    near = type(f"Nearest{of.__name__}", (base,), {"__doc__": base.__doc__, "item": Property(of, "The item.")})
    beside = {
        "count": Property(int, "How many items match.", optional=True),
        "nearest": Property(near, "The item that came nearest.", null=True, optional=True),
        name: Property([of], "The newest 20 items that match.", optional=True),
        "arrived": Property([of], "The newest 20 items.", optional=True),
    }
    return type(f"{of.__name__}Unmet", (refused,), {"__doc__": "Why an expectation is not met.", **beside})
