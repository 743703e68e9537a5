"""Large responses: a slow client holds little memory, and few exports are under way at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
from werkzeug.test import Client

from flaresend_mock.control import resources
from flaresend_mock.core.world import World
from flaresend_mock.http import turns
from flaresend_mock.http.context import MAX_EXPORTS, MAX_LISTS
from flaresend_mock.http.resources import instance
from flaresend_mock.http.turns import LARGE, LEAVE
from tests.defaults import ANN, INSTANCE, text

SIZE = 10_000
COUNT = 3 * LARGE // SIZE


@pytest.fixture
def shown(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the messages that were turned into JSON, of a world with many."""
    for _ in range(COUNT):
        world.sending.send(INSTANCE, [ANN], text("x" * SIZE))
    found: list[str] = []
    resource = instance(resources.Message)
    dump = resource.dump
    writer = next(write for name, _, write in instance(resources.Messages)._shown if name == "messages")
    monkeypatch.setattr(writer, "one", lambda message: (found.append(message.id), dump(message))[1])
    return found


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


def test_few_exports_are_received_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PLACE_SECONDS", 0.01)
    over_a_connection = {LEAVE: lambda: None}
    slow = [client.get("/_mock/world", environ_overrides=over_a_connection) for _ in range(MAX_EXPORTS)]
    refused = client.get("/_mock/world", environ_overrides=over_a_connection)

    assert [one.status_code for one in slow] == [200] * MAX_EXPORTS
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (503, "service_unavailable")
    slow[0].close()
    assert client.get("/_mock/world", environ_overrides=over_a_connection).status_code == 200


@pytest.mark.usefixtures("shown")
def test_few_large_lists_are_received_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PLACE_SECONDS", 0.01)
    places = client.application.services.lists  # type: ignore[attr-defined]
    over_a_connection = {LEAVE: lambda: None}
    for _ in range(MAX_LISTS):
        assert places.acquire(blocking=False)
    refused = client.get("/_mock/messages", environ_overrides=over_a_connection)
    small = client.get("/_mock/messages?limit=2", environ_overrides=over_a_connection)

    assert (refused.status_code, small.status_code) == (503, 200)
    assert refused.get_json()["error"]["message"] == "Other clients still receive large lists; try again later."
    for _ in range(2):  # the place is free again after it
        places.release()
        large = client.get("/_mock/messages", environ_overrides=over_a_connection, buffered=True)
        assert len(large.get_json()["messages"]) == COUNT
        large.close()
        assert places.acquire(blocking=False)


def test_a_large_response_to_what_changed_the_world_is_never_refused(client: Client, world: World) -> None:
    places = client.application.services.lists  # type: ignore[attr-defined]
    for _ in range(MAX_LISTS):
        assert places.acquire(blocking=False)
    client.patch("/_mock/clock", json={"frozen": True})
    for _ in range(COUNT * 40):
        world.schedule.add(INSTANCE, [ANN], text("x"), datetime(2090, 1, 1))
    advanced = client.post("/_mock/clock/advance", json={"to_next": True}, environ_overrides={LEAVE: lambda: None})

    assert len(advanced.data) > LARGE
    assert (advanced.status_code, len(advanced.get_json()["fired"])) == (200, COUNT * 40)


def test_a_client_in_the_process_of_the_emulator_need_not_close_its_exports(client: Client) -> None:
    kept = [client.get("/_mock/world") for _ in range(2 * MAX_EXPORTS)]
    assert {one.status_code for one in kept} == {200}
