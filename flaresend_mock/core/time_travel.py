"""Runs what falls due, in order, each thing once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from flaresend_mock.core.clock import ClockSetting
from flaresend_mock.core.errors import ClockOutOfRange, WorldNotFound
from flaresend_mock.core.models import Change, Fired
from flaresend_mock.core.store import Store
from flaresend_mock.core.timers import Due

Handler = Callable[[str], Fired]


class TimeTravel:
    """Moves the world's clock, and hands what falls due to whoever handles its kind.

    A thing is taken off the timers and handled under one hold of the world's lock: whoever cancels or
    re-times it comes before or after, never between.
    """

    def __init__(self, store: Store, handlers: dict[str, Handler]) -> None:
        self._store = store
        self._handlers = handlers
        self._moving = threading.RLock()
        self._runs_on = False

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Be the only one who moves the clock; whoever waits for that keeps nobody else waiting.

        It is taken before the world's lock.
        """
        if not self._moving.acquire(blocking=False):
            with self._store.host.lend():
                self._moving.acquire()
        try:
            yield
        finally:
            self._moving.release()

    @property
    def frozen(self) -> bool:
        """Whether time stands still, apart from an advance that is just being made."""
        return self._store.clock.frozen and not self._runs_on

    def setting(self) -> ClockSetting:
        """Return how the clock goes, apart from an advance that is just being made. The caller holds the lock."""
        clock = self._store.clock
        return clock.running_setting() if self._runs_on else clock.setting

    def run_due(self) -> list[Fired]:
        """Run what is due by now; nothing is while the clock is frozen."""
        fired: list[Fired] = []
        while True:
            with self._store.lock:
                if self._store.clock.frozen:
                    break
                due = self._store.state.timers.pop_due(self._store.clock.now())
                if due is None:
                    break
                fired.append(self._handle(due))
        return fired

    def change(self, *, now: datetime | None = None, frozen: bool | None = None) -> None:
        """Set the clock, or stop or start it. What is overdue by then runs once the clock runs or is advanced.

        Raises:
            ClockOutOfRange: the time lies before 1970 or after 9998.
        """
        with self.moving(), self._store.lock:
            self._store.clock.change(now=now, frozen=frozen)
            self._tell()
        self._store.host.on_timer_changed(self._store)

    def advance(self, by: timedelta) -> list[Fired]:
        """Let this much time pass at once, and return what ran in it.

        Raises:
            ClockOutOfRange: `by` is negative, or leads out of the calendar.
        """

        def target(now: datetime) -> datetime:
            try:
                return now + by
            except OverflowError:
                raise ClockOutOfRange("the clock shows times from 1970 to 9998") from None

        return self._pass_to(target)

    def advance_to_next(self) -> list[Fired]:
        """Advance to when the next thing falls due, if there is one, and run all that is due then."""

        def target(now: datetime) -> datetime:
            next_at = self._store.state.timers.next_at()
            return now if next_at is None else max(next_at, now)

        return self._pass_to(target)

    def advance_to(self, target: datetime) -> list[Fired]:
        """Let time pass until `target`: everything due on the way runs at its own time, in order, also what
        comes up on the way.

        Raises:
            ClockOutOfRange: `target` has passed, or no calendar reaches it.
            WorldNotFound: the world was given up meanwhile.
        """
        return self._pass_to(lambda now: target)

    def _pass_to(self, target_from: Callable[[datetime], datetime]) -> list[Fired]:
        fired: list[Fired] = []
        with self.moving():
            self._require_world()
            clock = self._store.clock
            frozen = clock.frozen
            with self._store.lock:
                now = clock.now()
                target = target_from(now)
                if target < now:
                    raise ClockOutOfRange("time advances only forward; set the clock to go back")
                clock.change(now=target, frozen=True)  # refuses what it cannot show
                clock.change(now=now)
                self._runs_on = not frozen
            try:
                self._settle()
                while self._step(target, fired):
                    self._settle()
            finally:
                with self._store.lock:
                    self._runs_on = False
                    clock.change(frozen=frozen)
                    self._tell()
        self._store.host.on_timer_changed(self._store)
        return fired

    def _settle(self) -> None:
        self._store.host.drain_deliveries(self._store)
        self._require_world()

    def _require_world(self) -> None:
        if self._store.closed:
            raise WorldNotFound(self._store.name)

    def _step(self, target: datetime, fired: list[Fired]) -> bool:
        """Run the next thing due by `target`, at its time; or else arrive at `target`."""
        with self._store.lock:
            due = self._store.state.timers.pop_due(target)
            if due is None:
                self._store.clock.change(now=target)
                return False
            self._store.clock.change(now=max(due.at, self._store.clock.now()))
            fired.append(self._handle(due))
            return True

    def _handle(self, due: Due) -> Fired:
        return self._handlers[due.kind](due.key)

    def _tell(self) -> None:
        clock = self._store.clock
        self._store.record("clock", Change("set", "clock", {"now": clock.now(), "frozen": clock.frozen}))
