"""The world format: which fields a world has in JSON, and which values they take.

A world file is an export with most of it left out: every field is optional but `instances`. Records are those of
`core.models`, under the same names; the few that differ in JSON are declared here.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import ValidationError
from marshmallow.validate import Length, OneOf, Range, Regexp

from flaresend_mock.background import trust_store
from flaresend_mock.core import events, faults, hosts, inbound, models, numbers, state, worlds
from flaresend_mock.core.clock import EARLIEST, LATEST, Due
from flaresend_mock.core.matchers.parser import unknown
from flaresend_mock.core.model import model
from flaresend_mock.package_data import named_value

FORMAT = "flaresend-mock world"
VERSION = 1
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
MAX_HISTORY = 10_000_000
MAX_CA = 64 * 1024
MAX_COUNTERS = 1000  # of more, an import keeps the last ones
MONTH = 30 * 86_400.0
YEAR = 366 * 86_400.0
BYTES, FORM = "bytes", "fields"  # tags around bodies of calls, which JSON cannot tell apart
TIME, VALUE = "$time", "$value"  # tags around times in details of changes, and around what looks like a tag
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


@model
class Role:
    """A follower of a channel, with a role."""

    number: str
    role: str


@model
class ClockStart:
    """The time a world starts at; its clock stands still there unless `frozen` is false."""

    now: datetime
    frozen: bool = True


@model
class Population:
    """How many people and groups are invented from the seed."""

    people: int = 0
    groups: int = 0


@model
class Timers:
    """All timers; `last_order` is the highest order given so far."""

    last_order: int = 0
    entries: tuple[Due, ...] = ()


@model
class Lane:
    """The deliveries of one chat that wait for each other, by their ids."""

    instance: str
    chat: str
    deliveries: tuple[str, ...]


@model
class Evicted:
    """How many records a bounded store evicted, and the number of the event that recorded the newest of them."""

    count: int = 0
    last_event: int = 0


@model
class EventRecord:
    """An event; its `kind` decides the type of its subject."""

    number: int
    at: datetime
    kind: str
    subject: object


def must(holds: Callable[[Any], object], problem: str | Callable[[Any], str]) -> Callable[[Any], None]:
    """Return a check of a value, which refuses one that does not hold; `problem` may contain it, as in {!r}."""
    said = problem.format if isinstance(problem, str) else problem

    def check(value: Any) -> None:
        if not holds(value):
            raise ValidationError(said(value))

    return check


def known_time_zone(value: str) -> None:
    """Refuse a name that is not an IANA time zone."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValidationError(f"{value!r} is not a time zone, such as Africa/Nairobi.") from None


def counted(value: object) -> None:
    """Accept a text of any length, which the size of its record counts."""


base_url = must(hosts.is_base_url, "{!r:.100} does not look like http://flaresend:3577.")

UNCHANGED: Mapping[str, Any] = {
    "history": Annotated[int, Range(1, MAX_HISTORY)],
    "seed": Annotated[int, Range()],
    "time_zone": Annotated[str, known_time_zone],
    "counters": dict[str, int],
    "auto_replies": dict[str, models.PendingAutoReply],
    "disappearing": Annotated[dict[str, models.Disappearing], Length(max=inbound.MAX_DISAPPEARING)],
}
"""The fields of `State` that are the same in JSON: their types, and the rules for their values."""

_DEFAULTS = state.State()


def _settings() -> dict[str, tuple[Any, Any]]:
    types = get_type_hints(state.WorldSettings)
    for one in fields(state.WorldSettings):
        if one.metadata["minimum"] is not None:
            types[one.name] = Annotated[types[one.name], Range(one.metadata["minimum"], one.metadata["maximum"])]
    types["public_url"] = Annotated[str | None, base_url]
    return {one.name: (types[one.name], one.default) for one in fields(state.WorldSettings)}


SCHEMA: Mapping[str, tuple[Any, Any]] = {
    "format": (str, FORMAT),
    "version": (int, VERSION),
    "emulator": (str, ""),
    "secrets": (bool, True),
    "description": (Annotated[str, counted], ""),
    **{name: (kind, getattr(_DEFAULTS, name)) for name, kind in UNCHANGED.items()},
    "clock": (Any, None),
    **_settings(),
    "populate": (Population | None, None),
    "instances": (tuple[Any, ...], ()),
    "people": (tuple[models.Person, ...], ()),
    "groups": (tuple[models.Group, ...], ()),
    "channels": (tuple[models.Channel, ...], ()),
    "tasks": (tuple[models.Task, ...], ()),
    "timers": (Timers, Timers()),
    "open_deliveries": (tuple[models.Delivery, ...], ()),
    "lanes": (tuple[Lane, ...], ()),
    "faults": (tuple[models.Fault, ...], ()),
    "messages": (tuple[models.Message, ...], ()),
    "ended_tasks": (tuple[models.Task, ...], ()),
    "media": (tuple[models.Media, ...], ()),
    "served": (tuple[models.Served, ...], ()),
    "deliveries": (tuple[models.Delivery, ...], ()),
    "last_event": (int, 0),
    "last_call": (int | None, None),
    "events": (tuple[EventRecord, ...], ()),
    "evicted": (dict[str, Evicted], {}),
    "evicted_events": (dict[str, Evicted], {}),
}
"""The fields of a world: their types, and their values if they are left out. `Any` is decoded later."""

