"""The test kit: a pytest plugin, and the client behind its fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaresend_mock.testing.calls import Refused, Unreachable
    from flaresend_mock.testing.client import Flaresend
    from flaresend_mock.testing.explaining import Unmet
    from flaresend_mock.testing.server import Server, serving

__all__ = ["Flaresend", "Refused", "Server", "Unmet", "Unreachable", "serving"]

_HOMES = {
    "Flaresend": "client",
    "Refused": "calls",
    "Server": "server",
    "Unmet": "explaining",
    "Unreachable": "calls",
    "serving": "server",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: every run of pytest imports this package, to find the plugin."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
