"""The Flask application: every room behind one door. It starts nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from flaresend_mock import api, mediahost
from flaresend_mock.api import errors as api_errors
from flaresend_mock.api.auth import Unauthorized
from flaresend_mock.core.errors import Refusal
from flaresend_mock.web.bodies import ApiRequest
from flaresend_mock.web.context import EXTENSION, Emulator
from flaresend_mock.web.paths import OURS, is_control, is_ours

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

DASHBOARD = f"{OURS.removeprefix('/')}/ui/"
"""From the root, whatever that is mounted under."""

MAX_BODY_SIZE = 64 * 1024 * 1024


class Application(Flask):
    """The API, and behind it the control plane: an application of its own, made when it is first called.

    Most of what is imported at all is imported for the control plane, which no call of the API should wait for.
    """

    request_class = ApiRequest

    def __init__(self, emulator: Emulator, max_body_size: int) -> None:
        super().__init__("flaresend_mock", static_folder=None)
        self._making = threading.Lock()
        self._control: Flask | None = None
        set_up(self, emulator, max_body_size)
        self._given = (emulator, max_body_size)
        self._documents: dict[tuple[str, str], dict[str, Any]] = {}

    def document(self, name: str, url: str) -> dict[str, Any]:
        """Return an OpenAPI document.

        Args:
            name: "api" for the Flaresend API, "control" for the control plane.
            url: where it is served.
        """
        from flaresend_mock.control.errors import answer_type
        from flaresend_mock.openapi import api_document, control_document  # few runs ask for them

        if (name, url) not in self._documents:
            self._documents[name, url] = (
                api_document(self, url, api_errors.answer_type)
                if name == "api"
                else control_document(self.control, url, answer_type)
            )
        return self._documents[name, url]

    @property
    def control(self) -> Flask:
        """The control plane."""
        with self._making:
            if self._control is None:
                from flaresend_mock.control.documents import DOCUMENTS

                self._control = _control_app(*self._given)
                self._control.extensions[DOCUMENTS] = self.document
            return self._control

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if is_control(path):
            return self.control.wsgi_app(environ, start_response)
        if (
            path == "/"
            and "text/html" in environ.get("HTTP_ACCEPT", "")
            and environ["REQUEST_METHOD"] == "GET"
        ):
            start_response("302 FOUND", [("Location", DASHBOARD), ("Content-Length", "0")])  # for browsers
            return []
        return super().wsgi_app(environ, start_response)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        return adapter_by_path(self, request)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func  # no view is a coroutine, which Flask would look for at each step of each call


class ControlPlane(Flask):
    request_class = ApiRequest

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        return adapter_by_path(self, request)


def create_app(emulator: Emulator, max_body_size: int = MAX_BODY_SIZE) -> Application:
    """Build the application that serves an emulator's worlds.

    Args:
        max_body_size: how many bytes a request's body may have; a larger one gets 413.
    """
    app = Application(emulator, max_body_size)
    api.install(app)
    mediahost.install(app)
    app.register_error_handler(Unauthorized, api_errors.refuse)
    app.register_error_handler(Refusal, api_errors.refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)
    return app


def set_up(app: Flask, emulator: Emulator, max_body_size: int) -> None:
    """Give an application the settings that all rooms share, and the emulator."""
    app.config.update(
        MAX_CONTENT_LENGTH=max_body_size,
        MAX_FORM_MEMORY_SIZE=max_body_size,
        MAX_FORM_PARTS=100_000,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = emulator


def adapter_by_path(app: Flask, request: Request | None) -> MapAdapter | None:
    """Match by path alone. Flask would work out the host of every request first, which no route here looks at."""
    if request is None:
        return None
    environ = request.environ
    return MapAdapter(
        app.url_map,
        server_name="",
        script_name=environ.get("SCRIPT_NAME") or "/",
        subdomain="",
        url_scheme=environ["wsgi.url_scheme"],
        path_info=request.path,
        default_method=environ["REQUEST_METHOD"],
    )


def _control_app(emulator: Emulator, max_body_size: int) -> Flask:
    from flaresend_mock import control, dashboard  # takes a good part of a second in all
    from flaresend_mock.control import errors

    def fail(error: Exception) -> Response:
        _log(error)
        return errors.fail()

    app = ControlPlane("flaresend_mock.control", static_folder=None)
    set_up(app, emulator, max_body_size)
    control.install(app)
    dashboard.install(app)
    app.register_error_handler(Refusal, errors.refuse)
    app.register_error_handler(HTTPException, errors.refuse_http)
    app.register_error_handler(Exception, fail)
    return app


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
