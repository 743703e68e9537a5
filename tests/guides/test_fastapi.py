"""The page for FastAPI: its example passes. Applications of Starlette and Litestar are called likewise."""

import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.testing import Flaresend
from tests.guides import run, write_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_bookings.py")
ANN = "254712345678"
needs_all = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("fastapi", "pytest_asyncio")),
    reason="FastAPI or pytest-asyncio is not installed",
)


@needs_all
def test_the_example_passes(tmp_path: Path) -> None:
    write_files("fastapi.md", tmp_path)

    assert "4 passed" in run(tmp_path, *PYTEST)


@needs_all
def test_it_passes_against_an_emulator_elsewhere(tmp_path: Path) -> None:
    write_files("fastapi.md", tmp_path)

    with FlaresendMock() as emulator:
        assert "4 passed" in run(tmp_path, *PYTEST, FLARESEND_MOCK_URL=emulator.url)


@needs_all
def test_an_application_that_does_not_try_again_fails_it(tmp_path: Path) -> None:
    write_files("fastapi.md", tmp_path)
    bot = tmp_path / "bookings.py"
    bot.write_text(bot.read_text().replace("tries=3", "tries=1"))

    assert "1 failed, 3 passed" in run(tmp_path, *PYTEST, fails=True)


def starlette_app(started: list[str]) -> Any:
    async def hook(request: Any) -> Any:
        event = await request.json()
        return import_module("starlette.responses").JSONResponse({"got": event["event"]})

    route = import_module("starlette.routing").Route("/webhook", hook, methods=["POST"])
    return import_module("starlette.applications").Starlette(routes=[route], lifespan=lifespan(started))


def litestar_app(started: list[str]) -> Any:
    litestar = import_module("litestar")

    @litestar.post("/webhook", status_code=200)
    async def hook(request: litestar.Request) -> dict:
        return {"got": (await request.json())["event"]}

    return litestar.Litestar([hook], lifespan=[lifespan(started)])


def lifespan(started: list[str]) -> Any:
    @asynccontextmanager
    async def lives(app: Any) -> Any:
        if started:
            raise ConnectionError("no database")
        started.append("start")
        yield
        started.append("end")

    return lives


@pytest.mark.parametrize(("name", "make"), [("starlette", starlette_app), ("litestar", litestar_app)])
def test_others_are_called_likewise(name: str, make: Callable[[list[str]], Any], flaresend_mock: Flaresend) -> None:
    pytest.importorskip(name)
    started: list[str] = []
    flaresend_mock.webhook_app(make(started))
    flaresend_mock.receive(ANN, "hi")

    assert flaresend_mock.deliveries()[0].attempts[0].response == '{"got":"message_received"}'
    with pytest.raises((ConnectionError, ExceptionGroup)) as refused:  # Litestar raises a group
        flaresend_mock.webhook_app(make(started))
    raised = refused.value.exceptions[0] if isinstance(refused.value, ExceptionGroup) else refused.value
    assert str(raised) == "no database"
    flaresend_mock.close()
    assert started == ["start", "end"]
