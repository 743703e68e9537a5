"""Counts the functions and files of the emulator that a call of the API passes, once the process is warm.

python -m tests.benchmarks.passes [--list]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

import flaresend_mock
from flaresend_mock import FlaresendMock
from tests.benchmarks.support import KEY, MESSAGE, table

PACKAGE = str(Path(flaresend_mock.__file__).parent)
WARM_UP = 3


class Passed(NamedTuple):
    """A function that a call passes, with its file."""

    file: str
    function: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print every function")
    found = send_message()
    if parser.parse_args().list:
        print(table([("file", "function"), *found]))
    print(f"POST /send-message: {len(found)} functions in {len({one.file for one in found})} files")


def send_message() -> list[Passed]:
    """Return the functions that POST /send-message with a known key passes, in the order of their first call."""
    app = FlaresendMock(log_level="warning").app
    environ = EnvironBuilder(
        "/send-message",
        method="POST",
        headers=Headers({"Authorization": f"Bearer {KEY}"}),
        data=MESSAGE,
        content_type="application/json",
    ).get_environ()

    def call() -> None:
        list(app({**environ, "wsgi.input": BytesIO(MESSAGE.encode())}, lambda *_: print))

    for _ in range(WARM_UP):
        call()
    return passed(call)


def passed(call: Callable[[], None]) -> list[Passed]:
    """Return the emulator's functions that a call passes."""
    found: dict[Passed, None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            found[Passed(code.co_filename.removeprefix(PACKAGE + "/"), code.co_qualname)] = None

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return list(found)


if __name__ == "__main__":
    main()
