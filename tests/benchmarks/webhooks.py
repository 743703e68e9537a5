"""Measures webhook deliveries: how many events a second reach a fast receiver, and what that costs the API.

    python -m tests.benchmarks.webhooks [--events 2000] [--rounds 5] [--chats 50]

Emulator, receiver and the caller of the API are processes of their own. In each round the API is first timed while
nothing else is done; then held events are replayed, and it is timed while they are delivered: once as fast as can be,
and once to a receiver that takes 20 ms for each, which makes about 300 events a second. `POST /send-message` is
called over one connection, one call after the other. Ratios are of one round each, and the median is printed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.support import KEY, MESSAGE, Process, percentile, started, table, terms

RECEIVER = """
import asyncio, sys

ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s"
count = 0

async def serve(reader, writer):
    global count
    try:
        while True:
            head = (await reader.readuntil(b"\\r\\n\\r\\n")).lower()
            if head.startswith(b"get "):
                text = str(count).encode()
                writer.write(ANSWER % (len(text), text))
                continue
            length = head.partition(b"content-length:")[2].partition(b"\\r\\n")[0]
            await reader.readexactly(int(length))
            await asyncio.sleep(float(head.split()[1][1:]))
            count += 1
            writer.write(ANSWER % (2, b"{}"))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print("http://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
SEND = MESSAGE.encode()
HOOK = "/_mock/instances/default/webhook"
STEADY = 0.02
SAMPLES = 1000
WINDOW_SECONDS = 0.01


@dataclass
class Turn:
    """What was measured while events were delivered."""

    rate: float
    latencies: list[float]


class Caller:
    """Calls a server over one connection."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self._connection.request(method, path, body, HEADERS)
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {response.status} {text!r}")
        return text

    def send(self) -> float:
        """Send a message, and return how many seconds it took."""
        begun = time.perf_counter()
        self.call("POST", "/send-message", SEND)
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2000, help="how many events are delivered in a turn")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds are taken")
    parser.add_argument("--chats", type=int, default=50, help="in how many chats they are")
    wanted = parser.parse_args()

    print(terms())
    print(measure(wanted.events, wanted.rounds, wanted.chats))


def measure(events: int, rounds: int, chats: int, samples: int = SAMPLES) -> str:
    with ExitStack() as stack:
        emulator = stack.enter_context(started())
        receiver = stack.enter_context(Process([sys.executable, "-c", RECEIVER], probe="/", pinned=False))
        bench = Bench(emulator.url, receiver.url, events, chats)
        stack.callback(bench.close)
        bench.turn(0)  # warms everything up
        idle: list[list[float]] = []
        alone: list[Turn] = []
        turns: dict[str, list[Turn]] = {"at full speed": [], "at about 300 a second": []}
        for _ in range(rounds):
            idle.append([bench.api.send() for _ in range(samples)])
            alone.append(bench.turn(0, call=False))
            turns["at full speed"].append(bench.turn(0))
            turns["at about 300 a second"].append(bench.turn(STEADY))
    rows = [
        ("what", "events/s", "p50 ms", "p99 ms", "p99 to idle"),
        ("events delivered, nothing else done", rate(alone), "", "", ""),
        ("POST /send-message, no events", "", *latencies(idle), "1.0"),
    ]
    for name, taken in turns.items():
        busy = [turn.latencies for turn in taken]
        ratio = statistics.median(p99(one) / p99(still) for one, still in zip(busy, idle, strict=True))
        rows.append((f"POST /send-message, events {name}", rate(taken), *latencies(busy), f"{ratio:.1f}"))
    return table(rows)


class Bench:
    """Has events delivered by an emulator, and times its API meanwhile."""

    def __init__(self, url: str, hook: str, events: int, chats: int) -> None:
        self.api = Caller(url)
        self._control = Caller(url)
        self._receiver = Caller(hook)
        self._hook = hook
        self._events = events
        self._chats = chats

    def close(self) -> None:
        for caller in (self.api, self._control, self._receiver):
            caller.close()

    def turn(self, seconds: float, *, call: bool = True) -> Turn:
        """Deliver all events to a receiver that takes so long for each; `call` the API until they are there."""
        self._control.call("POST", "/_mock/reset")
        webhook = json.dumps({"url": f"{self._hook}/{seconds}"}).encode()
        self._control.call("PUT", HOOK, webhook)
        self._control.call("POST", f"{HOOK}/pause")
        for number in range(self._events):
            event: dict[str, Any] = {"from": f"2547001{number % self._chats:05}", "text": f"event {number}"}
            self._control.call("POST", "/_mock/inbound", json.dumps(event).encode())

        before = int(self._receiver.call("GET", "/"))
        ended = threading.Event()
        rates: list[float] = []
        watcher = threading.Thread(target=self._watch, args=(before, ended, rates), daemon=True)
        resumer = threading.Thread(target=self._control.call, args=("POST", f"{HOOK}/resume"), daemon=True)
        watcher.start()
        resumer.start()
        latencies: list[float] = []
        resumer.join()  # its answer lists all events: not what is measured
        while call and not ended.is_set():
            latencies.append(self.api.send())
        watcher.join()
        return Turn(rates[0], latencies)

    def _watch(self, before: int, ended: threading.Event, rates: list[float]) -> None:
        """Time the arrivals from the first that is seen to the last."""
        first: tuple[float, int] | None = None
        while True:
            count = int(self._receiver.call("GET", "/")) - before
            now = time.perf_counter()
            if first is None and count:
                first = now, count
            if first is not None and count >= self._events:
                rates.append((count - first[1]) / max(now - first[0], 1e-9))
                ended.set()
                return
            time.sleep(WINDOW_SECONDS)


def rate(turns: list[Turn]) -> str:
    return f"{statistics.median(turn.rate for turn in turns):.0f}"


def latencies(turns: list[list[float]]) -> tuple[str, str]:
    """Return the median and the 99th percentile of all turns, in ms."""
    every = [seconds for taken in turns for seconds in taken]
    return f"{statistics.median(every) * 1000:.2f}", f"{p99(every) * 1000:.2f}"


def p99(taken: list[float]) -> float:
    return percentile(taken, 99)


if __name__ == "__main__":
    main()
