"""How the control plane refuses: {"error": {"code": …, "message": …}}."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.core import errors
from flaresend_mock.core.errors import Refusal
from flaresend_mock.web import jsons
from flaresend_mock.web.headers import allowed

CODES: dict[type[Refusal], tuple[int, str, str]] = {
    errors.ClockOutOfRange: (400, "clock_out_of_range", ""),
    errors.InvalidNumber: (400, "invalid_number", "from: not a phone number in international format"),
    errors.PersonNotOnWhatsApp: (400, "not_on_whatsapp", "from: this number is not on WhatsApp"),
    errors.InvalidTarget: (400, "invalid_url", ""),
    errors.NotReady: (409, "instance_not_connected", ""),
    errors.NoWebhook: (409, "no_webhook", "the instance has no webhook"),
    errors.InstanceNotFound: (404, "instance_not_found", "there is no instance with this id"),
    errors.GroupNotFound: (404, "group_not_found", "there is no group with this JID"),
    errors.MessageNotFound: (404, "message_not_found", "no message that is still kept has this id"),
    errors.DeliveryNotFound: (404, "delivery_not_found", "no delivery that is still kept has this id"),
    errors.ChannelNotFound: (404, "channel_not_found", "there is no channel with this JID"),
    errors.NotGroupAdmin: (409, "not_group_admin", "only admins post in this group"),
    errors.NotInGroup: (409, "instance_not_in_group", "the instance is not in this group"),
    errors.PersonNotInGroup: (409, "not_in_group", "who writes in a group must be in it"),
}
"""Status, code and message of each refusal; where the message is empty, the refusal says it itself."""


def refuse(refusal: Refusal) -> Response:
    status, code, message = CODES[type(refusal)]
    return _respond(status, code, message or str(refusal))


def refuse_http(refusal: HTTPException) -> Response:
    code = refusal.name.lower().replace(" ", "_")
    message = refusal.description or refusal.name
    if refusal.code == 404 and refusal.description == type(refusal).description:
        message = f"There is no {request.method} {request.path} here."
    elif refusal.code == 405:
        message = f"{request.method} is not possible here, only {allowed(refusal)}."
    elif refusal.code == 415:
        message = "Send JSON, with the header Content-Type: application/json."
    response = _respond(refusal.code or 500, code, message)
    if methods := allowed(refusal):
        response.headers["Allow"] = methods
    return response


def fail() -> Response:
    """Answer after an error of the emulator's own; the log has what happened."""
    return _respond(500, "internal_server_error", "The emulator made a mistake; its log has the details.")


def _respond(status: int, code: str, message: str) -> Response:
    return jsons.respond({"error": {"code": code, "message": message}}, status)
