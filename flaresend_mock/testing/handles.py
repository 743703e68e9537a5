"""What tests hold in their hands: the instance, faults and snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from flaresend_mock.testing.calls import Calls, ControlPlaneError, EmulatorUnreachable

__tracebackhide__ = True  # a test that fails shows its own line

_VOLATILE = ("hits", "matched", "armed")


class Instance:
    """The world's first instance. While it is disconnected, nobody can write to it either."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @property
    def status(self) -> str:
        status: str = self._calls.ask("GET", "/_mock/instances/default")["status"]
        return status

    def connect(self) -> None:
        self._set("connected")

    def disconnect(self) -> None:
        self._set("disconnected")

    def _set(self, status: str) -> None:
        self._calls.ask("POST", "/_mock/instances/default/status", {"status": status})


class Fault:
    """A fault that is armed, until it is removed or its `with` ends."""

    def __init__(self, calls: Calls, shown: Mapping[str, Any]) -> None:
        self._calls = calls
        self.id: str = shown["id"]
        self._what = _identity(shown)
        self._hits = 0
        self._removed = False

    @property
    def hits(self) -> int:
        """How often it has hit; once it is gone, how often it had when that was last asked."""
        if not self._removed and (shown := self._shown()) is not None:
            self._hits = int(shown["hits"])
        return self._hits

    def remove(self) -> None:
        """Disarm it, unless a reset has done so. `hits` stays what it was."""
        shown = self._shown()
        self._removed = True
        if shown is not None:
            self._hits = int(shown["hits"])
            self._calls.ask("DELETE", f"/_mock/faults/{self.id}")

    def _shown(self) -> Mapping[str, Any] | None:
        """Return what there is of it. After a reset, its id may be another's."""
        try:
            shown: Mapping[str, Any] = self._calls.ask("GET", f"/_mock/faults/{self.id}")
        except ControlPlaneError as refused:
            if refused.code != "fault_not_found":
                raise
            return None
        return shown if _identity(shown) == self._what else None

    def __repr__(self) -> str:
        return f"<Fault {self.id}>"

    def __enter__(self) -> Self:
        if self._removed:
            raise RuntimeError("this fault is removed; arm another with fault()")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.remove()
        except (ControlPlaneError, EmulatorUnreachable):
            if error is None:  # what went wrong before counts more
                raise


class Snapshot:
    """What a world was like; as a `with`, what it is like again when that ends."""

    def __init__(self, calls: Calls, name: str) -> None:
        self._calls = calls
        self.name = name

    def restore(self) -> None:
        self._calls.ask("POST", f"/_mock/snapshots/{quote(self.name, safe='')}/restore")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.restore()
        except (ControlPlaneError, EmulatorUnreachable):
            if error is None:
                raise


def _identity(fault: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fault.items() if name not in _VOLATILE}
