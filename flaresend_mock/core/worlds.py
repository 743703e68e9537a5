"""The worlds of one emulator, by name and by API key."""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count

from flaresend_mock.core import errors, models, store
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World

DEFAULT = "default"
MAX_WORLDS = 1000
MAX_REMEMBERED = 100_000
API_KEY = re.compile("[!-~]+")

Make = Callable[[str, State], World]


class Worlds:
    """The worlds of an emulator. They do not know each other.

    `make` creates one with a name and a state; `fresh` returns the state of one for an unknown key. None refuses these.
    """

    def __init__(self, default: World, make: Make | None = None, fresh: Callable[[], State] | None = None) -> None:
        self._lock = threading.RLock()
        self._worlds = {default.name: default}
        self._measuring = threading.Lock()  # guards the next, the bytes that all worlds hold
        self._held = 0
        self._make, self._fresh = make, fresh
        self._by_key: dict[str, World] = {}
        self._opened: OrderedDict[str, str] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()

    def default(self) -> World:
        return self._worlds[DEFAULT]

    def all(self) -> list[World]:
        """Return all worlds. Takes no lock, so callers may hold a world's."""
        return list(self._worlds.values())

    def get(self, name: str) -> World:
        return errors.required(self._worlds.get(name), errors.WorldNotFound, name)

    def create(self, name: str | None, state: State, api_key: str | None = None) -> World:
        """Create a world with its own API keys; its name is by default world-1, world-2 and so on.

        The first instance gets the key, or one that is derived from the world's name and seed. Others that have keys
        get it with the suffix -2, -3 and so on.
        """
        with self._lock:
            name = name or self._unused_name("world-")
            errors.require(name not in self._worlds, errors.WorldExists)
            return self._add(name, state, api_key or "fm_" + _digest(f"{state.seed}:{name}")[:32])

    def make_room(self, world: World, size: int) -> bool:
        """Tell whether there is room for more bytes than this world, and the others when last measured, hold.

        At need, it evicts logs, of the worlds with the largest ones first: for a size only if that is enough. The
        caller may hold the world's lock.
        """
        with self._measuring:
            self._held += world.measure()
            if self._held + size <= store.MAX_MEMORY:
                return True
            logs = {one: one.state.logs_bytes for one in self.all()}
            self._held, evictable = sum(one.held for one in logs), sum(logs.values())
            excess = self._held + size - store.MAX_MEMORY
            if size and excess > evictable - sum(one.state.newest_bytes for one in logs):
                return False
            slack = min(store.MAX_MEMORY // 100, evictable // 4) * (excess > 0)
            excess += slack  # evicted, too: looking at all worlds takes long
            for one in sorted(logs, key=logs.__getitem__, reverse=True):
                if excess > 0 and one.lock.acquire(blocking=False):  # who has it may wait for the caller
                    try:
                        excess -= one.state.evict(excess)
                    finally:
                        one.lock.release()
                    self._held += one.measure()
            return excess <= slack

    def restore(self, name: str, state: State) -> None:
        """Add a world as it was saved, with its API keys but for those of worlds that were saved later."""
        assert self._make is not None
        world = self._worlds[name] = self._make(name, state)
        world.continues = True
        with self._measuring:
            self._held += world.measure()
        with world.lock:
            world.instances.give_up_keys()
        for key in world.instances.first().api_keys:
            if name.startswith(f"key-{_digest(key)[:12]}"):
                self._opened[name] = key
                self._opened.move_to_end(name, last=False)

    def remove(self, name: str) -> None:
        """Remove a world, and close it. The default world is needed."""
        with self._lock:
            world = self.get(name)
            errors.require(name != DEFAULT, errors.WorldIsNeeded)
            self._drop(world)
        world.close()

    def taken_keys(self, keys: set[str], apart_from: World | None = None) -> set[str]:
        """Return those of some API keys that a world, except this one, has."""
        others = (one for world in self.all() if world is not apart_from for one in world.instances.all())
        return {key for one in others if not keys.isdisjoint(one.api_keys) for key in one.api_keys if key in keys}

    def with_key(self, api_key: str) -> tuple[World, models.Instance] | None:
        """Return the world and the instance of an API key. An open emulator creates a world for an unknown key."""
        world = self._by_key.get(api_key)
        instance = world.instances.with_key(api_key) if world is not None and not world.closed else None
        found = (world, instance) if world and instance else self._search(api_key)
        if found is None:
            return self._open(api_key) if self._fresh is not None else None
        if self._opened:
            with self._lock:
                if found[0].name in self._opened:
                    self._opened.move_to_end(found[0].name)
        return found

    def _search(self, api_key: str) -> tuple[World, models.Instance] | None:
        for world in self.all():
            if (instance := world.instances.with_key(api_key)) is not None:
                if len(self._by_key) >= MAX_REMEMBERED:  # most belong to removed worlds and keys
                    self._by_key.clear()
                self._by_key[api_key] = world
                return world, instance
        self._by_key.pop(api_key, None)
        return None

    def _open(self, api_key: str) -> tuple[World, models.Instance] | None:
        assert self._fresh is not None
        with self._lock:
            if found := self._search(api_key):
                return found
            if api_key in self._opened.values() or not API_KEY.fullmatch(api_key):
                return None  # it was revoked in its own world, or no world may have it
            digest = _digest(api_key)
            errors.require(digest not in self._gone, errors.WorldIsGone)
            name = f"key-{digest[:12]}"
            name = self._unused_name(f"{name}-") if name in self._worlds else name
            world = self._add(name, self._fresh(), api_key)
            self._opened[world.name] = api_key
        return world, world.instances.first()

    def _add(self, name: str, state: State, api_key: str) -> World:
        """Add a world with this key, as `with_key` gives it to its instances, and evict another if there is no room."""
        assert self._make is not None
        keys = with_key(state, api_key)
        errors.require(not self.taken_keys(set(keys)), errors.KeyInUse)
        self._evict_for(2 * state.bytes)
        for key in keys:
            self._gone.pop(_digest(key), None)
        world = self._worlds[name] = self._make(name, state)
        self.make_room(world, 0)
        return world

    def _unused_name(self, beginning: str) -> str:
        return next(name for name in (f"{beginning}{number}" for number in count(1)) if name not in self._worlds)

    def _evict_for(self, size: int) -> None:
        """Evict idle worlds that were opened by keys, least recently used first, until another one fits.

        Worlds with pending timers are evicted last.
        """
        while len(self._worlds) >= MAX_WORLDS or not self.make_room(self.default(), size):
            idle = [(self._worlds[name], key) for name, key in self._opened.items() if self._worlds[name].idle()]
            if not idle:
                problem = f"there are at most {MAX_WORLDS} worlds, and none of them is idle; delete some"
                errors.require(len(self._worlds) < MAX_WORLDS, errors.TooMany, problem)
                self.default().require_memory(size)
                break
            world, key = min(idle, key=lambda entry: len(entry[0].state.timers) > 0)
            self._drop(world)
            for one in (key, *(key for instance in world.instances.all() for key in instance.api_keys)):
                self._gone[_digest(one)] = None
            while len(self._gone) > MAX_REMEMBERED:
                self._gone.popitem(last=False)
            world.close()

    def _drop(self, world: World) -> None:
        del self._worlds[world.name]
        self._opened.pop(world.name, None)
        with self._measuring:
            self._held -= world.held
            world.is_counted = False
        for key in [key for key, other in list(self._by_key.items()) if other is world]:
            self._by_key.pop(key, None)


def drop_repeated_keys(states: Iterable[State]) -> None:
    """Take each API key from all states but the first that has it."""
    seen = set[str]()
    for state in states:
        for instance in list(state.instances.values()):
            keys = tuple(key for key in instance.api_keys if key not in seen)
            state.instances[instance.id] = replace(instance, api_keys=keys)
        seen.update(key for instance in state.instances.values() for key in instance.api_keys)


def with_key(state: State, api_key: str) -> list[str]:
    """Set the key of a state's first instance, and give others that have keys the same with -2, -3 and so on."""
    keys = []
    for position, instance in enumerate(list(state.instances.values()), start=1):
        if position == 1 or instance.api_keys:
            keys.append(api_key if position == 1 else f"{api_key}-{position}")
            state.instances[instance.id] = replace(instance, api_keys=(keys[-1],))
    return keys


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
