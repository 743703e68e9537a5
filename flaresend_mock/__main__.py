"""Runs the command flaresend-mock with python -m flaresend_mock."""

from __future__ import annotations

from flaresend_mock.cli import main

main()
