"""docs/testing.md: its examples run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.support import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "testing.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ (\S+\.\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("FLARESEND")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, *command: str, **variables: str) -> str:
    done = subprocess.run(command, cwd=folder, env={**CLEAN, **variables}, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_there_are_examples() -> None:
    assert {"bookings.py", "test_bookings.py", "test_unittest.py", "bookings.test.mjs", "bookings.sh"} <= FILES.keys()


@pytest.mark.slow
def test_the_example_for_pytest_passes(folder: Path) -> None:
    said = run(folder, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_bookings.py")

    assert "4 passed" in said


@pytest.mark.slow
def test_the_example_for_unittest_passes(folder: Path) -> None:
    assert "Ran 1 test" in run(folder, sys.executable, "-m", "unittest", "test_unittest.py")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_example_for_node_passes(folder: Path) -> None:
    with FlaresendMock() as emulator:
        said = run(folder, "node", "--test", "bookings.test.mjs", FLARESEND_MOCK_URL=emulator.url)

    assert "pass 2" in said


@pytest.mark.slow
def test_the_example_for_bash_passes_and_cleans_up(folder: Path) -> None:
    with FlaresendMock() as emulator:
        said = run(folder, "bash", "bookings.sh", FLARESEND_MOCK_URL=emulator.url)
        left = [world.name for world in emulator.worlds.all()]

    assert "The reminder was sent, at attempt 2." in said
    assert left == ["default"]
