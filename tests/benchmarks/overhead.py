"""Measures what the emulator's own machinery adds to a call, in this process: request log, fault check and schemas.

    python -m tests.benchmarks.overhead [--turns 30] [--calls 300]

Each is timed within a request to `POST /send-message` that has just been answered, over and over in short turns,
between turns of a bare Flask view that is called with the same body. The figure is the median of the turns.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any
from wsgiref.types import WSGIApplication

from flask import Flask, Response
from werkzeug.test import EnvironBuilder

from flaresend_mock import FlaresendMock
from flaresend_mock.api import fault_injection, request_log
from flaresend_mock.api.messages import SendMessage, Sent
from flaresend_mock.app import api_app
from tests.benchmarks.support import KEY, MESSAGE, table, terms

ENVIRON = EnvironBuilder(
    "/send-message",
    method="POST",
    headers={"Authorization": f"Bearer {KEY}"},
    data=MESSAGE,
    content_type="application/json",
).get_environ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=30, help="how many turns are taken")
    parser.add_argument("--calls", type=int, default=300, help="how many calls are in each")
    wanted = parser.parse_args()
    logging.disable(logging.INFO)  # as with --log-level warning, in the other benchmarks
    print(terms())
    print(measure(wanted.turns, wanted.calls))


def measure(turns: int, calls: int) -> str:
    emulator = FlaresendMock(log_level="warning")
    world = emulator.worlds.default()
    instance = world.instances.first().id
    body = json.loads(MESSAGE)
    bare = Flask("bare")
    bare.add_url_rule("/send-message", view_func=lambda: "hello", methods=["POST"])
    into, out = SendMessage(), Sent()
    loaded = into.parse(body)
    outcome = world.sending.send(instance, loaded["recipients"], loaded["content"])

    emulator.app(prepared := environ(), lambda *_: None)  # which leaves in it whose request it is
    ours = {name: value for name, value in prepared.items() if name.startswith("flaresend_mock.")}
    with api_app().request_context({**environ(), **ours}):
        response: Response = api_app().full_dispatch_request()
        if response.status_code != 200:
            raise SystemExit(f"POST /send-message: {response.status}")
        response.get_data()
        parts: dict[str, Callable[[], object]] = {
            "the request log": lambda: request_log.record(response),
            "the fault check": lambda: fault_injection.apply_before(world, None),
            "the schema that loads": lambda: into.parse(body),
            "the schema that dumps": lambda: out.dump(outcome),
        }
        everything: dict[str, Callable[[], object]] = {
            **parts,
            "a POST through bare Flask": lambda: called(bare),
            "POST /send-message": lambda: called(emulator.app),
        }
        times: dict[str, list[float]] = {name: [] for name in everything}
        for _ in range(turns):
            for name, run in everything.items():
                times[name].append(timed(run, calls))
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    flask = middle["a POST through bare Flask"]
    middle["log, fault check and schemas together"] = sum(middle[name] for name in parts)
    order = [*parts, "log, fault check and schemas together", *(set(everything) - set(parts))]
    return table(
        [
            ("what", "µs", "to bare Flask"),
            *((name, f"{middle[name]:.1f}", f"{middle[name] / flask:.2f}") for name in order),
        ]
    )


def environ() -> dict[str, Any]:
    """Return a request as a server hands it over."""
    return ENVIRON | {"wsgi.input": BytesIO(MESSAGE.encode())}


def called(app: WSGIApplication) -> object:
    return app(environ(), lambda *_: None)


def timed(run: Callable[[], object], calls: int) -> float:
    """Return how many µs one of so many takes."""
    begun = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - begun) / calls * 1e6


if __name__ == "__main__":
    main()
