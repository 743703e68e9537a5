"""The WSGI application: every room behind one door. It starts nothing.

The Flask applications behind it, one for the API and one for the control plane, are built once for the whole process:
compiling their routes takes longer than most tests. Which emulator a request came to stands in its environ.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter
from werkzeug.test import Client

from flaresend_mock import api, media_host
from flaresend_mock.api import errors as api_errors
from flaresend_mock.api.auth import Unauthorized
from flaresend_mock.core.errors import Refusal
from flaresend_mock.http.bodies import ApiRequest
from flaresend_mock.http.context import EMULATOR, Emulator
from flaresend_mock.http.paths import OURS, is_control, is_ours

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

DASHBOARD = f"{OURS.removeprefix('/')}/ui/"
"""From the root, whatever that is mounted under."""


T = TypeVar("T")

_building = threading.RLock()


def _once(build: Callable[..., T]) -> Callable[..., T]:
    """Build each thing once a process; concurrent first callers wait for the one that builds."""
    built = cache(build)

    @wraps(build)
    def get(*args: str) -> T:
        with _building:
            return built(*args)

    return get


class Application:
    """Serves one emulator's worlds by WSGI: its API and, behind it, its control plane."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self._api = api_app()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[EMULATOR] = self.emulator
        path = environ["PATH_INFO"]
        if is_control(path):
            return control_app().wsgi_app(environ, start_response)
        if (
            path == "/"
            and "text/html" in environ.get("HTTP_ACCEPT", "")
            and environ["REQUEST_METHOD"] == "GET"
        ):
            start_response("302 FOUND", [("Location", DASHBOARD), ("Content-Length", "0")])  # for browsers
            return []
        return self._api.wsgi_app(environ, start_response)

    def test_client(self, **options: Any) -> Client:
        """Return a client that calls the application without a socket; the options are those of Werkzeug's."""
        return Client(self, **options)


class SharedFlask(Flask):
    """A Flask application that serves every emulator of the process."""

    request_class = ApiRequest

    def __init__(self, name: str) -> None:
        super().__init__(name, static_folder=None)
        self.config.update(MAX_FORM_PARTS=100_000, PROVIDE_AUTOMATIC_OPTIONS=False)
        self.url_map.strict_slashes = False
        self.url_map.merge_slashes = False

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match by path alone. Flask would work out the host of every request first, which no route here looks at."""
        if request is None:
            return None
        environ = request.environ
        return MapAdapter(
            self.url_map,
            server_name="",
            script_name=environ.get("SCRIPT_NAME") or "/",
            subdomain="",
            url_scheme=environ["wsgi.url_scheme"],
            path_info=request.path,
            default_method=environ["REQUEST_METHOD"],
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func  # no view is a coroutine, which Flask would look for at each step of each call


@_once
def api_app() -> SharedFlask:
    """Return the Flaresend API, and WhatsApp's media host."""
    app = SharedFlask("flaresend_mock")
    api.install(app)
    media_host.install(app)
    app.register_error_handler(Unauthorized, api_errors.refuse)
    app.register_error_handler(Refusal, api_errors.refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)
    return app


@_once
def control_app() -> SharedFlask:
    """Return the control plane and the dashboard.

    Most of what is imported at all is imported for them, which no call of the API should wait for.
    """
    from flaresend_mock import control, dashboard  # takes a good part of a second in all
    from flaresend_mock.control import errors
    from flaresend_mock.control.documents import DOCUMENTS

    def fail(error: Exception) -> Response:
        _log(error)
        return errors.fail()

    app = SharedFlask("flaresend_mock.control")
    app.extensions[DOCUMENTS] = document
    control.install(app)
    dashboard.install(app)
    app.register_error_handler(Refusal, errors.refuse)
    app.register_error_handler(HTTPException, errors.refuse_http)
    app.register_error_handler(Exception, fail)
    return app


def document(name: str, url: str) -> dict[str, Any]:
    """Return an OpenAPI document.

    Args:
        name: "api" for the Flaresend API, "control" for the control plane.
        url: where it is served.
    """
    return {**_document(name), "servers": [{"url": url}]}


@_once
def _document(name: str) -> dict[str, Any]:
    from flaresend_mock.control.errors import answer_type
    from flaresend_mock.openapi import api_document, control_document  # few runs ask for them

    if name == "api":
        return api_document(api_app(), api_errors.answer_type)
    return control_document(control_app(), answer_type)


def _refuse_http(refusal: HTTPException) -> Response:
    if is_ours(request.path):  # the media host's, which words refusals as the control plane does
        from flaresend_mock.control import errors

        return errors.refuse_http(refusal)
    return api_errors.refuse_http(refusal)


def _fail(error: Exception) -> Response:
    _log(error)
    return api_errors.fail()


def _log(error: Exception) -> None:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
