"""Forms, as the fields that they hold. Everything is counted in the raw bytes, before it is decoded or kept."""

from io import BytesIO
from typing import IO
from urllib.parse import parse_qsl

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Field, File, MultipartDecoder, NeedData, State

from flaresend_mock.core.models import Upload

Fields = list[tuple[str, str | Upload]]

MAX_FIELDS = 1000
"""Fields or files that a form may have."""
MAX_HEAD = 8 * 1024
"""Bytes that the headers of a part may have."""
MAX_NAME = 1000
"""Characters that the name of a field may have."""
MAX_TEXT = 8 * 1024 * 1024
"""Bytes that the fields of a multipart form may have together, without files."""

_MAX_BOUNDARY = 200
_BLOCK = 64 * 1024
_CHARSETS = ("ascii", "us-ascii", "utf-8", "iso-8859-1")


def read_urlencoded(stream: IO[bytes]) -> Fields:
    """Return the fields of a URL-encoded form."""
    raw = stream.read()
    if raw.count(b"&") >= MAX_FIELDS:
        raise RequestEntityTooLarge
    found = parse_qsl(raw.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
    return [(_bounded(name), value) for name, value in found]


def read_multipart(stream: IO[bytes], boundary: str) -> Fields:
    """Return the fields and files of a multipart form."""
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise ValueError("no usable boundary")
    decoder = MultipartDecoder(boundary.encode("latin-1"), max_parts=MAX_FIELDS)
    fields: Fields = []
    part: Field | File | None = None
    content = BytesIO()
    text_left = MAX_TEXT
    while decoder.state is not State.EPILOGUE:
        event = decoder.next_event()
        if isinstance(event, NeedData):
            if decoder.state is State.PART and len(decoder.buffer) > MAX_HEAD:
                raise RequestEntityTooLarge
            decoder.receive_data(stream.read(_BLOCK) or None)
        elif isinstance(event, Field | File):
            if len(str(event.headers)) > MAX_HEAD:
                raise RequestEntityTooLarge
            part, content = event, BytesIO()
        elif isinstance(event, Data) and part is not None:
            content.write(event.data)
            text_left -= len(event.data) if isinstance(part, Field) else 0
            if text_left < 0:
                raise RequestEntityTooLarge
            if not event.more_data:
                fields.append((_bounded(part.name), _value(part, content.getvalue())))
    return fields


def _value(part: Field | File, content: bytes) -> str | Upload:
    content_type = part.headers.get("Content-Type", "")
    if isinstance(part, File):
        return Upload(content, part.filename, content_type)
    charset = parse_options_header(content_type)[1].get("charset", "").lower()
    return content.decode(charset if charset in _CHARSETS else "utf-8", "replace")


def _bounded(name: str | None) -> str:
    if name is None:
        raise ValueError("a part has no name")
    if len(name) > MAX_NAME:
        raise RequestEntityTooLarge
    return name
