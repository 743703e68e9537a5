"""Callers without a key record calls in the default world: looking at these is bounded, and keeps no one waiting."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.world import World
from flaresend_mock.dashboard import exchange
from flaresend_mock.http import bodies
from tests.dashboard.test_failed_replies import HI, UI, WRONG, chat_of, failed, page
from tests.defaults import ANN, BEN
from tests.support import KEY

CHAT = chat_of(ANN)
NEWS = CHAT.replace("chats/", "parts/news/") + "?after=0&oldest=0"
OLDER = CHAT.replace("chats/", "parts/older/") + "?before=1000"
NOBODY = {"data": "1234567,1234568", "content_type": "text/plain"}


def write(client: Client, sender: str = ANN) -> str:
    response = client.post("/_mock/inbound", json={"from": sender, "text": "Hello?"})
    return str(response.get_json()["event"]["data"]["id"])


class Counted(int):
    """The number of an event. It counts how often it is looked up."""

    lookups = 0

    def __hash__(self) -> int:
        Counted.lookups += 1
        return super().__hash__()


class Pattern:
    """A regular expression that counts its uses."""

    def __init__(self, pattern: Any) -> None:
        self._pattern, self.uses = pattern, 0

    def __getattr__(self, name: str) -> Any:
        self.uses += 1
        return getattr(self._pattern, name)


def test_each_call_is_searched_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = Pattern(exchange._DIGITS)
    monkeypatch.setattr(exchange, "_DIGITS", digits)
    message = write(client)
    for _ in range(3):
        client.post("/send-message", headers=WRONG, **NOBODY)

    for path in (CHAT, NEWS, OLDER, f"parts/why/{message}", CHAT):
        page(client, path)
    assert digits.uses == 3
    client.post("/send-message", headers=WRONG, **NOBODY)
    page(client, NEWS)
    assert digits.uses == 4


@pytest.mark.parametrize(
    "path",
    [
        *(CHAT, NEWS, OLDER, "parts/why/{message}"),
        *("traffic", "traffic/{call}", "parts/traffic/{call}", "parts/traffic/older?before=1000"),
        *("parts/traffic/news?since={message_event}&oldest=0", "parts/traffic/news?since={message_event}&grown=500"),
    ],
)
def test_no_body_is_read_under_the_lock(
    path: str, client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def read(call: Any) -> Any:
        held.append(world.lock._is_owned())  # type: ignore[attr-defined]
        return bodies.body_of(call)

    message = write(client)
    event = world.state.events.last_number
    client.post("/send-message", headers=WRONG, json=HI)
    monkeypatch.setattr(exchange, "body_of", read)

    page(client, path.format(message=message, message_event=event, call=world.state.events.last_number))
    assert held
    assert not any(held)


def test_chats_show_the_newest(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MAX_MISSED", 3)
    message = write(client)
    for status in range(500, 505):
        fault = client.post("/_mock/faults", json={"respond": {"status": status}, "times": 1})
        assert fault.status_code == 201
        client.post("/send-message", headers=KEY, json=HI)
    client.get("/nowhere")
    client.post("/check-number", headers=WRONG, json={"number": ANN})

    told = failed(page(client, CHAT))[message]
    assert [one.split()[2] for one in told] == ["503", "504"]  # and the call to an unknown path
    client.post("/send-message", headers=WRONG, json=HI)
    assert [one.split()[2] for one in failed(page(client, CHAT))[message]] == ["504", "401"]


@pytest.mark.parametrize("others", [exchange.MAX_NAMED - 1, exchange.MAX_NAMED])
@pytest.mark.parametrize("field", ["recipients", "to"])
def test_the_first_recipients_of_a_call_are_found(field: str, others: int, client: Client) -> None:
    message = write(client)
    write(client, BEN)
    numbers = [BEN] * others
    client.post("/send-message", headers=WRONG, json={field: [*numbers, ANN]})

    assert list(failed(page(client, CHAT))) == ([message] if others < exchange.MAX_NAMED else [])


def test_the_first_recipients_of_a_call_are_counted(client: Client) -> None:
    numbers = [f"1{number:010}" for number in range(2 * exchange.MAX_NAMED)]
    client.post("/send-message", headers=WRONG, json={"recipients": numbers})

    assert f"+{numbers[1]} and {exchange.MAX_NAMED - 2} more" in page(client, "traffic")


def test_of_each_call_little_is_kept(client: Client, world: World) -> None:
    """And not the call itself, which the log may evict."""
    write(client)
    for body in ("9" * 60_000, " ".join(map(str, range(10**7, 10**7 + 6000))), json.dumps({"groupJid": "x" * 60_000})):
        client.post("/send-message", headers=WRONG, data=body, content_type="application/json")
    client.post("/x@g.us" * 3000, headers=WRONG)
    page(client, CHAT)

    _, kept = client.application.services.missed[world.state.events]  # type: ignore[union-attr]
    assert len(kept) == 4
    for instance, names, _ in kept.values():
        assert instance is None
        assert len(names) <= exchange.MAX_NAMED
        assert all(isinstance(name, str) and len(name) <= exchange.MAX_NAME for name in names)


def test_a_world_whose_calls_are_searched_keeps_no_other_world_waiting() -> None:
    emulator = FlaresendMock()
    client, searching = emulator.app.test_client(), emulator.app.services.searching
    client.post("/_mock/worlds", json={"name": "other"})

    def chat(world: str) -> str:
        instance = client.get(f"/_mock/instances?world={world}").get_json()["instances"][0]["id"]
        return f"/_mock/ui/w/{world}/chats/{instance}/{ANN}@s.whatsapp.net"

    assert client.get(chat("default")).status_code == 200
    with searching[emulator.worlds.default()]:
        assert client.get(chat("other")).status_code == 200


def test_the_failed_calls_of_few_worlds_are_kept() -> None:
    emulator = FlaresendMock()
    client = emulator.app.test_client()
    for number in range(exchange.MAX_SEARCHED + 5):
        client.post("/_mock/worlds", json={"name": f"w{number}"})
        instance = client.get(f"/_mock/instances?world=w{number}").get_json()["instances"][0]["id"]
        chat = f"/_mock/ui/w/w{number}/chats/{instance}/{ANN}@s.whatsapp.net"
        assert client.get(chat).status_code == 200

    assert 0 < len(client.application.services.missed) <= exchange.MAX_SEARCHED + 1  # type: ignore[union-attr]


def test_the_work_grows_with_calls_and_messages_and_not_with_their_product(client: Client, world: World) -> None:
    message = write(client)
    for _ in range(60):
        write(client, BEN)
    for _ in range(60):
        client.post("/send-message", headers=WRONG, json=HI)
    for event in world.state.events.kept:
        event.number = Counted(event.number)  # type: ignore[misc]

    assert list(failed(page(client, CHAT))) == [message]
    assert Counted.lookups < 10 * len(world.state.events.kept)


def test_a_message_that_comes_while_calls_are_searched_is_shown_by_the_next_look(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, late = exchange._search, list[str]()

    def search_slowly(call: Any) -> Any:
        late.append(write(client))
        client.post("/send-message", headers=WRONG, json=HI)
        return search(call)

    first = write(client)
    client.post("/send-message", headers=WRONG, json=HI)
    monkeypatch.setattr(exchange, "_search", search_slowly)
    html = page(client, CHAT)
    monkeypatch.setattr(exchange, "_search", search)
    assert list(failed(html)) == [first]
    assert late[0] not in html
    after = html.partition('name="after" value="')[2].partition('"')[0]

    found = page(client, NEWS.replace("after=0", f"after={after}"))
    assert list(failed(found)) == late
    assert found.count(f'data-message="{late[0]}"') == 1


class Meanwhile(str):
    """The kind of an event. Comparing it lets another thread record one."""

    world: World

    def __eq__(self, other: object) -> bool:
        self.world.people.put(BEN)
        return False

    __hash__ = str.__hash__


def test_a_deleted_fault_is_named_while_calls_arrive(client: Client, world: World) -> None:
    write(client)
    fault = client.post("/_mock/faults", json={"preset": "down"}).get_json()["id"]
    client.post("/send-message", headers=KEY, json=HI)
    client.delete(f"/_mock/faults/{fault}")
    write(client, BEN)
    newest = next(reversed(world.state.events.kept))
    newest.kind = Meanwhile(newest.kind)  # type: ignore[misc]
    newest.kind.world = world  # type: ignore[attr-defined]

    assert client.get(f"{UI}traffic").status_code == 200
    assert "fault down" in str(failed(page(client, CHAT)))
