"""/_mock/clock: the world's time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask import Blueprint, Response
from marshmallow import ValidationError, fields, validate, validates_schema
from werkzeug.exceptions import BadRequest

from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import Input, Number, Switch, chosen_world, describes, given_body
from flaresend_mock.core.models import Fired
from flaresend_mock.core.world import World
from flaresend_mock.http import jsons, times

blueprint = Blueprint("clock", __name__)

MAX_SECONDS = 10_000 * 366 * 86_400


class ClockChange(Input):
    """`now`: an ISO 8601 time, local to the world where it has no offset; `frozen`: whether time stands still."""

    more_shape: ClassVar = {"minProperties": 1}

    now = fields.String()
    frozen = Switch()

    @validates_schema
    def check_any(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if not data:
            raise ValidationError("Give now, frozen, or both.")


class Advance(Input):
    """How far: by `seconds`, to a time, or to when the next thing falls due."""

    more_shape: ClassVar = {"minProperties": 1, "maxProperties": 1}

    seconds = Number(0, MAX_SECONDS)
    to = fields.String()
    to_next = Switch(validate=validate.Equal(True))

    @validates_schema
    def check_one(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if len(data) != 1:
            raise ValidationError("Give one of seconds, to and to_next.")


@blueprint.get("/clock")
@describes(response_types.Clock)
def show() -> Response:
    """Show the time, whether it stands, and when the next thing falls due."""
    return _answer(chosen_world())


@blueprint.patch("/clock")
@describes(response_types.Clock, body=ClockChange())
def change() -> Response:
    """Set, stop or start the clock; nothing fires by it, what is overdue fires once time runs on."""
    given = given_body()
    world = chosen_world()
    if "now" in given:
        given["now"] = _time(given["now"], world)
    world.timeline.change(**given)
    return _answer(world)


@blueprint.post("/clock/advance")
@describes(response_types.Advanced, body=Advance())
def advance() -> Response:
    """Let time pass, and answer once everything that fell due has run, with what it was."""
    given = given_body()
    world = chosen_world()
    if "seconds" in given:
        fired = world.timeline.advance(timedelta(seconds=given["seconds"]))
    elif "to" in given:
        fired = world.timeline.advance_to(_time(given["to"], world))
    else:
        fired = world.timeline.advance_to_next()
    return _answer(world, fired)


def _time(text: str, world: World) -> datetime:
    try:
        return times.parse(text, world.state.time_zone)
    except ValueError:
        raise BadRequest(f"{text!r} is not an ISO 8601 time, such as 2025-11-14T13:00:00Z.") from None


def _answer(world: World, fired: list[Fired] | None = None) -> Response:
    now: dict[str, Any] = {"now": times.stamp(world.clock.now())}
    if fired is None:
        due = world.state.timers.next_at()
        state = {
            "frozen": world.timeline.frozen,
            "time_zone": world.state.time_zone,
            "next_due": due and times.stamp(due),
        }
        return jsons.respond(now | state)
    return jsons.respond(now | {"fired": [views.fired(one) for one in fired]})
