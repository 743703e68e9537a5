"""Refusals: the table from exceptions to the bodies that Flaresend documents."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.core import errors
from flaresend_mock.http.bodies import respond
from flaresend_mock.http.context import RAW_PATH, allowed

TABLE: Mapping[str, tuple[int, Mapping[str, Any]]] = json.loads(
    (Path(__file__).parent / "assets" / "refusals.json").read_text("utf-8")
)
"""By exception, the status and the fields of its body: a text, with {} for that of the exception, null for what the
exception has under this name, or texts by what it has under another one."""
INCOMPLETE: Mapping[str, str] = TABLE["InvalidContent"][1]["message"]["missing"]
SEND_AT_FORMAT: str = TABLE["SendAtBeyondCalendar"][1]["message"]


class Unauthorized(Exception):
    """The call has no API key, or an unknown one."""


OVERLOADED = {429: "Too many requests", 503: "Service unavailable"}

HTTP = {405: "Method not allowed", 413: "Request body too large", 415: "Content-Type must be application/json"}


def refuse(refusal: Exception) -> Response:
    """Return the documented response to a refusal."""
    if isinstance(refusal, errors.Overloaded):
        return respond({"success": False, "message": OVERLOADED[refusal.status]}, refusal.status)
    status, fields = TABLE[type(refusal).__name__]
    return respond({"success": False} | {name: _said(refusal, name, given) for name, given in fields.items()}, status)


def _said(refusal: Exception, name: str, given: Any) -> Any:
    if isinstance(given, str):
        return given.format(refusal)
    if given is None:
        return getattr(refusal, name)
    (attribute, texts), *_ = given.items()
    return texts[getattr(refusal, attribute)]


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
