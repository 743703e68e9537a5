"""Serving: from the first line that is printed to the last answer that is given."""

from __future__ import annotations

import contextlib
import logging
import shlex
import signal
import socket
from typing import Any

import click

from flaresend_mock.settings import Settings
from flaresend_mock.version import __version__

log = logging.getLogger(__name__)

# Windows has SIGBREAK, and sends it where a console ends or another process asks for the end
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)]


def serve(settings: Settings) -> int:
    """Serve until a signal comes; then finish what is under way, and return the exit status."""
    signalled, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(
        wakeup.fileno(), warn_on_full_buffer=False
    )  # whichever thread a signal comes to, this wakes the main one
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)

    from flaresend_mock import logs
    from flaresend_mock.server import CannotStart, FlaresendMock

    logs.configure(settings.log_format, settings.log_level)
    try:
        emulator = FlaresendMock(settings).start()
    except CannotStart as error:
        raise click.UsageError(str(error)) from None
    with contextlib.suppress(OSError):  # nobody reads what it says: it serves all the same
        _greet(emulator)
    signalled.recv(1)
    status = _stop(emulator)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # one that comes now finds nothing left to end
    return status


def _stop(emulator: Any) -> int:
    """Stop, and return the exit status: 1 if the world could not be exported."""
    from flaresend_mock.world_format.write import CannotExport

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
