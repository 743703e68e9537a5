"""Documents, pages, docstrings, messages, help and OpenAPI texts avoid words that hide who does what.

`BANNED` lists each word with what to write instead.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from flaresend_mock import FlaresendMock
from flaresend_mock.cli import cli
from flaresend_mock.settings import Settings, texts
from tests.support import REPOSITORY

BANNED = {
    r"who(m?ever|se?soever)": "name the actor: the client, the receiver, the application, you",
    r"(some|no|any|every)body": "name the actor, or say: a person, no person, other numbers",
    r"what is no": "what is not, or the plain noun",
    r"as (it is|they are|it stands|they stand)(?=[^\w\s]|$)": "unchanged, exactly, or nothing",
    r"once more": "again",
    r"answer\w*": "response (HTTP), auto-reply (a person), reply (a fault, a button, a list), return (a function)",
    r"steer\w*": "control",
    r"(go|goes|going|went) wrong": "fail",
    r"so-manieth|so many(th)?": "every Nth, or the number",
    r"of one's own": "separate, or your own",
    r"lived in": "with sample conversations",
    r"still to be|yet to come": "pending",
    r"courier|journal": "webhook sender, request log",
}
PATTERN = re.compile(rf"\b(?:{'|'.join(BANNED)})(?!\w)", re.IGNORECASE)

DOCUMENTS = [
    "README.md",
    ".github/CONTRIBUTING.md",
    ".github/SECURITY.md",
    *(f"docs/{one.name}" for one in sorted((REPOSITORY / "docs").glob("*.md"))),
]

PACKAGE = REPOSITORY / "flaresend_mock"
FILES = sorted(PACKAGE.rglob("*.py"))


def found(text: str) -> list[str]:
    """Return the banned words of a text, each with its surroundings."""
    return [text[max(0, one.start() - 40) : one.end() + 40].replace("\n", " ") for one in PATTERN.finditer(text)]


def prose(markdown: str) -> str:
    """Return a document without its code: fenced blocks, code spans and link targets."""
    markdown = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`|\]\([^)\n]*\)", "", markdown)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_use_plain_words(name: str) -> None:
    assert found(prose((REPOSITORY / name).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_docstrings_and_messages_use_plain_words(file: Path) -> None:
    assert found("\n\n".join(texts_in(file.read_text(encoding="utf-8")))) == []


def test_pages_use_plain_words() -> None:
    folder = PACKAGE / "dashboard"
    files = [*folder.rglob("*.html"), *(file for file in folder.rglob("*.js") if not file.name.endswith(".min.js"))]

    assert {file.name: hits for file in files if (hits := found(file.read_text("utf-8")))} == {}


def texts_in(source: str) -> Iterator[str]:
    """Yield every docstring and every string of more than one word of a module, without code spans."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield re.sub(r"`[^`\n]*`", "", node.value)


def test_options_use_plain_words() -> None:
    assert {option.name: hits for option in fields(Settings) if (hits := found(texts(option)[0]))} == {}


def test_help_of_commands_uses_plain_words() -> None:
    assert dict(wrong_help("flaresend-mock", cli)) == {}


def wrong_help(name: str, command: click.Command) -> Iterator[tuple[str, list[str]]]:
    """Yield each command and option with banned words in its help."""
    texts = [command.help, command.short_help, command.epilog, *(getattr(one, "help", None) for one in command.params)]
    if hits := found("\n\n".join(text for text in texts if text)):
        yield name, hits
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            one = command.get_command(context, inner)
            assert one is not None
            yield from wrong_help(f"{name} {inner}", one)


@pytest.mark.parametrize("path", ["/_mock/openapi.json", "/_mock/control/openapi.json"])
def test_openapi_texts_use_plain_words(path: str) -> None:
    document = FlaresendMock().app.test_client().get(path).get_json()

    assert {where: hits for where, text in texts_of(document) if (hits := found(text))} == {}


def texts_of(node: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield each title, summary and description of an OpenAPI document with its place."""
    if isinstance(node, dict):
        for name, inner in node.items():
            if name in ("title", "summary", "description") and isinstance(inner, str):
                yield where, re.sub(r"`[^`\n]*`", "", inner)
            elif name not in ("example", "examples"):
                yield from texts_of(inner, f"{where}/{name}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from texts_of(inner, f"{where}/{number}")
