"""Shapes that bodies of the API are made of, each with the message it is refused with."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from flaresend_mock.api.errors import INCOMPLETE, SEND_AT_FORMAT
from flaresend_mock.core.models import Upload

NOT_BLANK = r"\S"
SPELLING = r"^\s*\(?\+?[ .()-]*[1-9]([ .()-]*[0-9]){6,14}[ .()-]*(@s\.whatsapp\.net|@c\.us)?\s*$"  # see numbers.parse
JSON_TYPES = {str: "string", int: "integer"}

_SEND_AT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


class Body(Schema):
    """A request's body; fields nobody knows are ignored."""

    class Meta:
        unknown = EXCLUDE


Value = TypeVar("Value")


class Shape(fields.Field[Value]):
    """A field that says what it takes as JSON Schema.

    Most often it has no validators: marshmallow would build an empty one for each value.
    """

    def shape(self) -> dict[str, Any]:
        """Return what it takes as JSON Schema; null is added where it may be."""
        raise NotImplementedError

    def _validate(self, value: Value) -> None:
        if self.validators:
            super()._validate(value)


class Text(Shape[str]):
    """A string.

    Args:
        refusal: what is said where it is missing, though required, or no string.
    """

    def __init__(self, refusal: str, **kwargs: Any) -> None:
        super().__init__(error_messages={"required": refusal, "null": refusal, "invalid": refusal}, **kwargs)

    def shape(self) -> dict[str, Any]:
        return {"type": "string", **({"pattern": NOT_BLANK} if self.required else {})}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if not isinstance(value, str) or (self.required and not value.strip()):
            raise self.make_error("invalid")
        return value


class Number(Shape[str | int]):
    """A phone number, as a string or as a whole number.

    Args:
        refusal: what is said where it is missing or something else.
    """

    def __init__(self, refusal: str, **kwargs: Any) -> None:
        super().__init__(
            required=True, error_messages={"required": refusal, "null": refusal, "invalid": refusal}, **kwargs
        )

    def shape(self) -> dict[str, Any]:
        whole = {"type": "integer", "minimum": 10**6, "exclusiveMaximum": 10**15}
        return {"anyOf": [{"type": "string", "pattern": SPELLING}, whole]}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str | int:
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class List(Shape[list[Any]]):
    """A list that is not empty.

    Args:
        refusal: what is said where it is missing, no list, or empty.
        of: the types its items may have; booleans are never numbers.
        item_refusal: what is said of another item.
    """

    def __init__(self, refusal: str, of: tuple[type, ...], item_refusal: str, **kwargs: Any) -> None:
        super().__init__(
            required=True,
            error_messages={"required": refusal, "null": refusal, "invalid": refusal, "item": item_refusal},
            **kwargs,
        )
        self.of = of

    def shape(self) -> dict[str, Any]:
        names = [JSON_TYPES[kind] for kind in self.of]
        items = {"type": names[0] if len(names) == 1 else names}
        return {"type": "array", "minItems": 1, "items": items}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise self.make_error("invalid")
        for item in value:
            if not isinstance(item, self.of) or isinstance(item, bool):
                raise self.make_error("item")
        return value


class Choice(Shape[str]):
    """One of several words.

    Args:
        refusal: what is said where it is missing or no string.
        unknown: what is said of another word, with {} in its place.
    """

    def __init__(self, words: Collection[str], refusal: str, unknown: str, **kwargs: Any) -> None:
        super().__init__(
            required=True,
            error_messages={"required": refusal, "null": refusal, "invalid": refusal},
            **kwargs,
        )
        self.words = words
        self.unknown = unknown

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str:
        if not isinstance(value, str) or not value:
            raise self.make_error("invalid")
        if value not in self.words:
            raise ValidationError(self.unknown.format(value))
        return value


class Url(Shape[str | None]):
    """An absolute http or https URL; an empty one counts as none."""

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^$|^[Hh][Tt][Tt][Pp][Ss]?://[^/?#:@]"}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> str | None:
        if value == "":
            return None
        try:
            parts = urlsplit(value) if isinstance(value, str) else None
        except ValueError:
            parts = None
        if parts is None or parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            raise ValidationError(INCOMPLETE["url"])
        return str(value)


class File(Shape[Upload]):
    """An uploaded file, as a multipart form carries it."""

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Upload:
        if not isinstance(value, Upload):
            raise ValidationError(INCOMPLETE["media"])
        return value


class Template(Shape[Any]):
    """A template: a string or an object, kept as it is."""

    def shape(self) -> dict[str, Any]:
        return {"type": ["string", "object"]}

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        if not isinstance(value, str | dict):
            raise ValidationError(INCOMPLETE["template"])
        return value


class SendAt(Shape[datetime]):
    """Local time as YYYY-MM-DD HH:mm:ss."""

    def __init__(self, **kwargs: Any) -> None:
        refusal = "sendAt is required"
        super().__init__(required=True, error_messages={"required": refusal, "null": refusal}, **kwargs)

    def shape(self) -> dict[str, Any]:
        return {
            "type": "string",
            "description": "Local time in the world's time zone, in its future.",
            "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3])(:[0-5][0-9]){2}$",
            "examples": ["2025-11-14 13:48:00"],
        }

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime:
        if value == "":
            raise self.make_error("required")
        if not isinstance(value, str) or not _SEND_AT.fullmatch(value):
            raise ValidationError(SEND_AT_FORMAT)
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValidationError(SEND_AT_FORMAT) from None