BOUNDED = ("messages", "ended_tasks", "media", "served", "deliveries")  # the lists that are bounded stores of a state

SUBJECTS: Mapping[str, Any] = dict.fromkeys(events.KINDS, models.Change) | {
    "request": models.Call,
    "message": models.Message,
    "task": models.TaskChange,
    "delivery": models.Delivery,
}
"""The types of the subjects of events, by kind."""


@model
class Listed:
    """A mapping by phone number, `field` of a model, that is a list in JSON: `name`, of a `kind` with numbers."""

    field: str
    name: str
    kind: Any
    value: Callable[[Any], Any]


LISTED: Mapping[type, Listed] = {
    models.Group: Listed("members", "participants", tuple[models.Member, ...], lambda member: member),
    models.Channel: Listed("roles", "roles", tuple[Role, ...], lambda role: role.role),
}

LEFT_OUT: Mapping[type, Mapping[str, Any]] = {
    models.Instance: {"id": ""},
    models.Person: {"lid": ""},
    models.Group: {"id": "", "subject_owner": "", "subject_time": None, "created": LONG_AGO, "invite": ""},
    models.Channel: {"id": "", "invite": "", "created": LONG_AGO},
}
"""The values of fields that may be left out or be null, although the models require them: `read` completes most."""


def is_tag(value: Any) -> bool:
    """Tell whether a detail of a change looks like a tag."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in (TIME, VALUE)


def not_known(name: str, known: Collection[str]) -> str:
    """Say in a sentence that a name is not known, and which one may be meant."""
    text = unknown(name, known)
    return text if text.endswith("?") else f"{text}."


def usable_ca(value: str) -> None:
    """Refuse a text that is not one or several certificates in PEM, or has a private key."""
    if len(value) > MAX_CA:
        raise ValidationError(f"At most {MAX_CA} characters are expected here; give only what signs the receiver.")
    if "PRIVATE KEY-----" in value:
        raise ValidationError("A private key is in it; give the certificate alone.")
    try:
        trust_store.read_pem(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


usable_key = must(worlds.API_KEY.fullmatch, "An API key has printable ASCII characters without spaces.")
phone_number = must(lambda given: numbers.parse(given) == given, "{!r} is not a phone number of 7 to 15 digits.")


def usable_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise ValidationError(f"{name!r} is not a valid HTTP header.")
        if faults.is_framing(name):
            raise ValidationError(f"The server sets the header {name}.")


def _rule(schema: Mapping[str, Any]) -> Callable[[Any], object]:
    """Return the check of a JSON Schema. There, `x-check` names a check, and `examples` show a pattern in its error."""
    match values := {key: named_value(one) for key, one in schema.items()}:
        case {"x-check": check}:
            return check  # type: ignore[no-any-return]
        case {"enum": known}:
            return must(known.__contains__, lambda value: not_known(value, known))
        case {"pattern": pattern, "examples": [example]}:
            return _looks_like(pattern, example)
        case {"minLength": _} | {"maxLength": _}:
            return Length(values.get("minLength"), values.get("maxLength"))
    return Range(values["minimum"], values["maximum"])


def _looks_like(pattern: str, example: str) -> Regexp:
    return Regexp(rf"{pattern}\Z", error=f"{{input!r}} does not look like {example}.")


_OUTSIDE = "The clock shows times from 1970 to 9998."
start_time = Range(EARLIEST, LATEST, max_inclusive=False, error=_OUTSIDE)
clock_time = Range(EARLIEST, LATEST, error=_OUTSIDE)
clock_offset = Range(EARLIEST - LATEST, LATEST - EARLIEST, error=_OUTSIDE)
disappearing_seconds = OneOf(models.DISAPPEARING_SECONDS)
media_type = Regexp(r"[ -~]*\Z", error="A media type has printable ASCII characters.")
INSTANCE = _looks_like("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "9b540e83-e1ca-49b4-8c34-01fd31991d04")
usable_upload = must(lambda upload: False, "A stored message names its file, which is in media.")
LID = _looks_like("[0-9]{13,15}@lid", "163514152964174@lid")

_RULES = json.loads((Path(__file__).parent / "assets" / "rules.json").read_text("utf-8"))
RULES = {(kind, name): _rule(one) for kind, properties in _RULES.items() for name, one in properties.items()}
"""By model and field, what values have to be beyond their types; of a list, each item.

Other integers are counts, and other texts are short.
"""
