"""A whole simulated WhatsApp."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from flaresend_mock.core.channels import Channels
from flaresend_mock.core.clock import Clock
from flaresend_mock.core.deliveries import DELAYED, RETRY, Deliveries
from flaresend_mock.core.events import Event, Subject
from flaresend_mock.core.faults import Faults
from flaresend_mock.core.groups import Groups
from flaresend_mock.core.inbound import AUTO_REPLY, Inbound
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.log_reader import Replaced
from flaresend_mock.core.media import Media
from flaresend_mock.core.models import Change
from flaresend_mock.core.pairing import PAIRING, Pairing
from flaresend_mock.core.people import People
from flaresend_mock.core.ports import HostServices
from flaresend_mock.core.randomness import SeededRandom
from flaresend_mock.core.schedule import KIND as TASK
from flaresend_mock.core.schedule import Schedule
from flaresend_mock.core.sending import Sending
from flaresend_mock.core.snapshots import Snapshots
from flaresend_mock.core.state import State
from flaresend_mock.core.subscribers import Subscribers
from flaresend_mock.core.time_travel import TimeTravel


class World:
    """One world: its contents, its clock, its log, and the services that change them.

    Args:
        name: what the world is called.
        state: how it is created, and what a reset returns to.
        real: tells real time, in aware UTC.
        host: what the machine does for it.
    """

    def __init__(
        self,
        name: str,
        state: State,
        real: Callable[[], datetime],
        host: HostServices | None = None,
    ) -> None:
        self.name = name
        self.closed = False
        self.replacements = 0
        self.host = host or HostServices()
        self.lock = threading.RLock()
        self._told = threading.Condition(self.lock)
        self.subscribers = Subscribers()
        self.snapshots = Snapshots(self)
        self._origin = state.copy()
        self._real = real
        self._enter(state)

        self.people = People(self)
        self.instances = Instances(self)
        self.pairing = Pairing(self)
        self.faults = Faults(self)
        self.sending = Sending(self)
        self.groups = Groups(self)
        self.channels = Channels(self)
        self.schedule = Schedule(self)
        self.media = Media(self)
        self.inbound = Inbound(self)
        self.deliveries = Deliveries(self)
        self.timeline = TimeTravel(
            self,
            {
                TASK: self.schedule.fire,
                RETRY: self.deliveries.retry,
                DELAYED: self.deliveries.admit_delayed,
                AUTO_REPLY: self.inbound.send_auto_reply,
                PAIRING: self.pairing.go_on,
            },
        )

    def record(self, kind: str, subject: Subject, at: datetime | None = None) -> Event:
        """Append what happened, now or at this time, to the event log. The caller holds the lock."""
        self._told.notify_all()
        event = self.state.events.append(at or self.clock.now(), kind, subject)
        self.subscribers.publish(event)
        return event

    def wait_until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is true, and return whether it became so within so many real seconds.

        Args:
            true: is asked again after everything that happens, with the lock held.
        """
        with self._told:
            return self._told.wait_for(true, seconds)

    def delay(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Keep a caller waiting for so many real seconds, as long as there is a reason to. Nobody holds the lock."""
        self.host.delay(seconds, lambda: self.closed or until())

    def notify(self) -> None:
        """Have everybody who waits look again."""
        with self._told:
            self._told.notify_all()

    def set_timer(self, at: datetime, kind: str, key: str) -> None:
        """Note something as due. The caller holds the lock."""
        self.state.timers.set(at, kind, key)
        self.host.on_timer_changed(self)

    def saved(self) -> State:
        """Return what the world is like now, its clock included, to be put back some time."""
        with self.lock:
            state = self.state.copy()
            state.clock = self.timeline.setting()
            return state

    def reset(self) -> None:
        """Return to the state of creation."""
        self._become(self._origin, "reset", self.name)

    def begin_as_it_is(self) -> None:
        """Have a reset return to the world as it is now."""
        with self.lock:
            self._origin = self.state.copy()

    def restore(self, name: str) -> None:
        """Return to a snapshot. A clock that ran has run on meanwhile.

        Raises:
            SnapshotNotFound: there is none of this name.
        """
        self._become(self.snapshots.get(name), "restored", name)

    def replace(self, state: State) -> None:
        """Become another world, which is what a reset returns to from now on.

        Those who watch are told as long as this is the old world: the new one is what was given, to the last number.
        """
        with self.timeline.moving(), self.lock:
            number = state.events.last_number
            self.subscribers.change_log(self.state.events, number, Replaced(number))
            self.record("world", Change("replaced", self.name))
            self._origin = state.copy()
            self._enter(state)
            self.instances.give_up_keys()  # those that others were given while this waited
            self.replacements += 1
            self.deliveries.restart()
        self.host.on_timer_changed(self)

    def begin(self) -> None:
        """Go on with what was on its way, and have what is due noticed."""
        with self.lock:
            self.deliveries.restart()
        self.host.on_timer_changed(self)

    def idle(self) -> bool:
        """Tell whether nobody waits for anything here, and nothing is on its way."""
        return not self.subscribers.anybody() and not self.state.open_deliveries

    def close(self) -> None:
        """Be given up: whoever waits for something here is let go."""
        with self.lock:
            self.closed = True
            self.record("world", Change("removed", self.name))
        self.host.on_world_closed(self)

    def _become(self, state: State, action: str, subject: str) -> None:
        """Go on from a state; only the numbers of events keep growing."""
        with self.timeline.moving(), self.lock:
            log, number = self.state.events, max(self.state.events.last_number, state.events.last_number)
            self._enter(state.copy())
            self.state.events.last_number = number
            self.subscribers.change_log(log, number)
            self.instances.give_up_keys()
            self.deliveries.restart()
            self.record("world", Change(action, subject))
        self.host.on_timer_changed(self)

    def _enter(self, state: State) -> None:
        self.state = state
        self.clock = Clock(self._real, state.clock)
        self.random = SeededRandom(state.seed, state.counters)
