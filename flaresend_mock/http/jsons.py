"""JSON as it travels: strict on the way in, compact raw UTF-8 on the way out."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from math import isinf
from typing import Any

from flask import Response

CONTENT_TYPE = "application/json; charset=utf-8"
MAX_DEPTH = 100

_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise ValueError(f"{digits} is too big")
    return number


_decode = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite).decode


def dump(data: Any) -> bytes:
    """Write data as compact UTF-8, keys in the order they have."""
    return _encode(data).encode()


def respond(data: Any, status: int = 200) -> Response:
    """Answer with data as JSON."""
    return Response(dump(data), status_line(status), content_type=CONTENT_TYPE)


def status_line(status: int) -> str:
    """Return a status with its phrase, as HTTP sends it."""
    return _STATUS_LINES.get(status) or f"{status} Unknown"


def load(raw: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """Read JSON as JavaScript would.

    Lone surrogates, which no UTF-8 can carry, become U+FFFD.

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


def mend(data: Any) -> Any:
    """Put U+FFFD in the place of every lone surrogate."""
    if isinstance(data, str):
        return _LONE_SURROGATE.sub("\ufffd", data)
    if isinstance(data, list):
        return [mend(inner) for inner in data]
    if isinstance(data, dict):
        return {mend(key): mend(inner) for key, inner in data.items()}
    return data
