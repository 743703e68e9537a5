"""Delivers webhooks to WSGI applications in this process, without a socket."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from traceback import format_exception
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import WSGIApplication

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError, ReadTimeout

log = logging.getLogger(__name__)

DOMAIN = ".wsgi.localhost"
MAX_RESPONSE = 64 * 1024

_apps: dict[str, WSGIApplication] = {}
_numbers = count(1)
_here = threading.local()


@contextmanager
def mounted(app: WSGIApplication) -> Iterator[str]:
    """Mount an application at a URL until the block ends, and return the beginning of that URL.

    All emulators of this process know it. No URL is used twice.
    """
    host = f"app-{next(_numbers)}{DOMAIN}"
    _apps[host] = app
    try:
        yield f"http://{host}"
    finally:
        del _apps[host]


def is_handling() -> bool:
    """Return whether the caller is an application that is handling a delivery."""
    return getattr(_here, "handles", False)


class LocalAdapter(HTTPAdapter):
    """Sends requests to mounted applications, and all others to the network."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        host = urlsplit(request.url or "").netloc
        if not host.endswith(DOMAIN):
            return super().send(request, *args, **options)
        app = _apps.get(host)
        if app is None:
            raise ConnectionError("the application is no longer mounted", request=request)
        return _Handling(app, request).wait(options.get("timeout"))


class _Handling:
    """One request that an application handles. It gets its own thread, as it may hang."""

    def __init__(self, app: WSGIApplication, request: PreparedRequest) -> None:
        self._app = app
        self._request = request
        self._done = threading.Event()
        self._given_up = False
        self._failed = ""
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body = b""

    def wait(self, timeout: float | None) -> Response:
        """Return the response, with as much of its body as is read from a socket.

        Raises:
            ReadTimeout: the application takes longer than `timeout` seconds.
            ConnectionError: the application raised an exception.
        """
        threading.Thread(target=self._run, name="flaresend-mock-application", daemon=True).start()
        if not self._done.wait(timeout):
            self._given_up = True
            raise ReadTimeout("the application takes too long", request=self._request)
        if self._failed:
            raise ConnectionError(self._failed, request=self._request)
        response = Response()
        response.status_code = self._status
        response.headers.update(self._headers)
        response.url = self._request.url or ""
        response.request = self._request
        response.raw = io.BytesIO(self._body)
        return response

    def _run(self) -> None:
        _here.handles = True
        try:
            self._handle()
        except BaseException as error:  # SystemExit and pytest.fail(), too: the delivery must end
            log.warning("the application raised\n%s", _plain("".join(format_exception(error))))
            self._failed = _plain(_said(error))
        finally:
            self._done.set()

    def _handle(self) -> None:
        from werkzeug.test import EnvironBuilder, run_wsgi_app  # only tests deliver here

        parts = urlsplit(self._request.url or "")
        builder = EnvironBuilder(
            parts.path,
            method=self._request.method or "POST",
            base_url=f"{parts.scheme}://{parts.netloc}",
            query_string=parts.query,
            headers=list(texts(self._request.headers).items()),
            data=_bytes(self._request.body),
        )
        body, status, headers = run_wsgi_app(self._app, builder.get_environ())
        self._status, self._headers = int(status.partition(" ")[0]), list(headers)
        try:
            for part in body:
                self._body = (self._body + part)[:MAX_RESPONSE]
                if len(self._body) == MAX_RESPONSE or self._given_up:
                    break
        finally:
            if callable(close := getattr(body, "close", None)):
                close()


def texts(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    """Return headers as text; requests keeps text and bytes."""
    return {
        name: value if isinstance(value, str) else value.decode("latin-1") for name, value in headers.items()
    }


def _said(error: BaseException) -> str:
    try:
        text = f": {error}"
    except Exception:
        text = ""
    return f"the application raised {type(error).__name__}{text}"


def _plain(text: str) -> str:
    """Return text that can be encoded as UTF-8: file names may have lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def _bytes(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return body.encode() if isinstance(body, str) else b"".join(body)
