"""The bodies of callers who are not known: 64 KB of them are kept, and they are read when somebody looks at them."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies
from flaresend_mock.http.context import cookie_of, pass_for
from tests.defaults import ANN
from tests.support import KEY, client_of

KEPT = 64 * 1024
LARGE = 400_000  # bytes of a body that the server keeps in a file, if it keeps it
TOKEN = "open-sesame"
JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
PART = f'--b\r\nContent-Disposition: form-data; name="number"\r\n\r\n{ANN}\r\n--b--\r\n'
BODIES = {JSON: json.dumps({"number": ANN}), URLENCODED: f"number={ANN}", MULTIPART: PART}


def kept(client: Client) -> Any:
    (call,) = client.get("/_mock/requests").get_json()["requests"]
    return call["body"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nope"}], ids=["no key", "a wrong key"])
def test_a_body_is_kept_and_read_when_it_is_listed(headers: dict[str, str], client: Client) -> None:
    client.post("/send-message", headers=headers, data=BODIES[JSON], content_type=JSON)

    assert kept(client) == {"number": ANN}


@pytest.mark.parametrize("content_type", [JSON, URLENCODED, MULTIPART, "text/plain"])
@pytest.mark.parametrize("size", [KEPT, KEPT + 1, 1_000_000])
def test_at_most_64_kb_are_kept(size: int, content_type: str, client: Client) -> None:
    client.post("/send-message", data="x" * size, content_type=content_type)

    assert kept(client) == "x" * min(size, KEPT)


def test_a_compressed_body_is_kept_as_it_is_if_it_is_a_bomb(client: Client) -> None:
    small, large = (gzip.compress(b"x" * size) for size in (KEPT, KEPT + 1))
    headers = {"Content-Encoding": "gzip"}

    client.post("/send-message", data=small, content_type=JSON, headers=headers)
    assert kept(client) == "x" * KEPT
    client.post("/_mock/reset")
    client.post("/send-message", data=large, content_type=JSON, headers=headers)
    assert len(kept(client)) <= len(large)


@pytest.mark.parametrize(("members", "inflates"), [(24, True), (25, False)])
def test_a_compressed_body_of_many_members_is_kept_as_it_is(members: int, inflates: bool, client: Client) -> None:
    packed = gzip.compress(b"x") * members

    client.post("/send-message", data=packed, content_type="text/plain", headers={"Content-Encoding": "gzip"})

    assert kept(client) == ("x" * members if inflates else packed.decode("utf-8", "replace"))


def test_cookies_are_not_parsed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """To parse 64 KB of them takes 75 ms."""
    client = Client(client_of(world, token=TOKEN).application, use_cookies=False)
    monkeypatch.setattr("werkzeug.sansio.request.parse_cookie", None)

    for cookie, status in ((LOGGED_IN["Cookie"], 200), ("x=y; " * 1000, 401), (cookie_of(TOKEN) + "=x", 401)):
        for spare in ("", "a=b; ", "a=b;"):
            found = client.get("/_mock/world", headers={"Cookie": spare + cookie + ("; c=d" if spare else "")})
            assert found.status_code == status


@pytest.mark.parametrize("content_type", BODIES)
def test_a_fault_may_look_at_it(content_type: str, client: Client) -> None:
    client.post("/_mock/faults", json={"match": {"number": ANN}, "preset": "down"})

    response = client.post("/send-message", data=BODIES[content_type], content_type=content_type)

    assert response.status_code == 503


def form(count: int, head: str = "") -> str:
    parts = (f'--b\r\nContent-Disposition: form-data; name="a{number}"{head}\r\n\r\n\r\n' for number in range(count))
    return "".join(parts) + PART


LONG = {  # bodies that take long to parse
    "fields": (MULTIPART, form(50)),
    "parameters": (MULTIPART, form(25, "; a=1" * 300)),
    "headers": (MULTIPART, form(25, "\r\na:b" * 400)),
    "URL-encoded": (URLENCODED, "a=&" * 50 + BODIES[URLENCODED]),
    "escapes": (URLENCODED, BODIES[URLENCODED] + "&x=" + "%41" * 2001),
    "a list in a form": (URLENCODED, f"number={ANN}&recipients=[{'1,' * 2000}1]"),
    "values": (JSON, f'{{"number":"{ANN}","x":[{"[]," * 2000}[]]}}'),
    "JSON as a form": (MULTIPART, f'{{"number":"{ANN}","x":[{"[]," * 2000}[]]}}'),
    "JSON as a text": ("text/plain", f'{{"number":"{ANN}","x":[{"[]," * 2000}[]]}}'),
}


@pytest.mark.parametrize(("content_type", "body"), LONG.values(), ids=LONG)
def test_a_body_that_takes_long_to_parse_is_a_text_and_a_fault_sees_no_fields(
    content_type: str, body: str, client: Client
) -> None:
    client.post("/_mock/faults", json={"match": {"number": ANN}, "preset": "down"})

    response = client.post("/send-message", data=body, content_type=content_type)

    assert response.status_code == 401
    assert kept(client) == body


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
def test_a_form_of_fifty_fields_is_read(content_type: str, client: Client) -> None:
    body = form(49) if content_type == MULTIPART else "a=&" * 49 + BODIES[URLENCODED]
    client.post("/send-message", data=body, content_type=content_type)

    assert kept(client)["number"] == ANN


def test_a_form_of_many_fields_is_read_if_the_key_is_known(client: Client) -> None:
    client.post("/send-message", headers=KEY, data=form(900), content_type=MULTIPART)

    assert len(kept(client)) == 901


@pytest.mark.parametrize(("spare", "status"), [(0, 503), (1, 401)])
@pytest.mark.parametrize("content_type", [JSON, URLENCODED])
def test_a_fault_looks_at_64_kb(content_type: str, spare: int, status: int, client: Client) -> None:
    client.post("/_mock/faults", json={"match": {"number": ANN}, "preset": "down"})
    body = BODIES[content_type] if content_type == JSON else BODIES[content_type] + "&x="
    body += (" " if content_type == JSON else "x") * (KEPT + spare - len(body))

    assert client.post("/send-message", data=body, content_type=content_type).status_code == status


@pytest.mark.parametrize("path", ["/send-message", "/nope", "//send-message"])
@pytest.mark.parametrize("match", [{}, {"path": "/other"}, {"instance": "x"}], ids=str)
def test_nobody_reads_it_otherwise(
    match: dict[str, Any], path: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/_mock/faults", json={"match": match, "delay": 0})
    for name in ("load_json", "parse_qsl"):
        monkeypatch.setattr(bodies, name, None)

    for content_type, body in BODIES.items():
        assert client.post(path, data=body, content_type=content_type).status_code in (401, 404)


def test_a_fault_reads_no_body_that_it_does_not_look_at(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.post("/_mock/faults", json={"match": {"path": "/send-message"}, "preset": "down"})
    monkeypatch.setattr(bodies, "load_json", None)

    assert client.post("/send-message", headers=KEY, data="{}", content_type=JSON).status_code == 503


@pytest.mark.parametrize(("spare", "status"), [(0, 401), (1, 413)])
def test_the_login_takes_4_kb(spare: int, status: int, world: World) -> None:
    client = client_of(world, token="secret")
    body = "token=" + "x" * (4096 + spare - len("token="))

    response = client.post("/_mock/ui/login", data=body, content_type=URLENCODED)
    assert response.status_code == status
    packed = gzip.compress(body.encode())
    response = client.post(
        "/_mock/ui/login", data=packed, content_type=URLENCODED, headers={"Content-Encoding": "gzip"}
    )
    assert response.status_code == status


@pytest.mark.parametrize("content_type", [MULTIPART, JSON, "text/plain"])
def test_the_login_reads_no_other_body(content_type: str, world: World) -> None:
    client = client_of(world, token="secret")

    assert client.post("/_mock/ui/login", data="x" * 10**6, content_type=content_type).status_code == 401


@pytest.mark.parametrize("path", ["/_mock/faults", "/_mock/world", "/_mock/inbound", "/_mock/nope"])
def test_the_control_plane_reads_nothing_without_the_token(
    path: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(world, token="secret")
    monkeypatch.setattr(bodies, "open_body", None)

    assert client.post(path, data="{" * 10**6, content_type=JSON).status_code == 401


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, FlaresendMock]]:
    """Emulators by what their callers need."""
    with (
        FlaresendMock() as without_token,
        FlaresendMock(control_token=TOKEN) as with_token,
        FlaresendMock(auth="open") as with_any_key,
    ):
        yield {"no token": without_token, "token": with_token, "any key": with_any_key}


def taken(emulator: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the sizes of what the server keeps of bodies in files from now on."""
    found: list[int] = []
    assert emulator._http is not None
    room = emulator._http.bodies
    take = room.take
    monkeypatch.setattr(room, "take", lambda size, **how: (found.append(size), take(size, **how))[1])
    return found


