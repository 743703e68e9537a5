"""The reader of requests without a socket: any split of the bytes gives the same, and nothing fails in another way."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from flaresend_mock.http import request_reader
from flaresend_mock.http.request_reader import Closed, Head, Refused, RequestReader
from flaresend_mock.http.turns import Room
from tests.http.raw_requests import ROWS
from tests.http.raw_row import GET, Row
from tests.support import examples

MAX_BODY = 100_000
SHORT = [row for row in ROWS if sum(len(piece or b"") for piece in row.pieces) < 2000]


def whole_body(head: Head) -> int:
    return sys.maxsize


def read(pieces: Iterable[bytes], *, known: bool = True) -> list[object]:
    """Return what the reader makes of bytes: heads and bodies, then the status of a refusal, or 0 at the end."""
    arriving = iter(pieces)
    reader = RequestReader(lambda seconds: next(arriving, b""), lambda data: None, MAX_BODY, Room(), lambda head: known)
    found: list[object] = []
    try:
        while True:
            reader.wait()
            head = reader.read_head()
            with reader.read_body(head) as body:
                found += [head, body.read()]
    except Closed:
        return [*found, 0]
    except Refused as refused:
        return [*found, refused.status]


def whole(row: Row) -> bytes:
    return b"".join(piece or b"" for piece in row.pieces)


def test_each_row_is_read_byte_by_byte_as_at_once() -> None:
    sent = {row.id: whole(row) for row in SHORT}

    assert [name for name, data in sent.items() if read(bytes([byte]) for byte in data) != read([data])] == []


@given(row=some.sampled_from(SHORT), cuts=some.lists(some.integers(min_value=1, max_value=800), max_size=8))
@hypothesis_settings(max_examples=examples(300))
def test_a_row_is_read_in_any_pieces_as_at_once(row: Row, cuts: list[int]) -> None:
    sent = whole(row) + GET.encode()
    ends = [*(cut for cut in sorted(set(cuts)) if cut < len(sent)), len(sent)]

    assert read(sent[begin:end] for begin, end in zip([0, *ends], ends, strict=False)) == read([sent])


@given(
    row=some.sampled_from(SHORT),
    at=some.integers(min_value=0, max_value=2000),
    length=some.integers(min_value=0, max_value=3),
    inserted=some.binary(max_size=3) | some.sampled_from([b"\r", b"\n", b"\r\n", b"\0", b":", b";", b'"', b" "]),
)
@hypothesis_settings(max_examples=examples(600))
def test_a_row_with_a_fault_is_read_or_refused(row: Row, at: int, length: int, inserted: bytes) -> None:
    sent = whole(row)
    faulty = sent[:at] + inserted + sent[at + length :]

    assert read([faulty])[-1] in (0, 400, 413, 417, 431, 501, 505)


@pytest.mark.parametrize("known", [True, False])
def test_a_body_has_few_small_chunks(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_reader, "MAX_CHUNKS", 30)
    monkeypatch.setattr(request_reader, "MAX_UNKNOWN_CHUNKS", 10)
    head = GET.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n").encode()
    small, usual = b"1\r\nx\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"
    most = 30 if known else 10

    assert read([head + small * most + b"0\r\n\r\n"], known=known)[1:] == [b"x" * most, 0]
    assert read([head + small * (most + 1) + b"0\r\n\r\n"], known=known) == [413]
    assert read([head + usual * 90 + small * most + b"0\r\n\r\n"], known=known)[-1] == 0


def test_an_empty_line_after_a_request_begins_no_other() -> None:
    waits: list[float] = []
    arriving = iter([GET.encode() + b"\r\n", b"\r\n", GET.encode()])

    def receive(seconds: float) -> bytes:
        waits.append(seconds)
        return next(arriving, b"")

    reader = RequestReader(receive, lambda data: None, MAX_BODY, Room(), lambda head: True)
    for _ in range(2):
        reader.wait()
        reader.read_head()

    assert len(set(waits)) == 1  # the time that a connection may idle, and not that which a head may take
