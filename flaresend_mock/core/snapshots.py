"""Named states of a world, kept beside it: resets and imports leave them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flaresend_mock.core.errors import SnapshotNotFound, TooMany
from flaresend_mock.core.state import State

if TYPE_CHECKING:
    from flaresend_mock.core.world import World

MAX_SNAPSHOTS = 100


class Snapshots:
    """What a world was like, by name. They share with it, and with each other, whatever has not changed since."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._states: dict[str, State] = {}

    def take(self, name: str) -> State:
        """Keep what the world is like now, in the place of what had this name before.

        Raises:
            TooMany: there are as many as there may be.
        """
        with self._world.lock:
            if name not in self._states and len(self._states) >= MAX_SNAPSHOTS:
                raise TooMany(f"a world has at most {MAX_SNAPSHOTS} snapshots; remove some")
            self._states[name] = self._world.saved()
            return self._states[name]

    def get(self, name: str) -> State:
        """Return a snapshot.

        Raises:
            SnapshotNotFound: there is none of this name.
        """
        found = self._states.get(name)
        if found is None:
            raise SnapshotNotFound
        return found

    def all(self) -> dict[str, State]:
        with self._world.lock:
            return dict(self._states)

    def remove(self, name: str) -> None:
        """Forget a snapshot.

        Raises:
            SnapshotNotFound: there is none of this name.
        """
        with self._world.lock:
            self.get(name)
            del self._states[name]
