"""Replays the contract: every documented request gets its documented response."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from flaresend_mock.contract import TAGS, Case, behaviours, cases, fidelity_table
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.package_data import FIXTURES
from flaresend_mock.world_format import load_world
from tests.support import KEY, REPOSITORY, client_of

DEFAULT_WORLD = json.loads((FIXTURES / "worlds" / "default.json").read_text(encoding="utf-8"))
CASES = list(cases())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_documented_request_gets_its_documented_answer(case: Case, make_world: Callable[[State], World]) -> None:
    world = make_world(state_with(json.dumps(case.given.get("world", {}))).copy())
    client = client_of(world)
    if "clock" in case.given:
        changed = client.patch("/_mock/clock", json={"now": case.given["clock"], "frozen": True})
        assert changed.status_code == 200, changed.text
    kept: dict[str, Any] = {}
    for call in case.given.get("calls", ()):
        earlier = send(client, filled(call, kept))
        assert earlier.status_code < 400, earlier.text
        for name, pointer in call.get("keep", {}).items():
            kept[name] = find(earlier.json, pointer)

    result = send(client, filled(case.request, kept))

    expected = filled(case.response, kept)
    assert result.status_code == expected["status"], result.text
    assert result.content_type == "application/json; charset=utf-8"
    for name, value in expected.get("headers", {}).items():
        assert result.headers[name] == value
    assert_same(result.json, expected["body"], case.varies)


def test_every_case_has_a_known_tag_and_a_source() -> None:
    assert CASES
    for entry in [*CASES, *behaviours()]:
        assert entry.tag in TAGS, entry.title
        assert entry.source, entry.title


def test_every_behaviour_names_a_test_that_exists() -> None:
    for entry in behaviours():
        file, _, name = entry.test.partition("::")
        assert f"def {name}(" in (REPOSITORY / file).read_text(encoding="utf-8"), entry.test


def test_the_fidelity_table_is_up_to_date() -> None:
    written = (REPOSITORY / "docs" / "fidelity.md").read_text(encoding="utf-8")
    assert written == fidelity_table(), "run: flaresend-mock fidelity > docs/fidelity.md"


@cache
def state_with(parts: str) -> State:
    """Return the contents of the default world with these parts, as JSON, laid over it; most cases have none."""
    return load_world(laid_over(DEFAULT_WORLD, json.loads(parts)))


def laid_over(world: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """Lay parts of a world over another: lists entry by entry, by id or number, everything else as a whole."""
    merged = copy.deepcopy(world)
    for name, part in parts.items():
        if not isinstance(part, list):
            merged[name] = part
            continue
        entries = {entry.get("id", entry.get("number")): entry for entry in merged.get(name, [])}
        for entry in part:
            key = entry.get("id", entry.get("number"))
            entries[key] = {**entries.get(key, {}), **entry}
        merged[name] = list(entries.values())
    return merged


def filled(data: Any, kept: dict[str, Any]) -> Any:
    """Put what earlier calls answered in the place of {name}."""
    if isinstance(data, str):
        for name, value in kept.items():
            data = data.replace(f"{{{name}}}", str(value))
        return data
    if isinstance(data, list):
        return [filled(item, kept) for item in data]
    if isinstance(data, dict):
        return {key: filled(value, kept) for key, value in data.items()}
    return data


def send(client: Any, request: dict[str, Any]) -> TestResponse:
    headers = {name: value for name, value in {**KEY, **request.get("headers", {})}.items() if value is not None}
    body: dict[str, Any] = {}
    if "json" in request:
        body |= {"data": json.dumps(request["json"]), "content_type": "application/json"}  # json= sorts the keys
    elif "body" in request:
        body["data"] = request["body"].encode()
    elif "form" in request:
        body |= {"data": MultiDict(request["form"]), "content_type": "application/x-www-form-urlencoded"}
    elif "multipart" in request:
        parts = [(part["name"], part_value(part)) for part in request["multipart"]]
        body |= {"data": MultiDict(parts), "content_type": "multipart/form-data"}
    response: TestResponse = client.open(request["path"], method=request["method"], headers=headers, **body)
    return response


def part_value(part: dict[str, Any]) -> Any:
    if "filename" not in part:
        return part["value"]
    return io.BytesIO(part["content"].encode()), part["filename"], part["mimetype"]


def find(data: Any, pointer: str) -> Any:
    """Follow a JSON pointer (RFC 6901)."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        data = data[int(key)] if isinstance(data, list) else data[key]
    return data


def assert_same(actual: Any, expected: Any, varies: tuple[str, ...], at: str = "") -> None:
    """Compare types, keys and their order everywhere, and values where they may not vary."""
    assert type(actual) is type(expected), f"{at}: {actual!r} is not like {expected!r}"
    if at in varies:
        return
    if isinstance(expected, dict):
        assert list(actual) == list(expected), f"{at}: {list(actual)}"
        for key, value in expected.items():
            step = key.replace("~", "~0").replace("/", "~1")
            assert_same(actual[key], value, varies, f"{at}/{step}")
    elif isinstance(expected, list):
        assert len(actual) == len(expected), f"{at}: {actual}"
        for index, value in enumerate(expected):
            assert_same(actual[index], value, varies, f"{at}/{index}")
    else:
        assert actual == expected, f"{at}: {actual!r} is not {expected!r}"
