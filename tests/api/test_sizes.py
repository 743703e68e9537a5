"""How large a body of the API may be: in bytes, values, fields and parts."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies
from tests.defaults import ANN
from tests.support import KEY, client_of

MIB = 1024 * 1024
TOO_LARGE = {"success": False, "message": "Request body too large"}
TEXT = {"recipients": [ANN], "type": "text", "text": "Hello"}
URLENCODED = "application/x-www-form-urlencoded"


def posted(client: Client, body: str | bytes, content_type: str = "application/json") -> tuple[int, Any]:
    response = client.post("/send-message", headers=KEY, data=body, content_type=content_type)
    return response.status_code, response.json


def multipart(parts: int, last: str = "") -> tuple[str, str]:
    named = [("type", "text"), ("text", "Hello"), ("recipients[]", last or ANN)]
    named = [(f"x{n}", "") for n in range(parts - len(named))] + named
    lines = "".join(f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in named)
    return f"{lines}--b--\r\n", "multipart/form-data; boundary=b"


@pytest.mark.parametrize(("spare", "status"), [(0, 200), (1, 413)])
def test_json_has_at_most_8_mib(spare: int, status: int, client: Client) -> None:
    body = json.dumps({**TEXT, "text": "x,[{" * 10})
    body = body[:-1] + " " * (8 * MIB + spare - len(body)) + "}"

    found, response = posted(client, body)

    assert found == status
    assert status == 200 or response == TOO_LARGE


@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ([0] * 199_990, 200),
        ([0] * 200_001, 413),
        ([[]] * 200_001, 413),
        ([{"a": 1}] * 100_001, 413),
        ({str(n): n for n in range(200_001)}, 413),
        (["[,{"] * 199_990, 200),
        (['\\",' * 3] * 199_990, 200),
        ([[[], {}]] * 66_000, 200),
        ("," * 1_000_000, 200),
    ],
    ids=lambda value: str(value)[:20],
)
def test_json_has_at_most_200_000_values(extra: Any, status: int, client: Client) -> None:
    found, response = posted(client, json.dumps({**TEXT, "x": extra}))

    assert found == status, response
    assert status == 200 or response == TOO_LARGE


@pytest.mark.parametrize("raw", [b'"' * 8 * MIB, b'\\"' * 4 * MIB, b"[" * 8 * MIB, b',"\\' * 2 * MIB])
def test_what_is_no_json_is_counted_in_linear_time(raw: bytes, client: Client) -> None:
    found, _ = posted(client, raw)

    assert found in (400, 413)


def test_values_are_counted_without_building_them(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "load_json", None)

    assert posted(client, json.dumps([0] * 200_001)) == (413, TOO_LARGE)


@pytest.mark.parametrize(("fields", "status"), [(1000, 200), (1001, 413)])
def test_a_urlencoded_form_has_at_most_1_000_fields(fields: int, status: int, client: Client) -> None:
    body = "&".join([f"x{n}=" for n in range(fields - 3)] + [f"recipients[]={ANN}", "type=text", "text=Hello"])

    assert posted(client, body, URLENCODED)[0] == status


@pytest.mark.parametrize(("spare", "status"), [(0, 200), (1, 413)])
def test_a_urlencoded_form_has_at_most_1_mib(spare: int, status: int, client: Client) -> None:
    body = f"recipients[]={ANN}&type=text&text="
    body += "x" * (MIB + spare - len(body))

    assert posted(client, body, URLENCODED)[0] == status


@pytest.mark.parametrize(("parts", "status"), [(1000, 200), (1001, 413)])
@pytest.mark.parametrize("fault", [False, True])
def test_a_multipart_form_has_at_most_1_000_parts(parts: int, status: int, fault: bool, client: Client) -> None:
    if fault:  # it reads the body first
        client.post("/_mock/faults", json={"match": {"body": {"text": "other"}}, "preset": "down"})

    found, response = posted(client, *multipart(parts))

    assert found == status
    assert status == 200 or response == TOO_LARGE


def test_json_in_a_form_has_the_limits_of_json(client: Client) -> None:
    assert posted(client, *multipart(3, json.dumps([0] * 200_001))) == (413, TOO_LARGE)
    assert posted(client, *multipart(3, f"[{' ' * 8 * MIB}]")) == (413, TOO_LARGE)


def test_a_multipart_form_may_be_larger_than_json(client: Client) -> None:
    body, content_type = multipart(4)
    file = f'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{"x" * 9 * MIB}\r\n'

    assert posted(client, file + body, content_type)[0] == 200


def test_a_lower_limit_of_the_emulator_wins(world: World) -> None:
    client = client_of(world, max_body_size=1000)

    assert posted(client, json.dumps({**TEXT, "text": "x" * 1000})) == (413, TOO_LARGE)
    assert posted(client, f"recipients[]={ANN}&type=text&text={'x' * 1000}", URLENCODED) == (413, TOO_LARGE)


def test_a_higher_limit_of_the_emulator_is_that_of_multipart_forms(world: World) -> None:
    client = client_of(world, max_body_size=128 * MIB)

    assert posted(client, json.dumps({**TEXT, "text": "x" * 8 * MIB})) == (413, TOO_LARGE)


def test_a_chunked_body_has_the_same_limits() -> None:
    with FlaresendMock(log_level="warning") as mock:
        for body, status in ((TEXT, 200), ({**TEXT, "text": "x" * 8 * MIB}, 413)):
            chunks = iter([json.dumps(body).encode()])
            headers = {**mock.headers, "Content-Type": "application/json"}
            response = requests.post(f"{mock.url}/send-message", data=chunks, headers=headers, timeout=30)
            assert response.status_code == status


def test_the_control_plane_takes_more(client: Client) -> None:
    client.post("/_mock/faults", json={"preset": "down", "respond": {"status": 503, "body": []}})
    exported = client.get("/_mock/world?with_secrets=true").get_json()
    exported["description"] = "x" * 9 * MIB
    exported["faults"][0]["reply"]["body"] = [[0] * 1000] * 200

    assert client.put("/_mock/world", json=exported).status_code == 200
