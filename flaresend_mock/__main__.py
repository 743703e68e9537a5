"""Runs the command flaresend-mock with python -m flaresend_mock."""

from flaresend_mock.cli import main

main()
