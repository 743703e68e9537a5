"""What the control plane costs: waiters, snapshots, many worlds, faults. Run: python tests/benchmarks/control.py"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.delivery.realtime import Stopwatch

HELLO = {"recipients": ["254712345678"], "type": "text", "text": "Hello"}
WAITERS = 200
MESSAGES = 10_000
WORLDS = 1_000


def main() -> None:
    waiters()
    snapshots()
    worlds()
    faults()


def waiters() -> None:
    with emulator() as (flaresend, session):
        send = sender(flaresend, session)
        timed(send)
        alone = timed(send)
        done: list[int] = []
        threads = [threading.Thread(target=lambda: done.append(wait(flaresend))) for _ in range(WAITERS)]
        for thread in threads:
            thread.start()
        watching = flaresend.worlds.default().watching
        while len(watching._watchers) < WAITERS:
            session.get(f"{flaresend.url}/_mock/health")
        crowded = timed(send)
        watch = Stopwatch()
        session.post(f"{flaresend.url}/send-message", json={**HELLO, "text": "go"}, headers=flaresend.headers)
        for thread in threads:
            thread.join()
        print(f"{WAITERS} waiters: a call takes {crowded / alone:.1f} times as long as with none", end="")
        print(f" ({alone * 1000:.2f} ms); one message answers {done.count(200)} in {watch.seconds:.2f} s")


def wait(flaresend: FlaresendMock) -> int:
    body = {"match": {"text": "go"}, "timeout": 120}
    return requests.post(f"{flaresend.url}/_mock/messages/wait", json=body, timeout=130).status_code


def snapshots() -> None:
    with emulator() as (flaresend, session):
        many = {**HELLO, "recipients": [f"2547{n:08}" for n in range(MESSAGES)]}
        session.post(f"{flaresend.url}/send-message", json=many, headers=flaresend.headers)
        session.post(f"{flaresend.url}/_mock/snapshots/a")
        restore = timed(lambda: session.post(f"{flaresend.url}/_mock/snapshots/a/restore"), 20)
        exported: list[bytes] = []
        export = timed(lambda: exported.append(session.get(f"{flaresend.url}/_mock/world").content), 3)
        size = len(exported[0]) / 2**20
        back = timed(lambda: session.put(f"{flaresend.url}/_mock/world", data=exported[0], headers=JSON), 3)
        print(f"{MESSAGES} messages: restore {restore * 1000:.1f} ms; export {export:.2f} s,", end="")
        print(f" import {back:.2f} s ({size:.1f} MiB)")


def worlds() -> None:
    with emulator(auth="open") as (flaresend, session):
        send = sender(flaresend, session)
        timed(send)
        alone = timed(send)
        made = timed(opener(flaresend, session), WORLDS - 1)
        crowded = timed(send)
        evicting = timed(opener(flaresend, session, "more"), 50)
        print(f"{WORLDS} worlds: a call takes {crowded / alone:.2f} times as long as with one;", end="")
        print(
            f" a world is made with its first call in {made * 1000:.2f} ms, by giving up another in", end=""
        )
        print(f" {evicting * 1000:.2f} ms")


def opener(flaresend: FlaresendMock, session: requests.Session, name: str = "worker") -> Callable[[], Any]:
    count = iter(range(10**6))

    def use() -> None:
        key = {"Authorization": f"Bearer {name}-{next(count)}"}
        session.post(f"{flaresend.url}/send-message", json=HELLO, headers=key).raise_for_status()

    return use


def faults() -> None:
    with emulator() as (flaresend, session):
        send = sender(flaresend, session)
        timed(send)
        alone = timed(send)
        for n in range(20):
            fault = {"match": {"number": f"2547000000{n:02}"}, "respond": {"status": 503}}
            session.post(f"{flaresend.url}/_mock/faults", json=fault).raise_for_status()
        armed = timed(send)
        print(f"20 faults that do not match: a call takes {armed / alone:.2f} times as long as with none")


JSON = {"Content-Type": "application/json"}


@contextmanager
def emulator(**options: Any) -> Iterator[tuple[FlaresendMock, requests.Session]]:
    with FlaresendMock(log_level="error", **options) as flaresend, requests.Session() as session:
        yield flaresend, session


def sender(flaresend: FlaresendMock, session: requests.Session) -> Callable[[], Any]:
    def send() -> None:
        session.post(
            f"{flaresend.url}/send-message", json=HELLO, headers=flaresend.headers
        ).raise_for_status()

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
