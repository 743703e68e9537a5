"""Lanes: the deliveries of one chat in order. The first one has its attempt before the next one starts."""

from collections import deque

from flaresend_mock.core.model import model
from flaresend_mock.core.models import Delivery, Fault, Webhook
from flaresend_mock.core.store import Store

Lane = tuple[str, str]
"""The id of an instance, and a chat."""


@model
class Job:
    """One attempt that was claimed. `fault` replaces the receiver's response, or loses it."""

    delivery: Delivery
    webhook: Webhook
    fault: Fault | None = None


class Lanes:
    """The lanes of a world, which are independent of each other, with the attempts that are under way.

    The caller of each method holds the lock, where nothing else is said.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._busy: dict[Lane, Job] = {}
        self._ready: dict[str, deque[Lane]] = {}

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
            ready = self._ready.setdefault(lane[0], deque())
            if lane not in ready:
                ready.append(lane)
            self._store.host.on_delivery_ready(self._store, lane[0])

    def next_ready(self, instance_id: str) -> Delivery | None:
        """Return the delivery of an instance whose turn it is, if there is one."""
        ready = self._ready.get(instance_id)
        while ready:
            lane = ready.popleft()
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
