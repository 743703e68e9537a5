"""The pages for pytest, asyncio, unittest and bash: their examples pass."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.guides import run, write_files

pytestmark = pytest.mark.slow


def test_the_example_for_pytest_passes(tmp_path: Path) -> None:
    write_files("pytest.md", tmp_path)

    said = run(tmp_path, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_bookings.py")

    assert "5 passed" in said


def test_the_example_for_unittest_passes(tmp_path: Path) -> None:
    write_files("unittest.md", tmp_path)

    assert "Ran 1 test" in run(tmp_path, sys.executable, "-m", "unittest", "test_unittest.py")


def test_the_examples_for_asyncio_pass(tmp_path: Path) -> None:
    pytest.importorskip("pytest_asyncio")
    write_files("asyncio.md", tmp_path)

    said = run(tmp_path, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_bot.py")

    assert "2 passed" in said
    assert "Ran 1 test" in run(tmp_path, sys.executable, "-m", "unittest", "test_unittest_asyncio.py")


def test_the_example_for_bash_passes_and_cleans_up(tmp_path: Path) -> None:
    write_files("bash.md", tmp_path)

    with FlaresendMock(control_token="a-token") as emulator:
        settings = {"FLARESEND_MOCK_URL": emulator.url, "FLARESEND_MOCK_CONTROL_TOKEN": "a-token"}
        said = run(tmp_path, "bash", "bookings.sh", **settings)
        left = [world.name for world in emulator.worlds.all()]

    assert "The reminder was sent, at attempt 2." in said
    assert left == ["default"]
