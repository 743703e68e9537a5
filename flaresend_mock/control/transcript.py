"""/_mock/transcript: one report of what happened in a world, which explains a failed test."""

from typing import Any

from flask import Blueprint, Response, request
from marshmallow import ValidationError

from flaresend_mock.control.inputs import Count, Input, Text
from flaresend_mock.control.resources.worlds import Transcript
from flaresend_mock.control.verification import COLLECTIONS
from flaresend_mock.core.transcript import LIMIT, STRAYS, render
from flaresend_mock.core.verification import nearest
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import load_json
from flaresend_mock.http.context import services
from flaresend_mock.http.endpoint import endpoint
from flaresend_mock.http.resources import shown_by

blueprint = Blueprint("transcript", __name__)

_TYPES = ("text/plain", "application/json")


class Match(Text):
    """A matcher, as JSON in the query."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return load_json(super()._deserialize(value, attr, data, **kwargs).encode("utf-8", "replace"))
        except ValueError:
            raise ValidationError("Not JSON.") from None


class TranscriptQuery(Input):
    """Which events a transcript has, and which matcher it explains."""

    since = Count("The number of an event: the transcript begins after it.", load_default=0)
    match = Match("A matcher, as JSON. The transcript has the item that came nearest.", load_default=None)
    kind = Text("The list that `match` is for.", words=list(COLLECTIONS), load_default="messages")
    strays_since = Count(
        "The number of an event of the default world: adds the calls recorded there after it.", load_default=None
    )


@blueprint.get("/transcript")
@endpoint(Transcript, also=("text/plain",), query=TranscriptQuery())
def transcript(world: World, query: dict[str, Any]) -> Response | dict[str, Any]:
    """Report the newest messages, calls and deliveries, scheduled messages, faults, and the nearest miss of a matcher.

    The report is text; with the header `Accept: application/json`, it is JSON.
    """
    since, state = query["since"], world.state
    near, strays = _nearest(world, query), []
    if query["strays_since"] is not None:
        default = services().worlds.default()
        with default.lock:
            strays = default.state.events.since(query["strays_since"], "request")[-STRAYS:]
    with world.lock:
        found = {
            "world": world.name,
            "now": world.clock.now(),
            "frozen": world.timeline.frozen,
            "time_zone": state.time_zone,
            "messages": [one for one in state.messages if one.event > since][-LIMIT:],
            "requests": state.events.since(since, "request")[-LIMIT:],
            "strays": strays,
            "deliveries": [one for one in world.deliveries.all() if one.event > since][-LIMIT:],
            "scheduled": sorted(state.tasks.values(), key=lambda task: (task.send_at, task.order)),
            "faults": world.faults.all(),
            "evicted": {
                "messages": state.messages.evicted,
                "requests": state.events.evicted("request"),
                "deliveries": state.deliveries.evicted,
            },
            "nearest": near,
        }
    if request.accept_mimetypes.best_match(_TYPES) == "application/json":
        return found
    return Response(render(shown_by(Transcript)(found)), content_type="text/plain; charset=utf-8")


def _nearest(world: World, query: dict[str, Any]) -> dict[str, Any] | None:
    if query["match"] is None:
        return None
    collection = COLLECTIONS[query["kind"]]
    matcher = collection.compile(world, query["match"])
    items = list(collection.since(world, query["since"]))
    if not all(map(matcher.misses, items)):  # one matches
        return None
    near = nearest(matcher, items)
    return near and {"misses": near[1], "item": near[0]}
