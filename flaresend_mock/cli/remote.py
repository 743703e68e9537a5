"""How commands talk to a running emulator: JSON over its control plane, never through a proxy."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import click

from flaresend_mock.settings import ENVIRONMENT, PREFIX, Settings, local_url

TIMEOUT_SECONDS = 30

url_option = click.option(
    "--url",
    default=None,
    metavar="URL",
    help=f"Where the emulator is. [{PREFIX}URL; default: this machine, at the port that is set]",
)


class Unreachable(Exception):
    """There is no emulator at an address; the message says why."""


class Refused(Exception):
    """The emulator refused a call; the message is its own."""


def address(settings: Settings, url: str | None) -> str:
    """Return where the emulator is.

    Raises:
        click.UsageError: the URL is none.
    """
    found = url or ENVIRONMENT.get(f"{PREFIX}URL") or local_url(settings.host, settings.port)
    if not found.startswith(("http://", "https://")):
        raise click.UsageError(f"--url: {found!r} is not an http URL")
    return found.rstrip("/")


def ask(base: str, method: str, path: str, body: Any = None) -> Any:
    """Make a call, and return its answer.

    Raises:
        Unreachable: nobody answers as an emulator does.
        Refused: the emulator refuses the call.
    """
    data = None if body is None else json.dumps(body).encode()
    try:
        call = Request(base + path, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - http only
        with build_opener(ProxyHandler({})).open(call, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except HTTPError as error:
        with error:
            raise Refused(_message(error)) from None
    except URLError as error:
        raise Unreachable(getattr(error.reason, "strerror", None) or str(error.reason)) from None
    except (OSError, ValueError, HTTPException, RecursionError) as error:
        raise Unreachable(str(error) or type(error).__name__) from None


def _message(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"it answers {error.code}"
