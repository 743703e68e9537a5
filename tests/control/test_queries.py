"""What matchers can name: all that the API takes and gives, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from marshmallow import Schema

import flaresend_mock.app  # noqa: F401 - defines every schema of the API
from flaresend_mock.api.fields import Body
from flaresend_mock.api.messages import Success
from flaresend_mock.control.resources import RESPONSE_FIELDS
from flaresend_mock.core.matchers.parser import BODY_FIELDS
from flaresend_mock.package_data import FIXTURES


def fields_of(schema: type[Schema]) -> Iterator[str]:
    for kind in schema.__subclasses__():
        yield from kind._declared_fields
        yield from fields_of(kind)


def documented_answers() -> Iterator[Any]:
    for file in (FIXTURES / "contract").glob("*/*.json"):
        yield json.loads(file.read_text(encoding="utf-8"))["response"].get("body")


def test_matchers_can_name_every_field_of_every_body() -> None:
    assert set(BODY_FIELDS) == set(fields_of(Body))


def test_matchers_can_name_every_field_of_every_answer() -> None:
    in_refusals = {name for body in documented_answers() if isinstance(body, dict) for name in body}

    assert set(RESPONSE_FIELDS) == set(fields_of(Success)) | in_refusals
