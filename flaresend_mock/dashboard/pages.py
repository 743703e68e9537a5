"""What all pages share: rendering, links between them, the header, and the login."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.exceptions import NotFound

from flaresend_mock.core.errors import Refusal
from flaresend_mock.core.world import World
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.dashboard.markup import formatted, plain
from flaresend_mock.dashboard.reproduce.curl import Place
from flaresend_mock.http.auth import cookie_of, pass_for
from flaresend_mock.http.context import emulator

blueprint = Blueprint("pages", __name__, template_folder="templates")

HERE = "/_mock/ui/"
MAX_DIGITS = 18
DEEPEST = 20
"""So many parts the path of a page may have; more than any has."""

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
MOST_NAMES = 12
"""So many worlds are offered at the top of every page; the others are found on theirs."""

TABS = (
    ("chats", "Chats"),
    ("traffic", "Traffic"),
    ("instances", "Instances"),
    ("schedule", "Schedule"),
    ("faults", "Faults"),
    ("people", "People"),
    ("worlds", "Worlds"),
)


@blueprint.get("/")
def home() -> Response:
    """Lead to the conversations of the default world."""
    return _led(f"w/{DEFAULT}/chats")


@blueprint.get("/<path:anything>")
def nowhere(anything: str) -> Response:
    """Say on a page of our own that there is none."""
    raise NotFound


@blueprint.get("/w/<world>/parts/status")
def status(world: str) -> Response:
    """Return what stands at the top of every page, as it is now."""
    return part("status.html", emulator().worlds.get(world))


@blueprint.get("/w/<world>/parts/switcher")
def switcher(world: str) -> Response:
    """Return the ways to the same page of other worlds."""
    tab = request.args.get("tab", "")
    names = [one.name for one in emulator().worlds.all()]
    return part(
        "switcher.html",
        emulator().worlds.get(world),
        tab=tab if tab in dict(TABS) else TABS[0][0],
        names=names[:MOST_NAMES],
        more=max(0, len(names) - MOST_NAMES),
    )


def page(template: str, world: World, tab: str, **values: Any) -> Response:
    """Render a whole page."""
    return part(template, world, tab=tab, tabs=TABS, **values)


def part(template: str, world: World, **values: Any) -> Response:
    """Render a page or a part of one, with what every template may use."""
    up = upwards()
    zone = ZoneInfo(world.state.time_zone)
    with world.lock:
        now, frozen = world.clock.now(), world.clock.frozen
        armed = [fault for fault in world.state.faults.values() if fault.armed]
    text = render_template(
        f"dashboard/{template}",
        world=world,
        ui=up,
        here=f"{up}w/{world.name}/",
        mock=f"{up}../",
        now=now.astimezone(zone),
        frozen=frozen,
        shifted=abs(world.clock.setting.offset.total_seconds()) > 1 and not frozen,
        armed=armed,
        edition=f"{emulator().run} {world.replacements}",
        local=lambda moment: moment.astimezone(zone),
        formatted=formatted,
        plain=plain,
        day=lambda moment: _day(moment.astimezone(zone), now.astimezone(zone)),
        size=_size,
        **values,
    )
    return shown(text)


def place(world: World) -> Place:
    """Return where commands go that are shown to do something again."""
    return Place(emulator().public_url(), world.name, emulator().token is not None)


def number_argument(name: str) -> int:
    """Return a whole number in the query string, or 0 if there is none."""
    given = request.args.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= MAX_DIGITS else 0


def shown(text: str, status: int = 200) -> Response:
    """Answer with what is to be shown; what is no character of a text, such as half an emoji, is a question mark."""
    return Response(
        text.encode("utf-8", "replace"), status, headers=SECURITY, content_type="text/html; charset=utf-8"
    )


def gone(problem: Refusal | NotFound) -> Response:
    """Say that what was wanted is not there, and lead back to what is."""
    reason = problem.description if isinstance(problem, NotFound) else ""
    if reason == NotFound.description:  # which speaks of URLs and spelling
        reason = ""
    return shown(render_template("dashboard/gone.html", ui=upwards(), reason=reason or ""), 404)


def upwards() -> str:
    """Return the way from the page that is shown to /_mock/ui/, whatever that is mounted under.

    A part is put into a page, and what it links to is looked up from there: htmx tells where that is.
    """
    path = request.headers.get("HX-Current-URL", "").partition("?")[0]
    _, found, rest = path.partition(HERE)
    if not found:
        _, _, rest = request.path.partition(HERE)
    return "../" * min(rest.count("/"), DEEPEST) or "./"


def _led(way: str) -> Response:
    response = redirect(way)
    assert isinstance(response, Response)
    response.autocorrect_location_header = False  # behind a proxy, only the way from here is known
    return response


def _day(moment: datetime, now: datetime) -> str:
    days = (now.date() - moment.date()).days
    if days in (0, 1):
        return ("Today", "Yesterday")[days]
    return f"{moment:%A}, {moment.day} {moment:%B %Y}"


def _size(count: int) -> str:
    """Return a number of bytes as people read it."""
    amount, unit = float(count), "bytes"
    for larger in ("KB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 10 else f"{amount:.1f} {unit}"


@blueprint.get("/login")
def login() -> Response:
    """Ask for the token."""
    return _login_page("")


@blueprint.post("/login")
def enter() -> Response:
    """Let a browser in that brings the token."""
    token = emulator().token or ""
    given = request.form.get("token", "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
        return _login_page("This is not the token that the emulator was started with.", 401)
    response = Response(status=303, headers={"Location": "./"})
    response.set_cookie(
        cookie_of(token), pass_for(token), httponly=True, samesite="Strict", secure=request.is_secure
    )
    return response


def _login_page(problem: str, status: int = 200) -> Response:
    text = render_template("dashboard/login.html", ui="./", problem=problem)
    return shown(text, status)
