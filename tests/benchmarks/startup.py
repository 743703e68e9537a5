"""Measures how long a start takes until the first response, and memory: idle, and after 100,000 messages.

    python -m tests.benchmarks.startup [--starts 9] [--messages 100000]

Each start is measured beside one of a bare Flask application on the same server, and beside an interpreter that only
imports the libraries the emulator starts with: what a start takes beyond those is the emulator's own. Memory is
resident memory, read from /proc, so this needs Linux.
"""

from __future__ import annotations

import argparse
import compileall
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import flaresend_mock
from tests.benchmarks.support import EMULATOR, MESSAGE, Process, hello, on_core, table, terms
from tests.benchmarks.wire import Wire, request

PACKAGE = Path(flaresend_mock.__file__).parent
LIBRARIES = "import click, flask, httptools, marshmallow"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=9, help="how often each is started")
    parser.add_argument("--messages", type=int, default=100_000, help="how many messages are sent")
    wanted = parser.parse_args()
    print(terms())
    print(measure(wanted.starts, wanted.messages))


def measure(starts: int, messages: int) -> str:
    emulators: list[float] = []
    flasks: list[float] = []
    libraries: list[float] = []
    idle: list[float] = []
    compileall.compile_dir(PACKAGE, quiet=1)  # as pip does
    for _ in range(starts):
        with Process(EMULATOR) as emulator:
            emulators.append(emulator.seconds)
            idle.append(emulator.memory)
        with hello() as flask:
            flasks.append(flask.seconds)
            bare = flask.memory
        libraries.append(imported())
    filled = after(messages)
    return table(
        [
            ("what", "median", "least", "most", ""),
            ("start to first response", *figures(emulators), "s"),
            ("  a bare Flask application", *figures(flasks), "s"),
            ("  importing the libraries alone", *figures(libraries), "s"),
            ("idle memory", *figures(idle, 1), "MB"),
            ("  a bare Flask application", f"{bare:.1f}", "", "", "MB"),
            (f"memory after {messages:,} messages", f"{filled:.1f}", "", "", "MB"),
        ]
    )


def imported() -> float:
    begun = time.perf_counter()
    subprocess.run([*on_core(0), sys.executable, "-c", LIBRARIES], check=True)
    return time.perf_counter() - begun


def after(messages: int) -> float:
    """Return the memory of an emulator that has got so many messages to send."""
    send = request("POST", "/send-message", MESSAGE.encode())
    with Process(EMULATOR) as emulator, Wire(emulator.port) as wire:
        for _ in range(messages):
            status, body = wire.call(send)
            if status != 200:
                raise SystemExit(f"{status} {body!r}")
        return emulator.memory


def figures(values: Sequence[float], digits: int = 2) -> tuple[str, str, str]:
    return (f"{statistics.median(values):.{digits}f}", f"{min(values):.{digits}f}", f"{max(values):.{digits}f}")


if __name__ == "__main__":
    main()
