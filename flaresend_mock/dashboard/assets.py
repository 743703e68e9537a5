"""The files of the pages, and the faces of people, which are drawn from their names."""

import hashlib
import tomllib
from pathlib import Path
from typing import cast

from flask import Response, request
from werkzeug.exceptions import NotFound

from flaresend_mock.dashboard.pages import blueprint

FOLDER = Path(__file__).parent / "assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FILES = {file.name: _TYPES[file.suffix] for file in sorted(FOLDER.iterdir()) if file.suffix in _TYPES}
_FACES = tomllib.loads((FOLDER / "faces.toml").read_text(encoding="utf-8"))


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    if name not in FILES:
        raise NotFound
    return _cached(Response((FOLDER / name).read_bytes(), content_type=FILES[name]), "no-cache")


@blueprint.get("/faces/<any(face, emblem):kind>/<name>.svg")
def face(kind: str, name: str) -> Response:
    drawing = Response(draw(kind, name), content_type="image/svg+xml; charset=utf-8")
    drawing.headers["Content-Security-Policy"] = "default-src 'none'"
    return _cached(drawing, "max-age=86400")


def _cached(response: Response, cache_control: str) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = cache_control
    response.add_etag()
    return cast(Response, response.make_conditional(request))


def draw(kind: str, name: str) -> str:
    """Return a drawing as SVG. The same name or number always has the same one."""
    digest, drawing = iter(hashlib.sha256(f"{kind}:{name}".encode("utf-8", "replace")).digest()), _FACES[kind]
    choices = {part: _FACES[names] for part, names in drawing["choices"].items()}
    picked = {part: found[next(digest) % len(found)] for part, found in choices.items()}
    return "".join(drawing["parts"]).format_map(picked).format_map(picked)
