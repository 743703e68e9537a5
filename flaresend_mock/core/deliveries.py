"""Webhook deliveries: which event goes to which URL, in which order, with which retries. No I/O happens here."""

import json
import threading
from collections import ChainMap, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flaresend_mock.core import event_bodies, events
from flaresend_mock.core.bounded_store import MAX_PENDING_BYTES, limited_work, more
from flaresend_mock.core.errors import DeliveryNotFound, InstanceNotFound, NoWebhook, WorldFull, require, required
from flaresend_mock.core.event_bodies import MAX_ID
from flaresend_mock.core.faults import DELIVERIES, Faults
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Attempt, Change, Chaos, Delivery, Fault, Instance, Webhook
from flaresend_mock.core.people import People
from flaresend_mock.core.store import Store
from flaresend_mock.core.time_travel import Fired

RETRY = "delivery retry"
DELAYED = "delayed delivery"
FAILURES_UNTIL_PAUSE = 5
REORDER_SECONDS = 2.0
MAX_OFFLINE = 1000  # how many events wait for an instance that is not connected
MAX_RESPONSE_BEFORE_RETRY = 4000  # characters that are kept
AT_ONCE = timedelta(seconds=1)  # an event that leaves within this time of a running clock is not stamped again

Lane = tuple[str, str]  # the id of an instance, and a chat


@model
class Job:
    """One attempt that was claimed. `fault` replaces the receiver's response, or loses it."""

    delivery: Delivery
    webhook: Webhook
    fault: Fault | None = None


