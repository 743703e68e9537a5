"""Measures start-up, memory and request rate, as figures and as ratios within this run.

    python tests/benchmarks/speed.py [--seconds 2] [--rounds 8]

Needs `wrk` (Debian's package of that name). The rate of `POST /send-message` is compared to a bare Flask
"hello" view on the same Waitress with the same settings, measured in short turns, so that a noisy machine hits
both; servers and load generator are pinned to a core each. The ratio is the median of the turns' ratios.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HELLO = """
import flask, sys, waitress
app = flask.Flask("hello")
app.add_url_rule("/", view_func=lambda: "hello")
server = waitress.create_server(app, host="127.0.0.1", port=int(sys.argv[1]), threads=32, asyncore_use_poll=True,
                                channel_request_lookahead=1, connection_limit=2000, ident=None)
server.run()
"""
SEND = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer YOUR_API_KEY"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"recipients": ["254712345678"], "type": "text", "text": "Hello from the APIs!"}'
"""
ON_SERVER_CORE = ["taskset", "-c", "0"]
ON_LOAD_CORE = ["taskset", "-c", "1"]
EMULATOR = [sys.executable, "-m", "flaresend_mock", "--log-level", "warning"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=2, help="how long each rate is measured")
    parser.add_argument("--rounds", type=int, default=8, help="how many turns are taken")
    wanted = parser.parse_args()

    starts = []
    for _ in range(5):
        process, _, seconds = start([*EMULATOR, "--port", "0"])
        starts.append(seconds)
        memory = rss(process)
        stop(process)
    print(
        f"start to first answer   {statistics.median(starts):.2f} s (median of {len(starts)}, "
        f"{min(starts):.2f} to {max(starts):.2f})"
    )
    print(f"idle memory             {memory:.0f} MB")

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "send.lua")
        script.write_text(SEND)
        emulator, url, _ = start([*ON_SERVER_CORE, *EMULATOR, "--port", "0"])
        port = free_port()
        hello = subprocess.Popen([*ON_SERVER_CORE, sys.executable, "-c", HELLO, str(port)], text=True)
        hello_url = f"http://127.0.0.1:{port}/"
        answered(hello_url)
        for connections in (1, 16):
            rates: dict[str, list[float]] = {"hello": [], "send": []}
            for _ in range(wanted.rounds):
                rates["hello"].append(wrk(hello_url, connections, wanted.seconds)[0])
                rate, latency = wrk(f"{url}/send-message", connections, wanted.seconds, script)
                rates["send"].append(rate)
            send, bare = statistics.median(rates["send"]), statistics.median(rates["hello"])
            ratio = statistics.median(s / h for s, h in zip(rates["send"], rates["hello"], strict=True))
            print(
                f"{connections:2} connections          POST /send-message {send:5.0f}/s ({latency}), "
                f"bare Flask {bare:5.0f}/s, ratio {ratio:.2f}"
            )
        print(f"memory after that       {rss(emulator):.0f} MB")
        stop(emulator)
        stop(hello)


def start(command: list[str]) -> tuple[subprocess.Popen[str], str, float]:
    """Start an emulator, and return it with its address and the seconds until it answered."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    answered(f"{found[0]}/_mock/health")
    return process, found[0], time.perf_counter() - begun


def answered(url: str) -> None:
    for _ in range(500):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                answer.read()
                return
        except urllib.error.URLError:
            time.sleep(0.01)
    raise SystemExit(f"{url} does not answer")


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(10)


def rss(process: subprocess.Popen[str]) -> float:
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def wrk(url: str, connections: int, seconds: int, script: Path | None = None) -> tuple[float, str]:
    """Return requests per second, and median and 99th percentile of the latency."""
    command = [
        *ON_LOAD_CORE,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        *(["-s", str(script)] if script else []),
        url,
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output:
        raise SystemExit(output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    half, most = (re.search(rf"\n\s+{percent}%\s+(\S+)", output) for percent in (50, 99))
    assert rate
    assert half
    assert most
    return float(rate[1]), f"p50 {half[1]}, p99 {most[1]}"


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
