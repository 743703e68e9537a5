"""POST /check-number."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from flaresend_mock.api.answers import Answer, Computed
from flaresend_mock.api.auth import Caller
from flaresend_mock.api.calls import call
from flaresend_mock.api.fields import Body, Number

blueprint = Blueprint("numbers", __name__)


class CheckNumber(Body):
    number = Number("Invalid number format or missing field")


class Checked(Answer):
    number = Computed(lambda checked: checked[0], str)
    exists = Computed(lambda checked: checked[1], bool)


@blueprint.post("/check-number")
@call(body=CheckNumber(), answer=Checked())
def check_number(caller: Caller, body: dict[str, Any]) -> tuple[str, bool]:
    """Find out whether a number is on WhatsApp."""
    return caller.world.people.check(body["number"])
