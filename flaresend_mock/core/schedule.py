"""Scheduled messages: the emulator keeps them until they are due, then sends them like any other message."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flaresend_mock.core import errors, numbers
from flaresend_mock.core.bounded_store import MAX_PENDING_BYTES
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.media import Media
from flaresend_mock.core.models import Cause, Content, Task, TaskChange
from flaresend_mock.core.people import People
from flaresend_mock.core.sending import Recipients, Sending, require_complete
from flaresend_mock.core.store import Store
from flaresend_mock.core.time_travel import Fired

KIND = "task"


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
            order = self._store.state.counters.get(KIND, 0)
            id_, kept = self._unused_id(), self._media.keep(content)
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
            task = replace(task, send_at=send_at, local_time=local_time, content=self._media.keep(content))
            task = replace(task, recipients=tuple(changes.get("recipients", task.recipients)))
            # without a new time, it keeps its place among those of the same second
            return self._keep(task, "updated", with_timer="send_at" in changes)

    def _keep(self, task: Task, action: str, *, with_timer: bool) -> Task:
        state = self._store.state
        if state.pending_bytes + task.size > MAX_PENDING_BYTES:
            raise errors.TooMany("too many scheduled messages and undelivered events; cancel or deliver some")
        state.tasks[task.id] = task
        if with_timer:
            self._store.set_timer(task.send_at, KIND, task.id)
        self._store.record("task", TaskChange(action, task))
        return task

    def cancel(self, instance_id: str, task_id: str) -> Task:
        with self._store.lock:
            task = self._store.state.tasks.get(task_id)
            if task is None or task.instance != instance_id:
                raise errors.TaskNotCancellable
            return self._end(replace(task, status="cancelled"))

    def send_due(self, task_id: str) -> Fired:
        """Send a task whose timer was due. The caller holds the world's lock."""
        task = due = self._store.state.tasks[task_id]
        people = [self._people.recipient(given) for given in task.recipients]
        try:
            with numbers.magic_outcomes(people):
                instance = self._instances.require_ready(task.instance)
                self._sending.deliver(instance, task.recipients, people, task.content, Cause(KIND, task.id))
        except errors.NotReady:
            task = replace(task, status="failed", reason="Instance not ready for messaging")
        except errors.Overloaded as overloaded:
            task = replace(task, status="failed", reason=f"A magic number asked for {overloaded.status}")
        else:
            task = replace(task, status="sent")
        if self._store.state.tasks.get(task_id) is due:  # neither cancelled nor gone while others had the lock
            self._end(task)
        return Fired(self._store.clock.now(), KIND, task.id, task.status, task.reason)

    def _unused_id(self) -> str:
        state = self._store.state
        drawn = iter(lambda: "SCHED-" + self._store.random.digits(KIND, 10), "")
        return next(id_ for id_ in drawn if id_ not in state.tasks and state.ended_tasks.get(id_) is None)

    def _find(self, instance_id: str, task_id: str) -> Task:
        task = self._store.state.tasks.get(task_id) or self._store.state.ended_tasks.get(task_id)
        if task is None or task.instance != instance_id:
            raise errors.TaskNotFound
        return task

    def _end(self, task: Task) -> Task:
        del self._store.state.tasks[task.id]
        self._store.state.timers.cancel(KIND, task.id)
        self._store.state.ended_tasks.add(task.id, task)
        self._store.record("task", TaskChange(task.status, task))
        return task

    def _future(self, local: datetime) -> datetime:
        """Return local time in UTC. A time that daylight saving skips or repeats has the earlier offset."""
        try:
            at = local.replace(tzinfo=ZoneInfo(self._store.state.time_zone), fold=0).astimezone(UTC)
        except OverflowError:
            raise errors.SendAtBeyondCalendar from None
        errors.require(at > self._store.clock.now(), errors.SendAtInThePast)
        return at
