"""PHP writes an empty object as []: the control plane takes that wherever it expects an object, and only there."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from werkzeug.test import Client

from flaresend_mock.app import document
from flaresend_mock.core.errors import InvalidWorld
from flaresend_mock.core.world import World
from flaresend_mock.world_format.schema import SCHEMA, ClockStart
from flaresend_mock.world_format.validate import decode
from tests.defaults import ANN, FAMILY, OWNED
from tests.support import KEY, RealTime, client_of, default_state

PLACES = {"instance_id": "default", "number": ANN, "group_id": FAMILY, "channel_id": OWNED}
CONTROL = document("control", "http://127.0.0.1:3577")
Path = tuple[str | int, ...]


def operations() -> Iterator[tuple[str, str, Any]]:
    for path, calls in CONTROL["paths"].items():
        for method, operation in calls.items():
            if "requestBody" in operation:
                yield method.upper(), path, operation["requestBody"]["content"]["application/json"]


def objects(shape: Any, path: Path = (), seen: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield the paths in a body at which its schema expects an object, or takes one."""
    name = shape.get("$ref", "").rpartition("/")[2]
    if name in seen:
        return
    if name.endswith("Match"):  # whose fields may be lists
        yield path
        return
    if name:
        yield from objects(CONTROL["components"]["schemas"][name], path, (*seen, name))
    for one in shape.get("anyOf", ()):
        yield from objects(one, path, seen)
    if shape.get("type") == "object":
        yield path
        for key, one in shape.get("properties", {}).items():
            yield from objects(one, (*path, key), seen)
    if shape.get("type") == "array":
        yield from objects(shape["items"], (*path, 0), seen)


def body_with(example: Any, path: Path, value: Any) -> Any:
    """Return an example of a body with another value at a path, and without other fields on the way there."""
    if not path:
        return value
    if isinstance(path[0], int):
        return [body_with(None, path[1:], value)]
    whole = copy.deepcopy(example) if isinstance(example, dict) else {}
    return {**whole, path[0]: body_with(whole.get(path[0]), path[1:], value)}


def outcome(method: str, path: str, body: Any) -> tuple[int, Any]:
    client = client_of(World("default", default_state(), RealTime()))
    client.post("/send-message", json={"recipients": [ANN], "type": "text", "text": "Hi"}, headers=KEY)
    client.post("/_mock/inbound", json={"from": ANN, "text": "Hi"})  # so that nothing waits
    response = client.open(path.format(**PLACES), method=method, json=body)
    data = response.get_json()
    return response.status_code, data.get("error")


CASES = [
    pytest.param(method, path, body_with(content["example"], at, ...), id=f"{method} {path} {'.'.join(map(str, at))}")
    for method, path, content in operations()
    for at in dict.fromkeys(objects(content["schema"]))
]


def filled(body: Any, value: Any) -> Any:
    if body is ...:
        return value
    if isinstance(body, dict):
        return {key: filled(one, value) for key, one in body.items()}
    return [filled(one, value) for one in body] if isinstance(body, list) else body


def test_every_body_is_tried() -> None:
    assert len(CASES) > len(list(operations())) > 25


@pytest.mark.parametrize(("method", "path", "body"), CASES)
def test_an_empty_list_is_an_empty_object(method: str, path: str, body: Any) -> None:
    assert outcome(method, path, filled(body, [])) == outcome(method, path, filled(body, {}))


@pytest.mark.parametrize(("method", "path", "body"), CASES)
def test_a_list_with_contents_is_refused(method: str, path: str, body: Any) -> None:
    status, error = outcome(method, path, filled(body, [1]))

    assert status == 400
    assert "object" in error["message"] or "operator" in error["message"], error


def test_a_matcher_in_a_query_may_be_an_empty_list(client: Client) -> None:
    assert client.get("/_mock/transcript", query_string={"match": "[]"}).status_code == 200


def test_the_api_still_refuses_an_empty_list(client: Client) -> None:
    response = client.post("/send-message", json=[], headers=KEY)

    assert (response.status_code, response.get_json()["message"]) == (400, "Invalid JSON body")


def records(hint: Any) -> Iterator[Any]:
    """Yield the types of a world that are objects in JSON, and of what is in them."""
    if is_dataclass(hint) or get_origin(hint) is dict:
        yield hint
    inner = [get_type_hints(hint)[one.name] for one in fields(hint)] if is_dataclass(hint) else get_args(hint)
    for one in inner:
        yield from records(one)


KINDS = list(dict.fromkeys(one for kind, _ in [*SCHEMA.values(), (ClockStart, None)] for one in records(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_list_in_a_world_is_an_empty_object(kind: Any) -> None:
    def decoded(data: Any) -> Any:
        try:
            return decode(data, kind, "here")
        except InvalidWorld as problem:
            return str(problem)

    assert decoded([]) == decoded({})
    assert decoded([1]) == "here: Expected `object`, got `array`."
