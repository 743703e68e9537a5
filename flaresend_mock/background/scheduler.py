"""Runs due timers while clocks run: APScheduler with one job for each world's next timer."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flaresend_mock.core.world import World

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)


class Scheduler:
    """Wakes every world when its next timer falls due.

    A world has one job, which runs all timers that are due, in order. (Jobs for single timers would run those of one
    moment in any order, and would have to move whenever the clock changes.) Each job has a new id, because APScheduler
    removes a finished job by its id after starting it.

    The first timer imports and starts APScheduler, which would slow down the start of the emulator.
    """

    def __init__(self) -> None:
        self._running = False
        self._scheduler: BackgroundScheduler | None = None
        self._lock = threading.Lock()
        self._armed: dict[World, tuple[datetime, str]] = {}
        self._armings = 0

    @property
    def running(self) -> bool:
        return self._running

    def start(self) -> None:
        """Wake worlds for timers that are set from now on."""
        self._running = True

    def stop(self) -> None:
        """Stop waking worlds, after the job that is running."""
        with self._lock:
            self._running = False
            scheduler, self._scheduler = self._scheduler, None
            self._armed.clear()
        if scheduler is not None:
            scheduler.shutdown(wait=True)

    def schedule_wakeup(self, world: World) -> None:
        """Wake the world when its next timer falls due.

        It does not take the world's lock, so callers may hold it.
        """
        with self._lock:
            next_at = world.state.timers.next_at()
            wake_at = None if next_at is None else world.clock.real_time_of(next_at)
            if world.closed or not self._running:
                return
            armed = self._armed.get(world)
            if armed is not None and armed[0] == wake_at:
                return
            if armed is not None:
                self._disarm(world)
            if wake_at is not None:
                self._armings += 1
                job_id = f"{world.name} {self._armings}"
                self._add(world, wake_at, job_id)
                self._armed[world] = (wake_at, job_id)

    def forget(self, world: World) -> None:
        """Stop waking a closed world."""
        with self._lock:
            if world in self._armed:
                self._disarm(world)

    def _add(self, world: World, wake_at: datetime, job_id: str) -> None:
        from apscheduler.schedulers.background import BackgroundScheduler
        from apscheduler.triggers.date import DateTrigger

        if self._scheduler is None:
            logging.getLogger("apscheduler").setLevel(logging.WARNING)
            defaults = {"misfire_grace_time": None, "coalesce": True}
            self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
            self._scheduler.start()
        trigger = DateTrigger(wake_at, UTC)
        self._scheduler.add_job(self._wake, trigger, args=[world, job_id], id=job_id)

    def _disarm(self, world: World) -> None:
        from apscheduler.jobstores.base import JobLookupError

        _, job_id = self._armed.pop(world)
        if self._scheduler is None:
            return
        try:
            self._scheduler.remove_job(job_id)
        except JobLookupError:
            log.debug("job %s is running already", job_id)

    def _wake(self, world: World, job_id: str) -> None:
        with self._lock:
            if self._armed.get(world, (None, None))[1] == job_id:
                del self._armed[world]
        try:
            for fired in world.timeline.run_due():
                log.debug("%s: %s %s %s", world.name, fired.kind, fired.id, fired.result)
        finally:
            self.schedule_wakeup(world)
