"""How records are shown to those who steer and watch a world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from flaresend_mock.core.events import Event
from flaresend_mock.core.records import (
    Attempt,
    Call,
    Change,
    Delivery,
    Fired,
    Message,
    Task,
    TaskChange,
    Webhook,
)
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
        case Delivery() as sent_on:
            details = delivery(sent_on)
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


def webhook(webhook: Webhook) -> dict[str, Any]:
    """A webhook; its secrets are masked."""
    return {
        "url": webhook.url,
        "secret": headers.MASK if webhook.secret else None,
        "retries": list(webhook.retries),
        "verification": webhook.verification,
        "verify_token": headers.MASK if webhook.verify_token else None,
        "chaos": asdict(webhook.chaos),
        "paused": webhook.paused,
        "failures": webhook.failures,
    }


def delivery(delivery: Delivery) -> dict[str, Any]:
    """A delivery with every attempt: what was sent, what came back, and when it is tried again."""
    return {
        "id": delivery.id,
        "status": delivery.status,
        "instance": delivery.instance,
        "chat": delivery.chat,
        "message": delivery.message,
        "webhook_id": delivery.webhook_id,
        "event": delivery.event,
        "created": times.stamp(delivery.created),
        "next_retry": delivery.next_retry and times.stamp(delivery.next_retry),
        "redelivery_of": delivery.redelivery_of,
        "duplicate_of": delivery.duplicate_of,
        "body": _read(delivery.body),
        "attempts": [attempt(one) for one in delivery.attempts],
    }


def attempt(attempt: Attempt) -> dict[str, Any]:
    """One attempt to deliver an event."""
    return {
        "at": times.stamp(attempt.at),
        "url": attempt.url,
        "headers": dict(attempt.headers),
        "status": attempt.status,
        "answer": attempt.answer,
        "error": attempt.error,
        "milliseconds": attempt.milliseconds,
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
    """Return what JSON says, or the text if it is none. What is shown may hold what was accepted, and so be deeper."""
    try:
        return jsons.load(raw, max_depth=2 * jsons.MAX_DEPTH)
    except ValueError:
        return raw.decode("utf-8", "replace")
