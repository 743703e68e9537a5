"""The stream of a request's body: inflated if its Content-Encoding says so, and bounded meanwhile."""

import zlib
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from flaresend_mock.http.context import SERVICES
from flaresend_mock.http.turns import HELD, LARGE, give_back

RAW = "flaresend_mock.raw_body"  # the key in the environ of a body that was read as JSON
FORM = "flaresend_mock.form"  # the key in the environ of the fields of a form that was read
MAX_UNREAD = 64 * 1024  # the most that is kept of a body that was not read, as that of a caller who is not known

_INFLATED = "flaresend_mock.inflated_body"
_BLOCK = 64 * 1024
_FEW_MEMBERS = 16  # of gzip, beside one for each 8 KiB that the body may have
_GZIP, _ZLIB, _DEFLATE = 31, 15, -15


def open_body(environ: MutableMapping[str, Any], most: int) -> IO[bytes]:
    """Return the stream of a body of at most `most` bytes, sent and inflated. A large one waits for its turn first."""
    environ[HELD] = True
    stream: IO[bytes] = environ.get(_INFLATED) or environ["wsgi.input"]
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    if size > most:
        raise RequestEntityTooLarge
    if size > LARGE:
        environ[SERVICES].turns.take(environ)
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding in ("", "identity") or _INFLATED in environ:
        return stream
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnsupportedMediaType(f"Content-Encoding must be gzip or deflate, not {encoding[:50]!r}")
    with ExitStack() as opened:
        inflated = opened.enter_context(SpooledTemporaryFile(_BLOCK))
        try:
            for block in _inflate(stream, _FEW_MEMBERS + most // 8192, is_gzip=encoding != "deflate"):
                if inflated.tell() + len(block) > most:
                    raise RequestEntityTooLarge
                inflated.write(block)
                if inflated.tell() > LARGE:
                    environ[SERVICES].turns.take(environ)
        except zlib.error:
            raise BadRequest(f"The body is not valid {encoding}") from None
        opened.pop_all()  # `release` closes it
    inflated.seek(0)
    environ[_INFLATED] = inflated
    return inflated


def peek(environ: MutableMapping[str, Any]) -> tuple[bytes | None, int | None]:
    """Return the first bytes of a body that was not read, and how many it has if there are more."""
    if environ.get("CONTENT_LENGTH", "0") in ("", "0"):
        return None, None
    try:
        return open_body(environ, MAX_UNREAD).read(), None
    except HTTPException:
        environ["wsgi.input"].seek(0)
        size = int(environ["CONTENT_LENGTH"])  # the server may have kept less
        return environ["wsgi.input"].read(MAX_UNREAD), size if size > MAX_UNREAD else None


def forget(environ: MutableMapping[str, Any]) -> None:
    environ.pop(RAW, None)
    environ.pop(FORM, None)


def release(environ: MutableMapping[str, Any]) -> None:
    """Release what the body of a call that has ended holds: memory, a file, and its turn."""
    forget(environ)
    inflated = environ.pop(_INFLATED, None)
    if inflated is not None:
        inflated.close()
    give_back(environ)


def _inflate(stream: IO[bytes], members: int, *, is_gzip: bool) -> Iterator[bytes]:
    """Yield what compressed data holds, in small blocks. Deflated data may lack the header of zlib."""
    packed = stream.read(_BLOCK)
    has_header = len(packed) > 1 and packed[0] & 15 == zlib.DEFLATED == 8 and int.from_bytes(packed[:2]) % 31 == 0
    window = _GZIP if is_gzip else _ZLIB if has_header else _DEFLATE
    for _ in range(members):
        engine = zlib.decompressobj(window)
        while not engine.eof:
            block = engine.decompress(packed, _BLOCK)
            if not (block or packed or engine.eof):
                raise zlib.error("incomplete")
            yield block
            packed = engine.unused_data if engine.eof else engine.unconsumed_tail or stream.read(_BLOCK)
        packed = packed or stream.read(_BLOCK)
        if not packed:
            return
        if not is_gzip:
            raise zlib.error("something follows it")
    raise RequestEntityTooLarge
