"""What the emulator says about itself: its health, its CA, both OpenAPI documents, and a page that shows them."""

from itertools import islice
from pathlib import Path
from typing import Any

from flask import Response, current_app
from werkzeug.exceptions import NotFound

from flaresend_mock.core import hosts
from flaresend_mock.http.bodies import cached, respond
from flaresend_mock.http.context import own_url, services
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.resources import Envelope, declared, shown_by
from flaresend_mock.package_data import read_file

readiness = Endpoints("health")
documents = Endpoints("documents")

MAX_FAULTS = 100
DOCUMENTS = "flaresend_mock.documents"
"""The extension of the application that returns a document by its name, "api" or "control", and the emulator's URL."""

PEM = "application/x-pem-file"
ASSETS = Path(__file__).parent / "assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_PATHS = ("swagger-ui/swagger-ui.css", "swagger-ui/swagger-ui-bundle.js", "docs.css", "docs.js")
_FILES = {path.rpartition("/")[2]: path for path in _PATHS}
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}


_shown = declared(ASSETS / "health.json", Envelope)
ActiveFault, Health = _shown.ActiveFault, _shown.Health


@readiness.get("/health", Health, refuses=(503,), any_query=True)
def health() -> Response:
    """Return 200 when everything runs, 503 before."""
    us = services()
    checks = us.health()
    ready = all(checks.values())
    failing = (world for world in us.worlds.all() if world.faults.any())
    active = ((world.name, fault) for world in failing for fault in world.faults.all() if fault.armed)
    shown: dict[str, Any] = {"status": "ok" if ready else "starting", "version": us.version}
    shown |= {"uptime": round(us.uptime(), 3), "checks": checks, "worlds": len(us.worlds.all())}
    shown |= {"autosave": saves} if (saves := us.autosave()) else {}
    shown["in_container"] = hosts.is_in_container()
    shown["faults"] = islice(active, MAX_FAULTS)  # so that you do not debug a failure that you asked for
    return respond(shown_by(Health)(shown), 200 if ready else 503)


@documents.get("/ca.pem", PEM, refuses=(409,))
def ca_certificate() -> Response:
    """Return the certificate of the CA that clients trust for https. Its key stays with the emulator."""
    return Response(services().ca(), content_type=PEM)


@documents.get("/openapi.json", dict[str, Any])
def openapi_of_api() -> Any:
    """Describe the Flaresend API, as OpenAPI 3.1."""
    return current_app.extensions[DOCUMENTS]("api", own_url())


@documents.get("/control/openapi.json", dict[str, Any])
def openapi_of_control_plane() -> Any:
    """Describe the control plane, as OpenAPI 3.1."""
    return current_app.extensions[DOCUMENTS]("control", own_url())


@documents.route("/docs", strict_slashes=True)  # the page names its files relative to this path
def docs() -> Response:
    """Show the page that reads both documents, from files of this package only."""
    return _file("docs.html", "text/html; charset=utf-8")


@documents.route("/docs/<name>")
def asset(name: str) -> Response:
    """Return a file of the page."""
    if name not in _FILES:
        raise NotFound
    return _file(_FILES[name], _TYPES[name[name.rindex(".") :]])


def _file(name: str, content_type: str) -> Response:
    return cached(Response(read_file(ASSETS / name), headers=_SECURITY, content_type=content_type), "no-cache")
