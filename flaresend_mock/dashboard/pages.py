"""What all pages share: rendering, links, files, the faces that are drawn from names, the header, and the login."""

import hashlib
import hmac
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, redirect, render_template, request
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from flaresend_mock.core import errors, worlds
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.message_view import TEXTS, formatted, plain
from flaresend_mock.http.bodies import cached, read_urlencoded_form
from flaresend_mock.http.context import audience_of, cookie_of, is_audience, pass_for, services
from flaresend_mock.package_data import guides, read_file

blueprint = Blueprint("dashboard", __name__, template_folder="templates")
blueprint.add_app_template_global(formatted)
blueprint.add_app_template_global(plain)
# Jinja's own keeps slashes: ids of an import, such as ../x, would lead to other paths
blueprint.add_app_template_filter(lambda text: quote(str(text), safe="", errors="replace"), "urlencode")

ROOT = "/_mock/ui/"
MAX_DEPTH = 20  # The number of parts that the path of a page may have. No page has more.
MAX_DIGITS = 18
MAX_LOGIN = 4096  # Bytes of the form of the login page, which every caller may send.
MAX_WORLDS = 12  # The number of worlds that the header offers. The worlds page has the others.

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
FOLDER = Path(__file__).parent / "assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FILES = {file.name: _TYPES[file.suffix] for file in sorted(FOLDER.iterdir()) if file.suffix in _TYPES}
_FACES = tomllib.loads((FOLDER / "faces.toml").read_text(encoding="utf-8"))
TABS = ("chats", "traffic", "instances", "schedule", "faults", "people", "worlds")
Read = TypeVar("Read", bound=Callable[[World], Mapping[str, Any]])


@blueprint.before_request
def find_world() -> None:
    """Give views the world itself, in place of its name in the path. Runs after the control plane's guard."""
    if (arguments := request.view_args) and "world" in arguments:
        arguments["world"] = services().worlds.get(arguments["world"])


@blueprint.get("/")
def home() -> BaseResponse:
    return redirect(f"w/{worlds.DEFAULT}/chats")


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    if name not in FILES:
        raise NotFound
    return cached(Response(read_file(FOLDER / name), content_type=FILES[name]), "no-cache")


@blueprint.get("/faces/<any(face, emblem):kind>/<name>.svg")
def face(kind: str, name: str) -> Response:
    return cached(Response(draw(kind, name), content_type="image/svg+xml; charset=utf-8"), "max-age=86400")


@blueprint.get("/<path:anything>")
def unknown_page(anything: str) -> Response:
    raise NotFound


@blueprint.route("/login", methods=["GET", "POST"])
def login() -> Response:
    problem, token = "", services().token or ""
    if request.method == "POST":
        given = read_urlencoded_form(request, MAX_LOGIN).get("token", "")
        said = given.encode("utf-8", "replace")
        if any(hmac.compare_digest(said, one.encode()) for one in (token, audience_of(token))):
            done, value = Response(status=303, headers={"Location": "./"}), pass_for(given)
            done.set_cookie(cookie_of(token), value, httponly=True, samesite="Strict", secure=request.is_secure)
            return done
        problem = "This is not the token that the emulator was started with."
    return html(render_template("dashboard/login.html", ui="./", problem=problem), 401 if problem else 200)


@blueprint.get("/w/<world>/guides/<path:name>")
def guide(world: World, name: str) -> Response:
    file = guides().get(name) or abort(404, "There is no such guide.")
    if file.suffix == ".png":
        return cached(Response(read_file(file), content_type="image/png"), "no-cache")
    return part(
        "guide.html", world, tab="guides", name=name, names=list(guides()), text=file.read_text(encoding="utf-8")
    )


@blueprint.get("/w/<world>/parts/status")
def status(world: World) -> Response:
    return part("status.html", world)


