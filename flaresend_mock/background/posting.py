"""Sends one webhook event, and reports the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from flaresend_mock.background.local_apps import MAX_RESPONSE, LocalAdapter, texts
from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.version import __version__

TIMEOUT_SECONDS = 15.0
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
