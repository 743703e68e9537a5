"""The endurance commands, small: what they check holds for few calls, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.load.endurance import Figure, idlers, sends, shown, uploads
from tests.load.support import MIB

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")

PATIENCE_SECONDS = 20


def measured(figures: Sequence[Figure], name: str) -> float:
    return next(one.value for one in figures if one.name == name)


def test_memory_stays_as_it_is_once_the_history_is_full() -> None:
    figures = sends(800, warm=400, window=100, options=("--history", "100"))

    assert measured(figures, "growth") < 10


def test_uploads_that_come_at_once_take_no_more_than_their_size_twice_over() -> None:
    figures = uploads(clients=4, size=8 * MIB, most=1024)

    assert not any(one.missed for one in figures), shown(figures)
    assert measured(figures, "memory at its peak") - measured(figures, "memory before") < 2 * 4 * 8 + 64


def test_clients_that_idle_or_are_slow_keep_nobody_waiting_though_they_are_more_than_threads() -> None:
    figures = idlers(
        idle=50, half=10, slow=10, calls=40, pause=0, most=PATIENCE_SECONDS, options=("--threads", "4")
    )

    assert not any(one.missed for one in figures), shown(figures)
