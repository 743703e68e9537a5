"""The concurrency command, small: eight clients that make every call once or more."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from flaresend_mock.app import api_app
from tests.load.concurrency import DECK, pattern, run
from tests.load.support import Emulator, Wire, request

CLIENTS = 8


def test_eight_who_make_every_call_at_once_break_nothing() -> None:
    outcome = run(CLIENTS, seed=1, rounds=1)

    assert outcome.problems == []
    assert outcome.count >= CLIENTS * len(DECK)
    assert documented() <= set(outcome.calls)


def test_those_who_export_first_and_at_once_leave_the_emulator_running() -> None:
    start = threading.Barrier(CLIENTS)

    with Emulator() as emulator:

        def export() -> int:
            with Wire(emulator.port) as wire:
                wire.call(request("GET", "/_mock/health"))
                start.wait(60)
                return wire.call(request("GET", "/_mock/world"))[0]

        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = [pool.submit(export) for _ in range(CLIENTS)]
        assert [one.result() for one in answers] == [200] * CLIENTS


def documented() -> set[str]:
    """Return every call of the API, as it stands in the table."""
    rules = api_app().url_map.iter_rules()
    return {
        f"{method} {pattern(rule.rule)}"
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/v/", "/_mock"))
    }
