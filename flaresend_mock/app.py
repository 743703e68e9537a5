"""The WSGI application: it hands each request to the API, the control plane or the media host. It starts nothing.

These are Flask applications of their own, built once for the whole process: compiling their routes takes longer than
most tests. Each request carries the services of the emulator that it came to.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from functools import cache, partial, wraps
from typing import Any, TypeVar
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable
from werkzeug.routing import MapAdapter
from werkzeug.test import Client

from flaresend_mock import control, media_host
from flaresend_mock.api import auth, channels, groups, messages, request_log
from flaresend_mock.api import errors as api_errors
from flaresend_mock.control import errors as control_errors
from flaresend_mock.core.errors import Refusal
from flaresend_mock.http import bodies, body_stream, turns
from flaresend_mock.http.context import CONTROL, ISOLATION, MEDIA_HOST, PATH, RAW_PATH, SERVICES, AppServices, find_path

log = logging.getLogger(__name__)

HEALTH, UI = CONTROL + "/health", CONTROL + "/ui"
DASHBOARD = f"{UI.removeprefix('/')}/"  # relative to the root: a proxy may mount the emulator under a path

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
    """Serves the worlds of one emulator by WSGI."""

    def __init__(self, services: AppServices) -> None:
        self.services = services
        self._api = api_app()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[SERVICES] = self.services
        path: str = environ["PATH_INFO"]
        try:
            if path == CONTROL or path.startswith(CONTROL + "/"):
                is_page = f"{path}/".startswith(UI + "/")
                app = health_app if path == HEALTH else dashboard_app if is_page else control_app
                return app().wsgi_app(environ, start_response)
            if path.startswith(MEDIA_HOST + "/"):
                return media_app().wsgi_app(environ, start_response)
            if path == "/" and "text/html" in environ.get("HTTP_ACCEPT", "") and environ["REQUEST_METHOD"] == "GET":
                start_response("302 FOUND", [*ISOLATION.items(), ("Location", DASHBOARD), ("Content-Length", "0")])
                return []
            environ[PATH] = environ[RAW_PATH] = path
            plain = environ.get("REQUEST_URI") == path and path.isascii()
            if not plain or path.endswith("/") or "//" in path:
                find_path(environ, strict=self.services.strict)
            return self._api.wsgi_app(environ, start_response)
        finally:
            if turns.HELD in environ:
                body_stream.release(environ)

    def test_client(self, **options: Any) -> Client:
        """Return a client that calls the application without a socket. The options are those of Werkzeug's client."""
        return Client(self, **options)


class SharedFlask(Flask):
    """A Flask application that serves every emulator of the process, with the refusals of a module of `errors`."""

    def __init__(self, name: str, errors: Any) -> None:
        super().__init__(name, static_folder=None)
        self.register_error_handler(Refusal, errors.refuse)
        self.register_error_handler(HTTPException, errors.refuse_http)
        self.register_error_handler(Exception, partial(_fail, errors))
        self.config.update(PROVIDE_AUTOMATIC_OPTIONS=False)
        self.url_map.strict_slashes = False
        self.url_map.merge_slashes = False

    def process_response(self, response: Response) -> Response:
        if not bodies.hold(response):
            response = control_errors.refuse_http(ServiceUnavailable(bodies.BUSY))
        for name, value in ISOLATION.items():
            response.headers.setdefault(name, value)
        return super().process_response(response)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match routes by path alone. Flask reads the host of every request twice, which takes 8% of a call."""
        if request is None:
            return None
        environ = request.environ
        return MapAdapter(
            self.url_map,
            server_name="",
            script_name=environ.get("SCRIPT_NAME") or "/",
            subdomain="",
            url_scheme=environ["wsgi.url_scheme"],
            path_info=environ.get(PATH, request.path),
            default_method=environ["REQUEST_METHOD"],
        )


class ApiFlask(SharedFlask):
    """The Flaresend API. Its steps before and after a view are methods: Flask's lists of steps take 5% of a call."""

    ensure_sync = staticmethod(lambda view: view)  # type: ignore[assignment]  # no view is a coroutine
    do_teardown_request = do_teardown_appcontext = staticmethod(bool)  # type: ignore[assignment]
    """Does nothing, as there is nothing to tear down: looking for that takes 3% of a call."""
    preprocess_request = staticmethod(auth.authenticate)
    process_response = staticmethod(request_log.record)


@_once
def api_app() -> SharedFlask:
    """Return the Flaresend API."""
    app = ApiFlask("flaresend_mock", api_errors)
    for one in (messages.blueprint, messages.scheduled, groups.blueprint, channels.blueprint, messages.numbers):
        app.register_blueprint(one)
    app.register_error_handler(api_errors.Unauthorized, api_errors.refuse)
    return app


@_once
def media_app() -> SharedFlask:
    """Return WhatsApp's media host, which refuses calls in the words of the control plane."""
    app = SharedFlask("flaresend_mock.media_host", control_errors)
    app.add_url_rule(f"{MEDIA_HOST}/<folder>/<name>", view_func=media_host.media)
    return app


@_once
def health_app() -> SharedFlask:
    """Return what responds as soon as the emulator is started: importing the control plane takes a while."""
    app = SharedFlask("flaresend_mock.health", control_errors)
    control.install(app, only_health=True)
    return app


@_once
def control_app() -> SharedFlask:
    """Return the control plane, which is imported with its first request."""
    from flaresend_mock.control.about import DOCUMENTS

    app = SharedFlask("flaresend_mock.control", control_errors)
    app.extensions[DOCUMENTS] = document
    control.install(app)
    return app


@_once
def dashboard_app() -> SharedFlask:
    """Return the dashboard, which is imported with its first request."""
    from flaresend_mock.dashboard import blueprint

    app = SharedFlask("flaresend_mock.dashboard", control_errors)
    app.before_request(control.guard.check)
    app.register_blueprint(blueprint, url_prefix=UI)
    return app


def document(name: str, url: str) -> dict[str, Any]:
    """Return an OpenAPI document: that of the API for "api", or of the control plane for "control"."""
    return {**_document(name), "servers": [{"url": url}]}


@_once
def _document(name: str) -> dict[str, Any]:
    from flaresend_mock.openapi import documents

    if name == "api":
        return documents.document(name, api_app())
    from flaresend_mock.control.resources import Refused

    return documents.document(name, control_app(), Refused)


def _fail(errors: Any, error: Exception) -> Any:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return errors.fail()
