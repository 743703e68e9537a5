"""Data classes that tests get, and the conversion of what tests give into JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar

MOST_SECONDS = 300
_SPELLINGS = {"sender": "from", "file_name": "fileName"}
_FLAGS = {re.ASCII: "a", re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s", re.VERBOSE: "x"}
_CONVERSIONS: dict[str, Any] = {"at": datetime.fromisoformat, "recipients": tuple}
_CONVERSIONS["attempts"] = lambda attempts: tuple(read(Attempt, one) for one in attempts)

_Model = TypeVar("_Model", "Message", "Scheduled", "Request", "Delivery", "Attempt")


@dataclass(frozen=True)
class Message:
    """A message. People are digits, groups and channels are JIDs.

    `event` is its number in the event log. `cause` says what made it, by kind and id; it is None for what came with the
    world. `raw` is the whole JSON.
    """

    id: str
    direction: str
    chat: str
    sender: str = field(metadata={"key": "from"})
    to: str
    type: str
    text: str | None
    caption: str | None
    target: str | None
    reply_to: str | None
    file_name: str | None = field(metadata={"key": "fileName"})
    media: str | None
    status: str
    at: datetime = field(metadata={"key": "timestamp"})
    event: int
    cause: Mapping[str, str] | None
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Scheduled:
    """A scheduled message that is pending. `at` is an aware datetime in UTC."""

    id: str
    recipients: tuple[str, ...]
    type: str
    text: str | None
    at: datetime = field(metadata={"key": "sendAt"})
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A call of the API with its response.

    `path` is as it was routed, `raw_path` as it was sent. `status` is None where a fault cut the connection.
    `call` is the id that is the cause of messages. `body_size` is None unless only the beginning of the body is kept.
    """

    id: int
    call: str
    method: str
    path: str
    raw_path: str
    query: str
    headers: Mapping[str, str]
    body: Any
    body_size: int | None
    status: int | None
    response: Any
    fault: str | None
    at: datetime = field(metadata={"key": "timestamp"})
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Attempt:
    """An attempt to deliver an event. `error` is the reason if `status` is None, `response` the start of its body."""

    at: datetime
    url: str
    headers: Mapping[str, str]
    status: int | None
    response: str
    error: str | None
    milliseconds: float
    accepted: bool
    reconnected: bool


@dataclass(frozen=True)
class Delivery:
    """A webhook event with every attempt. `event` is the JSON that the application gets."""

    id: str
    status: str
    chat: str
    event: Any = field(metadata={"key": "body"})
    attempts: tuple[Attempt, ...]
    raw: Mapping[str, Any]


def read(model: type[_Model], shown: Mapping[str, Any]) -> _Model:
    values: dict[str, Any] = {}
    for one in fields(model):
        value = shown if one.name == "raw" else shown[one.metadata.get("key", one.name)]
        values[one.name] = _CONVERSIONS[one.name](value) if one.name in _CONVERSIONS else value
    return model(**values)


def message_fields(match: Mapping[str, Any]) -> dict[str, Any]:
    """Return the matcher of a message. Its fields may have the names that `Message` has."""
    return {_SPELLINGS.get(name, name): value for name, value in match.items()}


def event_number(what: int | Message | Request | Delivery | None) -> int:
    """Return the number of an event, or of the event that recorded something; 0 for None, the beginning."""
    if isinstance(what, Request):
        return what.id
    return int(what.raw["event"]) if isinstance(what, Message | Delivery) else what or 0


def matcher(match: Mapping[str, Any]) -> dict[str, Any]:
    """Return a matcher as JSON. Its values may be compiled regular expressions, datetimes and tuples."""
    return {name: _value(value) for name, value in match.items()}


def wait_seconds(within: float) -> float:
    """Return the seconds to wait; ValueError if the emulator does not wait for so long."""
    if isinstance(within, bool) or not isinstance(within, int | float) or not 0 <= within <= MOST_SECONDS:
        raise ValueError(f"within is seconds, from 0 to {MOST_SECONDS}, not {within!r}")
    return within


def time_text(value: datetime | str) -> str:
    """Return a time as text; TypeError for what is neither a datetime nor text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return value
    raise TypeError(f"a time is a datetime, or text such as '2025-11-14 13:00', not {value!r}")


def _value(value: Any) -> Any:
    if isinstance(value, re.Pattern):
        if not isinstance(value.pattern, str):
            raise TypeError(f"a regular expression has a str pattern, not {value.pattern!r}")
        flags = "".join(letter for flag, letter in _FLAGS.items() if value.flags & flag)
        return {"regex": f"(?{flags}){value.pattern}" if flags else value.pattern}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return matcher(value)
    return [_value(one) for one in value] if isinstance(value, list | tuple) else value
