"""Examples of requests and responses: the cases of the contract, with the tag that says where each comes from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from flaresend_mock.contract import TAGS, Case

MOST_ASSUMED = 5
"""How many assumed examples stand beside the documented ones."""


class Examples:
    """The cases of the contract, by endpoint.

    Args:
        routes: finds the endpoint by method and path.
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
        """Return the strongest tag of an endpoint's cases."""
        tags = {case.tag for case in self._cases.get(endpoint, ())}
        return next((tag for tag in TAGS if tag in tags), TAGS[-1])

    def requests(self, endpoint: str) -> dict[str, Any]:
        """Return accepted bodies, by name."""
        return dict(_chosen(self._accepted(endpoint)))

    def responses(self, endpoint: str, status: int) -> dict[str, Any]:
        """Return responses with a status, by name."""
        found = [case for case in self._cases.get(endpoint, ()) if case.response["status"] == status]
        return dict(_chosen((case, case.response["body"]) for case in found))

    def _accepted(self, endpoint: str) -> Iterator[tuple[Case, Any]]:
        found = [
            (case, case.request["json"])
            for case in self._cases.get(endpoint, ())
            if case.response["status"] == 200 and "json" in case.request
        ]
        yield from sorted(found, key=lambda one: one[1].get("type") != "text")  # most people send a text


def _chosen(found: Iterable[tuple[Case, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield examples without duplicates: all documented ones, and some assumed ones."""
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
