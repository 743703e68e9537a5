"""Calls over HTTP, as commands make them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from flaresend_mock.cli.remote import NO_EMULATOR, SECONDS, Remote

ROOT = "/_mock"
TOKEN_HEADER = "X-Control-Token"  # the name of a header  # noqa: S105  # nosec B105


class NotAnswered(Exception):
    """A call without the answer that was asked for; the message says why."""


class Unreachable(NotAnswered):
    """Nobody answers as an emulator does; `is_refused` if nobody listens there at all."""

    def __init__(self, why: str, *, is_refused: bool = False) -> None:
        super().__init__(why)
        self.is_refused = is_refused


class Refused(NotAnswered):
    """The emulator refused a call; the message is its own."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


class _Staying(HTTPRedirectHandler):
    """No emulator sends its callers elsewhere, and the token is for nobody else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def ask(
    remote: Remote, method: str, path: str, body: Any, seconds: float, query: Mapping[str, Any]
) -> dict[str, Any]:
    """Make a call, and return its answer.

    Args:
        body: to be sent as JSON; bytes are sent as they are.

    Raises:
        NotAnswered: nobody answers as an emulator does, or it refuses the call.
    """
    with _open(remote, method, path, body, seconds, query, {}) as answer:
        found = _json(_all_of(answer))
    if not isinstance(found, dict):
        raise Unreachable(NO_EMULATOR)
    return found


def fetch(remote: Remote, path: str, seconds: float, query: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return what is at a path, and its media type.

    Raises:
        NotAnswered: nobody answers as an emulator does, or it refuses the call.
    """
    with _open(remote, "GET", path, None, seconds, query, {}) as answer:
        return _all_of(answer), answer.headers.get_content_type()


def stream(remote: Remote, path: str, last_id: str, query: Mapping[str, Any]) -> HTTPResponse:
    """Open a stream of events; whoever reads it meets OSError and HTTPException.

    Raises:
        NotAnswered: it cannot be opened.
    """
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
    answer = _open(remote, "GET", path, None, SECONDS, query, headers)
    if answer.headers.get_content_type() != "text/event-stream":
        answer.close()
        raise Unreachable(NO_EMULATOR)
    return answer


def _open(
    remote: Remote,
    method: str,
    path: str,
    body: Any,
    seconds: float,
    query: Mapping[str, Any],
    headers: dict[str, str],
) -> HTTPResponse:
    given = {name: value for name, value in {"world": remote.world, **query}.items() if value is not None}
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    if remote.token is not None:
        headers[TOKEN_HEADER] = remote.token
    try:
        asked = f"?{urlencode(given, errors='surrogateescape')}" if given else ""
        call = Request(remote.base + ROOT + path + asked, data, headers, method=method)  # noqa: S310 - http only
        opened: HTTPResponse = build_opener(ProxyHandler({}), _Staying).open(call, timeout=seconds)
        return opened
    except HTTPError as error:
        with error:
            raise _refusal(error) from None
    except URLError as error:
        reason = error.reason
        why = getattr(reason, "strerror", None) or str(reason)
        raise Unreachable(why, is_refused=isinstance(reason, ConnectionRefusedError)) from None
    except (OSError, ValueError, HTTPException) as error:
        raise Unreachable(_first_line(error)) from None


def _all_of(answer: HTTPResponse) -> bytes:
    try:
        return answer.read()
    except (OSError, ValueError, HTTPException) as error:
        raise Unreachable(_first_line(error)) from None


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Unreachable(NO_EMULATOR) from None


def _refusal(error: HTTPError) -> NotAnswered:
    try:
        found = json.loads(error.read())
        why = f"it is {found['status']}" if "status" in found else str(found["error"]["message"])
        return Refused(why, error.code)
    except (OSError, HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return Refused(f"it answers {error.code}, as no emulator does", error.code)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
