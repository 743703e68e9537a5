"""The types of matchers and faults: the names and values that the emulator knows."""

from datetime import datetime
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any, get_type_hints

import pytest

from flaresend_mock.control import resources
from flaresend_mock.control.faults import FaultInput
from flaresend_mock.core.faults import CALLS, DELIVERIES
from flaresend_mock.core.matchers.parser import CALL_FIELDS, DELIVERY_FIELDS, OPERATORS
from flaresend_mock.http.resources import Property, Resource, instance
from flaresend_mock.testing import matchers

PUBLIC = matchers._NAMES
STUB: Any = SimpleNamespace(**run_path(str(Path(matchers.__file__).with_suffix(".pyi"))))
"""What type checkers see."""
TYPES = {str: STUB.Text, int: STUB.Whole, datetime: STUB.Time}


def expected(one: Property) -> Any:
    """Return the type of the values that a matcher takes for a property."""
    return STUB.Number if one.match.number else TYPES.get(one.of, Any) if isinstance(one.of, type) else Any


@pytest.mark.parametrize(
    ("match", "resource"),
    [("Message", resources.Message), ("Request", resources.Request), ("Delivery", resources.Delivery)],
)
def test_a_matcher_has_the_fields_of_its_resource(match: str, resource: type[Resource]) -> None:
    known = {one.data_key or name: expected(one) for name, one in instance(resource).fields.items()}
    if resource is resources.Message:
        known |= {"sender": known.pop("from"), "file_name": STUB.Text}

    assert get_type_hints(getattr(STUB, f"{match}Match")) == known


def test_a_fault_has_the_fields_of_its_input() -> None:
    assert get_type_hints(STUB.FaultFields).keys() | {"preset"} == FaultInput().fields.keys()
    assert get_type_hints(STUB.FaultMatch).keys() == CALL_FIELDS.keys() | DELIVERY_FIELDS.keys()
    assert get_type_hints(STUB.FaultFields)["on"].__args__ == (CALLS, DELIVERIES)
    assert tuple(get_type_hints(STUB.Operators)) == OPERATORS


def test_each_public_type_is_there_when_a_test_runs() -> None:
    assert all(getattr(matchers, name)(text="Hello") == {"text": "Hello"} for name in PUBLIC)
    assert all(hasattr(STUB, name) for name in PUBLIC)
