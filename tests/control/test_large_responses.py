"""Large responses: a slow client holds little memory, and those of all slow clients together are bounded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from flaresend_mock.control import resources
from flaresend_mock.control.verification import Collection
from flaresend_mock.core.models import Upload
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.world import World
from flaresend_mock.http import bodies, turns
from flaresend_mock.http.bodies import HEAVY
from flaresend_mock.http.context import CUT, DROP, audience_of, cookie_of, pass_for
from flaresend_mock.http.resources import instance
from flaresend_mock.http.turns import LARGE, LEAVE, Room
from tests.defaults import ANN, BEN, INSTANCE, text
from tests.support import KEY, client_of

SIZE = 10_000
COUNT = 3 * LARGE // SIZE
OVER_A_CONNECTION = {LEAVE: lambda: None}
BUSY = {"code": "service_unavailable", "message": "Other clients still receive large responses; try again later."}
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}
TOKEN = "open-sesame"
LONG = 50  # bytes of a response that needs room, in most tests


@pytest.fixture
def shown(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the messages that were turned into JSON, of a world with many."""
    for _ in range(COUNT):
        world.sending.send(INSTANCE, [ANN], text("x" * SIZE))
    found: list[str] = []
    resource = instance(resources.Message)
    dump = resource.dump
    _, writer = instance(resources.Messages).parts["messages"]
    monkeypatch.setattr(writer, "one", lambda message: (found.append(message.id), dump(message))[1])
    return found


@pytest.fixture
def room(client: Client, monkeypatch: pytest.MonkeyPatch) -> Room:
    """The room for large responses. Here, those of a few bytes need it already, and none waits for long."""
    monkeypatch.setattr(bodies, "HEAVY", LONG)
    monkeypatch.setattr("flaresend_mock.api.request_log.HEAVY", LONG)
    monkeypatch.setattr(turns, "ROOM_SECONDS", 0.01)
    found: Room = client.application.services.room  # type: ignore[attr-defined]
    return found


@pytest.fixture
def full(room: Room) -> Room:
    """The room, which a client that reads slowly has filled."""
    assert room.take(turns.ROOM)
    return room


@pytest.fixture
def public(client: Client, room: Room) -> Room:
    """The room for large responses to callers without an API key or token."""
    found: Room = client.application.services.public_room  # type: ignore[attr-defined]
    return found


def get(client: Client, path: str, **options: Any) -> TestResponse:
    """Get a path as a client over a connection does, which receives the response until it is closed."""
    return client.get(path, environ_overrides=OVER_A_CONNECTION, headers=KEY, **options)


def test_a_large_list_is_made_while_it_is_sent(client: Client, shown: list[str]) -> None:
    response = client.get("/_mock/messages", buffered=False)
    pieces: Iterator[bytes] = iter(response.iter_encoded())
    first = next(pieces)

    assert len(first) < LARGE + 2 * SIZE
    assert len(shown) < COUNT // 2
    assert "Content-Length" not in response.headers
    assert len(json.loads(first + b"".join(pieces))["messages"]) == COUNT


def test_a_small_list_has_its_length(client: Client, shown: list[str]) -> None:
    response = client.get("/_mock/messages?limit=2")

    assert response.content_length == len(response.data)
    assert response.get_json() == {"messages": client.get("/_mock/messages").get_json()["messages"][-2:], "evicted": 0}


def test_room_is_for_as_many_bytes_as_it_has_or_one_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ROOM", 100)
    monkeypatch.setattr(turns, "ROOM_SECONDS", 0.01)
    room = Room()

    assert [room.take(size) for size in (60, 40, 1)] == [True, True, False]
    room.give_back(60)
    assert [room.take(size) for size in (61, 60)] == [False, True]
    room.give_back(60)
    room.give_back(40)
    assert [room.take(size) for size in (500, 1)] == [True, False]
    room.give_back(500)
    assert room.take(100)


