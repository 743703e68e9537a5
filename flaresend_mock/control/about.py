"""What the emulator says about itself: its CA, both OpenAPI documents, and a page that shows them."""

from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import NotFound

from flaresend_mock.http.context import own_url, services
from flaresend_mock.http.endpoint import endpoint

documents = Blueprint("documents", __name__)

DOCUMENTS = "flaresend_mock.documents"
"""The extension of the application that returns a document by its name, "api" or "control", and the emulator's URL."""

PEM = "application/x-pem-file"
ASSETS = Path(__file__).parent / "assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_PATHS = ("swagger-ui/swagger-ui.css", "swagger-ui/swagger-ui-bundle.js", "docs.css", "docs.js")
_FILES = {path.rpartition("/")[2]: path for path in _PATHS}
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@documents.get("/ca.pem")
@endpoint(PEM, refuses=(409,))
def ca_certificate() -> Response:
    """Return the certificate of the CA that clients trust for https. Its key stays with the emulator."""
    return Response(services().ca(), content_type=PEM)


@documents.get("/openapi.json")
@endpoint(dict[str, Any])
def openapi_of_api() -> Any:
    """Describe the Flaresend API, as OpenAPI 3.1."""
    return current_app.extensions[DOCUMENTS]("api", own_url())


@documents.get("/control/openapi.json")
@endpoint(dict[str, Any])
def openapi_of_control_plane() -> Any:
    """Describe the control plane, as OpenAPI 3.1."""
    return current_app.extensions[DOCUMENTS]("control", own_url())


@documents.get("/docs", strict_slashes=True)  # the page names its files relative to this path
def docs() -> Response:
    """Show the page that reads both documents, from files of this package only."""
    return _file("docs.html", "text/html; charset=utf-8")


@documents.get("/docs/<name>")
def asset(name: str) -> Response:
    """Return a file of the page."""
    if name not in _FILES:
        raise NotFound
    return _file(_FILES[name], _TYPES[name[name.rindex(".") :]])


def _file(name: str, content_type: str) -> Response:
    response = Response((ASSETS / name).read_bytes(), headers=_SECURITY, content_type=content_type)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    return cast(Response, response.make_conditional(request))
