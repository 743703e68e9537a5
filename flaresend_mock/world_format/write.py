"""Writes a world as JSON, which `read` reads: an export in bytes, or a file on exit."""

import logging
import os
import threading
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from errno import EXDEV
from itertools import count
from pathlib import Path
from stat import S_ISVTX
from typing import Any

from flaresend_mock.background.files import check_place, written_beside
from flaresend_mock.core.events import Subject
from flaresend_mock.core.models import Call, Change, Fault, Instance
from flaresend_mock.core.redaction import MASK, masked
from flaresend_mock.core.state import State, WorldSettings
from flaresend_mock.core.world import World
from flaresend_mock.version import __version__
from flaresend_mock.world_format import schema
from flaresend_mock.world_format.schema import EventRecord, Evicted, Lane, Timers, is_tag

FileVersion = tuple[int, int, int]  # tells a file from another of the same name: inode, time of its last change, size

log = logging.getLogger(__name__)
_types_lock = threading.Lock()


def export(state: State, *, secrets: bool) -> bytes:
    """Write a state, or the caller's copy of one, as compact JSON in UTF-8: the same bytes for the same state.

    API keys and the secrets of webhooks are masked without `secrets`.
    """
    import msgspec

    return msgspec.json.encode(_document(state, secrets=secrets), enc_hook=_text_of_faked)


def _document(state: State, *, secrets: bool) -> dict[str, Any]:
    instances, faults, events = state.instances.values(), state.faults.values(), state.events.since()
    entries, last_order = state.timers.contents()
    bounded = {name: getattr(state, name) for name in schema.BOUNDED}
    return {
        "format": schema.FORMAT,
        "version": schema.VERSION,
        "emulator": __version__,
        "secrets": secrets,
        **{name: _typed(getattr(state, name), kind) for name, kind in schema.UNCHANGED.items()},
        "clock": state.clock,
        **_typed(state.settings, WorldSettings),
        "people": _plain(state.people.values()),
        "instances": _plain(instances if secrets else map(_mask_instance, instances)),
        "groups": [{"participants": list(one.pop("members").values()), **one} for one in _plain(state.groups.values())],
        "channels": [
            {**channel, "roles": [{"number": number, "role": role} for number, role in channel["roles"].items()]}
            for channel in _plain(state.channels.values())
        ],
        "tasks": _plain(state.tasks.values()),
        "timers": Timers(last_order, tuple(entries)),
        "open_deliveries": _plain(state.open_deliveries.values()),
        "lanes": [Lane(instance, chat, tuple(ids)) for (instance, chat), ids in state.lanes.items()],
        "faults": _plain(faults if secrets else map(_mask_fault, faults)),
        **{name: _plain(store) for name, store in bounded.items()},
        "last_event": state.events.last_number,
        "last_call": state.events.calls,
        "events": [EventRecord(one.number, one.at, one.kind, *_plain([tagged(one.subject)])) for one in events],
        "evicted": {name: Evicted(store.evicted, store.last_evicted_event) for name, store in bounded.items()},
        "evicted_events": {kind: Evicted(*gone) for kind, gone in state.events.gone.items()},
    }


def _plain(records: Iterable[Any]) -> list[Any]:
    return [_typed(record, type(record)) for record in records]


def _typed(value: Any, kind: Any) -> Any:
    """Return a value as plain data, with 1.0 for a 1 where a float is meant, as an import has it.

    msgspec inspects a type under a lock: two threads that meet a new type at once end the process.
    """
    import msgspec

    plain = msgspec.to_builtins(value, enc_hook=_text_of_faked)
    with _types_lock:
        typed = msgspec.convert(plain, kind, dec_hook=lambda _, text: datetime.fromisoformat(text))
    return msgspec.to_builtins(typed, enc_hook=_text_of_faked)


def _text_of_faked(moment: datetime) -> str:
    """Return a time of a library that fakes time, whose type msgspec does not know, as msgspec writes others."""
    return moment.isoformat().replace("+00:00", "Z")


