"""What messages say, as it stands in a body."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, post_load, validates_schema

from flaresend_mock.api.errors import INCOMPLETE
from flaresend_mock.api.fields import Body, Choice, File, List, Template, Text, Url
from flaresend_mock.core.records import CHANNEL_MESSAGE_TYPES, MESSAGE_TYPES, Content
from flaresend_mock.core.sending import missing_part

# How the fields of a body are called in Content. The order is that in which they are checked.
CONTENT_FIELDS = {
    "type": "type",
    "text": "text",
    "file": "upload",
    "url": "url",
    "template": "template",
    "caption": "caption",
    "fileName": "file_name",
    "mimetype": "mimetype",
}
_INCOMPLETE_FIELD = {"text": "text", "media": "file", "template": "template"}


def message_type(words: tuple[str, ...]) -> Choice:
    return Choice(words, "Message type is required", "Unsupported message type: {}")


class Recipients(Body):
    recipients = List("Recipients array is required", (str, int), "Recipients must be phone numbers")


class ContentFields(Body):
    """What a message may say, by type."""

    type = message_type(MESSAGE_TYPES)
    text = Text(INCOMPLETE["text"], allow_none=True)
    file = File(allow_none=True)
    url = Url(allow_none=True)
    template = Template(allow_none=True)
    caption = Text("Caption must be a string", allow_none=True)
    fileName = Text("fileName must be a string", allow_none=True)  # noqa: N815 - as documented
    mimetype = Text("mimetype must be a string", allow_none=True)


class ContentBody(ContentFields):
    """A complete message, gathered under `content` once it is loaded."""

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def check_complete(self, data: dict[str, Any], original: dict[str, Any], **kwargs: Any) -> None:
        """Say what is missing before what is wrong with later fields is said, as the documentation orders it."""
        if "type" in data:
            media = (
                data.get("file") or data.get("url") or original.get("url")
            )  # an unusable one is not missing
            missing = missing_part(data["type"], data.get("text"), media, data.get("template"))
            if missing:
                raise ValidationError(INCOMPLETE[missing], _INCOMPLETE_FIELD[missing])

    @post_load
    def gather(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        content = Content(**in_content(data))
        return {name: value for name, value in data.items() if name not in CONTENT_FIELDS} | {
            "content": content
        }


class ChannelContentBody(ContentBody):
    type = message_type(CHANNEL_MESSAGE_TYPES)


def in_content(data: dict[str, Any]) -> dict[str, Any]:
    """Return what of these fields belongs to Content, under its names."""
    return {CONTENT_FIELDS[name]: value for name, value in data.items() if name in CONTENT_FIELDS}
