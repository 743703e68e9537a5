"""The fields of API calls and deliveries that matchers can name."""

from collections.abc import Mapping
from typing import Any

from flaresend_mock.core import numbers, paths
from flaresend_mock.core.matchers.parser import Field
from flaresend_mock.core.redaction import is_secret

BODY_FIELDS = tuple(
    (
        "recipients type text url file template caption fileName mimetype sendAt subject description picture "
        "participants action groupJids name number"
    ).split()
)
"""The fields that documented calls have in their bodies."""

EVENT_FIELDS = ("event", "instanceId", "data", "timestamp")
"""The fields of a webhook event."""

_NUMBERED = ("recipients", "participants", "number")


def numbers_in(body: Any) -> list[str]:
    """Return the digits of each phone number in a body: recipients, participants and number."""
    found = []
    for name in _NUMBERED:
        value = body.get(name) if isinstance(body, Mapping) else None
        for one in value if isinstance(value, list) else [value]:
            digits = numbers.parse(one) if isinstance(one, str | int) and not isinstance(one, bool) else None
            if digits:
                found.append(digits)
    return found


def check_path(value: Any) -> str | None:
    """Return why no call of the API can have a path."""
    if not isinstance(value, str) or not value.startswith("/"):
        return "a path begins with a slash"
    if "?" in value:
        return "a path has no query; that is matched with query (a question mark in a path is written %3F)"
    return "calls of the control plane are not matched" if value.startswith("/_mock") else None


def check_path_regex(pattern: Any) -> str | None:
    """Return why no path has what a regular expression finds."""
    found = paths.first_encoded(pattern) if isinstance(pattern, str) else None
    hint = f"{paths.decoded(found)!r} instead of {found!r}" if found else ""
    return f"paths are matched percent-decoded: write {hint}, or match raw_path" if found else None


def check_number(value: Any) -> str | None:
    readable = isinstance(value, str | int) and not isinstance(value, bool)
    return None if readable and numbers.parse(value) else "not a phone number in international format"


_MASKED = "credentials are masked; match the API key with key"
_NO_ID = "the id of an instance is expected here"

HEADERS = Field(fold=True, free=True, check_name=lambda name: _MASKED if is_secret(name) else None)
PATH = Field(check=check_path, check_regex=check_path_regex, spelled=(paths.routed, paths.decoded))
RAW_PATH = Field(check=check_path)
INSTANCE = Field(check=lambda value: _NO_ID if value == "default" else None)

CALL_FIELDS: Mapping[str, Field] = {
    "method": Field(words=("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")),
    "path": PATH,
    "raw_path": RAW_PATH,
    "query": Field(),
    "headers": HEADERS,
    "body": Field(known=BODY_FIELDS),
    "number": Field(lambda call: numbers_in(call["body"]), number=True, many=True, check=check_number),
    "key": Field(),
    "instance": INSTANCE,
}
DELIVERY_FIELDS: Mapping[str, Field] = {
    "instance": INSTANCE,
    "chat": Field(),
    "number": Field(lambda event: event["number"], number=True, many=True, check=check_number),
    "message": Field(),
    "url": Field(),
    "body": Field(known=EVENT_FIELDS),
}
