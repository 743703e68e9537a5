"""The page of traffic: API calls and webhook deliveries in one list, as they happen."""

from __future__ import annotations

import json
from dataclasses import replace

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from flaresend_mock.core.world import World
from flaresend_mock.dashboard import traffic_log as reading
from flaresend_mock.dashboard.pages import page, part, place
from flaresend_mock.dashboard.traffic_details import details as explain
from flaresend_mock.http.context import emulator

blueprint = Blueprint("traffic_page", __name__)

LONGEST = 200
MAX_NUMBER = 18
NAMES = 200
KEPT = 500
"""How many rows stay on a page that is left open, each time as many have come."""


@blueprint.get("/w/<world>/traffic")
def traffic(world: str) -> Response:
    """Show calls and deliveries, the newest first."""
    chosen = emulator().worlds.get(world)
    wanted = _filter(chosen)
    if request.args.get("clear"):
        wanted = replace(wanted, after=chosen.state.events.last_number)
    shown = reading.page(chosen, wanted)
    answer = page(
        "traffic.html",
        chosen,
        "traffic",
        wanted=wanted,
        shown=shown,
        kinds=reading.KINDS,
        statuses=reading.STATUSES,
        people=_people(chosen),
        address=emulator().public_url(),
        grown=0,
    )
    answer.headers["HX-Replace-Url"] = f"traffic?{wanted.query}" if wanted.query else "traffic"
    return answer


@blueprint.get("/w/<world>/parts/traffic/older")
def older(world: str) -> Response:
    """Return what happened before."""
    chosen = emulator().worlds.get(world)
    wanted = _filter(chosen)
    shown = reading.page(chosen, wanted, before=_number("before"))
    return part("traffic_older.html", chosen, wanted=wanted, shown=shown)


@blueprint.get("/w/<world>/parts/traffic/news")
def news(world: str) -> Response:
    """Return what happened meanwhile, and what has changed of what happened before."""
    chosen = emulator().worlds.get(world)
    wanted = _filter(chosen)
    found = reading.news(chosen, wanted, _number("since"), _number("oldest"))
    grown = _number("grown") + len(found.fresh)
    anew = None
    if found.all or grown > KEPT:
        anew = reading.page(chosen, wanted, count=reading.PAGE if found.all else KEPT)
    answer = part(
        "traffic_news.html",
        chosen,
        wanted=wanted,
        found=found,
        anew=anew,
        grown=0 if anew else grown,
        kept=KEPT,
        cut=not found.all and grown > KEPT,
        oldest=_number("oldest"),
        address=emulator().public_url(),
    )
    if found.changed:
        answer.headers["HX-Trigger"] = json.dumps(
            {f"delivery-{row.number}": row.number for row in found.changed}
        )
    return answer


@blueprint.get("/w/<world>/parts/traffic/<int:number>")
def details(world: str, number: int) -> Response:
    """Return one call or delivery in full."""
    chosen = emulator().worlds.get(world)
    found = explain(chosen, number, place(chosen))
    if found is None:
        raise NotFound("This is no longer kept.")
    return part("traffic_details.html", chosen, found=found)


def _filter(world: World) -> reading.Filter:
    """Return the filter in the query string; what it cannot mean is left out."""
    kind, status = request.args.get("kind", ""), request.args.get("status", "")
    after = _number("after")
    return reading.Filter(
        kind if kind in reading.KINDS else "",
        request.args.get("path", "")[:LONGEST].strip(),
        status if status in reading.STATUSES else "",
        request.args.get("person", "")[:LONGEST].strip(),
        after if after <= world.state.events.last_number else 0,  # else it is of another log
    )


def _people(world: World) -> list[tuple[str, str]]:
    """Return name and number of people and groups, to choose from."""
    with world.lock:
        state = world.state
        people = [(one.name, f"+{one.number}") for one in state.people.values() if one.name]
        groups = [(one.subject, "group") for one in state.groups.values()]
    return sorted([*people[:NAMES], *groups[:NAMES]])


def _number(name: str) -> int:
    given = request.args.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= MAX_NUMBER else 0
