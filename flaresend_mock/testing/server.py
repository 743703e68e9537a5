"""The emulator behind the fixtures: in this process, or at an address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flaresend_mock.settings import ENVIRONMENT, PREFIX
from flaresend_mock.testing.calls import Calls, Refused, Unreachable
from flaresend_mock.testing.client import Flaresend

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


_WORLD_OPTIONS = ("world", "seed", "frozen_at", "time_zone")
_numbers = count(1)


class Server:
    """An emulator that makes a world for every test.

    Args:
        url: where it is.
        token: its control token, if it has one.
        mount: as for `Flaresend`.
    """

    def __init__(
        self, url: str, token: str | None = None, mount: Callable[[WSGIApplication], str] | None = None
    ) -> None:
        self.url = url
        self._mount = mount
        self._token = token
        self._calls = Calls(url, "", token)

    @contextmanager
    def world(
        self, set_env: Callable[[str, str], object] | None = None, **wanted: Any
    ) -> Iterator[Flaresend]:
        """Make a world, and delete it afterwards.

        Args:
            wanted: `world`, `seed`, `frozen_at` and `time_zone`, as the marker takes them.
        """
        made = self._make(wanted)
        client = Flaresend(self.url, made["api_key"], self._token, set_env, self._mount)
        try:
            if wanted.get("frozen_at") is not None:
                client.clock.freeze(wanted["frozen_at"])
            yield client
        finally:
            client.close()
            self._delete(made["name"])

    def close(self) -> None:
        self._calls.close()

    def _make(self, wanted: Mapping[str, Any]) -> Any:
        for name in wanted:
            if name not in _WORLD_OPTIONS:
                raise TypeError(f"a world has no {name!r}; known: {', '.join(_WORLD_OPTIONS)}")
        body = _source(wanted.get("world", "default"))
        body |= {name: wanted[name] for name in ("seed", "time_zone") if wanted.get(name) is not None}
        while True:
            try:
                name = f"test-{getpid()}-{next(_numbers)}"
                made = self._calls.ask("POST", "/_mock/worlds", {"name": name, **body})
            except Refused as refused:
                if refused.status == 404 and not refused.code:
                    raise Unreachable(
                        f"what answers at {self.url} is no flaresend-mock, or an old one"
                    ) from None
                if refused.code != "world_exists":  # some other machine's, at the same emulator
                    raise

            else:
                if not isinstance(made, dict) or "api_key" not in made:
                    raise Unreachable(f"what answers at {self.url} is no flaresend-mock")
                return made

    def _delete(self, name: str) -> None:
        try:
            self._calls.ask("DELETE", f"/_mock/worlds/{name}")
        except Unreachable:
            return  # it died, and the world with it; whatever called it has said so
        except Refused as refused:
            if refused.code != "world_not_found":
                raise


@contextmanager
def serving(url: str | None = None) -> Iterator[Server]:
    """Serve tests: with the emulator at a URL, or at the one in FLARESEND_MOCK_URL, or one in this process."""
    found = url or ENVIRONMENT.get(f"{PREFIX}URL")
    if found:
        server = Server(found.rstrip("/"), ENVIRONMENT.get(f"{PREFIX}CONTROL_TOKEN"))
        try:
            yield server
        finally:
            server.close()
        return
    from flaresend_mock.server import FlaresendMock

    with FlaresendMock() as emulator:
        server = Server(emulator.url, mount=emulator.mount)
        try:
            yield server
        finally:
            server.close()


def _source(world: str | Path) -> dict[str, Any]:
    """Return what a world is made from: a shipped fixture by its name, a world file or an export by its path."""
    world = str(world)
    if "/" not in world and "." not in world:
        return {"fixture": world}
    data = json.loads(Path(world).read_text(encoding="utf-8"))
    return {"export" if isinstance(data, dict) and "format" in data else "world": data}
