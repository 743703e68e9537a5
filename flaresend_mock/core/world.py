"""A whole simulated WhatsApp."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from flaresend_mock.core.chance import Chance
from flaresend_mock.core.channels import Channels
from flaresend_mock.core.clock import Clock
from flaresend_mock.core.deliveries import DELAYED, RETRY, Deliveries
from flaresend_mock.core.events import Event, Subject
from flaresend_mock.core.groups import Groups
from flaresend_mock.core.inbox import ANSWER, Inbox
from flaresend_mock.core.instances import Instances
from flaresend_mock.core.media import Media
from flaresend_mock.core.outside import Outside
from flaresend_mock.core.people import People
from flaresend_mock.core.records import Change
from flaresend_mock.core.schedule import KIND as TASK
from flaresend_mock.core.schedule import Schedule
from flaresend_mock.core.sending import Sending
from flaresend_mock.core.state import State
from flaresend_mock.core.timekeeping import Timekeeping


class World:
    """One world: its contents, its clock, its log, and the services that change them.

    Args:
        name: what the world is called.
        state: how it is created, and what a reset returns to.
        real: tells real time, in aware UTC.
        outside: what others do for it.
    """

    def __init__(
        self,
        name: str,
        state: State,
        real: Callable[[], datetime],
        outside: Outside | None = None,
    ) -> None:
        self.name = name
        self.outside = outside or Outside()
        self.stall = self.outside.stall
        self.lock = threading.RLock()
        self._told = threading.Condition(self.lock)
        self._origin = state.copy()
        self._real = real
        self._enter(state)

        self.people = People(self)
        self.instances = Instances(self)
        self.sending = Sending(self)
        self.groups = Groups(self)
        self.channels = Channels(self)
        self.schedule = Schedule(self)
        self.media = Media(self)
        self.inbox = Inbox(self)
        self.deliveries = Deliveries(self)
        self.time = Timekeeping(
            self,
            {
                TASK: self.schedule.fire,
                RETRY: self.deliveries.retry,
                DELAYED: self.deliveries.admit_delayed,
                ANSWER: self.inbox.answer,
            },
        )

    def tell(self, kind: str, subject: Subject, at: datetime | None = None) -> Event:
        """Append what happened, now or at this time, to the event log. The caller holds the lock."""
        self._told.notify_all()
        return self.state.events.append(at or self.clock.now(), kind, subject)

    def wait_until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is true, and return whether it became so within so many real seconds.

        Args:
            true: is asked again after everything that happens, with the lock held.
        """
        with self._told:
            return self._told.wait_for(true, seconds)

    def wake(self) -> None:
        """Have everybody who waits look again."""
        with self._told:
            self._told.notify_all()

    def note_due(self, at: datetime, kind: str, key: str) -> None:
        """Note something as due. The caller holds the lock."""
        self.state.agenda.note(at, kind, key)
        self.outside.alarm(self)

    def reset(self) -> None:
        """Return to the state of creation; only the numbers of events keep growing."""
        with self.time.moving, self.lock:
            number = self.state.events.last_number
            self._enter(self._origin.copy())
            self.state.events.last_number = number
            self.deliveries.restart()
            self.tell("world", Change("reset", self.name))
        self.outside.alarm(self)

    def _enter(self, state: State) -> None:
        self.state = state
        self.clock = Clock(self._real, state.clock)
        self.chance = Chance(state.seed, state.counters)
