"""Bodies: JSON and forms are read into the same shape, and JSON is written as compact UTF-8."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO
from math import isinf
from typing import IO, TYPE_CHECKING, Any

from flask import Request, Response
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from flaresend_mock.core.models import Upload
from flaresend_mock.http.context import SERVICES

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

JSON = "application/json; charset=utf-8"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
NOT_JSON = "Invalid JSON body"
MAX_DEPTH = 100
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
RAW = "flaresend_mock.raw_body"
"""The key in the environ of the bytes of a body that was read as JSON."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_EMPTY = re.compile(rb"[\[{]\s*[\]}]")
_INDEXED = re.compile(r"(.+)\[(\d{0,6})\]", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Limits:
    """How large bodies may be.

    Args:
        depth: how deeply JSON may be nested.
        large: bytes of JSON that are accepted even where the emulator allows fewer.
        json: bytes of JSON, where the emulator does not allow fewer.
        values: how many values JSON may hold.
        urlencoded: bytes of a URL-encoded form, where the emulator does not allow fewer.
        fields: how many fields or files a form may have.
    """

    depth: int = MAX_DEPTH
    large: int = 0
    json: int = sys.maxsize
    values: int = sys.maxsize
    urlencoded: int = sys.maxsize
    fields: int = 100_000


DEFAULT_LIMITS = Limits()
API_LIMITS = Limits(json=8 * 1024 * 1024, values=200_000, urlencoded=1024 * 1024, fields=1000)


class StrictFormDataParser(FormDataParser):
    """Reports broken forms instead of reading them as empty ones, and counts the fields of URL-encoded ones too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.silent = False

    def _parse_urlencoded(self, stream: IO[bytes], *args: Any) -> Any:
        raw = stream.read()
        if self.max_form_parts is not None and raw.count(b"&") >= self.max_form_parts:
            raise RequestEntityTooLarge
        return super()._parse_urlencoded(BytesIO(raw), *args)


class ApiRequest(Request):
    """A request whose forms are read strictly, and are as large as its emulator allows."""

    form_data_parser_class = StrictFormDataParser

    _streams: tuple[IO[bytes], ...] = ()
    _refused: BaseException | None = None

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*args, **kwargs)
        self._streams += (stream,)
        return stream

    def _load_form_data(self) -> None:
        if self._refused is not None:  # fault injection has read the stream
            raise self._refused
        self.max_content_length = self.max_form_memory_size = self.environ[SERVICES].max_body_size
        try:
            super()._load_form_data()
        except BaseException as refused:
            self._refused = refused
            for stream in self._streams:
                stream.close()
            raise


def read(
    request: Request,
    lists: Collection[str] = (),
    *,
    forms: bool = True,
    strict: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    not_json: str = NOT_JSON,
) -> dict[str, Any]:
    """Return the fields of a request's body; an empty body has none.

    Args:
        lists: the fields that hold lists. In a form they may be repeated, as `name`, `name[]` or `name[0]`,
            or hold a JSON array.
        forms: accepts forms beside JSON.
        strict: accepts lists in forms only as `name[]`, and a JSON array only in a multipart form.
        not_json: the message for a body that is not a JSON object.

    Raises:
        BadRequest: the body does not match its content type, or is JSON but not an object.
        UnsupportedMediaType: the body is neither JSON nor a form.
        RequestEntityTooLarge: the body is too large.
    """
    length = request.content_length
    if not length:
        return {}
    if request.content_type != "application/json" and not request.is_json:
        if forms and request.mimetype in FORMS:
            if request.mimetype == FORMS[1] and length > limits.urlencoded:
                raise RequestEntityTooLarge
            return _read_form(request, lists, limits, strict=strict)
        raise UnsupportedMediaType
    environ = request.environ
    if length > min(max(environ[SERVICES].max_body_size, limits.large), limits.json):
        raise RequestEntityTooLarge
    raw = environ.get(RAW)
    if raw is None:  # the server has read it already: `Request.get_data` would add two guards
        raw = environ[RAW] = environ["wsgi.input"].read(length)
    if length > limits.values and _has_more_values(raw, limits.values):
        raise RequestEntityTooLarge
    try:
        data = load_json(raw, limits.depth)
    except ValueError:
        raise BadRequest(not_json) from None
    if not isinstance(data, dict):
        raise BadRequest(not_json)
    return data


class JsonResponse(Response):
    """A response with a body in one piece, which is sent in fewer steps: Werkzeug's own take 6% of a call."""

    def get_wsgi_response(self, environ: WSGIEnvironment) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        body = self.response
        if environ["REQUEST_METHOD"] == "HEAD" or self.status_code in (204, 304) or not isinstance(body, list):
            return super().get_wsgi_response(environ)
        return body, self.status, self.headers.to_wsgi_list()


def respond(data: Any, status: int = 200) -> Response:
    """Return a response with data as JSON."""
    return JsonResponse(_encode(data).encode(), STATUS_LINES.get(status, status), content_type=JSON)


def dump_json(data: Any) -> bytes:
    """Write data as compact UTF-8, and keep the order of its keys."""
    return _encode(data).encode()


def load_json(raw: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Read JSON as JavaScript does. Lone surrogates, which UTF-8 cannot carry, become U+FFFD.

    Raises:
        ValueError: it is not JSON, holds NaN or infinities, or is nested deeper than `max_depth` levels.
    """
    try:
        data = _decode(raw.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("too deeply nested") from None
    if raw.count(b"[") + raw.count(b"{") > max_depth:
        _check_depth(data, max_depth)
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


def _check_depth(data: Any, max_depth: int) -> None:
    level = [data]
    for _ in range(max_depth):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError("too deeply nested")


def _has_more_values(raw: bytes, most: int) -> bool:
    """Tell whether JSON holds more values than that in its arrays and objects, without building any."""
    if sum(map(raw.count, (b",", b"[", b"{"))) <= most:
        return False
    bare = _STRING.sub(b"", raw)
    return sum(map(bare.count, (b",", b"[", b"{"))) - _EMPTY.subn(b"", bare)[1] > most


def _read_form(request: Request, lists: Collection[str], limits: Limits, *, strict: bool) -> dict[str, Any]:
    request.max_form_parts = limits.fields
    spread = not strict or request.mimetype == FORMS[0]
    try:
        form, files = request.form, request.files
    except ValueError:
        raise BadRequest("Invalid form body") from None
    fields: dict[str, Any] = {}
    if None in form or None in files:
        raise BadRequest("Invalid form body")
    for name, values in form.lists():
        found = _INDEXED.fullmatch(name)
        base = found[1] if found and found[1] in lists and not (strict and found[2]) else name
        if base in lists and not (strict and base == name):
            items = fields.setdefault(base, [])
            for value in map(unquote, values):
                items += _items(value, limits, spread=spread)
                if len(items) > limits.values:
                    raise RequestEntityTooLarge
        elif base not in lists:
            fields[name] = unquote(values[-1])
    fields.update(_uploads(files))
    return fields


def _items(value: str, limits: Limits, *, spread: bool) -> list[Any]:
    """Return the items in one value of a list in a form.

    Args:
        spread: takes the items of a JSON array; without it, the array is one item.
    """
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


def _uploads(files: MultiDict[str, FileStorage]) -> dict[str, Upload]:
    found = {}
    for name, file in files.items():
        file.stream.seek(0)  # fault injection may have read it before
        found[name] = Upload(file.stream.read(), unquote(file.filename or ""), file.content_type or "")
    return found
