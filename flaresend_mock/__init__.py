"""A local emulator of the Flaresend WhatsApp API. __init__.pyi says what the names are."""

from flaresend_mock.version import __version__

__all__ = ["CannotStart", "FlaresendMock", "Settings", "__version__", "redirect"]

_HOMES = {"Settings": "settings", "redirect": "testing.redirection"}


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that importing the package is fast."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'server')}"), name)
