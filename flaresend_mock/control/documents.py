"""/_mock/openapi.json, /_mock/control/openapi.json, and /_mock/docs, a page to read and try them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import NotFound

from flaresend_mock.control.calls import describes, given_query
from flaresend_mock.http import jsons
from flaresend_mock.http.context import emulator

blueprint = Blueprint("documents", __name__)

DOCUMENTS = "flaresend_mock.documents"
"""Under this extension an application has what makes documents: of a name, "api" or "control", and a URL."""

ASSETS = Path(__file__).parent / "assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_FILES = {
    "swagger-ui.css": "swagger-ui/swagger-ui.css",
    "swagger-ui-bundle.js": "swagger-ui/swagger-ui-bundle.js",
    "docs.css": "docs.css",
    "docs.js": "docs.js",
}
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@blueprint.get("/openapi.json")
@describes(dict[str, Any], world=False)
def openapi_of_api() -> Response:
    """Describe the Flaresend API, as OpenAPI 3.1."""
    return _document("api")


@blueprint.get("/control/openapi.json")
@describes(dict[str, Any], world=False)
def openapi_of_control_plane() -> Response:
    """Describe the control plane, as OpenAPI 3.1."""
    return _document("control")


@blueprint.get("/docs", strict_slashes=True)  # what it is made of is named from there
def docs() -> Response:
    """Show the page that reads both documents, from files of this package alone."""
    return _file("docs.html", "text/html; charset=utf-8")


@blueprint.get("/docs/<name>")
def asset(name: str) -> Response:
    """Return a file that the page is made of."""
    if name not in _FILES:
        raise NotFound
    return _file(_FILES[name], _TYPES[name[name.rindex(".") :]])


def _document(name: str) -> Response:
    given_query()
    return jsons.respond(current_app.extensions[DOCUMENTS](name, emulator().public_url()))


def _file(name: str, content_type: str) -> Response:
    response = Response((ASSETS / name).read_bytes(), headers=_SECURITY, content_type=content_type)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    return cast(Response, response.make_conditional(request))
