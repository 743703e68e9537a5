"""The OpenAPI documents: valid, honest about every response, and good enough to generate a client from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from openapi_spec_validator.schemas import schema_v31
from referencing.jsonschema import DRAFT202012
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.api.errors import TABLE, Unauthorized
from flaresend_mock.app import api_app, control_app, document
from flaresend_mock.cli import main
from flaresend_mock.contract import Case, cases
from flaresend_mock.core import errors
from flaresend_mock.core.events import KINDS
from flaresend_mock.core.models import Change, Webhook
from flaresend_mock.core.payloads import TABLES, InboundMessage
from flaresend_mock.openapi.documents import ASSETS
from flaresend_mock.package_data import FIXTURES
from tests.defaults import FAMILY, OWNED

URL = "http://127.0.0.1:3577"
NAMES = ("api", "control")
METHODS = ("get", "put", "post", "delete", "patch")
KEYWORDS = {*Draft202012Validator.VALIDATORS, "title", "description", "default", "examples", "discriminator"}


class Validator(OpenAPIV31SpecValidator):
    """The package's, which knows where its schema's anchors are: to look for them each time takes most of the time."""

    _registry = REGISTRY.with_resource("", DRAFT202012.create_resource(dict(schema_v31)))
    schema_validator = Draft202012Validator(dict(schema_v31), registry=_registry.crawl())


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    return {name: document(name, URL) for name in NAMES}


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, calls in document["paths"].items():
        for method, operation in calls.items():
            yield method.upper(), path, operation


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_valid(name: str, documents: dict[str, Any]) -> None:
    validate(documents[name], cls=Validator)


@pytest.mark.parametrize("name", NAMES)
def test_every_call_is_described_and_named_once(name: str, documents: dict[str, Any]) -> None:
    found = list(operations(documents[name]))

    names = [operation["operationId"] for _, _, operation in found]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, _, operation in found), [
        one["operationId"] for _, _, one in found if not one["summary"]
    ]


@pytest.mark.parametrize("name", NAMES)
def test_texts_examples_and_links_are_about_what_is_there(name: str, documents: dict[str, Any]) -> None:
    texts = json.loads((ASSETS / f"{name}.json").read_text(encoding="utf-8"))
    found = [operation for _, _, operation in operations(documents[name])]

    names = {one["operationId"] for one in found}
    assert texts["links"].keys() <= names
    assert texts.get("examples", {}).keys() <= names
    assert texts["responses"].keys() == {status for one in found for status in one["responses"]}
    parts = {part["name"] for one in found for part in one.get("parameters", ()) if part["in"] == "path"}
    assert texts["parameters"].keys() == parts
    found += [hook["post"] for hook in texts["document"].get("webhooks", {}).values()]
    assert {tag["name"] for tag in texts["document"]["tags"]} == {tag for one in found for tag in one["tags"]}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_calls_and_their_parameters(name: str, documents: dict[str, Any]) -> None:
    known = {
        operation["operationId"]: {one["name"] for one in operation.get("parameters", ())}
        for _, _, operation in operations(documents[name])
    }
    links = [
        link
        for _, _, operation in operations(documents[name])
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]

    assert len(links) >= 10
    for link in links:
        assert set(link["parameters"]) <= known[link["operationId"]], link


def test_no_route_is_left_out(documents: dict[str, Any]) -> None:
    pages = ("/_mock/scan/", "/_mock/docs", "/_mock/ui")
    rules = list(api_app().url_map.iter_rules())
    rules += [rule for rule in control_app().url_map.iter_rules() if not rule.rule.startswith(pages)]

    described = sum(len(calls) for name in NAMES for calls in documents[name]["paths"].values())

    assert described == len(rules)


def test_every_case_of_the_contract_is_an_answer_that_is_described(documents: dict[str, Any]) -> None:
    document = documents["api"]
    adapter = api_app().url_map.bind("localhost")
    seen = 0
    for case in cases():
        operation = operation_of(case, document, adapter)
        if operation is None:
            continue
        seen += 1
        status = str(case.response["status"])
        assert status in operation["responses"], case.name
        schema = operation["responses"][status]["content"]["application/json"]["schema"]
        resolved = {**schema, "components": document["components"]}
        errors = [error.message for error in Draft202012Validator(resolved).iter_errors(case.response["body"])]
        assert errors == [], case.name
    assert seen > 300


def operation_of(case: Case, document: Any, adapter: Any) -> Any:
    """Return the operation that a case is about; None if there is none, as for unknown routes and methods."""
    path = case.request["path"].partition("?")[0].replace("%40", "@").replace("%2F", "/")
    if "{" in path or path.endswith("/"):
        return None
    try:
        rule, _ = adapter.match(path, method=case.request["method"], return_rule=True)
    except Exception:
        return None
    template = rule.rule.replace("<", "{").replace(">", "}")
    return document["paths"][template][case.request["method"].lower()]


def test_every_call_says_where_it_is_from(documents: dict[str, Any]) -> None:
    tags = {operation["operationId"]: operation["x-fidelity"] for _, _, operation in operations(documents["api"])}

    assert set(tags.values()) <= {"documented", "documented-later", "assumed"}
    assert tags["send_message"] == "documented"
    examples = documents["api"]["paths"]["/send-message"]["post"]["responses"]["425"]["content"]
    assert examples["application/json"]["examples"]["not-ready"]["x-fidelity"] == "documented"


def test_every_documented_error_has_its_example(documents: dict[str, Any]) -> None:
    adapter = api_app().url_map.bind("localhost")
    for case in cases():
        operation = operation_of(case, documents["api"], adapter)
        if operation is None or case.tag == "assumed" or case.response["status"] < 400:
            continue
        content = operation["responses"][str(case.response["status"])]["content"]["application/json"]
        assert case.response["body"] in [one["value"] for one in content["examples"].values()], case.name


def test_the_statuses_of_all_refusals_are_described(documents: dict[str, Any]) -> None:
    described = {status for _, _, one in operations(documents["api"]) for status in one["responses"]}

    assert {str(status) for status, _ in TABLE.values()} <= described


def test_the_table_of_refusals_names_exceptions() -> None:
    assert [name for name in TABLE if not hasattr(errors, name) and name != Unauthorized.__name__] == []


def test_forms_and_files_are_described(documents: dict[str, Any]) -> None:
    content = documents["api"]["paths"]["/send-message"]["post"]["requestBody"]["content"]
    form = documents["api"]["components"]["schemas"]["SendMessageForm"]

    assert set(content) == {"application/json", "multipart/form-data"}
    assert form["properties"]["file"].items() >= {"type": "string", "format": "binary"}.items()
    assert form["properties"]["recipients[]"]["items"]["type"] == "string"
    assert content["multipart/form-data"]["encoding"] == {"recipients[]": {"style": "form", "explode": True}}
    assert form["required"] == ["recipients[]", "type"]
    assert "file" not in documents["api"]["components"]["schemas"]["SendMessageMedia"]["properties"]
    assert content["application/json"]["schema"]["discriminator"]["mapping"]["image"].endswith("SendMessageMedia")


def test_the_documented_form_fits_its_schema_in_strict_mode(documents: dict[str, Any]) -> None:
    validator = of_schema(documents["api"], "SendMessageForm")
    emulator = FlaresendMock(strict=True)
    client = emulator.app.test_client()
    for name, status in (("recipients[]", 200), ("recipients", 400)):
        form = {name: ["254712345678"], "type": "text", "text": "Hi"}

        response = client.post(
            "/send-message",
            data=form,
            content_type="multipart/form-data",
            headers={"Authorization": "Bearer YOUR_API_KEY"},
        )

        assert response.status_code == status
        assert validator.is_valid(form) == (status == 200)


def of_schema(document: Any, name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def schemas_in(part: Any) -> Iterator[Any]:
    """Yield every object of a document that may be a schema."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from schemas_in(inner)


