"""/_mock/people: who is on WhatsApp, names and LIDs, and who answers by themselves."""

from __future__ import annotations

from flask import Blueprint, Response
from marshmallow import fields, validate

from flaresend_mock.control import response_types, views
from flaresend_mock.control.calls import Input, Number, Switch, chosen_world, describes, given_body
from flaresend_mock.core.models import Rule
from flaresend_mock.http import jsons
from flaresend_mock.worldfile.schema import LID

blueprint = Blueprint("people", __name__, url_prefix="/people")

MAX_TEXT = 65_536


class RuleInput(Input):
    """Sends `reply`, or the same text for null, `after` seconds after a text that contains `when`."""

    when = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=MAX_TEXT))
    reply = fields.String(load_default=None, allow_none=True, validate=validate.Length(max=MAX_TEXT))
    after = Number(0, 30 * 86_400, load_default=1.0)


class PersonInput(Input):
    name = fields.String(load_default="", validate=validate.Length(max=MAX_TEXT))
    lid = fields.String(load_default=None, allow_none=True, validate=LID)
    on_whatsapp = Switch(load_default=True)
    rules = fields.List(fields.Nested(RuleInput), load_default=list, validate=validate.Length(max=100))


@blueprint.get("")
@describes(response_types.People)
def list_people() -> Response:
    """List who is in the directory; everybody else is on WhatsApp, too."""
    world = chosen_world()
    with world.lock:
        people = list(world.state.people.values())
    return jsons.respond({"people": [views.person(person) for person in people]})


@blueprint.put("/<number>")
@describes(response_types.PersonShown, body=PersonInput(), refuses=(409,))
def put(number: str) -> Response:
    """Say who has a number. What is not given is as it is by default; without a LID they keep theirs."""
    given = given_body()
    given["rules"] = tuple(Rule(**rule) for rule in given["rules"])
    return jsons.respond(views.person(chosen_world().people.put(number, **given)))


@blueprint.delete("/<number>")
@describes(response_types.Deleted, refuses=(409,))
def delete(number: str) -> Response:
    """Forget about somebody: then they are as anybody is."""
    chosen_world().people.remove(number)
    return jsons.respond({"deleted": number})
