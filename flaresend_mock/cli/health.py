"""flaresend-mock health: whether an emulator is ready."""

from __future__ import annotations

import threading

import click

from flaresend_mock.cli import output, spans
from flaresend_mock.cli.remote import NO_EMULATOR, SECONDS, Failed, Remote, talking

SECONDS_BETWEEN = 0.2


@click.command()
@click.option(
    "--wait",
    default="0",
    metavar="SPAN",
    callback=spans.given,
    help="Ask again until it is ready, for so long: 30, 1m30s.",
)
@talking()
def health(remote: Remote, wait: float, as_json: bool) -> int:
    """Ask a running emulator whether it is ready: exit status 0 if it is, 1 if not. It prints JSON."""
    from flaresend_mock.background.realtime import Stopwatch
    from flaresend_mock.cli import progress

    watch, never = Stopwatch(), threading.Event()
    with progress.waiting(remote.base):
        while (why := _unready(remote, SECONDS if wait == 0 else max(1.0, wait - watch.seconds))) is not None:
            left = wait - watch.seconds
            if left <= 0:
                raise Failed(f"{remote.base} is not ready: {why}")
            never.wait(min(SECONDS_BETWEEN, left))
    return 0


def _unready(remote: Remote, seconds: float) -> str | None:
    """Print what a ready emulator says of itself; of any other, return what is wrong with it."""
    from flaresend_mock.cli import calls

    try:
        answer = calls.ask(remote, "GET", "/health", None, min(seconds, SECONDS), {})
    except calls.NotAnswered as error:
        return str(error)
    if answer.get("status") != "ok":
        return NO_EMULATOR
    output.document(answer)
    return None
