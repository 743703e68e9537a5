"""A plugin of pytest that notes which lines of the package each test reaches, and its seconds of the processor."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import coverage
import pytest

assert not any(name.startswith("flaresend_mock.") for name in sys.modules), "load this plugin first: -p"

NOT_A_TEST = ""  # the context of what runs while modules are imported
_cover = coverage.Coverage(data_file=None, include=["flaresend_mock/*"])
_cover.start()
_cover.switch_context(NOT_A_TEST)
_seconds: dict[str, float] = {}
_failed: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    started = time.process_time()
    _cover.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        _cover.switch_context(NOT_A_TEST)
        _seconds[item.nodeid] = time.process_time() - started


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed or report.skipped:
        _failed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what each line is reached by; a line that runs at import is reached by every test of its file."""
    _cover.stop()
    data, root = _cover.get_data(), Path.cwd()
    numbers = {test: number for number, test in enumerate(_seconds)}
    lines: dict[str, dict[int, list[int]]] = defaultdict(dict)
    at_import: dict[str, list[int]] = {}
    for path in data.measured_files():
        name = str(Path(path).relative_to(root))
        for line, contexts in data.contexts_by_lineno(path).items():
            lines[name][line] = [numbers[one] for one in contexts if one in numbers and one not in _failed]
            if NOT_A_TEST in contexts:
                at_import.setdefault(name, []).append(line)
    written: dict[str, Any] = {"tests": list(_seconds.items()), "lines": lines, "at_import": at_import}
    Path(os.environ["MUTATION_REACH"]).write_text(json.dumps(written))
