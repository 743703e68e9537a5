"""How records are shown to those who steer and watch a world."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flaresend_mock.control import response_types
from flaresend_mock.core.events import Event
from flaresend_mock.core.models import (
    Attempt,
    Call,
    Change,
    Channel,
    Chaos,
    Delay,
    Delivery,
    Fault,
    Fired,
    Group,
    Instance,
    Message,
    Person,
    Reply,
    Task,
    TaskChange,
    Webhook,
)
from flaresend_mock.core.redaction import key_id
from flaresend_mock.core.world import World
from flaresend_mock.http import headers, jsons, times

LONG_KEY = 12


def message(message: Message) -> response_types.MessageShown:
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


def request(event: Event) -> response_types.CallShown:
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
        "response": _read(call.response),
        "instance": call.instance,
        "timestamp": times.stamp(event.at),
        "fault": call.fault,
    }


def event(event: Event) -> dict[str, Any]:
    """One event: its number, time and kind, and under the kind's name what happened."""
    details: Mapping[str, Any]
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


def group(group: Group) -> response_types.GroupShown:
    """A group: its people by their numbers, `admin` as the API shows it."""
    return {
        "id": group.id,
        "subject": group.subject,
        "description": group.description,
        "owner": group.owner,
        "announce": group.announce,
        "restrict": group.restrict,
        "created": times.stamp(group.created),
        "participants": [{"number": one.number, "admin": one.admin} for one in group.members.values()],
    }


def channel(channel: Channel) -> response_types.ChannelShown:
    """A channel, with what instances are in it."""
    return {
        "id": channel.id,
        "name": channel.name,
        "description": channel.description,
        "invite": channel.invite,
        "picture": channel.picture,
        "subscribers": channel.subscribers,
        "created": times.stamp(channel.created),
        "roles": [{"number": number, "role": role} for number, role in channel.roles.items()],
    }


def task(task: Task) -> response_types.TaskShown:
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


def webhook(webhook: Webhook) -> response_types.WebhookShown:
    """A webhook; its secrets are masked."""
    return {
        "url": webhook.url,
        "secret": headers.MASK if webhook.secret else None,
        "retries": [int(seconds) if seconds == int(seconds) else seconds for seconds in webhook.retries],
        "verification": webhook.verification,
        "verify_token": headers.MASK if webhook.verify_token else None,
        "chaos": _chaos(webhook.chaos),
        "paused": webhook.paused,
        "failures": webhook.failures,
    }


def delivery(delivery: Delivery) -> response_types.DeliveryShown:
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
        "next_retry": times.stamp(delivery.next_retry) if delivery.next_retry else None,
        "redelivery_of": delivery.redelivery_of,
        "duplicate_of": delivery.duplicate_of,
        "body": _read(delivery.body),
        "attempts": [attempt(one) for one in delivery.attempts],
        "fault": delivery.fault,
    }


def attempt(attempt: Attempt) -> response_types.AttemptShown:
    """One attempt to deliver an event."""
    return {
        "at": times.stamp(attempt.at),
        "url": attempt.url,
        "headers": dict(attempt.headers),
        "status": attempt.status,
        "response": attempt.response,
        "error": attempt.error,
        "milliseconds": attempt.milliseconds,
    }


def instance(instance: Instance, world: World, *, secrets: bool) -> response_types.InstanceShown:
    """An instance; its API keys and its webhook's secrets are masked, unless they are wanted."""
    person = world.state.people.get(instance.number)
    shown = webhook(instance.webhook) if instance.webhook else None
    if shown and instance.webhook and secrets:
        shown |= {"secret": instance.webhook.secret, "verify_token": instance.webhook.verify_token}
    return {
        "id": instance.id,
        "name": instance.name,
        "number": instance.number,
        "lid": person.lid if person else None,
        "status": instance.status,
        "logged_out": instance.logged_out,
        "api_keys": [api_key(key, secrets=secrets) for key in instance.api_keys],
        "webhook": shown,
    }


def api_key(key: str, *, secrets: bool) -> response_types.KeyShown:
    """An API key: its id, and at most its last four characters."""
    masked = f"…{key[-4:]}" if len(key) >= LONG_KEY else headers.MASK
    return {"id": key_id(key), "api_key": key if secrets else masked}


def person(person: Person) -> response_types.PersonShown:
    """Somebody in the directory."""
    return {
        "number": person.number,
        "lid": person.lid,
        "name": person.name,
        "on_whatsapp": person.on_whatsapp,
        "rules": [{"when": one.when, "reply": one.reply, "after": one.after} for one in person.rules],
    }


def fault(fault: Fault) -> response_types.FaultShown:
    """A fault, with how often it matched and hit; the API key it matches is masked."""
    match = {name: headers.MASK if name == "key" else wanted for name, wanted in fault.match.items()}
    return {
        "id": fault.id,
        "name": fault.name,
        "armed": fault.armed,
        "on": fault.on,
        "match": match,
        "respond": _reply(fault.reply) if fault.reply else None,
        "delay": _delay(fault.delay) if fault.delay else None,
        "action": fault.action,
        "after": fault.after,
        "every": fault.every,
        "times": fault.times,
        "probability": fault.probability,
        "matched": fault.matched,
        "hits": fault.hits,
    }


def _chaos(chaos: Chaos) -> response_types.ChaosShown:
    return {
        "duplicate": chaos.duplicate,
        "reorder": chaos.reorder,
        "drop": chaos.drop,
        "delay": chaos.delay,
    }


def _reply(reply: Reply) -> response_types.ReplyShown:
    return {"status": reply.status, "body": reply.body, "headers": dict(reply.headers)}


def _delay(delay: Delay) -> response_types.DelayShown:
    shown: response_types.DelayShown = {"from": delay.lowest, "to": delay.highest}
    if delay.mean is not None:
        shown |= {"mean": delay.mean, "deviation": delay.deviation}
    return shown


def fired(fired: Fired) -> response_types.FiredShown:
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
