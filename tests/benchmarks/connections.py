"""Measures connections: many at once, idle ones, and TLS.

    python -m tests.benchmarks.connections [--seconds 3] [--rounds 5] [--calls 20000] [--idle 500]

`POST /send-message` over kept connections, in short turns, one after the other; ratios are medians of the turns'
ratios. TLS is measured with the emulator's own certificate. Idle connections have made one call each. Needs wrk.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.benchmarks.support import EMULATOR, MESSAGE, Load, Process, Request, middle, ratio, table, terms, wrk
from tests.benchmarks.wire import Wire, request

SEND = Request("/send-message", MESSAGE)
HEALTH = request("GET", "/_mock/health")
HEAD = ("what", "measured", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3, help="how long each turn is")
    parser.add_argument("--rounds", type=int, default=5, help="how many turns are taken")
    parser.add_argument("--calls", type=int, default=20_000, help="how many calls the slowest is looked for in")
    parser.add_argument("--idle", type=int, default=500, help="how many connections are idle")
    wanted = parser.parse_args()
    print(terms())
    print(measure(wanted.seconds, wanted.rounds, wanted.calls, wanted.idle))


def measure(seconds: int, rounds: int, calls: int, idle: int) -> str:
    with Process(EMULATOR) as emulator:
        wrk(emulator.url, SEND, 16, 1)  # warms it up
        few = [wrk(emulator.url, SEND, 16, seconds) for _ in range(rounds)]
        slowest, made = 0.0, 0.0
        while made < calls:
            turn = wrk(emulator.url, SEND, 64, seconds)
            slowest, made = max(slowest, turn.slowest), made + turn.rate * seconds
        secure = emulator.url.replace("http:", "https:")
        wrk(secure, SEND, 16, 1)
        plain, tls = list[Load](), list[Load]()
        for _ in range(rounds):
            plain.append(wrk(emulator.url, SEND, 16, seconds))
            tls.append(wrk(secure, SEND, 16, seconds))
        alone = [wrk(emulator.url, SEND, 16, seconds) for _ in range(rounds)]
        before = emulator.memory
        with idling(emulator.port, idle):
            grown = emulator.memory - before
            beside = [wrk(emulator.url, SEND, 16, seconds) for _ in range(rounds)]
    slower = statistics.median(one.most for one in beside) / statistics.median(one.most for one in alone)
    of_all = middle(few)
    return table(
        [
            HEAD,
            ("16 connections", f"{of_all.rate:.0f}", "calls a second"),
            ("  p99 to p50", f"{of_all.most / of_all.half:.1f}", ""),
            (f"slowest of {made:,.0f} calls, 64 connections", f"{slowest:.0f}", "ms"),
            ("over TLS, 16 connections, to plain", f"{ratio(tls, plain):.2f}", ""),
            (f"{idle} idle connections: memory", f"{grown:+.1f}", "MB"),
            ("  p99 of others' calls, to without", f"{slower:.1f}", ""),
        ]
    )


@contextmanager
def idling(port: int, count: int) -> Iterator[None]:
    """Keep this number of connections open, each of which has made a call."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(Wire(port)).call(HEALTH)
        yield


if __name__ == "__main__":
    main()
