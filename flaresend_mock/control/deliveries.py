"""/_mock/deliveries: every webhook event on its way, with every attempt."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import Blueprint, Response
from marshmallow import fields, validate
from werkzeug.exceptions import BadRequest

from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import Input, Whole, chosen_world, describes, given_body, given_query
from flaresend_mock.control.lists import Page, cut
from flaresend_mock.http import jsons

blueprint = Blueprint("deliveries", __name__, url_prefix="/deliveries")

STATUSES = (
    "pending",
    "retrying",
    "delayed",
    "delivered",
    "failed",
    "held",
    "dropped",
    "interrupted",
    "no endpoint",
)


class DeliveryPage(Page):
    status = fields.String(validate=validate.OneOf(STATUSES))


class Again(Input):
    """Which ones: all of a `status`, and of those from one event to another; at least one of the three."""

    more_shape: ClassVar = {"minProperties": 1}

    status = fields.String(validate=validate.OneOf(STATUSES))
    first = Whole(0, None, data_key="from_event")
    last = Whole(0, None, data_key="to_event")


@blueprint.get("")
@describes(response_types.Deliveries, query=DeliveryPage())
def list_deliveries() -> Response:
    """List deliveries, newest last; `status` picks those of one status."""
    page = given_query()
    world = chosen_world()
    since, status = page["since"] or 0, page.get("status")
    found = [one for one in world.deliveries.all() if one.event > since and status in (None, one.status)]
    shown = [views.delivery(delivery) for delivery in cut(found, page)]
    return jsons.respond({"deliveries": shown, "evicted": world.state.deliveries.evicted})


@blueprint.post("/settle")
@describes(response_types.Settled)
def settle() -> Response:
    """Wait until all is where it can come without time passing: delivered, failed, held or to be tried again."""
    world = chosen_world()
    world.host.drain_deliveries(world)
    return jsons.respond({"settled": world.deliveries.idle()})


@blueprint.get("/<delivery_id>")
@describes(response_types.DeliveryShown)
def show(delivery_id: str) -> Response:
    """Show one delivery with all its attempts."""
    return jsons.respond(views.delivery(chosen_world().deliveries.get(delivery_id)))


@blueprint.post("/<delivery_id>/redeliver")
@describes(response_types.Redeliveries, status=202)
def redeliver_one(delivery_id: str) -> Response:
    """Deliver an event again, as a new delivery with the same id for its receiver."""
    world = chosen_world()
    return _again(world.deliveries.redeliver([world.deliveries.get(delivery_id)]))


@blueprint.post("/redeliver")
@describes(response_types.Redeliveries, status=202, body=Again())
def redeliver_many() -> Response:
    """Deliver many events again: failed ones, or those of a range."""
    given = given_body()
    if not given:
        raise BadRequest("Give status, from_event, to_event, or several of them.")
    world = chosen_world()
    first, last = given.get("first", 0), given.get("last", world.state.events.last_number)
    wanted = [
        one
        for one in world.deliveries.all()
        if first <= one.event <= last
        and given.get("status") in (None, one.status)
        and one.instance in world.state.instances  # of removed ones nobody gets anything any more
    ]
    if given.get("status") == "failed":
        wanted = world.deliveries.not_made_good(wanted)
    return _again(world.deliveries.redeliver(wanted))


def _again(deliveries: list[Any]) -> Response:
    return jsons.respond({"deliveries": [views.delivery(delivery) for delivery in deliveries]}, 202)
