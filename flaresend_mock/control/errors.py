"""Refusals of the control plane: {"error": {"code": …, "message": …}}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.control.resources.worlds import Refused, Unmet
from flaresend_mock.core import errors
from flaresend_mock.core.errors import Refusal
from flaresend_mock.http import bodies
from flaresend_mock.http.context import allowed
from flaresend_mock.http.resources import Resource

CODES: dict[type[Refusal], tuple[int, str]] = {
    errors.ClockOutOfRange: (400, "clock_out_of_range"),
    errors.InvalidNumber: (400, "invalid_number"),
    errors.PersonNotOnWhatsApp: (400, "not_on_whatsapp"),
    errors.InvalidTarget: (400, "invalid_url"),
    errors.NotReady: (409, "instance_not_connected"),
    errors.NoWebhook: (409, "no_webhook"),
    errors.InstanceNotFound: (404, "instance_not_found"),
    errors.GroupNotFound: (404, "group_not_found"),
    errors.NotAllowed: (409, "not_allowed"),
    errors.MediaMismatch: (400, "media_mismatch"),
    errors.NotForwarded: (409, "not_forwarded"),
    errors.MessageNotFound: (404, "message_not_found"),
    errors.TaskNotFound: (404, "task_not_found"),
    errors.DeliveryNotFound: (404, "delivery_not_found"),
    errors.ChannelNotFound: (404, "channel_not_found"),
    errors.NotGroupAdmin: (409, "not_group_admin"),
    errors.NoValidParticipants: (400, "no_participants"),
    errors.GroupFull: (400, "group_full"),
    errors.NotOnWhatsApp: (400, "not_on_whatsapp"),
    errors.AlreadyParticipants: (409, "already_participants"),
    errors.NotParticipants: (409, "not_participants"),
    errors.CreatorIsProtected: (409, "creator_is_protected"),
    errors.NotInGroup: (409, "instance_not_in_group"),
    errors.InvalidMatcher: (400, "invalid_matcher"),
    errors.InvalidFault: (400, "invalid_fault"),
    errors.InvalidWorld: (400, "invalid_world"),
    errors.TooMany: (409, "too_many"),
    errors.FaultNotFound: (404, "fault_not_found"),
    errors.WorldNotFound: (404, "world_not_found"),
    errors.WorldExists: (409, "world_exists"),
    errors.WorldIsNeeded: (409, "world_is_needed"),
    errors.WorldIsGone: (410, "world_is_gone"),
    errors.KeyInUse: (409, "key_in_use"),
    errors.KeyNotFound: (404, "key_not_found"),
    errors.SnapshotNotFound: (404, "snapshot_not_found"),
    errors.NumberInUse: (409, "number_in_use"),
    errors.LidInUse: (409, "lid_in_use"),
    errors.AliasInUse: (409, "alias_in_use"),
    errors.PersonNotFound: (404, "person_not_found"),
    errors.PersonIsLinked: (409, "person_is_linked"),
    errors.LastInstance: (409, "last_instance"),
    errors.NoQrCode: (409, "no_qr_code"),
    errors.QrCodeExpired: (410, "qr_code_expired"),
    errors.AnotherPhone: (409, "another_phone"),
    errors.AlreadyConnected: (409, "already_connected"),
    errors.MediaNotFound: (404, "media_not_found"),
    errors.PersonNotInGroup: (409, "not_in_group"),
}
"""Status and code of each refusal; `errors.py` of the core has the messages."""


def refusal_type(status: int) -> type[Resource]:
    """Return the resource that a refusal with this status holds."""
    return Unmet if status in (408, 409, 422) else Refused


def refuse(refusal: Refusal) -> Response:
    status, code = CODES[type(refusal)]
    return respond(status, code, refusal.message or str(refusal))


def refuse_http(refusal: HTTPException) -> Response:
    code = refusal.name.lower().replace(" ", "_")
    message = refusal.description or refusal.name
    if refusal.code == 404 and refusal.description == type(refusal).description:
        message = f"There is no {request.method} {request.path} here."
    elif refusal.code == 405:
        message = f"{request.method} is not possible here, only {allowed(refusal)}."
    elif refusal.code == 415:
        message = "Send JSON, with the header Content-Type: application/json."
    response = respond(refusal.code or 500, code, message)
    if methods := allowed(refusal):
        response.headers["Allow"] = methods
    return response


def fail() -> Response:
    """Return the response to an error in the emulator; the log has the traceback."""
    return respond(500, "internal_server_error", "Internal error in the emulator; its log has the details.")


def respond(status: int, code: str, message: str, more: Mapping[str, Any] | None = None) -> Response:
    """Return a response with an error, and more fields beside it."""
    return bodies.respond({"error": {"code": code, "message": message}, **(more or {})}, status)