LOGGED_IN = {"Cookie": f"{cookie_of(TOKEN)}={pass_for(TOKEN)}"}
WRONG = {"Authorization": "Bearer nope"}


@pytest.mark.parametrize("how", ["sized", "chunked"])
@pytest.mark.parametrize(
    ("emulator", "path", "headers", "keeps"),
    [
        ("no token", "/send-message", {}, False),
        ("no token", "/send-message", WRONG, False),
        ("no token", "/nope", {}, False),
        ("no token", "/v/t62/x", {}, False),
        ("no token", "/send-message", KEY, True),
        ("no token", "/_mock/inbound", {}, True),
        ("token", "/_mock/inbound", {}, False),
        ("token", "/_mock/inbound", {"X-Control-Token": "nope"}, False),
        ("token", "/_mock/ui/login", {}, False),
        ("token", "/_mock/health", {}, False),
        ("token", "/_mock/inbound", {"X-Control-Token": TOKEN}, True),
        ("token", "/_mock/inbound", LOGGED_IN, True),
        ("token", "/send-message", KEY, True),
        ("any key", "/send-message", {}, False),
        ("any key", "/send-message", {"Authorization": "Bearer any-new-key"}, True),
    ],
    ids=str,
)
def test_the_server_keeps_no_file_of_what_nobody_reads(
    emulator: str,
    path: str,
    headers: dict[str, str],
    keeps: bool,
    how: str,
    emulators: dict[str, FlaresendMock],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = emulators[emulator]
    found = taken(running, monkeypatch)
    data: Any = b"x" * LARGE if how == "sized" else iter([b"x" * LARGE])
    response = requests.post(running.url + path, data=data, headers=headers, timeout=30)

    assert bool(found) == keeps
    assert response.status_code < 500
    if not keeps and path in ("/send-message", "/nope"):
        call = running.app.test_client().get("/_mock/requests", headers={"X-Control-Token": TOKEN})
        newest = call.get_json()["requests"][-1]
        assert (newest["body"], newest["body_size"]) == ("x" * KEPT, LARGE)
