"""Time travel: runs due timers in order, each once, and advances the clock."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from math import inf

from flaresend_mock.core.clock import ClockSetting
from flaresend_mock.core.errors import ClockOutOfRange, WorldNotFound, require
from flaresend_mock.core.model import model, told
from flaresend_mock.core.models import Change
from flaresend_mock.core.store import Store


@model
class Fired:
    """A timer that ran."""

    at: datetime = told("When it was due, in UTC.")
    kind: str = told("The kind of the timer, such as task, retry or pairing.")
    id: str = told("The id of what it was set for.")
    result: str = told("The result.")
    reason: str | None = told("Why it failed.", default=None)


Handler = Callable[[str], Fired]


class TimeTravel:
    """Moves the world's clock, and calls the handlers of due timers.

    It pops and handles a timer under one hold of the world's lock, so no other thread cancels or moves the timer in
    between. The handler of its kind is called with the timer's key.
    """

    def __init__(self, store: Store, handlers: dict[str, Handler]) -> None:
        self._store, self._handlers = store, handlers
        self._moving = threading.RLock()
        self._runs_on = False

    def moving(self) -> AbstractContextManager[bool]:
        """Let only the current thread move the clock until the block ends. Taken before the world's lock."""
        return self._moving

    @property
    def frozen(self) -> bool:
        """Whether the clock is frozen; an advance that is under way does not count."""
        return self._store.clock.frozen and not self._runs_on

    def setting(self) -> ClockSetting:
        """Return the clock's setting, as it is without an advance under way. The caller holds the lock."""
        clock = self._store.clock
        return clock.running_setting() if self._runs_on else clock.setting

    def run_due(self, most: float = inf) -> list[Fired]:
        """Run the timers that are due by now, unless the clock is frozen. After `most` events, the rest stays due."""
        fired, begun = list[Fired](), self._store.state.events.last_number
        while abs(self._store.state.events.last_number - begun) <= most:  # an import may have fewer
            with self._store.lock:
                clock, timers = self._store.clock, self._store.state.timers
                due = None if clock.frozen else timers.pop_due(clock.now())
                if due is None:
                    break
                fired.append(self._handlers[due.kind](due.key))
        return fired

    def change(self, *, now: datetime | None = None, frozen: bool | None = None) -> None:
        """Set the clock, or stop or start it. Overdue timers run once the clock runs or is advanced."""
        with self.moving(), self._store.lock:
            self._store.clock.change(now=now, frozen=frozen)
            self._record_setting()
        self._store.host.on_timer_changed(self._store)

    def advance(self, by: timedelta) -> list[Fired]:
        """Advance the clock by this much, and return the timers that ran; ClockOutOfRange for a span into the past."""
        return self._pass_to(lambda now: now + by)

    def advance_to_next(self) -> list[Fired]:
        """Advance to the next due time, if there is one, and run all timers that are due then."""
        return self._pass_to(lambda now: max(self._store.state.timers.next_at() or now, now))

    def advance_to(self, target: datetime) -> list[Fired]:
        """Advance to `target`. Timers that are due before run at their own time, in order, as do those set on the way.

        ClockOutOfRange if that has passed, or is beyond the calendar; WorldNotFound if the world is deleted meanwhile.
        """
        return self._pass_to(lambda now: target)

    def _pass_to(self, target_from: Callable[[datetime], datetime]) -> list[Fired]:
        fired: list[Fired] = []
        with self.moving():
            require(not self._store.closed, WorldNotFound, self._store.name)
            clock = self._store.clock
            frozen = clock.frozen
            with self._store.lock:
                now = clock.now()
                try:
                    target = target_from(now)
                except OverflowError:
                    raise ClockOutOfRange("the clock shows times from 1970 to 9998") from None
                require(target >= now, ClockOutOfRange, "time advances only forward; set the clock to go back")
                clock.change(now=target, frozen=True)  # refuses a time out of range
                clock.change(now=now)
                self._runs_on = not frozen
            try:
                while self._step(target, fired):
                    pass
            finally:
                with self._store.lock:
                    self._runs_on = False
                    clock.change(frozen=frozen)
                    self._record_setting()
        self._store.host.on_timer_changed(self._store)
        return fired

    def _step(self, target: datetime, fired: list[Fired]) -> bool:
        """Run the next timer due by `target`, at its time, or else arrive at `target`."""
        self._store.host.drain_deliveries(self._store)
        require(not self._store.closed, WorldNotFound, self._store.name)
        with self._store.lock:
            due = self._store.state.timers.pop_due(target)
            if due is None:
                self._store.clock.change(now=target)
                return False
            self._store.clock.change(now=max(due.at, self._store.clock.now()))
            fired.append(self._handlers[due.kind](due.key))
            return True

    def _record_setting(self) -> None:
        clock = self._store.clock
        self._store.record("clock", Change("set", "clock", {"now": clock.now(), "frozen": clock.frozen}))
