"""Refusals of the control plane: {"error": {"code": …, "message": …}}."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from flaresend_mock.core.errors import NotFound, Refusal
from flaresend_mock.http import bodies
from flaresend_mock.http.context import allowed

TABLE: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "assets" / "refusals.json").read_text("utf-8"))
"""By exception, its status if that is not 409, or 404 as for each `NotFound`, and its code if that is not its name."""
HTTP: dict[str, str] = TABLE.pop("HTTP")  # the messages of what HTTP refuses, by status


def refuse(refusal: Refusal) -> Response:
    name = type(refusal).__name__
    code = re.sub(r"\B[A-Z]", r"_\g<0>", name.replace("WhatsApp", "Whatsapp")).lower()
    usual: dict[str, Any] = {"status": 404 if isinstance(refusal, NotFound) else 409, "code": code}
    return respond(**usual | TABLE.get(name, {}), message=refusal.message or str(refusal))


def refuse_http(refusal: HTTPException) -> Response:
    code = refusal.name.lower().replace(" ", "_")
    message = refusal.description or refusal.name
    if message == type(refusal).description:  # Werkzeug's own
        about = {"method": request.method, "path": request.path, "allowed": allowed(refusal)}
        message = HTTP.get(str(refusal.code), message).format(**about)
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
