"""The contract: documented requests with their answers, as data, each with its tag and its source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flaresend_mock.package_data import FIXTURES

TAGS = ("documented", "documented-later", "assumed")


@dataclass(frozen=True, slots=True)
class Case:
    """One file under fixtures/contract.

    `given` is what comes first: `world` (parts of a world file, laid over the default one), `clock` (a time
    at which it is frozen) and `calls` (requests, from whose answers `keep` takes values by JSON pointer).
    `varies` holds JSON pointers to values of the answer that are ids or times: only their type counts.
    """

    name: str
    title: str
    tag: str
    source: str
    request: dict[str, Any]
    answer: dict[str, Any]
    given: dict[str, Any] = field(default_factory=dict)
    varies: tuple[str, ...] = ()
    note: str = ""

    @property
    def resource(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Something that no single answer shows; `test` names the test that does."""

    title: str
    tag: str
    source: str
    test: str


def cases(folder: Path = FIXTURES / "contract") -> Iterator[Case]:
    """Yield all cases by name."""
    for file in sorted(folder.glob("*/*.json")):
        data = json.loads(file.read_text(encoding="utf-8"))
        data["varies"] = tuple(data.get("varies", ()))
        yield Case(name=f"{file.parent.name}/{file.stem}", **data)


def behaviours(file: Path = FIXTURES / "contract" / "behaviours.json") -> list[Behaviour]:
    """Return the behaviours that have a test of their own."""
    return [Behaviour(**entry) for entry in json.loads(file.read_text(encoding="utf-8"))]
