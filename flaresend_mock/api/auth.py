"""Who is calling: the API key names the instance, and so the world."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.exceptions import NotFound

from flaresend_mock.core.world import World
from flaresend_mock.http.auth import bearer
from flaresend_mock.http.context import current_request, emulator, notes
from flaresend_mock.http.paths import is_ours


class Unauthorized(Exception):
    """The call brought no API key, or one that nobody has."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class Caller:
    """The instance in whose name a call is made."""

    world: World
    instance: str


def identify() -> None:
    """Find out who is calling, and so which world the call is for.

    Raises:
        WorldIsGone: somebody whose world was given up for others.
        TooMany: there is no room for a world for this key.
    """
    request = current_request()
    key = bearer(request.headers.get("Authorization", ""))
    found = emulator().worlds.with_key(key) if key and not is_ours(request.path) else None
    if found is not None:
        notes().caller = Caller(found[0], found[1].id)


def authenticate() -> None:
    """Refuse who is not known, before anything else about a known route is looked at.

    Raises:
        Unauthorized: nobody we know.
    """
    request = current_request()
    if is_ours(request.path) or isinstance(request.routing_exception, NotFound):
        return
    if emulator().strict and request.path.endswith("/"):
        raise NotFound
    if "caller" not in notes():
        key = bearer(request.headers.get("Authorization", ""))
        raise Unauthorized("Invalid API key" if key else "Authorization header required")
