"""The worlds page: what each world holds, its snapshots, and what can be done with it."""

from dataclasses import asdict, fields
from functools import cache
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo, available_timezones

from flask import Response

from flaresend_mock.core.state import WorldSettings
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.dashboard.pages import blueprint, live, page
from flaresend_mock.http.context import services
from flaresend_mock.package_data import world_names

MAX_CARDS = 200


@blueprint.get("/w/<world>/worlds")
def worlds(world: World) -> Response:
    lists = {"fixtures": world_names(), "zones": _zones(), "settings": _inputs()}
    return page("worlds.html", world, "worlds", **lists, **_cards(world))


@live("worlds", "worlds_cards.html")
def _cards(chosen: World) -> dict[str, Any]:
    """Return the first worlds: the one of the page, then the default one, then the others, oldest first."""
    found = sorted(services().worlds.all(), key=lambda one: (one is not chosen, one.name != DEFAULT))
    return {"cards": list(map(_card, found[:MAX_CARDS])), "more": max(0, len(found) - MAX_CARDS), "default": DEFAULT}


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


@cache
def _inputs() -> list[dict[str, Any]]:
    types = get_type_hints(WorldSettings)
    return [
        {
            "name": one.name,
            "label": one.name.replace("_", " ").capitalize().replace("Lid", "LID").replace("Qr", "QR"),
            "words": get_args(types[one.name]) if one.default is not None else (),
            "is_text": str in get_args(types[one.name]),
            "step": "1" if int in get_args(types[one.name]) else "any",
            **one.metadata,
        }
        for one in fields(WorldSettings)
    ]


def _card(world: World) -> dict[str, Any]:
    with world.lock:
        state = world.state
        card: dict[str, Any] = {"name": world.name, "seed": state.seed, "time_zone": state.time_zone}
        card |= {"instances": len(state.instances), "messages": len(state.messages), "scheduled": len(state.tasks)}
        card |= {"now": world.clock.now().astimezone(ZoneInfo(state.time_zone)), "frozen": world.timeline.frozen}
        card |= {"settings": asdict(state.settings), "faults": sum(fault.armed for fault in state.faults.values())}
        card["connected"] = sum(instance.status == "connected" for instance in state.instances.values())
        snapshots = world.snapshots.all().items()
        return card | {"snapshots": {name: (len(kept.messages), len(kept.tasks)) for name, kept in snapshots}}
