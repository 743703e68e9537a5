"""The machine below an emulator, simulated: real time, the scheduler, the webhook sender, and the receivers."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flaresend_mock.app import Application
from flaresend_mock.background import autosave, webhook_sender
from flaresend_mock.core.deliveries import Job
from flaresend_mock.core.models import Attempt, Webhook
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.http.context import AppServices
from flaresend_mock.package_data import world_file
from flaresend_mock.world_format import load_file
from tests.support import NOW, default_state

HANG_SECONDS = 15.0


class Violation(AssertionError):
    """Something that an emulator must never do."""


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Flight:
    """An attempt under way, which ends at a time of the machine."""

    ends: datetime
    order: int
    world: World
    job: Job
    attempt: Attempt
    generation: int


class Machine:
    """Runs one emulator in process. Nothing happens by itself: `pass_by` lets real time pass.

    `respond(world, url, webhook_id, body)` is what receivers do: it returns a status or an error, and the seconds that
    they take. `ended(world, flight)` is called after each attempt that the emulator still waits for.
    """

    def __init__(self) -> None:
        self.now = NOW
        self.respond: Callable[[World, str, str, bytes], tuple[int | None, str | None, float]] = lambda *_: (
            200,
            None,
            0.0,
        )
        self.ended: Callable[[Flight], None] = lambda flight: None
        self.history = hashlib.blake2b()
        self.calls = 0
        self._flights: list[Flight] = []
        self._ready: dict[tuple[str, str], World] = {}
        self._started = 0
        self._host: HostServices[World] = HostServices(
            on_delivery_ready=self._notify,
            drain_deliveries=self.drain,
            key_is_free=lambda key, world: self.worlds.key_is_free(key, apart_from=world),
        )
        self.boot(default_state())

    def boot(self, state: State) -> None:
        """Start an emulator whose default world has this state. What was under way before is gone."""
        self._flights.clear()
        self._ready.clear()
        default = World("default", state, lambda: self.now, self._host)
        self.worlds = Worlds(default, self._make_world)
        self.app = Application(
            AppServices(worlds=self.worlds, strict=False, version="0", health=dict, uptime=lambda: 0.0)
        )
        default.begin()

    def _make_world(self, name: str, state: State) -> World:
        world = World(name, state, lambda: self.now, self._host)
        world.begin()
        return world

    def boot_from(self, export: str) -> None:
        """Start an emulator with --import of this file."""
        known = load_file(world_file("default"))
        self.boot(load_file(Path("world"), text=export, known=known, check_webhook=lambda url: url))

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Response:
        """Call the emulator, and add the response to the history."""
        self.calls += 1
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_URI": path,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "3577",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1:3577",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "CONTENT_LENGTH": str(len(data)),
        }
        if body is not None:
            environ["CONTENT_TYPE"] = "application/json"
        if key is not None:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        statuses: list[str] = []
        found = self.app(environ, lambda status, headers, error=None: statuses.append(status) or bytes)  # type: ignore
        content = b"".join(found)
        if (close := getattr(found, "close", None)) is not None:
            close()
        response = Response(int(statuses[0][:3]), content)
        self.history.update(b"%d " % response.status + content)
        if response.status == 500:
            raise Violation(f"{method} {path} {body!r}: 500 {content!r}")
        return response

    def world(self, name: str) -> World:
        return self.worlds.get(name)

    def version(self, name: str) -> tuple[object, ...]:
        """Return what --autosave takes for the version of a world: without a new one, it saves nothing."""
        return autosave._version(self.world(name))

    def contents(self, name: str) -> dict[str, Any]:
        """Return the parts of a world, but for its log, to be compared with later ones: faster than an export."""
        parts = vars(self.world(name).saved())
        del parts["events"]
        return {part: one if isinstance(one, dict) else getattr(one, "__dict__", one) for part, one in parts.items()}

    def pass_by(self, seconds: float) -> None:
        """Let real time pass: attempts end, and timers of clocks that run are due."""
        target = self.now + timedelta(seconds=seconds)
        while True:
            self._pump()
            due = [(flight.ends, 0, flight.order) for flight in self._flights]
            worlds = self.worlds.all()
            for number, world in enumerate(worlds):
                next_at = world.state.timers.next_at()
                at = world.clock.real_time_of(next_at) if next_at else None
                if at is not None:
                    due.append((max(at, self.now), 1, number))
            if not due or min(due)[0] > target:
                break
            at, what, number = min(due)
            self.now = max(self.now, at)
            if what == 0:
                self._end(next(flight for flight in self._flights if flight.order == number))
            else:
                worlds[number].timeline.run_due()
        self.now = target

    def drain(self, world: World) -> None:
        """Let real time pass until no delivery of a world can proceed without its clock."""
        while True:
            self._pump()
            if world.deliveries.lanes.idle():
                return
            mine = [flight for flight in self._flights if flight.world is world]
            if not mine:
                raise Violation("a delivery is ready, or under way, and nothing will ever end it")
            first = min(mine, key=lambda flight: (flight.ends, flight.order))
            self.now = max(self.now, first.ends)
            self._end(first)

    def post(self, webhook: Webhook, webhook_id: str, sent_at: datetime, body: bytes) -> dict[str, Any]:
        """Post an event to a receiver: this is what the webhook sender calls."""
        status, error, self._seconds = self.respond(self._posting, webhook.url, webhook_id, body)
        self.history.update(f"{webhook.url} {webhook_id} {status} {error}".encode() + body)
        outcome = {"url": webhook.url, "headers": (), "status": status, "response": "", "error": error}
        return outcome | {"milliseconds": self._seconds * 1000, "reconnected": False}

    def _notify(self, world: World, instance_id: str) -> None:
        self._ready[world.name, instance_id] = world

    def _pump(self) -> None:
        while self._ready:
            (_, instance), world = self._ready.popitem()
            generation = world.deliveries.generation
            while not world.closed and self._under_way(world, instance, generation) < webhook_sender.MAX_PARALLEL:
                if (job := world.deliveries.claim(instance)) is None:
                    break
                self._posting, self._seconds = world, 0.0
                sent_at = world.clock.now()
                outcome = webhook_sender._attempt(job, self, sent_at)  # type: ignore[arg-type]
                status = outcome["status"]
                accepted = status is not None and 200 <= status < 300
                self._started += 1
                ends = self.now + timedelta(seconds=self._seconds)
                attempt = Attempt(at=sent_at, accepted=accepted, **outcome)
                self._flights.append(Flight(ends, self._started, world, job, attempt, generation))

    def _under_way(self, world: World, instance: str, generation: int) -> int:
        mine = (one for one in self._flights if one.world is world and one.generation == generation)
        return sum(one.job.delivery.instance == instance for one in mine)

    def _end(self, flight: Flight) -> None:
        self._flights.remove(flight)
        world, instance = flight.world, flight.job.delivery.instance
        world.deliveries.complete(flight.job, flight.attempt)
        if world.deliveries.lanes.has_ready(instance):
            self._notify(world, instance)
        self.ended(flight)
