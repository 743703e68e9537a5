"""/_mock/clock: the time of a world."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from marshmallow import ValidationError, validate, validates_schema
from werkzeug.exceptions import BadRequest

from flaresend_mock.control.inputs import Input, NonEmptyInput, Number, Switch, Text
from flaresend_mock.control.resources.worlds import Advanced, Clock
from flaresend_mock.core.world import World
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.resources import parse_time

blueprint = Endpoints("clock")

MAX_SECONDS = 10_000 * 366 * 86_400
_TIME = "An ISO 8601 time, such as 2025-11-14T10:00:00Z; without an offset, it is local to the world."


class ClockChange(NonEmptyInput):
    """A new time, and whether the clock is stopped."""

    empty = "Give now, frozen, or both."

    now = Text(_TIME)
    frozen = Switch("Whether the clock is stopped.")


class Advance(Input):
    """How far: by `seconds`, to a time, or to the next timer."""

    more_shape: ClassVar = {"minProperties": 1, "maxProperties": 1}

    seconds = Number("How many seconds to advance by.", 0, MAX_SECONDS)
    to = Text(_TIME)
    to_next = Switch("Advances to the next timer that is due.", validate=validate.Equal(True))

    @validates_schema
    def check_one(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if len(data) != 1:
            raise ValidationError("Give one of seconds, to and to_next.")


@blueprint.get("/clock", Clock)
def show_clock(world: World) -> World:
    """Show the time, whether the clock is stopped, and when the next timer is due."""
    return world


@blueprint.patch("/clock", Clock, body=ClockChange())
def change_clock(world: World, body: dict[str, Any]) -> World:
    """Set, stop or start the clock. Timers that are overdue run when the clock runs."""
    if "now" in body:
        body["now"] = _time(body["now"], world)
    world.timeline.change(**body)
    return world


@blueprint.post("/clock/advance", Advanced, body=Advance())
def advance_clock(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Advance the clock, run every timer that is due on the way, and return what ran."""
    if "seconds" in body:
        fired = world.timeline.advance(timedelta(seconds=body["seconds"]))
    elif "to" in body:
        fired = world.timeline.advance_to(_time(body["to"], world))
    else:
        fired = world.timeline.advance_to_next()
    return {"now": world.clock.now(), "fired": fired}


def _time(text: str, world: World) -> datetime:
    try:
        return parse_time(text, world.state.time_zone)
    except ValueError:
        raise BadRequest(f"{text!r} is not an ISO 8601 time, such as 2025-11-14T13:00:00Z.") from None
