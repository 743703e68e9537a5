"""Compressed bodies: which are read, which are refused, and that they are bounded while they are inflated."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from flaresend_mock.http import body_stream
from tests.defaults import ANN
from tests.support import KEY

MIB = 1024 * 1024
JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
FORM = f"recipients[]={ANN}&type=text&text=Hello".encode()
PARTS = b"".join(
    f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, value in (("recipients[]", ANN), ("type", "text"), ("text", "Hello"), ("end", "x" * 100_000))
)
BODIES = {JSON: json.dumps(MESSAGE).encode(), URLENCODED: FORM, MULTIPART: PARTS + b"--b--\r\n"}


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body, wbits=-15)


def members(body: bytes) -> bytes:
    return b"".join(gzip.compress(body[at : at + 500]) for at in range(0, len(body), 500))


ENCODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "GZIP": (" GZIP ", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "several members": ("gzip", members),
    "an empty member": ("gzip", lambda body: gzip.compress(b"") + gzip.compress(body)),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "stored": ("deflate", lambda body: zlib.compress(body, 0)),
    "raw stored": ("deflate", lambda body: zlib.compress(body, 0, wbits=-15)),
    "identity": ("identity", bytes),
    "empty": ("", bytes),
}


def sent(
    client: Client, body: bytes, encoding: str, content_type: str = JSON, path: str = "/send-message"
) -> TestResponse:
    headers = {**KEY, "Content-Encoding": encoding}
    return client.post(path, headers=headers, data=body, content_type=content_type)


@pytest.mark.parametrize("content_type", BODIES)
@pytest.mark.parametrize(("encoding", "pack"), ENCODINGS.values(), ids=ENCODINGS)
def test_a_compressed_body_is_read(
    encoding: str, pack: Callable[[bytes], bytes], content_type: str, client: Client
) -> None:
    response = sent(client, pack(BODIES[content_type]), encoding, content_type)

    assert response.status_code == 200, response.text
    assert [one["text"] for one in client.get("/_mock/messages").get_json()["messages"]] == ["Hello"]


def test_the_request_log_has_what_was_inflated(client: Client) -> None:
    sent(client, gzip.compress(BODIES[JSON]), "gzip")

    (call,) = client.get("/_mock/requests").get_json()["requests"]
    assert (call["body"], call["headers"]["Content-Encoding"]) == (MESSAGE, "gzip")


def test_a_fault_matches_what_was_inflated_and_the_call_is_read_once_more(client: Client) -> None:
    client.post("/_mock/faults", json={"match": {"number": ANN, "body": {"text": "Hello"}}, "preset": "slow"})

    for content_type, body in BODIES.items():
        response = sent(client, gzip.compress(body), "gzip", content_type)
        assert response.status_code == 200, response.text
    assert client.get("/_mock/faults").get_json()["faults"][0]["hits"] == 3


def test_the_control_plane_reads_compressed_bodies(client: Client) -> None:
    exported = client.get("/_mock/world?with_secrets=true").data
    inbound = json.dumps({"from": ANN, "text": "Hi"}).encode()

    assert sent(client, gzip.compress(inbound), "gzip", path="/_mock/inbound").status_code == 201
    response = client.put(
        "/_mock/world", data=zlib.compress(exported), content_type=JSON, headers={"Content-Encoding": "deflate"}
    )
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "deflate, gzip", "nonsense", "é"])
def test_another_encoding_is_refused_by_name(encoding: str, client: Client) -> None:
    message = f"Content-Encoding must be gzip or deflate, not {encoding!r}"

    for content_type, body in BODIES.items():
        response = sent(client, body, encoding, content_type)
        assert (response.status_code, response.json) == (415, {"success": False, "message": message})
    response = sent(client, BODIES[JSON], encoding, path="/_mock/inbound")
    assert (response.status_code, response.json) == (
        415,
        {"error": {"code": "unsupported_media_type", "message": message}},
    )


ZIPPED, DEFLATED = gzip.compress(BODIES[JSON]), zlib.compress(BODIES[JSON])
DAMAGED = {
    "no gzip": ("gzip", BODIES[JSON]),
    "one byte": ("gzip", b"\x1f"),
    "one byte short": ("gzip", ZIPPED[:-1]),
    "half of it": ("gzip", ZIPPED[:20]),
    "followed by something": ("gzip", ZIPPED + b"x"),
    "followed by a zero": ("gzip", ZIPPED + b"\0"),
    "a wrong checksum": ("gzip", ZIPPED[:-8] + bytes(8)),
    "zlib as gzip": ("gzip", DEFLATED),
    "not deflated": ("deflate", BODIES[JSON]),
    "gzip as zlib": ("deflate", ZIPPED),
    "zlib one byte short": ("deflate", DEFLATED[:-1]),
    "zlib followed by something": ("deflate", DEFLATED + b"x"),
    "a wrong checksum of zlib": ("deflate", DEFLATED[:-4] + bytes(4)),
    "raw one byte short": ("deflate", raw_deflate(BODIES[JSON])[:-1]),
}


@pytest.mark.parametrize(("encoding", "body"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_data_is_refused(encoding: str, body: bytes, client: Client) -> None:
    response = sent(client, body, encoding)

    assert (response.status_code, response.json) == (
        400,
        {"success": False, "message": f"The body is not valid {encoding}"},
    )
    assert client.get("/_mock/messages").get_json()["messages"] == []


def test_empty_data_is_no_json(client: Client) -> None:
    response = sent(client, gzip.compress(b"") * 3, "gzip")

    assert (response.status_code, response.get_json()["message"]) == (400, "Invalid JSON body")


@pytest.mark.parametrize(
    ("content_type", "most"), [(JSON, 8 * MIB), (URLENCODED, MIB), (MULTIPART, 64 * MIB)], ids=["json", "form", "parts"]
)
@pytest.mark.parametrize(("spare", "status"), [(0, 200), (1, 413)])
def test_the_limits_are_those_of_what_was_inflated(
    content_type: str, most: int, spare: int, status: int, client: Client
) -> None:
    body = BODIES[content_type]
    missing = most + spare - len(body)
    if content_type == JSON:
        body = body[:-1] + b" " * missing + b"}"
    elif content_type == URLENCODED:
        body += b"x" * missing
    else:
        body = body.replace(b"\r\n--b--", b"\r\n--b--" + b" " * missing)

    response = sent(client, gzip.compress(body, 1), "gzip", content_type)

    assert len(body) == most + spare
    assert response.status_code == status, response.text


def test_inflating_stops_at_the_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    inflated: list[int] = []
    inflate = body_stream._inflate

    def counted(*args: Any, **options: Any) -> Any:
        for block in inflate(*args, **options):
            inflated.append(len(block))
            yield block

    monkeypatch.setattr(body_stream, "_inflate", counted)
    bomb = gzip.compress(gzip.compress(bytes(200 * MIB), 1), 1)

    assert sent(client, gzip.decompress(bomb), "gzip").status_code == 413
    assert sum(inflated) < 9 * MIB


@pytest.mark.parametrize(("content_type", "most"), [(JSON, 16 + 1024), (URLENCODED, 16 + 128)], ids=["json", "form"])
def test_a_body_may_have_16_members_and_one_for_each_8_kb_of_its_limit(
    content_type: str, most: int, client: Client
) -> None:
    packed = gzip.compress(BODIES[content_type])

    for spare, status in ((0, 200), (1, 413)):
        body = gzip.compress(b"") * (most - 1 + spare) + packed
        assert sent(client, body, "gzip", content_type).status_code == status
