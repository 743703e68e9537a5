"""docs/testing/troubleshooting.md has the messages that users see."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "testing" / "troubleshooting.md").read_text(encoding="utf-8")
OURS, OTHERS = PAGE.split("## Messages of others")
SYSTEM = ("Address already in use", "Permission denied", "Connection refused")
"""Reasons that the operating system gives."""
FORMATTED = {"no message": "no {model.__name__.lower()}"}
"""Pieces that the sources write in another way."""


@cache
def sources() -> str:
    """Return the package's texts, with strings that go on in the next line in one piece."""
    suffixes = (".py", ".json", ".txt")
    files = [one for one in (REPOSITORY / "flaresend_mock").rglob("*.*") if one.suffix in suffixes]
    text = "\n".join(one.read_text(encoding="utf-8") for one in files if "swagger-ui" not in one.parts)
    return re.sub(r'"\n\s+f?"', "", text)


def messages() -> list[str]:
    cells = [line.split(" | ")[0] for line in OURS.splitlines() if line.startswith("| `")]
    return [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]


def test_many_messages_are_explained() -> None:
    assert len(messages()) > 35
    assert len(messages()) == len(set(messages()))


@pytest.mark.parametrize("message", messages())
def test_a_message_is_in_the_sources(message: str) -> None:
    pieces = [FORMATTED.get(piece.strip(" :"), piece.strip(" :")) for piece in message.split("…")]

    assert [piece for piece in pieces if piece not in sources() and piece not in SYSTEM] == []


def test_no_message_of_others_is_ours() -> None:
    cells = [line.split(" | ")[0] for line in OTHERS.splitlines() if line.startswith("| `")]
    found = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]

    assert len(found) > 8
    assert [one for one in found if one in sources()] == []
