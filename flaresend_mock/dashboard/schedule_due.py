"""What is still to come in a world, soonest first, and which scheduled messages came to their end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from flaresend_mock.core import numbers
from flaresend_mock.core.deliveries import DELAYED, RETRY
from flaresend_mock.core.inbound import ANSWER
from flaresend_mock.core.models import Content, Delivery, Task, TaskChange
from flaresend_mock.core.pairing import PAIRING
from flaresend_mock.core.schedule import KIND as TASK
from flaresend_mock.core.timers import Due
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import name_of

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


def due(world: World) -> Coming:
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


def ended(world: World) -> list[Planned]:
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
    if entry.kind == ANSWER:
        answer = world.state.answers.get(entry.key)
        if answer is not None:
            chat = answer.group or numbers.jid(answer.number)
            line = f"{name_of(world, answer.number)} answers: {answer.text[:160]}"
            return Other(entry.at, key, "Answer", line, chat=(answer.instance, chat))
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
