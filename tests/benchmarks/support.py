"""What benchmarks and load programs share: servers in their own processes, bare Flask, wrk, and tables.

wrk (Debian's package of that name) makes the load. Servers and wrk are pinned to a core each where there are two,
so that neither takes the other's time.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

KEY = "YOUR_API_KEY"
MESSAGE = '{"recipients": ["254712345678"], "type": "text", "text": "Hello from the APIs!"}'
EMULATOR = (
    *(sys.executable, "-X", "faulthandler"),  # SIGABRT has it write its stacks
    *("-m", "flaresend_mock", "--log-level", "warning", "--port", "0"),
)
HELLO = """
import flask, sys, threading

from flaresend_mock.http.server import HttpServer
app = flask.Flask("hello")
app.add_url_rule("/", view_func=lambda: "hello")
HttpServer(app, [("127.0.0.1", int(sys.argv[1]))], max_body_size=1).start()
threading.Event().wait()
"""
START_SECONDS = 60
STOP_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Request:
    """What wrk sends, over and over."""

    path: str
    body: str | None = None
    content_type: str = "application/json"
    authorization: str = f"Bearer {KEY}"

    def script(self) -> str:
        """Return it as wrk's script."""
        method = "GET" if self.body is None else "POST"
        lines = [f'wrk.method = "{method}"', f'wrk.headers["Authorization"] = "{self.authorization}"']
        if self.body is not None:
            lines += [f'wrk.headers["Content-Type"] = "{self.content_type}"', f"wrk.body = [==[{self.body}]==]"]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured in one turn."""

    rate: float  # a second
    half: float  # ms
    most: float  # ms, of the 99th percentile
    slowest: float = 0.0  # ms


class Process:
    """A server in a process of its own, on one core, from its start to its first response.

    Args:
        command: how it is started. One that says no address is asked at `url` until it answers.
        probe: which path is asked.
    """

    def __init__(
        self,
        command: Sequence[str],
        url: str = "",
        probe: str = "/_mock/health",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        pinned: bool = True,
    ) -> None:
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8")  # noqa: SIM115 - closed at the end
        self._name = " ".join(command)[:200]
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            [*(on_core(0) if pinned else ()), *command],
            stdout=self._log if url else subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
        self.url = url or self._told()
        self._answered(self.url + probe)
        self.seconds = time.perf_counter() - begun

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def state(self) -> str:
        """Whether it runs, in words."""
        status = self._process.poll()
        return "it runs" if status is None else f"it ended with {status}"

    def log(self) -> str:
        """Return what it has written to standard error."""
        self._log.seek(0)
        return self._log.read()

    def stacks(self) -> str:
        """End an emulator, and return its log with the stacks of its threads."""
        self._process.send_signal(signal.SIGABRT)
        self._process.wait(STOP_SECONDS)
        return self.log()

    @property
    def memory(self) -> float:
        """The resident memory of the process and of its children, in MB."""
        return self._sum("VmRSS")

    @property
    def peak_memory(self) -> float:
        """The most there ever was of it, in MB."""
        return self._sum("VmHWM")

    @property
    def processor_seconds(self) -> float:
        """What the process itself has used of the processors, which a busy machine does not lengthen much."""
        user, system = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def _sum(self, name: str) -> float:
        family = (self._process.pid, *_children(self._process.pid))
        return sum(_status(process, name) for process in family)

    def _told(self) -> str:
        assert self._process.stdout is not None
        found = re.search(r"http://[\w.]+:\d+", self._process.stdout.readline())
        if found is None:
            raise self._failed()
        return found[0]

    def _answered(self, url: str) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=5) as response:
                    response.read()
                    return
            except urllib.error.HTTPError:
                return  # a refusal is a response
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.005)
        raise self._failed()

    def _failed(self) -> SystemExit:
        self._process.kill()
        self._process.wait()
        said = self.log()[-2000:]
        self._close()
        return SystemExit(f"{self._name} does not start:\n{said}")

    def _close(self) -> None:
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()


def started(*options: str, checkout: Path | None = None) -> Process:
    """Start an emulator with these options of its command line, on every core; that of another checkout if given."""
    if checkout is None:
        return Process([*EMULATOR, *options], pinned=False)
    return Process([*EMULATOR, *options], env={"PYTHONPATH": str(checkout)}, cwd=str(checkout), pinned=False)


def hello() -> Process:
    """Start the smallest Flask application there is, on the same server."""
    port = free_port()
    return Process([sys.executable, "-c", HELLO, str(port)], f"http://127.0.0.1:{port}", "/")


def wrk(url: str, request: Request, connections: int, seconds: float) -> Load:
    """Have wrk send a request over so many connections, for so long.

    Raises:
        SystemExit: if it is not there, or a response was not 2xx.
    """
    if shutil.which("wrk") is None:
        raise SystemExit("This needs wrk: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(request.script())
        script.flush()
        output = subprocess.run(
            [
                *on_core(1),
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{max(1, round(seconds))}s",
                "--timeout",
                "30s",
                "--latency",
                "-s",
                script.name,
                url + request.path,
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"{request.path}:\n{output}")
    return read_wrk(output)


def read_wrk(output: str) -> Load:
    """Return what wrk printed."""
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    half, most = (re.search(rf"\n\s+{percent}%\s+([\d.]+)(us|ms|s)\b", output) for percent in (50, 99))
    if not (rate and half and most):
        raise SystemExit(f"wrk printed:\n{output}")
    slowest = re.search(r"Latency(?:\s+[\d.]+(?:us|ms|s)){2}\s+([\d.]+)(us|ms|s)\b", output)
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    times = [float(one[1]) * unit[one[2]] if one else 0.0 for one in (half, most, slowest)]
    return Load(float(rate[1]), *times)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value below which so many percent of all are."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out in columns, the first and the last to the left; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if 0 < index < len(row) - 1 else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def middle(turns: Sequence[Load]) -> Load:
    """Return the median of each figure."""
    return Load(
        statistics.median(turn.rate for turn in turns),
        statistics.median(turn.half for turn in turns),
        statistics.median(turn.most for turn in turns),
    )


def ratio(turns: Sequence[Load], to: Sequence[Load]) -> float:
    """Return the median of how each turn compares to the one beside it."""
    return statistics.median(one.rate / other.rate for one, other in zip(turns, to, strict=True))


def on_core(number: int) -> list[str]:
    """Return what pins a command to a core, where that can be done."""
    if shutil.which("taskset") is None or (os.cpu_count() or 1) < 2:
        return []
    return ["taskset", "-c", str(number)]


def terms() -> str:
    """Return when and on what something is measured."""
    today = datetime.now(UTC).date().isoformat()
    return f"{today}, Python {platform.python_version()}, {os.cpu_count()} cores of {_processor()}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()


def _status(process: int, name: str) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def _children(process: int) -> list[int]:
    children = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended meanwhile
            for child in map(int, (task / "children").read_text().split()):
                children += [child, *_children(child)]
    return children
