"""/_mock/instances: instances with their API keys and webhooks, and their pairing by QR code."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Response, render_template, request

from flaresend_mock.background import webhook_handshake
from flaresend_mock.control import resources
from flaresend_mock.control.inputs import input_of
from flaresend_mock.core.errors import NoWebhook, QrCodeExpired, Refusal, required
from flaresend_mock.core.instances import LINKED
from flaresend_mock.core.models import Chaos, Instance, Webhook
from flaresend_mock.core.redaction import masked
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.http.context import CONTROL, own_url, services
from flaresend_mock.http.endpoint import WORLD, Endpoints

blueprint = Endpoints("instances", "/instances")
webhooks = Endpoints("webhooks", "/instances/<instance_id>/webhook")
pairing = Endpoints("pairing", templates=Path(__file__).parent / "assets")

_IMAGES = {"png": "image/png", "svg": "image/svg+xml"}
_OTHERS = (*_IMAGES.values(), "text/plain")

_SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
}


@blueprint.get("", resources.Instances, query=input_of("Secrets")(), refuses=(503,))
def list_instances(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """List the instances of a world, oldest first; API keys and secrets are masked."""
    return {"instances": [_shown(world, one, query) for one in world.instances.all()]}


@blueprint.post("", resources.Instance, status=201, body=input_of("NewInstance")(), refuses=(409,))
def create_instance(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Create an instance. It starts up, unless a status is given."""
    return _shown(world, world.instances.create(**body))


@blueprint.get("/<instance_id>", resources.Instance, query=input_of("Secrets")())
def show_instance(world: World, instance_id: str, query: dict[str, Any]) -> dict[str, Any]:
    """Show an instance; `default` is the first one."""
    return _shown(world, world.instances.find(instance_id), query)


