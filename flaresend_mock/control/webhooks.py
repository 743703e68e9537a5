"""/_mock/instances/{id}/webhook: where an instance's events go."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response
from marshmallow import fields, validate

from flaresend_mock.background import webhook_handshake
from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import Input, Number, Switch, chosen_world, describes, given_body
from flaresend_mock.control.inbound import ChaosInput
from flaresend_mock.core import webhook_urls
from flaresend_mock.core.errors import NoWebhook
from flaresend_mock.core.models import Chaos, Instance, Webhook
from flaresend_mock.core.world import World
from flaresend_mock.http import jsons
from flaresend_mock.http.context import emulator

blueprint = Blueprint("webhooks", __name__, url_prefix="/instances/<instance_id>/webhook")

MAX_RETRIES = 20


class WebhookInput(Input):
    """`url` is needed. `retries` are seconds between attempts; `verification` is none, post or challenge."""

    url = fields.String(required=True)
    secret = fields.String(allow_none=True, validate=validate.Length(1, 500))
    retries = fields.List(Number(0, 30 * 86_400), validate=validate.Length(max=MAX_RETRIES))
    verification = fields.String(validate=validate.OneOf(webhook_handshake.MODES))
    verify_token = fields.String(allow_none=True, validate=validate.Length(1, 500))
    chaos = fields.Nested(ChaosInput)


class ResumeInput(Input):
    """`replay`: whether the events that were held are delivered now."""

    replay = Switch(load_default=True)


@blueprint.put("")
@describes(response_types.WebhookOf, body=WebhookInput())
def put(instance_id: str) -> Response:
    """Set the webhook. What is not given is as it is by default."""
    given = given_body()
    webhook_urls.check(given["url"], strict=emulator().strict)
    if "retries" in given:
        given["retries"] = tuple(given["retries"])
    if "chaos" in given:
        given["chaos"] = Chaos(**given["chaos"])
    return _shown(chosen_world().instances.set_webhook(instance_id, Webhook(**given)))


@blueprint.get("")
@describes(response_types.WebhookOf)
def show(instance_id: str) -> Response:
    """Show the webhook."""
    return _shown(chosen_world().instances.find(instance_id))


@blueprint.delete("")
@describes(response_types.WebhookOf)
def delete(instance_id: str) -> Response:
    """Take the webhook away; events are recorded all the same, as going nowhere."""
    return _shown(chosen_world().instances.set_webhook(instance_id, None))


@blueprint.post("/resume")
@describes(response_types.Resumed, body=ResumeInput(), refuses=(409,))
def resume(instance_id: str) -> Response:
    """Let a paused webhook have events again, those that were held first."""
    given = given_body()
    world = chosen_world()
    instance = world.instances.find(instance_id)
    replayed = world.deliveries.resume(instance.id, replay=given["replay"])
    return jsons.respond({"replayed": [views.delivery(delivery) for delivery in replayed]})


@blueprint.post("/pause")
@describes(response_types.WebhookOf, refuses=(409,))
def pause(instance_id: str) -> Response:
    """Hold events back until the webhook is resumed."""
    world = chosen_world()
    with world.lock:
        instance = world.instances.find(instance_id)
        world.deliveries.pause(instance.id)
    return _shown(world.instances.find(instance_id))


@blueprint.post("/verify")
@describes(response_types.Verified, refuses=(409,))
def verify(instance_id: str) -> Response:
    """Run the handshake that the webhook's verification mode asks for, and say what came of it."""
    world = chosen_world()
    instance = world.instances.find(instance_id)
    return _asked(world, instance, _webhook(instance))


@blueprint.post("/test")
@describes(response_types.Verified, refuses=(409,))
def test(instance_id: str) -> Response:
    """Send the documented sample event once, and say what came of it."""
    world = chosen_world()
    instance = world.instances.find(instance_id)
    return _asked(world, instance, replace(_webhook(instance), verification="post"))


def _asked(world: World, instance: Instance, webhook: Webhook) -> Response:
    us = emulator()
    with us.lend():
        return jsons.respond(
            webhook_handshake.verify(webhook, instance.id, world.clock.now(), strict=us.strict)
        )


def _webhook(instance: Instance) -> Webhook:
    if instance.webhook is None:
        raise NoWebhook
    return instance.webhook


def _shown(instance: Instance) -> Response:
    webhook = views.webhook(instance.webhook) if instance.webhook else None
    return jsons.respond({"instance": instance.id, "webhook": webhook})
