"""The worlds page: what each world holds, its snapshots, and what can be done with it."""

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
from flaresend_mock.http.context import services
from flaresend_mock.package_data import world_names

blueprint = Blueprint("worlds_page", __name__)

MAX_CARDS = 200


@dataclass(frozen=True, slots=True)
class SnapshotLine:
    """A snapshot, with the number of its messages and scheduled messages."""

    name: str
    messages: int
    scheduled: int


@dataclass(frozen=True, slots=True)
class Card:
    """A world, with how much it holds; `now` is in its time zone, `here` tells that the page belongs to it."""

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


@blueprint.get("/w/<world>/worlds")
def worlds(world: World) -> Response:
    """Show all worlds."""
    return page("worlds.html", world, "worlds", fixtures=world_names(), zones=_zones(), **_cards(world))


@blueprint.get("/w/<world>/parts/worlds")
def cards(world: World) -> Response:
    """Return the current cards."""
    return part("worlds_cards.html", world, **_cards(world))


def read_cards(worlds: Iterable[World], chosen: World, most: int = MAX_CARDS) -> tuple[list[Card], int]:
    """Return the cards of the first worlds, and how many more worlds there are.

    The world of the page comes first, then the default one, then the others, oldest first.
    """

    def rank(world: World) -> tuple[bool, bool]:
        return world is not chosen, world.name != DEFAULT

    found = sorted(worlds, key=rank)
    return [_card(world, world is chosen) for world in found[:most]], max(0, len(found) - most)


def _cards(chosen: World) -> dict[str, object]:
    shown, more = read_cards(services().worlds.all(), chosen)
    return {"cards": shown, "more": more, "default": DEFAULT}


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


def _card(world: World, here: bool) -> Card:
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
