"""The resources of the control plane: one declaration each, for responses, matchers, OpenAPI and docs/resources.md.

assets/ has JSON Schemas: envelopes.json declares the responses that only hold others, and resources.json those that
need no code, or little.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from functools import cache
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

from marshmallow import missing

from flaresend_mock.core import events, models, time_travel
from flaresend_mock.core.event_bodies import OWN_EVENT
from flaresend_mock.core.kinds import KINDS
from flaresend_mock.core.matchers import matchers, parser
from flaresend_mock.core.matchers.parser import Field
from flaresend_mock.core.models import CLOSED_STATUSES, MESSAGE_TYPES, OPEN_STATUSES
from flaresend_mock.core.numbers import GROUP
from flaresend_mock.core.payloads import OTHER, quoted_by, target_of
from flaresend_mock.core.redaction import MASK, key_id, key_mask, masked
from flaresend_mock.core.state import WorldSettings as Settings
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import body_of, read_kept
from flaresend_mock.http.context import services, shown
from flaresend_mock.http.resources import (
    Envelope,
    ListWriter,
    Property,
    Resource,
    declared,
    of_model,
    properties,
    shown_by,
    utc,
)

STATUSES = (*OPEN_STATUSES, *CLOSED_STATUSES)  # the statuses of deliveries
LAST_EVENT = "The number of the world's last event."
_SETTINGS = properties(Settings, at="state.settings.")
_ASSETS = Path(__file__).parent / "assets"
_parts = declared(_ASSETS / "parts.json", Envelope)
_read = declared(_ASSETS / "resources.json", Resource)
ApiKey, Role, Clock = _parts.ApiKey, _parts.Role, _read.Clock

RESPONSE_FIELDS = tuple(
    """success message error status action sent_at total_recipients successful_recipients failed_recipients
    invalid_recipients scheduled_for task_id data id updated_fields groupId participants invalid role channel
    alreadyFollowing number exists""".split()
)
"""The fields of all documented responses."""


def _check_group(value: Any) -> str | None:
    is_jid = value is None or (isinstance(value, str) and value.endswith(GROUP))
    return None if is_jid else f"a group is named by its JID, such as 120363403582097887{GROUP}"


def _check_status(value: Any) -> str | None:
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return None if whole or value is None else "a status is a whole number, such as 503"


_HTTP_STATUS = Field(check=_check_status)
_ALL_TYPES = tuple(dict.fromkeys((*MESSAGE_TYPES, *KINDS, OWN_EVENT, OTHER)))
_PARTY = Field(number=True, check=lambda it: None if isinstance(it, str) and "@" in it else parser.check_number(it))
_FROM_OR_TO = Field(lambda one: [one["from"], one["to"]], number=True, many=True, check=parser.check_number)
_MADE = """What made it, by kind and id: call (of the API), task (a scheduled message), auto_reply (to a message),
message (of another instance), inbound (by a person) or event; null if it came with the world.""".replace("\n", " ")
_BODY, _CAUSE = Field(known=parser.BODY_FIELDS), Field(known=("kind", "id"))
_IN_BODY = replace(_FROM_OR_TO, read=lambda request: parser.numbers_in(request["body"]))
_GROUP = Field(lambda one: one["chat"] if one["chat"].endswith(GROUP) else None, check=_check_group)


class Message(Resource):
    """A message that was sent or received."""

    id = Property(str, "The message's id.")
    direction = Property(str, "outbound or inbound.", match=Field(words=("outbound", "inbound")))
    instance = Property(str, "The id of the instance that sent or received it.", match=parser.INSTANCE)
    chat = Property(str, "The JID of the chat.", match=_PARTY)
    sender = Property(str, "The sender's number, as digits.", key="from", match=_PARTY)
    to = Property(str, "The person's number as digits, or the JID of the group or channel.", match=_PARTY)
    number = Property(str, "The number in from or to.", only_match=True, match=_FROM_OR_TO)
    group = Property(str, "The JID of the chat, if it is a group's.", only_match=True, match=_GROUP)
    type = Property(str, "The type of the message.", at="content.type", match=Field(words=_ALL_TYPES))
    text = Property(str, "The text.", at="content.text", null=True)
    caption = Property(str, "The text below a file.", at="content.caption", null=True)
    target = Property(str, "The id of the message that it changes, as an edit does.", get=target_of, null=True)
    reply_to = Property(str, "The id of the message that it replies to.", get=quoted_by, null=True)
    fileName = Property(str, "The name of the file.", at="content.file_name", null=True)
    mimetype = Property(str, "The media type of the file.", at="content.mimetype", null=True)
    media = Property(str, "The id of the file, for `GET /_mock/media/{id}`.", at="content.media", null=True)
    url = Property(str, "The URL of the file, if the body named one.", at="content.url", null=True)
    template = Property(Any, "The template, as it was sent.", at="content.template", match=Field(free=True))
    status = Property(str, "sent, failed or received.", match=Field(words=("sent", "failed", "received")))
    timestamp = Property(datetime, "When it was sent or received, in UTC.", at="at")
    event = Property(int, "The number of its event.")
    cause = Property(dict[str, str], _MADE, write=lambda it: {"kind": it.kind, "id": it.id}, null=True, match=_CAUSE)


class Request(Resource):
    """A call of the API with its response."""

    read = staticmethod(lambda name: attrgetter(f"subject.{name}"))

    id = Property(int, "The number of its event.", get=attrgetter("number"))
    call = Property(str, "The id of the call, which is the cause of what it sent.", at="id")
    method = Property(str, "The HTTP method.", match=parser.CALL_FIELDS["method"])
    path = Property(str, "The routed path: decoded, without query and trailing slash.", match=parser.PATH)
    raw_path = Property(str, "The path as it was sent.", match=parser.RAW_PATH)
    query = Property(str, "The query, without the question mark.")
    headers = Property(dict[str, str], "The headers; credentials are masked.", write=shown, match=parser.HEADERS)
    number = Property(str, "A number in its recipients, participants or number.", only_match=True, match=_IN_BODY)
    body = Property(Any, "The body: JSON, or a text.", get=lambda event: body_of(event.subject), match=_BODY)
    body_size = Property(int, "How many bytes were sent, if only the first are kept, still compressed.", null=True)
    status = Property(int, "The HTTP status; null where a fault cut the connection.", null=True, match=_HTTP_STATUS)
    response = Property(Any, "The body of the response.", write=read_kept, match=Field(known=RESPONSE_FIELDS))
    instance = Property(str, "The id of the instance that the API key belongs to.", null=True, match=parser.INSTANCE)
    timestamp = Property(datetime, "When the call was made, in UTC.", get=attrgetter("at"))
    fault = Property(str, "The id of the fault that the call met.", null=True)


_SENT = Property(dict[str, str], "The headers that were sent.")
Attempt = of_model(models.Attempt, "An attempt to deliver an event.", headers=_SENT)

Attempted = of_model(
    models.Attempt,
    "A request to a webhook that delivers no event, and its response.",
    "url headers status response error milliseconds reconnected",
    "Attempted",
    headers=_SENT,
    read=itemgetter,
)

Delivery = of_model(
    models.Delivery,
    "A webhook event with all attempts to deliver it.",
    """id status instance chat message webhook_id event created next_retry redelivery_of duplicate_of body attempts
    fault""",
    status=Property(str, f"{', '.join(STATUSES[:-1])} or {STATUSES[-1]}.", match=Field(words=STATUSES)),
    instance=Property(str, "The id of the instance.", match=parser.INSTANCE),
    body=Property(Any, "The body that is sent.", write=read_kept, match=Field(known=parser.EVENT_FIELDS)),
)


def _text_of(task: models.Task) -> str | None:
    return task.content.text if task.content.type == "text" else None


class ScheduledMessage(_read.ScheduledMessage):  # type: ignore[misc,name-defined]
    """A scheduled message."""

    text = Property(str, "The text of a text.", get=_text_of, null=True)


_log = declared(_ASSETS / "events.json", Resource, globals())
TaskChange, Change = _log.TaskChange, _log.Change


class Event(_log.Event):  # type: ignore[misc,name-defined]
    """An event in a world's log. Its details have the name of its kind."""

    kind = Property(str, f"{', '.join(events.KINDS[:-1])} or {events.KINDS[-1]}.")

    def dump(self, obj: events.Event, *, many: bool | None = None) -> dict[str, Any]:
        details: Mapping[str, Any]
        match obj.subject:
            case models.Message() as sent:
                details = message(sent)
            case models.Call():
                details = request(obj)
            case models.TaskChange(action=action, task=changed):
                details = {"action": action, **task(changed)}
            case models.Delivery() as sent_on:
                details = delivery(sent_on)
            case models.Change() as change:
                told = {name: utc(one) if isinstance(one, datetime) else one for name, one in change.details.items()}
                details = {"action": change.action, "id": change.id, **told}
        return {"id": obj.number, "kind": obj.kind, "timestamp": utc(obj.at), obj.kind: details}


