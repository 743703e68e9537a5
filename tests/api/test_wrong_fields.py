"""Every field of every body, with values it may not have: refused in the field's own words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from werkzeug.test import Client

from flaresend_mock.core.world import World
from tests.contents import refused
from tests.defaults import ANN, CARA, OWNED, PROJECT
from tests.support import KEY

MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
SCHEDULED = {**MESSAGE, "sendAt": "2025-11-14 13:48:00"}
PEOPLE = {"action": "add", "participants": [CARA]}

NO_LIST: list[Any] = [None, True, 0, 1.5, "", ANN, {}, {"0": ANN}, []]
NO_TEXT = [None, True, 0, 1.5, [], ["text"], {}, {"text": "x"}]
NO_URL = [True, 5, ["https://example.com"], {"a": 1}, "x", "/a.jpg", "//example.com", "http://", "ftp://a.b/c"]
NO_ITEM = [[None], [True], [1.5], [[ANN]], [{"number": ANN}]]


class Wrong(NamedTuple):
    """A field with values it may not have, in a body that is right otherwise."""

    method: str
    path: str
    body: dict[str, Any]
    field: str
    values: list[Any]
    refusal: str


def all_wrong() -> Iterator[Wrong]:
    for path, body in (("/send-message", MESSAGE), ("/schedule-message", SCHEDULED)):
        yield from wrong_in_message("POST", path, body)
        yield Wrong("POST", path, body, "recipients", NO_LIST, "Recipients array is required")
        yield Wrong("POST", path, body, "recipients", NO_ITEM, "Recipients must be phone numbers")
    yield from wrong_times("POST", "/schedule-message", SCHEDULED)

    path = "/scheduled-messages/{task}"
    yield from wrong_in_message("PATCH", path, {})
    yield from wrong_times("PATCH", path, {})
    yield Wrong("PATCH", path, {}, "recipients", NO_LIST, "Recipients array is required")
    yield Wrong("PATCH", path, {}, "recipients", NO_ITEM, "Recipients must be phone numbers")

    path, body = "/groups", {"subject": "Friends", "participants": [ANN]}
    yield Wrong("POST", path, body, "subject", [*NO_TEXT, "", "  "], "Subject is required")
    yield Wrong("POST", path, body, "subject", ["x" * 101], "Subject must be at most 100 characters")
    yield Wrong("POST", path, body, "participants", NO_LIST, "Participants array is required")
    yield Wrong("POST", path, body, "participants", NO_ITEM, "Participants must be phone numbers")

    path, body = "/groups/send-message", {"groupJids": [PROJECT], "type": "text", "text": "Hello"}
    yield from wrong_in_message("POST", path, body)
    yield Wrong("POST", path, body, "groupJids", NO_LIST, "groupJids array is required")
    yield Wrong("POST", path, body, "groupJids", [*NO_ITEM, [5]], "groupJids must be group JIDs")

    path, refusal = (f"/groups/{PROJECT}/participants", "Invalid action. Allowed: add, remove, promote, demote.")
    yield Wrong("POST", path, PEOPLE, "action", [*NO_TEXT, "", "ban", "ADD", "add "], refusal)
    yield Wrong("POST", path, PEOPLE, "participants", NO_LIST, "Participants array is required")
    yield Wrong("POST", path, PEOPLE, "participants", NO_ITEM, "Participants must be phone numbers")

    path, body = "/channels", {"name": "News", "description": "What is new"}
    yield Wrong("POST", path, body, "name", [*NO_TEXT, "", "  "], "Name is required")
    yield Wrong("POST", path, body, "description", NO_TEXT[1:], "Description must be a string")

    path = f"/channels/{OWNED}"
    yield Wrong("PUT", path, {}, "name", [*NO_TEXT, "", "  "], "Name is required")
    yield Wrong("PUT", path, {}, "description", NO_TEXT, "Description must be a string")
    yield Wrong("PUT", path, {}, "picture", [None, *NO_URL], "Invalid URL")

    yield from wrong_in_message("POST", f"/channels/{OWNED}/message", {"type": "text", "text": "Hello"})
    refusal = "Unsupported message type: template"
    body = {"template": "x"}
    yield Wrong("POST", f"/channels/{OWNED}/message", body, "type", ["template"], refusal)

    refusal = "Invalid number format or missing field"
    no_number = [*NO_TEXT, "", "x", "+", "12", -254712345678, 10**400, PROJECT]
    yield Wrong("POST", "/check-number", {}, "number", no_number, refusal)


def wrong_in_message(method: str, path: str, body: dict[str, Any]) -> Iterator[Wrong]:
    yield Wrong(method, path, body, "type", [*NO_TEXT, ""], "Message type is required")
    yield Wrong(method, path, body, "type", ["sms"], "Unsupported message type: sms")
    yield Wrong(method, path, body, "text", [*NO_TEXT, ""], "Text is required")
    yield Wrong(method, path, {**body, "type": "image"}, "url", ["", None], "File or URL is required")
    yield Wrong(method, path, {**body, "type": "image"}, "file", ["a.jpg", 5, {}], "File or URL is required")
    yield Wrong(method, path, {**body, "type": "image"}, "url", NO_URL, "Invalid URL")
    image = {**body, "type": "image", "url": "https://example.com/a.jpg"}
    yield Wrong(method, path, image, "caption", NO_TEXT[1:], "Caption must be a string")
    yield Wrong(method, path, image, "fileName", NO_TEXT[1:], "fileName must be a string")
    yield Wrong(method, path, image, "mimetype", NO_TEXT[1:], "mimetype must be a string")
    if "channels" not in path:
        no_template: list[Any] = [None, True, 0, 1.5, [], ["x"], "", {}]
        yield Wrong(method, path, {**body, "type": "template"}, "template", no_template, "Template is required")


def wrong_times(method: str, path: str, body: dict[str, Any]) -> Iterator[Wrong]:
    yield Wrong(method, path, body, "sendAt", [None, ""], "sendAt is required")
    malformed = [
        True,
        1763128080,
        ["2025-11-14 13:48:00"],
        {},
        "tomorrow",
        "2025-11-14",
        "2025-11-14 13:48",
        "2025-11-14T13:48:00",
        "2025-11-14 13:48:00Z",
        " 2025-11-14 13:48:00",
        "2025-11-14 13:48:00\n",
        "2025-13-01 00:00:00",
        "2026-02-30 10:00:00",
        "2025-11-14 24:00:00",
        "0000-01-01 00:00:00",
        "٢٠٢٥-١١-١٤ ١٣:٤٨:٠٠",
    ]
    yield Wrong(method, path, body, "sendAt", malformed, "Invalid sendAt format. Use YYYY-MM-DD HH:mm:ss")
    past = ["2025-11-14 10:00:00", "2020-01-01 00:00:00", "0001-01-01 00:00:00"]
    yield Wrong(method, path, body, "sendAt", past, "sendAt must be in the future")


@pytest.mark.parametrize("wrong", list(all_wrong()), ids=lambda wrong: f"{wrong.path} {wrong.field}: {wrong.refusal}")
def test_a_field_with_a_wrong_value_is_refused_in_its_own_words(wrong: Wrong, client: Client, world: World) -> None:
    task = client.post("/schedule-message", headers=KEY, json=SCHEDULED).json["task_id"]  # type: ignore[index]
    path = wrong.path.format(task=task)

    for value in wrong.values:
        response = refused(client, world, wrong.method, path, json={**wrong.body, wrong.field: value})

        assert response.status_code == 400
        assert response.json == {"success": False, "message": wrong.refusal}, value