@pytest.mark.parametrize("name", NAMES)
def test_no_schema_is_of_a_kind_that_generators_get_wrong(name: str, documents: dict[str, Any]) -> None:
    document = documents[name]
    found = [*schemas_in(document["components"]["schemas"])]
    found += [one["schema"] for one in schemas_in(document["paths"]) if isinstance(one.get("schema"), dict)]

    for one in found:
        fixed = [one["const"]] if "const" in one else one.get("enum", [])
        assert not any(isinstance(value, bool) for value in fixed) or one.keys() == {"const"}, one
        if one.get("type") == "object":
            assert one.keys() & {"properties", "additionalProperties", "patternProperties"}, one
        assert not isinstance(one.get("type"), list) or "null" in one["type"], one
        for variant in one.get("anyOf", ()):
            assert variant.keys() != {"required"}, one
        if sum(variant.get("type") != "null" for variant in one.get("anyOf", ())) > 1:
            assert not any(variant.get("additionalProperties") is True for variant in one["anyOf"]), one  # for Java


@pytest.mark.parametrize("name", NAMES)
def test_schemas_have_no_words_of_their_own(name: str, documents: dict[str, Any]) -> None:
    waiting = [*documents[name]["components"]["schemas"].values()]
    waiting += [one["schema"] for one in schemas_in(documents[name]["paths"]) if isinstance(one.get("schema"), dict)]
    words: set[str] = set()
    while waiting:
        schema = waiting.pop()
        words |= schema.keys()
        for word, inner in schema.items():
            if word in ("properties", "patternProperties"):
                waiting += inner.values()
            elif word in ("anyOf", "oneOf", "allOf"):
                waiting += inner
            elif word in ("items", "additionalProperties", "not") and isinstance(inner, dict):
                waiting.append(inner)

    assert words - KEYWORDS == set()


