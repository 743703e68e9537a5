"""Writes files whole or not at all: all that the project leaves on a disk, but for transcripts, which are appended."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from errno import ELOOP
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NO_LINK, _BINARY = getattr(os, "O_NOFOLLOW", 0), getattr(os, "O_BINARY", 0)


def write_file(place: Path, data: bytes, *, private: bool) -> None:
    """Write or replace a file, which only its owner may read if `private`; OSError as of `check_place`."""
    check_place(place)
    with written_beside(place, data, private=private) as temporary:
        temporary.replace(place)


def append_file(place: Path, data: bytes) -> None:
    """Append to a file in one piece, as other processes may append to it, too; OSError as of `check_place`."""
    check_place(place)
    with open(place, "ab", buffering=0, opener=lambda name, flags: os.open(name, flags | NO_LINK, 0o666)) as file:
        file.write(data)


def check_place(place: Path) -> None:
    """Raise OSError unless a place is free or a regular file; another user may have laid a symbolic link there."""
    if place.is_symlink():
        raise OSError(ELOOP, "it is a symbolic link; name the file itself")
    if place.exists() and not place.is_file():  # a pipe would wait for its reader
        raise OSError("not a regular file")


@contextmanager
def written_beside(place: Path, data: bytes, *, private: bool) -> Iterator[Path]:
    """Write a temporary file beside a place, which the caller moves it to. It is deleted if it is not moved.

    Its name comes from the place. What a killed process left there is deleted first, so files do not add up.
    """
    who = f".{os.getpid()}-{threading.get_ident()}" if sys.platform == "win32" else ""  # its locks forbid to rename
    temporary = place.with_name(f".{place.name[:40]}{who}.tmp")
    with _created(temporary, 0o600 if private else 0o666) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if who:
                file.close()
            yield temporary
        finally:
            with suppress(OSError):
                if file.closed or os.path.samestat(temporary.lstat(), os.fstat(file.fileno())):
                    temporary.unlink()


def hold(place: Path) -> int:
    """Open and lock a file, and return its descriptor; OSError if another emulator has it locked."""
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise OSError("another emulator saves there") from None
    return descriptor


def _created(temporary: Path, mode: int) -> BinaryIO:
    """Create a file and lock it. A writer that runs has its own locked: wait for it, and delete what others left."""
    while True:
        new = True
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, mode)
        except FileExistsError:
            new = False
            try:
                descriptor = os.open(temporary, os.O_RDONLY | NO_LINK | getattr(os, "O_NONBLOCK", 0))
            except FileNotFoundError:
                continue
        with suppress(FileNotFoundError), ExitStack() as opened:  # another writer may have moved or deleted it
            opened.callback(os.close, descriptor)
            if sys.platform != "win32":
                waits = 0 if os.fstat(descriptor).st_uid == os.geteuid() else fcntl.LOCK_NB  # others may never unlock
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(descriptor, fcntl.LOCK_EX | waits)
            if os.path.samestat(temporary.lstat(), os.fstat(descriptor)):
                if new:
                    return open(os.dup(descriptor), "wb")  # it shares the lock
                temporary.unlink()
