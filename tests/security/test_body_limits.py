"""Every endpoint that takes a body bounds it: what is at a limit is read, and one more is refused.

The endpoints come from the routes, so that a new one is tested, too. The others read no body. Limits of JSON are a 16th
of the real ones, whose size test_sizes.py has for the API and for the control plane.
"""

from __future__ import annotations

import gc
import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from marshmallow import ValidationError
from werkzeug.test import Client, TestResponse

from flaresend_mock import FlaresendMock
from flaresend_mock.app import api_app, control_app, dashboard_app, health_app, media_app
from flaresend_mock.core.world import World
from flaresend_mock.http.bodies import IMPORT_LIMITS, LIMITS, MEDIA_LIMITS
from flaresend_mock.http.endpoint import Endpoint, endpoint_of
from tests.security.hostile import ANN, CONTROL, deep, headers_for, path_of
from tests.support import client_of

MIB = 1024 * 1024
SHARE = 16
JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
IMPORTS = {("POST", "/_mock/worlds"), ("PUT", "/_mock/world")}
INBOUND = ("POST", "/_mock/inbound")
LOGIN = ("POST", "/_mock/ui/login")

Call = tuple[str, str]


def routes(*apps: Flask) -> Iterator[tuple[Call, Endpoint | None]]:
    for app in apps:
        for rule in app.url_map.iter_rules():
            for method in sorted((rule.methods or set()) - {"OPTIONS"}):
                yield (method, path_of(rule, "x")), endpoint_of(app.view_functions[rule.endpoint])


def taking(*apps: Flask) -> list[Call]:
    return [call for call, found in routes(*apps) if found is not None and found.body is not None]


TAKING = taking(api_app(), control_app(), dashboard_app(), health_app(), media_app())
FORMS = [*taking(api_app()), INBOUND]
NOT_TAKING = [
    call
    for call, found in routes(api_app(), control_app(), dashboard_app(), health_app(), media_app())
    if call not in (*TAKING, LOGIN)
]
each = pytest.mark.parametrize("call", TAKING, ids=" ".join)
each_form = pytest.mark.parametrize("call", FORMS, ids=" ".join)


def made(client: Client, call: Call, body: bytes, content_type: str = JSON, encoding: str = "") -> TestResponse:
    method, path = call
    headers = dict(headers_for(path))
    if encoding:
        headers["Content-Encoding"] = encoding
    return client.open(path, method=method, headers=headers, data=body, content_type=content_type)


def is_too_large(response: TestResponse, call: Call) -> bool:
    found: Any = response.get_json()
    if call[1].startswith(CONTROL):
        return response.status_code == 413 and found["error"]["code"] == "request_entity_too_large"
    return response.status_code == 413 and found == {"success": False, "message": "Request body too large"}


def is_not_json(response: TestResponse) -> bool:
    words = ('"Invalid JSON body"', '"The body is not a JSON object, or is nested too deeply."')
    return response.status_code == 400 and any(word in response.text for word in words)


@cache
def spaces(size: int) -> bytes:
    return b'{"x": 0' + b" " * (size - 8) + b"}"


@cache
def values(count: int) -> bytes:
    return b'{"x": [' + b"0," * (count - 2) + b"0]}"


@cache
def packed(size: int, pack: Callable[..., bytes], level: int = 1) -> bytes:
    return pack(spaces(size), level)


