"""How large a body of the control plane may be, and that media and imports may be larger."""

import json
import re
from base64 import b64encode
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies
from tests.defaults import ANN
from tests.support import client_of

MIB = 1024 * 1024
TOO_LARGE = {
    "error": {
        "code": "request_entity_too_large",
        "message": "The body is larger than the emulator accepts; docs/options.md lists the limits.",
    }
}


def refused(client: Client, method: str, path: str, body: str | bytes, content_type: str = "application/json") -> bool:
    response = client.open(path, method=method, data=body, content_type=content_type)
    if response.status_code == 413:
        assert response.json == TOO_LARGE
        return True
    assert response.status_code in (200, 201), response.text
    return False


def padded(body: dict[str, Any], size: int) -> str:
    text = json.dumps(body)
    return text[:-1] + " " * (size - len(text)) + "}"


def parts(count: int, *, file: bytes = b"", text: str = "Hi") -> tuple[bytes, str]:
    named = [("from", ANN), ("type", "text"), ("text", text)]
    lines = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in named]
    lines += ['--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nHi\r\n'] * (count - len(lines))
    return "".join(lines).encode() + file + b"--b--\r\n", "multipart/form-data; boundary=b"


@pytest.mark.parametrize("over", [False, True])
def test_json_has_at_most_8_mib(over: bool, client: Client) -> None:
    body = padded({"match": {}}, 8 * MIB + over)

    assert refused(client, "POST", "/_mock/messages/search", body) is over


@pytest.mark.parametrize("over", [False, True])
def test_json_has_at_most_200_000_values(over: bool, client: Client) -> None:
    values: list[Any] = [[]] * (199_996 + over)
    body = {"preset": "down", "respond": {"status": 503, "body": values}}

    assert refused(client, "POST", "/_mock/faults", json.dumps(body)) is over


def test_values_are_counted_wherever_a_block_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_BLOCK", 1024)
    for start in range(60):
        text = json.dumps({"a": "x" * start + '\\"', "b": [["x"], {"c": "[{,"}, [], {}] * 400}).encode()
        most = 2 + 400 * 6
        assert not bodies._has_more_values(text, most)
        assert bodies._has_more_values(text, most - 1)


@pytest.mark.parametrize("over", [False, True])
def test_a_urlencoded_form_has_at_most_1_000_fields_and_1_mib(over: bool, client: Client) -> None:
    form = f"from={ANN}&text=Hi" + "&text=Hi" * (998 + over)
    assert refused(client, "POST", "/_mock/inbound", form, "application/x-www-form-urlencoded") is over
    form = f"from={ANN}&text="
    form += "x" * (MIB + over - len(form))
    assert refused(client, "POST", "/_mock/inbound", form, "application/x-www-form-urlencoded") is over


@pytest.mark.parametrize("over", [False, True])
def test_a_multipart_form_has_at_most_1_000_parts_and_8_mib_of_text(over: bool, client: Client) -> None:
    assert refused(client, "POST", "/_mock/inbound", *parts(1000 + over)) is over
    text = "x" * (8 * MIB + over - len(ANN) - len("text"))
    assert refused(client, "POST", "/_mock/inbound", *parts(3, text=text)) is over


@pytest.mark.parametrize("over", [False, True])
def test_a_file_in_base64_is_as_large_as_the_emulator_allows(over: bool, world: World) -> None:
    data = b64encode(bytes(range(256)) * 4096 * 12).decode()
    body = json.dumps({"from": ANN, "type": "document", "media": {"base64": data}})
    client = client_of(world, max_body_size=len(body) - over)

    assert refused(client, "POST", "/_mock/inbound", body) is over


