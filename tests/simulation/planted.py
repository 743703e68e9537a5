"""Faults that are planted by hand, which the simulation finds: python -m tests.simulation.planted [--seed N]."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from flaresend_mock.background import autosave
from flaresend_mock.core import (
    channels,
    clock,
    composer,
    deliveries,
    events,
    groups,
    inbound,
    media,
    payloads,
    sending,
    state,
    store,
    verification,
    world,
)
from flaresend_mock.core.errors import Refusal
from tests.simulation.simulation import Simulation, program

MOST_STEPS = 60_000

Planted = tuple[Any, str, Callable[[Any], Any]]  # a class, its method, and what makes the wrong method of the right one


def _drop_timer(right: Any) -> Any:
    def set(self: Any, at: Any, kind: str, key: str) -> None:
        right(self, at, kind, key)
        if kind == sending.TASK and self._noted % 40 == 0:
            self.cancel(kind, key)

    return set


def _deliver_again(right: Any) -> Any:
    def restart(self: Any) -> None:
        right(self)
        done = [one for one in self.all() if one.status == "delivered"]
        if done:
            self._admit(replace(done[-1], status="pending"), 0)

    return restart


def _lose_order(right: Any) -> Any:
    def enter(self: Any, delivery: Any) -> None:
        right(self, delivery)
        ids = self._store.state.lanes[deliveries.lane_of(delivery)]
        if len(ids) > 2:
            ids[-1], ids[-2] = ids[-2], ids[-1]

    return enter


def _spend_id(right: Any) -> Any:
    def future(self: Any, local: Any) -> Any:
        try:
            return right(self, local)
        except Refusal:
            self._store.random.digits(sending.TASK, 10)
            raise

    return future


def _forget_member(right: Any) -> Any:
    def enter(self: Any, state: Any) -> None:
        for id_, group in state.groups.items():
            if len(group.members) > 4:
                state.groups[id_] = replace(group, members=dict(list(group.members.items())[:-1]))
        right(self, state)

    return enter


def _keep_retry(right: Any) -> Any:
    def pause(self: Any, instance_id: str) -> None:
        kept = [due for due in self._store.state.timers.contents()[0] if due.kind == deliveries.RETRY]
        right(self, instance_id)
        for due in kept:
            self._store.set_timer(due.at, due.kind, due.key)

    return pause


def _reply_twice(right: Any) -> Any:
    def schedule(self: Any, message: Any, rules: Any) -> None:
        right(self, message, rules)
        if message.event % 50 == 0:
            right(self, message, rules)

    return schedule


def _ignore_post(right: Any) -> Any:
    def post(self: Any, instance_id: str, channel_id: str, content: Any, cause: Any = None) -> Any:
        if "9" in content.text:
            return self._store.clock.now()
        return right(self, instance_id, channel_id, content, cause)

    return post


def _send_cancelled(right: Any) -> Any:
    def cancel(self: Any, instance_id: str, task_id: str) -> Any:
        timers = {due.key: due for due in self._store.state.timers.contents()[0] if due.kind == sending.TASK}
        ended = right(self, instance_id, task_id)
        if task_id.endswith("7"):
            self._store.state.tasks[task_id] = replace(ended, status="pending")
            self._store.set_timer(timers[task_id].at, sending.TASK, task_id)
        return ended

    return cancel


def _drop_waiting(right: Any) -> Any:
    def waiting(self: Any, instance_id: str) -> Any:
        return right(self, instance_id)[:20]

    return waiting


def _remove_admin(right: Any) -> Any:
    def change(self: Any, group: Any, named: Any, action: str) -> Any:
        return right(self, group, named, "remove" if action == "demote" and len(named) > 1 else action)

    return change


def _miss_event(right: Any) -> Any:
    def record(self: Any, kind: str, subject: Any, at: Any = None) -> Any:
        return None if kind == "person" and self.state.events.last_number % 2 else right(self, kind, subject, at)

    return record


def _try_again(right: Any) -> Any:
    def complete(self: Any, job: Any, attempt: Any, **options: Any) -> None:
        webhook = job.webhook
        if len(job.delivery.attempts) == len(webhook.retries) and job.delivery.event % 7 == 0:
            job_of_one_more = replace(job, webhook=replace(webhook, retries=(*webhook.retries, 5)))
            self.lanes._busy[deliveries.lane_of(job.delivery)] = job = job_of_one_more
        right(self, job, attempt, **options)

    return complete


def _forget_tries(right: Any) -> Any:
    def resume(self: Any, instance_id: str, *, replay: bool) -> Any:
        held = right(self, instance_id, replay=replay)
        for one in [one for one in held if len(one.attempts) > 1]:
            webhook = self._webhook(instance_id)
            self._set_webhook(instance_id, retries=(*webhook.retries, *(5 for _ in one.attempts)))
        return held

    return resume


def _lose_copy(right: Any) -> Any:
    def copy_of(self: Any, message: Any) -> Any:
        copy = right(self, message)
        lost = message.cause and message.cause.kind == "task" and message.content.type == "document"
        return replace(copy, caption=None) if lost else copy

    return copy_of


def _need_no_file(right: Any) -> Any:
    return lambda self, name: {}


def _lose_caption(right: Any) -> Any:
    def keep(self: Any, content: Any) -> Any:
        kept = right(self, content)
        return replace(kept, caption=None) if kept.file_name and content.upload and "7" in kept.caption else kept

    return keep


def _miss_arrival(right: Any) -> Any:
    def put(self: Any, key: Any, number: int, item: Any) -> None:
        if number % 2:
            right(self, key, number, item)

    return put


def _skip_event(right: Any) -> Any:
    def read(self: Any) -> Any:
        found = right(self)
        return found if len(found) < 8 else found[:5] + found[6:]

    return read


def _miss_changes(right: Any) -> Any:
    return lambda world: (*right(world)[:2], world.state.events.last_number // 8)


def _lose_during_delivery(right: Any) -> Any:
    def record(self: Any, *about: Any) -> Any:
        message = right(self, *about)
        if self._store.deliveries.lanes.under_way() and message.event % 5 == 0:
            self._store.state.messages.discard(message.id)
        return message

    return record


def _spoil_vote(right: Any) -> Any:
    return lambda choices, **secrets: right(choices[:-1], **secrets)


PLANTED: dict[str, Planted] = {
    "the timer of some scheduled messages is not set": (clock.TimerQueue, "set", _drop_timer),
    "a restore or restart delivers the last event again": (deliveries.Deliveries, "restart", _deliver_again),
    "the third event of a chat overtakes the second one": (deliveries.Lanes, "enter", _lose_order),
    "a refused schedule-message spends an id": (sending.Schedule, "_future", _spend_id),
    "an import or restore forgets the fifth member of a group": (world.World, "enter", _forget_member),
    "a pause keeps the timers of retries": (deliveries.Deliveries, "pause", _keep_retry),
    "some automatic replies are sent twice": (inbound.Inbound, "_schedule_auto_reply", _reply_twice),
    "a channel loses some posts and reports success": (channels.Channels, "post", _ignore_post),
    "some cancelled messages are sent": (sending.Schedule, "cancel", _send_cancelled),
    "events beyond 20 stay when the phone is back": (deliveries.Deliveries, "waiting", _drop_waiting),
    "demoting two people removes them": (groups.Groups, "_change", _remove_admin),
    "some changes of people have no event, so that an autosave misses them": (store.Store, "record", _miss_event),
    "some events are tried too often": (deliveries.Deliveries, "complete", _try_again),
    "a delivery that was held may be tried forever": (deliveries.Deliveries, "resume", _forget_tries),
    "some messages lose their caption on the way to another instance": (composer.Composer, "copy_of", _lose_copy),
    "the file of a scheduled message is evicted": (state.State, "needed", _need_no_file),
    "some uploads lose their caption": (media.Media, "keep", _lose_caption),
    "a vote loses an option": (payloads, "encrypted_vote", _spoil_vote),
    "a call that waits misses some messages": (verification.Gathering, "put", _miss_arrival),
    "a stream skips an event after many": (events.LogReader, "read", _skip_event),
    "an autosave misses the last changes": (autosave, "_version", _miss_changes),
    "some messages that are sent during a delivery are lost": (sending.Sending, "record", _lose_during_delivery),
}


def found(name: str, seed: int, most: int = MOST_STEPS) -> tuple[int, str] | None:
    """Plant a fault, and return after how many steps the simulation finds it, and what it says; None if it does not."""
    owner, method, wrong = PLANTED[name]
    with patch.object(owner, method, wrong(getattr(owner, method))):
        done = 0
        while done < most:
            simulation = Simulation()
            try:
                simulation.run(list(program(seed + done, min(2_000, most - done))))
            except Exception as error:
                return done + simulation.steps, f"{type(error).__name__}: {error}"[:200]
            done += simulation.steps
    return None


if __name__ == "__main__":
    start = int(sys.argv[-1]) if "--seed" in sys.argv else 1
    for planted in PLANTED:
        result = found(planted, start)
        print(f"{planted}: {'NOT FOUND' if result is None else f'step {result[0]}, {result[1]}'}", flush=True)
