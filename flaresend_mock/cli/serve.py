"""flaresend-mock itself, which serves until a signal comes, and flaresend-mock health."""

from __future__ import annotations

import contextlib
import logging
import shlex
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.options import Failed, Span, uses_emulator
from flaresend_mock.settings import Settings
from flaresend_mock.version import __version__

if TYPE_CHECKING:
    from flaresend_mock.client import ControlPlane

log = logging.getLogger(__name__)

SECONDS_BETWEEN = 0.2

# Windows has SIGBREAK, for the end of a console and for Ctrl-Break
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]


def serve(settings: Settings) -> int:
    """Serve until a signal comes, finish the calls in progress, and return the exit status."""
    signalled, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    # a signal wakes this thread, also if another thread gets it
    signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)

    from flaresend_mock import logs
    from flaresend_mock.server import CannotStart, FlaresendMock

    logs.configure(settings.log_format, settings.log_level)
    try:
        emulator = FlaresendMock(settings).start()
    except CannotStart as error:
        raise click.UsageError(str(error)) from None
    with contextlib.suppress(OSError):  # it also serves where it cannot print
        _greet(emulator)
    signalled.recv(1)
    status = _stop(emulator)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the process ends now; another signal changes nothing
    return status


def _stop(emulator: Any) -> int:
    """Stop, and return the exit status: 1 if the world could not be exported."""
    from flaresend_mock.server import CannotExport

    try:
        emulator.stop()
    except CannotExport as error:
        log.error("%s", error)
        return 1
    return 0


def _greet(emulator: Any) -> None:
    body = '{"recipients":["254712345678"],"type":"text","text":"Hello"}'
    authorization = shlex.quote(f"Authorization: Bearer {emulator.api_key}")
    print(f"flaresend-mock {__version__} serves the Flaresend API at {emulator.url}")
    print(f"API key: {emulator.api_key}")
    print(
        f"Try it: curl {emulator.url}/send-message -H {authorization} "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
    print(f"Dashboard: {emulator.url}/_mock/ui/", flush=True)


@click.command()
@click.option(
    "--wait", default="0", metavar="SPAN", type=Span(), help="Wait until it is ready, for up to 30, 1m30s …"
)
@uses_emulator()
def health(emulator: ControlPlane, wait: float, as_json: bool) -> None:
    """Tell whether a running emulator is ready: exit status 0 if it is, 1 if not. It prints JSON."""
    from flaresend_mock.background.realtime import Stopwatch
    from flaresend_mock.client import SECONDS

    watch, never = Stopwatch(), threading.Event()
    with output.waiting(emulator.url):
        while True:
            limit = SECONDS if wait == 0 else min(SECONDS, max(1.0, wait - watch.seconds))
            if (problem := _problem(emulator, limit)) is None:
                return
            left = wait - watch.seconds
            if left <= 0:
                raise Failed(f"{emulator.url} is not ready: {problem}")
            never.wait(min(SECONDS_BETWEEN, left))


def _problem(emulator: ControlPlane, seconds: float) -> str | None:
    """Print the health of a ready emulator; of another server, return why it is not ready."""
    from flaresend_mock.client import ControlPlaneError, EmulatorUnreachable, NotAnEmulator

    try:
        response = emulator.call("GET", "/health", seconds=seconds)
    except ControlPlaneError as error:
        return str(error)
    except EmulatorUnreachable as error:
        return error.reason or str(error)
    if response.get("status") != "ok":
        return NotAnEmulator(emulator.url).reason
    output.document(response)
    return None