def json_limits(call: Call) -> tuple[int, int, int]:
    """Return how many bytes, values and levels JSON may have."""
    if call in IMPORTS:
        return 64 * MIB // SHARE, 1_000_000 // SHARE, 300
    return (64 if call == INBOUND else 8) * MIB // SHARE, 200_000 // SHARE, 100


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> Client:
    """A whole emulator whose limits of JSON are a part of the real ones."""
    for limits in (LIMITS, MEDIA_LIMITS, IMPORT_LIMITS):
        for name in ("json", "values", "large"):
            monkeypatch.setattr(limits, name, getattr(limits, name) // SHARE)
    return FlaresendMock(max_body_size=64 * MIB // SHARE).app.test_client()


def test_the_routes_are_found() -> None:
    assert {INBOUND, *IMPORTS, ("POST", "/send-message"), ("POST", "/_mock/messages/search")} <= set(TAKING)
    assert len(NOT_TAKING) > len(TAKING) > 30


@each
def test_json_is_read_up_to_its_limits(call: Call, lowered: Client) -> None:
    size, count, levels = json_limits(call)
    usual = made(lowered, call, b'{"x": 0}')
    assert usual.status_code in (400, 404), usual.text  # as there is no field `x`, or it is ignored and others lack

    for body in (spaces(size), values(count), f'{{"x": {deep(levels - 1)}}}'.encode()):
        response = made(lowered, call, body)
        assert (response.status_code, response.text) == (usual.status_code, usual.text)
    for body in (spaces(size + 1), values(count + 1)):
        assert is_too_large(made(lowered, call, body), call)
    assert is_not_json(made(lowered, call, f'{{"x": {deep(levels)}}}'.encode()))


@each
def test_compressed_json_has_the_limits_of_what_is_inflated(call: Call, lowered: Client) -> None:
    size, _, _ = json_limits(call)
    usual = made(lowered, call, b'{"x": 0}')

    for encoding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        response = made(lowered, call, packed(size, pack), encoding=encoding)
        assert (response.status_code, response.text) == (usual.status_code, usual.text)
        assert is_too_large(made(lowered, call, packed(size + 1, pack), encoding=encoding), call)
    for encoding in ("br", "gzip, gzip"):
        response = made(lowered, call, b'{"x": 0}', encoding=encoding)
        assert (response.status_code, repr(encoding) in response.text) == (415, True)


NUMBERS = {"1e999999": b"1e999999", "-1e400": b"-1e400", "a million digits": b"1" * 10**6, "NaN": b"NaN"}


@each
@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
def test_numbers_beyond_all_bounds_are_refused(number: bytes, call: Call, shared: Client) -> None:
    assert is_not_json(made(shared, call, b'{"x": %b}' % number))


def urlencoded(fields: int, size: int = 0) -> bytes:
    body = "&".join(f"x{n}=" for n in range(fields)).encode()
    return body + b"x" * (size - len(body))


def multipart(parts: int, size: int = 0) -> bytes:
    body = b"".join(b'--b\r\nContent-Disposition: form-data; name="x%d"\r\n\r\n\r\n' % n for n in range(parts))
    body = body[:-2] + b"x" * (size - len(body) - 5) + b"\r\n"
    return body + b"--b--"


@each_form
def test_forms_are_read_up_to_their_limits(call: Call, world: World) -> None:
    client = client_of(world, max_body_size=2 * MIB)
    usual = [made(client, call, *form).status_code for form in ((urlencoded(1), URLENCODED), (multipart(1), MULTIPART))]
    assert set(usual) <= {400, 404}

    for over in (False, True):
        for content_type, body in (
            (URLENCODED, urlencoded(1000 + over)),
            (URLENCODED, urlencoded(1, MIB + over)),
            (MULTIPART, multipart(1000 + over)),
            (MULTIPART, multipart(1, 2 * MIB + over)),
        ):
            response = made(client, call, body, content_type)
            assert is_too_large(response, call) is over, response.text
            assert over or response.status_code in usual, response.text


@pytest.mark.parametrize("call", [call for call in TAKING if call not in FORMS], ids=" ".join)
@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART, "text/plain"])
def test_other_endpoints_take_no_forms(content_type: str, call: Call, shared: Client) -> None:
    assert made(shared, call, b"x" * MIB, content_type).status_code == 415


class Watched(BytesIO):
    """A body that knows how many bytes of it were read."""

    was_read = 0

    def read(self, *sizes: Any) -> bytes:
        found = super().read(*sizes)
        self.was_read += len(found)
        return found


