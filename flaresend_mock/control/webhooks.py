"""/_mock/instances/{id}/webhook: where an instance's events are sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint
from marshmallow import fields, validate

from flaresend_mock.background import webhook_handshake
from flaresend_mock.control.inbound import ChaosInput
from flaresend_mock.control.inputs import Input, Number, Switch, Text, about
from flaresend_mock.control.resources import people as resources
from flaresend_mock.core import webhook_urls
from flaresend_mock.core.errors import NoWebhook
from flaresend_mock.core.models import Instance, Webhook
from flaresend_mock.core.world import World
from flaresend_mock.http.context import services
from flaresend_mock.http.endpoint import endpoint

blueprint = Blueprint("webhooks", __name__, url_prefix="/instances/<instance_id>/webhook")

MAX_RETRIES = 20


class WebhookInput(Input):
    """A webhook. Fields that are left out get their defaults."""

    url = Text("The URL that events are sent to: http or https.", required=True)
    secret = Text(
        "The secret that deliveries are signed with; null for none.", allow_none=True, length=(1, 500)
    )
    retries = fields.List(
        Number("Seconds.", 0, 30 * 86_400),
        validate=validate.Length(max=MAX_RETRIES),
        metadata=about("Seconds of the world's clock between one attempt and the next."),
    )
    verification = Text(
        "How the receiver is verified: none, post or challenge.", words=webhook_handshake.MODES
    )
    verify_token = Text("The token of a challenge; null for none.", allow_none=True, length=(1, 500))
    chaos = fields.Nested(ChaosInput, metadata=about("Random failures of deliveries."))


class ResumeInput(Input):
    replay = Switch("Whether the held events are delivered now.", load_default=True)


@blueprint.put("")
@endpoint(
    resources.InstanceWebhook,
    body=WebhookInput(),
    example={"url": "http://127.0.0.1:8000/webhook", "secret": "a-secret", "retries": [1, 5, 30]},  # nosec B105
)
def put(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Set the webhook. Fields that are left out get their defaults."""
    webhook_urls.check(body["url"], strict=services().strict)
    if "retries" in body:
        body["retries"] = tuple(body["retries"])
    return _shown(world.instances.set_webhook(instance_id, Webhook(**body)))


@blueprint.get("")
@endpoint(resources.InstanceWebhook)
def show(world: World, instance_id: str) -> dict[str, Any]:
    """Show the webhook."""
    return _shown(world.instances.find(instance_id))


@blueprint.delete("")
@endpoint(resources.InstanceWebhook)
def delete(world: World, instance_id: str) -> dict[str, Any]:
    """Remove the webhook. Later events are recorded without a receiver."""
    return _shown(world.instances.set_webhook(instance_id, None))


@blueprint.post("/resume")
@endpoint(resources.Resumed, body=ResumeInput(), refuses=(409,), example={"replay": True})
def resume(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Resume a paused webhook; the held events come first."""
    instance = world.instances.find(instance_id)
    return {"replayed": world.deliveries.resume(instance.id, replay=body["replay"])}


@blueprint.post("/pause")
@endpoint(resources.InstanceWebhook, refuses=(409,))
def pause(world: World, instance_id: str) -> dict[str, Any]:
    """Hold events until the webhook is resumed."""
    with world.lock:
        world.deliveries.pause(world.instances.find(instance_id).id)
    return _shown(world.instances.find(instance_id))


@blueprint.post("/verify")
@endpoint(resources.Verified, refuses=(409,))
def verify(world: World, instance_id: str) -> dict[str, Any]:
    """Verify the webhook's receiver, as its verification mode says, and return the result."""
    instance = world.instances.find(instance_id)
    return _handshake(world, instance, _webhook(instance))


@blueprint.post("/test")
@endpoint(resources.Verified, refuses=(409,))
def test(world: World, instance_id: str) -> dict[str, Any]:
    """Send the documented sample event once, and return the result."""
    instance = world.instances.find(instance_id)
    return _handshake(world, instance, replace(_webhook(instance), verification="post"))


def _handshake(world: World, instance: Instance, webhook: Webhook) -> dict[str, Any]:
    us = services()
    with us.lend():
        return webhook_handshake.verify(webhook, instance.id, world.clock.now(), strict=us.strict)


def _webhook(instance: Instance) -> Webhook:
    if instance.webhook is None:
        raise NoWebhook
    return instance.webhook


def _shown(instance: Instance) -> dict[str, Any]:
    return {"instance": instance.id, "webhook": resources.masked(instance.webhook)}
