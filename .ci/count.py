"""Print the count of all tests, from the reports that pytest writes with --junit-xml.

    python .ci/count.py REPORT...

A report that is missing or cut short counts as one failure. The exit status is 1 if a test failed or no test ran.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter

RANKS = ["passed", "skipped", "failed"]


def outcomes(report: str) -> dict[tuple[str | None, str | None], str]:
    """Return the outcome of each test; a test that has two counts by the worse one."""
    found: dict[tuple[str | None, str | None], str] = {}
    for case in ET.parse(report).iter("testcase"):
        tags = {child.tag for child in case}
        outcome = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        test = case.get("classname"), case.get("name")
        found[test] = max(outcome, found.get(test, "passed"), key=RANKS.index)
    return found


def main(reports: list[str]) -> int:
    counts: Counter[str] = Counter()
    for report in reports:
        try:
            counts.update(outcomes(report).values())
        except (OSError, ET.ParseError) as error:
            print(f"No report of pytest, which counts as a failure: {error}")
            counts["failed"] += 1
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return int(counts["failed"] > 0 or counts["passed"] == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
