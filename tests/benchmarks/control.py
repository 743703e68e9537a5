"""Measures what the control plane costs: those who wait, snapshots, many worlds, and faults that do not match.

    python -m tests.benchmarks.control [--waiters 200] [--messages 10000] [--worlds 1000]

Emulator and caller are one process, so ratios mean more than the times.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import Stopwatch
from tests.benchmarks.support import table, terms
from tests.live.pending import Pending, until_begun

Rows = list[tuple[str, str, str]]

HELLO = {"recipients": ["254712345678"], "type": "text", "text": "Hello"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiters", type=int, default=200, help="how many wait at once")
    parser.add_argument("--messages", type=int, default=10_000, help="how many a snapshot and an export hold")
    parser.add_argument("--worlds", type=int, default=1_000, help="how many worlds there are")
    wanted = parser.parse_args()
    print(terms())
    print(measure(wanted.waiters, wanted.messages, wanted.worlds))


def measure(waiting: int, messages: int, many: int, calls: int = 300) -> str:
    """Time everything with so many who wait, messages and worlds; a call of the API is timed so many times."""
    rows = [*waiters(waiting, calls), *snapshots(messages), *worlds(many, calls), *faults(calls)]
    return table([("what", "measured", ""), *rows])


def waiters(waiting: int, calls: int) -> Rows:
    with emulator() as (flaresend, session):
        send = sender(flaresend, session)
        timed(send, calls)
        alone = timed(send, calls)
        body = {"match": {"text": "go"}, "timeout": 120}
        calls_waiting = [Pending(flaresend, "POST", "/_mock/messages/wait", body) for _ in range(waiting)]
        until_begun(flaresend)
        crowded = timed(send, calls)
        watch = Stopwatch()
        session.post(f"{flaresend.url}/send-message", json={**HELLO, "text": "go"}, headers=flaresend.headers)
        statuses = [one.response()[0] for one in calls_waiting]
    if statuses.count(200) != waiting:
        raise SystemExit(f"{statuses.count(200)} of {waiting} were answered")
    return [
        ("POST /send-message, no call waiting", f"{alone * 1000:.2f}", "ms"),
        (f"  with {waiting} waiting for another message", f"{crowded / alone:.2f}", "times that"),
        (f"  until all {waiting} have got theirs", f"{watch.seconds:.2f}", "s"),
    ]


def snapshots(messages: int) -> Rows:
    with emulator() as (flaresend, session):
        many = {**HELLO, "recipients": [f"2547{n:08}" for n in range(messages)]}
        session.post(f"{flaresend.url}/send-message", json=many, headers=flaresend.headers)
        session.post(f"{flaresend.url}/_mock/snapshots/a")
        restore = timed(lambda: session.post(f"{flaresend.url}/_mock/snapshots/a/restore"), 20)
        exported: list[bytes] = []
        export = timed(lambda: exported.append(session.get(f"{flaresend.url}/_mock/world").content), 3)
        size = len(exported[0]) / 2**20
        back = timed(lambda: session.put(f"{flaresend.url}/_mock/world", data=exported[0], headers=JSON), 3)
    return [
        (f"restoring a snapshot of {messages:,} messages", f"{restore * 1000:.1f}", "ms"),
        (f"exporting {messages:,} messages, {size:.1f} MiB", f"{export:.2f}", "s"),
        ("  importing them", f"{back:.2f}", "s"),
    ]


def worlds(many: int, calls: int) -> Rows:
    with emulator(auth="open") as (flaresend, session):
        send = sender(flaresend, session)
        timed(send, calls)
        alone = timed(send, calls)
        made = timed(opener(flaresend, session), many - 1)
        crowded = timed(send, calls)
        evicting = timed(opener(flaresend, session, "more"), 50)
    return [
        (f"POST /send-message in one of {many:,} worlds", f"{crowded / alone:.2f}", "times that in the only one"),
        ("  its first in a world of its own", f"{made * 1000:.2f}", "ms"),
        ("  its first, with another world given up for it", f"{evicting * 1000:.2f}", "ms"),
    ]


def opener(flaresend: FlaresendMock, session: requests.Session, name: str = "worker") -> Callable[[], Any]:
    count = iter(range(10**6))

    def use() -> None:
        key = {"Authorization": f"Bearer {name}-{next(count)}"}
        session.post(f"{flaresend.url}/send-message", json=HELLO, headers=key).raise_for_status()

    return use


def faults(calls: int) -> Rows:
    with emulator() as (flaresend, session):
        send = sender(flaresend, session)
        timed(send, calls)
        alone = timed(send, calls)
        for n in range(20):
            fault = {"match": {"number": f"2547000000{n:02}"}, "respond": {"status": 503}}
            session.post(f"{flaresend.url}/_mock/faults", json=fault).raise_for_status()
        armed = timed(send, calls)
    return [("POST /send-message with 20 faults that do not match", f"{armed / alone:.2f}", "times that with none")]


JSON = {"Content-Type": "application/json"}


@contextmanager
def emulator(**options: Any) -> Iterator[tuple[FlaresendMock, requests.Session]]:
    with FlaresendMock(log_level="error", **options) as flaresend, requests.Session() as session:
        yield flaresend, session


def sender(flaresend: FlaresendMock, session: requests.Session) -> Callable[[], Any]:
    def send() -> None:
        session.post(f"{flaresend.url}/send-message", json=HELLO, headers=flaresend.headers).raise_for_status()

    return send


def timed(call: Callable[[], Any], times: int = 300) -> float:
    """Return the median seconds of a call."""
    seconds = []
    for _ in range(times):
        watch = Stopwatch()
        call()
        seconds.append(watch.seconds)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
