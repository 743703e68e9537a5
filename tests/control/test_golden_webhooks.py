"""Every kind of message arrives exactly as its golden file says, byte for byte."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import Any

import pytest

from flaresend_mock.core.kinds import KINDS
from tests.golden import CASES, FOLDER, Case, documented_world, event_of

THUMBNAIL = re.compile(rb'(?<="jpegThumbnail":")[^"]*')


def golden(name: str) -> dict[str, Any]:
    file: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return file


def compact(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def test_there_is_a_golden_file_for_every_kind_and_none_besides() -> None:
    names = {case.name for case in CASES}

    assert {kind.replace("_", "-") for kind in KINDS} <= names
    assert {file.stem for file in FOLDER.glob("*.json")} == names


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_event_is_delivered_as_the_golden_file_says(case: Case) -> None:
    expected = golden(case.name)

    request, body = event_of(case, documented_world())

    assert json.dumps(request) == json.dumps(expected["request"])
    assert THUMBNAIL.sub(b"", body) == THUMBNAIL.sub(b"", compact(expected["event"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_thumbnail_is_a_jpeg_in_padded_base64(case: Case) -> None:
    _, body = event_of(case, documented_world())

    for thumbnail in THUMBNAIL.findall(body):
        picture = b64decode(thumbnail, validate=True)
        assert picture.startswith(b"\xff\xd8\xff")
        assert picture.endswith(b"\xff\xd9")


def test_a_text_differs_from_the_documented_event_only_in_what_is_random() -> None:
    event = golden("text")["event"]

    message = event["data"]["message"]
    metadata = message["messageContextInfo"]["deviceListMetadata"]
    assert list(event) == ["event", "instanceId", "data", "timestamp"]
    assert list(event["data"]) == ["from", "message", "timestamp", "id"]
    assert list(message) == ["conversation", "messageContextInfo"]
    assert list(metadata) == ["senderKeyHash", "senderTimestamp", "recipientKeyHash", "recipientTimestamp"]
    assert event["timestamp"] == "2025-10-17T12:47:59.689Z"
    assert event["data"]["timestamp"] == 1760705280
    assert event["data"]["from"] == "254712345678@s.whatsapp.net"
    assert message["conversation"] == "Hi, how are you"


def test_a_raw_message_keeps_its_own_order_of_keys() -> None:
    assert list(golden("raw")["event"]["data"]["message"]) == ["messageContextInfo", "eventMessage"]
