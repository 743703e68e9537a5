"""/_mock/faults: rules that make calls and deliveries fail."""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema
from werkzeug.exceptions import BadRequest

from flaresend_mock.control import resources
from flaresend_mock.control.inputs import Dictionary, Nested, about, input_of
from flaresend_mock.core.faults import CALL_ACTIONS, EVENT_ACTIONS, MAX_DELAY, PRESETS, is_framing
from flaresend_mock.core.matchers.parser import CALL_FIELDS, DELIVERY_FIELDS
from flaresend_mock.core.models import Delay, Fault, Reply
from flaresend_mock.core.world import World
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.resources import Property, instance

log = logging.getLogger(__name__)

blueprint = Endpoints("faults", "/faults")

_ACTIONS = [*CALL_ACTIONS, *EVENT_ACTIONS]
_HEADER_NAME = validate.Regexp(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z", error="Not the name of a header.")
_HEADER_VALUE = validate.Regexp(r"[ -~]{0,4000}\Z", error="A header has printable ASCII characters.")


class ReplyInput(input_of("ReplyInput")):  # type: ignore[misc]
    """The response that a fault gives. Without a body, it has the status's phrase."""

    body = fields.Raw(load_default=None, metadata=about("The body: JSON, or a text that is sent unchanged."))
    headers = Dictionary(
        "More headers.",
        keys=fields.String(validate=_HEADER_NAME),
        values=fields.String(validate=_HEADER_VALUE),
        load_default=dict,
        validate=validate.Length(max=50),
    )

    @validates_schema
    def check_headers(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        for name in filter(is_framing, data["headers"]):
            raise ValidationError(f"{name} is the server's own.", "headers")


class DelayInput(input_of("DelayInput")):  # type: ignore[misc]
    """The seconds of a delay between two bounds, or around a mean."""

    @validates_schema
    def check_shape(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "mean" not in data and "highest" not in data:
            raise ValidationError("Give from and to, or mean and deviation.")
        if data.get("lowest", 0) > data.get("highest", MAX_DELAY):
            raise ValidationError("from is more than to.")
        if "deviation" in data and "mean" not in data:
            raise ValidationError("A deviation needs a mean.")


_DESCRIBED = instance(resources.Delivery).fields | instance(resources.Request).fields
_ONLY_OF_FAULTS = {"key": Property(str, "The API key of the call."), "url": Property(str, "The URL of the webhook.")}
_MATCHED = {name: (_DESCRIBED | _ONLY_OF_FAULTS)[name] for name in {**CALL_FIELDS, **DELIVERY_FIELDS}}


class FaultInput(input_of("FaultInput")):  # type: ignore[misc]
    """What a fault matches, what it does, and how often."""

    matches: ClassVar[Any] = ("FaultMatch", _MATCHED)

    respond = Nested(ReplyInput, "The response that it gives instead.")
    action = fields.String(metadata=about("What it does to the connection, the response or the event.", enum=_ACTIONS))


_DELAY = DelayInput()


@blueprint.get("", resources.Faults, refuses=(503,))
def list_faults(world: World) -> dict[str, list[Fault]]:
    """List the faults of a world with how often they matched and applied, oldest first."""
    return {"faults": world.faults.all()}


@blueprint.post("", resources.Fault, status=201, body=FaultInput(), refuses=(409,))
def arm_fault(world: World, body: dict[str, Any]) -> Fault:
    """Add a fault."""
    preset = body.pop("preset", None)
    if "respond" in body:
        body["reply"] = Reply(**body.pop("respond"))
    if "delay" in body:
        body["delay"] = _delay(body["delay"])
    body["name"] = body["name"] or preset or ""
    fault = world.faults.arm(**({**PRESETS[preset], **body} if preset else body))
    log.info("fault %s (%s) armed in world %s", fault.id, fault.name, world.name)
    return fault


@blueprint.get("/<fault_id>", resources.Fault)
def show_fault(world: World, fault_id: str) -> Fault:
    """Show a fault, with how often it matched and applied."""
    return world.faults.get(fault_id)


@blueprint.delete("/<fault_id>", resources.Deleted)
def remove_fault(world: World, fault_id: str) -> dict[str, str]:
    """Remove a fault."""
    world.faults.remove(fault_id)
    return {"deleted": fault_id}


@blueprint.delete("", resources.Deleted)
def clear_faults(world: World) -> dict[str, int]:
    """Remove all faults of a world."""
    return {"deleted": world.faults.clear()}


def _delay(given: Any) -> Delay:
    if isinstance(given, int | float) and not isinstance(given, bool):
        if not 0 <= given <= MAX_DELAY:
            raise BadRequest(f"delay: from 0 to {MAX_DELAY:g} seconds")
        return Delay(given, given)
    if not isinstance(given, dict):
        raise BadRequest("delay: seconds, or an object with from and to, or with mean and deviation")
    return Delay(**{"lowest": 0.0, "highest": MAX_DELAY, **_DELAY.parse(given, "delay")})
