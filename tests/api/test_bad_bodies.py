"""Bodies that are wrong in one way, and unusual ones that are right."""

from __future__ import annotations

import gc
import json
import warnings
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from flaresend_mock.core.world import World
from tests.contents import contents, refused
from tests.defaults import ANN, BEN, INSTANCE, OWNED, PROJECT
from tests.support import KEY, client_of

MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
TAKING_JSON = [
    ("POST", "/send-message"),
    ("POST", "/schedule-message"),
    ("PATCH", "/scheduled-messages/SCHED-1"),
    ("POST", "/groups"),
    ("POST", "/groups/send-message"),
    ("POST", f"/groups/{PROJECT}/participants"),
    ("POST", "/channels"),
    ("PUT", f"/channels/{OWNED}"),
    ("POST", f"/channels/{OWNED}/message"),
    ("POST", "/check-number"),
]


def send(client: Client, **changes: Any) -> TestResponse:
    return client.post("/send-message", headers=KEY, json={**MESSAGE, **changes})


def sent(client: Client) -> list[dict[str, Any]]:
    response = client.get("/_mock/messages")
    assert response.status_code == 200, response.text
    assert response.json is not None
    messages: list[dict[str, Any]] = response.json["messages"]
    return messages


def can_be_shown(client: Client) -> bool:
    return all(client.get(f"/_mock/{what}").status_code == 200 for what in ("messages", "requests", "events"))


def form(*parts: str, end: str = "--b--\r\n") -> dict[str, Any]:
    """Return a multipart body of these parts."""
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + end
    return {"data": body.encode(), "content_type": "multipart/form-data; boundary=b"}


def part(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


FILE = 'Content-Disposition: form-data; name="file"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF'


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"type": "text",}',
        b"{'type': 'text'}",
        b'{"type": "text"} x',
        b"type=text",
        b"\x00",
        b"\xff\xfe",
        b'{"text": "\xff"}',
        b'{"text": "\xed\xa0\x80"}',  # a lone surrogate, written as UTF-8 may not be
        b'{"text": NaN}',
        b'{"text": Infinity}',
        b'{"text": -Infinity}',
        b'{"text": 0x10}',
        b'{"text": "a\nb"}',
        b'{"text": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"text": ' + b"[" * 200 + b"]" * 200 + b"}",
        b"[]",
        b'["text"]',
        b"null",
        b"true",
        b"5",
        b'"text"',
        b" ",
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_what_is_no_json_object_is_refused(body: bytes, client: Client, world: World) -> None:
    for method, path in TAKING_JSON:
        response = refused(client, world, method, path, data=body, content_type="application/json")

        assert response.json == {"success": False, "message": "Invalid JSON body"}, path
    assert can_be_shown(client)


@pytest.mark.parametrize("length", ["abc", "1e3", "-5", "", "\u00b2", "9" * 5000])
def test_a_body_without_a_usable_length_is_none(length: str, client: Client, world: World) -> None:
    """The emulator's own server refuses it before. Others may not."""
    odd = {"data": b"{}", "content_type": "application/json", "environ_overrides": {"CONTENT_LENGTH": length}}

    for method, path in TAKING_JSON:
        refused(client, world, method, path, **odd)
    assert client.post("/_mock/inbound", **odd).status_code == 400


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/octet-stream", "json", "/", None]
)
def test_json_of_another_content_type_is_refused(content_type: str | None, client: Client, world: World) -> None:
    body = json.dumps(MESSAGE)

    response = refused(client, world, "POST", "/send-message", data=body, content_type=content_type)

    assert response.status_code == 415
    assert response.json == {"success": False, "message": "Content-Type must be application/json"}


@pytest.mark.parametrize(
    "request_",
    [
        {**form(FILE), "content_type": "multipart/form-data"},
        {**form(FILE), "content_type": "multipart/form-data; boundary="},
        {**form(FILE), "content_type": "multipart/form-data; boundary=other"},
        form(FILE, end=""),
        form(FILE, end="--b"),
        form(FILE[:50], end=""),
        form("garbage"),
        form("Content-Type: text/plain\r\n\r\nno name at all"),
        {"data": b"\xff\xfe\x00", "content_type": "multipart/form-data; boundary=b"},
    ],
)
def test_a_broken_form_is_refused(request_: dict[str, Any], client: Client, world: World) -> None:
    response = refused(client, world, "POST", "/send-message", **request_)

    assert response.status_code == 400
    assert response.json == {"success": False, "message": "Invalid form body"}
    assert can_be_shown(client)


@pytest.mark.parametrize("disposition", ["form-data", 'form-data; filename="a.pdf"', "attachment"])
def test_a_part_without_a_name_is_refused_or_ignored(disposition: str, client: Client, world: World) -> None:
    nameless = f"Content-Disposition: {disposition}\r\n\r\nx"

    refused(client, world, "POST", "/send-message", **form(nameless))

    assert can_be_shown(client)


def test_a_broken_upload_leaves_no_file_open(client: Client, world: World) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        refused(client, world, "POST", "/send-message", **form(FILE, FILE, end=""))
        gc.collect()

    assert [str(warning.message) for warning in warned] == []


@pytest.mark.parametrize("name", ["type", "text", "recipients", "url", "sendAt"])
def test_a_file_where_text_belongs_is_refused(name: str, client: Client, world: World) -> None:
    fields = {"recipients": ANN, "type": "image", "url": "https://example.com", "text": "Hello", "sendAt": ""}
    parts = [part(field, value) for field, value in fields.items() if field != name]

    refused(client, world, "POST", "/schedule-message", **form(*parts, FILE.replace("file", name, 1)))

    assert can_be_shown(client)


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {**MESSAGE, "text": "x" * 2000}},
        {"data": {"text": "x" * 2000}, "content_type": "application/x-www-form-urlencoded"},
        form(part("text", "x" * 2000)),
        form(FILE + "x" * 2000),
    ],
)
def test_a_body_over_the_limit_is_refused(request_: dict[str, Any], world: World) -> None:
    client = client_of(world, max_body_size=1000)

    response = refused(client, world, "POST", "/send-message", **request_)

    assert response.status_code == 413
    assert response.json == {"success": False, "message": "Request body too large"}


