"""The machine below an emulator, simulated: real time, the scheduler, the webhook sender, and the receivers."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from weakref import finalize

from flaresend_mock.app import Application
from flaresend_mock.background import autosave, files, webhook_sender
from flaresend_mock.background.realtime import Check, Patience
from flaresend_mock.core.deliveries import Job
from flaresend_mock.core.models import Attempt, Webhook
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT, Worlds
from flaresend_mock.http.context import DISCONNECTED, AppServices
from flaresend_mock.world_format import load_file, write
from tests.support import NOW, default_state

HANG_SECONDS = 15.0
JSON = "application/json"
_MEMORY = Path("/dev/shm")  # a disk would be slow
_write_file = files.write_file


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


class Killed(BaseException):
    """The emulator is killed while it writes a file."""


class SimulatedPatience(Patience):
    """Lets simulated time pass where callers wait. A stream's client `leaves` at a time, once it has read all."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.leaves, self.left, self._machine = machine.now, True, machine

    def wait(self, news: threading.Event, seconds: float, is_gone: Check, is_done: Check) -> bool:
        def has_come() -> bool:
            while not (done := is_done()) and news.is_set():  # no time passes while a call looks at what came
                pass
            return done

        if not self.left:
            stays = (self.leaves - self._machine.now).total_seconds()
            self.left, seconds = stays <= 0 and not news.is_set(), min(seconds, max(0.0, stays))
        self._machine.pass_by(seconds, lambda: has_come() or is_gone())
        return has_come()


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
        self.delays = True  # calls that meet a fault with a delay let time pass
        self.passed: list[tuple[datetime, datetime]] = []  # the times in which timers ran
        self._flights: list[Flight] = []
        self._ready: dict[tuple[str, str], World] = {}
        self._started = 0
        self._host: HostServices[World] = HostServices(
            on_delivery_ready=self._notify,
            drain_deliveries=self.drain,
            delay=lambda seconds, until: self.pass_by(seconds, until) if self.delays else None,
            taken_keys=lambda keys, world: self.worlds.taken_keys(keys, apart_from=world),
        )
        self._folder = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
        finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self.boot()

    def boot(self) -> None:
        """Start an emulator with --autosave, which continues the worlds that were saved. The former one is gone."""
        self._flights.clear()
        self._ready.clear()
        self.autosave = autosave.Autosave(self._folder, partial(write.export, secrets=True))
        self.autosave._thread = threading.Thread(target=bool)  # `save` and `stop` do its work
        states = {name: load_file(file, check_webhook=lambda url: url) for name, file in self.autosave.found.items()}
        default = World(DEFAULT, states.pop(DEFAULT, None) or default_state(), lambda: self.now, self._host)
        self.worlds = Worlds(default, self._make_world)
        for name, state in states.items():
            self.worlds.restore(name, state)
        self._patience = SimulatedPatience(self)
        services = {"health": dict, "uptime": lambda: 0.0, "patience": self._patience}
        self.app = Application(AppServices(worlds=self.worlds, strict=False, version="0", **services))
        default.begin()
        self.autosave.start(self.worlds.all)

    def stop(self) -> None:
        """Stop the emulator, which saves its worlds."""
        self.autosave.stop()

    def save(self, kill_at: int | None = None) -> list[str]:
        """Save what has changed, and return the names of the files; a kill at one of them leaves a part of it."""
        written: list[str] = []

        def write_file(place: Path, data: bytes, *, private: bool) -> None:
            if len(written) == kill_at:
                place.with_name(f".{place.name}.tmp").write_bytes(data[: len(data) // 2])
                raise Killed
            _write_file(place, data, private=private)
            written.append(place.stem)

        with patch.object(files, "write_file", write_file), suppress(Killed):
            self.autosave._save_all()
        return written

    def kill(self) -> None:
        """End the emulator, which saves nothing any more: the system unlocks its folder."""
        self.autosave._leave()

    def saved(self, name: str) -> bytes:
        return (self._folder / f"{name}.json").read_bytes()

    def _make_world(self, name: str, state: State) -> World:
        world = World(name, state, lambda: self.now, self._host)
        world.begin()
        return world

    def stream(self, path: str, seconds: float) -> Response:
        """Follow a stream for some seconds, and then until all was read that had happened by then."""
        self._patience.leaves, self._patience.left = self.now + timedelta(seconds=seconds), False
        return self.call("GET", path, gone=lambda: self._patience.left)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        *,
        content_type: str = JSON,
        gone: Callable[[], bool] = bool,
    ) -> Response:
        """Call the emulator, and add the response to the history. The client may be `gone`."""
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
            DISCONNECTED: gone,
        }
        if body is not None:
            environ["CONTENT_TYPE"] = content_type
        if key is not None:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        statuses: list[str] = []
        found = self.app(environ, lambda status, headers, error=None: statuses.append(status) or bytes)  # type: ignore
        content = b"".join(found)
        if (close := getattr(found, "close", None)) is not None:
            close()
        (status,) = statuses  # it responds exactly once
        response = Response(int(status[:3]), content)
        self.history.update(b"%d " % response.status + content)
        if response.status == 500:
            raise Violation(f"{method} {path} {body!r}: 500 {content!r}")
        return response

    def world(self, name: str) -> World:
        return self.worlds.get(name)

    def file_of(self, name: str, task_id: str) -> bytes | None:
        """Return the file that a scheduled message needs, if it is kept."""
        state = self.world(name).state
        file = state.media.get(state.tasks[task_id].content.media or "")
        return None if file is None else file.data

    def version(self, name: str) -> tuple[object, ...]:
        """Return what --autosave takes for the version of a world: without a new one, it saves nothing."""
        return autosave._version(self.world(name))

    def contents(self, name: str) -> dict[str, Any]:
        """Return the parts of a world, but for its log, to be compared with later ones: faster than an export."""
        parts = vars(self.world(name).saved())
        del parts["events"]
        return {part: one if isinstance(one, dict) else getattr(one, "__dict__", one) for part, one in parts.items()}

    def pass_by(self, seconds: float, until: Callable[[], bool] = bool) -> None:
        """Let real time pass, or until something is true: attempts end, and timers of clocks that run are due."""
        start, target = self.now, self.now + timedelta(seconds=seconds)
        while not until():
            self._pump()
            due = [(flight.ends, 0, flight.order) for flight in self._flights]
            worlds = self.worlds.all()
            for number, world in enumerate(worlds):
                next_at = world.state.timers.next_at()
                at = world.clock.real_time_of(next_at) if next_at else None
                if at is not None:
                    due.append((max(at, self.now), 1, number))
            if not due or min(due)[0] > target:
                self.now = target
                break
            at, what, number = min(due)
            self.now = max(self.now, at)
            if what == 0:
                self._end(next(flight for flight in self._flights if flight.order == number))
            else:
                worlds[number].timeline.run_due()
        self.passed.append((start, self.now))

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
