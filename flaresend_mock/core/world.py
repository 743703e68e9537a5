"""A whole simulated WhatsApp: the store, and the services that change it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any

from flaresend_mock.core import channels, deliveries, faults, groups, inbound, instances, media, people, sending
from flaresend_mock.core.bounded_store import weight
from flaresend_mock.core.clock import Now
from flaresend_mock.core.errors import LastInstance, SnapshotNotFound, TooMany, WorldFull, require, required
from flaresend_mock.core.events import Replaced
from flaresend_mock.core.models import Change
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices, Store
from flaresend_mock.core.time_travel import TimeTravel

MAX_SNAPSHOTS = 100
MAX_SNAPSHOT_BYTES = 1024 * 1024 * 1024  # of all snapshots of a world; what they share counts once
LOOKED_AT = 10_000  # events after which it is looked at again what a world shares with its first state
SHARED_BYTES = 16 * 1024 * 1024  # snapshots that seem to take more are counted without what they share


class World(Store):
    """One world: its store and its services. A reset returns to the state at creation."""

    def __init__(self, name: str, state: State, real: Now, host: HostServices[Any] | None = None) -> None:
        super().__init__(name, state, real, host)
        self.replacements = 0
        self._origin = state.copy()
        self.continues = False  # whether an emulator before this one saved that state
        self._looked_at, self._kept = state.events.last_number, state.bytes
        self.people = people.People(self)
        self.pairing = instances.Pairing(self, self.people)
        self.instances = instances.Instances(self, self.people, self.pairing)
        self.faults = faults.Faults(self, self.instances)
        self.media = media.Media(self)
        self.sending = sending.Sending(self, self.people, self.instances, self.media)
        self.groups = groups.Groups(self, self.people, self.instances, self.sending)
        self.channels = channels.Channels(self, self.instances, self.sending)
        self.schedule = sending.Schedule(self, self.people, self.instances, self.media, self.sending)
        self.deliveries = deliveries.Deliveries(self, self.people, self.faults)
        self.inbound = inbound.Inbound(self, self.people, self.instances, self.media, self.deliveries)
        self.timeline = TimeTravel(
            self,
            {
                sending.TASK: self.schedule.send_due,
                deliveries.RETRY: self.deliveries.retry,
                deliveries.DELAYED: self.deliveries.admit_delayed,
                inbound.AUTO_REPLY: self.inbound.send_auto_reply,
                instances.PAIRING: self.pairing.continue_pairing,
            },
        )
        self.snapshots = Snapshots(self)
        self.held, self.is_counted = 0, True

    @property
    def bytes(self) -> int:
        """About how many bytes it takes, with its snapshots and the state that it was created with.

        A world that continues shares most of that state, which did not count twice before it was saved.
        """
        return self.state.bytes + self._origin.bytes - self._shared() + self.snapshots.bytes

    def _shared(self) -> int:
        """About how many bytes the state of a world that continues shares with its first one, as last looked at."""
        number, ours = self.state.events.last_number, (self._origin, self.state)
        if self.continues and number - self._looked_at > LOOKED_AT:
            with suppress(RuntimeError):  # another thread changes it
                self._looked_at, self._kept = number, sum(one.bytes for one in ours) - _together(ours)
        return min(self._kept, *(one.bytes for one in ours)) if self.continues else 0

    def measure(self) -> int:
        """Note what the world holds, and return how many bytes more that are than before."""
        more = self.bytes - self.held if self.is_counted else 0
        self.held += more
        return more

    def begin(self) -> None:
        """Resume deliveries, and schedule the next due time."""
        with self.lock:
            self.deliveries.restart()
        self.host.on_timer_changed(self)

    def remove_instance(self, instance_id: str) -> None:
        """Remove an instance: cancel what it scheduled, and interrupt what is on its way to its webhook."""
        with self.lock:
            instance = self.instances.find(instance_id)
            require(len(self.state.instances) > 1, LastInstance)
            for task in self.schedule.pending(instance.id):
                self.schedule.cancel(instance.id, task.id)
            self.inbound.forget(instance.id)
            self.deliveries.forget(instance.id)
            self.state.timers.cancel(instances.PAIRING, instance.id)
            del self.state.instances[instance.id]
            self.called_at.pop(instance.id, None)
            self.record("instance", Change("removed", instance.id))

    @property
    def past(self) -> int:
        """The number of the last event that the world was created or imported with."""
        return self._origin.events.last_number

    def saved(self) -> State:
        """Return a copy of the state, with the clock's setting, that the world can return to."""
        with self.lock:
            state = self.state.copy()
            state.clock = self.timeline.setting()
            return state

    def reset(self) -> None:
        """Return to the state of creation."""
        self._return_to(self._origin, "reset", self.name)

    def restore(self, name: str) -> None:
        """Return to a snapshot. A clock that was running has kept running."""
        self._return_to(self.snapshots.get(name), "restored", name)

    def replace(self, state: State) -> None:
        """Replace the contents by an imported state, to which resets return from now on.

        Subscribers hear of it from the old world: the new one is exactly what was imported, event numbers included.
        """
        self.host.on_history_ends(self)
        with self.timeline.moving(), self.lock:
            number = state.events.last_number
            for reader in self.subscribers.readers:
                reader.change_log(self.state.events, number, Replaced(number))
            self.record("world", Change("replaced", self.name))
            self._origin, self.continues, log = state.copy(), False, self.state.events
            self.enter(state)
            if self.calls_under_way:  # no later call has the id of one of them
                state.events.calls = max(log.calls, state.events.calls)
            self.called_at = {id_: at for id_ in state.instances if (at := self.called_at.get(id_))}
            self.instances.give_up_keys()  # those that other worlds got while this waited
            self.replacements += 1
            self.deliveries.restart()
            self.host.make_room(self, 0)
        self.host.on_timer_changed(self)

    def idle(self) -> bool:
        """Tell whether the world has no subscribers, and no deliveries under way."""
        return not self.subscribers.anybody() and not self.state.open_deliveries

    def close(self) -> None:
        """Close the world for good, and release everyone who waits in it."""
        self.host.on_history_ends(self)
        with self.lock:
            self.closed = True
            self.record("world", Change("removed", self.name))
        self.host.on_world_closed(self)

    def _return_to(self, state: State, action: str, subject: str) -> None:
        self.host.on_history_ends(self)
        with self.timeline.moving(), self.lock:
            log, number = self.state.events, max(self.state.events.last_number, state.events.last_number)
            self.enter(state.copy())
            self._looked_at = -LOOKED_AT - 1
            self.state.events.last_number = number
            self.state.events.calls = max(log.calls, state.events.calls)
            for reader in self.subscribers.readers:
                reader.change_log(log, number)
            self.instances.give_up_keys()
            self.deliveries.restart()
            self.record("world", Change(action, subject))
            self.host.make_room(self, 0)
        self.host.on_timer_changed(self)