@pytest.mark.parametrize("content_type", [JSON, URLENCODED, MULTIPART])
def test_nobody_else_reads_a_body_but_for_its_beginning_that_the_log_keeps(content_type: str, client: Client) -> None:
    for method, path in NOT_TAKING:
        body = Watched(b"x" * MIB)
        with client.open(
            path,
            method=method,
            headers=headers_for(path),
            input_stream=body,
            content_length=MIB,
            content_type=content_type,
        ) as response:
            assert response.status_code != 500, (method, path)
        logged = not path.startswith((CONTROL, "/v/"))  # calls of the API are, and nothing else
        assert body.was_read == (64 * 1024 if logged else 0), (method, path)


@pytest.mark.parametrize(("more", "status"), [(b"", 201), (b', "x": 0', 400)])
def test_no_refusal_keeps_a_body_alive(more: bytes, status: int, client: Client) -> None:
    body = b'{"from": "%b", "type": "document", "media": {"base64": "%b"}%b}' % (ANN.encode(), b"A" * MIB, more)
    made(client, INBOUND, body)
    gc.collect()
    gc.disable()  # what only a collection frees, is kept for long
    try:
        assert made(client, INBOUND, body).status_code == status
        assert not any(isinstance(one, ValidationError) for one in gc.get_objects())
        assert not any(one.nbytes >= MIB for one in gc.get_objects() if isinstance(one, memoryview))
    finally:
        gc.enable()


def test_endpoints_keep_few_of_the_ways_in_which_fields_may_be_left_out(client: Client) -> None:
    schema = next(one.body for call, one in routes(control_app()) if call == INBOUND and one and one.body)
    names = sorted(schema.fields)
    for number in range(150):
        client.post("/_mock/inbound", json={name: 0 for at, name in enumerate(names) if number >> at & 1})
    assert len(schema._narrowed) <= 100


PART = multipart(1)
WRONG_PARTS = {
    "no boundary": ("multipart/form-data", PART),
    "an empty boundary": ('multipart/form-data; boundary=""', PART),
    "a boundary of 201": (f"multipart/form-data; boundary={'b' * 201}", PART.replace(b"--b", b"--" + b"b" * 201)),
    "another boundary": ("multipart/form-data; boundary=c", PART),
    "no end": (MULTIPART, PART[:-2]),
    "no part": (MULTIPART, b"x" * MIB),
    "no name": (MULTIPART, PART.replace(b'; name="x0"', b"")),
    "no head": (MULTIPART, b"--b\r\n\r\nx\r\n--b--"),
    "a head in Latin 1": (MULTIPART, PART.replace(b"x0", b"\xff")),
}
TOO_LARGE_PARTS = {
    "a head of 8 KB": PART.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 8192 + b"\r\n\r\n"),
    "a head of 1 MiB": PART.replace(b"\r\n\r\n", b"\r\nX: y" * 180_000 + b"\r\n\r\n"),
    "a name of 1,001 characters": PART.replace(b"x0", b"x" * 1001),
    "an encoded name of 1,001 characters": PART.replace(b'name="x0"', b"name*=UTF-8''" + b"%41" * 1001),
}


@each_form
@pytest.mark.parametrize(("content_type", "body"), WRONG_PARTS.values(), ids=WRONG_PARTS)
def test_wrong_multipart_forms_are_refused(content_type: str, body: bytes, call: Call, shared: Client) -> None:
    response = made(shared, call, body, content_type)

    assert (response.status_code, "Invalid form body" in response.text) == (400, True), response.text


@each_form
@pytest.mark.parametrize("body", TOO_LARGE_PARTS.values(), ids=TOO_LARGE_PARTS)
def test_parts_with_large_heads_are_refused(body: bytes, call: Call, shared: Client) -> None:
    assert is_too_large(made(shared, call, body, MULTIPART), call)


@each_form
def test_a_boundary_may_be_long_and_a_part_may_hold_a_form(call: Call, shared: Client) -> None:
    usual = made(shared, call, PART, MULTIPART)
    boundary = b"b" * 200
    inner = PART.replace(b"\r\n\r\n", b"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--c--")

    long = made(
        shared, call, PART.replace(b"--b", b"--" + boundary), f"multipart/form-data; boundary={boundary.decode()}"
    )
    nested = made(shared, call, inner, MULTIPART)
    assert long.text == nested.text == usual.text
