"""POST /schedule-message and /scheduled-messages."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from marshmallow import fields, post_load

from flaresend_mock.api.answers import Computed, Said
from flaresend_mock.api.auth import Caller
from flaresend_mock.api.calls import call
from flaresend_mock.api.content import ContentBody, ContentFields, Recipients, in_content
from flaresend_mock.api.fields import Body, SendAt
from flaresend_mock.api.response_types import ListedTask
from flaresend_mock.core.models import MEDIA_TYPES, Task
from flaresend_mock.http import times

blueprint = Blueprint("schedule", __name__)


class Due(Body):
    sendAt = SendAt()  # noqa: N815 - as documented


class ScheduleMessage(Due, ContentBody, Recipients):  # the last base's fields are checked first
    """A message to people, and when to send it."""


class UpdateMessage(Due, ContentFields, Recipients):
    """Any of a scheduled message's fields, as `fields` in the order they were sent and as `changes`."""

    @post_load(pass_original=True)
    def gather(self, data: dict[str, Any], original: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        changes = in_content(data)
        if "recipients" in data:
            changes["recipients"] = data["recipients"]
        if "sendAt" in data:
            changes["send_at"] = data["sendAt"]
        return {"fields": [name for name in original if name in data], "changes": changes}


class Scheduled(Said):
    scheduled_for = Computed(lambda task: times.local(task.local_time), str)
    task_id = fields.String(attribute="id")


def _listed(task: Task) -> ListedTask:
    content = task.content
    said: dict[str, Any] = {}
    if content.type == "text":
        said["text"] = content.text
    elif content.type in MEDIA_TYPES:
        shown = {"url": content.url, "caption": content.caption, "fileName": content.file_name}
        said = {name: value for name, value in shown.items() if value is not None}
    else:
        said["template"] = content.template
    return {
        "id": task.id,
        "recipients": [str(given) for given in task.recipients],
        "type": content.type,
        **said,  # type: ignore[typeddict-item]
        "sendAt": times.local(task.local_time),
        "status": task.status,
    }


class Listed(Said):
    data = Computed(lambda tasks: [_listed(task) for task in tasks], list[ListedTask])


class Updated(Said):
    id = fields.String()
    updated_fields = fields.List(fields.String())


class Cancelled(Said):
    id = fields.String()


_TASK = {
    "update_scheduled": ("task_id", "/task_id"),
    "cancel_scheduled": ("task_id", "/task_id"),
}


@blueprint.post("/schedule-message")
@call(
    body=ScheduleMessage(),
    answer=Scheduled("Message scheduled successfully"),
    phone=False,
    refuses=(425,),
    links=_TASK,
)
def schedule_message(caller: Caller, body: dict[str, Any]) -> Task:
    """Send a message to people later; `sendAt` is local time."""
    return caller.world.schedule.add(caller.instance, body["recipients"], body["content"], body["sendAt"])


@blueprint.get("/scheduled-messages")
@call(answer=Listed("Scheduled messages fetched successfully"), phone=False)
def list_scheduled(caller: Caller) -> list[Task]:
    """List what is still to be sent."""
    return caller.world.schedule.pending(caller.instance)


@blueprint.patch("/scheduled-messages/<task_id>")
@call(
    body=UpdateMessage(partial=True),
    answer=Updated("Scheduled message updated successfully"),
    phone=False,
    refuses=(404, 425),
)
def update_scheduled(caller: Caller, task_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Change what is still to be sent."""
    task = caller.world.schedule.update(caller.instance, task_id, body["changes"])
    return {"id": task.id, "updated_fields": body["fields"]}


@blueprint.delete("/scheduled-messages/<task_id>")
@call(answer=Cancelled("Scheduled message cancelled successfully"), phone=False, refuses=(404,))
def cancel_scheduled(caller: Caller, task_id: str) -> Task:
    """Cancel what is still to be sent."""
    return caller.world.schedule.cancel(caller.instance, task_id)
