"""Access to the control plane: requires the control token, or without one, rejects cross-origin requests."""

import hmac
import re
from urllib.parse import urlsplit

from flask import Request, Response, request
from werkzeug.exceptions import Forbidden, Unauthorized

from flaresend_mock.core import hosts
from flaresend_mock.http.context import CONTROL, PUBLIC, AppServices, cookie, is_audience, pass_for, services
from flaresend_mock.http.turns import give_way

TOKEN_HEADER = "X-Control-Token"  # the name of a header  # noqa: S105  # nosec B105
HEALTH = CONTROL + "/health"
SCAN = CONTROL + "/scan/"
DOCS = CONTROL + "/docs"
UI = CONTROL + "/ui/"
OPEN = {HEALTH, DOCS, UI + "login", CONTROL + "/openapi.json", CONTROL + "/control/openapi.json", CONTROL + "/ca.pem"}
"""The paths that need no token: they reveal nothing about a world."""

_WATCHED = re.compile(
    rf"{UI}(?:faces/.*|w/[^/]+/(?:chats|messages|guides|parts/(?:chats|news|older|why|status|switcher|unread))(?:/.*)?)?"
    rf"|{CONTROL}/(?:events|media/[^/]+)"
)  # the paths that an audience reads

_HOST = re.compile(r"(?:([A-Za-z0-9._-]+)|\[([0-9A-Fa-f:.]+)(?:%[\w.~%-]*)?\])(?::\d+)?", re.ASCII)


def check() -> Response | None:
    """Accept or refuse a call of the control plane, and redirect a page without the token to the login page.

    The phone that opens a scan page has seen its QR code, and needs no token. A browser sends the cookie of the login
    with every request, whichever page makes it, so the cookie counts for the emulator's own pages only.
    """
    path, us, token = request.path, services(), services().token
    request.environ[PUBLIC] = token is not None and not is_known(request, us)
    if token is None:
        _check_origin(request, us)
    elif path in OPEN or path.startswith((SCAN, DOCS + "/", UI + "assets/")):
        if path.startswith(SCAN):
            _check_page(request, us)
        return None  # it waits for nothing, and callers without the token keep their turn until it ends
    elif not _is(request.headers.get(TOKEN_HEADER, ""), token):
        if (watches := is_audience()) and not (request.method in ("GET", "HEAD") and _WATCHED.fullmatch(path)):
            raise Forbidden("Who watches by this link sees the chats, and changes nothing.")
        if watches or _is(cookie(request, token), pass_for(token)):
            _check_page(request, us)
        elif "HX-Request" in request.headers:  # a part of a page: the browser loads the whole page, and is redirected
            return Response(status=401, headers={"HX-Refresh": "true"})
        elif path.startswith(UI) and request.method == "GET":
            return Response(status=302, headers={"Location": "../" * (path.count("/") - 3) + "login"})
        else:
            raise Unauthorized(f"Send the control token in the header {TOKEN_HEADER}.")
        if watches:
            return None  # it waits for nothing, as above, but for streams, which give way themselves
    give_way(request.environ)  # calls of the control plane may wait
    return None


def is_known(request: Request, us: AppServices) -> bool:
    """Tell whether a request has the control token, or its pass on an own page; without a token, is not foreign."""
    if us.token is not None and _is(request.headers.get(TOKEN_HEADER, ""), us.token):
        return True
    try:
        (_check_origin if us.token is None else _check_page)(request, us)
    except Forbidden:
        return False
    return us.token is None or _is(cookie(request, us.token), pass_for(us.token))


def _is(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _check_origin(request: Request, us: AppServices) -> None:
    host = request.headers.get("Host", "")
    found = _HOST.fullmatch(host)
    name = (found[1] or found[2]) if found else ""
    is_ours = hosts.address_of(name) is not None or hosts.is_near(name) or name in us.allowed_hosts
    if host and not (host == urlsplit(us.public_url("")).netloc or (name and is_ours)):
        raise Forbidden(f"The host {host[:100]!r} is not this emulator. Start it with --allowed-host if it is.")
    _check_page(request, us)


def _check_page(request: Request, us: AppServices) -> None:
    """Refuse what pages from elsewhere request, except visits. Without Sec-Fetch headers, streams need a Referer."""
    host, public = request.headers.get("Host", ""), urlsplit(us.public_url(""))
    ours = {f"http://{host}", f"https://{host}", f"{public.scheme}://{public.netloc}"}
    given = request.headers.get
    origin, site = given("Origin"), given("Sec-Fetch-Site")
    if origin is not None and origin not in ours:
        raise Forbidden(f"Web pages from {origin[:100]!r} may not control this emulator; programs may.")
    is_log = request.path.rstrip("/") == f"{CONTROL}/events"
    streams = is_log and ("stream" in request.args or "text/event-stream" in given("Accept", ""))
    if streams and site is None and given("User-Agent", "").startswith("Mozilla/"):
        site = "none" if "/".join(given("Referer", "").split("/")[:3]) in ours else "cross-site"
    visits = given("Sec-Fetch-Dest") == "document" and request.method in ("GET", "HEAD") and not streams
    if not visits and site in ("cross-site", "same-site"):
        raise Forbidden("Web pages of another origin may not control this emulator; programs may.")
