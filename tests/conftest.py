"""What the tests share: worlds on a clock of their own, and an application over them that runs nothing by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.testing.client import Flaresend
from tests.support import CI_EXAMPLES, RealTime, Stalls, client_of, default_state

_ANY_PACE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", _ANY_PACE, max_examples=20, derandomize=True)
settings.register_profile("ci", _ANY_PACE, max_examples=CI_EXAMPLES)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def real_time() -> RealTime:
    return RealTime()


@pytest.fixture
def stalls() -> Stalls:
    return Stalls()


@pytest.fixture
def make_world(real_time: RealTime, stalls: Stalls) -> Callable[[State], World]:
    return lambda state: World("default", state, real_time, HostServices(delay=stalls))


@pytest.fixture
def world(make_world: Callable[[State], World]) -> World:
    """The default world, at 2025-11-14 10:00 UTC, on a clock that runs with `real_time`."""
    return make_world(default_state())


@pytest.fixture
def client(world: World) -> Client:
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
