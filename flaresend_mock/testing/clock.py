"""The world's clock, as a test holds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flaresend_mock.testing import arguments
from flaresend_mock.testing.calls import Calls
from flaresend_mock.testing.models import moment

__tracebackhide__ = True  # a test that fails shows its own line

ADVANCE_SECONDS = 300.0
"""An advance takes as long as receivers of webhooks take, one attempt after the other."""


class Clock:
    """Freezes, sets and advances time. Times may be text, ISO 8601; without an offset they are the world's."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @property
    def now(self) -> datetime:
        """The world's time, aware UTC."""
        return moment(self._calls.ask("GET", "/_mock/clock")["now"])

    @property
    def frozen(self) -> bool:
        """Whether time stands still until it is advanced."""
        return bool(self._calls.ask("GET", "/_mock/clock")["frozen"])

    def freeze(self, at: datetime | str | None = None) -> None:
        """Stop the clock, now or at a time."""
        self._change(frozen=True, **({} if at is None else {"now": arguments.time(at)}))

    def run(self) -> None:
        """Let a frozen clock run on."""
        self._change(frozen=False)

    def set(self, to: datetime | str) -> None:
        """Set the clock; nothing fires by it."""
        self._change(now=arguments.time(to))

    def advance(
        self, by: timedelta | float | None = None, *, to: datetime | str | None = None, **units: float
    ) -> list[Mapping[str, Any]]:
        """Let time pass, and return what fell due on the way, in order.

        Args:
            by: how long, in seconds if it is a number; or `to` a time; or units such as hours=2.

        Raises:
            TypeError: it is not said how long, or in two ways.
        """
        if (to is not None) == (by is not None or bool(units)):
            raise TypeError("advance takes a time span, such as 90 or hours=2, or to=…, and not both")
        if to is not None:
            body: dict[str, Any] = {"to": arguments.time(to)}
        else:
            span = by if isinstance(by, timedelta) else timedelta(seconds=by or 0)
            body = {"seconds": (span + timedelta(**units)).total_seconds()}
        return self._advance(body)

    def advance_to_next(self) -> list[Mapping[str, Any]]:
        """Advance to when the next thing falls due, and return what ran."""
        return self._advance({"to_next": True})

    def _advance(self, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        fired: list[Mapping[str, Any]] = self._calls.ask(
            "POST", "/_mock/clock/advance", body, seconds=ADVANCE_SECONDS
        )["fired"]
        return fired

    def _change(self, **change: Any) -> None:
        self._calls.ask("PATCH", "/_mock/clock", change)
