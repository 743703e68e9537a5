"""The export that is written when the emulator stops: whole or not at all, and never over what nobody has read."""

from __future__ import annotations

import logging
import os
from itertools import count
from pathlib import Path

from flaresend_mock.core.world import World

Signs = tuple[int, int, int]
"""By what a file is told from another of the same name: inode, time of its last change, size."""


log = logging.getLogger(__name__)


class CannotExport(Exception):
    """The export cannot be written; the message says why in one line."""


class ExportOnExit:
    """Writes a world to a file.

    The file is written under another name first, and then renamed. A file that is there already gives way only if the
    world began with it, and so goes on in the new one; any other, or what became of that one meanwhile, is kept beside
    it, with a number behind its name.

    Args:
        file: where to; None for nowhere.
        with_secrets: whether API keys and secrets are in it.
    """

    def __init__(self, file: str | None, *, with_secrets: bool) -> None:
        self._file = None if file is None else Path(file).resolve()
        self._with_secrets = with_secrets
        self._imported: Signs | None = None

    def begins_with(self, imported: str) -> bool:
        """Note that the world begins with this export; True if it is not there yet, as it is written here first."""
        if self._file is None or Path(imported).resolve() != self._file:
            return False
        self._imported = _signs(self._file)
        return self._imported is None

    def check(self) -> None:
        """Look whether the export could be written now.

        Raises:
            CannotExport: it could not.
        """
        if self._file is None:
            return
        if self._file.is_dir() or not self._file.parent.is_dir():
            raise CannotExport(f"export_on_exit: {self._file} is no file in a directory that exists")
        if not os.access(self._file.parent, os.W_OK):
            raise CannotExport(f"export_on_exit: {self._file.parent} cannot be written to")

    def write(self, world: World) -> None:
        """Write the export.

        Raises:
            CannotExport: it cannot be written; what was there before is there still.
        """
        if self._file is None:
            return
        from flaresend_mock.exports.exporting import export  # few runs export anything

        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        try:
            with open(temporary, "wb", opener=_private) as file:
                file.write(export(world.saved(), secrets=self._with_secrets))
                file.flush()
                os.fsync(file.fileno())
            if self._file.exists() and _signs(self._file) != self._imported:
                kept = self._file.rename(self._unused_name())
                log.info("%s was there already, and is kept as %s", self._file, kept)
            temporary.replace(self._file)
            log.info("exported to %s", self._file)
        except OSError as error:
            raise CannotExport(f"cannot export to {self._file}: {error.strerror or error}") from None

    def _unused_name(self) -> Path:
        assert self._file is not None
        names = (self._file.with_name(f"{self._file.name}.{number}") for number in count(1))
        return next(name for name in names if not name.exists())


def _signs(file: Path) -> Signs | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _private(path: str, flags: int) -> int:
    """Open a file that nobody else may read: there are messages in it, and perhaps keys."""
    return os.open(path, flags, 0o600)
