"""What JSON cannot tell apart in an event, told apart by a name around it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flaresend_mock.core.events import Subject
from flaresend_mock.core.models import Call, Change

BYTES = "bytes"
FIELDS = "fields"
TIME = "$time"
VALUE = "$value"


def tagged(subject: Subject) -> Subject:
    """Return an event's subject with its call's body, or the times in its details, in tags."""
    match subject:
        case Call(body=bytes() as raw):
            return replace(subject, body={BYTES: b64encode(raw).decode()})
        case Call(body=body) if body is not None:
            return replace(subject, body={FIELDS: body})
        case Change(details=details) if any(map(_needs_tag, details.values())):
            return replace(subject, details={name: _tagged(value) for name, value in details.items()})
        case _:
            return subject


def untagged(subject: Subject) -> Subject:
    """Return what `tagged` was given.

    Raises:
        ValueError: there is no such tag, or not what it says inside.
    """
    match subject:
        case Call(body=body) if body is not None:
            return replace(subject, body=_body(body))
        case Change(details=details) if any(map(_is_tag, details.values())):
            return replace(subject, details={name: _untagged(value) for name, value in details.items()})
        case _:
            return subject


def _is_tag(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in (TIME, VALUE)


def _needs_tag(value: Any) -> bool:
    return isinstance(value, datetime) or _is_tag(value)


def _tagged(value: Any) -> Any:
    if isinstance(value, datetime):
        return {TIME: value.isoformat()}
    return {VALUE: value} if _is_tag(value) else value


def _untagged(value: Any) -> Any:
    if not _is_tag(value):
        return value
    ((tag, inner),) = value.items()
    if tag == VALUE:
        return inner
    moment = datetime.fromisoformat(inner) if isinstance(inner, str) else None
    if moment is None or moment.utcoffset() != timedelta():
        raise ValueError(f"{TIME} holds a time in UTC")
    return moment


def _body(body: Any) -> Any:
    if isinstance(body, dict) and len(body) == 1:
        ((tag, inner),) = body.items()
        if tag == BYTES and isinstance(inner, str):
            return b64decode(inner, validate=True)
        if tag == FIELDS and inner is not None:
            return inner
    raise ValueError(f'a body is null, {{"{BYTES}": base64}} or {{"{FIELDS}": …}}')
