"""Refusals: the table from exceptions to the bodies that Flaresend documents."""

from collections.abc import Callable
from typing import Any, Literal

from flask import Response, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.core import errors
from flaresend_mock.http.bodies import respond
from flaresend_mock.http.context import RAW_PATH, allowed
from flaresend_mock.http.resources import Property, Resource

NOT_READY = "Instance not ready for messaging"
CONNECT = "Please ensure the QR code is scanned and the instance is connected"
INCOMPLETE = {
    "text": "Text is required",
    "media": "File or URL is required",
    "url": "Invalid URL",
    "template": "Template is required",
}
ADMINS_ONLY = {
    "invite": "Only group admins can get the invite link",
    "manage": "Only group admins can manage participants",
}
SEND_AT_FORMAT = "Invalid sendAt format. Use YYYY-MM-DD HH:mm:ss"


class Unauthorized(Exception):
    """The call has no API key, or an unknown one."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


_Worded = tuple[int, Callable[[Any], dict[str, Any]]]


def _says(status: int, message: str, *names: str) -> _Worded:
    """Return a body with a message, and with attributes of the refusal."""
    key = "error" if status == 401 else "message"
    return status, lambda refusal: {key: message, **{name: getattr(refusal, name) for name in names}}


TABLE: dict[type[Exception], _Worded] = {
    Unauthorized: (401, lambda refusal: {"error": refusal.error}),
    errors.NotReady: (425, lambda refusal: {"message": NOT_READY, "status": refusal.status, "action": CONNECT}),
    errors.InvalidNumber: _says(400, "Invalid number format or missing field"),
    errors.InvalidContent: (400, lambda refusal: {"message": INCOMPLETE[refusal.missing]}),
    errors.NothingToUpdate: _says(400, "No fields to update"),
    errors.GroupNotFound: _says(404, "Group not found"),
    errors.NotInGroup: _says(403, "You are not a participant of this group"),
    errors.NotGroupAdmin: (403, lambda refusal: {"message": ADMINS_ONLY[refusal.what]}),
    errors.GroupFull: _says(400, "Group is full"),
    errors.CreatorIsProtected: _says(403, "The group creator cannot be removed or demoted."),
    errors.NoValidParticipants: _says(400, "No valid participants"),
    errors.AlreadyParticipants: _says(400, "Some participants are already in the group.", "invalid"),
    errors.NotParticipants: _says(400, "Some participants are not in the group.", "invalid"),
    errors.NotOnWhatsApp: _says(400, "Some participants are not registered on WhatsApp.", "invalid"),
    errors.NotAddable: _says(400, "Some participants could not be added.", "invalid"),
    errors.ChannelNotFound: _says(404, "Channel not found or inaccessible"),
    errors.NotChannelAdmin: (
        403,
        lambda refusal: {
            "message": f"You are not allowed to {'post in' if refusal.what == 'post' else 'update'} this channel",
            "role": refusal.role,
        },
    ),
    errors.OwnerCannotUnfollow: _says(400, "The owner cannot unfollow the channel"),
    errors.SendAtInThePast: _says(400, "sendAt must be in the future"),
    errors.SendAtBeyondCalendar: _says(400, SEND_AT_FORMAT),
    errors.TaskNotFound: _says(404, "Scheduled message not found"),
    errors.TaskNotCancellable: _says(404, "Scheduled message not found or cannot be cancelled"),
    errors.InstanceNotFound: _says(401, "Invalid API key"),  # removed during the call
    errors.WorldIsGone: _says(401, "This API key's world was evicted to make room for newer ones. Use a new key."),
    errors.KeyInUse: _says(401, "A world for this API key would have keys that another has; use another key"),
    errors.TooMany: (503, lambda refusal: {"message": str(refusal)}),
    errors.TaskNotPending: _says(400, "This scheduled message can no longer be updated"),
}


class Refused(Resource):
    """Why a call was refused, with the recipients or the role that it was refused for."""

    success = Property(Literal[False], "False: nothing was done.")
    message = Property(str, "Why the call was refused.")
    invalid = Property([str], "The participants that it was refused for.", optional=True)
    role = Property(str, "The instance's role in the channel.", optional=True)


class UnauthorizedCall(Resource):
    """The call has no API key, or an unknown one."""

    success = Property(Literal[False], "False: nothing was done.")
    error = Property(str, "Why the call is not authenticated.")


class NotReady(Resource):
    """The instance's phone is not connected."""

    success = Property(Literal[False], "False: nothing was done.")
    message = Property(str, "Why the call was refused.")
    status = Property(str, "The instance's status.")
    action = Property(str, "How to connect the instance.")


def refusal_type(status: int) -> type[Resource]:
    """Return the resource that a refusal with this status holds."""
    return {401: UnauthorizedCall, 425: NotReady}.get(status, Refused)


OVERLOADED = {429: "Too many requests", 503: "Service unavailable"}

HTTP = {405: "Method not allowed", 413: "Request body too large", 415: "Content-Type must be application/json"}


def refuse(refusal: Exception) -> Response:
    """Return the documented response to a refusal."""
    if isinstance(refusal, errors.Overloaded):
        return respond({"success": False, "message": OVERLOADED[refusal.status]}, refusal.status)
    status, body = TABLE[type(refusal)]
    return respond({"success": False} | body(refusal), status)


def refuse_http(refusal: HTTPException) -> Response:
    """Return the response to what HTTP refuses: unknown routes and methods, unreadable bodies."""
    status = refusal.code or 500
    if status == 404:
        message = f"Cannot {request.method} {request.environ[RAW_PATH]}"
    elif status in (400, 415, 501) and refusal.description != type(refusal).description:
        message = refusal.description or refusal.name
    else:
        message = HTTP.get(status, refusal.name)
    response = respond({"success": False, "message": message}, status)
    if methods := allowed(refusal):
        response.headers["Allow"] = methods
    return response


def fail() -> Response:
    """Return the response to an error in the emulator; the log has the traceback."""
    return respond({"success": False, "message": "Internal server error"}, 500)
