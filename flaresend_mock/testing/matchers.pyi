"""The types of matchers and faults, for editors and type checkers. The emulator checks the values."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from re import Pattern
from typing import Any, Literal, TypeAlias, TypedDict

Regex: TypeAlias = str | Pattern[str]
Operators = TypedDict(
    "Operators",
    {"equal": Any, "contains": Any, "regex": Regex, "subset": Mapping[str, Any], "one_of": Sequence[Any], "not": Any},
    total=False,
)
"""Conditions on a field, such as {"contains": "order"}. All of them must hold."""

Text: TypeAlias = Regex | Operators | None
Number: TypeAlias = Regex | int | Operators  # a phone number, or a JID
Whole: TypeAlias = int | Operators | None
Time: TypeAlias = Regex | datetime | Operators | None

class MessageMatch(TypedDict, total=False):
    """Fields of messages. `sender` is the JSON's `from`, which is a word of Python; `file_name` is `fileName`."""

    id: Text
    direction: Text
    instance: Text
    chat: Number
    sender: Number
    to: Number
    number: Number
    group: Text
    type: Text
    text: Text
    caption: Text
    target: Text
    reply_to: Text
    fileName: Text
    file_name: Text
    mimetype: Text
    media: Text
    url: Text
    template: Any
    status: Text
    timestamp: Time
    event: Whole
    cause: Any

class _CallMatch(TypedDict, total=False):
    method: Text
    path: Text
    raw_path: Text
    query: Text
    headers: Any
    number: Number
    body: Any
    instance: Text

class RequestMatch(_CallMatch, total=False):
    """Fields of calls of the API. `body`, `response` and `headers` also take some of their own fields."""

    id: Whole
    call: Text
    body_size: Whole
    status: Whole
    response: Any
    timestamp: Time
    fault: Text

class DeliveryMatch(TypedDict, total=False):
    """Fields of webhook deliveries. `body` also takes some of its own fields."""

    id: Text
    status: Text
    instance: Text
    chat: Text
    message: Text
    webhook_id: Text
    event: Whole
    created: Time
    next_retry: Time
    redelivery_of: Text
    duplicate_of: Text
    body: Any
    attempts: Any
    fault: Text

class FaultMatch(_CallMatch, total=False):
    """Fields of the calls or the deliveries that a fault applies to."""

    key: Text
    chat: Text
    message: Text
    url: Text

class FaultFields(TypedDict, total=False):
    """What a fault matches, what it does and how often, beside its preset."""

    name: str
    on: Literal["calls", "deliveries"]
    match: FaultMatch
    respond: Mapping[str, Any]
    delay: float | Mapping[str, float]
    action: str
    after: int
    every: int
    times: int
    probability: float
