"""WhatsApp's media host: where the links in webhooks lead. Its paths are shaped like WhatsApp's."""

from __future__ import annotations

import io

from flask import Blueprint, Flask, Response, request, send_file
from werkzeug.exceptions import Gone, NotFound

from flaresend_mock.core.media import Expired
from flaresend_mock.http.context import emulator
from flaresend_mock.http.paths import MEDIA_HOST

blueprint = Blueprint("mediahost", __name__)


_BOXED = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}
"""What somebody sent is shown without scripts: it has the origin of the control plane."""


def install(app: Flask) -> None:
    app.register_blueprint(blueprint, url_prefix=MEDIA_HOST)


@blueprint.get("/<folder>/<name>")
def media(folder: str, name: str) -> Response:
    """Serve a file as it was sealed, or a range of it; 410 once its link has expired.

    Which world it is from is in the signature `oh`; without one, the first world that has it.
    """
    signature = request.args.get("oh")
    for world in emulator().worlds.all():
        found = world.media.at(f"{MEDIA_HOST}/{folder}/{name}", signature)
        if isinstance(found, Expired):
            raise Gone("This media has expired.")
        if found is not None:
            response = send_file(
                io.BytesIO(found.data), mimetype=found.mimetype, conditional=True, etag=False
            )
            response.headers.update(_BOXED)
            return response
    raise NotFound
