"""What the HTTP rooms know of the emulator they belong to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Request
from flask.globals import app_ctx, request_ctx

from flaresend_mock.core.worlds import Worlds

EXTENSION = "flaresend_mock"


@dataclass(frozen=True, slots=True)
class Emulator:
    """The worlds, and how they are served.

    `strict` accepts only what the documentation describes; `health` tells whether the parts of the
    emulator run, by name; `uptime` is in seconds.
    """

    worlds: Worlds
    strict: bool
    version: str
    health: Callable[[], dict[str, bool]]
    uptime: Callable[[], float]


def emulator() -> Emulator:
    """Return the emulator that the current request came to."""
    found: Any = app_ctx.app.extensions[EXTENSION]
    assert isinstance(found, Emulator)
    return found


def current_request() -> Request:
    """Return the request itself instead of its proxy, which costs something at every look."""
    return request_ctx.request
