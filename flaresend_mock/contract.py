"""The contract: documented requests with their responses, as data, and the fidelity table made from them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flaresend_mock.package_data import FIXTURES, load_fixture

TAGS = ("documented", "documented-later", "observed", "assumed")


@dataclass(frozen=True, slots=True)
class Case:
    """One file under fixtures/contract.

    `given` is what comes before the request: `world` (parts of a world file, laid over the default one), `clock` (the
    time at which the clock is frozen) and `calls` (requests; `keep` takes values from their responses by JSON pointer).
    `varies` holds JSON pointers to ids and times in the response: only their type counts. `quote` holds words of the
    source. `assumes` names the parts of a documented case that are assumed, each with the source of that.
    """

    name: str
    title: str
    tag: str
    source: str
    request: dict[str, Any]
    response: dict[str, Any]
    given: dict[str, Any] = field(default_factory=dict)
    varies: tuple[str, ...] = ()
    note: str = ""
    quote: str = ""
    assumes: dict[str, str] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A behaviour that no single response shows; `test` names the test that does."""

    title: str
    tag: str
    source: str
    test: str
    quote: str = ""


def cases(folder: Path = FIXTURES / "contract") -> Iterator[Case]:
    for file in sorted(folder.glob("*/*.json")):
        data = json.loads(file.read_text(encoding="utf-8"))
        data["varies"] = tuple(data.get("varies", ()))
        yield Case(name=f"{file.parent.name}/{file.stem}", **data)


def behaviours() -> list[Behaviour]:
    return [Behaviour(**entry) for entry in load_fixture("contract/behaviours.json")]


def fidelity_table() -> str:
    """Return a Markdown document that says of each behaviour whether it is documented or assumed."""
    from jinja2 import Template  # slow to import, rarely needed

    all_cases, all_behaviours = list(cases()), behaviours()
    tags = [case.tag for case in all_cases] + [entry.tag for entry in all_behaviours]
    tags += [TAGS[-1] for case in all_cases for _ in case.assumes]
    template = Template((FIXTURES / "contract" / "fidelity.md.jinja").read_text("utf-8"), trim_blocks=True)
    counts = {tag: tags.count(tag) for tag in TAGS}
    return str(template.render(counts=counts, cases=all_cases, behaviours=all_behaviours))
