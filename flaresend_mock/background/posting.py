"""Posts webhook events: over sockets, or to WSGI applications in this process."""

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

import requests
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError, ReadTimeout

from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.version import __version__

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 15.0
DOMAIN = ".wsgi.localhost"
MAX_RESPONSE = 64 * 1024

AGENT = f"flaresend-mock/{__version__}"


class Poster:
    """Posts to receivers over connections that stay open. Each thread has its own.

    It uses no proxies and no .netrc of the machine, and follows no redirects.
    """

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", LocalAdapter())

    def close(self) -> None:
        self._session.close()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """Post an event, and return the outcome: url, headers, status, response, error and milliseconds."""
        return self._ask("POST", url, body, {"Content-Type": "application/json", **headers})

    def get(self, url: str) -> dict[str, Any]:
        """Get a URL, and return the same outcome."""
        return self._ask("GET", url, None, {})

    def _ask(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> dict[str, Any]:
        watch = Stopwatch()
        sent: Mapping[str, str] = headers
        status: int | None = None
        text, error = "", None
        try:
            call = self._session.prepare_request(
                requests.Request(method, url, {"User-Agent": AGENT, **headers}, data=body)
            )
            sent = texts(call.headers)
            with self._session.send(
                call, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
            ) as response:
                status = response.status_code  # counts as the response, even if the body breaks off
                text = _read(response, watch)
        except requests.Timeout:
            error = f"no response within {TIMEOUT_SECONDS:.0f} s"
        except (requests.RequestException, UnicodeError, ValueError) as problem:
            error = _plain(problem)
        return {
            "url": url,
            "headers": tuple(sent.items()),
            "status": status,
            "response": text,
            "error": error,
            "milliseconds": round(watch.seconds * 1000, 3),
        }


def _read(response: requests.Response, watch: Stopwatch) -> str:
    """Return the first 64 KB of a response, or what arrives within the timeout.

    It reads byte by byte, as reading a larger piece would wait until that is complete.
    """
    kept = bytearray()
    for chunk in response.iter_content(1):
        kept += chunk
        if len(kept) >= MAX_RESPONSE or watch.seconds > TIMEOUT_SECONDS:
            break
    return kept[:MAX_RESPONSE].decode("utf-8", "replace")


def _plain(problem: Exception) -> str:
    """Return a short text of the innermost error of a chain."""
    cause: BaseException = problem
    while (inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        cause = inner
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split())[:300].encode("utf-8", "backslashreplace").decode()


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
            log.warning("the application raised\n%s", _printable("".join(format_exception(error))))
            self._failed = _printable(_said(error))
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


def _printable(text: str) -> str:
    """Return text that can be encoded as UTF-8: file names may have lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def _bytes(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return body.encode() if isinstance(body, str) else b"".join(body)
