"""Authentication: the API key names the instance, and with it the world."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Request
from werkzeug.exceptions import NotFound

from flaresend_mock.core.world import World
from flaresend_mock.http.context import AppServices
from flaresend_mock.http.headers import bearer


class Unauthorized(Exception):
    """The call has no API key, or an unknown one."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class Caller:
    """The instance that makes a call."""

    world: World
    instance: str


def identify(authorization: str, us: AppServices) -> Caller | None:
    """Return the caller that the API key belongs to, or None without a known key.

    Raises:
        WorldIsGone: the world of this key was evicted.
        TooMany: there is no room for a world for this key.
    """
    key = bearer(authorization)
    found = us.worlds.with_key(key) if key else None
    return Caller(found[0], found[1].id) if found else None


def require_known(request: Request, us: AppServices, caller: Caller | None) -> None:
    """Refuse a call of a known route without a known key, before any other check.

    Raises:
        Unauthorized: the key is missing or unknown.
        NotFound: in strict mode, the path ends with a slash.
    """
    if isinstance(request.routing_exception, NotFound):
        return
    if us.strict and request.path.endswith("/"):
        raise NotFound
    if caller is None:
        key = bearer(request.headers.get("Authorization", ""))
        raise Unauthorized("Invalid API key" if key else "Authorization header required")
