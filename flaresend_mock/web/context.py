"""What the HTTP rooms know of the emulator they belong to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any

from flask import Request
from flask.ctx import AppContext, RequestContext, _AppCtxGlobals
from flask.globals import app_ctx, request_ctx

from flaresend_mock.core.outside import DEFAULT_PUBLIC_URL
from flaresend_mock.core.worlds import Worlds
from flaresend_mock.delivery.realtime import Patience

EXTENSION = "flaresend_mock"
MAX_STREAMS = 32
MAX_WAITERS = 400


@dataclass(frozen=True, slots=True)
class Emulator:
    """The worlds, and how they are served.

    `strict` accepts only what the documentation describes; `health` tells whether the parts of the
    emulator run, by name; `uptime` is in seconds. `history` is how much a new world keeps. `token` is what callers of
    the control plane must know, if anything, and `with_secrets` whether they are shown keys and secrets. `lend` gives
    the server another thread as long as the current one only waits, and `patience` ends all waiting. `streams` and
    `waiters` are the places there are for those who read along and wait.
    """

    worlds: Worlds
    strict: bool
    version: str
    health: Callable[[], dict[str, bool]]
    uptime: Callable[[], float]
    history: int | None = None
    token: str | None = None
    with_secrets: bool = False
    public_url: Callable[[], str] = lambda: DEFAULT_PUBLIC_URL
    lend: Callable[[], AbstractContextManager[object]] = nullcontext
    patience: Patience = field(default_factory=Patience)
    streams: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_STREAMS))
    waiters: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MAX_WAITERS))


# Flask's proxies cost something at every look: what they stand for is fetched once, and looked at directly
_app_context: Callable[[], AppContext] = app_ctx._get_current_object  # type: ignore[attr-defined]
_request_context: Callable[[], RequestContext] = request_ctx._get_current_object  # type: ignore[attr-defined]


def emulator() -> Emulator:
    """Return the emulator that the current request came to."""
    found: Any = _app_context().app.extensions[EXTENSION]
    assert isinstance(found, Emulator)
    return found


def current_request() -> Request:
    """Return the current request."""
    return _request_context().request


def notes() -> _AppCtxGlobals:
    """Return what the steps of the current call tell each other."""
    return _app_context().g
