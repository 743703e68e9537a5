"""All worlds of one emulator, and which of them an API key belongs to."""

from __future__ import annotations

import threading

from flaresend_mock.core.records import Instance
from flaresend_mock.core.world import World

DEFAULT = "default"


class Worlds:
    """The worlds by name; worlds know nothing of each other."""

    def __init__(self, default: World) -> None:
        self._lock = threading.Lock()
        self._worlds = {default.name: default}

    def default(self) -> World:
        return self._worlds[DEFAULT]

    def all(self) -> list[World]:
        with self._lock:
            return list(self._worlds.values())

    def get(self, name: str) -> World | None:
        return self._worlds.get(name)

    def with_key(self, api_key: str) -> tuple[World, Instance] | None:
        """Return the world and the instance an API key belongs to."""
        for world in self.all():
            instance = world.instances.with_key(api_key)
            if instance is not None:
                return world, instance
        return None
