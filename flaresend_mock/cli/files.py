"""Files that commands write: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import click

PRIVATE, SHARED = 0o600, 0o666


def write(file: Path, data: bytes, mode: int = SHARED) -> None:
    """Write a file beside where it goes, and rename it; what is no file, such as a pipe, is written to.

    Args:
        mode: who may read it, less what the user's umask takes away.

    Raises:
        click.ClickException: it cannot be written; what was there before is there still.
    """
    try:
        place = file.resolve()
        if place.exists() and not place.is_file():
            place.write_bytes(data)
            return
        temporary = place.with_name(f".{place.name[:200]}.{os.getpid()}.new")
        opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        try:
            with os.fdopen(opened, "wb") as written:
                written.write(data)
            temporary.replace(place)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except (OSError, ValueError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise click.ClickException(f"{file}: {why}") from None


def read(file: Path) -> bytes:
    """Read a file, or standard input, which is written `-`.

    Raises:
        click.UsageError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