def test_a_file_in_base64_is_decoded_as_it_was_sent(client: Client) -> None:
    data = bytes(range(256)) * 4096
    for text in (b64encode(data).decode(), b64encode(data).decode().replace("/", "\\/")):
        body = f'{{"from": "{ANN}", "type": "document", "media": {{"base64": "{text}", "fileName": "é"}}}}'.encode()
        assert not refused(client, "POST", "/_mock/inbound", b"\xef\xbb\xbf " + body + b"\n")
        message = client.get("/_mock/messages?limit=1").get_json()["messages"][0]
        assert client.get(f"/_mock/media/{message['media']}").data == data


@pytest.mark.parametrize("wrong", ["é", "=A", "a", "\\n", " "])
def test_a_long_text_that_is_no_base64_is_refused(wrong: str, client: Client) -> None:
    body = f'{{"from": "{ANN}", "type": "document", "media": {{"base64": "{"A" * 100_000}{wrong}"}}}}'

    response = client.post("/_mock/inbound", data=body.encode(), content_type="application/json")
    assert (response.status_code, response.get_json()["error"]["message"]) == (400, "media.base64: not base64")


@pytest.mark.parametrize("broken", ['"a": [1,]', '"a": NaN', '"a": "\t"', '"a" 1', "a: 1", '"a": "\\x"', '"a": [[1}]'])
@pytest.mark.parametrize(("method", "path"), [("PUT", "/_mock/world"), ("POST", "/_mock/inbound")])
def test_a_large_body_is_read_as_strictly_as_a_small_one(method: str, path: str, broken: str, client: Client) -> None:
    body = f'{{"text": "{"x" * 100_000}", {broken}}}'

    response = client.open(path, method=method, data=body, content_type="application/json")
    assert (response.status_code, response.get_json()["error"]["message"]) == (
        400,
        "The body is not a JSON object, or is nested too deeply.",
    )


@pytest.mark.parametrize("over", [False, True])
def test_text_beside_a_file_has_at_most_8_mib(over: bool, client: Client) -> None:
    body = {"from": ANN, "text": "x" * (8 * MIB - 2000 + 4000 * over), "type": "text"}

    assert refused(client, "POST", "/_mock/inbound", json.dumps(body)) is over


@pytest.mark.parametrize("over", [False, True])
def test_an_import_has_at_most_64_mib(over: bool, world: World) -> None:
    client = client_of(world, max_body_size=1000)
    world_file = {"instances": [{"number": "254708920430", "name": "Shop", "status": "connected"}]}

    assert refused(client, "PUT", "/_mock/world", padded(world_file, 64 * MIB + over)) is over


@pytest.mark.parametrize("over", [False, True])
def test_an_import_has_at_most_a_million_values(over: bool, client: Client) -> None:
    client.post("/_mock/faults", json={"preset": "down", "respond": {"status": 503, "body": []}})
    exported = client.get("/_mock/world?with_secrets=true").get_json()
    bare = re.sub(r'"[^"]*"|\[\]|{}', "", json.dumps(exported))
    thousands, rest = divmod(1_000_000 + over - sum(map(bare.count, ",[{")), 1000)
    exported["faults"][0]["reply"]["body"] = [[0] * 999] * thousands + [0] * rest

    assert refused(client, "PUT", "/_mock/world", json.dumps(exported)) is over


def test_a_world_of_much_media_comes_back_as_it_was() -> None:
    client = FlaresendMock().app.test_client()
    data = bytes(range(256)) * 4096
    for _ in range(3):
        file = {"base64": b64encode(data).decode(), "fileName": "a.bin"}
        client.post("/_mock/inbound", json={"from": ANN, "type": "document", "media": file})
    exported = client.get("/_mock/world?with_secrets=true").data

    assert not refused(client, "PUT", "/_mock/world", exported)
    assert client.get("/_mock/world?with_secrets=true").data == exported
    masked = client.get("/_mock/world").get_json()
    assert client.post("/_mock/worlds", json={"name": "twin", "export": masked}).status_code == 201
    assert client.get("/_mock/world?world=twin").get_json()["media"] == masked["media"]