def test_few_bytes_wait_for_room_and_get_it_once_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ROOM", 100)
    monkeypatch.setattr(turns, "ROOM_SECONDS", 30)
    room, found = Room(), list[bool]()
    assert room.take(100)
    waiting = threading.Thread(target=lambda: found.append(room.take(70)))
    waiting.start()
    while not room._waiting:
        pass

    assert not room.take(40)  # at once: 110 bytes would wait
    room.give_back(100)
    waiting.join(30)

    assert found == [True]
    assert room.take(30)


@pytest.mark.parametrize(
    "path", ["world", "people", "openapi.json", "ui/w/default/chats", "transcript", "instances/default"]
)
def test_a_large_response_of_the_control_plane_needs_room(path: str, client: Client, full: Room) -> None:
    refused = get(client, f"/_mock/{path}")
    assert (refused.status_code, refused.get_json()["error"]) == (503, BUSY)

    full.give_back(turns.ROOM)
    received = get(client, f"/_mock/{path}", buffered=True)
    assert received.status_code == 200
    received.close()
    assert full._held == 0


def test_a_file_needs_room_for_all_of_it(client: Client, world: World, public: Room) -> None:
    served = world.media.share("document", Upload(b"x" * 2 * LONG, "a.bin", ""), {}, INSTANCE)
    (kept,) = world.state.served
    link = next(path for path in (served["directPath"], served["url"]) if path.startswith("/v"))
    part = {"Range": "bytes=0-0"}
    assert public.take(public.most)
    assert get(client, link).status_code == 503
    assert client.get(link, environ_overrides=OVER_A_CONNECTION, headers=part).status_code == 503

    public.give_back(public.most)
    received = client.get(link, environ_overrides=OVER_A_CONNECTION, headers=part)
    assert (received.status_code, len(received.data)) == (206, 1)
    assert public._held == len(kept.data)
    received.close()
    assert public._held == 0
    assert next(iter(client.get(link, buffered=False).iter_encoded())) is kept.data


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("path", ["docs", "docs/docs.js", "docs/swagger-ui-bundle.js", "ui/assets/htmx.min.js"])
def test_a_file_of_the_package_is_in_memory_once_and_needs_no_room(path: str, client: Client, public: Room) -> None:
    assert public.take(public.most)
    first, second = (get(client, f"/_mock/{path}", buffered=False) for _ in range(2))

    assert first.status_code == 200
    assert next(iter(first.iter_encoded())) is next(iter(second.iter_encoded()))


