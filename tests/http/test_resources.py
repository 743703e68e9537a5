"""Resources of data classes, and of files."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import flaresend_mock
from flaresend_mock.core.model import model, told
from flaresend_mock.http.resources import Envelope, Property, Resource, declared, instance, of_model, shown_by

PACKAGE = Path(flaresend_mock.__file__).parent
FILES = [
    "api/assets/channels.json",
    "api/assets/groups.json",
    "api/assets/messages.json",
    "control/assets/envelopes.json",
    "control/assets/events.json",
    "control/assets/health.json",
    "control/assets/parts.json",
    "control/assets/resources.json",
]
SETTINGS = PACKAGE / "core" / "assets" / "settings.json"
OF_RESOURCES = {"additionalProperties", "allOf", "description", "properties", "required"}
OF_PROPERTIES = {*"$ref additionalProperties anyOf const description format items type x-from x-text".split()}
OF_PARTS = {"$ref", "type"}
OF_SETTINGS = {"default", "description", "maximum", "minimum"}
TYPES = {
    "date-time": "string",
    "unixtime": "integer",
    "readable-time": "string",
    "count": "integer",
    "digits": "string",
    "local-time": "string",
    "utc-seconds": "string",
    "utc-milliseconds": "string",
    "texts": "array",
}


@model
class Inner:
    kept: int = told("A part.")
    left_out: int = told("Another part.")


@model
class Outer:
    inner: Inner = told("The whole.")


def load(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the schemas in a schema."""
    return [*schema.get("anyOf", ()), *(schema[name] for name in ("items", "additionalProperties") if name in schema)]


def write(folder: Path, properties: dict[str, Any], **more: Any) -> Path:
    """Write a file with one resource, Whole."""
    file = folder / "resources.json"
    file.write_text(json.dumps({"Whole": {"properties": properties, **more}}), encoding="utf-8")
    return file


def test_a_field_shows_the_whole_of_a_model_of_which_another_resource_shows_parts() -> None:
    of_model(Inner, "A part.", "kept", "Part")
    whole = of_model(Inner, "All parts.")
    of_model(Inner, "A part.", "left_out", "OtherPart")

    outer = of_model(Outer, "A model with another one in it.")

    assert outer().fields["inner"].of is whole
    assert instance(outer).dump(Outer(Inner(1, 2))) == {"inner": {"kept": 1, "left_out": 2}}


def test_no_other_file_declares_resources() -> None:
    files = [*PACKAGE.glob("api/assets/*.json"), *PACKAGE.glob("control/assets/*.json")]
    found = [file for file in files if all("properties" in one for one in load(file).values())]

    assert sorted(file.relative_to(PACKAGE).as_posix() for file in found) == FILES


@pytest.mark.parametrize("file", FILES)
def test_a_file_declares_resources_by_valid_json_schemas(file: str) -> None:
    for schema in load(PACKAGE / file).values():
        Draft202012Validator.check_schema(schema)
        assert schema.keys() <= OF_RESOURCES
        assert set(schema.get("required", ())) <= schema["properties"].keys()
        for one in schema["properties"].values():
            assert one.keys() <= OF_PROPERTIES
            assert all(part.keys() <= OF_PARTS for part in parts(one))
            assert "format" not in one or TYPES[one["format"]] in (one["type"], one["type"][0])


def test_the_settings_are_valid_json_schemas() -> None:
    for schema in load(SETTINGS).values():
        Draft202012Validator.check_schema(schema)
        assert {"default", "description"} <= schema.keys() <= OF_SETTINGS
        assert ("minimum" in schema) == ("maximum" in schema)


