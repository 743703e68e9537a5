"""Bodies: JSON and forms are read into the same shape, and JSON is written as compact UTF-8."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from http import HTTPStatus
from math import isinf
from typing import IO, Any

from flask import Request, Response
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from flaresend_mock.core.models import Upload
from flaresend_mock.http.context import SERVICES

JSON = "application/json; charset=utf-8"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
NOT_JSON = "Invalid JSON body"
MAX_DEPTH = 100
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
RAW = "flaresend_mock.raw_body"
"""The key in the environ of the bytes of a body that was read as JSON."""

_INDEXED = re.compile(r"(.+)\[(\d{0,6})\]", re.ASCII)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class StrictFormDataParser(FormDataParser):
    """Reports broken forms instead of reading them as empty ones."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.silent = False


class ApiRequest(Request):
    """A request whose forms are read strictly, and are as large as its emulator allows."""

    form_data_parser_class = StrictFormDataParser

    _streams: tuple[IO[bytes], ...] = ()

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*args, **kwargs)
        self._streams += (stream,)
        return stream

    def _load_form_data(self) -> None:
        self.max_content_length = self.max_form_memory_size = self.environ[SERVICES].max_body_size
        try:
            super()._load_form_data()
        except BaseException:
            for stream in self._streams:
                stream.close()
            raise


def read(
    request: Request,
    lists: Collection[str] = (),
    *,
    forms: bool = True,
    max_depth: int = MAX_DEPTH,
    max_size: int = 0,
    not_json: str = NOT_JSON,
) -> dict[str, Any]:
    """Return the fields of a request's body; an empty body has none.

    Args:
        lists: the fields that hold lists. In a form they may be repeated, as `name`, `name[]` or `name[0]`,
            or hold a JSON array.
        forms: accepts forms beside JSON.
        max_depth: how deeply JSON may be nested.
        max_size: how many bytes of JSON are accepted, where the emulator does not allow more.
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
            return _read_form(request, lists)
        raise UnsupportedMediaType
    environ = request.environ
    if length > max(environ[SERVICES].max_body_size, max_size):
        raise RequestEntityTooLarge
    raw = environ.get(RAW)
    if raw is None:  # the server has read it already: `Request.get_data` would add two guards
        raw = environ[RAW] = environ["wsgi.input"].read(length)
    try:
        data = load_json(raw, max_depth)
    except ValueError:
        raise BadRequest(not_json) from None
    if not isinstance(data, dict):
        raise BadRequest(not_json)
    return data


def respond(data: Any, status: int = 200) -> Response:
    """Return a response with data as JSON."""
    return Response(_encode(data).encode(), STATUS_LINES.get(status, status), content_type=JSON)


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


def _read_form(request: Request, lists: Collection[str]) -> dict[str, Any]:
    try:
        form, files = request.form, request.files
    except ValueError:
        raise BadRequest("Invalid form body") from None
    fields: dict[str, Any] = {}
    if None in form or None in files:
        raise BadRequest("Invalid form body")
    for name, values in form.lists():
        found = _INDEXED.fullmatch(name)
        base = found[1] if found and found[1] in lists else name
        if base in lists:
            fields.setdefault(base, []).extend(_items(values))
        else:
            fields[name] = unquote(values[-1])
    fields.update(_uploads(files))
    return fields


def _items(values: list[str]) -> list[Any]:
    items: list[Any] = []
    for value in map(unquote, values):
        if value.lstrip().startswith("["):
            try:
                items.extend(load_json(value.encode()))
                continue
            except ValueError:
                pass  # an item that starts with a bracket, and is not JSON
        items.append(value)
    return items


def _uploads(files: MultiDict[str, FileStorage]) -> dict[str, Upload]:
    found = {}
    for name, file in files.items():
        file.stream.seek(0)  # fault injection may have read it before
        found[name] = Upload(file.stream.read(), unquote(file.filename or ""), file.content_type or "")
    return found
