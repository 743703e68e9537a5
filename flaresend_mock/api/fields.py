"""Fields of the API's request bodies, each with its meaning and the message of its refusal."""

import re
from collections.abc import Collection
from datetime import datetime
from types import UnionType
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, ValidationError, fields

from flaresend_mock.api.errors import INCOMPLETE, SEND_AT_FORMAT
from flaresend_mock.http.endpoint import RequestSchema

NOT_BLANK = r"\S"
SPELLING = r"^\s*\(?\+?[ .()-]*[1-9]([ .()-]*[0-9]){6,14}[ .()-]*(@s\.whatsapp\.net|@c\.us)?\s*$"  # see numbers.parse
_URL = "^$|^[Hh][Tt][Tt][Pp][Ss]?://[^/?#:@]"
LOCAL_TIME = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]) ([01][0-9]|2[0-3])(:[0-5][0-9]){2}$"
JSON_TYPES = {str: "string", int: "integer"}

_SEND_AT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_POSITIVE = re.compile(r"[0-9]{1,1000}", re.ASCII)


class Body(RequestSchema):
    """A body of the API; it ignores unknown fields."""

    class Meta:
        unknown = EXCLUDE


Shape = dict[str, Any]
Value = TypeVar("Value")


class Described(fields.Field[Value]):
    """A field with a meaning, the `refusal` of a value that is missing, null or unusable, and a JSON Schema."""

    is_list: ClassVar[bool] = False

    def __init__(self, description: str, refusal: str, shape: Shape, **kwargs: Any) -> None:
        messages: dict[str, Any] = dict.fromkeys(("required", "null", "invalid"), refusal) if refusal else {}
        messages |= kwargs.pop("error_messages", {})
        super().__init__(error_messages=messages, metadata={"description": description, **shape}, **kwargs)


class Typed(Described[Any]):
    """A value of one of some types, as its `shape` says. A required text is not blank. Booleans are no numbers."""

    def __init__(self, description: str, refusal: str, of: type | UnionType, shape: Shape, **kwargs: Any) -> None:
        super().__init__(description, refusal, shape, **kwargs)
        self.of = of

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        is_blank = self.required and isinstance(value, str) and not value.strip()
        if not isinstance(value, self.of) or isinstance(value, bool) or is_blank:
            raise self.make_error("invalid")
        return value


class Text(Typed):
    """A string."""

    def __init__(self, description: str, refusal: str, **kwargs: Any) -> None:
        not_blank = {"pattern": NOT_BLANK} if kwargs.get("required") else {}
        super().__init__(description, refusal, str, {"type": "string", **not_blank}, **kwargs)


class List(Described[list[Any]]):
    """A required list that is not empty, with items of these types; booleans are never numbers.

    Refusals call the list by its `name`, and the values that its `items` may have.
    """

    is_list = True

    def __init__(self, description: str, name: str, of: tuple[type, ...], items: str) -> None:
        names = [JSON_TYPES[kind] for kind in of]
        item = {"type": names[0]} if len(names) == 1 else {"title": "PhoneNumber", "type": names}  # a class's name
        shape = {"type": "array", "minItems": 1, "items": item}
        wrong_item = {"item": f"{name} must be {items}"}
        super().__init__(description, f"{name} array is required", shape, required=True, error_messages=wrong_item)
        self.of = of

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise self.make_error("invalid")
        for item in value:
            if not isinstance(item, self.of) or isinstance(item, bool):
                raise self.make_error("item")
        return value


class Choice(Described[str]):
    """One of several words, required; `unknown` is the message for another word, with {} in its place."""

    def __init__(self, description: str, words: Collection[str], refusal: str, unknown: str, **kwargs: Any) -> None:
        super().__init__(description, refusal, {"type": "string", "enum": list(words)}, required=True, **kwargs)
        self.words, self.unknown = words, unknown

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not value:
            raise self.make_error("invalid")
        if value not in self.words:
            raise ValidationError(self.unknown.format(value))
        return value


class Url(Described[str | None]):
    """An absolute http or https URL; an empty string counts as none."""

    def __init__(self, description: str, **kwargs: Any) -> None:
        super().__init__(description, "", {"type": "string", "pattern": _URL}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | None:
        if value == "":
            return None
        try:
            parts = urlsplit(value) if isinstance(value, str) else None
        except ValueError:
            parts = None
        if parts is None or parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            raise ValidationError(INCOMPLETE["url"])
        return str(value)


class SendAt(Described[datetime]):
    """Local time as YYYY-MM-DD HH:mm:ss."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        if value == "":
            raise self.make_error("required")
        if not isinstance(value, str) or not _SEND_AT.fullmatch(value):
            raise ValidationError(SEND_AT_FORMAT)
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValidationError(SEND_AT_FORMAT) from None


class Positive(Described[int]):
    """A positive whole number in a query, `most` at the most; an empty one counts as the default."""

    def __init__(self, description: str, default: int, most: int | None = None) -> None:
        super().__init__(description, "", {"type": "integer", "minimum": 1, **({"maximum": most} if most else {})})
        self.default, self.most = default, most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if value == "":
            return self.default
        if not _POSITIVE.fullmatch(value) or int(value) == 0:
            raise ValidationError("page and limit must be positive integers")
        if self.most and int(value) > self.most:
            raise ValidationError(f"{self.name} must be at most {self.most}")
        return int(value)
