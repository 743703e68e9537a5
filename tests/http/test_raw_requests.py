"""Every raw request of the table gets its responses, however its bytes are split into packets."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from flaresend_mock import FlaresendMock
from tests.http.raw_requests import ROWS
from tests.http.raw_row import CHUNK, CHUNKED, END, GET, SIZED, Row
from tests.security.hostile import TIMEOUT, port_of
from tests.support import examples

pytestmark = pytest.mark.skip("for the server that replaces Waitress")

SHORT = 600
"""Rows of at most so many bytes are sent byte by byte, too."""

DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")


@pytest.fixture(scope="module")
def running() -> Iterator[FlaresendMock]:
    with FlaresendMock(max_body_size=100_000) as emulator:
        yield emulator


@dataclass(frozen=True)
class Response:
    status: int
    head: str
    headers: dict[str, str]
    body: bytes


class Client:
    """Sends bytes, and reads responses strictly."""

    def __init__(self, running: FlaresendMock) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port_of(running)), timeout=TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # the server may refuse before all is sent
            self._socket.sendall(data)

    def hang_up(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def response(self, *, has_body: bool) -> Response:
        head = self._until(b"\r\n\r\n").decode("latin-1")
        line, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.[01] ([1-5]\d\d) [ -~]+", line)
        assert found, line
        assert all(re.fullmatch(r"[\w-]+: [ -~]*", field) for field in fields), fields
        pairs = [field.split(": ", 1) for field in fields]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), fields
        status = int(found[1])
        assert status < 200 or DATE.fullmatch(headers["date"])
        return Response(status, head, headers, self._body(headers) if has_body else b"")

    def rest(self) -> bytes:
        """Return what comes before the server closes the connection."""
        with suppress(ConnectionError):
            while data := self._socket.recv(65536):
                self._read += data
        return self._read

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            chunks = b""
            while size := int(self._until(b"\r\n"), 16):
                chunks += self._exactly(size + 2)[:-2]
            self._until(b"\r\n")
            return chunks
        return self._exactly(int(headers["content-length"]))

    def _until(self, end: bytes) -> bytes:
        while end not in self._read:
            self._receive()
        return self._exactly(self._read.index(end) + len(end))

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            self._receive()
        found, self._read = self._read[:size], self._read[size:]
        return found

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        assert data, f"closed after {self._read!r}"
        self._read += data


def converse(running: FlaresendMock, row: Row, pieces: list[bytes | None]) -> list[Response]:
    """Send a row's pieces, check what comes back and what becomes of the connection, and return the responses."""
    *wanted, then = row.outcome.split()
    responses: list[Response] = []
    with Client(running) as client:

        def read() -> None:
            expected = wanted[len(responses)]
            response = client.response(has_body="*" not in expected)
            if "?" in expected and response.status != int(expected[:3]):
                wanted.pop(len(responses))
                expected = wanted[len(responses)]
            assert f"{response.status}" == expected[:3], response
            responses.append(response)

        for piece in pieces:
            if piece is None:
                read()
            else:
                client.send(piece)
        if row.hang_up:
            client.hang_up()
        while len(responses) < len(wanted):
            read()
        if then == "open":
            client.send(GET.encode())
            assert client.response(has_body=True).status == 200
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
        check_refusal(responses[-1], control=control)


def check_refusal(response: Response, *, control: bool) -> None:
    """Check that a refusal is JSON in the format of the API or of the control plane; to HEAD, it has no body."""
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    refusal: dict[str, Any] = json.loads(response.body or '{"success": false, "message": ""}')
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


ALL = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
REFUSED = [row for row in ROWS if row.is_refused and of_control(row).sent != row.sent]
WHOLE = [row for row in ROWS if None not in row.pieces]


def test_the_ids_are_unique() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert all(row.source for row in ROWS)


@ALL
def test_a_row_gets_its_responses(row: Row, running: FlaresendMock) -> None:
    check(row, converse(running, row, row.pieces))


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.id)
def test_the_control_plane_refuses_in_its_own_format(row: Row, running: FlaresendMock) -> None:
    row = of_control(row)

    check(row, converse(running, row, row.pieces), control=True)


@ALL
def test_a_row_cut_at_each_line_end_gets_the_same(row: Row, running: FlaresendMock) -> None:
    pieces: list[bytes | None] = []
    for piece in row.pieces:
        pieces += [None] if piece is None else [part for part in re.split(rb"(?<=\r)|(?<=\n)", piece) if part]

    check(row, converse(running, row, pieces))


@pytest.mark.parametrize("row", [row for row in WHOLE if len(row.sent) < SHORT], ids=lambda row: row.id)
def test_a_row_sent_byte_by_byte_gets_the_same(row: Row, running: FlaresendMock) -> None:
    pieces: list[bytes | None] = [bytes([byte]) for piece in row.pieces for byte in piece or b""]

    check(row, converse(running, row, pieces))


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
