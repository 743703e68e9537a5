"""GET /_mock/media/{id}: files as they were sent."""

from __future__ import annotations

import re
from io import BytesIO

from flask import Blueprint, Response, send_file

from flaresend_mock.control.calls import chosen_world, describes

blueprint = Blueprint("media", __name__, url_prefix="/media")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@blueprint.get("/<media_id>")
@describes("*/*")
def show(media_id: str) -> Response:
    """Return a file, always as a download: what it is, somebody else decided."""
    media = chosen_world().media.get(media_id)
    response = send_file(
        BytesIO(media.data),
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=_CONTROL.sub("_", media.file_name) or media.id,
        etag=False,
    )
    response.headers["Content-Type"] = _header(media.mimetype)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _header(mimetype: str) -> str:
    usable = mimetype.isascii() and mimetype.isprintable()
    return mimetype if mimetype and usable else "application/octet-stream"
