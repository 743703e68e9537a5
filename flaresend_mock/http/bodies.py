"""Bodies: JSON and forms are read into the same shape, and JSON is written as compact UTF-8."""

import json
import logging
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from io import BytesIO
from itertools import chain
from math import isinf
from typing import IO, Any, cast
from urllib.parse import parse_qsl
from wsgiref.types import WSGIEnvironment

from flask import Request, Response, abort, stream_with_context
from flask import request as here
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Field, File, MultipartDecoder, NeedData, State

from flaresend_mock.core.bounded_store import is_deeper
from flaresend_mock.core.matchers.parser import as_object
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Call, Upload
from flaresend_mock.http.body_stream import FORM, MAX_UNREAD, RAW, open_body
from flaresend_mock.http.context import DROP, PUBLIC, SERVICES, SHARED, cut
from flaresend_mock.http.turns import LARGE, LEAVE, give_back, give_way

log = logging.getLogger(__name__)

JSON = "application/json; charset=utf-8"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
LISTS = ("recipients", "participants", "groupJids")  # the fields of forms of the API that are lists
NOT_JSON = "Invalid JSON body"
MAX_DEPTH = 100
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

HEAVY = LARGE  # bytes of a response that needs room while its client receives it
LIST_ROOM = 8 * 1024 * 1024  # for a large list, which is made while it is sent, and holds what is evicted meanwhile
GATHERED = "flaresend_mock.gathered"  # the key in the environ of the bytes that a call has found while it waited
BUSY = "Other clients still receive large responses; try again later."

MAX_HEAD = 8 * 1024  # bytes that the headers of a part may have
MAX_NAME = 1000  # characters that the name of a field may have
MAX_TEXT = 8 * 1024 * 1024  # bytes that the fields of a multipart form may have together, without files

