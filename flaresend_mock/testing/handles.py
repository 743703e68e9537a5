"""What a test holds of its world: the clock, the instance, faults and snapshots."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Self

from flaresend_mock.background.applications import is_handling, refuse_while_handling
from flaresend_mock.client import LONG_SECONDS, ControlPlane, ControlPlaneError, EmulatorUnreachable, part
from flaresend_mock.testing.models import time_text

__tracebackhide__ = True  # pytest shows the line of the test instead

_VOLATILE = ("hits", "matched", "armed")


class Clock:
    """Freezes, sets and advances the world's clock. A time is a datetime or ISO 8601; without an offset it is local."""

    def __init__(self, control: ControlPlane) -> None:
        self._control = control

    @property
    def now(self) -> datetime:
        """The time of the world, as an aware datetime in UTC."""
        return datetime.fromisoformat(self._control.call("GET", "/clock")["now"])

    @property
    def frozen(self) -> bool:
        """Whether the clock is frozen."""
        return bool(self._control.call("GET", "/clock")["frozen"])

    def freeze(self, at: datetime | str | None = None) -> None:
        """Freeze the clock, now or at a time."""
        self._change(frozen=True, **({} if at is None else {"now": time_text(at)}))

    def run(self) -> None:
        """Let the clock run again."""
        self._change(frozen=False)

    def set(self, to: datetime | str) -> None:
        """Set the clock. Nothing that is due runs by this."""
        self._change(now=time_text(to))

    def advance(
        self, /, by: timedelta | float | None = None, *, to: datetime | str | None = None, **units: float
    ) -> list[Mapping[str, Any]]:
        """Advance the clock, and return what fell due on the way, in order.

        Args:
            by: a time span, in seconds if it is a number.
            to: a time, instead of a time span.
            units: such as hours=2, instead of or beside `by`; TypeError for neither a span nor a time, or both.
        """
        if (to is not None) == (by is not None or bool(units)):
            raise TypeError("advance takes a time span, such as 90 or hours=2, or to=…, and not both")
        if to is not None:
            return self._advance("advance", to=time_text(to))
        span = by if isinstance(by, timedelta) else timedelta(seconds=by or 0)
        return self._advance("advance", seconds=(span + timedelta(**units)).total_seconds())

    def advance_to_next(self) -> list[Mapping[str, Any]]:
        """Advance to the next due time, and return what ran."""
        return self._advance("advance_to_next", to_next=True)

    def _advance(self, call: str, **how: Any) -> list[Mapping[str, Any]]:
        refuse_while_handling()  # advancing waits for what it delivers
        refuse_in_loop(f"clock.{call}")
        return list(self._control.call("POST", "/clock/advance", how, seconds=LONG_SECONDS)["fired"])

    def _change(self, **change: Any) -> None:
        self._control.call("PATCH", "/clock", change)


class Instance:
    """The client's instance. A disconnected one sends nothing; what it is sent waits until it is connected."""

    def __init__(self, control: ControlPlane, path: str) -> None:
        self._control, self._path = control, path

    @property
    def id(self) -> str:
        """The instance's id."""
        return str(self._control.call("GET", self._path)["id"])

    @property
    def status(self) -> str:
        """The status, such as connected."""
        return str(self._control.call("GET", self._path)["status"])

    def connect(self) -> None:
        """Connect the instance, which then gets what waits for it."""
        self._control.call("POST", f"{self._path}/status", {"status": "connected"})

    def disconnect(self) -> None:
        """Disconnect the instance from WhatsApp."""
        self._control.call("POST", f"{self._path}/status", {"status": "disconnected"})

    def log_out(self) -> None:
        """Unlink the phone. What waits for it is dropped."""
        self._control.call("POST", f"{self._path}/logout")

    def reconnect(self) -> None:
        """Start pairing: a second later, the instance shows a QR code."""
        self._control.call("POST", f"{self._path}/reconnect")

    def scan(self) -> None:
        """Scan the QR code: a second later, the instance is connected."""
        self._control.call("POST", f"{self._path}/scan", {})


class Fault:
    """An armed fault, until it is removed, or its `with` ends and deliveries under way are settled."""

    def __init__(self, control: ControlPlane, shown: Mapping[str, Any], settle: Callable[[], None]) -> None:
        self._control, self._settle = control, settle
        self.id: str = shown["id"]
        self._what, self._hits, self._removed = _identity(shown), 0, False

    @property
    def hits(self) -> int:
        """How often the fault has hit. A removed fault keeps its last count."""
        if not self._removed:
            self._is_armed()
        return self._hits

    def remove(self) -> None:
        """Remove the fault, unless a reset has removed it."""
        armed, self._removed = self._is_armed(), True
        if armed:
            self._control.call("DELETE", f"/faults/{self.id}")

    def _is_armed(self) -> bool:
        """Look for the fault, and note its hits. After a reset, another fault may have its id."""
        try:
            shown = self._control.call("GET", f"/faults/{self.id}")
        except ControlPlaneError as refused:
            if refused.code != "fault_not_found":
                raise
            return False
        if _identity(shown) != self._what:
            return False
        self._hits = int(shown["hits"])
        return True

    def __repr__(self) -> str:
        return f"<Fault {self.id}>"

    def __enter__(self) -> Self:
        if self._removed:
            raise RuntimeError("this fault is removed; arm another with fault()")
        refuse_in_loop("fault", how="async with")  # its end waits
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None and not is_handling():
                self._settle()
        finally:
            _undo(self.remove, error)


class Snapshot(AbstractContextManager["Snapshot"]):
    """A saved state of the world. The end of a `with` restores it."""

    def __init__(self, control: ControlPlane, name: str) -> None:
        self._control, self.name = control, name

    def restore(self) -> None:
        """Return to the saved state."""
        self._control.call("POST", f"/snapshots/{part(self.name)}/restore")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _undo(self.restore, error)


class AppURL(str):
    """The URL of an application that receives webhooks. The end of a `with` settles deliveries, and makes no more."""

    def __new__(cls, url: str, _: Callable[[], None]) -> Self:
        return super().__new__(cls, url)

    def __init__(self, _: str, end: Callable[[], None]) -> None:
        self._end = end

    def __enter__(self) -> Self:
        refuse_in_loop("webhook_app", how="async with")  # its end waits
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        _undo(self._end, error)


def refuse_in_loop(call: str, of: str = "flaresend_mock", how: str = "await") -> None:
    """Refuse a call that waits, made by a task of asyncio; RuntimeError names what to write instead."""
    asyncio = sys.modules.get("asyncio")  # who has not imported it runs no loop
    try:
        is_task = asyncio is not None and asyncio.current_task() is not None  # Playwright's sync API leaves a loop only
    except RuntimeError:
        return
    if is_task:
        instead = f"use `{how} {of}.aio.{call}(…)`"
        raise RuntimeError(f"{call}() would block the event loop that runs this test, and its application: {instead}")


def _undo(undo: Callable[[], None], error: BaseException | None) -> None:
    """Undo something at the end of a `with`. An error inside of it counts more than one of the emulator now."""
    try:
        undo()
    except (ControlPlaneError, EmulatorUnreachable):
        if error is None:
            raise


def _identity(fault: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fault.items() if name not in _VOLATILE}