def test_a_body_just_within_the_limit_is_accepted(world: World) -> None:
    body = json.dumps(MESSAGE).encode()
    client = client_of(world, max_body_size=len(body))

    response = client.post("/send-message", headers=KEY, data=body, content_type="application/json")

    assert response.status_code == 200


def test_five_thousand_recipients_are_fine(client: Client) -> None:
    people = [str(254720000000 + n) for n in range(5000)]

    response = send(client, recipients=people)

    assert response.json is not None
    assert response.json["message"] == "Message sending completed: 5000 successful, 0 failed"
    assert response.json["successful_recipients"] == [f"{number}@s.whatsapp.net" for number in people]
    assert [message["to"] for message in sent(client)] == people


@pytest.mark.parametrize(
    "words",
    [
        "x" * 100_000,
        "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈",
        "שלום עולם \u202b(مرحبا)\u202c",
        "e\u0301 is not é",
        "a\x00b",
        "\u2028\u2029\ufeff",
        "</script><script>alert(1)</script>",
        "line\r\nline\ttab",
        " ",
        "\\u0041 %41 &amp;",
    ],
    ids=lambda words: ascii(words[:10]),
)
def test_text_arrives_as_it_was_sent(words: str, client: Client) -> None:
    as_json = send(client, text=words)
    as_utf_8 = client.post(
        "/send-message",
        headers=KEY,
        data=json.dumps({**MESSAGE, "text": words}, ensure_ascii=False).encode(),
        content_type="application/json",
    )

    assert (as_json.status_code, as_utf_8.status_code) == (200, 200)
    assert [message["text"] for message in sent(client)] == [words, words]


def test_a_lone_surrogate_becomes_a_replacement_character(client: Client) -> None:
    body = '{"recipients": ["\\ud800", "254712345678"], "type": "text", "text": "a\\udc00b", "x\\ud800": 1}'

    response = client.post("/send-message", headers=KEY, data=body, content_type="application/json")

    assert response.json is not None
    assert response.json["invalid_recipients"] == ["\ufffd"]
    assert [message["text"] for message in sent(client)] == ["a\ufffdb"]
    assert can_be_shown(client)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_json_in_another_encoding_breaks_nothing(encoding: str, client: Client) -> None:
    body = json.dumps({**MESSAGE, "text": "\ud800"}).encode(encoding)

    response = client.post("/send-message", headers=KEY, data=body, content_type="application/json")

    assert response.status_code in (200, 400)
    assert can_be_shown(client)


@pytest.mark.parametrize("value", ["1e999", "-1e999", "[1e999]", '{"a": 1e999}'])
@pytest.mark.parametrize("field", ["template", "unknown"])
def test_a_number_too_big_for_javascript_breaks_nothing(value: str, field: str, client: Client) -> None:
    body = f'{{"recipients": ["{ANN}"], "type": "template", "template": {{"x": 1}}, "{field}": {value}}}'
    if field == "template":
        body = f'{{"recipients": ["{ANN}"], "type": "template", "template": {{"x": {value}}}}}'

    response = client.post("/send-message", headers=KEY, data=body, content_type="application/json")

    assert response.status_code in (200, 400)
    assert can_be_shown(client)


@pytest.mark.parametrize("given", [10**15, 10**4000, -1, 0])
def test_a_huge_integer_is_an_invalid_recipient(given: int, client: Client) -> None:
    response = send(client, recipients=[given, int(ANN)])

    assert response.json is not None
    assert response.json["invalid_recipients"] == [str(given)]
    assert response.json["successful_recipients"] == [f"{ANN}@s.whatsapp.net"]


def test_the_last_of_duplicate_keys_counts(client: Client) -> None:
    body = f'{{"recipients": ["{BEN}"], "recipients": ["{ANN}"], "type": "image", "type": "text", "text": "Hi"}}'

    response = client.post("/send-message", headers=KEY, data=body, content_type="application/json")

    assert response.status_code == 200
    assert [(message["to"], message["type"]) for message in sent(client)] == [(ANN, "text")]


def test_nesting_of_a_hundred_levels_is_kept(client: Client) -> None:
    template: dict[str, Any] = {}
    for _ in range(97):
        template = {"inner": template}

    response = send(client, type="template", template=template)

    assert response.status_code == 200
    assert [message["template"] for message in sent(client)] == [template]
    assert can_be_shown(client)


def test_fields_nobody_knows_are_ignored(client: Client) -> None:
    response = send(client, constructor={"prototype": 1}, __proto__=[], success=False, instance="x", id=None)

    assert response.status_code == 200


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "a/b.pdf", "отчёт 📄.pdf"])
def test_a_file_name_is_data(name: str, client: Client) -> None:
    upload = FILE.replace("a.pdf", name.replace("\\", "\\\\"))

    response = client.post(
        "/send-message", headers=KEY, **form(part("recipients[]", ANN), part("type", "document"), upload)
    )

    assert response.status_code == 200
    assert [message["fileName"] for message in sent(client)] == [name]


def test_a_call_that_is_refused_leaves_the_phone_as_it_was(client: Client, world: World) -> None:
    world.pairing.set_status(INSTANCE, "disconnected")
    before = contents(world)

    response = send(client)

    assert response.status_code == 425
    assert contents(world) == before
