"""GET /_mock/events as a stream of server-sent events, on a real server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from types import TracebackType
from typing import Any, Self

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import SLICE_SECONDS
from flaresend_mock.control.guard import TOKEN_HEADER
from flaresend_mock.core.models import Change
from flaresend_mock.http.context import audience_of, cookie_of, pass_for
from flaresend_mock.http.turns import ROOM
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.testing.server import Server

ANN = "254712345678"
PLACES = 4
DEADLINE = 15.0


class Reader:
    """One connection that reads a stream, line by line."""

    def __init__(self, kit: Flaresend, query: str = "stream=true", **headers: str) -> None:
        port = int(kit.url.rpartition(":")[2])
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.file = self.raw.makefile("rb")
        given = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.raw.sendall(f"GET /_mock/events?{query} HTTP/1.0\r\nHost: localhost\r\n{given}\r\n".encode())
        self.status = int(self.file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self.file.readline().decode().strip():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        self.raw.close()

    def block(self) -> dict[str, str] | None:
        """Return the fields of the next block; None at the end of the stream."""
        fields: dict[str, str] = {}
        while line := self.file.readline().decode():
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            assert name not in fields
            fields[name] = value.removeprefix(" ")
        return None

    def event(self) -> tuple[int, str, Any]:
        """Return number, kind and data of the next event."""
        while (fields := self.block()) is not None:
            if "data" in fields:
                return int(fields.get("id", 0)), fields["event"], json.loads(fields["data"])
        raise EOFError


def send(kit: Flaresend, *words: str) -> None:
    for text in words:
        body = {"recipients": [ANN], "type": "text", "text": text}
        url = f"{kit.url}/send-message"
        assert requests.post(url, headers=kit.headers, json=body, timeout=DEADLINE).status_code == 200


@pytest.fixture
def forgetful() -> Iterator[Flaresend]:
    with FlaresendMock(history=3) as running, Flaresend(running.url, running.api_key) as kit:
        yield kit


def test_events_come_as_they_happen_with_number_kind_and_data(kit: Flaresend) -> None:
    with Reader(kit) as reader:
        assert reader.status == 200
        assert reader.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reader.headers["cache-control"] == "no-store"
        assert reader.block() == {"retry": "1000"}

        send(kit, "first\nsecond ä\u2028")
        events = [reader.event() for _ in range(2)]

    listed = requests.get(f"{kit.url}/_mock/events", timeout=DEADLINE).json()["events"]
    assert events == [(event["id"], event["kind"], event) for event in listed]
    assert events[0][2]["message"]["text"] == "first\nsecond ä\u2028"


def test_a_stream_begins_with_what_is_new(kit: Flaresend) -> None:
    send(kit, "old")
    with Reader(kit) as reader:
        reader.block()
        send(kit, "new")

        assert reader.event()[2]["message"]["text"] == "new"


@pytest.mark.parametrize(
    ("query", "headers", "first"),
    [
        ("stream=true&since=0", {}, 1),
        ("stream=true&since=2", {}, 3),
        ("stream=true", {"Last_Event_ID": "2"}, 3),
        ("stream=true&since=0", {"Last_Event_ID": "4"}, 5),
        ("stream=true&since=2", {"Last_Event_ID": "nonsense"}, 3),
        ("stream=true&since=2", {"Last_Event_ID": "\u00b2"}, 3),
        ("stream=true&since=999", {}, 1),
        ("since=2", {"Accept": "text/event-stream"}, 3),
    ],
)
def test_a_reader_goes_on_where_it_was(query: str, headers: dict[str, str], first: int, kit: Flaresend) -> None:
    send(kit, "a", "b", "c")

    with Reader(kit, query, **headers) as reader:
        assert [reader.event()[0] for _ in range(7 - first)] == list(range(first, 7))


def test_a_reader_that_reconnects_misses_nothing_and_sees_nothing_twice(kit: Flaresend) -> None:
    seen: list[int] = []
    for number in range(5):
        last = {"Last_Event_ID": str(seen[-1])} if seen else {}
        with Reader(kit, "stream=true&since=0", **last) as reader:
            send(kit, f"m{number}")
            seen += [reader.event()[0] for _ in range(2)]
        send(kit, f"between {number}")
    with Reader(kit, Last_Event_ID=str(seen[-1])) as reader:
        seen += [reader.event()[0] for _ in range(20 - len(seen))]

    assert seen == list(range(1, 21))


def test_a_stream_goes_on_over_a_reset(kit: Flaresend) -> None:
    with Reader(kit) as reader:
        reader.block()
        send(kit, "a")
        kit.reset()
        send(kit, "b")

        assert [reader.event()[:2] for _ in range(5)] == [
            (1, "message"),
            (2, "request"),
            (3, "world"),
            (4, "message"),
            (5, "request"),
        ]


def test_a_call_and_a_reset_in_one_packet_are_told_to_every_stream(kit: Flaresend) -> None:
    body = json.dumps({"recipients": [ANN], "type": "text", "text": "last words"}).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in kit.headers.items())
    call = f"POST /send-message HTTP/1.1\r\nHost: localhost\r\n{head}Content-Type: application/json\r\n"
    packet = f"{call}Content-Length: {len(body)}\r\n\r\n".encode() + body
    packet += b"POST /_mock/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    for turn in range(5):
        with ExitStack() as places:
            readers = [places.enter_context(Reader(kit)) for _ in range(8)]
            for reader in readers:
                reader.block()
            raw = places.enter_context(
                socket.create_connection(("127.0.0.1", int(kit.url.rpartition(":")[2])), timeout=DEADLINE)
            )
            raw.sendall(packet)
            while raw.recv(65536):
                pass

            first = 3 * turn + 1
            expected = [(first, "message"), (first + 1, "request"), (first + 2, "world")]
            assert [[reader.event()[:2] for _ in range(3)] for reader in readers] == [expected] * 8


def test_who_comes_back_after_a_reset_is_told_how_much_is_gone(kit: Flaresend) -> None:
    send(kit, "a", "b")
    kit.reset()

    with Reader(kit, Last_Event_ID="1") as reader:
        assert reader.event() == (0, "evicted", {"events": 3})
        assert reader.event()[:2] == (5, "world")


def test_what_happened_right_before_the_emulator_stops_is_told(flaresend: FlaresendMock, kit: Flaresend) -> None:
    world = flaresend.worlds.default()
    with Reader(kit) as reader:
        reader.block()
        with world.lock:  # until then, the stream sees neither
            world.record("group", Change("made up", "last"))
            flaresend.app.services.patience.end()

        assert reader.event()[:2] == (1, "group")
        assert reader.block() is None


def test_only_the_kinds_that_are_asked_for_come(kit: Flaresend) -> None:
    with Reader(kit, "stream=true&kind=message,clock") as reader:
        reader.block()
        send(kit, "a")
        kit.clock.freeze()
        send(kit, "b")

        assert [reader.event()[1] for _ in range(3)] == ["message", "clock", "message"]


@pytest.mark.parametrize("query", ["kind=mesage", "stream=maybe", "sinse=1", "stream=true&kind=", "since=-1"])
def test_a_question_that_makes_no_sense_gets_no_stream(query: str, kit: Flaresend) -> None:
    with Reader(kit, query) as reader:
        assert reader.status == 400


def test_a_reader_is_told_what_it_missed_for_good(forgetful: Flaresend) -> None:
    send(forgetful, "a", "b", "c")

    with Reader(forgetful, "stream=true&since=1") as reader:
        assert reader.event() == (0, "evicted", {"events": 2})
        assert [reader.event()[0] for _ in range(3)] == [4, 5, 6]
    with Reader(forgetful, "stream=true&since=3") as reader:
        assert reader.event()[0] == 4


def test_without_asking_for_a_stream_there_is_a_page(kit: Flaresend) -> None:
    send(kit, "a")

    for query in ("", "?stream=false", "?kind=message,request"):
        response = requests.get(f"{kit.url}/_mock/events{query}", timeout=DEADLINE)
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert [event["id"] for event in response.json()["events"]] == [1, 2]


def test_a_stream_can_be_asked_for_with_1_as_other_flags_can(kit: Flaresend) -> None:
    with Reader(kit, "stream=0") as reader:
        assert reader.headers["content-type"].startswith("application/json")
    with Reader(kit, "stream=1") as reader:
        assert reader.headers["content-type"].startswith("text/event-stream")


@pytest.fixture
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.http.context.MAX_STREAMS", PLACES)


@pytest.mark.usefixtures("few_places")
def test_asking_for_the_head_alone_takes_no_place(kit: Flaresend) -> None:
    for _ in range(PLACES + 1):
        response = requests.head(f"{kit.url}/_mock/events?stream=true", timeout=DEADLINE)
        assert response.status_code == 200


def test_a_quiet_stream_says_that_it_is_still_there(kit: Flaresend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.control.lists.HEARTBEAT_SECONDS", 0.05)

    with Reader(kit) as reader:
        assert [reader.block() for _ in range(3)] == [{"retry": "1000"}, {"": "still there"}, {"": "still there"}]


@pytest.mark.usefixtures("few_places")
def test_an_audience_takes_half_of_the_places() -> None:
    with FlaresendMock(control_token="presenter") as emulator:
        cookie = {"Cookie": f"{cookie_of('presenter')}={pass_for(audience_of('presenter'))}"}

        def follow(**headers: str) -> requests.Response:
            url = f"{emulator.url}/_mock/events?stream=true"
            return closing_later.enter_context(requests.get(url, headers=headers, stream=True, timeout=DEADLINE))

        with ExitStack() as closing_later:
            watching = [follow(**cookie).status_code for _ in range(PLACES)]
            controlling = [follow(**{TOKEN_HEADER: "presenter"}).status_code for _ in range(PLACES - PLACES // 2)]

    assert watching == [200] * (PLACES // 2) + [503] * (PLACES - PLACES // 2)
    assert set(controlling) == {200}


@pytest.mark.usefixtures("few_places")
def test_when_all_places_are_taken_the_next_gets_503_until_one_goes_away(kit: Flaresend) -> None:
    with ExitStack() as places:
        readers = [places.enter_context(Reader(kit)) for _ in range(PLACES)]
        assert {reader.status for reader in readers} == {200}
        with Reader(kit) as one_more:
            assert one_more.status == 503
            assert json.loads(one_more.file.read())["error"]["code"] == "too_many_streams"
        assert kit.messages() == []

        readers[1].__exit__(None, None, None)

        status = 503
        while status == 503:
            with Reader(kit) as again:
                status = again.status
        assert status == 200


def test_streams_end_when_the_server_stops(
    flaresend: FlaresendMock, kit: Flaresend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.http.server.DRAIN_SECONDS", 3600)  # they end by themselves, and at once
    with Reader(kit) as one, Reader(kit, "stream=true&kind=clock") as other:
        one.block()
        other.block()

        flaresend.stop()

        assert one.block() is None
        assert other.block() is None


def test_a_stream_ends_with_its_world_and_says_so(kit: Flaresend) -> None:
    requests.post(f"{kit.url}/_mock/worlds", json={"name": "t1"}, timeout=DEADLINE)
    with Reader(kit, "stream=true&world=t1") as reader:
        reader.block()
        requests.delete(f"{kit.url}/_mock/worlds/t1", timeout=DEADLINE)

        assert reader.event()[2]["world"] == {"action": "removed", "id": "t1"}
        assert reader.block() is None


def test_a_stream_that_reads_in_parts_gets_all_that_happened_in_its_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.core.events.MAX_READ_BYTES", 1)
    client = FlaresendMock().app.test_client()
    client.post("/_mock/worlds", json={"name": "t1"})
    for text in "abcde":
        client.post("/_mock/inbound?world=t1", json={"from": ANN, "text": text})
    stream = client.get("/_mock/events?world=t1&stream=true&since=0")
    client.delete("/_mock/worlds/t1")

    numbers = [int(line.removeprefix("id: ")) for line in stream.text.splitlines() if line.startswith("id: ")]

    assert len(numbers) > 10
    assert numbers == [*range(1, len(numbers) + 1)]


def test_a_stream_waits_until_there_is_room_for_a_large_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flaresend_mock.core.events.MAX_READ_BYTES", 1)
    emulator = FlaresendMock()
    services, client = emulator.app.services, emulator.app.test_client()
    client.post("/_mock/worlds", json={"name": "t1"})
    client.post("/_mock/inbound?world=t1", json={"from": ANN, "text": "Hello"})
    assert services.room.take(ROOM)
    waits = list[float]()

    def wait(seconds: float, until: object) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            services.room.give_back(ROOM)

    monkeypatch.setattr(services.patience, "delay", wait)
    stream = client.get("/_mock/events?world=t1&stream=true&since=0")
    client.delete("/_mock/worlds/t1")

    numbers = [int(line.removeprefix("id: ")) for line in stream.text.splitlines() if line.startswith("id: ")]

    assert waits == [SLICE_SECONDS] * 3
    assert numbers == [*range(1, len(numbers) + 1)]
    assert services.room._held == 0


def test_a_stream_tells_of_one_world_alone(kit: Flaresend) -> None:
    with closing(Server(kit.url)) as server, server.world() as other, Reader(kit, **other.headers) as reader:
        reader.block()
        send(kit, "elsewhere")
        other.clock.freeze()

        assert reader.event()[:2] == (1, "clock")


def test_no_stream_ever_shows_a_key(kit: Flaresend) -> None:
    with Reader(kit, "stream=true&since=0") as reader:
        reader.block()
        send(kit, "a")
        requests.post(f"{kit.url}/_mock/instances/default/api-keys", json={"api_key": "s3cret-key"}, timeout=20)

        assert "s3cret-key" not in json.dumps([reader.event() for _ in range(3)])
