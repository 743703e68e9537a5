"""Examples of requests and answers: those of the contract, with the tag that says where each comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from flaresend_mock.contract import TAGS, Case

MOST_ASSUMED = 5
"""How many of what is only assumed stand beside what is documented."""


class Examples:
    """The cases of the contract by the call that they are about.

    Args:
        routes: finds the call by method and path.
    """

    def __init__(self, cases: Iterable[Case], routes: Map) -> None:
        self._cases: dict[str, list[Case]] = {}
        adapter = routes.bind("localhost")
        for case in cases:
            path = unquote(case.request["path"].partition("?")[0])
            try:
                endpoint, _ = adapter.match(path, method=case.request["method"])
            except HTTPException:
                continue
            self._cases.setdefault(endpoint, []).append(case)

    def tag(self, endpoint: str) -> str:
        """Return where a call is from: the strongest tag that any of its cases has."""
        tags = {case.tag for case in self._cases.get(endpoint, ())}
        return next((tag for tag in TAGS if tag in tags), TAGS[-1])

    def requests(self, endpoint: str) -> dict[str, Any]:
        """Return bodies that are accepted, by name."""
        return dict(_chosen(self._accepted(endpoint)))

    def answers(self, endpoint: str, status: int) -> dict[str, Any]:
        """Return answers with a status, by name."""
        found = [case for case in self._cases.get(endpoint, ()) if case.response["status"] == status]
        return dict(_chosen((case, case.response["body"]) for case in found))

    def _accepted(self, endpoint: str) -> Iterator[tuple[Case, Any]]:
        found = [
            (case, case.request["json"])
            for case in self._cases.get(endpoint, ())
            if case.response["status"] == 200 and "json" in case.request
        ]
        yield from sorted(found, key=lambda one: one[1].get("type") != "text")  # most want to say something


def _chosen(found: Iterable[tuple[Case, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield examples, each of its kind once: all that are documented, and some of what is assumed."""
    seen, assumed = set(), 0
    for case, value in sorted(found, key=lambda one: TAGS.index(one[0].tag)):
        shown = json.dumps(value, sort_keys=True)
        assumed += case.tag == TAGS[-1]
        if shown in seen or assumed > MOST_ASSUMED:
            continue
        seen.add(shown)
        yield (
            case.name.partition("/")[2],
            {
                "summary": case.title,
                "value": value,
                "x-fidelity": case.tag,
            },
        )
