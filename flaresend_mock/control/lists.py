"""What a world holds: /_mock/messages, /requests, /events, /scheduled, /media and /deliveries."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any, TypeVar

from flask import Response, request, send_file
from marshmallow import ValidationError

from flaresend_mock.background.realtime import SLICE_SECONDS, Stopwatch
from flaresend_mock.control import errors, resources
from flaresend_mock.control.inputs import Text, input_of
from flaresend_mock.core.errors import TaskNotFound, required
from flaresend_mock.core.events import KINDS, LogReader, Missed, Replaced
from flaresend_mock.core.matchers.parser import unknown
from flaresend_mock.core.models import OPEN_STATUSES, Delivery
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import dump_json
from flaresend_mock.http.context import AppServices, is_audience, is_gone, services
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.turns import give_way

blueprint = Endpoints("lists")
media = Endpoints("media", "/media")
deliveries = Endpoints("deliveries", "/deliveries")

Item = TypeVar("Item")

HEARTBEAT_SECONDS = 10.0
_RETRY_MILLISECONDS = 1000
_BYTES = "application/octet-stream"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Kinds(Text):
    """Kinds of events, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        kinds = [kind.strip() for kind in super()._deserialize(value, attr, data, **kwargs).split(",")]
        for kind in (one for one in kinds if one not in KINDS):
            raise ValidationError(unknown(kind, KINDS))
        return kinds


class EventPage(input_of("EventPage")):  # type: ignore[misc]
    """Events of some kinds, as a page or as a `stream`."""

    kind = Kinds("Kinds of events, separated by commas.", load_default=())


