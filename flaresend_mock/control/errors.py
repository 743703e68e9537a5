"""Refusals of the control plane: {"error": {"code": …, "message": …}}."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.core import errors
from flaresend_mock.core.errors import Refusal
from flaresend_mock.http import bodies
from flaresend_mock.http.context import allowed

BAD_REQUEST: tuple[type[Refusal], ...] = (errors.ClockOutOfRange, errors.InvalidNumber, errors.PersonNotOnWhatsApp)
BAD_REQUEST += (errors.InvalidTarget, errors.MediaMismatch, errors.NoValidParticipants, errors.GroupFull)
BAD_REQUEST += (errors.NotOnWhatsApp, errors.InvalidMatcher, errors.InvalidFault, errors.InvalidWorld)
GONE = (errors.WorldIsGone, errors.QrCodeExpired)
"""The refusals with status 400 and 410. `NotFound` has 404, and the others have 409."""
CODES: dict[type[Refusal], str] = {
    errors.PersonNotOnWhatsApp: "not_on_whatsapp",
    errors.InvalidTarget: "invalid_url",
    errors.NotReady: "instance_not_connected",
    errors.NoValidParticipants: "no_participants",
    errors.NotInGroup: "instance_not_in_group",
    errors.PersonNotInGroup: "not_in_group",
    errors.AuthorityError: "no_ca",
}
"""The codes of refusals that are not their names, such as group_full of `GroupFull`."""


def refuse(refusal: Refusal) -> Response:
    kind = type(refusal)
    status = 400 if isinstance(refusal, BAD_REQUEST) else 410 if isinstance(refusal, GONE) else 409
    status = 404 if isinstance(refusal, errors.NotFound) else status
    code = re.sub(r"\B[A-Z]", r"_\g<0>", kind.__name__.replace("WhatsApp", "Whatsapp")).lower()
    return respond(status, CODES.get(kind, code), refusal.message or str(refusal))


def refuse_http(refusal: HTTPException) -> Response:
    code = refusal.name.lower().replace(" ", "_")
    message = refusal.description or refusal.name
    if refusal.code == 404 and refusal.description == type(refusal).description:
        message = f"There is no {request.method} {request.path} here."
    elif refusal.code == 405:
        message = f"{request.method} is not possible here, only {allowed(refusal)}."
    elif refusal.code == 413:
        message = "The body is larger than the emulator accepts; docs/options.md lists the limits."
    elif refusal.code == 415 and refusal.description == type(refusal).description:
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
