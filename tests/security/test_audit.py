"""What pip-audit reports is judged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.security.audit import judge

FINE = {"name": "flask", "version": "3.1.2", "vulns": []}
SKIPPED = {"name": "flask", "skip_reason": "Dependency not found and could not be audited"}
OURS = {"name": "flaresend-mock", "skip_reason": "Dependency not found and could not be audited"}
FLAW = {"id": "PYSEC-2023-62", "fix_versions": ["2.2.5"], "aliases": [], "description": ""}
BAD = {"name": "flask", "version": "2.0.0", "vulns": [FLAW]}


@pytest.mark.parametrize(
    ("packages", "fine", "why"),
    [
        ([FINE, OURS], True, "1 of 1 packages audited"),
        ([SKIPPED, OURS], True, "nothing was audited"),
        ([FINE, SKIPPED], True, "1 of 2 packages audited"),
        ([FINE, BAD], False, "flask 2.0.0: PYSEC-2023-62, mended in 2.2.5"),
    ],
)
def test_a_report_is_judged(packages: list[dict[str, Any]], fine: bool, why: str) -> None:
    judged, said = judge(json.dumps({"dependencies": packages, "fixes": []}))
    assert (judged, said[: len(why)]) == (fine, why)


def test_no_report_means_that_nothing_was_audited() -> None:
    assert judge("\n") == (True, "nothing was audited: no advisory service could be reached")
