"""The line that tells whoever watches a terminal what is being waited for."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flaresend_mock.logs import visible

SECONDS_BEFORE = 1.0
_ERASE = "\r\x1b[K"


@contextmanager
def waiting(for_what: str) -> Iterator[None]:
    """Tell on standard error what is waited for, once that takes longer than a second; only on a terminal."""
    if not (sys.stderr and sys.stderr.isatty()):
        yield
        return
    over = threading.Event()
    teller = threading.Thread(target=_tell, args=(visible(for_what), over), daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _tell(what: str, over: threading.Event) -> None:
    from flaresend_mock.background.realtime import Stopwatch  # most commands are done before this

    watch = Stopwatch()
    told = False
    while not over.wait(SECONDS_BEFORE):
        line = f"waiting for {what} {watch.seconds:.0f} s"
        width = shutil.get_terminal_size().columns - 1
        print(f"{_ERASE}{line[:width]}", end="", file=sys.stderr, flush=True)
        told = True
    if told:
        print(_ERASE, end="", file=sys.stderr, flush=True)
