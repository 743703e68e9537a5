"""/_mock/deliveries: webhook events on their way, with every attempt."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from flaresend_mock.control.inputs import NonEmptyInput, Page, Text, Whole
from flaresend_mock.control.lists import cut
from flaresend_mock.control.resources import activity as resources
from flaresend_mock.control.resources.activity import STATUSES
from flaresend_mock.core.models import Delivery
from flaresend_mock.core.world import World
from flaresend_mock.http.endpoint import endpoint

blueprint = Blueprint("deliveries", __name__, url_prefix="/deliveries")

_STATUS = "The status of the deliveries."


class DeliveryPage(Page):
    status = Text(_STATUS, words=STATUSES)


class RedeliverInput(NonEmptyInput):
    """Which deliveries: those of a status, and from one event to another; at least one of the three."""

    empty = "Give status, from_event, to_event, or several of them."

    status = Text(_STATUS, words=STATUSES)
    first = Whole("The number of the first event.", 0, None, data_key="from_event")
    last = Whole("The number of the last event.", 0, None, data_key="to_event")


@blueprint.get("")
@endpoint(resources.Deliveries, query=DeliveryPage())
def list_deliveries(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """List deliveries, newest last; `status` selects those of one status."""
    since, status = query["since"] or 0, query.get("status")
    found = [one for one in world.deliveries.all() if one.event > since and status in (None, one.status)]
    return {"deliveries": cut(found, query), "evicted": world.state.deliveries.evicted}


@blueprint.post("/settle")
@endpoint(resources.Settled)
def settle(world: World) -> dict[str, bool]:
    """Wait until every delivery is delivered, failed, held, or waits for its retry."""
    world.host.drain_deliveries(world)
    return {"settled": world.deliveries.idle()}


@blueprint.get("/<delivery_id>")
@endpoint(resources.Delivery)
def show(world: World, delivery_id: str) -> Delivery:
    """Show a delivery with its attempts."""
    return world.deliveries.get(delivery_id)


@blueprint.post("/<delivery_id>/redeliver")
@endpoint(resources.Redeliveries, status=202)
def redeliver_one(world: World, delivery_id: str) -> dict[str, Any]:
    """Deliver an event again, as a new delivery with the same id for its receiver."""
    return {"deliveries": world.deliveries.redeliver([world.deliveries.get(delivery_id)])}


@blueprint.post("/redeliver")
@endpoint(resources.Redeliveries, status=202, body=RedeliverInput(), example={"status": "failed"})
def redeliver_many(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Deliver many events again: failed ones, or those of a range."""
    first, last = body.get("first", 0), body.get("last", world.state.events.last_number)
    wanted = [
        one
        for one in world.deliveries.all()
        if first <= one.event <= last
        and body.get("status") in (None, one.status)
        and one.instance in world.state.instances  # a removed instance receives nothing
    ]
    if body.get("status") == "failed":
        wanted = world.deliveries.not_redelivered(wanted)
    return {"deliveries": world.deliveries.redeliver(wanted)}