@blueprint.patch("/<instance_id>", resources.Instance, body=input_of("InstanceChange")())
def rename_instance(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Rename an instance."""
    return _shown(world, world.instances.rename(instance_id, body["name"]))


@blueprint.delete("/<instance_id>", resources.Deleted, refuses=(409,))
def remove_instance(world: World, instance_id: str) -> dict[str, str]:
    """Delete an instance. Its keys become unknown, and its scheduled messages are cancelled."""
    instance = world.instances.find(instance_id)
    world.remove_instance(instance.id)
    return {"deleted": instance.id}


@blueprint.post("/<instance_id>/status", resources.Instance, body=input_of("StatusChange")())
def set_status(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Set the status of an instance, which it keeps."""
    return _shown(world, world.pairing.set_status(instance_id, body["status"]))


@blueprint.post("/<instance_id>/reconnect", resources.Instance, refuses=(409,))
def reconnect_instance(world: World, instance_id: str) -> dict[str, Any]:
    """Start a disconnected instance. It shows a QR code a second later."""
    return _shown(world, world.pairing.reconnect(instance_id))


@blueprint.post("/<instance_id>/disconnect", resources.Instance)
def disconnect_instance(world: World, instance_id: str) -> dict[str, Any]:
    """Disconnect an instance, which stays linked to its phone."""
    return _shown(world, world.pairing.disconnect(instance_id))


@blueprint.post("/<instance_id>/logout", resources.Instance)
def log_out(world: World, instance_id: str) -> dict[str, Any]:
    """Unlink an instance's phone. Another number may scan its next QR code."""
    return _shown(world, world.pairing.disconnect(instance_id, log_out=True))


@blueprint.post("/<instance_id>/scan", resources.Instance, body=input_of("Scan")(), refuses=(409, 410))
def scan_instance(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Scan an instance's QR code, as a phone does. The instance is connected a second later."""
    return _shown(world, world.pairing.scan(instance_id, body["code"], body["number"]))


@blueprint.get("/<instance_id>/api-keys", resources.ApiKeys, query=input_of("Secrets")())
def list_keys(world: World, instance_id: str, query: dict[str, Any]) -> dict[str, Any]:
    """List an instance's API keys, masked."""
    return {"api_keys": _shown(world, world.instances.find(instance_id), query)["api_keys"]}


@blueprint.post("/<instance_id>/api-keys", resources.ApiKey, status=201, body=input_of("NewKey")(), refuses=(409,))
def make_key(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, str]:
    """Create an API key. Only this response shows it."""
    return resources.shown_key(world.instances.add_key(instance_id, body["api_key"]), secrets=True)


@blueprint.delete("/<instance_id>/api-keys/<wanted>", resources.Deleted)
def revoke_key(world: World, instance_id: str, wanted: str) -> dict[str, str]:
    """Revoke an API key by its id. Calls with it are refused from now on."""
    world.instances.revoke_key(instance_id, wanted)
    return {"deleted": wanted}


@pairing.get(
    "/instances/<instance_id>/qr", resources.QrCode, also=_OTHERS, query=input_of("QrOptions")(), refuses=(409,)
)
def show_qr_code(world: World, instance_id: str, query: dict[str, Any]) -> Response | dict[str, Any]:
    """Show an instance's QR code as JSON, PNG, SVG or text for a terminal."""
    instance, shown = world.pairing.qr(instance_id)
    of_world = "" if world.name == DEFAULT else f"?{WORLD}={world.name}"
    url = f"{own_url()}{CONTROL}/scan/{shown.code}{of_world}"
    if query["format"] == "json":
        return {"instance": instance.id, "code": shown.code, "url": url, "expires": shown.expires}
    content_type, headers = _IMAGES.get(query["format"], "text/plain; charset=utf-8"), {"Cache-Control": "no-store"}
    return Response(_drawn(url, query["format"]), content_type=content_type, headers=headers)


@pairing.route("/scan/<code>", methods=["GET", "POST"])
def scan_page(code: str) -> Response:
    """Show which instance shows the code; link the phone by POST, which only the page's button sends."""
    shown: dict[str, Any] = {"status": 200}
    try:
        world = services().worlds.get(request.args.get(WORLD, DEFAULT))
        instance = required(world.pairing.with_code(code), QrCodeExpired)
        if instance.status not in LINKED and request.method == "POST":
            instance = world.pairing.scan(instance.id, code)
        shown |= {"instance": instance, "frozen": world.clock.frozen, "linked": instance.status in LINKED}
    except Refusal:
        shown["status"] = 410
    page = render_template("scan.html", **shown)
    return Response(page, shown["status"], headers=_SECURITY, content_type="text/html; charset=utf-8")


def _shown(world: World, instance: Instance, query: dict[str, Any] | None = None) -> dict[str, Any]:
    secrets = services().with_secrets or bool(query and query["with_secrets"])
    return resources.shown_instance(instance, world, secrets=secrets)


def _drawn(url: str, wanted: str) -> str | bytes:
    import segno

    code = segno.make(url, micro=False, error="m")
    if wanted == "text":
        text = io.StringIO()
        code.terminal(text, border=2, compact=True)
        return text.getvalue()
    image = io.BytesIO()
    more: dict[str, Any] = {"light": "white", "xmldecl": False} if wanted == "svg" else {}
    code.save(image, kind=wanted, scale=8, border=4, **more)
    return image.getvalue()


@webhooks.put("", resources.InstanceWebhook, body=input_of("WebhookInput")())
def put_webhook(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Set the webhook. Fields that are left out get their defaults."""
    services().check_webhook(body["url"])
    if "retries" in body:
        body["retries"] = tuple(body["retries"])
    if "chaos" in body:
        body["chaos"] = Chaos(**body["chaos"])
    return _shown_webhook(world.instances.set_webhook(instance_id, Webhook(**body)))


@webhooks.get("", resources.InstanceWebhook)
def show_webhook(world: World, instance_id: str) -> dict[str, Any]:
    """Show the webhook."""
    return _shown_webhook(world.instances.find(instance_id))


@webhooks.delete("", resources.InstanceWebhook)
def delete_webhook(world: World, instance_id: str) -> dict[str, Any]:
    """Remove the webhook. Later events are recorded without a receiver."""
    return _shown_webhook(world.instances.set_webhook(instance_id, None))


@webhooks.post("/resume", resources.Resumed, body=input_of("ResumeInput")(), refuses=(409,))
def resume_webhook(world: World, instance_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Resume a paused webhook; the held events come first."""
    return {"replayed": world.deliveries.resume(world.instances.find(instance_id).id, replay=body["replay"])}


@webhooks.post("/pause", resources.InstanceWebhook, refuses=(409,))
def pause_webhook(world: World, instance_id: str) -> dict[str, Any]:
    """Hold events until the webhook is resumed."""
    with world.lock:
        world.deliveries.pause(world.instances.find(instance_id).id)
    return _shown_webhook(world.instances.find(instance_id))


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


def _shown_webhook(instance: Instance) -> dict[str, Any]:
    return {"instance": instance.id, "webhook": masked(instance.webhook)}
