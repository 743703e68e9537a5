"""Which paths are the emulator's own."""

from __future__ import annotations

OURS = "/_mock"


def is_ours(path: str) -> bool:
    """Tell whether a path belongs to the emulator and not to the API it emulates."""
    return path == OURS or path.startswith(OURS + "/")
