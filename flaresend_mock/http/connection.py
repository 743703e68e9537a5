"""The connection a request came over, as far as answers may end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CUT = "flaresend_mock.cut"
"""Where the server puts what cuts the connection of a request."""

RESET, TRUNCATE = "reset", "truncate"

_DISCONNECTED = "waitress.client_disconnected"


def cut(environ: Mapping[str, Any], how: str) -> bool:
    """Have the connection end instead of the whole answer being sent, and return whether there is one that can.

    Args:
        how: reset (the client sees a TCP reset), drop_response (nothing is sent) or truncate (half of the body is).
    """
    server: Callable[[str], None] | None = environ.get(CUT)
    if server is None:
        return False
    server(how)
    return True


def is_gone(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Return what tells whether the client has gone away meanwhile."""
    asked: Callable[[], bool] = environ.get(_DISCONNECTED, lambda: False)
    return asked
