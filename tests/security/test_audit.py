"""What pip-audit reports is judged."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import version
from typing import Any

import pytest

from tests.security.audit import judge
from tests.support import REPOSITORY

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


MENDED = {
    "flask": ("3.1.3", "CVE-2025-47278, CVE-2026-27205"),
    "werkzeug": ("3.1.6", "CVE-2025-66221, CVE-2026-21860, CVE-2026-27199"),
    "marshmallow": ("4.1.2", "CVE-2025-68480"),
    "click": ("8.3.3", "CVE-2026-7246, which its authors dispute and scanners report"),
    "requests": ("2.33", "CVE-2024-47081, CVE-2026-25645"),
    "urllib3": ("2.8", "CVE-2026-97687, CVE-2026-97688, CVE-2026-97689"),
    "cryptography": ("50", "CVE-2026-26007, CVE-2026-34073, CVE-2026-39892, CVE-2026-69247"),
    "pillow": ("13", "CVE-2026-25990, CVE-2026-42309, CVE-2026-59197 and others in 12.3; CVE-2026-112403 after it"),
}
"""The first release of each dependency without a known advisory, as of 2026-11, and the advisories before it."""


def parts(release: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", release)[:3]]


@pytest.mark.parametrize("name", MENDED)
def test_no_release_with_a_known_advisory_is_allowed(name: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    bounds = dict(re.match(r"([\w-]+)>=([\d.]+)", one).groups() for one in project["dependencies"])  # type: ignore

    assert parts(bounds[name]) >= parts(MENDED[name][0]), MENDED[name][1]
    assert parts(version(name)) >= parts(bounds[name])
