"""Constants and helpers that the tests share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings
from werkzeug.test import Client

from flaresend_mock.app import Application
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.http.context import AppServices
from flaresend_mock.package_data import world_file
from flaresend_mock.world_format import load_file

REPOSITORY = Path(__file__).parent.parent
KEY = {"Authorization": "Bearer YOUR_API_KEY"}
NOW = datetime(2025, 11, 14, 10, 0, tzinfo=UTC)
CI_EXAMPLES = 150


class RealTime:
    """Real time as a test wants it: it stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **amount: float) -> None:
        self.now += timedelta(**amount)


class Stalls(list[float]):
    """Remembers how long callers would have been kept waiting."""

    def __call__(self, seconds: float, until: Callable[[], bool] = bool) -> None:
        self.append(seconds)


@cache
def _parsed_default_world() -> State:
    return load_file(world_file("default"))


def default_state() -> State:
    """Return the contents of a default world of its own; its file is read once."""
    return _parsed_default_world().copy()


def client_of(world: World, *, strict: bool = False, **options: Any) -> Client:
    """Return a client of an application that serves just this world."""
    emulator = AppServices(
        worlds=Worlds(world),
        strict=strict,
        version="0",
        health=lambda: {"scheduler": True},
        uptime=lambda: 0.0,
        **options,
    )
    return Application(emulator).test_client()


def examples(count: int) -> int:
    """Return how many examples a test takes that takes `count` under the Hypothesis profile `ci`."""
    return max(1, count * settings().max_examples // CI_EXAMPLES)
