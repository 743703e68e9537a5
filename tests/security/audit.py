"""Reads what pip-audit found: fails if a package has a known vulnerability, and says so if nothing could be looked up.

    pip-audit --format json --path SITE_PACKAGES | python tests/security/audit.py

A machine without an advisory service audits nothing. That is no failure, but it is no success either, so it is said.
"""

from __future__ import annotations

import json
import sys
from typing import Any

OURS = "flaresend-mock"


def judge(report: str) -> tuple[bool, str]:
    """Tell whether there is nothing to object to, and why."""
    if not report.strip():
        return True, "nothing was audited: no advisory service could be reached"
    packages: list[dict[str, Any]] = [
        package for package in json.loads(report)["dependencies"] if package["name"] != OURS
    ]
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'none'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    if found:
        return False, "\n".join(found)
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        return True, f"nothing was audited: no advisories on any of {len(packages)} packages could be reached"
    return True, f"{len(audited)} of {len(packages)} packages audited, none has a known vulnerability"


if __name__ == "__main__":
    fine, why = judge(sys.stdin.read())
    print(why)
    raise SystemExit(not fine)
