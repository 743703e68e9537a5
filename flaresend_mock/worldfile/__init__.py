"""World files: JSON on the host, a world's state on the inside."""

from __future__ import annotations

from flaresend_mock.worldfile.loading import WorldFileError, load_file, load_world

__all__ = ["WorldFileError", "load_file", "load_world"]
