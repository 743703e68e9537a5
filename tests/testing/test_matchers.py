"""The types of matchers and faults: the names and values that the emulator knows."""

from datetime import datetime
from typing import Any, get_type_hints

import pytest

from flaresend_mock.control.faults import FaultInput
from flaresend_mock.control.resources import activity
from flaresend_mock.core.faults import CALLS, DELIVERIES
from flaresend_mock.core.matchers.parser import CALL_FIELDS, DELIVERY_FIELDS, OPERATORS
from flaresend_mock.http.resources import Property, Resource, instance
from flaresend_mock.testing import DeliveryMatch, FaultFields, MessageMatch, Operators, RequestMatch
from flaresend_mock.testing.matchers import FaultMatch, Number, Text, Time, Whole

TYPES = {str: Text, int: Whole, datetime: Time}


def expected(one: Property) -> Any:
    """Return the type of the values that a matcher takes for a property."""
    return Number if one.match.number else TYPES.get(one.of, Any) if isinstance(one.of, type) else Any


@pytest.mark.parametrize(
    ("match", "resource"),
    [(MessageMatch, activity.Message), (RequestMatch, activity.Request), (DeliveryMatch, activity.Delivery)],
)
def test_a_matcher_has_the_fields_of_its_resource(match: type, resource: type[Resource]) -> None:
    known = {one.data_key or name: expected(one) for name, one in instance(resource).fields.items()}
    if resource is activity.Message:
        known |= {"sender": known.pop("from"), "file_name": Text}

    assert get_type_hints(match) == known


def test_a_fault_has_the_fields_of_its_input() -> None:
    assert get_type_hints(FaultFields).keys() | {"preset"} == FaultInput().fields.keys()
    assert get_type_hints(FaultMatch).keys() == CALL_FIELDS.keys() | DELIVERY_FIELDS.keys()
    assert get_type_hints(FaultFields)["on"].__args__ == (CALLS, DELIVERIES)
    assert tuple(get_type_hints(Operators)) == OPERATORS