SOMEONE = {"recipients": ["254712345678"]}


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ({"type": "text", "text": "Hi"}, True),
        ({"type": "text", "text": "Hi", "url": None, "caption": None}, True),
        ({"type": "text", "text": ""}, False),
        ({"type": "text", "text": None}, False),
        ({"type": "text", "text": 5}, False),
        ({"type": "text"}, False),
        ({"type": "image", "url": "https://shop.example/a.png"}, True),
        ({"type": "document", "url": "https://shop.example/a.pdf", "fileName": "a.pdf"}, True),
        ({"type": "image", "text": "Hi"}, False),
        ({"type": "image", "url": None}, False),
        ({"type": "image", "url": ""}, False),
        ({"type": "template", "template": "welcome"}, True),
        ({"type": "template", "template": {"text": "Welcome"}}, True),
        ({"type": "template", "template": {}}, False),
        ({"type": "template", "template": ""}, False),
        ({"type": "template", "template": None}, False),
        ({"type": "sticker", "url": "https://shop.example/a.webp"}, False),
        ({"type": "text", "text": "Hi", "recipients": [254712345678]}, True),
        ({"type": "text", "text": "Hi", "recipients": [True]}, False),
        ({"type": "text", "text": "Hi", "recipients": []}, False),
        ({"type": "text", "text": "Hi", "recipients": "254712345678"}, False),
    ],
)
def test_a_body_is_described_by_its_type(body: dict[str, Any], fits: bool, documents: dict[str, Any]) -> None:
    content = documents["api"]["paths"]["/send-message"]["post"]["requestBody"]["content"]["application/json"]
    schema = {"oneOf": content["schema"]["oneOf"], "components": documents["api"]["components"]}

    assert Draft202012Validator(schema).is_valid({**SOMEONE, **body}) == fits


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({}, True),
        ({"text": "Hi"}, True),
        ({"text": None}, True),
        ({"text": {"contains": "H", "not": "Ho"}}, True),
        ({"text": ["Hi"]}, False),
        ({"text": 5}, False),
        ({"text": {"holds": "H"}}, False),
        ({"text": {}}, False),
        ({"txt": "Hi"}, False),
        ({"to": 254712345678}, True),
        ({"to": None}, False),
        ({"type": "image"}, True),
        ({"type": "fax"}, False),
        ({"event": 5}, True),
        ({"event": "5"}, False),
        ({"template": {"any": ["thing"]}}, True),
    ],
)
def test_a_matcher_has_values_or_operators(match: dict[str, Any], fits: bool, documents: dict[str, Any]) -> None:
    assert of_schema(documents["control"], "MessageMatch").is_valid(match) == fits


def test_a_success_is_true_and_a_refusal_is_false(documents: dict[str, Any]) -> None:
    assert of_schema(documents["api"], "UnfollowChannelResponse").is_valid({"success": True, "message": "Done"})
    assert not of_schema(documents["api"], "UnfollowChannelResponse").is_valid({"success": False, "message": "Done"})
    assert not of_schema(documents["api"], "Refused").is_valid({"success": True, "message": "Done"})


