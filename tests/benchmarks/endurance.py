"""Runs an emulator for long, with large files, and among clients that keep it waiting.

    python -m tests.benchmarks.endurance [--sends 1000000]
    python -m tests.benchmarks.endurance --uploads
    python -m tests.benchmarks.endurance --idlers
    python -m tests.benchmarks.endurance --pending

The emulator is a process of its own, so that its memory is its own. The first command sends a million
messages over one connection, one call after the other, and compares memory and latency at the end to those at
the beginning. `--uploads` has 8 clients upload 60 MiB each at once. `--idlers` measures ordinary calls while
500 connections idle, 20 bodies have come halfway, and 20 clients send a byte a second. `--pending` schedules
1,500 texts and 1,500 files of 1 MB, until the emulator refuses more.

Each prints one table, and exits with 1 if a figure is missed. Memory is read from /proc, so this needs Linux.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.benchmarks.support import hello, percentile, started, table
from tests.benchmarks.wire import Wire, head, request

MESSAGE = json.dumps({"recipients": ["254712345678"], "type": "text", "text": "Hello from the APIs!"}).encode()
SEND = request("POST", "/send-message", MESSAGE)
HELLO = request("GET", "/")
FORM = 'multipart/form-data; boundary="load"'
PIECE = 256 * 1024
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured, and the most that it may be; None where it is only told."""

    name: str
    value: float
    unit: str
    most: float | None = None

    @property
    def missed(self) -> bool:
        return self.most is not None and self.value >= self.most


def sends(count: int, warm: int = 100_000, window: int = 10_000, options: Sequence[str] = ()) -> list[Figure]:
    """Send so many messages, and compare the end to the beginning.

    The machine may be busier at the end than it was at the beginning. So each call whose latency is taken is followed
    by one of a bare Flask view on the same server, and it is what a send takes in terms of those that is compared.

    Args:
        warm: after how many sends memory is measured for the first time.
        window: of how many sends, the first and the last, the median latency is taken.
    """
    first, last = Window(), Window()
    with started(*options) as emulator, Wire(emulator.port) as wire, hello() as flask:
        early = emulator.memory
        begun = time.perf_counter()
        for number in range(count):
            if number < window:
                first.take(wire, flask.port)
            elif number >= count - window:
                last.take(wire, flask.port)
            else:
                send(wire)
            if number + 1 == warm:
                early = emulator.memory
        took = time.perf_counter() - begun
        late = emulator.memory
        first.close()
        last.close()
    slow, slower = statistics.median(first.sends), statistics.median(last.sends)
    return [
        Figure(f"{count:,} sends", count / took, "a second"),
        Figure(f"memory after {warm:,}", early, "MB"),
        Figure("memory at the end", late, "MB"),
        Figure("growth", late - early, "MB", 10),
        Figure(f"median latency of the first {window:,}", slow * 1000, "ms"),
        Figure(f"median latency of the last {window:,}", slower * 1000, "ms"),
        Figure("the last to the first", slower / slow, "times"),
        Figure("the same, each beside bare Flask", last.ratio / first.ratio, "times", 1.5),
    ]


class Window:
    """What some sends took, and as many calls of a bare Flask view between them."""

    def __init__(self) -> None:
        self.sends: list[float] = []
        self._hellos: list[float] = []
        self._bare: Wire | None = None

    @property
    def ratio(self) -> float:
        return statistics.median(self.sends) / statistics.median(self._hellos)

    def take(self, wire: Wire, bare: int) -> None:
        if self._bare is None:  # only now: the server closes connections that idle
            self._bare = Wire(bare)
            self._bare.call(HELLO)
        before = time.perf_counter()
        send(wire)
        between = time.perf_counter()
        self._bare.call(HELLO)
        self.sends.append(between - before)
        self._hellos.append(time.perf_counter() - between)

    def close(self) -> None:
        if self._bare is not None:
            self._bare.close()


def send(wire: Wire) -> None:
    status, body = wire.call(SEND)
    if status != 200:
        raise SystemExit(f"a send was refused: {status} {body!r}")


def uploads(clients: int = 8, size: int = 60 * MIB, most: float = 1024, options: Sequence[str] = ()) -> list[Figure]:
    """Have so many clients upload files of this size at once.

    Args:
        most: how many MB the emulator may take at its peak.
    """
    start = threading.Barrier(clients)
    with started(*options) as emulator:
        idle = emulator.memory

        def upload(number: int) -> int:
            with Wire(emulator.port, 120) as wire:
                start.wait(60)
                return post_file(wire, size, number)

        begun = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            statuses = list(pool.map(upload, range(clients)))
        took = time.perf_counter() - begun
        with Wire(emulator.port) as wire:
            status, _ = wire.call(SEND)
        return [
            Figure(f"{clients} uploads of {size // MIB} MiB", took, "s"),
            Figure("refused", sum(one != 200 for one in (*statuses, status)), "calls", 1),
            Figure("memory before", idle, "MB"),
            Figure("memory after", emulator.memory, "MB"),
            Figure("memory at its peak", emulator.peak_memory, "MB", most),
        ]


