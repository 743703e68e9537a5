"""What the tests share: worlds on a clock of their own, and an application over them that runs nothing by itself."""

from __future__ import annotations

import faulthandler
import gc
import os
import tempfile
from collections.abc import Callable, Generator, Iterator

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


GRACE_SECONDS = 15
SLOW_SECONDS = 240
MOST_MORE = 4
_stderr = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_stderr] = os.dup(2)  # before any test captures it
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a hundred programs that tests start would each compile it all
    folder = tempfile.TemporaryDirectory(prefix="flaresend-mock-")  # the CA of the tests, not of who runs them
    config.add_cleanup(folder.cleanup)
    os.environ["LOCALAPPDATA" if os.name == "nt" else "XDG_DATA_HOME"] = folder.name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are cores: some tests wait for processes and connections."""
    cores = os.cpu_count() or 1
    return cores + min(cores, MOST_MORE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests, which start processes and browsers, more time than the others have."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


def pytest_collection_finish() -> None:
    gc.freeze()  # thousands of tests and modules that live until the end: no collection looks through them again


def pytest_enter_pdb() -> None:
    faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the process where a test outlives its own time limit, as one does that then waits for a thread."""
    marker = item.get_closest_marker("timeout")
    limit = float(marker.args[0] if marker else item.config.getini("timeout"))
    faulthandler.dump_traceback_later(limit + GRACE_SECONDS, exit=True, file=item.config.stash[_stderr])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


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
