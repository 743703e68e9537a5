"""A call of the API stays short: it passes few functions and files of the emulator."""

from __future__ import annotations

from tests.benchmarks.passes import send_message

MOST_FUNCTIONS = 50
MOST_FILES = 23


def test_a_message_passes_few_functions_and_files() -> None:
    found = send_message()

    assert len(found) <= MOST_FUNCTIONS, found
    assert len({one.file for one in found}) <= MOST_FILES, found
