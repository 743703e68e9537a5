"""Scheduled messages: POST /schedule-message and /scheduled-messages."""

from operator import itemgetter
from typing import Any

from marshmallow import missing, post_load

from flaresend_mock.api.auth import Caller
from flaresend_mock.api.fields import LOCAL_TIME, Body, SendAt
from flaresend_mock.api.messages import ContentBody, ContentFields, Recipients, response
from flaresend_mock.core.models import MEDIA_TYPES, Content, Task
from flaresend_mock.http.endpoint import Endpoints
from flaresend_mock.http.resources import Property, Read, Resource, local_time

blueprint = Endpoints("schedule")


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


_ID = "The id of the scheduled message."
_WHEN = "When the message will be sent, in the world's time zone."
_TASK = "The id to change or cancel the scheduled message with, such as SCHED-9128371923."
SCHEDULED = response(
    "Message scheduled successfully",
    scheduled_for=Property(str, _WHEN, at="local_time", write=local_time),
    task_id=Property(str, _TASK, at="id"),
)
LISTED = response("Scheduled messages fetched successfully", data=Property([ScheduledTask], "The scheduled messages."))
UPDATED = response(
    "Scheduled message updated successfully",
    id=Property(str, _ID, get=itemgetter("id")),
    updated_fields=Property([str], "The fields that were changed.", get=itemgetter("updated_fields")),
)
CANCELLED = response("Scheduled message cancelled successfully", id=Property(str, _ID, at="id"))


@blueprint.post("/schedule-message", SCHEDULED, body=ScheduleMessage(), refuses=(425,))
def schedule_message(caller: Caller, body: dict[str, Any]) -> Task:
    """Send a message to people later; `sendAt` is local time."""
    given = body["recipients"], body["content"], body["send_at"]
    return caller.world.schedule.add(caller.instance, *given, caller.cause)


@blueprint.get("/scheduled-messages", LISTED)
def list_scheduled(caller: Caller) -> list[Task]:
    """List the pending scheduled messages."""
    return caller.world.schedule.pending(caller.instance)


@blueprint.patch("/scheduled-messages/<task_id>", UPDATED, body=UpdateMessage(partial=True), refuses=(404, 425))
def update_scheduled(caller: Caller, task_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Change a pending scheduled message."""
    task = caller.world.schedule.update(caller.instance, task_id, body["changes"])
    return {"id": task.id, "updated_fields": body["fields"]}


@blueprint.delete("/scheduled-messages/<task_id>", CANCELLED, refuses=(404,))
def cancel_scheduled(caller: Caller, task_id: str) -> Task:
    """Cancel a pending scheduled message."""
    return caller.world.schedule.cancel(caller.instance, task_id)
