"""The page of faults: what goes wrong on purpose, switches for what often does, and forms for anything else."""

from __future__ import annotations

from flask import Blueprint, Response

from flaresend_mock.core.faults import ATTEMPT_ACTIONS, CALL_ACTIONS, EVENT_ACTIONS, MAX_DELAY
from flaresend_mock.dashboard import fault_text as words
from flaresend_mock.dashboard.pages import page, part
from flaresend_mock.http.context import emulator

blueprint = Blueprint("faults_page", __name__)

METHODS = ("GET", "POST", "PUT", "DELETE")
PATHS = (
    "/channels",
    "/check-number",
    "/groups",
    "/groups/send-message",
    "/schedule-message",
    "/scheduled-messages",
    "/send-message",
)
"""The paths of the API that are the same for every call."""


@blueprint.get("/w/<world>/faults")
def faults(world: str) -> Response:
    """Show what goes wrong, and offer to have more go wrong."""
    chosen = emulator().worlds.get(world)
    return page(
        "faults.html",
        chosen,
        "faults",
        presets=words.presets(chosen),
        rules=words.told(chosen),
        methods=METHODS,
        paths=PATHS,
        to_calls=CALL_ACTIONS,
        to_deliveries=(*ATTEMPT_ACTIONS, *EVENT_ACTIONS),
        actions=words.TO_CALLS,
        delivery_actions=words.TO_DELIVERIES,
        longest=int(MAX_DELAY),
    )


@blueprint.get("/w/<world>/parts/faults")
def armed(world: str) -> Response:
    """Return the switches and the rules as they are now."""
    chosen = emulator().worlds.get(world)
    return part("faults_armed.html", chosen, presets=words.presets(chosen), rules=words.told(chosen))
