"""The files that travel with the package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_IN_WHEEL = _PACKAGE / "_fixtures"

FIXTURES = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent / "fixtures"
"""The fixtures: inside an installed package, or beside it in a checkout."""


def world_names() -> list[str]:
    """Return the names of the worlds that are shipped."""
    return sorted(file.stem for file in (FIXTURES / "worlds").glob("*.json"))


def world_file(name: str) -> Path:
    """Return the file of a world: a shipped one by its name, any other by its path."""
    shipped = FIXTURES / "worlds" / f"{name}.json"
    return shipped if name in world_names() else Path(name)