@pytest.mark.parametrize("header", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
@pytest.mark.parametrize("path", ["/_mock/docs", "/_mock/docs/docs.js", "/_mock/ui/assets/htmx.min.js", "media"])
def test_a_date_beyond_the_calendar_is_no_condition(path: str, header: str, client: Client, world: World) -> None:
    if path == "media":
        world.inbound.receive(InboundMessage(ANN, kind="image"))
        path = next(iter(world.state.served)).path
    date = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"

    assert client.get(path, headers={header: date, "Range": "bytes=0-9"}).status_code in (200, 206)


OPEN = ["health", "openapi.json", "control/openapi.json", "docs/docs.js", "ui/login", "scan/no"]


@pytest.fixture
def guarded(world: World, room: Room) -> Client:
    """An application with a control token, whose room a client that reads slowly has filled."""
    found = client_of(world, token=TOKEN)
    services = found.application.services  # type: ignore[attr-defined]
    assert services.room.take(turns.ROOM)
    return found


@pytest.mark.parametrize("path", OPEN)
def test_what_needs_no_token_takes_no_room_of_those_who_have_it(path: str, guarded: Client) -> None:
    found = get(guarded, f"/_mock/{path}")

    assert (len(found.data) > LONG, found.status_code) == (True, 410 if path == "scan/no" else 200)


@pytest.mark.parametrize("by", ["header", "login", "link of an audience"])
def test_room_is_kept_for_those_who_have_the_token(by: str, guarded: Client) -> None:
    services = guarded.application.services  # type: ignore[attr-defined]
    services.room.give_back(turns.ROOM)
    assert services.public_room.take(services.public_room.most)
    watches = by == "link of an audience"
    guarded.set_cookie(cookie_of(TOKEN), pass_for(audience_of(TOKEN) if watches else TOKEN) if by != "header" else "x")
    headers = {"X-Control-Token": TOKEN} if by == "header" else {}
    found = guarded.get("/_mock/ui/w/default/chats", headers=headers, environ_overrides=OVER_A_CONNECTION)

    assert found.status_code == (503 if watches else 200)


def test_a_fault_without_a_key_takes_no_room_of_those_who_have_one(client: Client, full: Room, public: Room) -> None:
    client.post("/_mock/faults", json={"respond": {"status": 200, "body": "x" * 2 * LONG}})

    with client.get("/groups", environ_overrides=OVER_A_CONNECTION) as without_key:
        assert without_key.status_code == 200
        assert public._held == 2 * LONG
    assert get(client, "/groups").status_code == 429
    full.give_back(turns.ROOM)
    assert public.take(public.most)
    assert client.get("/groups", environ_overrides=OVER_A_CONNECTION).status_code == 429
    assert get(client, "/groups").status_code == 200


@pytest.mark.parametrize("path", ["/groups", "/scheduled-messages"])
def test_a_large_response_of_the_api_needs_room_or_is_refused_as_documented(
    path: str, client: Client, world: World, full: Room
) -> None:
    world.schedule.add(INSTANCE, [ANN], text("Hello"), datetime(2090, 1, 1))
    refused = get(client, path)
    assert (refused.status_code, refused.get_json()) == (429, {"success": False, "message": "Too many requests"})

    full.give_back(turns.ROOM)
    received = get(client, path)
    assert received.status_code == 200
    assert full._held == received.content_length
    received.close()
    assert full._held == 0
    calls = client.get("/_mock/requests").get_json()["requests"]
    assert [(one["path"], one["status"]) for one in calls] == [(path, 429), (path, 200)]


@pytest.mark.usefixtures("full")
def test_what_changes_the_world_is_never_refused(client: Client) -> None:
    sent = client.post("/send-message", json=MESSAGE, headers=KEY, environ_overrides=OVER_A_CONNECTION)
    received = client.post("/_mock/inbound", json={"from": ANN, "text": "Hi"}, environ_overrides=OVER_A_CONNECTION)

    assert (sent.status_code, received.status_code) == (200, 201)
    assert min(len(sent.data), len(received.data)) > LONG


def test_a_connection_is_cut_where_there_is_no_room_for_what_its_call_has_changed(
    client: Client, world: World, full: Room
) -> None:
    cut: list[str] = []
    connection = {**OVER_A_CONNECTION, CUT: cut.append}
    client.post("/send-message", json=MESSAGE, headers=KEY, environ_overrides=connection)
    client.post("/_mock/inbound", json={"from": ANN, "text": "Hi"}, environ_overrides=connection)
    assert cut == [DROP, DROP]
    assert [one.content.text for one in world.state.messages] == ["Hello", "Hi"]

    full.give_back(turns.ROOM)
    sent = client.post("/send-message", json=MESSAGE, headers=KEY, environ_overrides=connection)
    assert (sent.status_code, len(cut), full._held) == (200, 2, sent.content_length)
    sent.close()
    assert full._held == 0


@pytest.mark.usefixtures("full")
def test_what_is_small_or_received_in_this_process_needs_no_room(client: Client) -> None:
    kept = [client.get("/_mock/world") for _ in range(3)]
    assert {one.status_code for one in kept} == {200}
    assert client.get("/groups", headers=KEY).status_code == 200
    assert get(client, "/_mock/messages").data == b'{"messages":[],"evicted":0}'
    assert client.head("/groups", headers=KEY, environ_overrides=OVER_A_CONNECTION).status_code == 200


@pytest.mark.usefixtures("shown")
def test_few_large_lists_are_received_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ROOM_SECONDS", 0.01)
    room = client.application.services.room  # type: ignore[attr-defined]
    for _ in range(16):
        assert room.take(bodies.LIST_ROOM)
    refused = get(client, "/_mock/messages")
    small = get(client, "/_mock/messages?limit=2")

    assert (refused.status_code, small.status_code) == (503, 200)
    assert refused.get_json()["error"] == BUSY
    room.give_back(bodies.LIST_ROOM)
    for _ in range(2):  # there is room again after it
        large = get(client, "/_mock/messages", buffered=True)
        assert len(large.get_json()["messages"]) == COUNT
        large.close()


@pytest.mark.parametrize(
    ("asked", "body", "status"),
    [
        ("search", {}, 200),
        ("wait", {"count": COUNT}, 200),
        ("wait", {"count": COUNT + 1, "timeout": 0}, 408),
        ("verify", {}, 200),
        ("verify", {"never": True}, 422),
    ],
)
@pytest.mark.parametrize("fills", [True, False])
def test_what_is_found_needs_room_and_is_made_while_it_is_sent(
    asked: str,
    body: dict[str, Any],
    status: int,
    fills: bool,
    client: Client,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(COUNT):
        world.sending.send(INSTANCE, [ANN], text("x" * SIZE))
    monkeypatch.setattr(bodies, "LARGE", 2 * SIZE)
    monkeypatch.setattr(turns, "ROOM_SECONDS", 0.01)
    room = client.application.services.room  # type: ignore[attr-defined]
    assert not fills or room.take(turns.ROOM)
    response = client.post(f"/_mock/messages/{asked}", json=body, environ_overrides=OVER_A_CONNECTION)

    if fills:
        assert (response.status_code, response.get_json()["error"]) == (503, BUSY)
    else:
        assert response.status_code == status
        assert room._held == bodies.LIST_ROOM
        assert "Content-Length" not in response.headers
        assert len(response.get_json()["messages"]) in (20, COUNT)
        response.close()
        assert room._held == 0


def test_what_a_call_has_found_while_it_waits_needs_room(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.control.verification.HEAVY", 3 * SIZE)
    room = client.application.services.room  # type: ignore[attr-defined]
    sizes: list[int] = []
    monkeypatch.setattr(room, "take", lambda size, *, seconds: (sizes.append(size), room_has)[1])
    given_back: list[int] = []
    monkeypatch.setattr(room, "give_back", given_back.append)
    room_has = True

    def wait() -> Any:
        return client.post("/_mock/messages/wait", json={"count": 9, "timeout": 0.01})

    world.sending.send(INSTANCE, [ANN, BEN], text("x" * SIZE))
    assert (wait().status_code, sizes, given_back) == (408, [], [0])
    world.sending.send(INSTANCE, [ANN, BEN], text("x" * SIZE))
    held = sum(message.size for message in world.state.messages)
    assert (wait().status_code, sizes, given_back) == (408, [held], [0, held])
    room_has = False
    refused = wait()
    assert (refused.status_code, refused.get_json()["error"], given_back[2:]) == (503, BUSY, [0])


@pytest.mark.parametrize("is_full", [False, True], ids=["free", "full"])
def test_what_comes_while_a_call_that_waits_searches_needs_room(
    is_full: bool, client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The world may evict it before it is searched."""
    looks, goes_on = threading.Event(), threading.Event()

    def look(*_: Any) -> bool:
        looks.set()
        return goes_on.wait(60) is None

    def wait() -> None:
        body = {"match": {"text": {"regex": "y"}}, "timeout": 0.01}
        responses.append(client.application.test_client().post("/_mock/messages/wait", json=body))

    responses: list[Any] = []
    monkeypatch.setattr("flaresend_mock.control.verification.HEAVY", 3 * SIZE)
    monkeypatch.setattr("flaresend_mock.core.matchers.parser.Matcher.holds", look)
    room = client.application.services.room  # type: ignore[attr-defined]
    assert not is_full or room.take(turns.ROOM)
    held = room._held
    world.sending.send(INSTANCE, [ANN], text("x"))
    waiting = threading.Thread(target=wait)
    waiting.start()
    assert looks.wait(60)

    world.sending.send(INSTANCE, [ANN, BEN], text("x" * 2 * SIZE))
    more = 0 if is_full else sum(message.size for message in list(world.state.messages)[1:])
    assert room._held == held + more
    goes_on.set()
    waiting.join(60)

    assert (responses[0].status_code, room._held) == (503 if is_full else 408, held)


def test_what_a_call_has_found_while_it_waited_needs_room_until_its_client_has_it(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LARGE", 2 * SIZE)
    monkeypatch.setattr(bodies, "LIST_ROOM", HEAVY + 1)
    for _ in range(COUNT):
        world.sending.send(INSTANCE, [ANN], text("x" * SIZE))
    held = sum(message.size for message in world.state.messages)
    room = client.application.services.room  # type: ignore[attr-defined]
    body = {"count": COUNT + 1, "timeout": 0.01}

    response = client.post("/_mock/messages/wait", json=body, environ_overrides=OVER_A_CONNECTION)

    assert (response.status_code, room._held) == (408, held)
    response.close()
    assert room._held == 0


def test_what_is_searched_is_made_one_after_the_other(world: World) -> None:
    for _ in range(COUNT):
        world.sending.send(INSTANCE, [ANN], text("x" * SIZE))
    made: list[str] = []
    found = Collection(resources.Message, lambda of: of.state.messages, lambda of: 0)
    read, write = found.parts["text"]
    found.parts = {**found.parts, "text": (lambda message: (made.append(message.id), read(message))[1], write)}

    items = found.since(world, 0)
    assert {(item["type"], len(item)) for item in items} == {("text", len(found.parts))}
    assert (len(items), made) == (COUNT, [])
    assert {(len(item["text"]), len(dict(item)["text"])) for item in items} == {(SIZE, SIZE)}
    assert len(made) == COUNT  # each was made once for all that is asked of it


def test_a_large_response_to_what_changed_the_world_is_never_refused(client: Client, world: World) -> None:
    room = client.application.services.room  # type: ignore[attr-defined]
    assert room.take(turns.ROOM)
    client.patch("/_mock/clock", json={"frozen": True})
    for _ in range(COUNT * 40):
        world.schedule.add(INSTANCE, [ANN], text("x"), datetime(2090, 1, 1))
    advanced = client.post("/_mock/clock/advance", json={"to_next": True}, environ_overrides=OVER_A_CONNECTION)

    assert len(advanced.data) > LARGE
    assert (advanced.status_code, len(advanced.get_json()["fired"])) == (200, COUNT * 40)


@pytest.mark.parametrize(("path", "taken"), [("/groups", 1), ("/groups?limit=2", 0), ("/scheduled-messages", 1)])
def test_large_lists_of_the_api_are_made_one_after_the_other(
    path: str, taken: int, client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = client.application.services  # type: ignore[attr-defined]
    take, found = services.turns.take, list[Any]()
    monkeypatch.setattr(services.turns, "take", lambda environ: (found.append(environ), take(environ)))
    assert get(client, path).status_code == 200
    assert found == []

    monkeypatch.setattr(bodies, "HEAVY", 10)
    world.schedule.add(INSTANCE, [ANN], text("Hello"), datetime(2090, 1, 1))
    world.groups.create(INSTANCE, "Team", [ANN, BEN])
    for _ in range(2):  # the turn ends with the call
        get(client, path).close()
    assert len(found) == 2 * taken
