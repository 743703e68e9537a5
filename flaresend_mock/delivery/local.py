"""Applications in this process, to which webhooks are delivered without a socket."""

from __future__ import annotations

import io
import logging
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError
from werkzeug.test import Client

log = logging.getLogger(__name__)


class LocalAdapter(BaseAdapter):
    """Has requests ask a WSGI application instead of a server."""

    def __init__(self, app: WSGIApplication) -> None:
        super().__init__()
        self._app = app

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        parts = urlsplit(request.url or "")
        failed = ""
        try:
            answer = Client(self._app).open(
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

    def close(self) -> None:
        """There is nothing to close."""


def _bytes(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return body.encode() if isinstance(body, str) else b"".join(body)
