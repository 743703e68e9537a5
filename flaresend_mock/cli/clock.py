"""flaresend-mock clock and advance: the time of a world."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from flaresend_mock.cli import output, spans
from flaresend_mock.cli.remote import LONG_SECONDS, Remote, talking

_BEGINS_LIKE_A_DATE = re.compile(r"\d{4}-|\d{8}T", re.ASCII)


@click.command()
@click.option("--set", "now", metavar="TIME", help="Set it: 2025-11-14T10:00:00Z, or local to the world.")
@click.option("--freeze/--run", "frozen", default=None, help="Let it stand still, or run.")
@talking(world=True)
def clock(remote: Remote, as_json: bool, now: str | None, frozen: bool | None) -> int:
    """Show what time it is in a world; or set, stop or start its clock. Nothing falls due by that."""
    change = {name: value for name, value in (("now", now), ("frozen", frozen)) if value is not None}
    answer = remote.ask("PATCH", "/clock", change) if change else remote.ask("GET", "/clock")
    if as_json:
        output.document(answer)
        return 0
    state = "stands still" if answer.get("frozen") else "runs"
    due = answer.get("next_due") or "nothing"
    output.say(f"{answer.get('now')}, {state}; time zone {answer.get('time_zone')}; next due: {due}")
    return 0


@click.command()
@click.argument("how_far", metavar="SPAN|TIME|next")
@talking(world=True)
def advance(remote: Remote, as_json: bool, how_far: str) -> int:
    """Let time pass, by 90, 45s, 2h or 1d12h, to an ISO 8601 time, or to when the next thing falls due.

    Everything that falls due on the way has run when this ends.
    """
    answer = remote.ask("POST", "/clock/advance", _step(how_far), seconds=LONG_SECONDS)
    fired = remote.items(answer, "fired")
    if as_json:
        output.document(answer)
        return 0
    for one in fired:
        output.say(_fired(one))
    output.say(f"It is {answer.get('now')}" + ("" if fired else "; nothing fell due"))
    return 0


def _step(how_far: str) -> dict[str, Any]:
    if how_far == "next":
        return {"to_next": True}
    try:
        return {"seconds": spans.seconds(how_far)}
    except ValueError:
        if _BEGINS_LIKE_A_DATE.match(how_far):
            return {"to": how_far}
        raise click.UsageError(
            f"{how_far!r} is neither a span of time such as 90 or 1h30m, nor an ISO 8601 time, nor next"
        ) from None


def _fired(fired: Mapping[str, Any]) -> str:
    line = " ".join(str(fired.get(name)) for name in ("at", "kind", "id", "result"))
    return f"{line}: {fired['reason']}" if fired.get("reason") else line
