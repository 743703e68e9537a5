"""The command line: flaresend-mock serves until a signal comes, unless it gets the name of a command."""

from __future__ import annotations

import difflib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import Field, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

from flaresend_mock import version
from flaresend_mock.cli.output import CannotRun, configure_log, is_log_json, note
from flaresend_mock.settings import ENVIRONMENT, PREFIX, SettingError, Settings, flag, is_text, resolve, texts, variable
from flaresend_mock.shell import quoted

if TYPE_CHECKING:
    from flaresend_mock.server import FlaresendMock

log = logging.getLogger(__name__)

# SIGHUP is the end of a terminal, unless nohup has it ignored; Windows has SIGBREAK, for that and for Ctrl-Break
SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]

_MODULES = """run:redirection env:redirection health:tools reset:worlds receive:worlds messages:lists requests:lists
deliveries:lists events:lists transcript:lists clock:worlds advance:worlds fault:worlds world:worlds instance:worlds
qr:worlds ca:redirection verify-signature:tools payload:tools fidelity:tools openapi:tools helper:tools
completion:tools"""
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
COMMANDS = dict(pair.split(":") for pair in _MODULES.split())  # the module of each, imported when it runs


class Commands(click.Group):
    """Loads the module of a command when the command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            raise click.UsageError(f"No such command {args[0]!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        if args[0] != "run" and not all(map(is_text, args)):  # what it runs may take other bytes
            raise click.UsageError("an argument is not text in UTF-8")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from flaresend_mock.cli.commands import build

        return build(cmd_name, import_module(f"flaresend_mock.cli.{COMMANDS[cmd_name]}"))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command. A failure prints one line, and has exit status 1, or 2 for bad use."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the parent process has closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - until the process ends
    given = " ".join(sys.argv[1:] if arguments is None else arguments).replace("=", " ").lower()
    if "json" in (ENVIRONMENT.get(f"{PREFIX}LOG_FORMAT", "").lower(), *given.partition("--log-format ")[2].split()[:1]):
        configure_log("json", "info")  # what is wrong with other options is said in JSON, too
    try:
        status = cli(arguments, standalone_mode=False, prog_name="flaresend-mock")
        status = status if isinstance(status, int) else 0
    except click.ClickException as error:
        place = getattr(error, "ctx", None)  # that of bad use
        hint = f" ({place.command_path} --help)" if place else ""
        (log.error if is_log_json() else note)(" ".join(error.format_message().split()) + hint)
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = 130
    sys.exit(_written_out(status))


def _written_out(status: int) -> int:
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter tries again
        if not isinstance(error, BrokenPipeError):
            note(f"cannot print: {error.strerror}")
            return 1
    return status


def _option(option: Field[Any]) -> click.Option:
    meaning, default = texts(option)
    is_switch = isinstance(option.default, bool)
    names = [option.name, flag(option) + (f"/--no-{flag(option)[2:]}" if is_switch else "")]
    help_text = f"{meaning} [{variable(option)}; default: {default}]"
    return click.Option(names, default=None, metavar=None if is_switch else "VALUE", help=help_text)


def serve(settings: Settings) -> int:
    """Serve until a signal comes, finish the calls in progress, and return the exit status."""
    signalled, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    # a signal wakes this thread, also if another thread gets it
    signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
    wanted = [one for one in SIGNALS if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN]
    for number in wanted:
        signal.signal(number, lambda *_: None)

    if settings.stop_with_stdin:
        threading.Thread(target=_await_end_of_stdin, args=(wakeup,), daemon=True).start()

    gc.disable()  # imports leave nothing to collect, and looking takes a tenth of the start

    from flaresend_mock.server import CannotExport

    emulator = start(settings, settings.log_level)
    with suppress(OSError):  # it also serves where it cannot print
        _greet(emulator)
    gc.freeze()
    gc.enable()
    signalled.recv(1)
    status = 0
    try:
        emulator.stop()
    except CannotExport as error:
        log.error("%s", error)
        status = 1
    for number in wanted:
        signal.signal(number, signal.SIG_IGN)  # the process ends now; another signal changes nothing
    return status


def _await_end_of_stdin(wakeup: socket.socket) -> None:
    with suppress(OSError):  # closed, or the emulator has stopped
        while os.read(0, 4096):  # not sys.stdin, whose lock the thread would hold when the process ends
            pass
        wakeup.send(b"\0")


def start(settings: Settings, log_level: str) -> FlaresendMock:
    """Start an emulator; CannotRun if it cannot start."""
    from flaresend_mock.server import CannotStart, FlaresendMock
    from flaresend_mock.settings import strange_variables

    configure_log(settings.log_format, log_level)
    for mistake in strange_variables():
        log.warning("%s", mistake)
    try:
        return FlaresendMock(settings).start()
    except CannotStart as error:
        raise CannotRun(str(error)) from None


def _greet(emulator: FlaresendMock) -> None:
    greeting = f"flaresend-mock {version.__version__} serves the Flaresend API at {emulator.url}"
    if is_log_json():
        log.info(greeting)
        if emulator.settings.lan:
            log.info("phones in this network control it by %s, and an audience watches by %s", *emulator.links)
        return
    body = """'{"recipients":["254712345678"],"type":"text","text":"Hello"}'"""
    headers = f"-H {quoted(f'Authorization: Bearer {emulator.api_key}')} -H 'Content-Type: application/json'"
    print(f"{greeting}\nAPI key: {emulator.api_key}")
    if emulator.tls_port is not None:
        print(f"It also listens on port {emulator.tls_port}, as --tls-port says")
    print(f"Try it: curl {emulator.url}/send-message {headers} -d {body}")
    print(f"Dashboard: {emulator.url}/_mock/ui/", flush=True)
    if emulator.settings.lan:
        import segno

        link, watching = emulator.links
        segno.make(link).terminal(compact=True)
        print(f"Phones in this network control it by {link}\nAn audience watches by {watching}", flush=True)


@click.group(cls=Commands, invoke_without_command=True, context_settings=_HELP)
@click.version_option(version.__version__, prog_name="flaresend-mock")
@click.pass_context
def cli(context: click.Context, /, **flags: Any) -> int:
    """Serve an emulator of the Flaresend WhatsApp API on this machine.

    Each option can also be set by the environment variable in its help. A flag wins over its variable.
    """
    try:
        context.obj = resolve(flags)
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    return 0 if context.invoked_subcommand else serve(context.obj)


cli.params += map(_option, fields(Settings))
