"""Whole worlds as they are handed in: exports, and world files."""

from __future__ import annotations

from typing import Any

from flask import Request

from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.state import State
from flaresend_mock.http import jsons
from flaresend_mock.worldfile import load_world

MAX_SIZE = 384 * 1024 * 1024
MAX_DEPTH = 3 * jsons.MAX_DEPTH
"""An export holds what was accepted before, wrapped in a few layers more."""


def allow_large(request: Request) -> None:
    """Let a call bring a whole world: media may be much larger than any other body."""
    request.max_content_length = max(MAX_SIZE, request.max_content_length or 0)


def state_of(
    data: Any, is_export: bool, name: str, known: State | None = None, **options: Any
) -> tuple[State, list[str]]:
    """Return the state that an export or the contents of a world file describe, and what is to be said about it.

    Args:
        known: the world whose keys and secrets take the place of masked ones.
        name: what the world is called that it is for.
        options: of `load_world`; an export has its own.

    Raises:
        InvalidWorld: they describe none.
    """
    if not is_export:
        return load_world(data, **options), []
    from flaresend_mock.exports.importing import is_export as looks_like_one
    from flaresend_mock.exports.importing import load_export

    if not looks_like_one(data):
        raise InvalidWorld("format", "This is no export of flaresend-mock.")
    return load_export(data, known, name=name)