@blueprint.get("/messages", resources.Messages, query=input_of("Page")(), refuses=(503,))
def list_messages(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """List the messages that were sent and received, newest last."""
    with world.lock:
        found = [message for message in world.state.messages if message.event > (query["since"] or 0)]
        return {"messages": cut(found, query), "evicted": world.state.messages.evicted}


@blueprint.get("/requests", resources.Requests, query=input_of("Page")(), refuses=(503,))
def list_requests(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """List the calls of the API with their responses, newest last."""
    with world.lock:
        found = world.state.events.since(query["since"] or 0, "request")
        return {"requests": cut(found, query), "evicted": world.state.events.evicted("request")}


@blueprint.get("/scheduled", resources.ScheduledMessages, refuses=(503,))
def list_pending(world: World) -> dict[str, Any]:
    """List the pending scheduled messages by time, then in the order they were scheduled."""
    with world.lock:
        found = sorted(world.state.tasks.values(), key=lambda task: (task.send_at, task.order))
    return {"scheduled": found}


@blueprint.delete("/scheduled/<task_id>", resources.Deleted)
def cancel_pending(world: World, task_id: str) -> dict[str, str]:
    """Cancel a scheduled message before it is sent."""
    with world.lock:
        task = required(world.state.tasks.get(task_id), TaskNotFound)
        world.schedule.cancel(task.instance, task_id)
    return {"deleted": task_id}


@blueprint.get("/events", resources.Events, also=("text/event-stream",), query=EventPage(), refuses=(503,))
def list_events(world: World, query: dict[str, Any]) -> Response | dict[str, Any]:
    """List all events, newest last; or stream them as they happen."""
    if query["stream"] or "text/event-stream" in request.headers.get("Accept", ""):
        return _stream(world, query)
    with world.lock:
        found = world.state.events.since(query["since"] or 0)
        evicted = world.state.events.missing_since(query["since"] or 0)
    wanted = [event for event in found if not query["kind"] or event.kind in query["kind"]]
    return {"events": cut(wanted, query), "evicted": evicted}


def _stream(world: World, query: dict[str, Any]) -> Response:
    """Stream the events from now on, or after `since` or `Last-Event-ID`; 503 if too many streams are open."""
    give_way(request.environ)
    us = services()
    with ExitStack() as ending:
        for places in (us.watchers, us.streams) if us.token is not None and is_audience() else (us.streams,):
            if not places.acquire(blocking=False):
                problem = "as many streams are open as there may be; close one"
                return errors.respond(503, "too_many_streams", problem)
            ending.callback(places.release)
        resumed = request.headers.get("Last-Event-ID", "")
        is_number = resumed.isascii() and resumed.isdigit() and len(resumed) < 19
        reader = world.follow(int(resumed) if is_number else query["since"])
        ending.callback(reader.close)
        events = _read(us, world, reader, query["kind"], is_gone(request.environ))
        response = Response(events, content_type="text/event-stream; charset=utf-8")
        response.headers["Cache-Control"] = "no-store"
        response.call_on_close(ending.pop_all().close)
    return response


def _read(
    us: AppServices, world: World, reader: LogReader, kinds: Collection[str], is_away: Callable[[], bool]
) -> Iterator[bytes]:
    """Yield events as they happen, and heartbeats, until the client is away or the world is closed."""
    yield f"retry: {_RETRY_MILLISECONDS}\n\n".encode()
    beat = Stopwatch()
    while not is_away():
        ended = world.closed or us.patience.over  # events from before are still sent
        for piece in _new(us, world, reader, kinds):
            yield piece
            beat = Stopwatch()
        if ended and not reader.news.is_set():
            return
        if beat.seconds >= HEARTBEAT_SECONDS:
            yield b": still there\n\n"
            beat = Stopwatch()
        left = max(0.0, HEARTBEAT_SECONDS - beat.seconds)
        us.patience.wait(reader.news, left, lambda: world.closed or is_away(), reader.news.is_set)


def _new(us: AppServices, world: World, reader: LogReader, kinds: Collection[str]) -> Iterator[bytes]:
    large = 0

    def fits(size: int) -> bool:
        nonlocal large
        large = 2 * size  # the event and its text
        return us.room.take(large, seconds=None if us.patience.over else 0)

    found = reader.read(fits)
    if large and not found:
        us.patience.delay(SLICE_SECONDS, bool)
        return
    try:
        for item in found:
            if isinstance(item, Missed):
                yield _written("evicted", {"events": item.events})
            elif isinstance(item, Replaced):
                change = {"action": "replaced", "id": world.name}
                yield _written("world", {"kind": "world", "world": change}, item.number)
            elif not kinds or item.kind in kinds:
                yield _written(item.kind, resources.event(item), item.number)
    finally:
        us.room.give_back(large)


def _written(kind: str, data: object, number: int | None = None) -> bytes:
    numbered = b"" if number is None else f"id: {number}\n".encode()
    return numbered + f"event: {kind}\ndata: ".encode() + dump_json(data) + b"\n\n"


@media.get("/<media_id>", "*/*")
def show_media(world: World, media_id: str) -> Response:
    """Return a file as it was sent, always as a download: its content is not trusted."""
    found = world.media.get(media_id)
    name = _CONTROL.sub("_", found.file_name) or found.id
    response = send_file(BytesIO(found.data), _BYTES, as_attachment=True, download_name=name, etag=False)
    usable = found.mimetype.isascii() and found.mimetype.isprintable()
    response.headers["Content-Type"] = found.mimetype if found.mimetype and usable else response.mimetype
    return response


def cut(found: Iterable[Item], page: dict[str, Any]) -> list[Item]:
    """Return the items of a page: the first `limit` after `since`, or the newest `limit` without `since`."""
    items, limit = list(found), page["limit"]
    if limit is None:
        return items
    return items[-limit:] if page["since"] is None else items[:limit]


@deliveries.get("", resources.Deliveries, query=input_of("DeliveryPage")(), refuses=(503,))
def list_deliveries(world: World, query: dict[str, Any]) -> dict[str, Any]:
    """List deliveries, newest last; `status` selects those of one status."""
    since, status = query["since"] or 0, query.get("status")
    found = [one for one in world.deliveries.all() if one.event > since and status in (None, one.status)]
    return {"deliveries": cut(found, query), "evicted": world.state.deliveries.evicted}


@deliveries.post("/settle", resources.Settled)
def settle_deliveries(world: World) -> dict[str, bool]:
    """Wait until every delivery is delivered, failed, held, or waits for its retry."""
    world.host.drain_deliveries(world)
    return {"settled": world.deliveries.lanes.idle()}


@deliveries.get("/<delivery_id>", resources.Delivery)
def show_delivery(world: World, delivery_id: str) -> Delivery:
    """Show a delivery with its attempts."""
    return world.deliveries.get(delivery_id)


@deliveries.post("/<delivery_id>/redeliver", resources.Redeliveries, status=202, refuses=(409,))
def redeliver(world: World, delivery_id: str) -> dict[str, Any]:
    """Deliver an event again, as a new delivery with the same id for its receiver."""
    return {"deliveries": world.deliveries.redeliver([world.deliveries.get(delivery_id)])}


@deliveries.post("/redeliver", resources.Redeliveries, status=202, body=input_of("RedeliverInput")(), refuses=(409,))
def redeliver_many(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Deliver many events again: failed ones, or those of a range."""
    first, last = body.get("first", 0), body.get("last", world.state.events.last_number)
    wanted = [one for one in world.deliveries.all() if first <= one.event <= last]
    wanted = [one for one in wanted if body.get("status") in (None, one.status)]
    wanted = [one for one in wanted if one.instance in world.state.instances]  # a removed one receives nothing
    if body.get("status") == "failed":  # but for those that a redelivery has delivered, or may still deliver
        again = {one.redelivery_of for one in world.deliveries.all() if one.status in ("delivered", *OPEN_STATUSES)}
        wanted = [one for one in wanted if one.id not in again]
    return {"deliveries": world.deliveries.redeliver(wanted)}
