"""Names, file names and media types that others wrote end no header and begin no other one."""

from __future__ import annotations

import copy
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from tests.receiver import Receiver
from tests.security.hostile import ANN, messages, raw, status_of
from tests.support import KEY

ENDS = [
    "\r\nX-Evil: 1",
    "\nX-Evil: 1",
    "\rX-Evil: 1",
    "\r\n\r\n<script>",
    "\x00X-Evil: 1",
    "\x85X-Evil: 1",
    "\u2028X-Evil: 1",
]
FAULT = {"match": {"path": "/x"}, "respond": {"status": 503, "headers": {"X-A": "b"}}}


def export_of(client: Client) -> dict[str, Any]:
    """Return the export of a world with a file and a fault in it."""
    client.post("/_mock/faults", json=FAULT)
    client.post("/_mock/inbound", json={"from": ANN, "media": {"sample": "jpeg"}})
    exported: dict[str, Any] = client.get("/_mock/world").get_json()
    return exported


@pytest.fixture(scope="module")
def untouched(shared: Client) -> dict[str, Any]:
    """An export that is accepted."""
    exported = export_of(shared)
    assert shared.put("/_mock/world", json=exported).status_code == 200
    return exported


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_a_file_name_stays_inside_its_header(end: str, client: Client) -> None:
    media = {"base64": b64encode(b"x").decode(), "mimetype": "text/plain", "fileName": f'a"; x="{end}.txt'}
    client.post("/_mock/inbound", json={"from": ANN, "type": "document", "media": media})

    response = client.get(f"/_mock/media/{messages(client)[-1]['media']}")

    assert response.status_code == 200
    assert "X-Evil" not in response.headers
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename")
    assert disposition.isprintable()
    assert disposition.isascii()


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_a_file_that_is_imported_stays_inside_its_headers(end: str, client: Client) -> None:
    exported = export_of(client)
    exported["media"][0] |= {"file_name": f"a{end}", "mimetype": f"text/plain{end}"}
    media = exported["media"][0]["id"]

    imported = client.put("/_mock/world", json=exported)
    response = client.get(f"/_mock/media/{media}")

    assert imported.status_code in (200, 400)
    assert response.status_code == 200
    assert "X-Evil" not in response.headers
    assert all(value.isprintable() and value.isascii() for value in response.headers.values())


@pytest.mark.parametrize("end", ENDS, ids=ascii)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda world, end: world["faults"][0]["reply"]["headers"].update({"X-A": f"b{end}"}),
        lambda world, end: world["faults"][0]["reply"]["headers"].update({f"X-B{end}": "b"}),
        lambda world, end: world["served"][0].update(mimetype=f"image/png{end}"),
    ],
    ids=["the value of a header", "the name of a header", "a media type"],
)
def test_an_export_with_a_header_that_ends_early_is_refused(
    spoil: Callable[[dict[str, Any], str], None], end: str, shared: Client, untouched: dict[str, Any]
) -> None:
    exported = copy.deepcopy(untouched)
    spoil(exported, end)

    response = shared.put("/_mock/world", json=exported)

    assert (response.status_code, response.get_json()["error"]["code"]) == (400, "invalid_world")


@pytest.mark.parametrize("header", ["Content-Length", "Transfer-Encoding", "Connection", "Trailer"])
def test_an_export_with_a_header_that_is_the_servers_own_is_refused(
    header: str, shared: Client, untouched: dict[str, Any]
) -> None:
    """POST /_mock/faults refuses them; an import takes them, and the fault then breaks the connection or gets 500."""
    exported = copy.deepcopy(untouched)
    exported["faults"][0]["reply"]["headers"] = {header: "5"}

    response = shared.put("/_mock/world", json=exported)

    assert response.status_code == 400


@pytest.mark.parametrize("end", ["\r\nX-Evil: 1", "\nX-Evil: 1", " HTTP/1.1\r\nX-Evil: 1", "\x00", "\u2028"], ids=ascii)
def test_a_webhook_whose_url_ends_early_is_refused(end: str, shared: Client) -> None:
    for url in (f"http://127.0.0.1:9/{end}", f"http://127.0.0.1:9/?a={end}", f"http://127.0.0.1{end}:9/"):
        response = shared.put("/_mock/instances/default/webhook", json={"url": url})

        assert (response.status_code, response.get_json()["error"]["code"]) == (400, "invalid_url")


def test_a_webhook_has_the_same_headers_whatever_a_message_says(receiver: Receiver, running: FlaresendMock) -> None:
    """Names, texts and ids are in its body alone."""
    control = f"{running.url}/_mock"
    hook = {"url": receiver.url, "secret": "a\r\nX-Evil: 1"}
    assert requests.put(f"{control}/instances/default/webhook", json=hook, timeout=10).ok
    for end in ("", *ENDS):
        person = f"{control}/people/254711000111"
        assert requests.put(person, json={"name": f"Eve{end}"}, timeout=10).ok
        letter = {"from": "254711000111", "text": f"hi{end}"}
        assert requests.post(f"{control}/inbound", json=letter, timeout=10).status_code == 201
    requests.post(f"{control}/deliveries/settle", timeout=10)

    names = [sorted(name.lower() for name, _ in call.headers) for call in receiver.asked]

    assert len(names) == 1 + len(ENDS)
    assert all(one == names[0] for one in names)
    assert "x-evil" not in names[0]


@pytest.mark.parametrize("name", ["X-A\r\nX-Evil: 1", "X-Evil: 1\r\n\r\nHTTP/1.1 200 OK"])
def test_what_a_caller_sends_comes_back_in_no_header(name: str, running: FlaresendMock) -> None:
    quoted = requests.utils.quote(name)
    call = f"GET /{quoted}?{quoted} HTTP/1.1\r\nHost: x\r\nX-Evil: 2\r\nConnection: close\r\n\r\n"

    head, _, _ = raw(running, call.encode()).partition(b"\r\n\r\n")

    assert status_of(head) == 404
    assert b"x-evil" not in head.lower()


def test_the_methods_that_are_allowed_are_our_own_words(shared: Client) -> None:
    response = shared.open("/groups", method="X-EVIL", headers=KEY)

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, POST"
