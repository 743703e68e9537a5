"""The files of the pages, and the faces of people, which are drawn from their names."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

blueprint = Blueprint("assets", __name__)

FOLDER = Path(__file__).parent / "assets"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FILES = {file.name: _TYPES[file.suffix] for file in sorted(FOLDER.iterdir()) if file.suffix in _TYPES}


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    if name not in FILES:
        raise NotFound
    return _cached(Response((FOLDER / name).read_bytes(), content_type=FILES[name]), "no-cache")


@blueprint.get("/faces/<any(face, emblem):kind>/<name>.svg")
def face(kind: str, name: str) -> Response:
    drawing = draw_face(name) if kind == "face" else draw_emblem(name)
    policy = {"Content-Security-Policy": "default-src 'none'"}
    return _cached(Response(drawing, headers=policy, content_type="image/svg+xml; charset=utf-8"), "max-age=86400")


def _cached(response: Response, cache_control: str) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = cache_control
    response.add_etag()
    return cast(Response, response.make_conditional(request))


SKINS = ("#f6d3b3", "#e8b98f", "#d19a6a", "#a9714b", "#8a5a3a", "#5f3b27")
HAIRS = ("#2b1d14", "#4a2f1b", "#171717", "#6b4a2b", "#8f8f8f", "#3a2a4a")
CLOTHES = ("#0f766e", "#b45309", "#7c3aed", "#be123c", "#1d4ed8", "#4d7c0f", "#334155", "#c2410c")
GROUNDS = ("#d1fae5", "#fef3c7", "#ede9fe", "#ffe4e6", "#dbeafe", "#ecfccb", "#e2e8f0", "#ffedd5")
_HAIR = (
    '<path d="M26 44c-2-20 10-30 24-30s26 10 24 30c-4-12-14-16-24-16s-20 4-24 16z" fill="{hair}"/>',
    '<path d="M24 62c-6-34 6-50 26-50s32 16 26 50c-2-18-8-28-26-30-18 2-24 12-26 30z" fill="{hair}"/>',
    '<circle cx="50" cy="26" r="17" fill="{hair}"/><circle cx="34" cy="32" r="10" fill="{hair}"/>'
    '<circle cx="66" cy="32" r="10" fill="{hair}"/>',
    '<path d="M28 38c2-16 12-22 22-22s20 6 22 22c-14-6-30-6-44 0z" fill="{hair}"/>',
    '<path d="M26 40c0-18 10-26 24-26s24 8 24 26l-6-4c-8-8-28-8-36 0z" fill="{hair}"/>'
    '<circle cx="50" cy="11" r="8" fill="{hair}"/>',
)
_MOUTHS = (
    '<path d="M42 58q8 7 16 0" fill="none" stroke="#5b2c1d" stroke-width="2.4" stroke-linecap="round"/>',
    '<path d="M43 58h14" stroke="#5b2c1d" stroke-width="2.4" stroke-linecap="round"/>',
    '<path d="M41 56q9 12 18 0z" fill="#fff" stroke="#5b2c1d" stroke-width="1.4"/>',
)
_GLASSES = (
    '<g fill="none" stroke="#1f2937" stroke-width="1.8"><circle cx="42" cy="46" r="6"/>'
    '<circle cx="58" cy="46" r="6"/><path d="M48 46h4"/></g>'
)


def draw_face(name: str) -> str:
    """Return a face as SVG. The same name or number always has the same face."""
    pick = _picker("face:" + name)
    skin, hair = pick(SKINS), pick(HAIRS)
    parts = [
        f'<path d="M18 100c2-22 14-30 32-30s30 8 32 30z" fill="{pick(CLOTHES)}"/>',
        f'<path d="M43 62h14v12q-7 6-14 0z" fill="{skin}"/>',
        f'<ellipse cx="50" cy="46" rx="20" ry="23" fill="{skin}"/>',
        pick(_HAIR).format(hair=hair),
        '<circle cx="42" cy="46" r="2.3" fill="#1f2937"/><circle cx="58" cy="46" r="2.3" fill="#1f2937"/>',
        pick(_MOUTHS),
        pick((_GLASSES, "", "")),
    ]
    return _svg(pick(GROUNDS), "".join(parts))


def draw_emblem(name: str) -> str:
    """Return the emblem of a group as SVG: three people, in colours that depend on the name."""
    pick = _picker("emblem:" + name)
    ground, front, back = pick(GROUNDS), pick(CLOTHES), pick(CLOTHES)
    return _svg(
        ground,
        f'<g fill="{back}" opacity=".55"><circle cx="31" cy="44" r="10"/><path d="M13 78c0-14 8-20 18-20s18 6 18 20z"/>'
        f'<circle cx="69" cy="44" r="10"/><path d="M51 78c0-14 8-20 18-20s18 6 18 20z"/></g>'
        f'<g fill="{front}"><circle cx="50" cy="40" r="12"/><path d="M28 82c0-17 9-25 22-25s22 8 22 25z"/></g>',
    )


def _svg(ground: str, inner: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" role="img">'
        f'<rect width="100" height="100" fill="{ground}"/>{inner}</svg>'
    )


def _picker(name: str) -> Callable[[Sequence[str]], str]:
    digest = iter(hashlib.sha256(name.encode("utf-8", "replace")).digest())
    return lambda choices: choices[next(digest) % len(choices)]
