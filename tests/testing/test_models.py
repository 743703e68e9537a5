"""The kit's data classes have the fields of the control plane's resources, with the same types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from flaresend_mock.http.resources import Resource, instance
from flaresend_mock.testing import models
from tests.resource_tables import MODELS

NAMES = {
    models.Message: {"sender": "from", "file_name": "fileName", "at": "timestamp"},
    models.Request: {"at": "timestamp"},
    models.Delivery: {"event": "body"},
    models.Attempt: {},
    models.Scheduled: {"at": "sendAt"},
}
ONLY_RAW = {
    models.Message: {"instance", "mimetype", "url", "template"},
    models.Request: {"instance"},
    models.Delivery: {
        "instance",
        "message",
        "webhook_id",
        "event",
        "created",
        "next_retry",
        "redelivery_of",
        "duplicate_of",
        "fault",
    },
    models.Attempt: set(),
    models.Scheduled: {"instance", "status", "reason", "call"},
}
"""The fields that tests read from `raw`."""


@pytest.mark.parametrize(("model", "resource"), MODELS.items())
def test_a_data_class_has_the_fields_of_its_resource(model: type, resource: type[Resource]) -> None:
    shown = {one.data_key or name: one for name, one in instance(resource).fields.items() if not one.only_match}
    hints = get_type_hints(model)
    read = {NAMES[model].get(one.name, one.name): hints[one.name] for one in fields(model) if one.name != "raw"}

    assert read.keys() | ONLY_RAW[model] == shown.keys()
    assert not read.keys() & ONLY_RAW[model]
    for name, hint in read.items():
        of = shown[name].of
        assert (type(None) in get_args(hint)) == (shown[name].allow_none and of is not Any), name
        assert kind(hint) == kind(of), name


def kind(hint: Any) -> Any:
    """Return a type without None, and what is in a list or an object."""
    plain = [one for one in get_args(hint) if one is not type(None)] if type(None) in get_args(hint) else [hint]
    (found,) = plain
    if isinstance(found, list) or get_origin(found) is tuple:
        return list
    origin = get_origin(found) or found
    return dict if isinstance(origin, type) and issubclass(origin, Mapping) else origin
