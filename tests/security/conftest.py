"""Whole emulators: most of what is attacked is more than one world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from tests.receiver import Receiver


@pytest.fixture
def client() -> Client:
    """A whole emulator that is not started."""
    return FlaresendMock().app.test_client()


@pytest.fixture(scope="module")
def shared() -> Client:
    """The same, for all tests of a file: they refuse, and leave it as it was."""
    return FlaresendMock().app.test_client()


@pytest.fixture(scope="module")
def running() -> Iterator[FlaresendMock]:
    """A whole emulator on a socket, for all tests of a file."""
    with FlaresendMock(max_body_size=100_000) as emulator:
        yield emulator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening
