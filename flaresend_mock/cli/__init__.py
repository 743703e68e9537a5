"""The command line: flaresend-mock."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from flaresend_mock.cli import commands
from flaresend_mock.cli.serve import serve
from flaresend_mock.logs import visible
from flaresend_mock.settings import SettingError, flag, options, resolve, variable
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
    return 0 if context.invoked_subcommand else serve(context.obj)


_with_settings(cli)


for command in commands.ALL:
    cli.add_command(command)