class Snapshots:
    """Named states of a world, kept beside it. They share unchanged contents with the world and with each other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._states: dict[str, State] = {}
        self.bytes = 0

    def take(self, name: str) -> State:
        """Save the present state under a name, in place of an earlier snapshot of this name."""
        with self._world.lock:
            if name not in self._states and len(self._states) >= MAX_SNAPSHOTS:
                raise TooMany(f"a world has at most {MAX_SNAPSHOTS} snapshots; remove some")
            states = {**self._states, name: self._world.saved()}
            size, problem = _size_of(states), f"the snapshots take {MAX_SNAPSHOT_BYTES >> 20} MiB already; remove some"
            require(size <= MAX_SNAPSHOT_BYTES, WorldFull, problem)
            self._world.require_memory(max(0, size - self.bytes))
            self._states, self.bytes = states, size
            return states[name]

    def get(self, name: str) -> State:
        return required(self._states.get(name), SnapshotNotFound)

    def all(self) -> dict[str, State]:
        with self._world.lock:
            return dict(self._states)

    def remove(self, name: str) -> None:
        with self._world.lock:
            self.get(name)
            del self._states[name]
            self.bytes = _size_of(self._states)


def _size_of(states: Mapping[str, State]) -> int:
    """Return about how many bytes states take together. If they are many, what they share counts once."""
    size = sum(state.bytes for state in states.values())
    if size <= SHARED_BYTES:
        return size
    return _together(states.values())


def _together(states: Iterable[State]) -> int:
    boxes = chain.from_iterable(state.boxes() for state in states)
    values = chain.from_iterable(box.values() if isinstance(box, dict) else box for box in boxes)
    return sum(map(weight, {id(one): one for one in values}.values()))
