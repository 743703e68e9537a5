"""Who may steer the emulator: whoever knows the token, or without one, whoever is no web page from elsewhere."""

from __future__ import annotations

import hmac
import re
from urllib.parse import urlsplit

from flask import Request, Response
from werkzeug.exceptions import Forbidden, Unauthorized

from flaresend_mock.core import webhook_urls
from flaresend_mock.http.auth import cookie_of, pass_for
from flaresend_mock.http.context import current_request, emulator
from flaresend_mock.http.paths import OURS

TOKEN_HEADER = "X-Control-Token"  # the name of a header  # noqa: S105  # nosec B105
HEALTH = OURS + "/health"
SCAN = OURS + "/scan/"
DOCS = OURS + "/docs"
UI = OURS + "/ui/"
LOGIN = UI + "login"
OPEN = frozenset((HEALTH, DOCS, LOGIN, OURS + "/openapi.json", OURS + "/control/openapi.json"))
"""What is the same for everybody, and tells nothing worth keeping."""

_HOST = re.compile(r"(?:([A-Za-z0-9._-]+)|\[([0-9A-Fa-f:.]+)\])(?::\d+)?", re.ASCII)


def check() -> Response | None:
    """Let a call of the control plane through, or refuse it; lead who looks at a page to where the token is entered.

    Health and documentation tell nothing worth keeping, and a scan page is opened by whoever saw its QR code: none of
    them needs the token. A browser in which the token was entered shows a pass, and sends that whoever makes it call:
    so it counts only for pages of our own.

    Raises:
        Unauthorized: there is a token, and the call does not bring it.
        Forbidden: there is none, and the call comes from a web page, or to a name, that is not ours.
    """
    request = current_request()
    path = request.path
    token = emulator().token
    if token is None:
        _check_origin(request)
    elif path not in OPEN and not path.startswith((SCAN, DOCS + "/", UI + "assets/")):
        if _is(request.headers.get(TOKEN_HEADER, ""), token):
            return None
        if _is(request.cookies.get(cookie_of(token), ""), pass_for(token)):
            _check_page(
                request, {f"{scheme}://{request.headers.get('Host', '')}" for scheme in ("http", "https")}
            )
            return None
        if "HX-Request" in request.headers:  # a part of a page: have the browser ask for all of it
            return Response(status=401, headers={"HX-Refresh": "true"})
        if path.startswith(UI) and request.method == "GET":
            return Response(status=302, headers={"Location": "../" * (path.count("/") - 3) + "login"})
        raise Unauthorized(f"Send the control token in the header {TOKEN_HEADER}.")
    return None


def _is(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _check_origin(request: Request) -> None:
    host = request.headers.get("Host", "")
    public = urlsplit(emulator().public_url())
    name = _name(host)
    if host and not ((name and webhook_urls.is_near(name)) or host == public.netloc):
        raise Forbidden(
            f"The host {host[:100]!r} is not this emulator. Start it with --public-url or --control-token if it is."
        )
    ours = {f"{scheme}://{host}" for scheme in ("http", "https")} | {f"{public.scheme}://{public.netloc}"}
    _check_page(request, ours)


def _check_page(request: Request, ours: set[str]) -> None:
    """Refuse a call that a page from elsewhere makes."""
    origin = request.headers.get("Origin")
    if origin is not None and origin not in ours:
        raise Forbidden(f"Web pages from {origin[:100]!r} may not steer this emulator; programs may.")
    visits = request.headers.get("Sec-Fetch-Mode") == "navigate"
    if not visits and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise Forbidden("Web pages from elsewhere may not steer this emulator; programs may.")


def _name(host: str) -> str:
    """Return the name or address in a Host header; empty if it holds anything else."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]) if found else ""
