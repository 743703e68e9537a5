"""The ground that a world's services stand on: state, clock, lock, event log, timers, and the ports to the machine."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Generic, TypeVar

from flaresend_mock.core.bounded_store import limited_work
from flaresend_mock.core.clock import Clock, Now
from flaresend_mock.core.errors import WorldFull, require
from flaresend_mock.core.events import Event, LogReader, See, Subject, Subscribers
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Change, Channel, Group, Instance, Upload
from flaresend_mock.core.randomness import SeededRandom
from flaresend_mock.core.state import State

DEFAULT_PUBLIC_URL = "http://127.0.0.1:3577"

MAX_MEMORY = 2 * 1024 * 1024 * 1024  # bytes that all worlds of an emulator hold together
MEASURED = 64  # a world is measured after this number of events, and after each of more than LARGE bytes
LARGE = 4 * 1024

AnyWorld = TypeVar("AnyWorld")
Changed = TypeVar("Changed", Instance, Group, Channel)


def _nothing(*_: object) -> None:
    """Do nothing."""


@model
class HostServices(Generic[AnyWorld]):
    """The ports to the machine: everything that others do for a world.

    By default they do nothing: time passes only when it is advanced, and webhooks stay pending. `drain_deliveries` and
    `on_history_ends` are never called with the world's lock held. None of the others takes that lock. `public_url`
    returns the option's URL, or the given one, or if that is empty, the address that the emulator listens on.
    """

    on_timer_changed: Callable[[AnyWorld], None] = _nothing  # the next due time may have changed
    delay: Callable[[float, Callable[[], bool]], None] = _nothing  # waits real seconds, or for a condition
    on_delivery_ready: Callable[[AnyWorld, str], None] = _nothing  # an instance, by its id, has something to deliver
    on_history_ends: Callable[[AnyWorld], None] = _nothing  # before a reset, restore, import or the end
    on_world_closed: Callable[[AnyWorld], None] = _nothing  # it is deleted or evicted
    taken_keys: Callable[[set[str], AnyWorld], set[str]] = lambda keys, world: set()  # API keys that other worlds have
    drain_deliveries: Callable[[AnyWorld], None] = _nothing  # waits until each has ended, or waits for its retry
    make_room: Callable[[AnyWorld, int], bool] = lambda world, size: True  # evicts logs of all worlds for more bytes
    public_url: Callable[[str], str] = lambda url: url or DEFAULT_PUBLIC_URL  # what links begin with
    sample_media: Callable[[str], Upload] = lambda kind: Upload(kind.encode(), "", "")  # a small file of a kind


class Store:
    """A world without its services. Services read and change it; `World` composes them on top of it."""

    state: State
    clock: Clock
    random: SeededRandom

    def __init__(self, name: str, state: State, real: Now, host: HostServices[Any] | None = None) -> None:
        self.name = name
        self.closed = False
        self.called_at: dict[str, tuple[str, str, str]] = {}
        """By the id of an instance, what `hosts.called_url` takes, of the latest call with its key.

        It is about the application, not the world: a reset keeps it, and an export does not have it.
        """
        self.calls_under_way = 0
        self.shared: dict[Any, dict[str, Any]] = {}  # what the copies of a message that is being sent have in common
        self.host: HostServices[Any] = host or HostServices()
        self.lock = threading.RLock()
        self.subscribers = Subscribers()
        self._recorded = threading.Condition(self.lock)
        self._reactions: list[tuple[str, See]] = []
        self._real = real
        self._grows = False  # and is to be measured with the next event
        self.follows_process = False
        self.enter(state)

    def enter(self, state: State) -> None:
        """Continue with this state. The caller holds the lock."""
        self.state = state
        self.clock = Clock(self._real, state.clock)
        self.random = SeededRandom(state.seed, state.counters)

    def follow_process(self, now: Now) -> None:
        """Let the clock run with that of the process, which libraries may fake, instead of real time."""
        with self.lock:
            self._real, self.follows_process = now, True
            self.clock = Clock(now, self.state.clock)
        self.host.on_timer_changed(self)

    def record(self, kind: str, subject: Subject, at: datetime | None = None) -> Event:
        """Append an event, of now or of this time, to the log, and call subscribers. The caller holds the lock."""
        self._recorded.notify_all()
        event = self.state.events.append(at or self.clock.now(), kind, subject)
        self.subscribers.publish(event)
        for wanted, react in self._reactions:
            if wanted == kind:
                react(event)
        if self._grows or event.number % MEASURED == 0 or event.size > LARGE:
            self._grows = False
            self.host.make_room(self, 0)
        return event

    def require_memory(self, size: int = 0) -> None:
        """Refuse what takes more bytes than the worlds of the emulator may hold."""
        self._grows = True
        problem = f"the worlds of this emulator take {MAX_MEMORY >> 20} MiB already; delete worlds or snapshots"
        require(self.host.make_room(self, max(1, size)), WorldFull, problem)

    def require_room(self, name: str, more: int = 1) -> None:
        """Refuse more people, groups and so on than a world holds, or all worlds."""
        self.state.require_room(name, more)
        self.require_memory()

    def put(self, kind: str, changed: Changed, action: str, details: Mapping[str, Any]) -> Changed:
        """Store an instance, a group or a channel, and record how it changed. The caller holds the lock."""
        getattr(self.state, f"{kind}s")[changed.id] = changed
        self.record(kind, Change(action, changed.id, details))
        return changed

    def react(self, kind: str, react: See) -> None:
        """Call a service after each event of a kind, behind all subscribers: it may record events of its own."""
        self._reactions.append((kind, react))

    def follow(self, since: int | None) -> LogReader:
        """Return a reader of the log, which its user closes: see LogReader for `since`."""
        return LogReader(self.subscribers, self.lock, lambda: self.state.events, since)

    def set_timer(self, at: datetime, kind: str, key: str) -> None:
        """Set a timer, or move it. The caller holds the lock."""
        self.state.timers.set(at, kind, key)
        self.host.on_timer_changed(self)

    def wait_until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait real seconds for a condition, checked after each event with the lock held; return whether it is true."""
        with self._recorded:
            return self._recorded.wait_for(true, seconds)

    @contextmanager
    def while_sending(self, file: str | None) -> Iterator[None]:
        """Keep a file while it is sent to many, and bound the work of faults for all. The caller holds the lock."""
        self.state.being_sent = file
        try:
            with limited_work():
                yield
        finally:
            self.state.being_sent = None
            self.shared.clear()
            self.state.media.trim(self.state.needed("media"))

    def notify(self) -> None:
        """Make all threads in `wait_until` check their condition."""
        with self._recorded:
            self._recorded.notify_all()

    def delay(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Delay a caller, who does not hold the lock, for real seconds, or until a condition is true."""
        self.host.delay(seconds, lambda: self.closed or until())
