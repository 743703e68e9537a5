"""Messages to people, now or later: their contents in a body, and the calls that send, schedule and check numbers."""

from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from marshmallow import ValidationError, missing, post_load
from marshmallow.fields import Field

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.errors import INCOMPLETE
from flaresend_mock.api.fields import LOCAL_TIME, SPELLING, Body, Choice, List, SendAt, Text, Typed, Url
from flaresend_mock.core.errors import InvalidContent
from flaresend_mock.core.models import CHANNEL_MESSAGE_TYPES, MEDIA_TYPES, MESSAGE_TYPES, Content, Task, Upload
from flaresend_mock.core.sending import Outcome, require_complete
from flaresend_mock.http.bodies import take_turn
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.resources import Property, Read, Resource, declared, local_time

blueprint = Endpoints("messages", phone=True)
numbers = Endpoints("numbers", phone=True)
scheduled = Endpoints("schedule")

NEEDS = (
    (("text",), ("text",)),
    (tuple(kind for kind in MESSAGE_TYPES if kind in MEDIA_TYPES), ("url", "file")),
    (("template",), ("template",)),
)
"""The fields of which a message of a type needs one; JSON can hold the first. See `require_complete`."""


_CONTENT = {one.name for one in fields(Content)}
_PARTS = {"file": "upload", "fileName": "file_name"}  # the names of fields in Content, where they differ


def message_type(words: tuple[str, ...]) -> Choice:
    return Choice(
        "The type of the message. It decides which other fields are needed.",
        words,
        "Message type is required",
        "Unsupported message type: {}",
    )


class Recipients(Body):
    recipients = List("Phone numbers that get it, such as 254712345678.", "Recipients", (str, int), "phone numbers")


class ContentFields(Body):
    """The contents of a message by type, loaded as a dictionary under `content`."""

    type = message_type(MESSAGE_TYPES)
    text = Text("The text, with WhatsApp's *bold*, _italic_ and ~strike~. Needed by type text.", INCOMPLETE["text"])
    file = Typed("The file, in a multipart form.", INCOMPLETE["media"], Upload, {"type": "string", "format": "binary"})
    url = Url("The URL of the file. The emulator records it, and never fetches it.")
    template = Typed(
        "A message with buttons or a list. Needed by type template.",
        INCOMPLETE["template"],
        str | dict,
        {"title": "Template", "type": ["string", "object"]},
    )
    caption = Text("The text below a file.", "Caption must be a string")
    fileName = Text("The name of a document.", "fileName must be a string")
    mimetype = Text("The media type of the file, such as application/pdf.", "mimetype must be a string")

    def on_bind_field(self, field_name: str, field_obj: Field[Any]) -> None:
        """Load a part of the contents under its name in Content; null leaves it out, but a type is needed."""
        part = _PARTS.get(field_name, field_name)
        if part in _CONTENT:
            field_obj.attribute = f"content.{part}"
            field_obj.allow_none = part != "type"


