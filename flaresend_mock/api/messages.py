"""POST /send-message."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from marshmallow import fields

from flaresend_mock.api.answers import Answer, Computed
from flaresend_mock.api.auth import Caller
from flaresend_mock.api.calls import call
from flaresend_mock.api.content import ContentBody, Recipients
from flaresend_mock.core.models import Outcome
from flaresend_mock.http import times

blueprint = Blueprint("messages", __name__)


class SendMessage(
    ContentBody, Recipients
):  # recipients are checked first: marshmallow starts from the last base
    """A message to people."""


def _summary(outcome: Outcome) -> str:
    failed = len(outcome.failed) + len(outcome.invalid)
    return f"Message sending completed: {len(outcome.successful)} successful, {failed} failed"


class Sent(Answer):
    message = Computed(_summary)
    sent_at = Computed(lambda outcome: times.seconds(outcome.at), str)
    total_recipients = fields.Integer(attribute="total")
    successful_recipients = Computed(lambda outcome: list(outcome.successful), list[str])
    failed_recipients = Computed(lambda outcome: list(outcome.failed), list[str])
    invalid_recipients = Computed(lambda outcome: list(outcome.invalid), list[str])


@blueprint.post("/send-message")
@call(body=SendMessage(), answer=Sent(), forms=True)
def send_message(caller: Caller, body: dict[str, Any]) -> Outcome:
    """Send a message to people."""
    return caller.world.sending.send(caller.instance, body["recipients"], body["content"])
