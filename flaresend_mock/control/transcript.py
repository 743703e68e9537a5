"""/_mock/transcript: what happened in a world, as one report; and the file of --transcript-on-exit."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, request
from jinja2 import Template
from marshmallow import ValidationError

from flaresend_mock.background.files import check_place
from flaresend_mock.background.realtime import utc_now
from flaresend_mock.control.inputs import Input, Since, Text
from flaresend_mock.control.resources.worlds import Transcript
from flaresend_mock.control.verification import COLLECTIONS
from flaresend_mock.core.events import Event
from flaresend_mock.core.transcript import LIMIT, STRAYS, WIDTH, fault_line, message_line, printable, short
from flaresend_mock.core.verification import nearest
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import load_json
from flaresend_mock.http.context import services
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.resources import shown_by

log = logging.getLogger(__name__)

blueprint = Endpoints("transcript")


class Match(Text):
    """A matcher, as JSON in the query."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return load_json(super()._deserialize(value, attr, data, **kwargs).encode("utf-8", "replace"))
        except ValueError:
            raise ValidationError("Not JSON.") from None


class TranscriptQuery(Input):
    """Which events a transcript has, and which matcher it explains."""

    since = Since("The number of an event: the transcript begins after it.", load_default=0)
    match = Match("A matcher, as JSON. The transcript has the item that came nearest.", load_default=None)
    kind = Text("The list that `match` is for.", words=list(COLLECTIONS), load_default="messages")
    strays_since = Since("The number of an event of the default world: adds its calls after that.", load_default=None)


@blueprint.get("/transcript", Transcript, also=("text/plain",), query=TranscriptQuery())
def transcript(world: World, query: dict[str, Any]) -> Response | dict[str, Any]:
    """Report the newest messages, calls and deliveries, scheduled messages, faults, and the nearest miss of a matcher.

    The report is text; with the header `Accept: application/json`, it is JSON.
    """
    strays: Sequence[Event] = ()
    if query["strays_since"] is not None:
        default = services().worlds.default()
        with default.lock:
            strays = default.state.events.since(query["strays_since"], "request")[-STRAYS:]
    found = _found(world, query["since"], strays, _nearest(world, query))
    if request.accept_mimetypes.best_match(("text/plain", "application/json")) == "application/json":
        return found
    return Response(_text_of(found), content_type="text/plain; charset=utf-8")


def _found(world: World, since: int = 0, strays: Sequence[Event] = (), near: Any = None) -> dict[str, Any]:
    with world.lock:
        state = world.state
        evicted = {"messages": state.messages.evicted, "requests": state.events.evicted("request")}
        return {
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
            "evicted": {**evicted, "deliveries": state.deliveries.evicted},
            "nearest": near,
        }


def _text_of(found: dict[str, Any]) -> str:
    def clock(zone: tzinfo) -> Callable[[str], str]:
        return lambda text: f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M:%S}"

    clocks = {"local": clock(ZoneInfo(found["time_zone"])), "utc": clock(UTC), "moment": datetime.fromisoformat}
    lines = (short, printable, message_line, fault_line)
    tools = {function.__name__: function for function in lines}
    return _template().render(shown_by(Transcript)(found), **clocks, **tools, limit=LIMIT, width=WIDTH)


@cache
def _template() -> Template:
    """Return the text's template. No application of Flask has it, as files are also written without a request."""
    text = (Path(__file__).parent / "assets" / "transcript.txt").read_text(encoding="utf-8")
    made: Template = Template(text)  # nosec B701
    return made


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


class TranscriptFile:
    """Gets the transcript of each world before it is gone, at once: worlds may be many, and the process may be killed.

    OSError if the file cannot be written.
    """

    def __init__(self, file: str) -> None:
        self._file = Path(file).absolute()
        self._append("")

    def add(self, world: World) -> None:
        """Append the transcript of a world, unless it has no message, call or delivery."""
        found = _found(world)
        if found["messages"] or found["requests"] or found["deliveries"]:
            title = f"=== world {world.name}, written at {utc_now():%Y-%m-%d %H:%M:%S} UTC ==="
            try:
                self._append(f"{title}\n{_text_of(found)}\n\n")
            except OSError as error:
                log.error("transcript_on_exit: %s: %s", self._file, error.strerror or error)

    def _append(self, text: str) -> None:
        check_place(self._file)
        with open(self._file, "ab", buffering=0) as file:  # in one piece, as other processes may append to it, too
            file.write(text.encode("utf-8", "replace"))
