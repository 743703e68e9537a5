"""Sending: messages of an instance to people, now or when they are due; groups and channels record theirs here, too."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from flaresend_mock.core import clock, errors, numbers, time_travel
from flaresend_mock.core.bounded_store import MAX_PENDING_BYTES, size_of
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.media import Media
from flaresend_mock.core.model import model
from flaresend_mock.core.models import (
    MEDIA_TYPES,
    Cause,
    Content,
    Instance,
    Message,
    PendingAutoReply,
    Task,
    TaskChange,
)
from flaresend_mock.core.payloads import TABLES
from flaresend_mock.core.people import People
from flaresend_mock.core.store import Store

Recipients = Sequence[str | int]

TASK = "task"
MAX_SENT = 10_000  # messages that one call sends, in groups with their copies to other instances of the world

_NOT_SHOWN: Mapping[str, Any] = {kind: dict.fromkeys(parts.split()) for kind, parts in TABLES["not_shown"].items()}
"""The parts that WhatsApp does not show, by the type of the message. They are accepted, and not sent."""
_hidden_of: Mapping[str, Any] = {kind: attrgetter(*parts) for kind, parts in _NOT_SHOWN.items()}


@model
class Outcome:
    """The outcome of one sending: JIDs of successful and failed recipients, and invalid ones as they were given."""

    at: datetime
    total: int
    successful: tuple[str, ...]
    failed: tuple[str, ...]
    invalid: tuple[str, ...] = ()


def require_complete(content: Content) -> None:
    """Refuse a message that lacks the part that its type needs: text, media or template."""
    needed, given = "template", content.template
    if content.type == "text":
        needed, given = "text", content.text
    elif content.type in MEDIA_TYPES:
        needed, given = "media", content.upload or content.media or content.url
    if not given:
        raise errors.InvalidContent(needed)


def require_few(messages: int) -> None:
    """Refuse a call that sends more messages than others should wait for."""
    if messages > MAX_SENT:
        raise errors.WorldFull(f"a call sends at most {MAX_SENT} messages; make several calls")


class Sending:
    """Sends messages, and records them."""

    def __init__(self, store: Store, people: People, instances: Instances, media: Media) -> None:
        self._store, self._people, self._instances, self._media = store, people, instances, media

    def send(self, instance_id: str, recipients: Recipients, content: Content, cause: Cause | None = None) -> Outcome:
        """Send one message to many people. A recipient that is given twice gets it twice."""
        require_complete(content)
        people = list(map(self._people.recipient, recipients))
        with numbers.magic_outcomes(people, self._store.delay), self._store.lock:
            return self.deliver(self._instances.require_ready(instance_id), recipients, people, content, cause)

    def deliver(
        self, instance: Instance, to: Recipients, people: list[str | None], content: Content, cause: Cause | None
    ) -> Outcome:
        """Record a message for each valid recipient, and return which ones failed. The caller holds the lock."""
        if len(to) > MAX_SENT:  # each message passes here: no call without need
            require_few(len(to))
        state, size, largest = self._store.state, 0, dict[str, int]()
        for number in people:  # refuse a message with more automatic replies than the world holds
            if (one := state.people.get(number or "")) and one.rules:
                if one.number not in largest:
                    texts = {content.text or "", *(rule.reply or "" for rule in one.rules)}
                    sizes = (PendingAutoReply(instance.id, one.number, text).size for text in texts)
                    largest[one.number] = max(sizes)
                size += largest[one.number]
                if state.pending_bytes + size > MAX_PENDING_BYTES:
                    raise errors.WorldFull(
                        "too many automatic replies, scheduled messages and events are pending already"
                    )
        if size:
            self._store.require_memory(size)
        content, now = self.kept(content), self._store.clock.now()
        found: tuple[list[str], list[str], list[str]] = ([], [], [])
        successful, failed, invalid = found
        is_shared = content.media or (state.faults and len(people) > 1)
        with self._store.while_sending(content.media) if is_shared else nullcontext():
            for given, number in zip(to, people, strict=True):
                if number is None or not self._people.on_whatsapp(number):
                    invalid.append(str(given))
                    continue
                jid, fails = number + numbers.USER, numbers.magic(number) == 500
                (failed if fails else successful).append(jid)
                self.record(instance, jid, number, content, "failed" if fails else "sent", now, cause)
        return Outcome(now, len(to), tuple(successful), tuple(failed), tuple(invalid))

    def kept(self, content: Content) -> Content:
        """Return a message with its upload stored, and without the parts that WhatsApp does not show."""
        hidden, given = _NOT_SHOWN[content.type], _hidden_of[content.type](content)
        if given.count(None) < len(given):
            content = replace(content, **hidden)
        if content.upload:
            self._store.require_memory(len(content.upload.data))
            content = self._media.keep(content)
        return content

    def record(
        self, instance: Instance, chat: str, to: str, content: Content, status: str, now: datetime, cause: Cause | None
    ) -> Message:
        """Store and record one outbound message. The caller holds the lock."""
        event, kept = self._store.state.events.last_number + 1, self._store.state.messages.by_key
        id_ = self._store.random.hexadecimal("message", 18, "3EB0{}".format, kept)
        parties = "outbound", instance.id, chat, instance.number, to
        message = Message(id_, event, *parties, content, status, now, None, cause)
        self._store.state.messages.add(id_, message)
        self._store.record("message", message, now)
        return message


class Schedule:
    """The scheduled messages of a world. Scheduling needs no connected phone; sending does."""

    def __init__(self, store: Store, people: People, instances: Instances, media: Media, sending: Sending) -> None:
        self._store, self._people, self._instances, self._media = store, people, instances, media
        self._sending = sending

    def add(
        self, instance_id: str, recipients: Recipients, content: Content, send_at: datetime, cause: Cause | None = None
    ) -> Task:
        """Schedule a message, for local time in the world's time zone, without an offset."""
        require_complete(content)
        people = [self._people.recipient(given) for given in recipients]
        with numbers.magic_outcomes(people, self._store.delay), self._store.lock:
            self._instances.find(instance_id)
            at = self._future(send_at)
            self._require_room(content, recipients)
            order = self._store.state.counters.get(TASK, 0)
            used = ChainMap[Any, Any](self._store.state.tasks, self._store.state.ended_tasks.by_key)
            id_, kept = self._store.random.digits(TASK, 10, "SCHED-{}".format, used), self._media.keep(content)
            task = Task(id_, instance_id, tuple(recipients), kept, at, send_at, order, call=cause.id if cause else None)
            return self._keep(task, "scheduled", with_timer=True)

    def pending(self, instance_id: str) -> list[Task]:
        """Return the pending messages of an instance, by time, then in the order they were scheduled."""
        with self._store.lock:
            mine = [task for task in self._store.state.tasks.values() if task.instance == instance_id]
            return sorted(mine, key=lambda task: (task.send_at, task.order))

    def update(self, instance_id: str, task_id: str, changes: Mapping[str, Any]) -> Task:
        """Change any of a pending message's `recipients`, `send_at` (as in `add`) and fields of Content."""
        errors.require(changes, errors.NothingToUpdate)
        people = [self._people.recipient(given) for given in changes.get("recipients", ())]
        with numbers.magic_outcomes(people, self._store.delay), self._store.lock:
            task = self._find(instance_id, task_id)
            errors.require(task.status == "pending", errors.TaskNotPending)
            said = {key: value for key, value in changes.items() if key not in ("recipients", "send_at")}
            if said.get("upload"):
                said |= {"url": None, "media": None}
            elif said.get("url"):
                said |= {"media": None}
            content = replace(task.content, **said)
            require_complete(content)
            local_time = changes.get("send_at", task.local_time)
            send_at = self._future(local_time) if "send_at" in changes else task.send_at
            recipients = tuple(changes.get("recipients", task.recipients))
            self._require_room(content, recipients, task)
            task = replace(task, send_at=send_at, local_time=local_time, recipients=recipients)
            task = replace(task, content=self._media.keep(content))
            # without a new time, it keeps its place among those of the same second
            return self._keep(task, "updated", with_timer="send_at" in changes)

    def _require_room(self, content: Content, recipients: Recipients, former: Task | None = None) -> None:
        """Refuse a message, or the change of a former one, for which the world has no room. Nothing has changed yet."""
        require_few(len(recipients))
        state = self._store.state
        size = content.size + size_of(tuple(recipients)) - (former.size if former else 0)
        if state.pending_bytes + size > MAX_PENDING_BYTES and size > 0:
            raise errors.WorldFull("too many scheduled messages and undelivered events; cancel or deliver some")
        self._store.require_memory(max(0, size) + (len(content.upload.data) if content.upload else 0))
        if content.upload:  # its file stays until the message is sent
            state.require_room_of_files("media", len(content.upload.data), former.files if former else ())

    def _keep(self, task: Task, action: str, *, with_timer: bool) -> Task:
        self._store.state.tasks[task.id] = task
        if with_timer:
            self._store.set_timer(task.send_at, TASK, task.id)
        self._store.state.media.trim(self._store.state.needed("media"))
        self._store.record("task", TaskChange(action, task))
        return task

    def cancel(self, instance_id: str, task_id: str) -> Task:
        with self._store.lock:
            task = self._store.state.tasks.get(task_id)
            if task is None or task.instance != instance_id:
                raise errors.TaskNotCancellable
            del self._store.state.tasks[task.id]
            self._store.state.timers.cancel(TASK, task.id)
            return self._end(replace(task, status="cancelled"))

    def send_due(self, task_id: str) -> time_travel.Fired:
        """Send a task whose timer was due. The caller holds the world's lock."""
        task = self._store.state.tasks[task_id]
        people = [self._people.recipient(given) for given in task.recipients]
        del self._store.state.tasks[task_id]  # its bytes are free for automatic replies
        ended = replace(task, status="failed", reason="Internal server error")
        try:
            with numbers.magic_outcomes(people):
                instance = self._instances.require_ready(task.instance)
                self._sending.deliver(instance, task.recipients, people, task.content, Cause(TASK, task_id))
            ended = replace(task, status="sent")
        except errors.NotReady:
            ended = replace(ended, reason="Instance not ready for messaging")
        except errors.Refusal as refusal:
            ended = replace(ended, reason=(str(refusal) or refusal.message).capitalize())
        finally:
            self._end(ended)
        return time_travel.Fired(self._store.clock.now(), TASK, task_id, ended.status, ended.reason)

    def _find(self, instance_id: str, task_id: str) -> Task:
        task = self._store.state.tasks.get(task_id) or self._store.state.ended_tasks.get(task_id)
        if task is None or task.instance != instance_id:
            raise errors.TaskNotFound
        return task

    def _end(self, task: Task) -> Task:
        self._store.state.ended_tasks.add(task.id, task)
        self._store.state.media.trim(self._store.state.needed("media"))
        self._store.record("task", TaskChange(task.status, task))
        return task

    def _future(self, local: datetime) -> datetime:
        """Return local time in UTC. A time that daylight saving skips or repeats has the earlier offset."""
        try:
            at = local.replace(tzinfo=ZoneInfo(self._store.state.time_zone), fold=0).astimezone(UTC)
        except OverflowError:
            raise errors.SendAtBeyondCalendar from None
        errors.require(at <= clock.END, errors.SendAtBeyondCalendar)
        errors.require(at > self._store.clock.now(), errors.SendAtInThePast)
        return at