def pending(count: int = 1500, size: int = 1_000_000, most: float = 512, options: Sequence[str] = ()) -> list[Figure]:
    """Schedule texts and files of this size, this number of each.

    Args:
        most: how many MB the emulator may take at its peak.
    """
    said = {"recipients": ["254712345678"], "type": "text", "text": "x" * size, "sendAt": "2090-01-01 10:00:00"}
    later = request("POST", "/schedule-message", json.dumps(said).encode())
    with started(*options) as emulator, Wire(emulator.port, 120) as wire:
        idle = emulator.memory
        texts = [wire.call(later)[0] for _ in range(count)]
        after_texts = emulator.memory
        files = [post_file(wire, size, 0, "/schedule-message", ("sendAt", said["sendAt"])) for _ in range(count)]
        wrong = [one for one in (*texts, *files) if one not in (200, 429)]
        return [
            Figure(f"texts of {size / 1e6:g} MB that were scheduled", texts.count(200), "texts"),
            Figure(f"files of {size / 1e6:g} MB that were scheduled", files.count(200), "files"),
            Figure("neither scheduled nor refused with 429", len(wrong), "calls", 1),
            Figure("memory before", idle, "MB"),
            Figure("memory after the texts", after_texts, "MB"),
            Figure("memory at its peak", emulator.peak_memory, "MB", most),
        ]


def post_file(wire: Wire, size: int, number: int, path: str = "/send-message", *more: tuple[str, object]) -> int:
    """Send a document of this size as a form, piece by piece, and return the status."""
    parts = (("recipients[]", f"25470000{number:04}"), ("type", "document"), *more)
    fields = [f'--load\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts]
    file = (
        '--load\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    before, after = "".join([*fields, file]).encode(), b"\r\n--load--\r\n"
    wire.send(head("POST", path, len(before) + size + len(after), FORM) + before)
    piece = bytes(range(256)) * (PIECE // 256)
    left = size
    while left:
        wire.send(piece[: min(left, PIECE)])
        left -= min(left, PIECE)
    wire.send(after)
    return wire.answer()[0]


def idlers(
    idle: int = 500,
    half: int = 20,
    slow: int = 20,
    calls: int = 200,
    pause: float = 0.1,
    most: float = 1.0,
    options: Sequence[str] = (),
) -> list[Figure]:
    """Make ordinary calls among connections that idle, bodies that came halfway, and clients that are slow.

    Args:
        pause: how many seconds there are between one ordinary call and the next.
        most: how many seconds an ordinary call may take.
    """
    taken: list[float] = []
    refused = 0
    with started(*options) as emulator, ExitStack() as open_:
        idles = [open_.enter_context(Wire(emulator.port)) for _ in range(idle)]
        halves = [open_.enter_context(Wire(emulator.port)) for _ in range(half)]
        for wire in halves:
            wire.send(SEND[: -len(MESSAGE) // 2])
        slows = [open_.enter_context(Wire(emulator.port)) for _ in range(slow)]
        with dripping(slows), Wire(emulator.port) as other:
            for number in range(calls):
                begun = time.perf_counter()
                if number % 2:
                    status, _ = other.call(SEND)
                else:  # a connection of its own, which is to be accepted among all the others
                    with Wire(emulator.port) as fresh:
                        status, _ = fresh.call(SEND)
                taken.append(time.perf_counter() - begun)
                refused += status != 200
                time.sleep(pause)
        unfinished = 0
        for wire in halves:
            wire.send(SEND[-len(MESSAGE) // 2 :])
            unfinished += wire.answer()[0] != 200
        unusable = sum(wire.call(SEND)[0] != 200 for wire in idles[:10])
        return [
            Figure(f"{calls} calls, median", statistics.median(taken) * 1000, "ms"),
            Figure("99th percentile", percentile(taken, 99) * 1000, "ms"),
            Figure("slowest", max(taken) * 1000, "ms", most * 1000),
            Figure("refused", refused, "calls", 1),
            Figure(f"refused of the {half} that came halfway, once complete", unfinished, "calls", 1),
            Figure("refused of 10 that idled, at last", unusable, "calls", 1),
            Figure("memory at its peak", emulator.peak_memory, "MB"),
        ]


@contextmanager
def dripping(wires: Sequence[Wire]) -> Iterator[None]:
    """Have a byte sent over each of these connections, and another every second.

    Of half of them, the head has come at once, and it is the body that drips.
    """
    over = threading.Event()
    dropped: list[str] = []
    parts = [SEND if number % 2 else MESSAGE for number in range(len(wires))]
    for wire in wires[::2]:
        wire.send(SEND[: -len(MESSAGE)])

    def drip() -> None:
        for position in range(len(MESSAGE) - 1):
            for wire, part in zip(wires, parts, strict=True):
                try:
                    wire.send(part[position : position + 1])
                except OSError as error:
                    dropped.append(str(error))
            if over.wait(1):
                return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if dropped:
        raise SystemExit(f"a slow client was dropped: {dropped[0]}")


def shown(figures: Sequence[Figure]) -> str:
    """Lay figures out as a table."""
    rows = [("what", "measured", "allowed", "")]
    for one in figures:
        allowed = "" if one.most is None else f"< {one.most:g}"
        verdict = "" if one.most is None else "missed" if one.missed else "ok"
        rows.append((one.name, f"{one.value:,.2f} {one.unit}", allowed, verdict))
    return table(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sends", type=int, default=1_000_000, help="how many messages are sent")
    parser.add_argument("--uploads", action="store_true", help="upload large files instead")
    parser.add_argument("--idlers", action="store_true", help="call among idle and slow clients instead")
    parser.add_argument("--pending", action="store_true", help="schedule texts and files until more are refused")
    wanted = parser.parse_args()

    if wanted.uploads:
        figures = uploads()
    elif wanted.pending:
        figures = pending()
    elif wanted.idlers:
        figures = idlers()
    else:
        count = max(20, wanted.sends)
        figures = sends(count, min(100_000, count // 2), min(10_000, count // 10))
    print(shown(figures))
    if any(one.missed for one in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
