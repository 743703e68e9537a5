"""WhatsApp's media host: serves the files that webhooks link to. Its paths look like WhatsApp's."""

from flask import Response, abort, request
from werkzeug.exceptions import Gone, NotFound

from flaresend_mock.http.bodies import BUSY, conditional, hold
from flaresend_mock.http.context import MEDIA_HOST, PUBLIC, services

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
            headers = {**_SANDBOX, "Cache-Control": "no-cache"}
            response = Response(found.data, mimetype=found.mimetype, headers=headers)  # it holds no copy
            response = conditional(response, accept_ranges=True, complete_length=len(found.data))
            request.environ[PUBLIC] = True
            if not hold(response, len(found.data)):  # also for a range of it
                abort(503, BUSY)
            return response
    raise NotFound
