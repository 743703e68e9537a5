"""The QR code of an instance, and the page that a phone's camera opens by it."""

from __future__ import annotations

import io
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import escape
from marshmallow import fields, validate

from flaresend_mock.control import response_types
from flaresend_mock.control.calls import WORLD, Input, chosen_world, describes, given_query
from flaresend_mock.core.errors import QrCodeExpired, Refusal
from flaresend_mock.core.pairing import LINKED
from flaresend_mock.core.worlds import DEFAULT
from flaresend_mock.http import jsons, times
from flaresend_mock.http.context import emulator
from flaresend_mock.http.paths import OURS

blueprint = Blueprint("pairing", __name__)

FORMATS = ("json", "png", "svg", "text")

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · flaresend-mock</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 1.1rem/1.5 system-ui, sans-serif; margin: 0; min-height: 100vh; display: grid; place-items: center; }}
  main {{ max-width: 26rem; padding: 2rem; text-align: center; overflow-wrap: anywhere; }}
  .sign {{ font-size: 3.5rem; line-height: 1; color: {colour}; }}
  h1 {{ font-size: 1.4rem; margin: 1rem 0 .5rem; }}
  p {{ margin: .3rem 0; opacity: .8; }}
</style>
<main><div class="sign" aria-hidden="true">{sign}</div><h1>{title}</h1>{text}</main>
</html>
"""


class QrOptions(Input):
    format = fields.String(load_default="json", validate=validate.OneOf(FORMATS))


@blueprint.get("/instances/<instance_id>/qr")
@describes(
    response_types.QrShown,
    also=("image/png", "image/svg+xml", "text/plain"),
    query=QrOptions(),
    refuses=(409,),
)
def qr(instance_id: str) -> Response:
    """Show the QR code of an instance that waits to be scanned: as JSON, PNG, SVG or text for a terminal."""
    wanted = given_query()["format"]
    world = chosen_world()
    instance, shown = world.pairing.qr(instance_id)
    of_world = "" if world.name == DEFAULT else f"?{WORLD}={world.name}"
    url = f"{emulator().public_url()}{OURS}/scan/{shown.code}{of_world}"
    if wanted == "json":
        return jsons.respond(
            {"instance": instance.id, "code": shown.code, "url": url, "expires": times.stamp(shown.expires)}
        )
    data, content_type = _drawn(url, wanted)
    return Response(data, content_type=content_type, headers={"Cache-Control": "no-store"})


@blueprint.get("/scan/<code>")
def scan_page(code: str) -> Response:
    """Link the instance that shows this code, as the phone that opened the page; opening it again changes nothing."""
    try:
        world = emulator().worlds.get(request.args.get(WORLD, DEFAULT))
        instance = world.pairing.with_code(code)
        if instance is None:
            raise QrCodeExpired
        if instance.status not in LINKED and request.method != "HEAD":  # link previews look, and do not scan
            instance = world.pairing.scan(instance.id, code)
    except Refusal:
        text = "<p>It is no longer shown. Scan the one that is shown now.</p>"
        return _page(410, "This QR code has expired", text, "#b3541e", "&#8635;")
    name = f"<p>{escape(instance.name)}</p>" if instance.name else ""
    paused = "<p>The world's clock stands still: advance it by a second.</p>" if world.clock.frozen else ""
    text = f"{name}<p>+{escape(instance.number)}</p>"
    if instance.status != "connected":
        text += f"<p>It is connected in a second.</p>{paused}"
    return _page(200, "Phone linked", text, "#1a7f4b", "&#10003;")


def _drawn(url: str, wanted: str) -> tuple[bytes, str]:
    import segno  # few runs show a QR code

    code = segno.make(url, micro=False, error="m")
    drawing: Any = io.BytesIO()
    match wanted:
        case "png":
            code.save(drawing, kind="png", scale=8, border=4)
            return drawing.getvalue(), "image/png"
        case "svg":
            code.save(drawing, kind="svg", scale=8, border=4, light="white", xmldecl=False)
            return drawing.getvalue(), "image/svg+xml"
    text = io.StringIO()
    code.terminal(text, border=2, compact=True)
    return text.getvalue().encode(), "text/plain; charset=utf-8"


def _page(status: int, title: str, text: str, colour: str, sign: str) -> Response:
    body = _PAGE.format(title=title, text=text, colour=colour, sign=sign)
    security = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, status, headers=security, content_type="text/html; charset=utf-8")
