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
    "health": "health",
    "reset": "worlds",
    "receive": "receive",
    "messages": "listing",
    "requests": "listing",
    "deliveries": "listing",
    "clock": "clock",
    "advance": "clock",
    "fault": "faults",
    "world": "worlds",
    "instance": "instances",
    "qr": "instances",
    "verify-signature": "signatures",
    "fidelity": "fidelity",
    "openapi": "documents",
}
"""The commands, and the module of each; a module is imported when its command is needed."""


class Commands(click.Group):
    """The commands beside serving, of which a run needs one or none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called, or say which one may be meant."""
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
    """Run the command. What fails is one clear line, with exit status 1, or 2 for bad use."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started this has closed it
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
    """Write out what was printed, and return the exit status; nobody needs to read it to the end."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter tries once more
        if not isinstance(error, BrokenPipeError):
            return _complain(f"cannot print: {error.strerror}", 1)
    return status


def _with_settings(command: click.Command) -> click.Command:
    """Give a command every option of the settings, as text; `resolve` makes something of it."""
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
    """Serve a Flaresend of your own: the WhatsApp API, emulated on this machine.

    Every option can also be set as an environment variable, named behind it; the flag comes first.
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
