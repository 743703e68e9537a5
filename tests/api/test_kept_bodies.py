"""Every recorded call has its body, also those that were refused before it was read: the first 64 KB of it."""

from __future__ import annotations

import gzip
import json
from io import BytesIO
from random import randbytes
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.world import World
from tests.defaults import ANN, BEN
from tests.support import KEY, client_of

KEPT = 64 * 1024
SAID = {"recipients": [ANN, BEN], "type": "text", "text": "Héllo"}
FORM = {"recipients[]": [ANN, BEN], "type": "text", "text": "Héllo"}
BODIES: dict[str, dict[str, Any]] = {
    "json": {"json": SAID},
    "urlencoded": {"data": FORM},
    "multipart": {"data": FORM, "content_type": "multipart/form-data"},
}
REFUSALS: dict[str, tuple[str, str, dict[str, str], int]] = {
    "no key": ("POST", "/send-message", {}, 401),
    "a wrong key": ("POST", "/send-message", {"Authorization": "Bearer nope"}, 401),
    "an unknown path": ("POST", "/send-mesage", KEY, 404),
    "an unknown path without a key": ("POST", "/send-mesage", {}, 404),
    "a wrong method": ("PUT", "/send-message", KEY, 405),
    "a call that takes none": ("GET", "/groups", KEY, 200),
    "an undocumented encoding": ("POST", "/send-message", {**KEY, "Content-Encoding": "br"}, 415),
}


def recorded(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/_mock/requests").get_json()["requests"][-1]
    return found


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("method", "path", "headers", "status"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_call_has_its_body(
    method: str, path: str, headers: dict[str, str], status: int, body: dict[str, Any], client: Client
) -> None:
    assert client.open(path, method=method, headers=headers, **body).status_code == status

    assert recorded(client)["body"] == SAID
    assert recorded(client)["body_size"] is None


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_it_is_verified_after_a_disconnect(body: dict[str, Any], client: Client) -> None:
    client.post("/_mock/instances/default/disconnect")
    assert client.post("/send-message", headers=KEY, **body).status_code == 425
    for match, count in (({"body": {"text": "Héllo"}}, 1), ({"number": BEN}, 1), ({"body": {"text": "other"}}, 0)):
        found = client.post("/_mock/requests/verify", json={"match": match, "exactly": count})
        assert found.get_json()["count"] == count


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("match", [{}, {"number": ANN}, {"body": {"type": "text"}}], ids=str)
def test_a_call_that_a_fault_took_has_its_body(match: dict[str, Any], body: dict[str, Any], client: Client) -> None:
    client.post("/_mock/faults", json={"match": match, "respond": {"status": 503}})

    assert client.post("/send-message", headers=KEY, **body).status_code == 503
    assert recorded(client)["body"] == SAID


def test_a_file_is_described(client: Client) -> None:
    client.post("/_mock/instances/default/disconnect")
    data = {"recipients": ANN, "type": "document", "file": (BytesIO(b"hello"), "a.txt", "text/plain")}
    client.post("/send-message", headers=KEY, data=data)

    file = {"fileName": "a.txt", "mimetype": "text/plain", "size": 5}
    assert recorded(client)["body"] == {"recipients": [ANN], "type": "document", "file": file}


def test_a_form_that_is_cut_off_in_a_file_has_its_fields(client: Client) -> None:
    client.post("/_mock/instances/default/disconnect")
    photo = (BytesIO(b"\xff\xd8" + b"x" * 2 * KEPT), "a.jpg", "image/jpeg")
    client.post("/send-message", headers=KEY, data={"recipients": ANN, "type": "image", "file": photo})

    file = {"fileName": "a.jpg", "mimetype": "image/jpeg", "size": None}
    assert recorded(client)["body"] == {"recipients": [ANN], "type": "image", "file": file}
    assert recorded(client)["body_size"] > 2 * KEPT
    verified = client.post("/_mock/requests/verify", json={"match": {"body": {"type": "image"}}, "exactly": 1})
    assert verified.get_json()["count"] == 1


def test_the_beginning_of_a_compressed_body_stays_compressed(client: Client) -> None:
    client.post("/_mock/instances/default/disconnect")
    sent = gzip.compress(json.dumps({"text": randbytes(KEPT).hex()}).encode())
    headers = {**KEY, "Content-Encoding": "gzip", "Content-Type": "application/json"}
    client.post("/send-message", headers=headers, data=sent)

    assert recorded(client)["body"] == sent[:KEPT].decode("utf-8", "replace")
    assert recorded(client)["body_size"] == len(sent)


@pytest.mark.parametrize(
    "fields", [{"text": "x" * 2 * KEPT}, {"caption": "x" * (KEPT - 220), "text": "y" * KEPT}], ids=len
)
def test_a_form_that_is_cut_off_elsewhere_is_text(fields: dict[str, str], client: Client) -> None:
    client.post("/_mock/instances/default/disconnect")
    data = {"recipients": ANN, **fields}
    client.post("/send-message", headers=KEY, data=data, content_type="multipart/form-data")

    assert len(recorded(client)["body"]) == KEPT


@pytest.mark.parametrize("spare", [-1, 0, 1, 1_000_000])
@pytest.mark.parametrize("headers", [KEY, {}], ids=["425", "401"])
def test_a_large_one_is_cut_off_and_says_so(headers: dict[str, str], spare: int, client: Client) -> None:
    client.post("/_mock/instances/default/disconnect")
    body = b'{"text": "' + b"x" * (KEPT + spare - 12) + b'"}'
    client.post("/send-message", headers=headers, data=body, content_type="application/json")
    call = recorded(client)
    page = client.get(f"/_mock/ui/w/default/parts/traffic/{call['id']}").text

    assert call["body_size"] == (len(body) if spare > 0 else None)
    assert call["body"] == (body[:KEPT].decode() if spare > 0 else json.loads(body))
    assert ("Only the beginning is kept" in page) is (spare > 0)
    assert ("Copy as curl" in page) is (spare <= 0)


@pytest.mark.parametrize(
    ("limit", "status"), [(100, 413), (10_000, 400)], ids=["over the limit", "not what JSON looks like"]
)
def test_one_that_cannot_be_read_is_kept(limit: int, status: int, world: World) -> None:
    client = client_of(world, max_body_size=limit)
    body = b"{" + b"x" * 999

    assert client.post("/send-message", headers=KEY, data=body, content_type="application/json").status_code == status
    assert recorded(client)["body"] == body.decode()


def test_a_compressed_one_is_inflated(client: Client) -> None:
    headers = {**KEY, "Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps(SAID).encode())
    client.post("/nowhere", headers=headers, data=body, content_type="application/json")

    assert recorded(client)["body"] == SAID


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_without_one_has_none(method: str, client: Client) -> None:
    client.open("/send-message", method=method, headers=KEY)

    assert recorded(client)["body"] is None


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/scheduled-messages/x"), ("POST", "/nowhere"), ("GET", "/groups")]
)
def test_an_empty_one_is_none(method: str, path: str, client: Client) -> None:
    """Clients send `Content-Length: 0` with a POST or DELETE without a body."""
    client.open(path, method=method, headers=KEY, environ_overrides={"CONTENT_LENGTH": "0"})

    assert recorded(client)["body"] is None


def test_traffic_is_searched_in_it(client: Client) -> None:
    client.post("/_mock/instances/default/disconnect")
    client.post("/send-message", headers=KEY, data=FORM)

    for person, found in ((BEN, True), ("254799999999", False)):
        page = client.get(f"/_mock/ui/w/default/traffic?person={person}").text
        assert (f"parts/traffic/{recorded(client)['id']}" in page) is found
