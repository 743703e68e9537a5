"""Worlds: their settings, clock, snapshots and faults, and what verification finds in them."""

from datetime import datetime
from functools import cache
from typing import Any

from marshmallow import missing

from flaresend_mock.control.resources.activity import PENDING, Delivery, Message, Request
from flaresend_mock.control.resources.people import Instance, shown_instance
from flaresend_mock.core import models, time_travel, world
from flaresend_mock.core.matchers import matchers
from flaresend_mock.core.redaction import MASK
from flaresend_mock.core.state import WorldSettings as Settings
from flaresend_mock.http.context import services
from flaresend_mock.http.resources import Envelope, Property, Read, Resource, envelope, of_model, properties

LAST_EVENT = "The number of the world's last event."
_SETTINGS = properties(Settings, at="state.settings.")


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

    def dump(self, obj: world.World, *, many: bool | None = None) -> dict[str, Any]:
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


Worlds = envelope("Worlds", worlds=Property([WorldSummary], "The worlds, oldest first."))


_NEW = "An instance of a new world, with its API keys."
NewWorldInstance = of_model(models.Instance, _NEW, "id number api_keys", "NewWorldInstance")


class NewWorld(Envelope):
    """A new world."""

    name = Property(str, "The world's name.")
    api_key = Property(str, "The first API key of the first instance.")
    instances = Property([NewWorldInstance], "The instances.")
    warnings = Property([str], "What was changed in an export to import it.")


class Restored(Envelope):
    """A world after a reset or a restored snapshot."""

    world = Property(str, "The world's name.")
    event = Property(int, LAST_EVENT)


class Imported(Restored):
    """A world after an import."""

    warnings = Property([str], "What was changed in the import.")


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


class Advanced(Envelope):
    """A clock after it was advanced."""

    now = Property(datetime, "The time, in UTC.")
    fired = Property([Fired], "The timers that were run, in order.")


class Snapshot(Resource):
    """A snapshot of a world."""

    name = Property(str, "The snapshot's name.", get=lambda one: one[0])
    event = Property(int, "The number of the last event in it.", get=lambda one: one[1].events.last_number)
    messages = Property(int, "The number of messages.", get=lambda one: len(one[1].messages))
    scheduled = Property(int, "The number of scheduled messages.", get=lambda one: len(one[1].tasks))


Snapshots = envelope("Snapshots", snapshots=Property([Snapshot], "The snapshots, oldest first."))


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


Faults = envelope("Faults", faults=Property([Fault], "The faults, oldest first."))
Deleted = envelope("Deleted", deleted=Property(str | int, "The id or name of what was deleted, or how many were."))


class ErrorDetails(Resource):
    """The code and the message of an error."""

    code = Property(str, "The error's code, for programs, such as world_not_found.")
    message = Property(str, "The reason, for people.")


class Refused(Resource):
    """Why a call was refused."""

    error = Property(ErrorDetails, "The code and the message.")


Miss = of_model(matchers.Miss, "A field in which the nearest item differs.")


class Nearest(Envelope):
    """The item that came nearest to a matcher."""

    misses = Property([Miss], "The fields in which it differs.")
    item = Property(dict, "The item.")


class Evicted(Envelope):
    """How many older messages, calls and deliveries are no longer kept."""

    messages = Property(int, "The number of messages.")
    requests = Property(int, "The number of calls.")
    deliveries = Property(int, "The number of deliveries.")


class Transcript(Envelope):
    """What happened in a world, and what is about to happen."""

    world = Property(str, "The world's name.")
    now = Property(datetime, "The time of the world's clock, in UTC.")
    frozen = Property(bool, "Whether the clock is stopped.")
    time_zone = Property(str, "The IANA time zone of the times in the text.")
    messages = Property([Message], "The newest 30 messages, newest last.")
    requests = Property([Request], "The newest 30 calls, newest last.")
    strays = Property([Request], "The newest 5 calls of the default world, with `strays_since`.")
    deliveries = Property([Delivery], "The newest 30 deliveries, newest last.")
    scheduled = PENDING
    faults = Property([Fault], "The faults, oldest first.")
    evicted = Property(Evicted, "How many older items are no longer kept.")
    nearest = Property(Nearest, "The item that came nearest to `match`.", null=True)


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
    near = type(f"Nearest{of.__name__}", (Nearest,), {"__doc__": Nearest.__doc__, "item": Property(of, "The item.")})
    beside = {
        "count": Property(int, "How many items match.", optional=True),
        "nearest": Property(near, "The item that came nearest.", null=True, optional=True),
        name: Property([of], "The newest 20 items that match.", optional=True),
        "arrived": Property([of], "The newest 20 items.", optional=True),
    }
    return type(f"{of.__name__}Unmet", (Refused,), {"__doc__": "Why an expectation is not met.", **beside})
