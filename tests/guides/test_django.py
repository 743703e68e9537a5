"""The page for Django: its example passes, and its rows are where they are only by the thread of the test."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.guides import run, write_files
from tests.support import REPOSITORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(find_spec("pytest_django") is None, reason="pytest-django is not installed"),
]
PYTEST = (sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_bookings.py")


def test_the_example_passes(tmp_path: Path) -> None:
    write_files("django.md", tmp_path)

    assert "8 passed" in run(tmp_path, *PYTEST)


def test_it_passes_against_an_emulator_elsewhere(tmp_path: Path) -> None:
    write_files("django.md", tmp_path)

    with FlaresendMock() as emulator:
        assert "8 passed" in run(tmp_path, *PYTEST, FLARESEND_MOCK_URL=emulator.url)


def test_another_thread_would_not_see_the_transaction(tmp_path: Path) -> None:
    write_files("django.md", tmp_path)
    tests = tmp_path / "test_bookings.py"
    tests.write_text(tests.read_text().replace("webhook_app(application)", 'webhook_app(application, thread="own")'))

    run(tmp_path, *PYTEST, "-k", "test_a_booking_is_stored", fails=True)


def test_a_coroutine_shares_its_transaction_with_an_application_of_wsgi(tmp_path: Path) -> None:
    write_files("django.md", tmp_path)
    tests = tmp_path / "test_bookings.py"
    tests.write_text(tests.read_text().replace("aio.webhook_app(get_asgi", "aio.webhook_app(get_wsgi"))

    assert "2 passed" in run(tmp_path, *PYTEST, "-k", "BookingCase")


def test_the_test_runner_of_django_runs_it_in_parallel(tmp_path: Path) -> None:
    write_files("django.md", tmp_path)
    path = os.pathsep.join((".", str(REPOSITORY)))
    command = ("django", "test", "--settings", "settings", "--parallel", "2", "-p", "test_bookings.py")

    assert "Ran 2 tests" in run(tmp_path, sys.executable, "-m", *command, PYTHONPATH=path)
