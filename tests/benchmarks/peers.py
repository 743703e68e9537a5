"""Compares `POST /send-message` to the nearest equivalent of other emulators, over 16 connections.

    npm install --prefix PEERS @stoplight/prism-cli@5.16.0 @mockoon/cli@9.9.0 wiremock@3.13.2
    python -m venv PEERS/moto && PEERS/moto/bin/pip install 'moto[server]'
    python -m tests.benchmarks.peers PEERS [--seconds 3] [--rounds 5] [--connections 16]

PEERS is any folder; those that are not in it are left out. Needs wrk, Node for the first two, and Java for WireMock.

Prism and Mockoon serve our OpenAPI document, each once as it starts by default and once with as little logging as can
be. WireMock answers from a template that reads the recipient of the request. moto is called with SNS's Publish, which
sends a text to a phone. All run at once, each is measured in short turns, one after the other, and the ratios are
medians of the turns' ratios. Memory is that of the process and its children: before the first call, and at its peak.
The last three columns are ours to theirs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.support import (
    EMULATOR,
    MESSAGE,
    Load,
    Process,
    Request,
    free_port,
    middle,
    ratio,
    table,
    terms,
    wrk,
)

SEND = Request("/send-message", MESSAGE)
PUBLISH = Request(
    "/",
    "Action=Publish&Version=2010-03-31&PhoneNumber=%2B254712345678&Message=Hello+from+the+APIs",
    "application/x-www-form-urlencoded",
    "AWS4-HMAC-SHA256 Credential=key/20251114/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0",
)
STUB = {
    "request": {"method": "POST", "urlPath": "/send-message"},
    "response": {
        "status": 200,
        "headers": {"Content-Type": "application/json"},
        "transformers": ["response-template"],
        "body": json.dumps(
            {
                "success": True,
                "message": "Message sending completed: 1 successful, 0 failed",
                "sent_at": "{{now}}",
                "total_recipients": 1,
                "successful_recipients": ["{{jsonPath request.body '$.recipients[0]'}}@s.whatsapp.net"],
                "failed_recipients": [],
                "invalid_recipients": [],
            }
        ),
    },
}
HEAD = ("", "a second", "p50 ms", "p99 ms", "start s", "MB idle", "MB peak", "rate", "idle", "peak")


@dataclass(frozen=True, slots=True)
class Peer:
    """Another emulator, and how it is started and asked."""

    name: str
    command: tuple[str, ...]
    needs: Path
    request: Request = SEND
    probe: str = "/"
    env: dict[str, str] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", type=Path, help="the folder they are installed in")
    parser.add_argument("--seconds", type=int, default=3, help="how long each turn is")
    parser.add_argument("--rounds", type=int, default=5, help="how many turns are taken")
    parser.add_argument("--connections", type=int, default=16, help="over how many")
    wanted = parser.parse_args()
    print(terms())
    print(measure(wanted.peers.absolute(), wanted.rounds, wanted.seconds, wanted.connections))


def measure(folder: Path, rounds: int, seconds: int, connections: int) -> str:
    rows = [HEAD]
    with tempfile.TemporaryDirectory() as home, ExitStack() as running:
        emulator = running.enter_context(Process(EMULATOR))
        ours: list[Load] = []
        peers = [
            (peer, running.enter_context(Process(peer.command, url, peer.probe, peer.env, home)), list[Load]())
            for peer, url in installed(folder, Path(home))
        ]
        idle = [process.memory for process in (emulator, *(process for _, process, _ in peers))]
        for number in range(-1, rounds):  # the first turn warms everybody up
            loads = [
                wrk(emulator.url, SEND, connections, seconds),
                *(wrk(process.url, peer.request, connections, seconds) for peer, process, _ in peers),
            ]
            if number >= 0:
                for load, turns in zip(loads, (ours, *(turns for *_, turns in peers)), strict=True):
                    turns.append(load)
        everybody = [("flaresend-mock", emulator, ours), *((peer.name, *rest) for peer, *rest in peers)]
        for (name, process, turns), before in zip(everybody, idle, strict=True):
            of_all = middle(turns)
            rows.append(
                (
                    name,
                    f"{of_all.rate:.0f}",
                    f"{of_all.half:.2f}",
                    f"{of_all.most:.2f}",
                    f"{process.seconds:.2f}",
                    f"{before:.0f}",
                    f"{process.peak_memory:.0f}",
                    f"{ratio(ours, turns):.2f}",
                    f"{idle[0] / before:.2f}",
                    f"{emulator.peak_memory / process.peak_memory:.2f}",
                )
            )
    return table(rows)


def installed(folder: Path, home: Path) -> Iterator[tuple[Peer, str]]:
    """Yield those that are there, each with the address it is to have."""
    document = home / "flaresend.json"
    with document.open("w") as file:
        subprocess.run([sys.executable, "-m", "flaresend_mock", "openapi"], stdout=file, check=True)
    mappings = home / "wiremock" / "mappings"
    mappings.mkdir(parents=True)
    (mappings / "send-message.json").write_text(json.dumps(STUB))
    for makes in (prism, silent_prism, mockoon, quiet_mockoon, wiremock, moto):
        port = free_port()
        peer = makes(folder, home, str(port))
        if peer.needs.exists():
            yield peer, f"http://127.0.0.1:{port}"
        else:
            print(f"{peer.name}: not installed", file=sys.stderr)


def prism(folder: Path, home: Path, port: str) -> Peer:
    program = folder / "node_modules" / ".bin" / "prism"
    command = (str(program), "mock", "--port", port, str(home / "flaresend.json"))
    return Peer("Prism", command, program, env={"HOME": str(home)})


def silent_prism(folder: Path, home: Path, port: str) -> Peer:
    loud = prism(folder, home, port)
    return Peer("Prism, silent", (*loud.command, "--verboseLevel", "silent"), loud.needs, env=loud.env)


def mockoon(folder: Path, home: Path, port: str) -> Peer:
    program = folder / "node_modules" / ".bin" / "mockoon-cli"
    document = str(home / "flaresend.json")
    command = (str(program), "start", "--data", document, "--port", port, "--hostname", "127.0.0.1")
    return Peer("Mockoon", command, program, env={"HOME": str(home)})


def quiet_mockoon(folder: Path, home: Path, port: str) -> Peer:
    loud = mockoon(folder, home, port)
    return Peer("Mockoon, no log file", (*loud.command, "--disable-log-to-file"), loud.needs, env=loud.env)


def wiremock(folder: Path, home: Path, port: str) -> Peer:
    jars = sorted((folder / "node_modules" / "wiremock" / "build").glob("wiremock-standalone-*.jar"))
    jar = jars[-1] if jars else folder / "wiremock.jar"
    options = ("--bind-address", "127.0.0.1", "--port", port, "--root-dir", str(home / "wiremock"))
    return Peer("WireMock", ("java", "-jar", str(jar), *options), jar, probe="/__admin/mappings")


def moto(folder: Path, home: Path, port: str) -> Peer:
    program = folder / "moto" / "bin" / "moto_server"
    return Peer("moto, SNS", (str(program), "-H", "127.0.0.1", "-p", port), program, PUBLISH)


if __name__ == "__main__":
    main()
