"""The schedule page: the world's clock, what is due, and which scheduled messages ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from flask import Blueprint, Response

from flaresend_mock.core import numbers
from flaresend_mock.core.deliveries import DELAYED, RETRY
from flaresend_mock.core.inbound import AUTO_REPLY
from flaresend_mock.core.models import Content, Delivery, Task, TaskChange
from flaresend_mock.core.pairing import PAIRING
from flaresend_mock.core.schedule import KIND as TASK
from flaresend_mock.core.timers import Due
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import name_of
from flaresend_mock.dashboard.pages import page, part
from flaresend_mock.http.context import emulator

blueprint = Blueprint("schedule_page", __name__)


@blueprint.get("/w/<world>/schedule")
def schedule(world: str) -> Response:
    """Show the clock, what is still to come, and what was."""
    chosen = emulator().worlds.get(world)
    return page("schedule.html", chosen, "schedule", **(_clock(chosen) | _due(chosen)))


@blueprint.get("/w/<world>/parts/clock")
def clock(world: str) -> Response:
    """Return the clock as it is now."""
    chosen = emulator().worlds.get(world)
    return part("schedule_clock.html", chosen, **_clock(chosen))


@blueprint.get("/w/<world>/parts/due")
def due(world: str) -> Response:
    """Return what is still to come, and what was."""
    chosen = emulator().worlds.get(world)
    return part("schedule_due.html", chosen, **_due(chosen))


def _clock(world: World) -> dict[str, object]:
    with world.lock:
        shown = face(world)
        next_due = world.state.timers.next_at()
    return {
        "clock": shown,
        "next_due": next_due,
        "spoken": spoken,
        "left": lambda moment: spoken(moment - shown.now),
        "overdue": lambda moment: moment <= shown.now,
        "milliseconds": milliseconds,
    }


def _due(world: World) -> dict[str, object]:
    with world.lock:
        now = world.clock.now()
        found = {"due": read_due(world), "ended": read_ended(world)}
        several = len(world.state.instances) > 1
    return {
        "left": lambda moment: spoken(moment - now),
        "overdue": lambda moment: moment <= now,
        "milliseconds": milliseconds,
        "several": several,
        **found,
    }


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_UNITS = (("day", 86_400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Face:
    """What a clock shows in the time zone of its world; `ahead` is how far that is ahead of real time."""

    now: datetime
    ahead: timedelta
    frozen: bool

    @property
    def real(self) -> bool:
        """Whether it runs and shows real time."""
        return not self.frozen and not self.away

    @property
    def away(self) -> bool:
        """Whether it shows another time than real time, to the second."""
        return self.about != timedelta()

    @property
    def about(self) -> timedelta:
        """How far it is ahead, to the second: what advances an hour is so far ahead, and some milliseconds less."""
        return _SECOND * round(self.ahead / _SECOND)

    @property
    def offset(self) -> str:
        """How far the zone is from UTC now: UTC+03:00."""
        written = f"{self.now:%z}"
        return f"UTC{written[:3]}:{written[3:5]}" if self.now.utcoffset() else "UTC"

    @property
    def hands(self) -> tuple[float, float, float]:
        """Where the hands for hours, minutes and seconds point, in degrees."""
        now = self.now
        minutes = now.minute + now.second / 60
        return (now.hour % 12 + minutes / 60) * 30, minutes * 6, now.second * 6


def face(world: World) -> Face:
    """Return what the clock of a world shows. The caller holds the world's lock."""
    now = world.clock.now()
    ahead = world.clock.running_setting().offset
    return Face(now.astimezone(ZoneInfo(world.state.time_zone)), ahead, world.timeline.frozen)


def spoken(time: timedelta) -> str:
    """Return a span of time, whichever way it goes, in its two largest units: 2 days 3 h."""
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


def milliseconds(moment: datetime) -> int:
    """Return when something is, in milliseconds since 1970, as scripts count."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


MOST = 200
"""So many scheduled messages are shown, and so many other things."""
MOST_ENDED = 50
MOST_NAMES = 5
_NEXT_STEP = {"initializing": "shows its QR code", "qr": "is scanned by itself"}


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is written to; `chat` is None where what was given is no number."""

    name: str
    chat: str | None


@dataclass(frozen=True, slots=True)
class Planned:
    """A scheduled message as it is read: to whom, by which instance, and what it says.

    `at` is when it is to be sent; `ended` when it was sent, failed or was cancelled, if that is still known.
    """

    task: Task
    recipients: tuple[Recipient, ...]
    more: int
    via: str
    text: str
    file: str
    ended: datetime | None = None

    @property
    def at(self) -> datetime:
        return self.task.send_at

    @property
    def key(self) -> str:
        return f"{TASK} {self.task.id}"

    @property
    def line(self) -> str:
        """Say in one line what it is."""
        names = ", ".join(one.name for one in self.recipients) + (
            f" and {self.more} more" if self.more else ""
        )
        said = self.text or self.file or self.task.content.type
        return f"To {names}: {said[:160]}"


