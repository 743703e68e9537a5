"""Files that the pages are made of, and the faces of people: all from this package."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from flaresend_mock.dashboard import avatars

blueprint = Blueprint("assets", __name__)

FOLDER = Path(__file__).parent / "assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FILES = {file.name: _TYPES[file.suffix] for file in sorted(FOLDER.iterdir()) if file.suffix in _TYPES}
_DRAWN = {"face": avatars.face, "emblem": avatars.emblem}
_NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    """Return a file that the pages are made of."""
    if name not in FILES:
        raise NotFound
    return _kept(Response((FOLDER / name).read_bytes(), content_type=FILES[name]), "no-cache")


@blueprint.get("/faces/<kind>/<name>.svg")
def face(kind: str, name: str) -> Response:
    """Draw the face that belongs to a name, or the emblem of a group."""
    if kind not in _DRAWN:
        raise NotFound
    response = Response(_DRAWN[kind](name), content_type="image/svg+xml; charset=utf-8")
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    return _kept(response, "max-age=86400")


def _kept(response: Response, how: str) -> Response:
    response.headers.update(_NO_SNIFFING)
    response.headers["Cache-Control"] = how
    response.add_etag()
    return cast(Response, response.make_conditional(request))
