"""The emulator behind the fixtures: in this process, or at an address."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from difflib import get_close_matches
from itertools import count
from os import getpid
from pathlib import Path
from typing import Any, Self
from zlib import crc32

from flaresend_mock.settings import ENVIRONMENT, PREFIX
from flaresend_mock.testing.calls import Calls, ControlPlaneError, EmulatorUnreachable
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.testing.closing import Closing

__tracebackhide__ = True  # a test that fails shows its own line

_WORLD_OPTIONS = ("world", "seed", "frozen_at", "time_zone")
_numbers = count(1)


class Server(Closing):
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
    def world(self, about: str = "", /, **wanted: Any) -> Iterator[Flaresend]:
        """Make a world, and delete it afterwards.

        Args:
            about: what it is for, such as the name of a test: without a seed, it decides which ids there are, so that
                an application that has seen one world's does not meet them in another.
            wanted: `world`, `seed`, `frozen_at` and `time_zone`, as the marker takes them.

        Raises:
            TypeError: something else is wanted of it.
            ValueError: what is wanted cannot be; the message says why.
            EmulatorUnreachable: there is no emulator.
        """
        elsewhere = self._asked("GET", "/_mock/events?limit=1")["events"]
        made = self._make(wanted, about)
        client = Flaresend(
            self.url,
            made["api_key"],
            self._token,
            world=made["name"],
            here=self._here,
            elsewhere=elsewhere[-1]["id"] if elsewhere else 0,
        )
        try:
            if wanted.get("frozen_at") is not None:
                self._freeze(client, wanted["frozen_at"])
            yield client
        finally:
            client.close()
            self._delete(made["name"])

    def check(self) -> Self:
        """Make sure that there is an emulator that lets itself be steered.

        Raises:
            EmulatorUnreachable: there is none.
        """
        try:
            health = self._asked("GET", "/_mock/health")
        except ControlPlaneError:
            health = {}
        if "version" not in health:
            raise EmulatorUnreachable(f"what answers at {self.url} is no flaresend-mock")
        self._asked("GET", "/_mock/clock")
        return self

    def close(self) -> None:
        self._calls.close()

    def _make(self, wanted: Mapping[str, Any], about: str) -> Any:
        for name in wanted:
            if name not in _WORLD_OPTIONS:
                meant = get_close_matches(name, _WORLD_OPTIONS, 1)
                hint = f"did you mean {meant[0]!r}?" if meant else f"known: {', '.join(_WORLD_OPTIONS)}"
                raise TypeError(f"a world has no {name!r}; {hint}")
        body = _source(wanted.get("world") or "default")
        body |= {name: wanted[name] for name in ("seed", "time_zone") if wanted.get(name) is not None}
        if about and "export" not in body:
            body.setdefault("seed", crc32(about.encode("utf-8", "replace")))
        while True:
            name = f"test-{getpid()}-{next(_numbers)}"
            try:
                return self._asked("POST", "/_mock/worlds", {"name": name, **body})
            except ControlPlaneError as refused:
                if refused.code == "world_exists":  # some other machine's, at the same emulator
                    continue
                if "fixture" in body and "fixture" in str(refused):
                    raise ValueError(_no_fixture(body["fixture"])) from None
                raise ValueError(str(refused)) from None

    def _freeze(self, client: Flaresend, at: datetime | str) -> None:
        try:
            client.freeze_for_good(at)
        except (ControlPlaneError, TypeError) as problem:
            raise ValueError(f"frozen_at: {problem}") from None

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        """Make a call; what is no emulator, or is not to be steered, counts as no emulator."""
        try:
            answer = self._calls.ask(method, path, body)
            if not isinstance(answer, dict):
                raise EmulatorUnreachable(f"what answers at {self.url} is no flaresend-mock")
            return answer
        except ControlPlaneError as refused:
            if refused.status == 401:
                lack = "needs its control token in" if not self._token else "has another control token than"
                raise EmulatorUnreachable(
                    f"the emulator at {self.url} {lack} {PREFIX}CONTROL_TOKEN"
                ) from None
            if not refused.code:
                raise EmulatorUnreachable(
                    f"what answers at {self.url} is no flaresend-mock: {refused}"
                ) from None
            raise

    def _delete(self, name: str) -> None:
        try:
            self._calls.ask("DELETE", f"/_mock/worlds/{name}")
        except EmulatorUnreachable:
            return  # it died, and the world with it; whatever called it has said so
        except ControlPlaneError as refused:
            if refused.code != "world_not_found":
                raise


@contextmanager
def serving(url: str | None = None) -> Iterator[Server]:
    """Serve tests: with the emulator at a URL, or at the one in FLARESEND_MOCK_URL, or one in this process."""
    found = (url or ENVIRONMENT.get(f"{PREFIX}URL", "")).strip().rstrip("/")
    if found:
        with Server(found, ENVIRONMENT.get(f"{PREFIX}CONTROL_TOKEN", "").strip() or None) as server:
            yield server.check()
        return
    from flaresend_mock import FlaresendMock  # by the package, which imports it faster

    with FlaresendMock() as emulator, Server(emulator.url, here=True) as server:
        yield server


def _source(world: str | Path) -> dict[str, Any]:
    """Return what a world is made from: a shipped fixture by its name, a world file or an export by its path."""
    if not isinstance(world, str | Path):
        raise TypeError(f"world is the name of a shipped one or the path of a file, not {world!r}")
    if not isinstance(world, Path) and "/" not in world and "\\" not in world and "." not in world:
        return {"fixture": world}
    try:
        data = json.loads(Path(world).read_text(encoding="utf-8"))
    except (RecursionError, ValueError) as problem:
        raise ValueError(f"{world}: no JSON: {problem}") from None
    return {"export" if isinstance(data, dict) and "format" in data else "world": data}


def _no_fixture(name: str) -> str:
    from flaresend_mock.package_data import world_names

    shipped = world_names()
    meant = get_close_matches(name, shipped, 1)
    hint = f"did you mean {meant[0]!r}?" if meant else f"shipped: {', '.join(shipped)}"
    return f"there is no world {name!r}; {hint} (a file is named with its path and ending)"