class ContentBody(ContentFields):
    """A message. `require_complete` refuses an incomplete one."""

    needs = NEEDS

    @post_load
    def gather(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        return data | {"content": Content(**data["content"])}

    def handle_error(self, error: ValidationError, data: Any, **kwargs: Any) -> None:
        """Add what is missing to the errors of other fields: the documentation's order decides which is reported.

        A `url` that is unusable is not missing.
        """
        valid: Any = error.valid_data
        if "type" in valid.get("content", ()):
            try:
                require_complete(Content(**{**valid["content"], "url": data.get("url")}))
            except InvalidContent as refusal:
                field = "file" if refusal.missing == "media" else refusal.missing
                error.messages_dict[field] = [INCOMPLETE[refusal.missing]]


class ChannelContentBody(ContentBody):
    type = message_type(CHANNEL_MESSAGE_TYPES)


class SendMessage(ContentBody, Recipients):  # marshmallow checks the fields of the last base first
    """A message to people."""


class CheckNumber(Body):
    number = Typed(
        "A phone number in international format, such as 254712345678.",
        "Invalid number format or missing field",
        str | int,
        {
            "anyOf": [
                {"type": "string", "pattern": SPELLING},
                {"type": "integer", "format": "int64", "minimum": 10**6, "exclusiveMaximum": 10**15},
            ]
        },
        required=True,
    )


class Success(Resource):
    """A documented response: its fields have the documented order, `success` first."""

    success = Property(Literal[True], "True: the call did what it was asked to.", get=lambda result: True)


def _summary(outcome: Outcome) -> str:
    failed = len(outcome.failed) + len(outcome.invalid)
    return f"Message sending completed: {len(outcome.successful)} successful, {failed} failed"


def _part(of: str, kinds: frozenset[str], *, null: bool = False) -> Read:
    """Return what reads a part of the contents that some types have. Null counts as missing unless `null` allows it."""

    def read(task: Task) -> Any:
        content: Content = task.content
        value = getattr(content, of)
        return missing if content.type not in kinds or (value is None and not null) else value

    return read


_TEXT, _TEMPLATE = frozenset({"text"}), frozenset({"template"})


class ScheduledTask(Resource):
    """A scheduled message. A text has `text`, media have `url`, a template has `template`."""

    id = Property(str, "The id of the scheduled message, such as SCHED-9128371923.")
    recipients = Property([str], "The recipients.", get=lambda task: [str(one) for one in task.recipients])
    type = Property(str, "The type of the message.", at="content.type")
    text = Property(str, "The text of a text.", get=_part("text", _TEXT, null=True), null=True, optional=True)
    url = Property(str, "The URL of a file.", get=_part("url", MEDIA_TYPES), optional=True)
    caption = Property(str, "The text below a file.", get=_part("caption", MEDIA_TYPES), optional=True)
    fileName = Property(str, "The name of a document.", get=_part("file_name", MEDIA_TYPES), optional=True)
    template = Property(Any, "The template.", get=_part("template", _TEMPLATE, null=True), optional=True)
    sendAt = Property(str, "When the message is sent, in the world's time zone.", at="local_time", write=local_time)
    status = Property(str, "pending, sent, failed or cancelled.")


_SHOWN = {"Success": Success, "ScheduledTask": ScheduledTask}
_shown = declared(Path(__file__).parent / "assets" / "messages.json", Resource, _SHOWN)


class Sent(_shown.Sent):  # type: ignore[misc,name-defined]
    message = Property(str, "How many recipients the message reached, for people.", get=_summary)


@blueprint.post("/send-message", Sent, body=SendMessage(), forms=True)
def send_message(caller: Caller, body: dict[str, Any]) -> Outcome:
    """Send a message to people."""
    return caller.world.sending.send(caller.instance, body["recipients"], body["content"], caller.cause)


@numbers.post("/check-number", _shown.Checked, body=CheckNumber())
def check_number(caller: Caller, body: dict[str, Any]) -> tuple[str, bool]:
    """Check whether a number is on WhatsApp."""
    return caller.world.people.check(body["number"])


class Due(Body):
    sendAt = SendAt(
        "When the message is sent, in the world's time zone: 2025-11-14 13:48:00.",
        "sendAt is required",
        {"type": "string", "pattern": LOCAL_TIME, "examples": ["2025-11-14 13:48:00"]},
        required=True,
        attribute="send_at",
    )


class ScheduleMessage(Due, ContentBody, Recipients):  # marshmallow checks the fields of the last base first
    """A message to people, and when to send it."""


class UpdateMessage(Due, ContentFields, Recipients):
    """Some fields of a scheduled message, loaded as `fields`, in the order they were sent, and `changes`."""

    @post_load(pass_original=True)
    def gather(self, data: dict[str, Any], original: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        names = [name for name in original if name in self.fields]
        return {"fields": names, "changes": data.pop("content", {}) | data}


@scheduled.post("/schedule-message", _shown.Scheduled, body=ScheduleMessage(), refuses=(425,))
def schedule_message(caller: Caller, body: dict[str, Any]) -> Task:
    """Send a message to people later; `sendAt` is local time."""
    given = body["recipients"], body["content"], body["send_at"]
    return caller.world.schedule.add(caller.instance, *given, caller.cause)


@scheduled.get("/scheduled-messages", _shown.Listed, refuses=(429,))
def list_scheduled(caller: Caller) -> list[Task]:
    """List the pending scheduled messages."""
    take_turn(caller.world.state.tasks.bytes)
    return caller.world.schedule.pending(caller.instance)


@scheduled.patch("/scheduled-messages/<task_id>", _shown.Updated, body=UpdateMessage(partial=True), refuses=(404, 425))
def update_scheduled(caller: Caller, task_id: str, body: dict[str, Any]) -> tuple[Task, list[str]]:
    """Change a pending scheduled message."""
    return caller.world.schedule.update(caller.instance, task_id, body["changes"]), body["fields"]


@scheduled.delete("/scheduled-messages/<task_id>", _shown.Cancelled, refuses=(404,))
def cancel_scheduled(caller: Caller, task_id: str) -> Task:
    """Cancel a pending scheduled message."""
    return caller.world.schedule.cancel(caller.instance, task_id)
