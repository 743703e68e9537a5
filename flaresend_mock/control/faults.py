"""/_mock/faults: make calls and deliveries go wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response
from marshmallow import ValidationError, fields, validate, validates_schema
from werkzeug.exceptions import BadRequest

from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import (
    OBJECT,
    Input,
    Number,
    Whole,
    chosen_world,
    describes,
    given_body,
    load,
)
from flaresend_mock.core.faults import (
    CALL_ACTIONS,
    CALLS,
    DELIVERIES,
    EVENT_ACTIONS,
    FRAMING,
    MAX_DELAY,
    PRESETS,
)
from flaresend_mock.core.models import Delay, Reply
from flaresend_mock.http import jsons

log = logging.getLogger(__name__)

blueprint = Blueprint("faults", __name__, url_prefix="/faults")

MAX_TIMES = 1_000_000
_HEADER_NAME = validate.Regexp(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z", error="Not the name of a header.")
_HEADER_VALUE = validate.Regexp(r"[ -~]{0,4000}\Z", error="A header has printable ASCII characters.")


class ReplyInput(Input):
    """A `status`, a JSON `body` or a text, and `headers`; without a body, what the status is called."""

    status = Whole(200, 599, required=True)
    body = fields.Raw(load_default=None, allow_none=True)
    headers = fields.Dict(
        keys=fields.String(validate=_HEADER_NAME),
        values=fields.String(validate=_HEADER_VALUE),
        load_default=dict,
        validate=validate.Length(max=50),
    )

    @validates_schema
    def check_headers(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        for name in data["headers"]:
            if name.lower() in FRAMING:
                raise ValidationError(f"{name} is the server's own.", "headers")


class DelayInput(Input):
    """Number: `from` one number `to` another, or around a `mean` with a standard `deviation`."""

    lowest = Number(0, MAX_DELAY, data_key="from")
    highest = Number(0, MAX_DELAY, data_key="to")
    mean = Number(0, MAX_DELAY)
    deviation = Number(0, MAX_DELAY)

    @validates_schema
    def check_shape(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "mean" not in data and "highest" not in data:
            raise ValidationError("Give from and to, or mean and deviation.")
        if data.get("lowest", 0) > data.get("highest", MAX_DELAY):
            raise ValidationError("from is more than to.")
        if "deviation" in data and "mean" not in data:
            raise ValidationError("A deviation needs a mean.")


class FaultInput(Input):
    """What matches, what then goes wrong, and how often."""

    preset = fields.String(validate=validate.OneOf(list(PRESETS)))
    name = fields.String(load_default="", validate=validate.Length(max=100))
    on = fields.String(load_default=CALLS, validate=validate.OneOf([CALLS, DELIVERIES]))
    match = fields.Raw(load_default=dict, metadata=OBJECT)
    respond = fields.Nested(ReplyInput)
    delay = fields.Raw(metadata={"type": ["number", "object"], "description": DelayInput.__doc__})
    action = fields.String(metadata={"enum": [*CALL_ACTIONS, *EVENT_ACTIONS]})
    after = Whole(0, MAX_TIMES)
    every = Whole(1, MAX_TIMES)
    times = Whole(1, MAX_TIMES)
    probability = Number(0, 1)


_DELAY = DelayInput()


_LINKS = dict.fromkeys(("show_fault", "remove_fault"), ("fault_id", "/id"))


@blueprint.get("")
@describes(response_types.Faults)
def list_faults() -> Response:
    """List the faults of a world with what they matched and hit, oldest first."""
    return jsons.respond({"faults": [views.fault(fault) for fault in chosen_world().faults.all()]})


@blueprint.post("")
@describes(response_types.FaultShown, status=201, body=FaultInput(), refuses=(409,), links=_LINKS)
def arm() -> Response:
    """Arm a fault."""
    given = given_body()
    preset = given.pop("preset", None)
    if "respond" in given:
        given["reply"] = Reply(**given.pop("respond"))
    if "delay" in given:
        given["delay"] = _delay(given["delay"])
    given["name"] = given["name"] or preset or ""
    world = chosen_world()
    fault = world.faults.arm(**({**PRESETS[preset], **given} if preset else given))
    log.info("fault %s (%s) armed in world %s", fault.id, fault.name, world.name)
    return jsons.respond(views.fault(fault), 201)


@blueprint.get("/<fault_id>")
@describes(response_types.FaultShown)
def show(fault_id: str) -> Response:
    """Show one fault, with how often it matched and hit."""
    return jsons.respond(views.fault(chosen_world().faults.get(fault_id)))


@blueprint.delete("/<fault_id>")
@describes(response_types.Deleted)
def remove(fault_id: str) -> Response:
    """Take one fault away."""
    chosen_world().faults.remove(fault_id)
    return jsons.respond({"deleted": fault_id})


@blueprint.delete("")
@describes(response_types.Deleted)
def clear() -> Response:
    """Take all faults of a world away."""
    return jsons.respond({"deleted": chosen_world().faults.clear()})


def _delay(given: Any) -> Delay:
    if isinstance(given, int | float) and not isinstance(given, bool):
        if not 0 <= given <= MAX_DELAY:
            raise BadRequest(f"delay: from 0 to {MAX_DELAY:g} seconds")
        return Delay(given, given)
    if not isinstance(given, dict):
        raise BadRequest("delay: seconds, or an object with from and to, or with mean and deviation")
    found = load(_DELAY, given, "delay")
    return Delay(
        found.get("lowest", 0.0),
        found.get("highest", MAX_DELAY),
        found.get("mean"),
        found.get("deviation", 0.0),
    )
