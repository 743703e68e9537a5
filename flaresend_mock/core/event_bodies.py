"""The JSON of webhook events: how it is written, stamped with a time, and read again."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Event = dict[str, Any]
MAX_ID = 100  # characters of a message's id, or of a JID, in an own event; longer ones are not recorded
OWN_EVENT = "event"  # the type under which an own event is recorded, and its chat if it names none

_STAMP = re.compile(rb'"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z"\}\Z')
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encoded(event: Mapping[str, Any]) -> bytes:
    """Return an event as its receiver gets it."""
    return _encode(event).encode()


def time_text(at: datetime) -> str:
    """Return a time as events have it: in UTC, with milliseconds."""
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def late(body: bytes, now: datetime) -> timedelta:
    """Return how long ago the time lies that an event has as its last key; nothing if there is none."""
    try:
        return now - datetime.fromisoformat(_STAMP.findall(body)[0].decode()).replace(tzinfo=UTC)
    except (IndexError, ValueError):  # it is another key, or only looks like a time
        return timedelta()


def restamped(body: bytes, at: datetime) -> bytes:
    """Return an event with another time in its last key, `timestamp`; unchanged if that is another key."""
    found = _STAMP.search(body)
    return body[: found.start(1)] + time_text(at).encode() + b'"}' if found else body


def completed(event: Mapping[str, Any], instance_id: str, at: datetime) -> Event:
    """Return an own event with `instanceId`, behind `event`, and `timestamp`, as the last, where they are absent."""
    fields = list(event.items())
    if "instanceId" not in event:
        fields.insert(list(event).index("event") + 1 if "event" in event else 0, ("instanceId", instance_id))
    return {**dict(fields), **({} if "timestamp" in event else {"timestamp": time_text(at)})}


def given(body: bytes, instance_id: str) -> Event:
    """Return an own event as it was before it was completed."""
    event: Event = json.loads(body)
    if event.get("instanceId") == instance_id:
        del event["instanceId"]
    if _STAMP.search(body):
        event.pop("timestamp", None)
    return event


def data_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the `data` of an event, or its first part if it is a list; empty if there is none."""
    data = event.get("data")
    first = data[0] if isinstance(data, list) and data else data
    return first if isinstance(first, Mapping) else {}


def key_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the key of the message that an event tells of; empty if there is none."""
    keys = data.get("keys")
    key = keys[0] if isinstance(keys, list) and keys else data.get("key")
    return key if isinstance(key, Mapping) else {}


def chat_of(event: Mapping[str, Any]) -> str | None:
    """Return the JID of the chat that an event tells of, if it names one."""
    data = data_of(event)
    found = [data.get(name) for name in ("from", "chatId")] + [key_of(data).get("remoteJid"), data.get("id")]
    return next((one for one in found if _is_jid(one)), None)


def writer_of(event: Mapping[str, Any], own: str) -> str | None:
    """Return the JID of the person that an event comes from, or of its chat; `own` if the instance's phone wrote it."""
    data = data_of(event)
    if data.get("fromMe") is True or key_of(data).get("fromMe") is True:
        return own
    named = (data.get("participant"), key_of(data).get("participant"), data.get("author"))
    return next((one for one in named if _is_jid(one)), None) or chat_of(event)


def _is_jid(value: object) -> bool:
    return isinstance(value, str) and "@" in value and len(value) <= MAX_ID
