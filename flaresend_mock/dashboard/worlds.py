"""The worlds page: what each world holds, and what can be done with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from flask import Blueprint, Response

from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
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
    shown, more = read_cards(emulator().worlds.all(), chosen)
    return {"cards": shown, "more": more, "default": DEFAULT}


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


MOST = 200
"""So many worlds are shown."""


@dataclass(frozen=True, slots=True)
class SnapshotLine:
    """A snapshot, with how much it holds."""

    name: str
    messages: int
    scheduled: int


@dataclass(frozen=True, slots=True)
class Card:
    """A world, with how much it holds; `now` is in its time zone, `here` whether it is the one of the page."""

    name: str
    here: bool
    seed: int
    time_zone: str
    now: datetime
    frozen: bool
    instances: int
    connected: int
    messages: int
    scheduled: int
    faults: int
    snapshots: tuple[SnapshotLine, ...]


def read_cards(worlds: Iterable[World], chosen: World, most: int = MOST) -> tuple[list[Card], int]:
    """Return the first worlds, and how many more there are.

    The world of the page comes first, then the default one, then oldest first.
    """

    def place(world: World) -> tuple[bool, bool]:
        return world is not chosen, world.name != DEFAULT

    found = sorted(worlds, key=place)
    return [_card(world, world is chosen) for world in found[:most]], max(0, len(found) - most)


def _card(world: World, here: bool) -> Card:
    """Return the card of a world as it is now."""
    with world.lock:
        state = world.state
        return Card(
            name=world.name,
            here=here,
            seed=state.seed,
            time_zone=state.time_zone,
            now=world.clock.now().astimezone(ZoneInfo(state.time_zone)),
            frozen=world.timeline.frozen,
            instances=len(state.instances),
            connected=sum(instance.status == "connected" for instance in state.instances.values()),
            messages=len(state.messages),
            scheduled=len(state.tasks),
            faults=sum(fault.armed for fault in state.faults.values()),
            snapshots=tuple(
                SnapshotLine(name, len(kept.messages), len(kept.tasks))
                for name, kept in world.snapshots.all().items()
            ),
        )
