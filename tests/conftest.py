"""What the tests share: worlds on a clock of their own, and an application over them that runs nothing by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from flaresend_mock import FlaresendMock
from flaresend_mock.app import create_app
from flaresend_mock.core.outside import Outside
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.shipped import FIXTURES
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.web.context import Emulator
from flaresend_mock.worldfile import load_file

REPOSITORY = Path(__file__).parent.parent
KEY = {"Authorization": "Bearer YOUR_API_KEY"}
NOW = datetime(2025, 11, 14, 10, 0, tzinfo=UTC)


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


@pytest.fixture
def real_time() -> RealTime:
    return RealTime()


@pytest.fixture
def stalls() -> Stalls:
    return Stalls()


@pytest.fixture
def make_world(real_time: RealTime, stalls: Stalls) -> Callable[[State], World]:
    return lambda state: World("default", state, real_time, Outside(stall=stalls))


@pytest.fixture
def world(make_world: Callable[[State], World]) -> World:
    """The default world, at 2025-11-14 10:00 UTC, on a clock that runs with `real_time`."""
    return make_world(load_file(FIXTURES / "worlds" / "default.json"))


def client_of(world: World, *, strict: bool = False, **options: Any) -> FlaskClient:
    """Return a client of an application that serves just this world."""
    emulator = Emulator(
        worlds=Worlds(world),
        strict=strict,
        version="0",
        health=lambda: {"scheduler": True},
        uptime=lambda: 0.0,
    )
    return create_app(emulator, **options).test_client()


@pytest.fixture
def client(world: World) -> FlaskClient:
    return client_of(world)


@pytest.fixture
def flaresend() -> Iterator[FlaresendMock]:
    """A whole emulator on a socket."""
    with FlaresendMock() as running:
        yield running


@pytest.fixture
def kit(flaresend: FlaresendMock) -> Iterator[Flaresend]:
    """The default world of that emulator, as the test kit sees it."""
    with Flaresend(flaresend.url, flaresend.api_key, here=True) as client:
        yield client
