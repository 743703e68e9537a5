"""Input of every shape, thrown at every endpoint: refused with a reason or accepted, and never a crash."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from flaresend_mock.app import api_app
from flaresend_mock.core.world import World
from tests.contents import contents
from tests.defaults import ANN, ANN_LID, BEN, CARA, FAMILY, INSTANCE, NOBODY, OWNED, OWNED_INVITE, PROJECT, text
from tests.support import KEY, NOW

ENDPOINTS = [
    ("POST", "/send-message"),
    ("POST", "/schedule-message"),
    ("GET", "/scheduled-messages"),
    ("PATCH", "/scheduled-messages/{task}"),
    ("DELETE", "/scheduled-messages/{task}"),
    ("POST", "/groups"),
    ("GET", "/groups"),
    ("GET", "/groups/{group}"),
    ("GET", "/groups/{group}/invite-link"),
    ("POST", "/groups/send-message"),
    ("POST", "/groups/{group}/participants"),
    ("POST", "/channels"),
    ("POST", "/channels/create"),
    ("GET", "/channels"),
    ("GET", "/channels/{channel}"),
    ("GET", "/channels/invite/{code}"),
    ("PUT", "/channels/{channel}"),
    ("POST", "/channels/{channel}/follow"),
    ("POST", "/channels/{channel}/unfollow"),
    ("POST", "/channels/{channel}/message"),
    ("POST", "/check-number"),
]
TAKING_BODIES = [(method, path) for method, path in ENDPOINTS if method in ("POST", "PUT", "PATCH")]
STATUSES = {200, 400, 401, 403, 404, 405, 413, 415, 425, 429, 501, 503}

thrown = settings(derandomize=True, suppress_health_check=list(HealthCheck))

surrogates = st.text(st.characters(categories=["Cs", "Lu"]), max_size=5)
words = st.text(max_size=30) | surrogates
numbers = st.sampled_from([ANN, BEN, CARA, NOBODY, ANN_LID, f"+{ANN}", int(ANN), "9990000503", "0", "x"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=10,
)
people = st.lists(numbers | values, max_size=4)

LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "recipients": people,
    "participants": people,
    "groupJids": st.lists(st.sampled_from([PROJECT, FAMILY, "x@g.us"]) | values, max_size=3),
    "type": st.sampled_from(["text", "image", "video", "audio", "document", "template", "sticker"]),
    "text": words,
    "url": st.sampled_from(["https://example.com/a.jpg", "http://[", "//x", "ftp://example.com", "http://"]),
    "caption": words,
    "fileName": words,
    "mimetype": words,
    "template": words | st.dictionaries(words, values, max_size=3),
    "file": words,
    "sendAt": st.sampled_from(
        ["2025-11-14 11:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00", "2025-02-30 00:00:00", "soon"]
    ),
    "subject": words,
    "action": st.sampled_from(["add", "remove", "promote", "demote", "ban"]),
    "name": words,
    "description": words,
    "picture": st.sampled_from(["https://example.com/a.jpg", "", "x"]),
    "number": numbers,
}
objects = st.fixed_dictionaries({}, optional={name: likely | values for name, likely in LIKELY.items()})
USUAL = ("recipients", "participants", "groupJids", "type", "text")
likely_objects = st.fixed_dictionaries(
    {name: LIKELY[name] for name in USUAL},
    optional={name: likely for name, likely in LIKELY.items() if name not in USUAL},
)

field_names = st.sampled_from([*LIKELY, "recipients[]", "recipients[0]", "participants[]", "groupJids[]"])
odd_names = st.sampled_from(["", "[", "[]", "[0]", "recipients[", "recipients[x]", "text[]", "__proto__", '"'])
form_names = field_names | odd_names | st.text(max_size=10)
form_values = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["text", "document", f'"{ANN}"', f'["{ANN}"]', "[", "[[[", "[1e999]", '"', '""', PROJECT]),
    values.map(json.dumps),
)
plain = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
content_types = plain | st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-16",
        "application/vnd.api+json",
        "APPLICATION/JSON",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=b",
        "multipart/mixed; boundary=b",
        "text/plain",
        "text/json",
        "application/",
        "/",
        ";",
    ]
)


class Part(NamedTuple):
    """One part of a multipart body, as bytes."""

    headers: bytes
    data: bytes


@st.composite
def parts(draw: st.DrawFn) -> Part:
    if draw(st.integers(0, 9)) == 0:
        return Part(draw(st.binary(max_size=40)), draw(st.binary(max_size=20)))
    disposition = "Content-Disposition: form-data"
    if draw(st.integers(0, 9)) > 0:
        disposition += f'; name="{draw(form_names)}"'
    if draw(st.booleans()):
        name = draw(st.text(max_size=20) | st.sampled_from(["../../etc/passwd", "", "a\x00b", "C:\\a.pdf"]))
        disposition += draw(st.sampled_from([f'; filename="{name}"', f"; filename*=UTF-8''{quote(name)}"]))
    if draw(st.booleans()):
        disposition += f"\r\nContent-Type: {draw(content_types)}"
    data = draw(st.binary(max_size=20) | form_values.map(lambda value: value.encode("utf-8", "surrogatepass")))
    return Part(disposition.encode("utf-8", "surrogatepass"), data)


@st.composite
def multiparts(draw: st.DrawFn) -> bytes:
    pieces = [b"--b\r\n" + headers + b"\r\n\r\n" + data + b"\r\n" for headers, data in draw(st.lists(parts()))]
    body = b"".join(pieces) + b"--b--\r\n"
    return body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 9)) == 0 else body


def throw(world: World, client: Client, endpoint: tuple[str, str], **request: Any) -> None:
    """Make a call to a fresh world, and see that it is answered properly, whatever it was."""
    method, path = endpoint
    world.reset()
    task = world.schedule.add(INSTANCE, [ANN], text(), (NOW + timedelta(days=1)).replace(tzinfo=None))
    path = path.format(task=task.id, group=PROJECT, channel=OWNED, code=OWNED_INVITE)
    before = contents(world)

    response = client.open(path, method=method, headers={**KEY, **request.pop("headers", {})}, **request)

    assert response.status_code in STATUSES, response.text
    assert response.content_type == "application/json; charset=utf-8"
    if method != "HEAD":
        assert response.json is not None
        assert response.json["success"] is (response.status_code == 200)
    if response.status_code != 200:
        assert contents(world) == before
    shown = client.get("/_mock/events")
    assert shown.status_code == 200, shown.text
    assert client.get("/scheduled-messages", headers=KEY).status_code == 200
    world.timeline.advance(timedelta(days=2))


def test_every_endpoint_is_among_those_that_are_tested() -> None:
    served = {
        (method, "/".join("{}" if step.startswith("<") else step for step in rule.rule.split("/")))
        for rule in api_app().url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert served == {
        (method, path.format(task="{}", group="{}", channel="{}", code="{}")) for method, path in ENDPOINTS
    }


@thrown
@given(endpoint=st.sampled_from(ENDPOINTS), body=values)
def test_json_of_any_shape(endpoint: tuple[str, str], body: Any, world: World, client: Client) -> None:
    throw(world, client, endpoint, data=json.dumps(body), content_type="application/json")


@thrown
@given(endpoint=st.sampled_from(TAKING_BODIES), body=objects)
def test_known_fields_with_any_values(
    endpoint: tuple[str, str], body: dict[str, Any], world: World, client: Client
) -> None:
    throw(world, client, endpoint, data=json.dumps(body), content_type="application/json")


@thrown
@given(endpoint=st.sampled_from(TAKING_BODIES), body=likely_objects)
def test_known_fields_with_likely_values(
    endpoint: tuple[str, str], body: dict[str, Any], world: World, client: Client
) -> None:
    throw(world, client, endpoint, data=json.dumps(body), content_type="application/json")


@thrown
@given(endpoint=st.sampled_from(TAKING_BODIES), body=st.binary(max_size=60), content_type=content_types)
def test_any_bytes_of_any_type(
    endpoint: tuple[str, str], body: bytes, content_type: str, world: World, client: Client
) -> None:
    throw(world, client, endpoint, data=body, content_type=content_type)


@thrown
@given(endpoint=st.sampled_from(TAKING_BODIES), body=objects, content_type=content_types)
def test_json_under_any_type(
    endpoint: tuple[str, str], body: dict[str, Any], content_type: str, world: World, client: Client
) -> None:
    throw(world, client, endpoint, data=json.dumps(body), content_type=content_type)


@thrown
@given(
    endpoint=st.sampled_from(TAKING_BODIES),
    body=st.lists(st.tuples(form_names, form_values), max_size=6).map(urlencode).map(str.encode)
    | st.binary(max_size=40),
)
def test_forms_with_any_fields(endpoint: tuple[str, str], body: bytes, world: World, client: Client) -> None:
    throw(world, client, endpoint, data=body, content_type="application/x-www-form-urlencoded")


@thrown
@given(endpoint=st.sampled_from(TAKING_BODIES), body=multiparts())
def test_multipart_with_any_names_and_files(
    endpoint: tuple[str, str], body: bytes, world: World, client: Client
) -> None:
    throw(world, client, endpoint, data=body, content_type="multipart/form-data; boundary=b")


@thrown
@given(
    endpoint=st.sampled_from([endpoint for endpoint in ENDPOINTS if "{" in endpoint[1]]),
    id_=st.text(min_size=1, max_size=20).map(lambda id_: quote(id_, safe=""))
    | st.binary(min_size=1, max_size=20).map(lambda id_: quote(id_, safe=""))
    | st.sampled_from(["..", "%2e%2e", "%2F", "%00", "%", "%zz", "a" * 5000, PROJECT.replace("@", "%40")]),
    body=likely_objects,
)
def test_any_ids_in_paths(
    endpoint: tuple[str, str], id_: str, body: dict[str, Any], world: World, client: Client
) -> None:
    method, path = endpoint
    start, _, rest = path.partition("{")
    path = (start + id_ + rest.partition("}")[2]).replace("{", "{{").replace("}", "}}")

    throw(world, client, (method, path), data=json.dumps(body), content_type="application/json")


@thrown
@given(
    path=st.sampled_from([path for _, path in ENDPOINTS]),
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PUT", "PATCH", "DELETE"])
    | st.text(st.characters(min_codepoint=65, max_codepoint=90), min_size=1, max_size=10),
)
def test_any_method(path: str, method: str, world: World, client: Client) -> None:
    throw(world, client, (method, path))


@thrown
@given(page=words.map(lambda word: word.encode("utf-8", "surrogatepass")), limit=words | st.integers())
def test_any_page_of_groups(page: bytes, limit: str | int, world: World, client: Client) -> None:
    limit = quote(str(limit).encode("utf-8", "surrogatepass"))

    throw(world, client, ("GET", f"/groups?page={quote(page)}&limit={limit}"))


@thrown
@given(authorization=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f")))
def test_any_authorization(authorization: str, world: World, client: Client) -> None:
    throw(world, client, ("GET", "/groups"), headers={"Authorization": authorization})