def _mask_instance(instance: Instance) -> Instance:
    return replace(instance, api_keys=tuple(MASK for _ in instance.api_keys), webhook=masked(instance.webhook))


def _mask_fault(fault: Fault) -> Fault:
    return fault if fault.match.get("key") is None else replace(fault, match={**fault.match, "key": MASK})


def tagged(subject: Subject) -> Subject:
    """Return the subject of an event, with tags around what JSON cannot tell apart.

    These are the body of a call, and the times in the details of a change.
    """
    match subject:
        case Call(body=bytes() as raw):
            return replace(subject, body={schema.BYTES: b64encode(raw).decode()})
        case Call(body=body) if body is not None:
            return replace(subject, body={schema.FORM: body})
        case Change(details=details) if any(isinstance(one, datetime) or is_tag(one) for one in details.values()):
            return replace(subject, details={name: _tagged(value) for name, value in details.items()})
        case _:
            return subject


def _tagged(value: Any) -> Any:
    if isinstance(value, datetime):
        return {schema.TIME: value.isoformat()}
    return {schema.VALUE: value} if is_tag(value) else value


class CannotExport(Exception):
    """The export cannot be written; the message says why in one line."""


class ExportOnExit:
    """Writes a world to a file when the emulator stops.

    The file is written under another name first, and then renamed. A symbolic link is refused. An existing file is
    only replaced if the world was imported from it, and it has not changed since; any other is kept, with a number
    behind its name.
    """

    def __init__(self, file: str | None, *, with_secrets: bool) -> None:
        self._file = None if file is None else Path(os.path.abspath(file))
        self._with_secrets = with_secrets
        self._imported: FileVersion | None = None

    def begins_with(self, imported: str) -> bool:
        """Note which file the world is imported from; True if it is this one and does not exist yet."""
        if self._file is None or os.path.realpath(imported) != os.path.realpath(self._file):
            return False
        self._imported = _version_of(self._file)
        return self._imported is None

    def check(self) -> None:
        """Check that the export can be written; CannotExport if not."""
        if self._file is None:
            return
        try:
            check_place(self._file)
            with written_beside(self._file, b"", private=True) as temporary:
                problem = _why_fixed(self._file, temporary.with_name(f"{temporary.name}.link"))
        except OSError as error:
            problem = error.strerror or str(error)
        if problem:
            raise CannotExport(f"export_on_exit: {self._file} cannot be replaced: {problem}")

    def write(self, world: World) -> None:
        """Write the export, or raise CannotExport. An existing file then stays as it was."""
        if self._file is None:
            return
        data = export(world.saved(), secrets=self._with_secrets)
        try:
            check_place(self._file)
            with written_beside(self._file, data, private=True) as temporary:
                if self._file.exists() and _version_of(self._file) != self._imported:
                    kept = self._file.rename(self._unused_name())
                    log.info("%s existed already, and is kept as %s", self._file, kept)
                temporary.replace(self._file)
            log.info("exported to %s", self._file)
        except OSError as error:
            raise CannotExport(f"cannot export to {self._file}: {error.strerror or error}") from None

    def _unused_name(self) -> Path:
        assert self._file is not None
        names = (self._file.with_name(f"{self._file.name}.{number}") for number in count(1))
        return next(name for name in names if not name.exists())


def _why_fixed(file: Path, link: Path) -> str | None:
    """Return why an existing file cannot be renamed, which no `access` tells; None if it can, or does not exist."""
    link.unlink(missing_ok=True)
    try:
        os.link(file, link)
        link.unlink()
    except OSError as error:
        if error.errno == EXDEV:  # as a file that is mounted into a container
            return "it is mounted itself; mount its folder"
    with suppress(FileNotFoundError):
        folder, owner = file.parent.stat(), file.stat().st_uid
        if folder.st_mode & S_ISVTX and os.geteuid() not in (0, owner, folder.st_uid):
            return "it is another user's"
    return None


def _version_of(file: Path) -> FileVersion | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
