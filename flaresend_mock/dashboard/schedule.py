"""The page of schedule: what is still to be sent, and the world's clock."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.core.world import World
from flaresend_mock.dashboard import schedule_due as reading
from flaresend_mock.dashboard.pages import page, part
from flaresend_mock.dashboard.schedule_clock import face, milliseconds, spoken
from flaresend_mock.http.context import emulator

blueprint = Blueprint("schedule_page", __name__)


@blueprint.get("/w/<world>/schedule")
def schedule(world: str) -> Response:
    """Show the clock, what is still to come, and what was."""
    chosen = emulator().worlds.get(world)
    return page("schedule.html", chosen, "schedule", **(_clock(chosen) | _due(chosen)))


@blueprint.get("/w/<world>/parts/clock")
def clock(world: str) -> Response:
    """Return the clock as it is now."""
    chosen = emulator().worlds.get(world)
    return part("schedule_clock.html", chosen, **_clock(chosen))


@blueprint.get("/w/<world>/parts/due")
def due(world: str) -> Response:
    """Return what is still to come, and what was."""
    chosen = emulator().worlds.get(world)
    return part("schedule_due.html", chosen, **_due(chosen))


def _clock(world: World) -> dict[str, object]:
    with world.lock:
        shown = face(world)
        next_due = world.state.timers.next_at()
    return {
        "clock": shown,
        "next_due": next_due,
        "spoken": spoken,
        "left": lambda moment: spoken(moment - shown.now),
        "overdue": lambda moment: moment <= shown.now,
        "milliseconds": milliseconds,
    }


def _due(world: World) -> dict[str, object]:
    with world.lock:
        now = world.clock.now()
        found = {"due": reading.due(world), "ended": reading.ended(world)}
        several = len(world.state.instances) > 1
    return {
        "left": lambda moment: spoken(moment - now),
        "overdue": lambda moment: moment <= now,
        "milliseconds": milliseconds,
        "several": several,
        **found,
    }
