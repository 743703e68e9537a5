"""Posts webhook deliveries, in threads that end when no delivery is ready."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.background.trust_store import TrustStore
from flaresend_mock.core.deliveries import Job
from flaresend_mock.core.models import Attempt
from flaresend_mock.core.world import World

if TYPE_CHECKING:
    from flaresend_mock.background.posting import Poster

log = logging.getLogger(__name__)

MAX_PARALLEL = 8
SETTLE_SECONDS = 120.0
STOP_SECONDS = 5.0

Worker = tuple[World, str, int]  # the world, the instance and the generation of deliveries that a worker serves


class WebhookSender:
    """Makes the attempts that are ready, at most 8 at once for each instance. In strict mode, it accepts only 200."""

    def __init__(self, *, strict: bool, trust: TrustStore, api: Callable[[], object]) -> None:
        self._strict, self._trust, self._api = strict, trust, api
        self._workers: Counter[Worker] = Counter()
        self._worlds: set[World] = set()
        self._late: set[tuple[World, str]] = set()  # for whose workers there was no thread
        self._changed = threading.Condition()
        self._stopping = False
        self._stop_watch = Stopwatch()

    def notify(self, world: World, instance_id: str) -> None:
        """Start a worker for an instance with deliveries that are ready. Takes no lock of a world."""
        worker = (world, instance_id, world.deliveries.generation)
        with self._changed:
            if self._stopping or world.closed or self._workers[worker] >= MAX_PARALLEL:
                return
            self._workers[worker] += 1
            self._worlds.add(world)
        name = f"flaresend-mock-webhooks-{instance_id[:8]}"
        try:
            threading.Thread(target=self._work, args=(world, worker), name=name, daemon=True).start()
        except RuntimeError as error:
            with self._changed:
                if not self._late:
                    log.warning("webhooks wait: %s", error)
                self._late.add((world, instance_id))
            self._end(worker)

    def retry(self) -> None:
        """Start the workers for which there was no thread."""
        with self._changed:
            late, self._late = self._late, set()
        for world, instance_id in late:
            self.notify(world, instance_id)

    def drain(self, world: World) -> None:
        """Wait until no delivery of a world can proceed without its clock."""
        world.wait_until(lambda: self._stopping or world.closed or world.deliveries.lanes.idle(), SETTLE_SECONDS)

    def forget(self, world: World) -> None:
        with self._changed:
            self._worlds.discard(world)

    def begin_stop(self, worlds: Iterable[World]) -> None:
        """Start no more attempts, and end all waiting for deliveries in these worlds."""
        self._stop_watch = Stopwatch()
        self._stopping = True
        for world in [*worlds, *self._worlds]:
            world.notify()

    def stop(self) -> None:
        """Wait for attempts under way, at most until 5 s after `begin_stop`, and record the rest as interrupted."""
        with self._changed:
            left = max(0.0, STOP_SECONDS - self._stop_watch.seconds)
            self._changed.wait_for(lambda: not self._workers.total(), left)
            worlds = list(self._worlds)
        for world in worlds:
            with world.lock:
                under_way = world.deliveries.lanes.under_way()
            for job in under_way:
                outcome = {"at": world.clock.now(), **_unsent(job, "interrupted: the emulator stopped")}
                world.deliveries.complete(job, Attempt(accepted=False, **outcome), final=True)

    def _work(self, world: World, worker: Worker) -> None:
        from flaresend_mock.background.applications import origin
        from flaresend_mock.background.posting import Poster  # imports requests, which not every run needs

        origin.set((self._api(), world))
        _, instance_id, generation = worker
        try:
            with closing(Poster(self._trust)) as poster:
                while not (self._stopping or world.closed) and generation == world.deliveries.generation:
                    try:
                        if (job := world.deliveries.claim(instance_id)) is None:
                            break
                        self._deliver(world, job, poster)
                    except Exception:  # a bug of the emulator: the other chats must continue
                        log.exception("a webhook of instance %s failed unexpectedly", instance_id)
        finally:
            self._end(worker)
        self.retry()
        if world.deliveries.lanes.has_ready(instance_id):  # it came while this worker still counted
            self.notify(world, instance_id)

    def _end(self, worker: Worker) -> None:
        with self._changed:
            self._workers -= Counter([worker])  # keeps what is above zero
            self._changed.notify_all()

    def _deliver(self, world: World, job: Job, poster: Poster) -> None:
        sent_at = world.clock.now()
        try:
            outcome = _attempt(job, poster, sent_at)
        except Exception:  # a bug of the emulator: the chat must continue
            log.exception("webhook %s: the attempt failed unexpectedly", job.delivery.id)
            outcome = _unsent(job, "internal error; the emulator's log has the details")
        status = outcome["status"]
        accepted = status == 200 if self._strict else status is not None and 200 <= status < 300
        world.deliveries.complete(job, Attempt(at=sent_at, accepted=accepted, **outcome))
        log.info("webhook %s: %s", job.delivery.id, status or outcome["error"])


def _attempt(job: Job, poster: Poster, sent_at: datetime) -> dict[str, Any]:
    fault = job.fault
    if fault is not None and fault.reply is not None:
        reply = fault.reply.body
        text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
        outcome = _unsent(job, f"fault {fault.name}: nothing was sent")
        return outcome | {"status": fault.reply.status, "response": "" if reply is None else text}
    if fault is not None and fault.action == "reset":
        return _unsent(job, f"fault {fault.name}: connection reset, nothing was sent")
    outcome = poster.post(job.webhook, job.delivery.webhook_id, sent_at, job.delivery.body)
    if fault is None:
        return outcome
    return outcome | {"status": None, "response": "", "error": f"fault {fault.name}: the response was dropped"}


def _unsent(job: Job, error: str) -> dict[str, Any]:
    return {"url": job.webhook.url, "headers": (), "status": None, "response": "", "error": error, "milliseconds": 0}
