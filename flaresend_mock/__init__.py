"""A local emulator of the Flaresend WhatsApp API."""

from __future__ import annotations

from flaresend_mock.version import __version__

TYPE_CHECKING = False  # importing typing takes as long as starting Python, which the health check does every 2 s
if TYPE_CHECKING:
    from typing import Any

    from flaresend_mock.server import CannotStart, FlaresendMock
    from flaresend_mock.settings import Settings
    from flaresend_mock.testing.redirection import redirect
else:
    _HOMES = {"Settings": "settings", "redirect": "testing.redirection"}

    def __getattr__(name: str) -> Any:
        """Import a public name on first use, so that importing the package is fast."""
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'server')}"), name)


__all__ = ["CannotStart", "FlaresendMock", "Settings", "__version__", "redirect"]
