"""How commands talk to a running emulator: JSON over its control plane, never through a proxy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flaresend_mock.settings import ENVIRONMENT, PREFIX, Settings, local_url

if TYPE_CHECKING:
    from http.client import HTTPResponse

Command = TypeVar("Command", bound=Callable[..., Any])

SECONDS = 30.0
LONG_SECONDS = 600.0
"""For calls that answer once a whole world has been read, written or moved on."""

NO_EMULATOR = "what answers there is no emulator"


class Failed(click.ClickException):
    """A command that did not do what it was asked for: one line, and exit status 1."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A running emulator: where it is, the control token it wants, and the world that is meant."""

    base: str
    token: str | None = None
    world: str | None = None

    def ask(
        self, method: str, path: str, body: Any = None, *, seconds: float = SECONDS, **query: Any
    ) -> dict[str, Any]:
        """Make a call, and return its answer.

        Raises:
            Failed: nobody answers as an emulator does, or it refuses the call.
        """
        from flaresend_mock.cli import calls, progress  # HTTP takes longer to import than to speak

        with progress.waiting(self.base):
            try:
                return calls.ask(self, method, path, body, seconds, query)
            except calls.NotAnswered as error:
                raise self.failed(error) from None

    def fetch(self, path: str, *, seconds: float = SECONDS, **query: Any) -> tuple[bytes, str]:
        """Return what is at a path as it is, and its media type.

        Raises:
            Failed: nobody answers as an emulator does, or it refuses the call.
        """
        from flaresend_mock.cli import calls, progress

        with progress.waiting(self.base):
            try:
                return calls.fetch(self, path, seconds, query)
            except calls.NotAnswered as error:
                raise self.failed(error) from None

    def stream(self, path: str, last_id: str, **query: Any) -> HTTPResponse:
        """Open a stream of events, after the one with an id.

        Raises:
            calls.NotAnswered: it cannot be opened.
        """
        from flaresend_mock.cli import calls

        return calls.stream(self, path, last_id, query)

    def items(self, answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """Return a list of objects in an answer.

        Raises:
            Failed: there is none, as in no answer of an emulator.
        """
        found = answer.get(name)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.failed(NO_EMULATOR)
        return found

    def failed(self, why: object) -> Failed:
        return Failed(f"{self.base}: {why}")


def part(path: str) -> str:
    """Return a name or an id as one step of a path."""
    from urllib.parse import quote

    return quote(path, safe="", errors="surrogateescape")


def talking(*, world: bool = False) -> Callable[[Command], Command]:
    """Give a command the options that say which emulator is meant, and it as a `Remote` for its first argument.

    Args:
        world: whether the command concerns one world, and so has the option --world.
    """

    def decorate(command: Command) -> Command:
        def run(settings: Settings, /, url: str | None, control_token: str | None, **given: Any) -> Any:
            name = given.pop("in_world", None)
            return command(Remote(_address(settings, url), _token(settings, control_token), name), **given)

        described: Any = click.pass_obj(functools.update_wrapper(run, command))
        options = [_JSON, _TOKEN, _URL]
        for option in [_WORLD, *options] if world else options:
            described = option(described)
        return described  # type: ignore[no-any-return]

    return decorate


_URL = click.option(
    "--url",
    default=None,
    metavar="URL",
    help=f"Where the emulator is. [{PREFIX}URL; default: this machine, at the port that is set]",
)
_TOKEN = click.option(
    "--control-token",
    default=None,
    metavar="TOKEN",
    help=f"What the emulator wants as its control token. [{PREFIX}CONTROL_TOKEN]",
)
_WORLD = click.option(
    "--world", "in_world", default=None, metavar="NAME", help="The world that is meant; default if not given."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a line.")


def _address(settings: Settings, url: str | None) -> str:
    found = url or ENVIRONMENT.get(f"{PREFIX}URL") or local_url(settings.host, settings.port)
    if not found.startswith(("http://", "https://")):
        raise click.UsageError(f"--url: {found!r} is not an http URL")
    return found.rstrip("/")


def _token(settings: Settings, token: str | None) -> str | None:
    if token is None:
        return settings.control_token
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise click.UsageError("--control-token: a token has printable ASCII characters, and no spaces")
    return token