@blueprint.get("/w/<world>/parts/switcher")
def switcher(world: World) -> Response:
    tab = request.args.get("tab") if request.args.get("tab") in TABS else TABS[0]
    names = [one.name for one in services().worlds.all()]
    return part("switcher.html", world, tab=tab, names=names[:MAX_WORLDS], more=max(0, len(names) - MAX_WORLDS))


def part(template: str, world: World, **values: Any) -> Response:
    """Render a page or a part of one. Every template may use what is added to the values."""
    up, zone = path_to_root(), ZoneInfo(world.state.time_zone)
    with world.lock:
        now, frozen = world.clock.now(), world.clock.frozen
        armed = [fault for fault in world.state.faults.values() if fault.armed]
    values |= {"world": world, "ui": up, "here": f"{up}w/{world.name}/", "mock": f"{up}../"}
    values |= {"now": now.astimezone(zone), "frozen": frozen, "armed": armed}
    values |= {"edition": f"{services().run} {world.replacements}", "local": lambda moment: moment.astimezone(zone)}
    values |= {"texts": TEXTS, "version": services().version, "audience": is_audience()}
    values["tabs"] = TABS[:1] if values["audience"] else TABS
    values["day"] = lambda moment: _day(moment.astimezone(zone), now.astimezone(zone))
    values["shifted"] = abs(world.clock.setting.offset.total_seconds()) > 1 and not frozen
    return html(render_template(f"dashboard/{template}", **values))


def live(path: str, template: str) -> Callable[[Read], Read]:
    def add(read: Read) -> Read:
        rule, name = f"/w/<world>/parts/{path}", f"{path}_part"
        blueprint.add_url_rule(rule, name, lambda world: part(template, world, **read(world)))
        return read

    return add


def html(text: str, status: int = 200) -> Response:
    """Return a response with a page. Characters that UTF-8 lacks, such as half an emoji, become question marks."""
    return Response(text.encode("utf-8", "replace"), status, headers=SECURITY, content_type="text/html; charset=utf-8")


@blueprint.errorhandler(NotFound)
@blueprint.errorhandler(errors.WorldNotFound)
def not_found(problem: errors.Refusal | NotFound) -> Response:
    reason = problem.description if isinstance(problem, NotFound) else ""
    told = "" if reason == NotFound.description else reason  # Werkzeug's text is about URLs and spelling
    found, up = (request.view_args or {}).get("world"), path_to_root()
    here = f"{up}w/{found.name if isinstance(found, World) else worlds.DEFAULT}/"
    return html(render_template("dashboard/gone.html", ui=up, here=here, reason=told or ""), 404)


def number_argument(name: str) -> int:
    """Return a whole number from the query string, or 0 if it is missing or malformed."""
    given = request.args.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= MAX_DIGITS else 0


def path_to_root() -> str:
    """Return the relative path from the page, which htmx names in requests of its parts, to /_mock/ui/."""
    shown = request.headers.get("HX-Current-URL", "").partition("?")[0]
    rest = (shown if ROOT in shown else request.path).partition(ROOT)[2]
    return "../" * min(rest.count("/"), MAX_DEPTH) or "./"


def draw(kind: str, name: str) -> str:
    """Return a drawing as SVG. The same name or number always has the same one."""
    digest, drawing = iter(hashlib.sha256(f"{kind}:{name}".encode("utf-8", "replace")).digest()), _FACES[kind]
    choices = {part: _FACES[names] for part, names in drawing["choices"].items()}
    picked = {part: found[next(digest) % len(found)] for part, found in choices.items()}
    return "".join(drawing["parts"]).format_map(picked).format_map(picked)


def _day(at: datetime, now: datetime) -> str:
    return {0: "Today", 1: "Yesterday"}.get((now.date() - at.date()).days) or f"{at:%A}, {at.day} {at:%B %Y}"


@blueprint.app_template_global("size")
def _size(count: int) -> str:
    """Return a number of bytes in words, such as 1.5 MB."""
    amount, unit = float(count), "bytes"
    for larger in ("KB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 10 else f"{amount:.1f} {unit}"
