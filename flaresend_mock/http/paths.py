"""Which paths are the emulator's own."""

from __future__ import annotations

OURS = "/_mock"
MEDIA_HOST = "/v"


def is_control(path: str) -> bool:
    """Tell whether a path belongs to the control plane."""
    return path == OURS or path.startswith(OURS + "/")


def is_ours(path: str) -> bool:
    """Tell whether a path belongs to the emulator or to WhatsApp's media host, and not to the API it emulates."""
    return path == OURS or path.startswith((OURS + "/", MEDIA_HOST + "/"))