def test_a_change_of_a_channel_is_more_than_an_instance(documents: dict[str, Any]) -> None:
    validator = of_schema(documents["control"], "ChannelChange")

    given = ({}, {"instance": "one"}, {"instance": "one", "role": "ADMIN"}, {"name": "Bread"})
    assert [validator.is_valid(one) for one in given] == [False, False, True, True]


def test_every_kind_of_event_is_described(documents: dict[str, Any]) -> None:
    operation = documents["api"]["webhooks"]["message_received"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/WebhookEvent")
    closed = json.loads(
        json.dumps(documents["api"]).replace('"additionalProperties": true', '"additionalProperties": false')
    )
    validator = of_schema(closed, "WebhookEvent")
    files = [*(FIXTURES / "webhooks").glob("*.json"), *(FIXTURES / "webhooks" / "documented").glob("*.json")]
    assert len(files) > 45
    for file in files:
        if file.stem == "raw":  # its content is given, and of a kind of its own
            continue
        event = json.loads(file.read_text(encoding="utf-8"))
        event = event["event"] if isinstance(event["event"], dict) else event
        assert [error.message for error in validator.iter_errors(event)] == [], file.name


def test_the_keys_that_messages_may_have_are_those_that_are_described(documents: dict[str, Any]) -> None:
    schemas = documents["api"]["components"]["schemas"]
    names = [
        schemas[one["$ref"].rpartition("/")[2]]
        for one in schemas["MessageContent"]["properties"].values()
        if "$ref" in one
    ]
    described = {frozenset(one["properties"]) for one in names}
    for kind, keys in TABLES["keys"].items():
        named, is_protocol = frozenset(keys.split()), TABLES["names"].get(kind) == "protocolMessage"
        assert named in described or (is_protocol and any(named < one for one in described)), kind


def test_the_documents_are_served(client: Client, documents: dict[str, Any]) -> None:
    for path, name in (("openapi.json", "api"), ("control/openapi.json", "control")):
        response = client.get(f"/_mock/{path}")
        assert response.status_code == 200
        assert response.json == {**documents[name], "servers": [{"url": "http://localhost"}]}


def test_the_documents_are_printed_without_a_server(
    documents: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, name in ((["openapi"], "api"), (["openapi", "--control"], "control")):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert json.loads(capsys.readouterr().out) == documents[name]


def test_the_page_is_made_of_files_of_its_own(client: Client) -> None:
    page = client.get("/_mock/docs")

    assert page.content_type == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "docs.css", "docs.js"):
        assert f'"docs/{name}"' in page.text
        assert client.get(f"/_mock/docs/{name}").status_code == 200
    assert client.get("/_mock/docs/docs.html").status_code == 404
    assert client.get("/_mock/docs/").status_code == 404  # from there, its files would be somewhere else
    assert client.get("/_mock/docs/..%2fshapes.py").status_code == 404


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_client_generated_from_the_document_sends_a_message(tmp_path: Path) -> None:
    with FlaresendMock() as running:
        (tmp_path / "api.json").write_text(json.dumps(document("api", running.url)))
        generate = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "api.json"]
        made = subprocess.run(
            [*generate, "--output-path", "client"],
            cwd=tmp_path,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        assert "arning" not in made.stdout + made.stderr
        script = f"""
from flaresend_api_client import AuthenticatedClient
from flaresend_api_client.api.messages import send_message
from flaresend_api_client.models import SendMessageText, SendMessageTextType
client = AuthenticatedClient(base_url={running.url!r}, token={running.api_key!r})
body = SendMessageText(recipients=["254712345678"], type_=SendMessageTextType.TEXT, text="hi")
print(send_message.sync(client=client, body=body).total_recipients)
"""
        sent = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path / "client", capture_output=True, text=True, timeout=60
        )
        assert sent.stdout == "1\n", sent.stderr
        (message,) = running.worlds.default().state.messages
        assert message.content.text == "hi"


