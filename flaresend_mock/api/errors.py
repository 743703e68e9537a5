"""How refusals are worded: the one table from exceptions to documented bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from flask import Request, Response
from werkzeug.exceptions import HTTPException

from flaresend_mock.api import response_types
from flaresend_mock.api.auth import Unauthorized
from flaresend_mock.core import errors
from flaresend_mock.http import jsons
from flaresend_mock.http.context import current_request
from flaresend_mock.http.headers import allowed

NOT_READY = "Instance not ready for messaging"
INCOMPLETE = {
    "text": "Text is required",
    "media": "File or URL is required",
    "url": "Invalid URL",
    "template": "Template is required",
}
SEND_AT_FORMAT = "Invalid sendAt format. Use YYYY-MM-DD HH:mm:ss"

_Worded = tuple[int, Callable[[Any], dict[str, Any]]]


def _says(status: int, message: str, **more: Callable[[Any], Any]) -> _Worded:
    def body(refusal: Any) -> dict[str, Any]:
        return {"message": message} | {key: read(refusal) for key, read in more.items()}

    return status, body


def _invalid(refusal: errors.PeopleRefused) -> list[str]:
    return refusal.invalid


def _not_ready(refusal: errors.NotReady) -> dict[str, Any]:
    return {
        "message": NOT_READY,
        "status": refusal.status,
        "action": "Please ensure the QR code is scanned and the instance is connected",
    }


TABLE: dict[type[Exception], _Worded] = {
    Unauthorized: (401, lambda refusal: {"error": refusal.error}),
    errors.NotReady: (425, _not_ready),
    errors.InvalidNumber: _says(400, "Invalid number format or missing field"),
    errors.InvalidContent: (400, lambda refusal: {"message": INCOMPLETE[refusal.missing]}),
    errors.NothingToUpdate: _says(400, "No fields to update"),
    errors.GroupNotFound: _says(404, "Group not found"),
    errors.NotInGroup: _says(403, "You are not a participant of this group"),
    errors.NotGroupAdmin: (
        403,
        lambda refusal: {
            "message": {
                "invite": "Only group admins can get the invite link",
                "manage": "Only group admins can manage participants",
            }[refusal.what]
        },
    ),
    errors.GroupFull: _says(400, "Group is full"),
    errors.CreatorIsProtected: _says(403, "The group creator cannot be removed or demoted."),
    errors.NoValidParticipants: _says(400, "No valid participants"),
    errors.AlreadyParticipants: _says(400, "Some participants are already in the group.", invalid=_invalid),
    errors.NotParticipants: _says(400, "Some participants are not in the group.", invalid=_invalid),
    errors.NotOnWhatsApp: _says(400, "Some participants are not registered on WhatsApp.", invalid=_invalid),
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
    errors.InstanceNotFound: (401, lambda refusal: {"error": "Invalid API key"}),  # removed during the call
    errors.WorldIsGone: (
        401,
        lambda refusal: {"error": "The world of this API key was given up for others; use another key"},
    ),
    errors.KeyInUse: (
        401,
        lambda refusal: {
            "error": "A world for this API key would have keys that another has; use another key"
        },
    ),
    errors.TooMany: (503, lambda refusal: {"message": str(refusal)}),
    errors.TaskNotPending: _says(400, "This scheduled message can no longer be updated"),
}


def answer_type(status: int) -> Any:
    """Return what an answer looks like that refuses a call with a status."""
    return {401: response_types.Unauthorized, 425: response_types.NotReady}.get(
        status, response_types.Refused
    )


OVERLOADED = {429: "Too many requests", 503: "Service unavailable"}

HTTP = {
    405: "Method not allowed",
    413: "Request body too large",
    415: "Content-Type must be application/json",
}


def refuse(refusal: Exception) -> Response:
    """Answer with the documented body of a refusal."""
    if isinstance(refusal, errors.Overloaded):
        return jsons.respond({"success": False, "message": OVERLOADED[refusal.status]}, refusal.status)
    status, body = TABLE[type(refusal)]
    return jsons.respond({"success": False} | body(refusal), status)


def refuse_http(refusal: HTTPException) -> Response:
    """Answer what HTTP itself refuses: unknown routes and methods, unreadable bodies."""
    request = current_request()
    status = refusal.code or 500
    if status == 404:
        message = f"Cannot {request.method} {path_as_sent(request)}"
    elif status in (400, 501) and refusal.description != type(refusal).description:
        message = refusal.description or refusal.name
    else:
        message = HTTP.get(status, refusal.name)
    response = jsons.respond({"success": False, "message": message}, status)
    if methods := allowed(refusal):
        response.headers["Allow"] = methods
    return response


def fail() -> Response:
    """Answer after an error of the emulator's own; the log has what happened."""
    return jsons.respond({"success": False, "message": "Internal server error"}, 500)


def path_as_sent(request: Request) -> str:
    """Return the path as it stood in the request line, without the query."""
    uri: str | None = request.environ.get("REQUEST_URI")
    return uri.partition("?")[0] if uri else quote(request.path)
