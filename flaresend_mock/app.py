"""The Flask application: every room behind one door. It starts nothing."""

from __future__ import annotations

import logging

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from flaresend_mock import api, control, mediahost
from flaresend_mock.api import errors as api_errors
from flaresend_mock.api.auth import Unauthorized
from flaresend_mock.control import errors as control_errors
from flaresend_mock.core.errors import Refusal
from flaresend_mock.web.bodies import ApiRequest
from flaresend_mock.web.context import EXTENSION, Emulator
from flaresend_mock.web.paths import is_ours

log = logging.getLogger(__name__)

MAX_BODY_SIZE = 64 * 1024 * 1024


class Application(Flask):
    request_class = ApiRequest

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


def create_app(emulator: Emulator, max_body_size: int = MAX_BODY_SIZE) -> Flask:
    """Build the application that serves an emulator's worlds.

    Args:
        max_body_size: how many bytes a request's body may have; a larger one gets 413.
    """
    app = Application("flaresend_mock", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=max_body_size,
        MAX_FORM_MEMORY_SIZE=max_body_size,
        MAX_FORM_PARTS=100_000,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = emulator
    api.install(app)
    control.install(app)
    mediahost.install(app)
    app.register_error_handler(Unauthorized, api_errors.refuse)
    app.register_error_handler(Refusal, _refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)
    return app


def _refuse(refusal: Refusal) -> Response:
    return control_errors.refuse(refusal) if is_ours(request.path) else api_errors.refuse(refusal)


def _refuse_http(refusal: HTTPException) -> Response:
    return control_errors.refuse_http(refusal) if is_ours(request.path) else api_errors.refuse_http(refusal)


def _fail(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return control_errors.fail() if is_ours(request.path) else api_errors.fail()
