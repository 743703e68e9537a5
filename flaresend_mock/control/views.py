"""How records are shown to those who steer and watch a world."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flaresend_mock.core.events import Event
from flaresend_mock.core.records import Call, Change, Fired, Message, Task, TaskChange
from flaresend_mock.web import headers, jsons, times


def message(message: Message) -> dict[str, Any]:
    """A message: people as digits, groups and channels as JIDs; `event` is its number in the event log."""
    content = message.content
    return {
        "id": message.id,
        "direction": message.direction,
        "instance": message.instance,
        "chat": message.chat,
        "from": message.sender,
        "to": message.to,
        "type": content.type,
        "text": content.text,
        "caption": content.caption,
        "fileName": content.file_name,
        "mimetype": content.mimetype,
        "media": content.media,
        "url": content.url,
        "template": content.template,
        "status": message.status,
        "timestamp": times.stamp(message.at),
        "event": message.event,
    }


def request(event: Event) -> dict[str, Any]:
    """An API call with its answer; `id` is its number in the event log."""
    call = event.subject
    assert isinstance(call, Call)
    return {
        "id": event.number,
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "headers": headers.shown(call.headers),
        "body": _read(call.body) if isinstance(call.body, bytes) else call.body,
        "status": call.status,
        "answer": _read(call.answer),
        "instance": call.instance,
        "timestamp": times.stamp(event.at),
    }


def event(event: Event) -> dict[str, Any]:
    """One event: its number, time and kind, and under the kind's name what happened."""
    match event.subject:
        case Message() as sent:
            details = message(sent)
        case Call():
            details = request(event)
        case TaskChange(action=action, task=changed):
            details = {"action": action, **task(changed)}
        case Change() as change:
            details = {"action": change.action, "id": change.id, **_written(change.details)}
    return {"id": event.number, "kind": event.kind, "timestamp": times.stamp(event.at), event.kind: details}


def _written(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: times.stamp(value) if isinstance(value, datetime) else value for name, value in details.items()
    }


def task(task: Task) -> dict[str, Any]:
    """A scheduled message."""
    return {
        "id": task.id,
        "instance": task.instance,
        "recipients": [str(given) for given in task.recipients],
        "type": task.content.type,
        "text": task.content.text,
        "sendAt": times.stamp(task.send_at),
        "status": task.status,
        "reason": task.reason,
    }


def fired(fired: Fired) -> dict[str, Any]:
    """One due thing that was run."""
    return {
        "at": times.stamp(fired.at),
        "kind": fired.kind,
        "id": fired.id,
        "result": fired.result,
        "reason": fired.reason,
    }


def _read(raw: bytes) -> Any:
    try:
        return jsons.load(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")
