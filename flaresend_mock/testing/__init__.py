"""The test kit: a pytest plugin, and the client behind its fixture."""

from __future__ import annotations
