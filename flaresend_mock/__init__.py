"""A local emulator of the Flaresend WhatsApp API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flaresend_mock.version import __version__

if TYPE_CHECKING:
    from flaresend_mock.server import CannotStart, FlaresendMock
    from flaresend_mock.settings import Settings
else:
    _HOMES = {"CannotStart": "server", "FlaresendMock": "server", "Settings": "settings"}

    def __getattr__(name: str) -> Any:
        """Import what is asked for when it is asked for, so that importing the package costs nothing."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import gc
        from importlib import import_module

        collects = gc.isenabled()
        gc.disable()  # what is imported is there to stay, and looking for garbage in it takes a seventh of the time
        try:
            return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        finally:
            if collects:
                gc.enable()


__all__ = ["CannotStart", "FlaresendMock", "Settings", "__version__"]
