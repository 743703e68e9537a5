"""`flaresend-mock --demo`: a world that has been lived in, and a bot to talk to."""

from __future__ import annotations

from flaresend_mock.demo.bot import Bot
from flaresend_mock.demo.history import lived

__all__ = ["Bot", "lived"]
