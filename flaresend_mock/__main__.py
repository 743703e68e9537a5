"""python -m flaresend_mock: the same as the command flaresend-mock."""

from __future__ import annotations

from flaresend_mock.cli import main

main()
