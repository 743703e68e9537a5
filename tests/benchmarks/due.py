"""Measures how long messages that are scheduled for one second take to be sent, and that each is sent once.

    python -m tests.benchmarks.due [--tasks 10000] [--rounds 3]

They are scheduled with the clock frozen; then it is set a second before they are due, and runs. Each message carries
the time when it was sent, by the same clock: the last of them tells how long all took. The same is then done with
`POST /_mock/clock/advance`, timed from outside. Sending as many with `POST /send-message`, one call after the other,
is measured to compare with.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter
from datetime import datetime
from typing import Any

from tests.benchmarks.support import EMULATOR, MESSAGE, Process, table, terms
from tests.benchmarks.wire import Wire, request

BEFORE, DUE, LATER = "2025-11-14T10:00:00Z", "2025-11-15 09:00:00", "2025-11-15T08:59:59Z"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000, help="how many are due")
    parser.add_argument("--rounds", type=int, default=3, help="how often that is done")
    wanted = parser.parse_args()
    print(terms())
    print(measure(wanted.tasks, wanted.rounds))


def measure(tasks: int, rounds: int) -> str:
    history = ("--history", str(max(1000, 4 * tasks)))
    with Process([*EMULATOR, *history]) as emulator, Wire(emulator.port, 300) as wire:
        bench = Bench(wire, tasks)
        running, advanced, sent = [], [], []
        for _ in range(rounds):
            running.append(bench.run())
            advanced.append(bench.advance())
            sent.append(bench.send())
    one_by_one = statistics.median(sent)
    rows = [("what", "median s", "most s", "to calls")]
    for name, taken in (
        (f"{tasks:,} due in one second", running),
        ("  the same, by advancing", advanced),
        (f"{tasks:,} calls of /send-message", sent),
    ):
        middle = statistics.median(taken)
        rows.append((name, f"{middle:.2f}", f"{max(taken):.2f}", f"{middle / one_by_one:.2f}"))
    return table(rows)


class Bench:
    """Schedules messages, and has them sent."""

    def __init__(self, wire: Wire, tasks: int) -> None:
        self._wire = wire
        self._tasks = tasks

    def run(self) -> float:
        """Let the clock run up to them, and return the seconds from when they were due to the last."""
        self._schedule()
        self._call("PATCH", "/_mock/clock", {"now": LATER, "frozen": False})
        self._call("POST", "/_mock/messages/wait", self._all())
        return self._check()

    def advance(self) -> float:
        """Advance the clock beyond them, and return the seconds that the call took."""
        self._schedule()
        begun = time.perf_counter()
        self._call("POST", "/_mock/clock/advance", {"seconds": 86400})
        took = time.perf_counter() - begun
        self._check()
        return took

    def send(self) -> float:
        """Send as many messages in as many calls, and return the seconds they took."""
        self._call("POST", "/_mock/reset")
        send = request("POST", "/send-message", MESSAGE.encode())
        begun = time.perf_counter()
        for _ in range(self._tasks):
            self._wire.call(send)
        return time.perf_counter() - begun

    def _schedule(self) -> None:
        self._call("POST", "/_mock/reset")
        self._call("PATCH", "/_mock/clock", {"now": BEFORE, "frozen": True})
        for number in range(self._tasks):
            body = {**json.loads(MESSAGE), "text": f"message {number}", "sendAt": DUE}
            self._call("POST", "/schedule-message", body)

    def _all(self) -> dict[str, Any]:
        return {"match": {"text": f"message {self._tasks - 1}"}, "count": 1, "timeout": 120}

    def _check(self) -> float:
        """Check that each was sent once, and in its order; return when the last was, in seconds after they were due."""
        found = self._call("GET", f"/_mock/messages?limit={self._tasks + 1}")["messages"]
        texts = Counter(message["text"] for message in found)
        if len(texts) != self._tasks or set(texts.values()) != {1}:
            raise SystemExit(f"{len(texts)} of {self._tasks} were sent, {texts.most_common(1)} times at most")
        last = max(datetime.fromisoformat(message["timestamp"]) for message in found)
        return (last - datetime.fromisoformat(DUE.replace(" ", "T") + "+00:00")).total_seconds()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        status, response = self._wire.call(request(method, path, data))
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {response!r}")
        return json.loads(response)


if __name__ == "__main__":
    main()
