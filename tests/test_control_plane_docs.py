"""The control plane's documentation: every example runs, in order, and gets the response printed below it."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from pathlib import Path
from typing import Any, Literal

from flask import Flask

from flaresend_mock import FlaresendMock
from flaresend_mock.app import control_app
from flaresend_mock.http.endpoint import endpoint_of
from flaresend_mock.http.resources import Resource, instance
from tests import resource_tables
from tests.support import REPOSITORY

OTHER_UNMET = "(Request|Delivery)Unmet|Nearest(Request|Delivery)"
SHOWN_BY_ANOTHER = tuple(
    f"/_mock/{path}"
    for path in (
        "requests/search",
        "deliveries/search",
        "requests/wait",
        "deliveries/wait",
        "messages/verify",
        "deliveries/verify",
    )
)
"""Calls that the guide shows with another list."""
PAGES = ("/_mock/scan/", "/_mock/docs", "/_mock/ui")
GUIDE = (REPOSITORY / "docs" / "control-plane.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PRINTED_ADDRESS = "http://127.0.0.1:3577"
ANYTHING = "…"


def fits(response: Any, printed: Any) -> bool:
    """Tell whether a response is what is printed, where "…" stands for anything, and as a name for more names."""
    if printed == ANYTHING:
        return True
    if isinstance(printed, dict) and isinstance(response, dict):
        names = printed.keys() - {ANYTHING}
        complete = ANYTHING in printed or list(response) == list(printed)
        return complete and all(name in response and fits(response[name], printed[name]) for name in names)
    if isinstance(printed, list) and isinstance(response, list):
        return len(response) == len(printed) and all(map(fits, response, printed))
    return bool(response == printed)


def test_every_example_gets_the_answer_printed_below_it(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# A file to be sent\n")
    last = ""
    with FlaresendMock() as running:
        for language, text in BLOCKS:
            if language == "sh":
                last = run(text, running.url, tmp_path)
            elif language == "text":
                assert f"{last}\n" == text
            else:
                printed = text.replace(PRINTED_ADDRESS, running.url)
                line = last.rpartition("\n")[2]
                assert fits(json.loads(line), json.loads(printed)), f"{line}\nis not\n{printed}"


def run(commands: str, url: str, folder: Path) -> str:
    """Run an example, and return its output; commands marked with a status are refused with it."""
    here = commands.replace(PRINTED_ADDRESS, url).replace("curl ", "curl -sS ")
    if "# 4" not in here:
        here = here.replace("curl ", "curl --fail-with-body ")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here.replace("\ncurl", "\necho\ncurl")],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_tables_of_fields_are_those_of_the_resources() -> None:
    page = (REPOSITORY / "docs" / "resources.md").read_text(encoding="utf-8")

    assert page == resource_tables.document()


def test_every_object_in_a_response_has_a_table() -> None:
    seen: set[type[Resource]] = set()
    views = [endpoint_of(view) for view in control_app().view_functions.values()]
    waiting = [of for view in views if view for of in (view.response, view.refusal)]
    while waiting:
        of = waiting.pop()
        if isinstance(of, list):
            waiting.extend(of)
        of = type(of) if isinstance(of, Resource) else of
        if inspect.isclass(of) and issubclass(of, Resource) and of not in seen:
            seen.add(of)
            waiting += [one.of for one in instance(of).fields.values()]

    missing = seen - set(resource_tables.RESOURCES.values())
    assert {one.__name__ for one in missing if not is_list(one) and not re.match(OTHER_UNMET, one.__name__)} == set()
    assert len(seen) > 50


def is_list(of: type[Resource]) -> bool:
    """Tell whether a resource only holds a list, with numbers beside it."""
    kinds = [one.of for one in instance(of).fields.values()]
    lists = [one for one in kinds if isinstance(one, list)]
    return len(lists) <= 1 and all(one in (int, bool, Literal[True]) for one in kinds if one not in lists)


def test_the_tables_of_the_test_kit_are_those_of_its_data_classes() -> None:
    page = (REPOSITORY / "docs" / "testing" / "pytest.md").read_text(encoding="utf-8")

    assert resource_tables.kit() in page


def test_every_call_of_the_control_plane_has_an_example() -> None:
    examples = set(called(control_app()))
    missing = [
        f"{method} {rule.rule}"
        for rule in control_app().url_map.iter_rules()
        if rule.rule.startswith("/_mock/") and not rule.rule.startswith(PAGES)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if (method, rule.endpoint) not in examples and rule.rule not in SHOWN_BY_ANOTHER
    ]
    assert missing == []


def called(app: Flask) -> list[tuple[str, str]]:
    """Return method and endpoint of every curl in the guide."""
    adapter = app.url_map.bind("localhost")
    found = []
    for line in re.findall(r"curl (.*)", GUIDE):
        path = re.search(r"http://127\.0\.0\.1:3577(/_mock/[^\s'\"?]*)", line)
        if path is None:
            continue
        given = re.search(r"-X (\w+)", line)
        method = given[1] if given else "POST" if " -d " in line or " -F " in line else "GET"
        endpoint, _ = adapter.match(path[1], method=method)
        found.append((method, endpoint))
    return found
