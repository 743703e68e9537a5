"""The schedule page: the world's clock, what is pending, and which scheduled messages ended recently."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from flask import Response

from flaresend_mock.core import clock, deliveries, inbound, instances, numbers
from flaresend_mock.core.models import Task, TaskChange
from flaresend_mock.core.sending import TASK
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import Shown, name_of
from flaresend_mock.dashboard.pages import blueprint, live, part

MAX_SHOWN = 200  # the number of pending messages on the page, and of other timers
MAX_ENDED = 50
MAX_NAMES = 5

_SECOND = timedelta(seconds=1)
_UNITS = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_NEXT_STEP = {"initializing": "shows its QR code", "qr": "is scanned"}


@blueprint.get("/w/<world>/schedule")
def schedule(world: World) -> Response:
    return part("schedule.html", world, tab="schedule", **(_clock(world) | _due(world)))


def spoken(time: timedelta) -> str:
    """Return the length of a duration in its two largest units, such as 2 days 3 h."""
    left = abs(time) // _SECOND
    words: list[str] = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count:
            words.append(f"{count:,} {unit}{'s' if unit == 'day' and count > 1 else ''}")
        if len(words) == 2 or (words and not count):
            break
    return " ".join(words) or "0 s"


@live("clock", "schedule_clock.html")
def _clock(world: World) -> Shown:
    """Return the clock in the world's time zone: `ahead` of real time, `about` to the second, `hands` in degrees."""
    with world.lock:
        now, ahead = world.clock.now(), world.clock.running_setting().offset
        frozen, next_due = world.timeline.frozen, world.state.timers.next_at()
    local = now.astimezone(ZoneInfo(world.state.time_zone))
    offset, minutes = f"{local:%z}", local.minute + local.second / 60
    face = {"now": local, "ahead": ahead, "about": _SECOND * round(ahead / _SECOND), "frozen": frozen}
    face["offset"] = f"UTC{offset[:3]}:{offset[3:5]}" if local.utcoffset() else "UTC"
    face["hands"] = ((local.hour % 12 + minutes / 60) * 30, minutes * 6, local.second * 6)
    return {"clock": face, "next_due": next_due, "spoken": spoken, **_countdown(now)}


@live("due", "schedule_due.html")
def _due(world: World) -> Shown:
    """Return scheduled messages and other timers, soonest first, and those messages that ended, newest first."""
    with world.lock:
        now, state = world.clock.now(), world.state
        entries, _ = state.timers.contents()
        tasks = [state.tasks[entry.key] for entry in entries if entry.kind == TASK]
        others = [entry for entry in entries if entry.kind != TASK]
        changes = ((event.at, event.subject) for event in state.events.since(0, "task"))
        ends = {one.task.id: at for at, one in changes if isinstance(one, TaskChange) and one.task.status != "pending"}
        ended = [_planned(world, one, ends.get(one.id)) for one in islice(reversed(state.ended_tasks), MAX_ENDED)]
        planned = [_planned(world, task) for task in tasks[:MAX_SHOWN]]
        timers, more = [_timer(world, entry) for entry in others[:MAX_SHOWN]], max(0, len(others) - MAX_SHOWN)
    due = {"pending": len(tasks), "planned": planned, "others": timers, "more_others": more, "ended": ended}
    return {"several": len(state.instances) > 1, "soon": now + timedelta(hours=1), **due, **_countdown(now)}


def _countdown(now: datetime) -> Shown:
    return {
        "left": lambda moment: spoken(moment - now),
        "overdue": lambda moment: moment <= now,
        "milliseconds": lambda moment: (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1),
    }


def _planned(world: World, task: Task, ended: datetime | None = None) -> Shown:
    content, owner = task.content, world.state.instances.get(task.instance)
    recipients = [
        (name_of(world, number), number + numbers.USER) if number else (f"{given} (invalid number)", None)
        for given, number in ((one, world.people.recipient(one)) for one in task.recipients[:MAX_NAMES])
    ]
    media = world.state.media.get(content.media) if content.media else None
    file = content.file_name or (media.file_name if media else "") or content.url or ""
    planned = {"task": task, "key": f"{TASK} {task.id}", "text": content.text or content.caption or "", "file": file}
    more, via = max(0, len(task.recipients) - MAX_NAMES), owner.title if owner else "a deleted instance"
    return {**planned, "recipients": recipients, "more": more, "via": via, "ended": ended}


def _timer(world: World, entry: clock.Due) -> Shown:
    state = world.state
    shown: Shown = {"at": entry.at, "key": f"{entry.kind} {entry.key}", "kind": entry.kind, "id": entry.key}
    if entry.kind in (deliveries.RETRY, deliveries.DELAYED):
        delivery = state.open_deliveries.get(entry.key) or state.deliveries.get(entry.key)
        return shown | {"delivery": delivery, "chat": name_of(world, delivery.chat) if delivery else ""}
    if entry.kind == inbound.AUTO_REPLY and (reply := state.auto_replies.get(entry.key)) is not None:
        chat = reply.group or reply.number + numbers.USER
        return shown | {"reply": reply, "chat": chat, "author": name_of(world, reply.number)}
    if entry.kind == instances.PAIRING and (owner := state.instances.get(entry.key)) is not None:
        return shown | {"pairing": owner.title, "step": _NEXT_STEP.get(owner.status, "is connected")}
    return shown
