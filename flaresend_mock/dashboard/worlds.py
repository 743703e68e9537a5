"""The page of worlds: whole simulated WhatsApps."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from flask import Blueprint, Response

from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.dashboard import worlds_cards as reading
from flaresend_mock.dashboard.pages import page, part
from flaresend_mock.http.context import emulator
from flaresend_mock.package_data import world_names

blueprint = Blueprint("worlds_page", __name__)


@blueprint.get("/w/<world>/worlds")
def worlds(world: str) -> Response:
    """Show all worlds."""
    chosen = emulator().worlds.get(world)
    return page(
        "worlds.html",
        chosen,
        "worlds",
        fixtures=world_names(),
        zones=_zones(),
        **_cards(chosen),
    )


@blueprint.get("/w/<world>/parts/worlds")
def cards(world: str) -> Response:
    """Return the cards as they are now."""
    chosen = emulator().worlds.get(world)
    return part("worlds_cards.html", chosen, **_cards(chosen))


def _cards(chosen: World) -> dict[str, object]:
    shown, more = reading.cards(emulator().worlds.all(), chosen)
    return {"cards": shown, "more": more, "default": DEFAULT}


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())
