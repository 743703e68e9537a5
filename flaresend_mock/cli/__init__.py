"""The command line: flaresend-mock."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from flaresend_mock.cli.serve import serve
from flaresend_mock.logs import visible
from flaresend_mock.settings import SettingError, flag, options, resolve, variable
from flaresend_mock.version import __version__

BAD_USE = 2

COMMANDS = {
    "health": "serve",
    "reset": "worlds",
    "receive": "instances",
    "messages": "lists",
    "requests": "lists",
    "deliveries": "lists",
    "transcript": "lists",
    "clock": "worlds",
    "advance": "worlds",
    "fault": "faults",
    "world": "worlds",
    "instance": "instances",
    "qr": "instances",
    "verify-signature": "offline",
    "fidelity": "offline",
    "openapi": "offline",
}
"""The commands, and the module of each, which is imported when its command runs."""


class Commands(click.Group):
    """Loads the module of a command when the command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or suggest the one that is meant."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"flaresend_mock.cli.{COMMANDS[cmd_name]}")
        found: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return found


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command. A failure prints one line, and has exit status 1, or 2 for bad use."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the parent process has closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - until the process ends
    try:
        status = cli(arguments, standalone_mode=False, prog_name="flaresend-mock")
        status = status if isinstance(status, int) else 0
    except click.ClickException as error:
        status = _complain(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        status = 130
    sys.exit(_written_out(status))


def _complain(message: str, status: int = BAD_USE) -> int:
    print(f"flaresend-mock: {visible(message)}", file=sys.stderr)
    return status


def _written_out(status: int) -> int:
    """Flush standard output, and return the exit status. A closed pipe is not an error."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter tries again
        if not isinstance(error, BrokenPipeError):
            return _complain(f"cannot print: {error.strerror}", 1)
    return status


def _with_settings(command: click.Command) -> click.Command:
    """Give a command every option of the settings, as text that `resolve` converts."""
    for option in options():
        help_text = f"{option.metadata['help']} [{variable(option)}; default: {option.metadata['shown']}]"
        if isinstance(option.default, bool):
            names = [option.name, f"{flag(option)}/--no-{flag(option)[2:]}"]
            parameter = click.Option(names, default=None, help=help_text)
        else:
            parameter = click.Option(
                [option.name, flag(option)], default=None, metavar="VALUE", help=help_text
            )
        command.params.append(parameter)
    return command


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="flaresend-mock")
@click.pass_context
def cli(context: click.Context, /, **flags: Any) -> int:
    """Serve an emulator of the Flaresend WhatsApp API on this machine.

    Each option can also be set by the environment variable in its help. A flag wins over its variable.
    """
    as_text = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in flags.items()
    }
    try:
        context.obj = resolve(as_text)
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    return 0 if context.invoked_subcommand else serve(context.obj)


_with_settings(cli)
