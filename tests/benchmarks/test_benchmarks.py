"""Benchmarks and load programs, started with small numbers.

What the benchmarks measure on a busy machine proves nothing: the tests look only at whether they measure something.
What the load programs check holds for few calls, too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flaresend_mock.app import api_app
from tests.benchmarks import (
    concurrency,
    control,
    dashboard,
    due,
    endurance,
    overhead,
    peers,
    scale,
    speed,
    startup,
    support,
    webhooks,
)
from tests.benchmarks.wire import Wire, request
from tests.support import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from /proc, which this system lacks"
)

COMMANDS = sorted(
    {
        command
        for document in ("benchmarks.md", "load.md")
        for command in re.findall(r"^python -m (tests\.\S+)", (REPOSITORY / "docs" / document).read_text(), re.M)
    }
)
CLIENTS = 8
PATIENCE_SECONDS = 20
PRINTED = """Running 2s test @ http://127.0.0.1:3577/send-message
  Latency Distribution
     50%  812.00us
     75%    1.02ms
     90%    2.10ms
     99%    1.20s
  1200 requests in 2.00s, 0.40MB read
Requests/sec:    599.50
"""


def rows(table: str) -> dict[str, list[str]]:
    """Return the cells of a table by the first of their line."""
    lines = table.splitlines()
    spans = [match.span() for match in re.finditer("-+", lines[1])]
    cells = [[line[start:end].strip() for start, end in spans] for line in lines[2:]]
    return {first: rest for first, *rest in cells}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_starts(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", command, "--help"], cwd=REPOSITORY, capture_output=True, text=True, timeout=50
    )

    assert done.stdout.startswith("usage: "), done.stderr


# --- benchmarks


@needs_proc
def test_start_up_and_memory_are_measured() -> None:
    found = rows(startup.measure(1, 200))
    assert 0 < float(found["start to first response"][0]) < support.START_SECONDS
    assert float(found["memory after 200 messages"][0]) >= float(found["a bare Flask application"][0]) > 5


def test_the_parts_of_a_call_add_up() -> None:
    found = rows(overhead.measure(2, 5))
    parts = ("the request log", "the fault check", "the schema that loads", "the schema that dumps")
    together = float(found["log, fault check and schemas together"][0])
    assert together == pytest.approx(sum(float(found[part][0]) for part in parts), abs=0.3)
    assert float(found["POST /send-message"][0]) > 0


def test_scheduled_messages_are_all_sent_once() -> None:
    found = rows(due.measure(50, 1))
    assert float(found["50 due in one second"][0]) < 60
    assert set(found) == {"50 due in one second", "the same, by advancing", "50 calls of /send-message"}


def test_a_message_that_was_not_sent_is_noticed() -> None:
    with support.started() as emulator, Wire(emulator.port) as wire:
        bench = due.Bench(wire, 3)
        with pytest.raises(SystemExit, match="0 of 3 were sent"):
            bench._check()


def test_webhooks_are_measured() -> None:
    found = rows(webhooks.measure(events=20, rounds=1, chats=5, samples=20))
    assert float(found["events delivered, nothing else done"][0]) > 0


def test_the_control_plane_is_measured() -> None:
    found = rows(control.measure(2, 20, 3, calls=3))
    assert float(found["with 2 waiting for another message"][0]) > 0
    assert len(found) == 10


def test_the_dashboard_is_measured() -> None:
    found = rows(dashboard.measure(60, 5, seconds=1))
    assert float(found["one conversation"][0]) > 0
    assert len(found) >= 6


@needs_wrk
def test_calls_are_compared_to_bare_flask() -> None:
    found = rows(speed.measure([1], 1, 1))
    assert len(found) == 5
    assert all(float(cells[1]) > 0 for cells in found.values())


@needs_wrk
def test_peers_that_are_not_there_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(rows(peers.measure(tmp_path, 1, 1, 1))) == ["flaresend-mock"]
    assert "Prism: not installed" in capsys.readouterr().err


@needs_wrk
def test_a_refusal_is_no_answer_to_measure() -> None:
    with support.started() as emulator, pytest.raises(SystemExit, match="Non-2xx"):
        support.wrk(emulator.url, support.Request("/send-message", "{}"), 1, 1)


def test_what_wrk_prints_is_read_in_milliseconds() -> None:
    assert support.read_wrk(PRINTED) == support.Load(599.5, 0.812, 1200.0)
    with pytest.raises(SystemExit, match="nothing"):
        support.read_wrk("nothing")


def test_a_server_that_does_not_start_is_told() -> None:
    with pytest.raises(SystemExit, match="cannot be done"):
        support.Process([sys.executable, "-c", "raise SystemExit('this cannot be done')"], pinned=False)


def test_the_stacks_of_an_emulator_that_is_stuck_are_told() -> None:
    with support.started() as emulator:
        assert "(most recent call first)" in emulator.stacks()


# --- load


def test_eight_clients_that_make_every_call_at_once_break_nothing() -> None:
    outcome = concurrency.run(CLIENTS, seed=1, rounds=1)

    assert outcome.problems == []
    assert outcome.count >= CLIENTS * len(concurrency.DECK)
    assert documented() <= set(outcome.calls)


FORMER = "/channels/create"
"""A path that was documented for two days."""


def documented() -> set[str]:
    """Return every call of the API, as it stands in the table."""
    return {
        f"{method} {concurrency.pattern(rule.rule)}"
        for rule in api_app().url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/v/", "/_mock")) and rule.rule != FORMER
    }


def test_clients_that_export_first_and_at_once_leave_the_emulator_running() -> None:
    start = threading.Barrier(CLIENTS)

    with support.started() as emulator:

        def export() -> int:
            with Wire(emulator.port) as wire:
                wire.call(request("GET", "/_mock/health"))
                start.wait(30)
                return wire.call(request("GET", "/_mock/world"))[0]

        with ThreadPoolExecutor(CLIENTS) as pool:
            responses = [pool.submit(export) for _ in range(CLIENTS)]
        assert [one.result() for one in responses] == [200] * CLIENTS


def measured(figures: Sequence[endurance.Figure], name: str) -> float:
    return next(one.value for one in figures if one.name == name)


@needs_proc
def test_memory_stays_level_once_the_history_is_full() -> None:
    figures = endurance.sends(800, warm=400, window=100, options=("--history", "100"))

    assert measured(figures, "growth") < 10


@needs_proc
def test_uploads_that_come_at_once_take_no_more_than_their_size_twice_over() -> None:
    figures = endurance.uploads(clients=4, size=8 * endurance.MIB, most=1024)

    assert not any(one.missed for one in figures), endurance.shown(figures)
    assert measured(figures, "memory at its peak") - measured(figures, "memory before") < 2 * 4 * 8 + 64


@needs_proc
def test_clients_that_idle_or_are_slow_keep_no_call_waiting_though_they_are_many() -> None:
    figures = endurance.idlers(idle=50, half=10, slow=10, calls=40, pause=0, most=PATIENCE_SECONDS)

    assert not any(one.missed for one in figures), endurance.shown(figures)


@needs_proc
def test_what_is_pending_is_refused_before_it_takes_all_memory() -> None:
    figures = endurance.pending(count=80, most=1024)

    assert not any(one.missed for one in figures), endurance.shown(figures)
    assert 0 < figures[0].value < 80
    assert figures[1].value < 80


SMALL: dict[str, dict[str, int | None]] = {
    "worlds": {"many": 4, "clients": 3},
    "messages": {"many": 300},
    "groups": {"many": 5, "size": 20},
    "clients": {"many": 2, "seconds": None, "rounds": 1},
    "webhooks": {"many": 90},
}


@needs_proc
@pytest.mark.parametrize("part", scale.PARTS)
def test_nothing_is_lost_or_doubled_in_many_worlds_groups_and_webhooks(part: str) -> None:
    here, beside = scale.run(part, [None, REPOSITORY], SMALL[part], SMALL[part])

    assert here.problems == beside.problems == []
    found = rows(scale.shown(part, here, beside))
    assert float(found["memory at its peak, MB"][2]) == pytest.approx(1, abs=0.5)


def test_what_is_lost_or_doubled_is_noticed() -> None:
    outcome = scale.Outcome()

    outcome.compare("messages", ["a", "b", "c"], ["c", "a", "a"])

    assert outcome.problems == ["messages: 1 lost, such as ['b']", "messages: 1 too many, such as ['a']"]
