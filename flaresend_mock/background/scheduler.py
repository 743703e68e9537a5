"""Runs what falls due while the clocks run: APScheduler, with one job for each world's next due moment."""

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
    """Wakes every world when its next thing falls due.

    A world has one job, for its next due moment, and that job runs everything due by then, in order. (A job
    for each thing would run the things of one moment in any order, and all of them would have to be re-timed
    whenever the clock changes.) Each arming is a new job under a new id, because APScheduler removes a
    finished job by its id after starting it.

    The scheduler is made when the first thing is to come: importing it is a good part of what starting takes.
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
        """Wake the worlds that are armed from now on."""
        self._running = True

    def stop(self) -> None:
        """Stop waking worlds; what is running is finished first."""
        with self._lock:
            self._running = False
            scheduler, self._scheduler = self._scheduler, None
            self._armed.clear()
        if scheduler is not None:
            scheduler.shutdown(wait=True)

    def schedule_wakeup(self, world: World) -> None:
        """Make sure that the world is woken when its next thing falls due.

        Takes no lock of the world's, so that it may be called with or without it.
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
        """Wake a world that was given up no more."""
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
