"""Applications in this process, to which webhooks are delivered without a socket."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError

log = logging.getLogger(__name__)

DOMAIN = ".wsgi.localhost"

_apps: dict[str, WSGIApplication] = {}
_numbers = count(1)


@contextmanager
def mounted(app: WSGIApplication) -> Iterator[str]:
    """Have an application called at a URL, whose beginning is returned, until the block ends.

    It is known to all emulators of this process; no URL is used twice.
    """
    host = f"app-{next(_numbers)}{DOMAIN}"
    _apps[host] = app
    try:
        yield f"http://{host}"
    finally:
        del _apps[host]


class LocalAdapter(HTTPAdapter):
    """Has requests ask an application of this process where one is mounted, and the network elsewhere."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        host = urlsplit(request.url or "").netloc
        if not host.endswith(DOMAIN):
            return super().send(request, *args, **options)
        app = _apps.get(host)
        if app is None:
            raise ConnectionError("the application is not there any more", request=request)
        return _answer(app, request)


def _answer(app: WSGIApplication, request: PreparedRequest) -> Response:
    from werkzeug.test import Client  # only tests deliver here

    parts = urlsplit(request.url or "")
    failed = ""
    try:
        answer = Client(app).open(
            parts.path,
            method=request.method or "POST",
            base_url=f"{parts.scheme}://{parts.netloc}",
            query_string=parts.query,
            headers=list(request.headers.items()),
            data=_bytes(request.body),
        )
    except BaseException as error:  # SystemExit and pytest.fail(), too: the courier's thread must live on
        log.warning("the application raised", exc_info=error)
        failed = f"the application raised {type(error).__name__}: {error}"
    if failed:  # not in the clause above: what is said of an error is what is at its bottom
        raise ConnectionError(failed, request=request)
    response = Response()
    response.status_code = answer.status_code
    response.headers.update(answer.headers)
    response.url = request.url or ""
    response.request = request
    response.raw = io.BytesIO(answer.data)
    return response


def _bytes(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return body.encode() if isinstance(body, str) else b"".join(body)
