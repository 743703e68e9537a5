"""Each source that the fidelity table names exists, and what is documented is printed there.

`documentation.json` has the headings of the documents that are sources, and of Flaresend's documentation the endpoints,
the fields of requests, the printed requests and responses, and the words that the table quotes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from flaresend_mock.contract import Behaviour, Case, behaviours, cases

DOCUMENTS: dict[str, dict[str, dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "documentation.json").read_text(encoding="utf-8")
)
PUBLIC_PROJECTS = re.compile(r"(Baileys|whatsmeow|unoapi-cloud)( [\d.]+)?, (src/[\w/.-]+|[\w-]+\.go|issue \d+)")
OWN = {"flaresend-api.md": "documented", "flaresend-api-since.md": "documented-later"}

ENTRIES: list[Case | Behaviour] = [*cases(), *behaviours()]
DOCUMENTED = [entry for entry in ENTRIES if entry.tag.startswith("documented")]
CASES = [entry for entry in DOCUMENTED if isinstance(entry, Case)]


def section_of(source: str) -> dict[str, Any]:
    document, _, heading = source.partition(", ")
    return DOCUMENTS[document][heading]


def test_every_source_exists() -> None:
    for entry in ENTRIES:
        assumed = entry.assumes.values() if isinstance(entry, Case) else ()
        for source in [entry.source, *assumed]:
            document, _, heading = source.partition(", ")
            if not PUBLIC_PROJECTS.fullmatch(source):
                heading = heading.removesuffix("silent").removesuffix(", ")
                assert heading in DOCUMENTS[document] or (not heading and source.endswith(", silent")), source
        assert not assumed or entry.tag != "assumed", entry.title


def test_what_is_documented_names_the_document_of_its_tag_and_quotes_it() -> None:
    for entry in ENTRIES:
        document = entry.source.split(", ")[0]
        was_documented = entry.quote.startswith("documented from ")
        assert entry.tag not in OWN.values() or OWN.get(document) == entry.tag or was_documented, entry.title
        assert not entry.quote or entry.quote in section_of(entry.source)["quotes"], entry.title


def test_a_documented_behaviour_quotes_its_source() -> None:
    assert [entry.title for entry in DOCUMENTED if isinstance(entry, Behaviour) and not entry.quote] == []


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_documented_case_is_printed_in_its_source(case: Case) -> None:
    """The request is printed, or its endpoint and its fields are documented; or the source says so in words."""
    section = section_of(case.source)
    request, response = printed_request(case, section), printed_response(case, section)

    assert case.quote or request or response
    if not case.quote:
        assert request or is_described(case, section), "the request is documented nowhere"
    if not case.quote and not response:
        assert "No response is printed" in case.note or "prints" in case.note


def printed_request(case: Case, section: dict[str, Any]) -> bool:
    sent = {name: value for name, value in case.request.items() if name in ("method", "path", "json")}
    if "multipart" in case.request:
        sent["form"] = [[part["name"], part.get("value")] for part in case.request["multipart"]]
    return sent in section.get("requests", ())


def is_described(case: Case, section: dict[str, Any]) -> bool:
    """Tell whether the section documents the endpoint of a request and each field of its body."""
    path, _, query = case.request["path"].partition("?")
    called = f"{case.request['method']} {path}"
    body = [part["name"] for part in case.request.get("multipart", ())] or list(case.request.get("json", ()))
    return (
        any(re.fullmatch(re.sub(r"{\w+}|:\w+", "[^/]+", one), called) for one in section["endpoints"])
        and set(body) <= set(section.get("fields", ()))
        and {pair.partition("=")[0] for pair in query.split("&") if pair} <= set(section.get("query", ()))
    )


def printed_response(case: Case, section: dict[str, Any]) -> bool:
    return any(is_like(case.response["body"], one, case.varies) for one in section.get("responses", ()))


def is_like(actual: Any, printed: Any, varies: tuple[str, ...], at: str = "") -> bool:
    """Tell whether JSON is as printed, key by key in order, but for what varies and for the ids of earlier calls."""
    if at in varies or (isinstance(actual, str) and actual.startswith("{")):
        return type(actual) is type(printed)
    if isinstance(actual, dict) and isinstance(printed, dict):
        same = list(actual) == list(printed)
        return same and all(is_like(actual[key], printed[key], varies, f"{at}/{key}") for key in actual)
    if isinstance(actual, list) and isinstance(printed, list):
        pairs = enumerate(zip(actual, printed, strict=False))
        return len(actual) == len(printed) and all(is_like(*both, varies, f"{at}/{i}") for i, both in pairs)
    return actual == printed and type(actual) is type(printed)
