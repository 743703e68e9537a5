"""/_mock/messages, /_mock/requests, /_mock/events, /_mock/scheduled and /_mock/media: what a world holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any, TypeVar

from flask import Blueprint, Response, request, send_file
from marshmallow import ValidationError

from flaresend_mock.control import stream
from flaresend_mock.control.inputs import Flag, Page, Text
from flaresend_mock.control.resources import activity as resources
from flaresend_mock.control.resources.worlds import Deleted
from flaresend_mock.core.errors import TaskNotFound
from flaresend_mock.core.events import KINDS
from flaresend_mock.core.matchers.parser import unknown
from flaresend_mock.core.world import World
from flaresend_mock.http.context import services
from flaresend_mock.http.endpoint import endpoint

blueprint = Blueprint("lists", __name__)
media = Blueprint("media", __name__, url_prefix="/media")

Item = TypeVar("Item")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Kinds(Text):
    """Kinds of events, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        kinds = [kind.strip() for kind in super()._deserialize(value, attr, data, **kwargs).split(",")]
        for kind in kinds:
            if kind not in KINDS:
                raise ValidationError(unknown(kind, KINDS))
        return kinds


class EventPage(Page):
    """Events of some kinds, as a page or as a `stream`."""

    kind = Kinds("Kinds of events, separated by commas.", load_default=())
    stream = Flag("Whether to keep sending new events, as server-sent events.", load_default=False)


@blueprint.get("/messages")
@endpoint(resources.Messages, query=Page())
def messages(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """List the messages that were sent and received, newest last."""
    with world.lock:
        found = [message for message in world.state.messages if message.event > (query["since"] or 0)]
        return {"messages": cut(found, query), "evicted": world.state.messages.evicted}


@blueprint.get("/requests")
@endpoint(resources.Requests, query=Page())
def requests(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """List the calls of the API with their responses, newest last."""
    with world.lock:
        found = world.state.events.since(query["since"] or 0, "request")
        return {"requests": cut(found, query), "evicted": world.state.events.evicted("request")}


@blueprint.get("/scheduled")
@endpoint(resources.ScheduledMessages)
def scheduled(world: World) -> dict[str, Any]:
    """List the pending scheduled messages by time, then in the order they were scheduled."""
    with world.lock:
        found = sorted(world.state.tasks.values(), key=lambda task: (task.send_at, task.order))
    return {"scheduled": found}


@blueprint.delete("/scheduled/<task_id>")
@endpoint(Deleted)
def cancel_pending(world: World, task_id: str) -> dict[str, str]:
    """Cancel a scheduled message before it is sent."""
    with world.lock:
        task = world.state.tasks.get(task_id)
        if task is None:
            raise TaskNotFound
        world.schedule.cancel(task.instance, task_id)
    return {"deleted": task_id}


@blueprint.get("/events")
@endpoint(resources.Events, also=("text/event-stream",), query=EventPage(), refuses=(503,))
def events(world: World, query: dict[str, Any]) -> Response | dict[str, Any]:
    """List all events, newest last; or stream them as they happen."""
    if query["stream"] or "text/event-stream" in request.headers.get("Accept", ""):
        return stream.respond(request, services(), world, query["since"], query["kind"])
    with world.lock:
        found = world.state.events.since(query["since"] or 0)
        evicted = world.state.events.missing_since(query["since"] or 0)
    wanted = [event for event in found if not query["kind"] or event.kind in query["kind"]]
    return {"events": cut(wanted, query), "evicted": evicted}


@media.get("/<media_id>")
@endpoint("*/*")
def show(world: World, media_id: str) -> Response:
    """Return a file as it was sent, always as a download: its content is not trusted."""
    found = world.media.get(media_id)
    response = send_file(
        BytesIO(found.data),
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=_CONTROL.sub("_", found.file_name) or found.id,
        etag=False,
    )
    usable = found.mimetype.isascii() and found.mimetype.isprintable()
    response.headers["Content-Type"] = found.mimetype if found.mimetype and usable else response.mimetype
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def cut(found: Iterable[Item], page: dict[str, Any]) -> list[Item]:
    """Return the items of a page: the first `limit` after `since`, or the newest `limit` without `since`."""
    items, limit = list(found), page["limit"]
    if limit is None:
        return items
    return items[-limit:] if page["since"] is None else items[:limit]
