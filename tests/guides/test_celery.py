"""The page for Celery: its example passes, and its tests notice a task that does not try again."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.guides import run, write_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(find_spec("celery") is None, reason="Celery is not installed"),
]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tasks.py")


def test_the_example_passes(tmp_path: Path) -> None:
    write_files("celery.md", tmp_path)

    assert "6 passed" in run(tmp_path, *PYTEST)


def test_a_task_that_does_not_try_again_fails_them(tmp_path: Path) -> None:
    write_files("celery.md", tmp_path)
    tasks = tmp_path / "tasks.py"
    tasks.write_text(tasks.read_text().replace("status_code < 500", "status_code < 600"))

    said = run(tmp_path, *PYTEST, fails=True)

    assert "2 failed, 4 passed" in said
