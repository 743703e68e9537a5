"""Request bodies: JSON and forms, read into the same shape."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import IO, TYPE_CHECKING, Any

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser

from flaresend_mock.core.models import Upload
from flaresend_mock.http import jsons
from flaresend_mock.http.context import EMULATOR

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

NO_JSON = "Invalid JSON body"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")

_RAW = "flaresend_mock.raw_body"
_INDEXED = re.compile(r"(.+)\[(\d{0,6})\]", re.ASCII)


class StrictFormDataParser(FormDataParser):
    """Reports broken forms instead of reading them as empty ones."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.silent = False


class ApiRequest(Request):
    """A request whose forms are read strictly, and which may be as large as its emulator allows."""

    form_data_parser_class = StrictFormDataParser

    _streams: tuple[IO[bytes], ...] = ()

    def __init__(self, environ: WSGIEnvironment, *args: Any, **kwargs: Any) -> None:
        super().__init__(environ, *args, **kwargs)
        self.max_content_length = self.max_form_memory_size = environ[EMULATOR].max_body_size

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*args, **kwargs)
        self._streams += (stream,)
        return stream

    def close(self) -> None:
        super().close()
        for stream in self._streams:
            stream.close()


def read(
    request: Request,
    lists: Collection[str] = (),
    *,
    forms: bool = True,
    max_depth: int = jsons.MAX_DEPTH,
) -> dict[str, Any]:
    """Return the fields of a request's body; an empty body has none.

    Args:
        lists: the fields that hold lists: in a form they may be repeated, as `name`, `name[]` or `name[0]`,
            or hold a JSON array.
        forms: whether forms are accepted beside JSON.
        max_depth: how deeply JSON may be nested.

    Raises:
        BadRequest: the body is not what its content type says, or is JSON but no object.
        UnsupportedMediaType: it is neither JSON nor a form.
        RequestEntityTooLarge: it is too large.
    """
    if not request.content_length:
        return {}
    if request.content_type == "application/json" or request.is_json:
        return _read_json(request, max_depth)
    if forms and request.mimetype in FORMS:
        return _read_form(request, lists)
    raise UnsupportedMediaType


def raw_body(request: Request) -> bytes | None:
    """Return the bytes of a body that was read as JSON."""
    raw: bytes | None = request.environ.get(_RAW)
    return raw


def _read_json(request: Request, max_depth: int) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    The bytes are taken from the server directly: it has read all of them already, and `Request.get_data` would put
    two guards in between that are for servers that have not.
    """
    length, allowed = request.content_length or 0, request.max_content_length
    if allowed is not None and length > allowed:
        raise RequestEntityTooLarge
    raw = request.environ.get(_RAW)
    if raw is None:
        raw = request.environ[_RAW] = request.environ["wsgi.input"].read(length)
    try:
        data = jsons.load(raw, max_depth)
    except ValueError:
        raise BadRequest(NO_JSON) from None
    if not isinstance(data, dict):
        raise BadRequest(NO_JSON)
    return data


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
                items.extend(jsons.load(value.encode()))
                continue
            except ValueError:
                pass  # not a JSON array after all: an item that happens to start with a bracket
        items.append(value)
    return items


def unquote(value: str) -> str:
    """Take off the double quotes that the documentation's curl puts around form values."""
    return value[1:-1] if len(value) >= 2 and value[0] == value[-1] == '"' else value


def _uploads(files: MultiDict[str, FileStorage]) -> dict[str, Upload]:
    found = {}
    for name, file in files.items():
        file.stream.seek(0)  # whoever looked for faults has read it before
        found[name] = Upload(file.stream.read(), unquote(file.filename or ""), file.content_type or "")
    return found
