"""What messages say, as it stands in a body."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, post_load

from flaresend_mock.api.errors import INCOMPLETE
from flaresend_mock.api.fields import Body, Choice, File, List, Template, Text, Url
from flaresend_mock.core.models import CHANNEL_MESSAGE_TYPES, MEDIA_TYPES, MESSAGE_TYPES, Content
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


NEEDS = (
    (("text",), ("text",)),
    (tuple(kind for kind in MESSAGE_TYPES if kind in MEDIA_TYPES), ("url", "file")),
    (("template",), ("template",)),
)
"""What a message of a type must have: one of these fields, the first of which JSON can hold. See `missing_part`."""


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

    needs = NEEDS

    @post_load
    def gather(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        missing = _missing(data, data.get("url"))
        if missing:
            raise ValidationError(missing)
        content = Content(**in_content(data))
        return {name: value for name, value in data.items() if name not in CONTENT_FIELDS} | {
            "content": content
        }

    def handle_error(self, error: ValidationError, data: Any, **kwargs: Any) -> None:
        """Add what is missing to what is wrong with other fields: the documentation's order decides which is said."""
        valid: Any = error.valid_data
        if "type" in valid:
            error.messages_dict.update(_missing(valid, data.get("url")))


class ChannelContentBody(ContentBody):
    type = message_type(CHANNEL_MESSAGE_TYPES)


def _missing(data: dict[str, Any], url: Any) -> dict[str, list[str]]:
    """Return what a message lacks, as an error of its field. A `url` that is unusable is not missing."""
    missing = missing_part(data["type"], data.get("text"), data.get("file") or url, data.get("template"))
    return {_INCOMPLETE_FIELD[missing]: [INCOMPLETE[missing]]} if missing else {}


def in_content(data: dict[str, Any]) -> dict[str, Any]:
    """Return what of these fields belongs to Content, under its names."""
    return {CONTENT_FIELDS[name]: value for name, value in data.items() if name in CONTENT_FIELDS}