message, request, delivery = shown_by(Message), shown_by(Request), shown_by(Delivery)
task, event = shown_by(ScheduledMessage), shown_by(Event)

Rule = of_model(models.Rule, "A rule by which a person replies automatically.")
Person = of_model(models.Person, "A person in the directory.")
Member = of_model(models.Member, "A participant of a group.")

Group = of_model(
    models.Group,
    "A group, with its participants by number.",
    "id subject description owner announce restrict created participants",
    participants=Property([Member], "The participants.", get=lambda group: group.members.values()),
)

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
    """Return what is shown of an instance; its API keys and its webhook's secrets are masked unless `secrets`."""
    person = world.state.people.get(instance.number)
    return {
        **{one.name: getattr(instance, one.name) for one in fields(instance)},
        "lid": person.lid if person else None,
        "api_keys": [shown_key(key, secrets=secrets) for key in instance.api_keys],
        "webhook": instance.webhook if secrets else masked(instance.webhook),
    }


def shown_key(key: str, *, secrets: bool) -> dict[str, str]:
    """Return what is shown of an API key, masked unless `secrets`."""
    return {"id": key_id(key), "api_key": key if secrets else key_mask(key)}


class WorldSummary(_read.Contents, _read.World.from_dict(_SETTINGS)):  # type: ignore[misc,name-defined]
    """A world: its clock, its settings, and how much it holds."""

    faults = Property(int, "The number of active faults.", get=lambda of: sum(one.armed for one in of.faults.all()))

    def dump(self, obj: World, *, many: bool | None = None) -> dict[str, Any]:
        """Return a world at one moment."""
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


