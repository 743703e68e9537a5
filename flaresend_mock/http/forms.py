"""Forms, as the fields that they hold. Everything is counted in the raw bytes, before it is decoded or kept."""

import re
from collections.abc import Iterator
from typing import IO
from urllib.parse import parse_qsl

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

from flaresend_mock.core.models import Upload

Fields = list[tuple[str, str | Upload]]

MAX_HEAD = 8 * 1024
"""Bytes that the headers of a part may have."""
MAX_NAME = 1000
"""Characters that the name of a field may have."""
MAX_TEXT = 8 * 1024 * 1024
"""Bytes that the fields of a multipart form may have together, without files."""

_MAX_BOUNDARY = 200
_BLOCK = 64 * 1024
_BLANK_LINE = re.compile(rb"\r\n\r\n|\r\r|\n\n")
_CONTINUED = re.compile(rb"(?:\r\n|\n|\r)[ \t]")
_CHARSETS = ("ascii", "us-ascii", "utf-8", "iso-8859-1")


def read_urlencoded(stream: IO[bytes], most: int) -> Fields:
    """Return the fields of a URL-encoded form."""
    raw = stream.read()
    if raw.count(b"&") >= most:
        raise RequestEntityTooLarge
    found = parse_qsl(raw.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
    return [(_bounded(name), value) for name, value in found]


def read_multipart(stream: IO[bytes], boundary: str, most: int) -> Fields:
    """Return the fields and files of a multipart form."""
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise ValueError("no usable boundary")
    fields: Fields = []
    text_left = MAX_TEXT
    for start, end in _parts(stream, boundary.encode("latin-1")):
        if len(fields) == most:
            raise RequestEntityTooLarge
        stream.seek(start)
        head = stream.read(min(MAX_HEAD, end - start))
        blank = _BLANK_LINE.search(head)
        if blank is None and end - start > MAX_HEAD:
            raise RequestEntityTooLarge
        headers = _headers(head[: blank.start()] if blank else head)
        stream.seek(start + blank.end() if blank else end)
        _, options = parse_options_header(headers.get("content-disposition"))
        name, content_type = _bounded(options["name"]), headers.get("content-type", "")
        size = end - stream.tell()
        if "filename" in options:
            fields.append((name, Upload(stream.read(size), options["filename"], content_type)))
            continue
        text_left -= size
        if text_left < 0:
            raise RequestEntityTooLarge
        charset = parse_options_header(content_type)[1].get("charset", "").lower()
        fields.append((name, stream.read(size).decode(charset if charset in _CHARSETS else "utf-8", "replace")))
    return fields


def _bounded(name: str) -> str:
    if len(name) > MAX_NAME:
        raise RequestEntityTooLarge
    return name


def _headers(head: bytes) -> dict[str, str]:
    lines = _CONTINUED.sub(b" ", head).decode().splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _parts(stream: IO[bytes], boundary: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each part begins and ends. Between two of them, the caller may move the stream."""
    line_end = rb"(?:\r\n|\n|\r)"
    delimiter = re.compile(line_end + b"--" + re.escape(boundary) + rb"(?:(--)|[ \t]{0,64}" + line_end + b")")
    longest = len(boundary) + 72
    window, at, begin = b"\r\n", -2, None
    is_last = False
    while not is_last:
        stream.seek(at + len(window))
        block = stream.read(_BLOCK)
        is_last = not block
        window += block
        done = 0
        for found in delimiter.finditer(window):
            if found.end() == len(window) and not is_last:  # the next block may begin with a part of it
                break
            if begin is not None:
                yield begin, at + found.start()
            if found[1]:
                return
            done = found.end()
            begin = at + done
        done = max(done, len(window) - longest)
        window, at = window[done:], at + done
    raise ValueError("the form has no end")
