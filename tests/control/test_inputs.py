"""The file that declares bodies and queries of the control plane."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from marshmallow import Schema, fields

from flaresend_mock.app import control_app
from flaresend_mock.control import inputs
from flaresend_mock.http.endpoint import endpoint_of
from flaresend_mock.package_data import named_value

OF_INPUTS = {
    *"additionalProperties allOf description maxProperties minProperties properties required x-refusal".split()
}
OF_FIELDS = {*"$ref const default description enum items type x-check x-name".split()}
OWN_TYPES = {"matcher": "object", "flag": "boolean", "count": "integer", "since": "integer"}
BOUNDS = {*"maxItems maxLength maximum minItems minLength minimum".split()}


def resolved(schema: Any) -> Any:
    """Return a schema with what modules have in place of their names."""
    if isinstance(schema, dict):
        of_type = {"type": OWN_TYPES[schema["type"]]} if str(schema.get("type")) in OWN_TYPES else {}
        return {key: resolved(one) for key, one in schema.items() if key != "x-check"} | of_type
    found = named_value(schema)
    return list(found) if isinstance(found, dict | tuple) else found


def every_field(schema: Schema) -> Iterator[fields.Field[Any]]:
    for one in schema.fields.values():
        yield one
        inner = getattr(one, "inner", one)
        if isinstance(inner, fields.Nested):
            yield from every_field(inner.schema)


@pytest.mark.parametrize("name", inputs._DECLARED)
def test_the_file_has_valid_json_schemas(name: str) -> None:
    schema = inputs._DECLARED[name]

    Draft202012Validator.check_schema(resolved(schema))
    assert schema.keys() <= OF_INPUTS
    assert ("minProperties" in schema) == ("x-refusal" in schema)
    for one in schema.get("properties", {}).values():
        assert {*one, *one.get("items", ())} <= OF_FIELDS | BOUNDS


def test_classes_declare_the_fields_that_the_file_leaves_to_them() -> None:
    described = [endpoint_of(view) for view in control_app().view_functions.values()]
    schemas = [schema for of in described if of for schema in (of.body, of.query) if schema]

    assert len(schemas) > 30
    assert [one.name for schema in schemas for one in every_field(schema) if not one.metadata] == []


@pytest.mark.parametrize("schema", [{"type": "strin"}, {"description": "A field."}])
def test_a_mistyped_schema_is_refused(schema: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        inputs._field(schema)


def test_a_name_that_no_module_has_is_refused() -> None:
    with pytest.raises(AttributeError, match="CAPACTY"):
        inputs._field({"type": "array", "items": {"type": "string"}, "maxItems": "core.groups:CAPACTY"})
