"""The pytest plugin: one emulator for a run, and one world for every test.

Every run of pytest imports this module where the package is installed, so it imports the kit when a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from flaresend_mock.testing.client import Flaresend
    from flaresend_mock.testing.server import Server

MARKER = "flaresend"
SECTION = "flaresend-mock"

_T = TypeVar("_T")

_CLIENT: pytest.StashKey[Flaresend] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup(SECTION).addoption(
        "--flaresend-mock-url",
        metavar="URL",
        help="Test against the emulator at this address, such as one in docker, instead of one in this process "
        "[FLARESEND_MOCK_URL]; its control token, if it has one, is taken from FLARESEND_MOCK_CONTROL_TOKEN.",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{MARKER}(world='default', seed=None, frozen_at=None, clock='real', time_zone=None, **settings): the world "
        "of the fixture: a shipped one by its name, or a world file or an export by its path, beside the test's file "
        "or in the root folder; its clock, which follows real time, or with clock='process' that of the process, even "
        "if it is fake; and its settings, such as directory='closed'.",
    )


@pytest.fixture(scope="session")
def flaresend_mock_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The emulator of the whole run: in this process, or the one at --flaresend-mock-url."""
    from flaresend_mock.testing.server import serving

    with ExitStack() as running:
        yield _enter(running, lambda: serving(request.config.getoption("--flaresend-mock-url")))


@pytest.fixture
def flaresend_mock(request: pytest.FixtureRequest, flaresend_mock_server: Server) -> Iterator[Flaresend]:
    """A world for this test alone, with its own API key. The end of the test deletes it."""
    with ExitStack() as made:
        server, name = flaresend_mock_server, request.node.nodeid
        client = _enter(made, lambda: server.world(name, **_marker_arguments(request)))
        request.node.stash[_CLIENT] = client
        try:
            yield client
        finally:  # an item lives until the run ends
            del request.node.stash[_CLIENT]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the transcript of the world to the report of a test that failed, unless the failure shows it."""
    report = yield
    client = item.stash.get(_CLIENT, None)
    is_explained = call.excinfo is not None and getattr(call.excinfo.value, "explains_itself", False)
    if report.failed and client is not None and not is_explained:
        try:
            text = client.transcript()
        except Exception as error:  # a report must not hide the failure it is about
            text = f"(no transcript: {error})"
        report.sections.append((SECTION, text))
    return report


def _enter(stack: ExitStack, make: Callable[[], AbstractContextManager[_T]]) -> _T:
    """Enter a context. An error that the user can mend fails the test without a traceback through this package."""
    from flaresend_mock.background.blockers import describe_stop
    from flaresend_mock.client import EmulatorUnreachable

    try:
        return stack.enter_context(make())
    except Exception as error:
        stop = describe_stop(error)
        if stop is None and not isinstance(error, OSError | TypeError | EmulatorUnreachable | ValueError):
            raise
        why = stop or str(error)
    pytest.fail(f"flaresend_mock: {why}", pytrace=False)


def _marker_arguments(request: pytest.FixtureRequest) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for marker in request.node.iter_markers(MARKER):
        if marker.args:
            pytest.fail(f"@pytest.mark.{MARKER} takes names only, such as world='demo'", pytrace=False)
        wanted = {**marker.kwargs, **wanted}
    if isinstance(wanted.get("world"), str | Path):
        places = [request.path.parent, request.config.rootpath]
        beside = [place / wanted["world"] for place in places if (place / wanted["world"]).is_file()]
        wanted["world"] = beside[0] if beside else wanted["world"]
    return wanted
