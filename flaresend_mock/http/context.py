"""What the HTTP rooms know of the emulator they belong to."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from threading import BoundedSemaphore
from weakref import WeakKeyDictionary

from flask import Request
from flask.ctx import AppContext, RequestContext, _AppCtxGlobals
from flask.globals import app_ctx, request_ctx

from flaresend_mock.background.realtime import Patience
from flaresend_mock.core.store import DEFAULT_PUBLIC_URL
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import Worlds

EMULATOR = "flaresend_mock.emulator"
"""Where the environ of a request has the emulator that it came to."""

MAX_BODY_SIZE = 64 * 1024 * 1024
MAX_STREAMS = 32
MAX_WAITERS = 400

_PROCESS = id(object())
_runs = count(1)


@dataclass(frozen=True, slots=True)
class Emulator:
    """The worlds, and how they are served.

    `strict` accepts only what the documentation describes; `health` tells whether the parts of the
    emulator run, by name; `uptime` is in seconds. `history` is how much a new world keeps. `token` is what callers of
    the control plane must know, if anything, and `with_secrets` whether they are shown keys and secrets. `lend` gives
    the server another thread as long as the current one only waits, and `patience` ends all waiting. `streams` and
    `waiters` are the places there are for those who read along and wait. `max_body_size` is how many bytes a request's
    body may have; a larger one gets 413. `run` tells it from another emulator at the same address, for pages that are
    still open, and `seen` has up to which event each conversation of a world was looked at on them.
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
    max_body_size: int = MAX_BODY_SIZE
    run: str = field(default_factory=lambda: f"{os.getpid()}-{next(_runs)}-{_PROCESS:x}")
    seen: WeakKeyDictionary[World, dict[tuple[str, str], int]] = field(default_factory=WeakKeyDictionary)


# Flask's proxies cost something at every look: what they stand for is fetched once, and looked at directly
_app_context: Callable[[], AppContext] = app_ctx._get_current_object  # type: ignore[attr-defined]
_request_context: Callable[[], RequestContext] = request_ctx._get_current_object  # type: ignore[attr-defined]


def emulator() -> Emulator:
    """Return the emulator that the current request came to."""
    found: Emulator = _request_context().request.environ[EMULATOR]
    return found


def current_request() -> Request:
    """Return the current request."""
    return _request_context().request


def notes() -> _AppCtxGlobals:
    """Return what the steps of the current call tell each other."""
    return _app_context().g