class Deliveries:
    """The outgoing events of a world's webhooks.

    The events of one chat form a lane: the first is delivered, or has failed for good, before the next one starts, or
    has its retries beside the lane if the webhook is not `ordered`. The webhook sender claims attempts with `claim` and
    reports them with `complete`.
    """

    def __init__(self, store: Store, people: People, faults: Faults) -> None:
        self._store, self._people, self._faults = store, people, faults
        self.lanes = Lanes(store)
        self.generation = 0
        self._claiming = threading.Lock()  # before the world's lock: one worker at a time waits for that
        store.react("instance", self._after_instance)
        store.react("webhook", self._after_webhook)

    def restart(self) -> None:
        """Start from the world's state, and ignore attempts that are under way. The caller holds the lock."""
        self.generation += 1
        self.lanes.restart()

    def queue(
        self, instance_id: str, chat: str, message: str, body: bytes, chaos: Chaos | None, *, stamped: bool = False
    ) -> Delivery:
        """Queue an event, and return its delivery. It waits while its instance is offline. The caller holds the lock.

        `body` is the JSON of the event. Its last key is `timestamp`, which gets the time of the first attempt, unless
        it is `stamped`. `message` is the id of the message that it tells of, `chaos` None the webhook's own setting.
        """
        id_ = self._unused_id()
        now = self._store.clock.now()
        delivery = Delivery(id_, instance_id, chat, message, body, now, webhook_id=id_, stamped=stamped)
        if self._instance(instance_id).status == "connected":
            return self._send(delivery, chaos)
        event = self._store.state.events.last_number + 1
        delivery = replace(delivery, status="waiting", event=event, chaos=chaos)
        self._store.state.open_deliveries[id_] = delivery
        self._store.record("delivery", delivery)
        return delivery

    def waiting(self, instance_id: str) -> list[Delivery]:
        """Return the events that wait until their instance is connected, oldest first. The caller holds the lock."""
        found = self._store.state.open_deliveries.values()
        return [one for one in found if one.status == "waiting" and one.instance == instance_id]

    @limited_work()
    def _after_instance(self, event: events.Event) -> None:
        """Send the events that waited for an instance that is connected; drop them once it is logged out."""
        instance = self._store.state.instances.get(event.subject.id) if isinstance(event.subject, Change) else None
        if instance is None or not (instance.status == "connected" or instance.logged_out):
            return
        for delivery in self.waiting(instance.id):
            if instance.logged_out:
                self._close(delivery, "dropped")
            else:
                self._send(replace(delivery, status="pending", chaos=None), delivery.chaos)

    def _after_webhook(self, event: events.Event) -> None:
        """Let the events of a chat wait no more for one that is retried, where the webhook is not `ordered`."""
        instance = self._store.state.instances.get(event.subject.id) if isinstance(event.subject, Change) else None
        if instance is None or instance.webhook is None or instance.webhook.ordered:
            return
        for lane, ids in list(self._store.state.lanes.items()):
            if lane[0] == instance.id and self._store.state.open_deliveries[ids[0]].status == "retrying":
                self.lanes.leave(lane)
                self.lanes.wake(lane)

    def _send(self, delivery: Delivery, chaos: Chaos | None) -> Delivery:
        webhook = self._webhook(delivery.instance)
        if webhook is None:
            return self._close(delivery, "no endpoint")
        fault = None if webhook.paused else self._match_fault(delivery, webhook, at_the_start=True)
        delivery = replace(delivery, fault=fault.id if fault else None)
        chaos = chaos or webhook.chaos

        def happens(what: str, probability: float) -> bool:
            if fault is not None and fault.action == what:
                return True
            return probability > 0 and self._store.random.share(f"chaos {what}") < probability

        if happens("drop", chaos.drop):
            return self._close(delivery, "dropped")
        if webhook.paused:
            return self._close(delivery, "held")
        delay = chaos.delay + (self._faults.seconds_of(fault) if fault else 0.0)
        if happens("reorder", chaos.reorder):
            delay += REORDER_SECONDS
        twice = happens("duplicate", chaos.duplicate)
        admitted = self._admit(delivery, delay)
        if twice:
            self._admit(replace(delivery, id=self._unused_id(f"{delivery.id}-2"), duplicate_of=delivery.id), delay)
        return admitted

    def claim(self, instance_id: str) -> Job | None:
        """Claim the next attempt of an instance, if one is ready. A delivery that fails unexpectedly has ended."""
        with self._claiming, self._store.lock:
            while not self._store.closed and (delivery := self.lanes.next_ready(instance_id)):
                webhook = self._webhook(instance_id)
                if webhook is None:
                    self._end(delivery, "no endpoint")
                    continue
                try:
                    job = Job(self._stamp(delivery), webhook, self._match_fault(delivery, webhook))
                except Exception:
                    self._end(delivery, "interrupted")
                    raise
                return self.lanes.begin(job)
            return None

    def complete(self, job: Job, attempt: Attempt, *, final: bool = False) -> None:
        """Record the outcome of an attempt, and set a timer for a retry unless it is `final`. Ignores obsolete jobs."""
        with self._store.lock:
            if not self.lanes.end(job):
                return
            delivery = self._store.state.open_deliveries[job.delivery.id]
            fault = job.fault.id if job.fault else delivery.fault
            tried = replace(delivery, attempts=(*delivery.attempts, attempt), next_retry=None, fault=fault)
            retries_left = job.webhook.retries[len(delivery.attempts) + delivery.left_out :]
            if attempt.accepted:
                self._end(tried, "delivered")
            elif final:
                self._end(tried, "interrupted")
            elif self._paused(delivery):
                self._end(tried, "held")
            elif not retries_left:
                self._end(tried, "failed")
            else:
                self._postpone(self._shortened(tried), "retrying", RETRY, retries_left[0])
                if not (self._webhook(tried.instance) or job.webhook).ordered:
                    self.lanes.leave(lane_of(tried))
                    self.lanes.wake(lane_of(tried))

    def _shortened(self, delivery: Delivery) -> Delivery:
        """Return an open delivery with the newest of its attempts: all that is pending takes half of its bound then."""
        *older, last = delivery.attempts
        last = replace(last, response=last.response[:MAX_RESPONSE_BEFORE_RETRY])
        delivery, state = replace(delivery, attempts=(*older, last)), self._store.state
        room = MAX_PENDING_BYTES // 2 - state.pending_bytes + state.open_deliveries[delivery.id].size
        while delivery.attempts and delivery.size > room:
            delivery = replace(delivery, attempts=delivery.attempts[1:], left_out=more(delivery.left_out))
        return delivery

    def retry(self, delivery_id: str) -> Fired:
        """Make a delivery ready for its retry, which is due. The caller holds the lock."""
        self.lanes.enter(self._reopen(delivery_id))
        return Fired(self._store.clock.now(), RETRY, delivery_id, "tried again")

    def admit_delayed(self, delivery_id: str) -> Fired:
        """Let a delayed delivery enter its lane, behind those that came since. The caller holds the lock."""
        delivery = self._reopen(delivery_id)
        if held := self._paused(delivery):
            self._close(delivery, "held")
        else:
            self.lanes.enter(delivery)
        return Fired(self._store.clock.now(), DELAYED, delivery_id, "held" if held else "sent on its way")

    def _reopen(self, delivery_id: str) -> Delivery:
        deliveries = self._store.state.open_deliveries
        delivery = replace(deliveries[delivery_id], status="pending", next_retry=None)
        if not delivery.stamped:
            delivery = replace(delivery, body=event_bodies.restamped(delivery.body, self._store.clock.now()))
        deliveries[delivery_id] = delivery
        return delivery

    def get(self, delivery_id: str) -> Delivery:
        with self._store.lock:
            state = self._store.state
            found = state.open_deliveries.get(delivery_id) or state.deliveries.get(delivery_id)
        return required(found, DeliveryNotFound)

    def all(self) -> list[Delivery]:
        """Return all deliveries that are kept, oldest first."""
        with self._store.lock:
            state = self._store.state
            return sorted([*state.deliveries, *state.open_deliveries.values()], key=lambda one: one.event)

    def redeliver(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        """Deliver events again, as new deliveries with the same ids for the receiver, which each needs a webhook."""
        with self._store.lock:
            again = list(deliveries)
            require(all(self._webhook(one.instance) for one in again), NoWebhook)
            return [self._redeliver(delivery) for delivery in again]

    def pause(self, instance_id: str) -> None:
        """Pause a webhook: hold its events from now on. The caller holds the lock."""
        self._set_webhook(instance_id, paused=True)
        state = self._store.state
        under_way = self.lanes.empty(instance_id)
        for delivery in list(state.open_deliveries.values()):
            is_sent_now = delivery.id in under_way or delivery.status not in ("pending", "retrying")
            if delivery.instance == instance_id and not is_sent_now:
                state.timers.cancel(RETRY, delivery.id)
                self._close(delivery, "held")
        self._store.record("webhook", Change("paused", instance_id))

    def resume(self, instance_id: str, *, replay: bool) -> list[Delivery]:
        """Resume a webhook; with `replay`, deliver the events that were held, too."""
        with self._store.lock:
            state = self._store.state
            held = [one for one in self.all() if replay and one.instance == instance_id and one.status == "held"]
            fits = state.pending_bytes + sum(one.size for one in held) <= MAX_PENDING_BYTES
            require(fits, WorldFull, "the held events take too many bytes; redeliver them in parts")
            self._set_webhook(instance_id, paused=False, failures=0)
            self._store.record("webhook", Change("resumed", instance_id))
            for delivery in held:
                state.deliveries.discard(delivery.id)
                state.open_deliveries[delivery.id] = delivery
            return [self._admit(replace(delivery, status="pending"), 0) for delivery in held]

    def forget(self, instance_id: str) -> None:
        """Interrupt all deliveries of an instance. The caller holds the lock."""
        state = self._store.state
        self.lanes.forget(instance_id)
        for delivery in [one for one in state.open_deliveries.values() if one.instance == instance_id]:
            state.timers.cancel(RETRY, delivery.id)
            state.timers.cancel(DELAYED, delivery.id)
            self._close(delivery, "interrupted")

    def _match_fault(self, delivery: Delivery, webhook: Webhook, *, at_the_start: bool = False) -> Fault | None:
        """Return the fault that hits an event, if one does: it matches the numbers of its message's sender, too."""
        if not self._faults.any():
            return None
        body = json.loads(delivery.body)
        writer = event_bodies.writer_of(body, self._instance(delivery.instance).number)
        numbers = self._people.spellings(writer) if writer else []
        shown = {"instance": delivery.instance, "chat": delivery.chat, "number": numbers, "message": delivery.message}
        event = {**shown, "url": webhook.url, "body": body}
        with limited_work():
            return self._faults.match(event, DELIVERIES, at_the_start=at_the_start)

    def _unused_id(self, name: str = "") -> str:
        used = ChainMap[Any, Any](self._store.state.open_deliveries, self._store.state.deliveries.by_key)
        is_free = 0 < len(name) <= MAX_ID and name not in used
        return name if is_free else self._store.random.letters("delivery", 24, "msg_{}".format, used)

    def _redeliver(self, delivery: Delivery) -> Delivery:
        fresh = replace(delivery, status="pending", event=0, attempts=(), left_out=0, next_retry=None, fault=None)
        fresh = replace(fresh, id=self._unused_id(), created=self._store.clock.now(), redelivery_of=delivery.id)
        return self._close(fresh, "held") if self._paused(fresh) else self._admit(fresh, 0)

    def _admit(self, delivery: Delivery, delay: float) -> Delivery:
        """Let an event enter its lane, now or later; drop a new one if there is no room for it."""
        state, size = self._store.state, delivery.size
        fits = state.pending_bytes + size <= MAX_PENDING_BYTES and self._store.host.make_room(self._store, size)
        if not fits and delivery.id not in state.open_deliveries:
            return self._close(replace(delivery, event=0), "dropped")
        delivery = replace(delivery, event=self._store.state.events.last_number + 1)
        if delay:
            return self._postpone(delivery, "delayed", DELAYED, delay)
        self._store.record("delivery", delivery)
        self._store.state.open_deliveries[delivery.id] = delivery
        self.lanes.enter(delivery)
        return delivery

    def _postpone(self, delivery: Delivery, status: str, timer: str, seconds: float) -> Delivery:
        at = self._store.clock.after(seconds)
        delivery = replace(delivery, status=status, next_retry=at)
        self._store.state.open_deliveries[delivery.id] = delivery
        self._store.record("delivery", delivery)
        self._store.set_timer(at, timer, delivery.id)
        return delivery

    def _end(self, delivery: Delivery, status: str) -> None:
        """Close the first delivery of a lane, count failures in a row, and continue the lane."""
        self.lanes.leave(lane_of(delivery))
        self._close(delivery, status)
        webhook = self._webhook(delivery.instance)
        if webhook is not None and status == "delivered" and webhook.failures:
            self._set_webhook(delivery.instance, failures=0)
        elif webhook is not None and status == "failed":
            self._set_webhook(delivery.instance, failures=more(webhook.failures))
            if webhook.failures + 1 >= FAILURES_UNTIL_PAUSE and not webhook.paused:
                self.pause(delivery.instance)
        self.lanes.wake(lane_of(delivery))

    def _stamp(self, delivery: Delivery) -> Delivery:
        """Give an event the time of its first attempt. Retries, copies and redeliveries repeat what was sent first."""
        if delivery.stamped:
            return delivery
        opened, ended = self._store.state.open_deliveries, self._store.state.deliveries
        first = opened.get(delivery.webhook_id) or ended.get(delivery.webhook_id) or delivery
        body, now = delivery.body, self._store.clock.now()
        late = abs(event_bodies.late(body, now))
        if first.stamped or first.attempts:
            body = first.body
        elif not delivery.attempts and late and (late >= AT_ONCE or self._store.clock.frozen):
            body = event_bodies.restamped(body, now)
        if first.id in opened:
            opened[first.id] = replace(first, body=body, stamped=True)
        elif ended.get(first.id):
            ended.add(first.id, replace(first, body=body, stamped=True))
        opened[delivery.id] = delivery = replace(delivery, body=body, stamped=True)
        return delivery

    def _close(self, delivery: Delivery, status: str) -> Delivery:
        state = self._store.state
        if delivery.id in state.open_deliveries:
            del state.open_deliveries[delivery.id]
            state.served.trim(state.needed("served"))
        event = delivery.event or state.events.last_number + 1
        delivery = replace(delivery, status=status, next_retry=None, event=event)
        state.deliveries.add(delivery.id, delivery)
        self._store.record("delivery", delivery)
        return delivery

    def _instance(self, instance_id: str) -> Instance:
        return required(self._store.state.instances.get(instance_id), InstanceNotFound)

    def _webhook(self, instance_id: str) -> Webhook | None:
        return self._instance(instance_id).webhook

    def _paused(self, delivery: Delivery) -> bool:
        webhook = self._webhook(delivery.instance)
        return webhook is not None and webhook.paused

    def _set_webhook(self, instance_id: str, **changes: object) -> None:
        instance = self._instance(instance_id)
        webhook = replace(required(instance.webhook, NoWebhook), **changes)  # type: ignore[arg-type]
        self._store.state.instances[instance_id] = replace(instance, webhook=webhook)


class Lanes:
    """The lanes of a world: the deliveries of each chat in order, with the attempts that are under way.

    The first delivery of a lane has its attempt before the next one starts; lanes are independent of each other. The
    caller of each method holds the lock, unless the method says otherwise.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._busy: dict[Lane, Job] = {}
        self._ready: dict[str, OrderedDict[Lane, None]] = {}

    def restart(self) -> None:
        """Start from the world's state, and ignore attempts that are under way."""
        self._busy.clear()
        self._ready.clear()
        for lane in self._store.state.lanes:
            self.wake(lane)

    def enter(self, delivery: Delivery) -> None:
        """Append a pending delivery to its lane, unless it is the first one there."""
        lane = lane_of(delivery)
        ids = self._store.state.lanes.setdefault(lane, deque())
        if not ids or ids[0] != delivery.id:
            ids.append(delivery.id)
        self.wake(lane)

    def leave(self, lane: Lane) -> None:
        """Take the first delivery out of its lane."""
        ids = self._store.state.lanes[lane]
        ids.popleft()
        if not ids:
            del self._store.state.lanes[lane]

    def wake(self, lane: Lane) -> None:
        """Note a lane as ready if its first delivery is pending, and call the port `on_delivery_ready`."""
        state = self._store.state
        ids = () if lane in self._busy else state.lanes.get(lane, ())
        if ids and state.open_deliveries[ids[0]].status == "pending":
            self._ready.setdefault(lane[0], OrderedDict())[lane] = None
            self._store.host.on_delivery_ready(self._store, lane[0])

    def next_ready(self, instance_id: str) -> Delivery | None:
        """Return the delivery of an instance whose turn it is, if there is one."""
        ready = self._ready.get(instance_id)
        while ready:
            lane, _ = ready.popitem(last=False)
            ids = self._store.state.lanes.get(lane)
            if ids and lane not in self._busy:
                delivery = self._store.state.open_deliveries[ids[0]]
                if delivery.status == "pending":
                    return delivery
        return None

    def begin(self, job: Job) -> Job:
        """Note that an attempt is under way."""
        self._busy[lane_of(job.delivery)] = job
        return job

    def end(self, job: Job) -> bool:
        """Note that an attempt has ended; False if it was ignored since."""
        lane = lane_of(job.delivery)
        if self._busy.get(lane) is not job:
            return False
        del self._busy[lane]
        return True

    def empty(self, instance_id: str) -> set[str]:
        """Empty the lanes of an instance, but for the attempts under way, and return the ids of these deliveries."""
        lanes = self._store.state.lanes
        for lane in [lane for lane in lanes if lane[0] == instance_id]:
            if lane in self._busy:
                lanes[lane] = deque([self._busy[lane].delivery.id])
            else:
                del lanes[lane]
        self._ready.pop(instance_id, None)
        return {job.delivery.id for lane, job in self._busy.items() if lane[0] == instance_id}

    def forget(self, instance_id: str) -> None:
        """Empty the lanes of an instance, and ignore its attempts under way."""
        self._busy = {lane: job for lane, job in self._busy.items() if lane[0] != instance_id}
        self.empty(instance_id)

    def idle(self) -> bool:
        """Tell whether no attempt is under way and none is ready."""
        return not self._busy and not any(self._ready.values())

    def has_ready(self, instance_id: str) -> bool:
        """Tell whether an instance may have an attempt to claim. Takes no lock."""
        return bool(self._ready.get(instance_id))

    def under_way(self) -> list[Job]:
        return list(self._busy.values())


def lane_of(delivery: Delivery) -> Lane:
    return delivery.instance, delivery.chat
