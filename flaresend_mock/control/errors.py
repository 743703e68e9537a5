"""How the control plane refuses: {"error": {"code": …, "message": …}}."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.core.errors import ClockOutOfRange, Refusal
from flaresend_mock.web import jsons
from flaresend_mock.web.headers import allowed

CODES: dict[type[Refusal], tuple[int, str]] = {
    ClockOutOfRange: (400, "clock_out_of_range"),
}


def refuse(refusal: Refusal) -> Response:
    status, code = CODES[type(refusal)]
    return _respond(status, code, str(refusal))


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