class WorldSettings(_read.Named.from_dict(_SETTINGS)):  # type: ignore[misc]
    """The settings of a world."""


Fired = of_model(time_travel.Fired, "A timer that was run.")


Reply = of_model(models.Reply, "The response that a fault gives.", headers=Property(dict[str, str], "More headers."))


def _if_normal(name: str) -> Any:
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

_envelopes = vars(declared(_ASSETS / "envelopes.json", Envelope, globals()))


def __getattr__(name: str) -> type[Resource]:
    """Return an envelope; AttributeError if none has this name."""
    if name not in _envelopes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: type[Resource] = _envelopes[name]
    return found


def found_items(called: str, name: str, of: type[Resource], **beside: Property) -> type[Resource]:
    """Return a response with the items that match, under the name of their list."""
    items = Property([of], "The items that match.", write=ListWriter(dict))  # matchers have seen them as JSON
    return type(called, (Envelope,), {**beside, name: items} if "verified" in beside else {name: items, **beside})


@cache
def unmet(name: str, of: type[Resource]) -> type[Resource]:
    """Return what says why an expectation is not met. A refusal for another reason has only the error."""
    base, refused = _envelopes["Nearest"], _envelopes["Refused"]
    item = Property(of, "The item.", write=dict)
    near = type(f"Nearest{of.__name__}", (base,), {"__doc__": base.__doc__, "item": item})
    beside = {
        "count": Property(int, "How many items match.", optional=True),
        "nearest": Property(near, "The item that came nearest.", null=True, optional=True),
        name: Property([of], "The newest 20 items that match.", optional=True, write=ListWriter(dict)),
        "arrived": Property([of], "The newest 20 items.", optional=True, write=ListWriter(dict)),
    }
    return type(f"{of.__name__}Unmet", (refused,), {"__doc__": "Why an expectation is not met.", **beside})
