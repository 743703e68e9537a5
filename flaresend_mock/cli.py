"""The command line: flaresend-mock."""

from __future__ import annotations

import contextlib
import gc
import json
import shlex
import signal
import socket
import sys
from typing import Any, NoReturn

import click

from flaresend_mock.logs import visible
from flaresend_mock.settings import (
    ENVIRONMENT,
    PREFIX,
    SettingError,
    Settings,
    flag,
    local_url,
    options,
    resolve,
    variable,
)
from flaresend_mock.version import __version__

BAD_USE = 2


def main() -> NoReturn:
    """Run the command. Bad use is one clear line and exit status 2."""
    try:
        status = cli(standalone_mode=False, prog_name="flaresend-mock")
    except click.ClickException as error:
        _refuse(error.format_message())
    except click.Abort:
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _refuse(message: str) -> NoReturn:
    print(f"flaresend-mock: {visible(message)}", file=sys.stderr)
    sys.exit(BAD_USE)


def _with_settings(command: click.Command) -> click.Command:
    """Give a command every option of the settings, as text; `resolve` makes something of it."""
    for option in options():
        help_text = f"{option.metadata['help']} [{variable(option)}; default: {option.metadata['shown']}]"
        if isinstance(option.default, bool):
            names = [f"{flag(option)}/--no-{option.name.replace('_', '-')}"]
            parameter = click.Option(names, default=None, help=help_text)
        else:
            parameter = click.Option([flag(option)], default=None, metavar="VALUE", help=help_text)
        command.params.append(parameter)
    return command


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="flaresend-mock")
@click.pass_context
def cli(context: click.Context, /, **flags: Any) -> int:
    """Serve a Flaresend of your own: the WhatsApp API, emulated on this machine.

    Every option can also be set as an environment variable, named behind it; the flag comes first.
    """
    as_text = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in flags.items()
    }
    try:
        context.obj = resolve(as_text)
    except SettingError as error:
        _refuse(str(error))
    return 0 if context.invoked_subcommand else _serve(context.obj)


_with_settings(cli)


@cli.command()
@click.option(
    "--url",
    default=None,
    metavar="URL",
    help=f"Where the emulator is. [{PREFIX}URL; default: this machine, at the port that is set]",
)
@click.pass_obj
def health(settings: Settings, url: str | None) -> int:
    """Ask a running emulator whether it is ready: exit status 0 if it is, 1 if not."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, build_opener

    address = url or ENVIRONMENT.get(f"{PREFIX}URL") or local_url(settings.host, settings.port)
    if not address.startswith(("http://", "https://")):
        _refuse(f"--url: {address!r} is not an http URL")
    try:
        with build_opener(ProxyHandler({})).open(f"{address.rstrip('/')}/_mock/health", timeout=5) as answer:
            print(json.dumps(json.load(answer)))
            return 0
    except HTTPError as error:
        reason = f"it answers {error.code}"
        error.close()
    except URLError as error:
        reason = getattr(error.reason, "strerror", None) or str(error.reason)
    except (OSError, ValueError, HTTPException) as error:
        reason = str(error) or type(error).__name__
    print(f"flaresend-mock: {visible(address)} is not ready: {visible(reason)}", file=sys.stderr)
    return 1


@cli.command()
def fidelity() -> None:
    """Print what of the emulator is documented and what is assumed, as a Markdown table."""
    from flaresend_mock.fidelity import document

    print(document(), end="")


def _serve(settings: Settings) -> int:
    signalled, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(
        wakeup.fileno(), warn_on_full_buffer=False
    )  # whichever thread a signal comes to, this wakes the main one
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    gc.disable()  # all that is made until it serves is there to stay
    from flaresend_mock import logs
    from flaresend_mock.server import CannotStart, FlaresendMock

    logs.configure(settings.log_format, settings.log_level)
    try:
        emulator = FlaresendMock(settings).start()
    except CannotStart as error:
        _refuse(str(error))
    gc.freeze()
    gc.enable()
    with contextlib.suppress(OSError):  # nobody reads what it says: it serves all the same
        _greet(emulator)
    signalled.recv(1)
    emulator.stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # one that comes now finds nothing left to end
    return 0


def _greet(emulator: Any) -> None:
    body = '{"recipients":["254712345678"],"type":"text","text":"Hello"}'
    authorization = shlex.quote(f"Authorization: Bearer {emulator.api_key}")
    print(f"flaresend-mock {__version__} serves the Flaresend API at {emulator.url}")
    print(f"API key: {emulator.api_key}")
    print(
        f"Try it: curl {emulator.url}/send-message -H {authorization} "
        f"-H 'Content-Type: application/json' -d '{body}'",
        flush=True,
    )