@dataclass(frozen=True, slots=True)
class Other:
    """Something else that falls due: `kind` in words, and `line` says what.

    `about` says it once it is past; `page` is where to read on, if anywhere.
    """

    at: datetime
    key: str
    kind: str
    line: str
    page: str = ""
    chat: tuple[str, str] | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Coming:
    """What is still to come, in the order in which it will; the numbers say how much more there is of each."""

    planned: tuple[Planned, ...]
    more_planned: int
    others: tuple[Other, ...]
    more_others: int

    @property
    def count(self) -> int:
        return len(self.planned) + self.more_planned


def read_due(world: World) -> Coming:
    """Return what is still to come. The caller holds the world's lock."""
    entries, _ = world.state.timers.contents()
    tasks = [entry for entry in entries if entry.kind == TASK]
    others = [entry for entry in entries if entry.kind != TASK]
    return Coming(
        tuple(_planned(world, world.state.tasks[entry.key]) for entry in tasks[:MOST]),
        max(0, len(tasks) - MOST),
        tuple(_other(world, entry) for entry in others[:MOST]),
        max(0, len(others) - MOST),
    )


def read_ended(world: World) -> list[Planned]:
    """Return the scheduled messages that came to their end last, newest first. The caller holds the world's lock."""
    found = list(islice(reversed(world.state.ended_tasks), MOST_ENDED))
    when = _ends(world, {task.id for task in found})
    return [_planned(world, task, when.get(task.id)) for task in found]


def _ends(world: World, wanted: Iterable[str]) -> dict[str, datetime]:
    missing = set(wanted)
    when: dict[str, datetime] = {}
    for event in reversed(world.state.events.since(0, "task") if missing else []):
        change = event.subject
        if isinstance(change, TaskChange) and change.task.id in missing and change.task.status != "pending":
            when[change.task.id] = event.at
            missing.discard(change.task.id)
            if not missing:
                break
    return when


def _planned(world: World, task: Task, when: datetime | None = None) -> Planned:
    content = task.content
    owner = world.state.instances.get(task.instance)
    return Planned(
        task,
        tuple(_recipient(world, given) for given in task.recipients[:MOST_NAMES]),
        max(0, len(task.recipients) - MOST_NAMES),
        (owner.name or f"+{owner.number}") if owner else "an instance that is gone",
        content.text or content.caption or "",
        _file(world, content),
        when,
    )


def _recipient(world: World, given: str | int) -> Recipient:
    number = numbers.parse(given)
    if number is None:
        return Recipient(f"{given} (no number)", None)
    chat = numbers.jid(number)
    return Recipient(name_of(world, chat), chat)


def _file(world: World, content: Content) -> str:
    media = world.state.media.get(content.media) if content.media else None
    return content.file_name or (media.file_name if media else "") or content.url or ""


def _other(world: World, entry: Due) -> Other:
    key = f"{entry.kind} {entry.key}"
    if entry.kind in (RETRY, DELAYED):
        return _delivery(world, entry, key)
    if entry.kind == AUTO_REPLY:
        reply = world.state.auto_replies.get(entry.key)
        if reply is not None:
            chat = reply.group or numbers.jid(reply.number)
            line = f"{name_of(world, reply.number)} replies: {reply.text[:160]}"
            return Other(entry.at, key, "Auto-reply", line, chat=(reply.instance, chat))
    if entry.kind == PAIRING:
        owner = world.state.instances.get(entry.key)
        if owner is not None:
            step = _NEXT_STEP.get(owner.status, "is connected")
            return Other(entry.at, key, "Pairing", f"{owner.name or '+' + owner.number} {step}", "instances")
    return Other(entry.at, key, entry.kind.capitalize(), entry.key)


def _delivery(world: World, entry: Due, key: str) -> Other:
    delivery = world.state.open_deliveries.get(entry.key) or world.state.deliveries.get(entry.key)
    if entry.kind == DELAYED:
        return Other(entry.at, key, "Delayed event", f"Webhook event of {_about(world, delivery)}", "traffic")
    tries = len(delivery.attempts) if delivery else 0
    last = delivery.attempts[-1] if delivery and delivery.attempts else None
    what = (str(last.status) if last.status else last.error or "no answer") if last else "no answer"
    line = f"Attempt {tries + 1} of the event of {_about(world, delivery)}; the last one got {what}"
    return Other(entry.at, key, "Webhook retry", line, "traffic", about=f"event of {_about(world, delivery)}")


def _about(world: World, delivery: Delivery | None) -> str:
    return name_of(world, delivery.chat) if delivery else "somebody"
