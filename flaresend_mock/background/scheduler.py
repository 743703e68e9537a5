"""Runs due timers while clocks run: APScheduler with one job for each world's next timer."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flaresend_mock.background.realtime import utc_now
from flaresend_mock.core.world import World

if TYPE_CHECKING:
    from apscheduler.job import Job
    from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)

EVENTS_AT_ONCE = 500  # that the timers of a world record before those of others, and calls, have a turn
RETRY_SECONDS = 1.0  # after which a timer that could not be started is tried again
POLL = timedelta(seconds=0.05)  # how often a world that follows the clock of the process looks at it


class Scheduler:
    """Wakes every world when its next timer falls due.

    A world has one job, which runs all timers that are due, in order: jobs for single timers would run those of one
    moment in any order. The first timer starts APScheduler, whose import would slow down the emulator's start.
    """

    def __init__(self) -> None:
        self.running = False
        self._scheduler: BackgroundScheduler | None = None
        self._lock = threading.RLock()
        self._armed: dict[World, tuple[datetime, Job]] = {}
        self._late: set[World] = set()  # for which no thread could be started
        self._woken: set[World] = set()  # whose timers are running

    def start(self) -> None:
        """Wake worlds for timers that are set from now on."""
        self.running = True

    def stop(self) -> None:
        """Stop waking worlds, after the job that is running."""
        with self._lock:
            self.running = False
            scheduler, self._scheduler = self._scheduler, None
            self._armed.clear()
        if scheduler is not None:
            scheduler.shutdown(wait=True)

    def schedule_wakeup(self, world: World) -> None:
        """Wake the world when its next timer falls due. Takes no lock of the world."""
        with self._lock:
            next_at = world.state.timers.next_at()
            wake_at = None if next_at is None else world.clock.real_time_of(next_at)
            if world.closed or not self.running:
                return
            if world in self._woken:  # which does this in the end
                return
            armed = self._armed.get(world)
            if wake_at is not None and world.follows_process:
                wake_at = armed[0] if armed else utc_now() + POLL
            if armed is not None and armed[0] == wake_at:
                return
            self.forget(world)
            if wake_at is not None:
                try:
                    self._scheduler = self._scheduler or _real_time_scheduler()
                except RuntimeError as error:
                    log.warning("timers wait: %s", error)
                    self._late.add(world)
                    return
                job = self._scheduler.add_job(self._wake, "date", [world, wake_at], run_date=wake_at, timezone=UTC)
                self._armed[world] = wake_at, job

    def retry(self) -> None:
        """Schedule for the worlds for which no thread could be started."""
        with self._lock:
            late, self._late = self._late, set()
        for world in late:
            self.schedule_wakeup(world)

    def forget(self, world: World) -> None:
        with self._lock:
            if world in self._armed:
                self._armed.pop(world)[1].remove()

    def _wake(self, world: World, woken_at: datetime) -> None:
        with self._lock:
            if world in self._armed and self._armed[world][0] == woken_at:
                del self._armed[world]
            if world in self._woken or not self.running:
                return
            self._woken.add(world)
        try:
            for fired in world.timeline.run_due(EVENTS_AT_ONCE):
                log.debug("%s: %s %s %s", world.name, fired.kind, fired.id, fired.result)
        finally:
            with self._lock:
                self._woken.discard(world)
            self.schedule_wakeup(world)


def _real_time_scheduler() -> BackgroundScheduler:
    """Start a scheduler of APScheduler that runs in real time: itself, it takes the time that the process fakes."""
    from apscheduler.jobstores.base import JobLookupError
    from apscheduler.schedulers.background import BackgroundScheduler

    class RealTimeScheduler(BackgroundScheduler):  # type: ignore[misc]
        def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
            with suppress(JobLookupError):  # it is running already
                super().remove_job(job_id, jobstore)

        def _process_jobs(self) -> float | None:
            now = utc_now()
            with self._jobstores_lock:
                store = self._lookup_jobstore("default")
                for job in store.get_due_jobs(now):
                    try:
                        self._lookup_executor(job.executor).submit_job(job, [job.next_run_time])
                    except RuntimeError as error:  # no thread can be started for it
                        log.warning("a timer cannot be started now: %s", error)
                        return RETRY_SECONDS
                    store.remove_job(job.id)
                next_at = store.get_next_run_time()
            return None if next_at is None else min(max((next_at - now).total_seconds(), 0), threading.TIMEOUT_MAX)

    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    scheduler = RealTimeScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
    scheduler.start()
    return scheduler
