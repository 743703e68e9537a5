"""/_mock/instances/{id}/webhook and /_mock/deliveries: where events are sent, and events on their way."""

from dataclasses import replace
from typing import Any

from flaresend_mock.background import webhook_handshake
from flaresend_mock.control.inbound import ChaosInput
from flaresend_mock.control.inputs import Input, Nested, NonEmptyInput, Number, Page, Several, Switch, Text, Whole
from flaresend_mock.control.lists import cut
from flaresend_mock.control.resources import activity
from flaresend_mock.control.resources import worlds as resources
from flaresend_mock.core.errors import NoWebhook, required
from flaresend_mock.core.models import BODY_STYLES, OPEN_STATUSES, Delivery, Instance, Webhook
from flaresend_mock.core.redaction import masked
from flaresend_mock.core.world import World
from flaresend_mock.http.context import services
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.world_format.schema import MONTH, usable_ca

webhooks = Endpoints("webhooks", "/instances/<instance_id>/webhook")
deliveries = Endpoints("deliveries", "/deliveries")

MAX_RETRIES = 20
_STATUS = "The status of the deliveries."
_CA = "Certificates in PEM that an https receiver is verified against, besides the public ones"


class WebhookInput(Input):
    """A webhook. Fields that are left out get their defaults."""

    url = Text("The URL that events are sent to: http or https.", required=True)
    secret = Text("The secret that deliveries are signed with; null for none.", allow_none=True, length=(1, 500))
    retries = Several("Seconds of the world's clock between attempts.", MAX_RETRIES, Number("Seconds.", 0, MONTH))
    verification = Text("How the receiver is verified: none, post or challenge.", words=webhook_handshake.MODES)
    verify_token = Text("The token of a challenge; null for none.", allow_none=True, length=(1, 500))
    chaos = Nested(ChaosInput, "Random failures of deliveries.")
    ordered = Switch("Whether the events of a chat wait for one that is retried.")
    body_style = Text("How events are written: raw UTF-8, or escaped with \\uXXXX and \\/.", words=BODY_STYLES)
    ca = Text(f"{_CA}; null for none.", allow_none=True, check=usable_ca)
    verify = Switch("Whether the certificate of an https receiver is verified.")


class ResumeInput(Input):
    replay = Switch("Whether the held events are delivered now.", load_default=True)


@webhooks.put("", resources.InstanceWebhook, body=WebhookInput())
def put_webhook(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Set the webhook. Fields that are left out get their defaults."""
    services().check_webhook(body["url"])
    if "retries" in body:
        body["retries"] = tuple(body["retries"])
    return _shown(world.instances.set_webhook(instance_id, Webhook(**body)))


@webhooks.get("", resources.InstanceWebhook)
def show_webhook(world: World, instance_id: str) -> dict[str, Any]:
    """Show the webhook."""
    return _shown(world.instances.find(instance_id))


@webhooks.delete("", resources.InstanceWebhook)
def delete_webhook(world: World, instance_id: str) -> dict[str, Any]:
    """Remove the webhook. Later events are recorded without a receiver."""
    return _shown(world.instances.set_webhook(instance_id, None))


@webhooks.post("/resume", resources.Resumed, body=ResumeInput(), refuses=(409,))
def resume_webhook(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Resume a paused webhook; the held events come first."""
    return {"replayed": world.deliveries.resume(world.instances.find(instance_id).id, replay=body["replay"])}


@webhooks.post("/pause", resources.InstanceWebhook, refuses=(409,))
def pause_webhook(world: World, instance_id: str) -> dict[str, Any]:
    """Hold events until the webhook is resumed."""
    with world.lock:
        world.deliveries.pause(world.instances.find(instance_id).id)
    return _shown(world.instances.find(instance_id))


@webhooks.post("/verify", resources.Verified, refuses=(409,))
def verify_webhook(world: World, instance_id: str) -> dict[str, Any]:
    """Verify the webhook's receiver, as its verification mode says, and return the result."""
    return _handshake(world, instance_id)


@webhooks.post("/test", resources.Verified, refuses=(409,))
def test_webhook(world: World, instance_id: str) -> dict[str, Any]:
    """Send the documented sample event once, and return the result."""
    return _handshake(world, instance_id, verification="post")


def _handshake(world: World, instance_id: str, **changes: Any) -> dict[str, Any]:
    us, instance = services(), world.instances.find(instance_id)
    webhook = replace(required(instance.webhook, NoWebhook), **changes)
    return webhook_handshake.verify(webhook, instance.id, world.clock.now(), strict=us.strict, trust=us.trust)


def _shown(instance: Instance) -> dict[str, Any]:
    return {"instance": instance.id, "webhook": masked(instance.webhook)}


class DeliveryPage(Page):
    status = Text(_STATUS, words=activity.STATUSES)


class RedeliverInput(NonEmptyInput):
    """Which deliveries: those of a status, and from one event to another; at least one of the three."""

    empty = "Give status, from_event, to_event, or several of them."

    status = Text(_STATUS, words=activity.STATUSES)
    first = Whole("The number of the first event.", 0, None, data_key="from_event")
    last = Whole("The number of the last event.", 0, None, data_key="to_event")


@deliveries.get("", activity.Deliveries, query=DeliveryPage(), refuses=(503,))
def list_deliveries(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """List deliveries, newest last; `status` selects those of one status."""
    since, status = query["since"] or 0, query.get("status")
    found = [one for one in world.deliveries.all() if one.event > since and status in (None, one.status)]
    return {"deliveries": cut(found, query), "evicted": world.state.deliveries.evicted}


@deliveries.post("/settle", activity.Settled)
def settle_deliveries(world: World) -> dict[str, bool]:
    """Wait until every delivery is delivered, failed, held, or waits for its retry."""
    world.host.drain_deliveries(world)
    return {"settled": world.deliveries.lanes.idle()}


@deliveries.get("/<delivery_id>", activity.Delivery)
def show_delivery(world: World, delivery_id: str) -> Delivery:
    """Show a delivery with its attempts."""
    return world.deliveries.get(delivery_id)


@deliveries.post("/<delivery_id>/redeliver", activity.Redeliveries, status=202, refuses=(409,))
def redeliver(world: World, delivery_id: str) -> dict[str, Any]:
    """Deliver an event again, as a new delivery with the same id for its receiver."""
    return {"deliveries": world.deliveries.redeliver([world.deliveries.get(delivery_id)])}


@deliveries.post("/redeliver", activity.Redeliveries, status=202, body=RedeliverInput(), refuses=(409,))
def redeliver_many(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Deliver many events again: failed ones, or those of a range."""
    first, last = body.get("first", 0), body.get("last", world.state.events.last_number)
    wanted = [one for one in world.deliveries.all() if first <= one.event <= last]
    wanted = [one for one in wanted if body.get("status") in (None, one.status)]
    wanted = [one for one in wanted if one.instance in world.state.instances]  # a removed one receives nothing
    if body.get("status") == "failed":  # but for those that a redelivery has delivered, or may still deliver
        again = {one.redelivery_of for one in world.deliveries.all() if one.status in ("delivered", *OPEN_STATUSES)}
        wanted = [one for one in wanted if one.id not in again]
    return {"deliveries": world.deliveries.redeliver(wanted)}
