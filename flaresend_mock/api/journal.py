"""Every call and its answer, in the event log of the world it was for and in the emulator's own log."""

from __future__ import annotations

import logging
from typing import Any

from flask import Response, g, request

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.errors import path_as_sent
from flaresend_mock.core.records import Call, Upload
from flaresend_mock.web.context import emulator
from flaresend_mock.web.masking import mask_header
from flaresend_mock.web.paths import is_ours

log = logging.getLogger(__name__)

MAX_UNREADABLE = 64 * 1024


def record(response: Response) -> Response:
    """Record the call that this response answers. Calls that bring no known key belong to the default world."""
    if is_ours(request.path):
        return response
    caller: Caller | None = g.get("caller")
    world = caller.world if caller else emulator().worlds.default()
    call = Call(
        method=request.method,
        path=path_as_sent(),
        query=request.query_string.decode("latin-1"),
        headers=tuple((name, mask_header(name, value)) for name, value in request.headers),
        body=_body(),
        status=response.status_code,
        answer=response.get_data(),
        instance=caller.instance if caller else None,
        weight=(request.content_length or 0 if request.is_json else 1000) + (response.content_length or 0),
    )
    with world.lock:
        world.tell("request", call)
    log.info("%s %s %s", call.method, call.path, call.status)
    return response


def _body() -> Any:
    """Return the body as it was read: fields, with uploads named but not kept; or text where it was unreadable."""
    fields: dict[str, Any] | None = g.get("body")
    if fields is not None:
        return {
            name: _described(value) if isinstance(value, Upload) else value for name, value in fields.items()
        }
    raw: bytes | None = getattr(request, "_cached_data", None)
    return raw[:MAX_UNREADABLE].decode("utf-8", "replace") if raw else None


def _described(upload: Upload) -> dict[str, Any]:
    return {"fileName": upload.file_name, "mimetype": upload.mimetype, "size": len(upload.data)}
