"""The emulator of a test run, in this process or elsewhere, and a world for every test."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import fields
from itertools import count
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

from flaresend_mock.background.realtime import process_now
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable, NotAnEmulator
from flaresend_mock.core import hosts, state
from flaresend_mock.core.matchers.parser import unknown
from flaresend_mock.settings import ENVIRONMENT, PREFIX
from flaresend_mock.testing.client import Flaresend

if TYPE_CHECKING:
    from flaresend_mock.server import FlaresendMock

__tracebackhide__ = True  # pytest shows the line of the test instead

_OPTIONS = ("seed", "time_zone", *(one.name for one in fields(state.WorldSettings)))
_WORLD_OPTIONS = ("world", "frozen_at", "clock", *_OPTIONS)
_numbers = count(1)


class Server(AbstractContextManager["Server"]):
    """An emulator that creates a world for every test. `token` is its control token; `here` is one in this process."""

    def __init__(self, url: str, token: str | None = None, *, here: FlaresendMock | None = None) -> None:
        self.url, self._here, self._token = url, here, token
        self._control = ControlPlane(url, token=token)

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def world(self, about: str = "", /, **wanted: Any) -> Iterator[Flaresend]:
        """Create a world, and delete it afterwards; EmulatorUnreachable if no emulator responds.

        Args:
            about: what the world is for, such as the name of a test. Without a seed, it decides the ids, so that two
                tests never share one.
            wanted: `world`, `seed`, `frozen_at`, `clock`, `time_zone` and settings, as the marker takes them; TypeError
                for another name, ValueError with the reason for a wrong value.
        """
        last = self._call("GET", "/events?limit=1")["events"]
        elsewhere, clock = last[-1]["id"] if last else 0, wanted.get("clock", "real")
        if clock not in ("real", "process") or (clock == "process" and self._here is None):
            raise ValueError(f"clock: 'real', or 'process' with an emulator in this process, not {clock!r}")
        made = self._make(wanted, about)
        client = Flaresend(self.url, made["api_key"], self._token, made["name"], self._here is not None, elsewhere)
        try:
            if self._here is not None and clock == "process":
                self._here.worlds.get(made["name"]).follow_process(process_now)
            if wanted.get("frozen_at") is not None:
                try:
                    client.freeze_for_good(wanted["frozen_at"])
                except (ControlPlaneError, TypeError) as problem:
                    raise ValueError(f"frozen_at: {problem}") from None
            yield client
        finally:
            client.close()
            self._delete(made["name"])

    def check(self) -> Self:
        """Make sure that the URL is that of an emulator, and the control token right; EmulatorUnreachable if not."""
        health: Any = {}
        with suppress(ControlPlaneError):
            health = self._call("GET", "/health")
        if "version" not in health:
            raise NotAnEmulator(self.url)
        self._call("GET", "/clock")
        return self

    def close(self) -> None:
        self._control.close()

    def _make(self, wanted: Mapping[str, Any], about: str) -> Any:
        for name in wanted:
            if name not in _WORLD_OPTIONS:
                raise TypeError(f"the option {unknown(name, _WORLD_OPTIONS)}")
        body = _source(wanted.get("world") or "default")
        given = next(iter(body.values()))  # the contents of a file, or a name
        is_given = isinstance(given, dict) and given.get("public_url")
        if not self._here and not is_given and hosts.is_base_url(self.url):
            body["public_url"] = self.url  # media may arrive before the first call of the application
        body |= {name: wanted[name] for name in _OPTIONS if wanted.get(name) is not None}
        if about and "export" not in body:
            body.setdefault("seed", crc32(about.encode("utf-8", "replace")))
        while True:
            try:
                return self._call("POST", "/worlds", {"name": f"test-{getpid()}-{next(_numbers)}", **body})
            except ControlPlaneError as refused:
                if refused.code == "world_exists":  # another run uses the same emulator
                    continue
                problem, wrong = str(refused), body.get("fixture")
                if wrong is not None and "fixture" in problem:
                    from flaresend_mock.package_data import world_names

                    problem = f"the world {unknown(wrong, world_names())} (a file is named with its path and ending)"
                raise ValueError(problem) from None

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """Make a call. An emulator that refuses the control token counts as unreachable."""
        try:
            return self._control.call(method, path, body)
        except ControlPlaneError as refused:
            if refused.status != 401:
                raise
        lack = "has another control token than" if self._token else "needs its control token in"
        raise EmulatorUnreachable(f"the emulator at {self.url} {lack} {PREFIX}CONTROL_TOKEN")

    def _delete(self, name: str) -> None:
        try:
            self._control.call("DELETE", f"/worlds/{name}")
        except EmulatorUnreachable:
            return  # the emulator is gone, and its worlds with it
        except ControlPlaneError as refused:
            if refused.code != "world_not_found":
                raise


@contextmanager
def serving(url: str | None = None) -> Iterator[Server]:
    """Use the emulator at a URL, or in FLARESEND_MOCK_URL, or start one in this process."""
    if found := (url or ENVIRONMENT.get(f"{PREFIX}URL", "")).strip().rstrip("/"):
        with Server(found, ENVIRONMENT.get(f"{PREFIX}CONTROL_TOKEN", "").strip() or None) as server:
            yield server.check()
        return
    from flaresend_mock import FlaresendMock  # only this case needs the emulator

    transcripts = ENVIRONMENT.get(f"{PREFIX}TRANSCRIPT_ON_EXIT") or None
    with FlaresendMock(transcript_on_exit=transcripts) as emulator, Server(emulator.url, here=emulator) as server:
        yield server


def _source(world: str | Path) -> dict[str, Any]:
    if not isinstance(world, str | Path):
        raise TypeError(f"world is the name of a shipped one or the path of a file, not {world!r}")
    if not isinstance(world, Path) and "/" not in world and "\\" not in world and "." not in world:
        return {"fixture": world}
    try:
        data = json.loads(Path(world).read_text(encoding="utf-8"))
    except (RecursionError, ValueError) as problem:
        raise ValueError(f"{world}: no JSON: {problem}") from None
    return {"export" if isinstance(data, dict) and "format" in data else "world": data}
