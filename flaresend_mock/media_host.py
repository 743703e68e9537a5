"""WhatsApp's media host: serves the files that webhooks link to. Its paths look like WhatsApp's."""

import io

from flask import Response, abort, request, send_file
from werkzeug.exceptions import Gone, NotFound

from flaresend_mock.http.bodies import BUSY, hold
from flaresend_mock.http.context import MEDIA_HOST, services

_SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'"}
"""Keeps scripts in a file from running: the file has the origin of the control plane."""


def media(folder: str, name: str) -> Response:
    """Serve an encrypted file, or a range of it; 410 after its link has expired.

    The signature `oh` tells the world; without one, the first world that has the file serves it.
    """
    signature = request.args.get("oh")
    for world in services().worlds.all():
        found = world.media.at(f"{MEDIA_HOST}/{folder}/{name}", signature)
        if found is not None:
            if found.expires <= world.clock.now():
                raise Gone("This media has expired.")
            response = send_file(io.BytesIO(found.data), mimetype=found.mimetype, conditional=True, etag=False)
            if not hold(response, len(found.data)):  # also for a range of it
                abort(503, BUSY)
            response.headers.update(_SANDBOX)
            return response
    raise NotFound