_BLOCK = 64 * 1024
_MAX_BOUNDARY = 200
_CHARSETS = ("ascii", "us-ascii", "utf-8", "iso-8859-1")
_ESCAPE = re.compile(rb"\\")
_INDEXED = re.compile(r"(.+)\[(\d{0,6})\]", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_Fields = list[tuple[str, str | Upload]]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@model
class Limits:
    """How large bodies may be, beside the emulator's own limit."""

    depth: int = MAX_DEPTH  # how deeply JSON may be nested
    large: int = 0  # bytes of JSON that are accepted even where the emulator allows fewer
    json: int = 8 * 1024 * 1024  # bytes of JSON
    values: int = 200_000  # how many values JSON may hold
    urlencoded: int = 1024 * 1024  # bytes of a URL-encoded form
    multipart: int = sys.maxsize  # bytes of a multipart form
    fields: int = 1000  # fields or files that a form may have
    escapes: int = sys.maxsize  # percent-encoded bytes of a URL-encoded form
    heads: int = sys.maxsize  # bytes that the headers of all parts may have
    base64: frozenset[tuple[str, ...]] = frozenset()  # the paths of long strings that become bytes
    text: int = 8 * 1024 * 1024  # bytes of JSON beside these


LIMITS = Limits()
QUICK_LIMITS = replace(LIMITS, values=2000, fields=50, escapes=2000, heads=4 * 1024)  # of callers without a key
UNKNOWN_LIMITS = replace(QUICK_LIMITS, json=MAX_UNREAD, urlencoded=MAX_UNREAD, multipart=MAX_UNREAD)
MEDIA_LIMITS = replace(LIMITS, json=sys.maxsize, base64=frozenset({("media", "base64")}))
IMPORT_LIMITS = Limits(
    depth=3 * MAX_DEPTH,  # an export wraps accepted bodies in a few more layers
    large=64 * 1024 * 1024,
    json=sys.maxsize,
    text=sys.maxsize,
    values=1_000_000,
    base64=frozenset((*into, name, "data") for into in ((), ("export",), ("world",)) for name in ("media", "served")),
)


def read(
    request: Request,
    lists: Collection[str] = (),  # in a form as `name`, `name[]` or `name[0]`, or as a JSON array
    *,
    forms: bool = True,  # accepts forms beside JSON
    strict: bool = False,  # lists in forms are `name[]` only, or JSON in a multipart form
    limits: Limits = LIMITS,
    not_json: str = NOT_JSON,  # the message for a body that is no JSON object
    empty_list: bool = False,  # takes an empty list for an empty object
) -> dict[str, Any]:
    """Return the fields of a request's body; an empty body has none."""
    environ = request.environ
    given = environ.get("CONTENT_LENGTH") or ""
    length = int(given) if given.isdecimal() and len(given) < 20 else 0  # other servers may not have checked it
    if not length:
        return {}
    max_body_size = environ[SERVICES].max_body_size
    if request.content_type != "application/json" and not request.is_json:
        if forms and request.mimetype in FORMS:
            return _read_form(request, lists, limits, max_body_size, strict=strict)
        raise UnsupportedMediaType
    most = min(max(max_body_size, limits.large), limits.json)
    if length > most:
        raise RequestEntityTooLarge
    raw = environ.get(RAW)
    if raw is None:
        is_plain = length <= LARGE and "HTTP_CONTENT_ENCODING" not in environ
        raw = environ[RAW] = environ["wsgi.input"].read(length) if is_plain else open_body(environ, most).read()
    if len(raw) > limits.values and _has_more_values(raw, limits.values):
        raise RequestEntityTooLarge
    try:
        data = _load_large(raw, limits) if limits.base64 and len(raw) > _BLOCK else load_json(raw, limits.depth)
    except ValueError:
        raise BadRequest(not_json) from None
    data = as_object(data) if empty_list else data
    if not isinstance(data, dict):
        raise BadRequest(not_json)
    return data


def read_kept(raw: Any) -> Any:
    """Return the JSON in a body that was kept, or its text. It may be nested deeper than a new one."""
    try:
        return load_json(raw, 2 * MAX_DEPTH) if isinstance(raw, bytes) else raw
    except ValueError:
        return raw.decode("utf-8", "replace")


def body_of(call: Call) -> Any:
    """Return the JSON or the form in a call's body, or its text. A file in which it is cut off has no size."""
    raw, content_type = call.body, dict(call.headers).get("CONTENT_TYPE", "")
    limits = QUICK_LIMITS if call.instance is None else LIMITS
    if isinstance(raw, bytes) and len(raw) > limits.values and _has_more_values(raw, limits.values):
        return raw.decode("utf-8", "replace")
    if not isinstance(raw, bytes) or not content_type.lower().startswith(FORMS):
        return read_kept(raw)
    request = Request({"CONTENT_TYPE": content_type})
    is_cut = call.body_size is not None and request.mimetype == FORMS[0]
    end = f"\r\n--{request.mimetype_params.get('boundary', '')}--\r\n".encode() if is_cut else b""
    request.environ["wsgi.input"] = BytesIO(raw + end)
    try:
        fields = described(_read_form(request, LISTS, limits, len(raw) + len(end), strict=False))
    except HTTPException:
        return read_kept(raw)
    name, last = (request.environ[FORM] or [("", "")])[-1] if is_cut else ("", None)
    if isinstance(last, Upload):
        fields[name]["size"] = None
    return read_kept(raw) if isinstance(last, str) else fields


def described(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a body, with a description of each file."""
    return {
        name: {"fileName": one.file_name, "mimetype": one.mimetype, "size": len(one.data)}
        if isinstance(one, Upload)
        else one
        for name, one in fields.items()
    }


def read_urlencoded_form(request: Request, most: int) -> dict[str, Any]:
    """Return the fields of a URL-encoded form of at most `most` bytes; another body has none."""
    if not request.content_length or request.mimetype != FORMS[1]:
        return {}
    return dict(_parse_form(request, most, LIMITS))


class JsonResponse(Response):
    """A response with a body in one piece, which is sent in fewer steps: Werkzeug's own take 6% of a call."""

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body = self.response
        is_bare = environ["REQUEST_METHOD"] == "HEAD" or self.status_code in (204, 304)
        if is_bare or self._on_close or not isinstance(body, list):
            return super().get_wsgi_response(environ)
        return body, self.status, self.headers.to_wsgi_list()


def respond(data: Any, status: int = 200) -> Response:
    """Return a response with data as JSON."""
    body = _encode(data).encode()
    headers = [("Content-Type", JSON), ("Content-Length", str(len(body)))]
    return JsonResponse([body], STATUS_LINES.get(status, status), headers)


def take_turn(size: int) -> None:
    """Wait for the turn of a call whose response may have about this many bytes, if that is large."""
    if size > HEAVY:
        here.environ[SERVICES].turns.take(here.environ)


def hold(response: Response, size: int | None = None, *, refusable: bool = False) -> bool:
    """Take room for a large response until its client, if over a connection, has it; return whether there is.

    If there is none, a call that is not `refusable`, as GET is, may have changed something: its connection is cut.
    """
    environ = here.environ
    size = size or response.content_length or (response.calculate_content_length() if response.is_sequence else 0) or 0
    if size <= HEAVY or here.method == "HEAD" or response._on_close or LEAVE not in environ or SHARED in environ:
        return True
    give_way(environ)
    give_back(environ)
    room = environ[SERVICES].public_room if environ.get(PUBLIC) else environ[SERVICES].room
    fits: bool = room.take(size)
    if fits:
        response.direct_passthrough = False  # with it, the end is not told
        response.call_on_close(partial(room.give_back, size))
    elif here.method != "GET" and not refusable:
        log.warning("a connection is cut before its large response, as other clients still receive theirs")
        cut(environ, DROP)
        return True
    return fits


def cached(response: Response, cache_control: str) -> Response:
    """Return a response that a browser may keep, with a file of the package: without it if the browser has the same."""
    here.environ[SHARED] = True
    response.headers["Cache-Control"] = cache_control
    response.add_etag()
    return conditional(response)


def conditional(response: Response, **ranges: Any) -> Response:
    """Return a response, or the part of it that the caller asks for, if that has not the same already."""
    try:
        return cast(Response, response.make_conditional(here, **ranges))
    except OverflowError:  # of a date beyond the calendar
        return response


def stream(pieces: Iterator[bytes], status: int, *, refusable: bool) -> Response:
    """Return a response with JSON in pieces. A large one is made while it is sent, few at once: see `hold`."""
    begin = BytesIO()
    for piece in pieces:
        begin.write(piece)
        if begin.tell() > LARGE:
            rest = stream_with_context(chain([begin.getvalue()], pieces))
            response = Response(rest, STATUS_LINES.get(status, status), content_type=JSON)
            if not hold(response, max(LIST_ROOM, here.environ.get(GATHERED, 0)), refusable=refusable):
                abort(503, BUSY)
            return response
    headers = [("Content-Type", JSON), ("Content-Length", str(begin.tell()))]
    return JsonResponse([begin.getvalue()], STATUS_LINES.get(status, status), headers)


def dump_json(data: Any) -> bytes:
    """Write data as compact UTF-8, and keep the order of its keys."""
    return _encode(data).encode()


def load_json(raw: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Read JSON as JavaScript does. Lone surrogates, which UTF-8 cannot carry, become U+FFFD."""
    try:
        data = _decode(raw.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("too deeply nested") from None
    if raw.count(b"[") + raw.count(b"{") > max_depth and is_deeper(data, max_depth):
        raise ValueError("too deeply nested")
    return mend(data) if b"\\u" in raw else data


def mend(data: Any) -> Any:
    """Replace every lone surrogate by U+FFFD."""
    if isinstance(data, str):
        return _LONE_SURROGATE.sub("\ufffd", data)
    if isinstance(data, list):
        return [mend(inner) for inner in data]
    if isinstance(data, dict):
        return {mend(key): mend(inner) for key, inner in data.items()}
    return data


def unquote(value: str) -> str:
    """Remove the double quotes that the documentation's curl examples put around form values."""
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise ValueError(f"{digits} is too big")
    return number


_decode = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode


def _has_more_values(raw: bytes, most: int) -> bool:
    """Tell whether JSON holds more values than that in its arrays and objects, without building any.

    It reads block by block: one step through all of a body would stop every other thread.
    """
    if sum(map(raw.count, (b",", b"[", b"{"))) <= most:
        return False
    values = end = 0
    rest, in_string = b"", False
    while end < len(raw):
        start, end = end, end + _BLOCK
        while raw[end - 1 : end] == b"\\":  # and what it escapes
            end += 1
        parts = raw[start:end].replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        bare = rest + b'"' * in_string + b'"'.join(parts[in_string::2])
        in_string ^= len(parts) % 2 == 0
        bare = bare.translate(None, b" \t\r\n")
        rest = bare[-1:] if bare.endswith((b"[", b"{")) else b""
        bare = bare.removesuffix(rest)
        values += sum(map(bare.count, (b",", b"[", b"{"))) - bare.count(b"[]") - bare.count(b"{}")
        if values > most:
            return True
    return False


def _load_large(raw: bytes, limits: Limits) -> Any:
    """Read JSON as `load_json` does, in parts: the text of the whole is never built, and no step is long."""
    import msgspec  # few runs need it

    split_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    split_array = msgspec.json.Decoder(list[msgspec.Raw]).decode

    text_left = limits.text

    def load(part: Any, path: tuple[str, ...], levels: int) -> Any:
        nonlocal text_left
        view = memoryview(part)
        if len(view) > _BLOCK and levels:
            if view[0] == ord("{"):
                return {name: load(one, (*path, name), levels - 1) for name, one in split_object(view).items()}
            if view[0] == ord("["):
                return [load(one, path, levels - 1) for one in split_array(view)]
            if path in limits.base64 and view[0] == ord('"') and not _ESCAPE.search(view):
                return view[1:-1]
        text_left -= len(view)
        if text_left < 0:
            raise RequestEntityTooLarge
        return load_json(bytes(view), levels)

    try:
        return load(raw.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n"), (), limits.depth)
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError("not JSON") from None


def _read_form(
    request: Request, lists: Collection[str], limits: Limits, max_body_size: int, *, strict: bool
) -> dict[str, Any]:
    is_multipart = request.mimetype == FORMS[0]
    spread = not strict or is_multipart
    given: _Fields | None = request.environ.get(FORM)
    if given is None:
        most = limits.multipart if is_multipart else limits.urlencoded
        given = request.environ[FORM] = _parse_form(request, min(max_body_size, most), limits)
    fields: dict[str, Any] = {}
    for name, value in given:
        if isinstance(value, Upload):
            continue
        found = _INDEXED.fullmatch(name)
        base = found[1] if found and found[1] in lists and not (strict and found[2]) else name
        if base in lists and not (strict and base == name):
            items = fields.setdefault(base, [])
            items += _items(unquote(value), limits, spread=spread)
            if len(items) > limits.values:
                raise RequestEntityTooLarge
        elif base not in lists:
            fields[name] = unquote(value)
    for name, value in reversed(given):  # of several files with one name, the first counts
        if isinstance(value, Upload):
            fields[name] = replace(value, file_name=unquote(value.file_name))
    return fields


def _items(value: str, limits: Limits, *, spread: bool) -> list[Any]:
    """Return the items in one value of a list in a form. A JSON array is one of them, or is `spread`: it has them."""
    if not value.lstrip().startswith("["):
        return [value]
    raw = value.encode()
    if len(raw) > limits.json or _has_more_values(raw, limits.values):
        raise RequestEntityTooLarge
    try:
        found: list[Any] = load_json(raw)
    except ValueError:  # an item that starts with a bracket, and is not JSON
        return [value]
    return found if spread else [found]


def _parse_form(request: Request, most: int, limits: Limits) -> _Fields:
    stream = open_body(request.environ, most)
    try:
        if request.mimetype == FORMS[0]:
            return _read_multipart(stream, request.mimetype_params.get("boundary", ""), limits)
        return _read_urlencoded(stream, limits)
    except ValueError:
        raise BadRequest("Invalid form body") from None


def _read_urlencoded(stream: IO[bytes], limits: Limits) -> _Fields:
    raw = stream.read()
    if raw.count(b"&") >= limits.fields or raw.count(b"%") > limits.escapes:
        raise RequestEntityTooLarge
    found = parse_qsl(raw.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
    return [(_bounded(name), value) for name, value in found]


def _read_multipart(stream: IO[bytes], boundary: str, limits: Limits) -> _Fields:
    if not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise ValueError("no usable boundary")
    decoder = MultipartDecoder(boundary.encode("latin-1"), max_parts=limits.fields)
    fields: _Fields = []
    part: Field | File | None = None
    content = BytesIO()
    text_left, heads_left, block = MAX_TEXT, limits.heads, min(_BLOCK, limits.heads)
    while decoder.state is not State.EPILOGUE:
        event = decoder.next_event()
        if isinstance(event, NeedData):
            if decoder.state is State.PART and len(decoder.buffer) > min(MAX_HEAD, heads_left):
                raise RequestEntityTooLarge
            decoder.receive_data(stream.read(block) or None)
        elif isinstance(event, Field | File):
            heads_left -= (head := len(str(event.headers)))
            if head > MAX_HEAD or heads_left < 0:
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
