"""Measures the five main calls against bare Flask on the same server: requests a second, and latencies.

    python -m tests.benchmarks.speed [--seconds 2] [--rounds 5] [--connections 1 16 64]

Bare Flask is a view that says "hello", on the same server. Both are measured in short turns,
one after the other, so that a noisy machine hits both; each figure is the median of its turns, and the ratio is the
median of the turns' ratios. Needs wrk.
"""

from __future__ import annotations

import argparse
import json
import urllib.request

from tests.benchmarks.support import (
    EMULATOR,
    KEY,
    MESSAGE,
    Load,
    Process,
    Request,
    hello,
    middle,
    ratio,
    table,
    terms,
    wrk,
)

HELLO = Request("/")
SCHEDULED = {**json.loads(MESSAGE), "sendAt": "2099-01-01 09:00:00"}
HEAD = ("call", "connections", "a second", "bare Flask", "ratio", "p50 ms", "p99 ms", "p99 to p50")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=2, help="how long each turn is")
    parser.add_argument("--rounds", type=int, default=5, help="how many turns are taken")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64], help="over how many")
    wanted = parser.parse_args()
    print(terms())
    print(measure(wanted.connections, wanted.rounds, wanted.seconds))


def measure(connections: list[int], rounds: int, seconds: int) -> str:
    rows = []
    with Process([*EMULATOR, "--world", "demo"]) as emulator, hello() as flask:
        for name, request in main_calls(emulator.url).items():
            for count in connections:
                ours: list[Load] = []
                bare: list[Load] = []
                for _ in range(rounds):
                    reset(emulator.url)  # what was scheduled in one turn is no burden for the next
                    ours.append(wrk(emulator.url, request, count, seconds))
                    bare.append(wrk(flask.url, HELLO, count, seconds))
                of_all = middle(ours)
                rows.append(
                    (
                        name,
                        str(count),
                        f"{of_all.rate:.0f}",
                        f"{middle(bare).rate:.0f}",
                        f"{ratio(ours, bare):.2f}",
                        f"{of_all.half:.2f}",
                        f"{of_all.most:.2f}",
                        f"{of_all.most / of_all.half:.1f}",
                    )
                )
    return table([HEAD, *rows])


def main_calls(url: str) -> dict[str, Request]:
    """Return the calls by what they are called, with a group of the world that is served at this address."""
    call = urllib.request.Request(f"{url}/groups", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(call, timeout=30) as response:
        group = next(iter(json.load(response)["data"]))
    to_group = {"groupJids": [group], "type": "text", "text": "Hello from the APIs!"}
    return {
        "POST /send-message": Request("/send-message", MESSAGE),
        "POST /schedule-message": Request("/schedule-message", json.dumps(SCHEDULED)),
        "POST /groups/send-message": Request("/groups/send-message", json.dumps(to_group)),
        "GET /groups/{group_id}": Request(f"/groups/{group}"),
        "POST /check-number": Request("/check-number", '{"number": "254712345678"}'),
    }


def reset(url: str) -> None:
    call = urllib.request.Request(f"{url}/_mock/reset", data=b"", method="POST")
    with urllib.request.urlopen(call, timeout=30) as response:
        response.read()


if __name__ == "__main__":
    main()
