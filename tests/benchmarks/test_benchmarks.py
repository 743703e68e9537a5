"""The benchmarks run and measure something; what they find on a busy machine proves nothing, so it is not looked at."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from flaresend_mock import serving
from tests.benchmarks import control, dashboard, due, overhead, peers, speed, startup, support, webhooks

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
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


def test_start_up_and_memory_are_measured() -> None:
    found = rows(startup.measure(1, 200))
    assert 0 < float(found["start to first answer"][0]) < support.START_SECONDS
    assert float(found["memory after 200 messages"][0]) >= float(found["a bare Flask application"][0]) > 5


def test_the_parts_of_a_call_add_up() -> None:
    found = rows(overhead.measure(2, 5))
    parts = ("the journal", "the fault check", "the schema that loads", "the schema that dumps")
    together = float(found["journal, fault check and schemas together"][0])
    assert together == pytest.approx(sum(float(found[part][0]) for part in parts), abs=0.3)
    assert float(found["POST /send-message"][0]) > 0


def test_scheduled_messages_are_all_sent_once() -> None:
    found = rows(due.measure(50, 1))
    assert float(found["50 due in one second"][0]) < 60
    assert set(found) == {"50 due in one second", "the same, by advancing", "50 calls of /send-message"}


def test_a_message_that_was_not_sent_is_noticed() -> None:
    with support.Process(support.EMULATOR, pinned=False) as emulator, due.connected(emulator.url) as wire:
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
    with (
        support.Process(support.EMULATOR, pinned=False) as emulator,
        pytest.raises(SystemExit, match="Non-2xx"),
    ):
        support.wrk(emulator.url, support.Request("/send-message", "{}"), 1, 1)


def test_what_wrk_prints_is_read_in_milliseconds() -> None:
    assert support.read_wrk(PRINTED) == support.Load(599.5, 0.812, 1200.0)
    with pytest.raises(SystemExit, match="nothing"):
        support.read_wrk("nothing")


def test_a_server_that_does_not_start_is_told() -> None:
    with pytest.raises(SystemExit, match="cannot be done"):
        support.Process(["python", "-c", "raise SystemExit('this cannot be done')"], pinned=False)


def test_bare_flask_runs_as_the_emulator_does() -> None:
    source = Path(serving.__file__).read_text()
    for setting in ("asyncore_use_poll=True", "channel_request_lookahead=1", "ident=None"):
        assert setting in source
        assert setting in support.HELLO
    assert f"connection_limit={serving.MAX_CONNECTIONS}" in support.HELLO
