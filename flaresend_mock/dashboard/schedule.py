"""The schedule page: the world's clock, what is pending, and which scheduled messages ended recently."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from flask import Blueprint, Response

from flaresend_mock.core import numbers
from flaresend_mock.core.deliveries import DELAYED, RETRY
from flaresend_mock.core.inbound import AUTO_REPLY
from flaresend_mock.core.models import Content, Task, TaskChange
from flaresend_mock.core.pairing import PAIRING
from flaresend_mock.core.schedule import KIND as TASK
from flaresend_mock.core.timers import Due
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import name_of
from flaresend_mock.dashboard.pages import page, part

blueprint = Blueprint("schedule_page", __name__)

MAX_SHOWN = 200
"""The number of pending messages on the page, and of other timers."""
MAX_ENDED = 50
MAX_NAMES = 5

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UNITS = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))
_NEXT_STEP = {"initializing": "shows its QR code", "qr": "is scanned"}


@dataclass(frozen=True, slots=True)
class Face:
    """The face of a clock, in the time zone of its world; `ahead` is its distance from real time."""

    now: datetime
    ahead: timedelta
    frozen: bool

    @property
    def about(self) -> timedelta:
        """The distance from real time, to the second. A clock advanced by an hour is some milliseconds less ahead."""
        return _SECOND * round(self.ahead / _SECOND)

    @property
    def offset(self) -> str:
        """The offset of the time zone from UTC, such as UTC+03:00."""
        written = f"{self.now:%z}"
        return f"UTC{written[:3]}:{written[3:5]}" if self.now.utcoffset() else "UTC"

    @property
    def hands(self) -> tuple[float, float, float]:
        """The angles of the hands for hours, minutes and seconds, in degrees."""
        now = self.now
        minutes = now.minute + now.second / 60
        return (now.hour % 12 + minutes / 60) * 30, minutes * 6, now.second * 6


@dataclass(frozen=True, slots=True)
class Planned:
    """A scheduled message; `ended` is when it was sent, failed or was cancelled, if that is still known.

    `recipients` has the names and chats of the first ones, and `more` the number of the others. An invalid number has
    no chat.
    """

    task: Task
    recipients: tuple[tuple[str, str | None], ...]
    more: int
    via: str
    text: str
    file: str
    ended: datetime | None = None

    @property
    def key(self) -> str:
        return f"{TASK} {self.task.id}"

    @property
    def line(self) -> str:
        names = ", ".join(name for name, _ in self.recipients)
        more = f" and {self.more} more" if self.more else ""
        what = self.text or self.file or self.task.content.type
        return f"To {names}{more}: {what[:160]}"


@dataclass(frozen=True, slots=True)
class Timer:
    """Another timer; `about` describes it once it has fired, `page` and `chat` are links to more."""

    at: datetime
    key: str
    kind: str
    line: str
    page: str = ""
    chat: tuple[str, str] | None = None
    about: str = ""


@blueprint.get("/w/<world>/schedule")
def schedule(world: World) -> Response:
    """Show the clock, what is pending, and what ended recently."""
    return page("schedule.html", world, "schedule", **(_clock(world) | _due(world)))


@blueprint.get("/w/<world>/parts/clock")
def clock(world: World) -> Response:
    """Return the clock."""
    return part("schedule_clock.html", world, **_clock(world))


@blueprint.get("/w/<world>/parts/due")
def due(world: World) -> Response:
    """Return what is pending, and what ended recently."""
    return part("schedule_due.html", world, **_due(world))


def spoken(time: timedelta) -> str:
    """Return the length of a duration in its two largest units, such as 2 days 3 h."""
    left = abs(time) // _SECOND
    words: list[str] = []
    for unit, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count and unit == "day":
            words.append("1 day" if count == 1 else f"{count:,} days")
        elif count:
            words.append(f"{count} {unit}")
        if len(words) == 2 or (words and not count):
            break
    return " ".join(words) or "0 s"


def _clock(world: World) -> dict[str, object]:
    with world.lock:
        now = world.clock.now()
        zone = ZoneInfo(world.state.time_zone)
        face = Face(now.astimezone(zone), world.clock.running_setting().offset, world.timeline.frozen)
        next_due = world.state.timers.next_at()
    return {"clock": face, "next_due": next_due, "spoken": spoken, **_countdown(now)}


def _due(world: World) -> dict[str, object]:
    """Return scheduled messages and other timers, soonest first, and those messages that ended, newest first."""
    with world.lock:
        now = world.clock.now()
        state = world.state
        entries, _ = state.timers.contents()
        tasks = [state.tasks[entry.key] for entry in entries if entry.kind == TASK]
        others = [entry for entry in entries if entry.kind != TASK]
        when = _ends(world)
        return {
            "several": len(state.instances) > 1,
            "pending": len(tasks),
            "planned": [_planned(world, task) for task in tasks[:MAX_SHOWN]],
            "others": [_timer(world, entry) for entry in others[:MAX_SHOWN]],
            "more_others": max(0, len(others) - MAX_SHOWN),
            "ended": [
                _planned(world, task, when.get(task.id)) for task in islice(reversed(state.ended_tasks), MAX_ENDED)
            ],
            **_countdown(now),
        }


def _countdown(now: datetime) -> dict[str, object]:
    """Return the functions with which templates show when something is due."""
    return {
        "left": lambda moment: spoken(moment - now),
        "overdue": lambda moment: moment <= now,
        "milliseconds": lambda moment: (moment - _EPOCH) // timedelta(milliseconds=1),
    }


def _ends(world: World) -> dict[str, datetime]:
    """Return when each scheduled message was sent, failed or was cancelled."""
    changes = ((event.at, event.subject) for event in world.state.events.since(0, "task"))
    return {
        change.task.id: at
        for at, change in changes
        if isinstance(change, TaskChange) and change.task.status != "pending"
    }


def _planned(world: World, task: Task, when: datetime | None = None) -> Planned:
    content = task.content
    owner = world.state.instances.get(task.instance)
    return Planned(
        task,
        tuple(_recipient(world, given) for given in task.recipients[:MAX_NAMES]),
        max(0, len(task.recipients) - MAX_NAMES),
        owner.title if owner else "a deleted instance",
        content.text or content.caption or "",
        _file(world, content),
        when,
    )


def _recipient(world: World, given: str | int) -> tuple[str, str | None]:
    number = world.people.recipient(given)
    if number is None:
        return f"{given} (invalid number)", None
    return name_of(world, number), number + numbers.USER


def _file(world: World, content: Content) -> str:
    media = world.state.media.get(content.media) if content.media else None
    return content.file_name or (media.file_name if media else "") or content.url or ""


def _timer(world: World, entry: Due) -> Timer:
    key = f"{entry.kind} {entry.key}"
    if entry.kind in (RETRY, DELAYED):
        return _delivery(world, entry, key)
    if entry.kind == AUTO_REPLY:
        reply = world.state.auto_replies.get(entry.key)
        if reply is not None:
            chat = reply.group or reply.number + numbers.USER
            line = f"{name_of(world, reply.number)} replies: {reply.text[:160]}"
            return Timer(entry.at, key, "Auto-reply", line, chat=(reply.instance, chat))
    if entry.kind == PAIRING:
        owner = world.state.instances.get(entry.key)
        if owner is not None:
            step = _NEXT_STEP.get(owner.status, "is connected")
            return Timer(entry.at, key, "Pairing", f"{owner.title} {step}", "instances")
    return Timer(entry.at, key, entry.kind.capitalize(), entry.key)


def _delivery(world: World, entry: Due, key: str) -> Timer:
    delivery = world.state.open_deliveries.get(entry.key) or world.state.deliveries.get(entry.key)
    event = f"event of {name_of(world, delivery.chat)}" if delivery else "event"
    if entry.kind == DELAYED:
        return Timer(entry.at, key, "Delayed event", f"Webhook {event}", "traffic")
    tries = len(delivery.attempts) if delivery else 0
    last = delivery.attempts[-1] if delivery and delivery.attempts else None
    result = (last.status or last.error if last else None) or "no response"
    line = f"Attempt {tries + 1} to deliver the {event}; the last one got {result}"
    return Timer(entry.at, key, "Webhook retry", line, "traffic", about=event)
