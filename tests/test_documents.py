"""The documents link to files and headings and name files that exist, and docs/README.md lists them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import REPOSITORY

DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "CHANGELOG.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted((REPOSITORY / "docs" / "testing").glob("*.md")),
    *sorted((REPOSITORY / ".github").glob("*.md")),
]


def without_code(markdown: str) -> str:
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", markdown, flags=re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: str(one.relative_to(REPOSITORY)))
def test_links_lead_to_files_and_headings(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text(encoding="utf-8")))

    wrong = []
    for link in links:
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        to = (document.parent / path).resolve() if path else document
        if not to.exists() or (anchor and anchor not in anchors(to)):
            wrong.append(link)
    assert wrong == []


def test_files_of_the_project_that_documents_name_exist() -> None:
    folders = "|".join(one.name for one in (REPOSITORY / "flaresend_mock").iterdir() if one.is_dir())
    named = re.compile(rf"`((?:tests|fixtures|docs|flaresend_mock|{folders})/[\w./-]+|test_\w+\.py)`")
    places = [REPOSITORY, REPOSITORY / "flaresend_mock", REPOSITORY / "tests" / "security"]

    wrong = {
        (document.name, name)
        for document in DOCUMENTS
        if document.name != "CHANGELOG.md"  # its table of renames has old names
        for name in named.findall(document.read_text(encoding="utf-8"))
        if not any((place / name).exists() for place in places)
    }
    assert wrong == set()


@pytest.mark.parametrize("folder", ["docs", "docs/testing"])
def test_the_index_lists_every_document(folder: str) -> None:
    index = REPOSITORY / folder / "README.md"

    links = re.findall(r"\]\(([^)#\s]+)", index.read_text(encoding="utf-8"))
    listed = {(index.parent / link).resolve() for link in links}
    assert {one.name for one in index.parent.glob("*.md") if one.resolve() not in listed} == {"README.md"}