@pytest.mark.parametrize(
    ("schema", "of", "null"),
    [
        ({"type": "integer"}, int, False),
        ({"type": ["string", "null"]}, str, True),
        ({"type": ["string", "null"], "format": "count"}, int, True),
        ({"type": "array", "items": {"type": "string"}}, [str], False),
        ({"type": ["array", "null"], "items": {"$ref": "#/Known"}}, [Envelope], True),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, dict[str, bool], False),
        ({"$ref": "#/Known"}, Envelope, False),
        ({"anyOf": [{"$ref": "#/Known"}, {"type": "null"}]}, Envelope, True),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, str | int, False),
    ],
)
def test_a_schema_in_a_file_becomes_a_type(schema: dict[str, Any], of: Any, null: bool, tmp_path: Path) -> None:
    file = write(tmp_path, {"field": {"description": "A field.", **schema}})

    found: Property = declared(file, Resource, {"Known": Envelope}).Whole().fields["field"]

    assert (found.of, found.allow_none, found.optional) == (of, null, False)


def test_a_property_is_read_from_its_path(tmp_path: Path) -> None:
    paths = {"itself": ".", "first": "0", "name": "1.name", "size": "2.group.names"}
    more = {"itself": {"format": "digits"}, "size": {"type": "integer", "format": "count"}}
    shown = {
        key: {"description": "A field.", "type": "string", "x-from": path, **more.get(key, {})}
        for key, path in paths.items()
    }
    group = SimpleNamespace(group=SimpleNamespace(names=["a", "b"]))

    whole = declared(write(tmp_path, shown | {"always": {"description": "A word.", "const": "lid"}}), Resource).Whole

    item = ("one", SimpleNamespace(name="two"), group)
    assert shown_by(whole)(item) == {"itself": str(item), "first": "one", "name": "two", "size": 2, "always": "lid"}


def test_a_property_is_what_a_call_returns(tmp_path: Path) -> None:
    field = {"description": "A field.", "type": "integer", "x-from": "list.pop()"}

    whole = declared(write(tmp_path, {"last": field}), Resource).Whole

    assert shown_by(whole)(SimpleNamespace(list=[1, 2])) == {"last": 2}


def test_a_property_is_always_the_same_text_or_a_list_of_texts(tmp_path: Path) -> None:
    said = {"description": "A field.", "type": "string", "x-text": "Done"}
    texts = {"description": "A field.", "type": "array", "items": {"type": "string"}, "format": "texts", "x-from": "."}

    whole = declared(write(tmp_path, {"said": said, "texts": texts}), Resource).Whole

    assert whole().fields["said"].of is str
    assert shown_by(whole)((1, "b")) == {"said": "Done", "texts": ["1", "b"]}


def test_a_resource_has_the_properties_of_others_first_and_keeps_the_place_of_its_own(tmp_path: Path) -> None:
    field = {"description": "A field.", "type": "string"}
    file = write(tmp_path, {"own": {}, "last": field}, allOf=[{"$ref": "#/Part"}])

    class Whole(declared(file, Resource, {"Part": of_model(Inner, "A part.", "kept", "First")}).Whole):
        own = Property(str, "A field.", get=lambda item: "own")

    assert list(shown_by(Whole)(SimpleNamespace(kept=1, last="last")).items()) == [
        ("kept", 1),
        ("own", "own"),
        ("last", "last"),
    ]


def test_a_property_that_is_not_required_may_be_missing(tmp_path: Path) -> None:
    field = {"description": "A field.", "type": "string"}

    whole = declared(write(tmp_path, {"given": field, "left_out": field}, required=["given"]), Envelope).Whole

    assert shown_by(whole)({"given": "a"}) == {"given": "a"}
    assert [one.optional for one in whole().fields.values()] == [False, True]


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "text"}, "text"),
        ({"type": "array", "items": {"type": "text"}}, "text"),
        ({"type": "array"}, "array"),
        ({"type": "string", "format": "tyme"}, "tyme"),
        ({"$ref": "#/Unknown"}, "Unknown"),
        ({"tipe": "string"}, "type"),
    ],
)
def test_a_mistyped_schema_is_named(schema: dict[str, Any], named: str, tmp_path: Path) -> None:
    file = write(tmp_path, {"field": {"description": "A field.", **schema}})

    with pytest.raises(KeyError, match=named):
        declared(file, Resource)