def test_each_body_of_the_control_plane_has_an_example_that_works(documents: dict[str, Any]) -> None:
    tried = set()
    emulator = FlaresendMock()
    client = emulator.app.test_client()
    world = emulator.worlds.default()
    for method, path, operation in operations(documents["control"]):
        if "requestBody" not in operation:
            continue
        world.reset()
        if path.endswith("/scan"):
            world.pairing.set_status(None, "qr")
        if path.endswith("/resume"):
            world.instances.set_webhook(None, Webhook("http://127.0.0.1:9"))
        if "messages" in path:
            world.inbound.receive(InboundMessage("254712345678", text="Hello!"))
        body = operation["requestBody"]["content"]["application/json"]["example"]
        if "/requests/" in path:
            client.get("/groups")
        wanted = {"{instance_id}": "default", "{number}": "254712345678", "{group_id}": FAMILY, "{channel_id}": OWNED}
        for part, value in wanted.items():
            path = path.replace(part, value)
        if "/deliveries/" in path and path.endswith(("wait", "verify")):
            world.instances.set_webhook(None, Webhook("http://127.0.0.1:9"))
            world.inbound.receive(InboundMessage("254712345678", text="Hello!"))

        response = client.open(path, method=method, json=body)

        assert response.status_code < 300, (path, response.text)
        tried.add(path)
        if path == "/_mock/world":  # to which a reset returns from now on
            emulator = FlaresendMock()
            client, world = emulator.app.test_client(), emulator.worlds.default()
    assert len(tried) >= 25


def test_every_kind_of_entry_in_the_log_is_described(documents: dict[str, Any]) -> None:
    event = documents["control"]["components"]["schemas"]["Event"]

    assert set(event["properties"]) == {"id", "kind", "timestamp", *KINDS}


def test_what_happens_fits_its_schema(documents: dict[str, Any]) -> None:
    emulator = FlaresendMock()
    client, world = emulator.app.test_client(), emulator.worlds.default()
    assert client.put("/_mock/instances/default/webhook", json={"url": "http://127.0.0.1:9"}).status_code == 200
    client.post("/_mock/instances/default/status", json={"status": "disconnected"})
    client.post("/_mock/instances/default/status", json={"status": "connected"})
    client.post("/_mock/inbound", json={"from": "254712345678", "text": "Hello!"})
    client.post("/_mock/groups", json={"subject": "Garden", "participants": ["254712345678"]})
    client.post("/_mock/channels", json={"name": "Garden"})
    client.put("/_mock/people/254712345678", json={"name": "Ann"})
    client.patch("/_mock/clock", json={"frozen": True})
    task = {"recipients": ["254712345678"], "type": "text", "text": "Later", "sendAt": "2099-01-01 09:00:00"}
    client.post("/schedule-message", json=task, headers={"Authorization": "Bearer YOUR_API_KEY"})
    client.post("/_mock/faults", json={"preset": "flaky"})
    emulator._record_proxied("example.test:443", False)
    with world.lock:
        world.record("world", Change("reset", "default"))

    events = client.get("/_mock/events").get_json()

    assert {one["kind"] for one in events["events"]} >= set(KINDS) - {"webhook"}
    assert [error.message for error in of_schema(documents["control"], "Events").iter_errors(events)] == []


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("search", {}),
        ("wait", {"timeout": 0}),
        ("wait", {"timeout": 0, "match": {"instance": "another"}}),
        ("verify", {}),
        ("verify", {"never": True}),
        ("verify", {"match": {"instance": {"not": {"one_of": ["a", "b"]}}}}),
    ],
)
@pytest.mark.parametrize("name", ["messages", "requests", "deliveries"])
def test_what_is_found_and_what_is_missed_fits_its_schema(
    name: str, call: str, body: dict[str, Any], client: Client, documents: dict[str, Any]
) -> None:
    client.get("/groups", headers={"Authorization": "Bearer YOUR_API_KEY"})
    client.post("/_mock/inbound", json={"from": "254712345678", "text": "Hello!"})
    operation = documents["control"]["paths"][f"/_mock/{name}/{call}"]["post"]
    found = client.post(f"/_mock/{name}/{call}", json=body)

    for content, data in (
        (operation["requestBody"], body),
        (operation["responses"][str(found.status_code)], found.get_json()),
    ):
        schema = {**content["content"]["application/json"]["schema"], "components": documents["control"]["components"]}
        assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_fields_and_parameters_mean_is_said(name: str, documents: dict[str, Any]) -> None:
    described: list[tuple[str, Any]] = [
        (f"{schema}.{field}", about)
        for schema, shape in documents[name]["components"]["schemas"].items()
        for field, about in shape.get("properties", {}).items()
    ]
    for _, path, operation in operations(documents[name]):
        described += [(f"{path} {one['name']}", one) for one in operation.get("parameters", ())]

    assert len(described) > 200
    assert [what for what, about in described if not about.get("description")] == []
