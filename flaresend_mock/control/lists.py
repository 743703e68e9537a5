"""What happened, and what will: GET /_mock/messages, /_mock/requests, /_mock/events and /_mock/scheduled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from flask import Blueprint, Response, request
from marshmallow import ValidationError, fields, validate

from flaresend_mock.control import response_types, stream, views
from flaresend_mock.control.calls import Flag, Input, chosen_world, describes, given_query
from flaresend_mock.core.errors import TaskNotFound
from flaresend_mock.core.events import KINDS
from flaresend_mock.core.matchers.parser import unknown
from flaresend_mock.http import jsons
from flaresend_mock.http.context import emulator

blueprint = Blueprint("lists", __name__)

Item = TypeVar("Item")


class Page(Input):
    """Which part of a list: the first `limit` after event `since`; without `since`, the newest `limit`."""

    since = fields.Integer(load_default=None, validate=validate.Range(min=0))
    limit = fields.Integer(load_default=None, validate=validate.Range(min=1))


class Kinds(fields.String):
    """Kinds of events, with commas between them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        kinds = [kind.strip() for kind in super()._deserialize(value, attr, data, **kwargs).split(",")]
        for kind in kinds:
            if kind not in KINDS:
                raise ValidationError(unknown(kind, KINDS))
        return kinds


class EventPage(Page):
    """Of these kinds, all if none is named; as a `stream` or, if not, as a page."""

    kind = Kinds(load_default=())
    stream = Flag(load_default=False)


@blueprint.get("/messages")
@describes(response_types.Messages, query=Page())
def messages() -> Response:
    """List what was sent and received, newest last."""
    page = given_query()
    world = chosen_world()
    with world.lock:
        found = [message for message in world.state.messages if message.event > (page["since"] or 0)]
        evicted = world.state.messages.evicted
    shown = [views.message(message) for message in cut(found, page)]
    return jsons.respond({"messages": shown, "evicted": evicted})


@blueprint.get("/requests")
@describes(response_types.Requests, query=Page())
def requests() -> Response:
    """List the API calls and their answers, newest last."""
    page = given_query()
    world = chosen_world()
    with world.lock:
        found = world.state.events.since(page["since"] or 0, "request")
        evicted = world.state.events.evicted("request")
    return jsons.respond(
        {"requests": [views.request(event) for event in cut(found, page)], "evicted": evicted}
    )


@blueprint.get("/scheduled")
@describes(response_types.Tasks)
def scheduled() -> Response:
    """List what is still to be sent, by time, then in the order it was scheduled."""
    world = chosen_world()
    with world.lock:
        found = sorted(world.state.tasks.values(), key=lambda task: (task.send_at, task.order))
        shown = [views.task(task) for task in found]
    return jsons.respond({"scheduled": shown})


@blueprint.delete("/scheduled/<task_id>")
@describes(response_types.Deleted)
def cancel_pending(task_id: str) -> Response:
    """Cancel a message before it is sent."""
    world = chosen_world()
    with world.lock:
        task = world.state.tasks.get(task_id)
        if task is None:
            raise TaskNotFound
        world.schedule.cancel(task.instance, task_id)
    return jsons.respond({"deleted": task_id})


@blueprint.get("/events")
@describes(response_types.Events, also=("text/event-stream",), query=EventPage(), refuses=(503,))
def events() -> Response:
    """List everything that happened, newest last; or stream what happens."""
    page = given_query()
    world = chosen_world()
    if page["stream"] or "text/event-stream" in request.headers.get("Accept", ""):
        return stream.respond(request, emulator(), world, page["since"], page["kind"])
    with world.lock:
        found = world.state.events.since(page["since"] or 0)
        evicted = world.state.events.evicted()
    wanted = [event for event in found if not page["kind"] or event.kind in page["kind"]]
    return jsons.respond({"events": [views.event(event) for event in cut(wanted, page)], "evicted": evicted})


def cut(found: Iterable[Item], page: dict[str, Any]) -> list[Item]:
    items, limit = list(found), page["limit"]
    if limit is None:
        return items
    return items[-limit:] if page["since"] is None else items[:limit]
