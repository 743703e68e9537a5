"""Every raw request of the table gets its responses, however its bytes are split into packets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from flaresend_mock import FlaresendMock
from tests.http.raw_client import Client, Response
from tests.http.raw_requests import ROWS
from tests.http.raw_row import CHUNK, CHUNKED, END, GET, READ, SIZED, Row
from tests.security.hostile import is_served, port_of
from tests.support import examples

SHORT = 600
"""A sample of the rows of less bytes is sent byte by byte, too."""

LONG = 20_000
"""Rows of more bytes are not cut at each end of a line."""


@pytest.fixture(scope="module")
def running() -> Iterator[FlaresendMock]:
    with FlaresendMock(max_body_size=100_000) as emulator:
        yield emulator


def pieces_of(row: Row, running: FlaresendMock) -> list[bytes | None]:
    own = f"localhost:{port_of(running)}".encode()
    return [piece and piece.replace(b"localhost:PORT", own) for piece in row.pieces]


def converse(running: FlaresendMock, row: Row, pieces: list[bytes | None], *, tls: bool = False) -> list[Response]:
    """Send a row's pieces, check what comes back and what becomes of the connection, and return the responses."""
    *wanted, then = row.outcome.split()
    responses: list[Response] = []
    with Client(port_of(running), tls=tls) as client:

        def read() -> None:
            expected = wanted[len(responses)]
            response = client.response(expected)
            if "?" in expected and response.status != int(expected[:3]):
                wanted.pop(len(responses))
                expected = wanted[len(responses)]
            assert f"{response.status}" == expected[:3], response
            responses.append(response)

        for piece in pieces:
            if piece is READ:
                read()
            else:
                client.send(piece)
        if row.hang_up:
            client.hang_up()
        while len(responses) < len(wanted):
            read()
        if then == "open":
            client.send(GET.encode())
            assert client.response().status == 200
        else:
            assert client.rest() == b""
    return responses


def check(row: Row, responses: list[Response], *, control: bool = False) -> None:
    for response in responses:
        assert row.lacks not in response.head + response.body.decode("latin-1")
        assert response.status != 405 or "allow" in response.headers
    if row.outcome != "closed":
        assert row.has.lower() in (responses[-1].head + responses[-1].body.decode("latin-1")).lower()
    if row.is_refused:
        assert responses[-1].headers["connection"] == "close"
        if "*" not in row.outcome:
            check_refusal(responses[-1], control=control)


def check_refusal(response: Response, *, control: bool) -> None:
    """Check that a refusal is JSON in the format of the API or of the control plane."""
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    refusal: dict[str, Any] = json.loads(response.body)
    if control:
        assert list(refusal) == ["error"]
        assert list(refusal["error"]) == ["code", "message"]
    else:
        assert list(refusal) == ["success", "message"]
        assert refusal["success"] is False


def of_control(row: Row) -> Row:
    """Return the same row, sent to the control plane."""
    if isinstance(row.sent, str):
        return replace(row, sent=_to_control(row.sent))
    return replace(row, sent=tuple(piece and _to_control(piece) for piece in row.sent))


def _to_control(text: str) -> str:
    return text.replace(" /groups", " /_mock/clock", 1).replace(" /check-number", " /_mock/clock/advance", 1)


def size_of(row: Row) -> int:
    return sum(len(piece or b"") for piece in row.pieces)


REFUSED = [row for row in ROWS if row.is_refused and len(row.outcome.split()) == 2 and of_control(row).sent != row.sent]
WITH_PATH = [row for row in REFUSED if row.pieces[0] and not row.pieces[0].startswith(b"\r\n")]
SAMPLE = [row for row in ROWS if size_of(row) < SHORT and READ not in row.pieces][::4]
OVER_TLS = [row for row in ROWS if not row.hang_up and b"CONNECT " not in (row.pieces[0] or b"")][::8]


def test_the_ids_are_unique() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert all(row.source for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_gets_its_responses(row: Row, running: FlaresendMock) -> None:
    pieces = pieces_of(row, running)
    check(row, converse(running, row, pieces))
    if size_of(row) > LONG:
        return

    cut: list[bytes | None] = []
    for piece in pieces:
        cut += [READ] if piece is READ else [part for part in re.split(rb"(?<=\r)|(?<=\n)", piece) if part]
    check(row, converse(running, row, cut))


@pytest.mark.parametrize("row", WITH_PATH, ids=lambda row: row.id)
def test_the_control_plane_refuses_in_its_own_format(row: Row, running: FlaresendMock) -> None:
    row = of_control(row)

    check(row, converse(running, row, pieces_of(row, running)), control=True)


@pytest.mark.parametrize("row", SAMPLE, ids=lambda row: row.id)
def test_a_row_sent_byte_by_byte_gets_the_same(row: Row, running: FlaresendMock) -> None:
    pieces: list[bytes | None] = [bytes([byte]) for piece in pieces_of(row, running) for byte in piece or b""]

    check(row, converse(running, row, pieces))


@pytest.mark.parametrize("row", OVER_TLS, ids=lambda row: row.id)
def test_a_row_over_tls_gets_the_same(row: Row, running: FlaresendMock) -> None:
    check(row, converse(running, row, pieces_of(row, running), tls=True))


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x16GET / HTTP/1.1"]
)
def test_bytes_that_only_begin_like_tls_get_no_http(sent: bytes, running: FlaresendMock) -> None:
    with Client(port_of(running)) as client:
        client.send(sent)
        client.hang_up()

        assert b"HTTP/1" not in client.rest()
    assert is_served(running)


CONVERSATION = [GET, SIZED, f"{CHUNKED}{CHUNK}{END}", f"\r\n{GET}", GET.replace("/groups", "/nowhere")]


@given(
    calls=some.lists(some.sampled_from(CONVERSATION), min_size=1, max_size=6),
    cuts=some.lists(some.integers(min_value=1, max_value=1500), max_size=12, unique=True),
)
@hypothesis_settings(max_examples=examples(60), deadline=None)
def test_any_split_of_a_conversation_gets_the_same(calls: list[str], cuts: list[int], running: FlaresendMock) -> None:
    sent = "".join(calls).encode()
    ends = [cut for cut in sorted(cuts) if cut < len(sent)]
    pieces: list[bytes | None] = [sent[begin:end] for begin, end in zip([0, *ends], [*ends, len(sent)], strict=True)]
    outcome = " ".join("404" if "/nowhere" in call else "200" for call in calls)

    converse(running, Row("split", "", "", f"{outcome} open"), pieces)
