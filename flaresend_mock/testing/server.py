"""The emulator behind the fixtures: in this process, or at an address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import count
from os import getpid
from pathlib import Path
from typing import Any, Self

from flaresend_mock.settings import ENVIRONMENT, PREFIX
from flaresend_mock.testing.calls import Calls, Refused, Unreachable
from flaresend_mock.testing.client import Flaresend

__tracebackhide__ = True  # a test that fails shows its own line

_WORLD_OPTIONS = ("world", "seed", "frozen_at", "time_zone")
_numbers = count(1)


class Server:
    """An emulator that makes a world for every test.

    Args:
        url: where it is.
        token: its control token, if it has one.
        here: whether it is in this process.
    """

    def __init__(self, url: str, token: str | None = None, *, here: bool = False) -> None:
        self.url = url
        self._here = here
        self._token = token
        self._calls = Calls(url, "", token)

    @contextmanager
    def world(
        self, set_env: Callable[[str, str], object] | None = None, **wanted: Any
    ) -> Iterator[Flaresend]:
        """Make a world, and delete it afterwards.

        Args:
            wanted: `world`, `seed`, `frozen_at` and `time_zone`, as the marker takes them.

        Raises:
            TypeError: something else is wanted of it.
            ValueError: what is wanted cannot be; the message says why.
            Unreachable: there is no emulator.
        """
        made = self._make(wanted)
        client = Flaresend(self.url, made["api_key"], self._token, set_env, self._here)
        try:
            if wanted.get("frozen_at") is not None:
                client.clock.freeze(wanted["frozen_at"])
            yield client
        finally:
            self._delete(made["name"])
            client.close()

    def check(self) -> Self:
        """Make sure that there is an emulator that lets itself be steered.

        Raises:
            Unreachable: there is none.
        """
        health = self._asked("GET", "/_mock/health")
        if not isinstance(health, dict) or "version" not in health:
            raise Unreachable(f"what answers at {self.url} is no flaresend-mock")
        self._asked("GET", "/_mock/clock")
        return self

    def close(self) -> None:
        self._calls.close()

    def _make(self, wanted: Mapping[str, Any]) -> Any:
        for name in wanted:
            if name not in _WORLD_OPTIONS:
                meant = get_close_matches(name, _WORLD_OPTIONS, 1)
                hint = f"did you mean {meant[0]!r}?" if meant else f"known: {', '.join(_WORLD_OPTIONS)}"
                raise TypeError(f"a world has no {name!r}; {hint}")
        body = _source(wanted.get("world", "default"))
        body |= {name: wanted[name] for name in ("seed", "time_zone") if wanted.get(name) is not None}
        while True:
            name = f"test-{getpid()}-{next(_numbers)}"
            try:
                return self._asked("POST", "/_mock/worlds", {"name": name, **body})
            except Refused as refused:
                if refused.code == "world_exists":  # some other machine's, at the same emulator
                    continue
                raise ValueError(f"there is no such world ({wanted}): {refused}") from None

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        """Make a call; what is no emulator, or is not to be steered, counts as no emulator."""
        try:
            return self._calls.ask(method, path, body)
        except Refused as refused:
            if refused.status == 401:
                what = (
                    "needs its control token in" if self._token is None else "has another control token than"
                )
                raise Unreachable(
                    f"the emulator at {self.url} {what} {PREFIX}CONTROL_TOKEN: {refused}"
                ) from None
            if not refused.code:
                raise Unreachable(f"what answers at {self.url} is no flaresend-mock: {refused}") from None
            raise

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
            yield server.check()
        finally:
            server.close()
        return
    from flaresend_mock import FlaresendMock  # by the package, which imports it faster

    with FlaresendMock() as emulator:
        server = Server(emulator.url, here=True)
        try:
            yield server
        finally:
            server.close()


def _source(world: str | Path) -> dict[str, Any]:
    """Return what a world is made from: a shipped fixture by its name, a world file or an export by its path."""
    if not isinstance(world, Path) and "/" not in world and "\\" not in world and "." not in world:
        return {"fixture": world}
    data = json.loads(Path(world).read_text(encoding="utf-8"))
    return {"export" if isinstance(data, dict) and "format" in data else "world": data}
