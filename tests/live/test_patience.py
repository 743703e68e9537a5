"""Whoever waits long: keeps nobody else waiting, and waits no longer than there is a reason to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.core.models import Change
from flaresend_mock.core.world import World
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.testing.handles import Fault
from flaresend_mock.testing.server import Server
from flaresend_mock.world_format import load_world
from tests.defaults import described
from tests.live.pending import SECONDS, Pending, answered, refusal, until_begun
from tests.live.test_stream import Reader
from tests.receiver import HANG, Receiver

ANN = "254712345678"
MANY = 40
THE_END = "2091-01-01T00:00:00Z"
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}


def control(kit: Flaresend | FlaresendMock, method: str, path: str, body: Any = None) -> Any:
    """Make a call that the kit has no name for."""
    url = f"{kit.url}/_mock/{path}"
    response = requests.request(method, url, json=body, headers=kit.headers, timeout=SECONDS)
    assert response.ok, response.text
    return response.json()


def send(kit: Flaresend, path: str = "send-message", **more: str) -> int:
    body = {**MESSAGE, **more}
    return requests.post(f"{kit.url}/{path}", json=body, headers=kit.headers, timeout=2 * SECONDS).status_code


def advance(kit: Flaresend, **how_far: float | str) -> Pending:
    return Pending(kit, "POST", "/_mock/clock/advance", how_far)


def delayed(kit: Flaresend) -> Pending:
    return Pending(kit, "POST", "/send-message", MESSAGE)


def until_advancing(kit: Flaresend, world: World) -> None:
    """Ask for health until an advance moves the world's clock, which runs without it."""
    while not world.clock.frozen:
        until_begun(kit)


def until_hit(fault: Fault, count: int) -> None:
    """Look at a fault until it has hit so many calls."""
    while fault.hits != count:
        pass


def until_calling(flaresend: FlaresendMock, count: int) -> None:
    """Look at the connections until so many have a call that is under way."""
    assert flaresend._http is not None
    while sum(connection.is_calling for connection in list(flaresend._http._connections)) < count:
        pass


def until_idle(flaresend: FlaresendMock) -> None:
    """Ask for health until no connection waits for the end of a call."""
    assert flaresend._http is not None
    while any(connection.is_calling for connection in list(flaresend._http._connections)):
        until_begun(flaresend)


def names(flaresend: FlaresendMock) -> list[str]:
    """Return what the worlds are called."""
    return [world["name"] for world in control(flaresend, "GET", "worlds")["worlds"]]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No webhook sender gives a receiver up that is held; waiting calls often look whether they still have to."""
    monkeypatch.setattr("flaresend_mock.background.posting.TIMEOUT_SECONDS", 2.0 * SECONDS)
    monkeypatch.setattr("flaresend_mock.background.realtime.SLICE_SECONDS", 0.05)


@pytest.fixture
def flaresend() -> Iterator[FlaresendMock]:
    with FlaresendMock() as running:
        yield running


@pytest.fixture
def server(flaresend: FlaresendMock) -> Iterator[Server]:
    with closing(Server(flaresend.url)) as made:
        yield made


@pytest.fixture
def other(server: Server) -> Iterator[Flaresend]:
    """Another world than the default one."""
    with server.world() as kit:
        yield kit


@pytest.fixture
def held(flaresend: FlaresendMock) -> Iterator[Receiver]:
    """A receiver that answers no request until it is released; it is released before the emulator stops."""
    with Receiver(lambda _: HANG) as receiver:
        yield receiver


def hold(kit: Flaresend, held: Receiver) -> None:
    """Have an event of a world on its way to the receiver that is held."""
    kit.webhook(held.url)
    kit.receive(ANN, "hi")
    assert held.wait_for(1, SECONDS)


def test_forty_who_advance_one_world_keep_no_other_call_waiting(
    flaresend: FlaresendMock, kit: Flaresend, other: Flaresend, held: Receiver
) -> None:
    hold(kit, held)
    advances = [advance(kit, seconds=1) for _ in range(MANY)]
    until_begun(kit)

    assert [send(other) for _ in range(8)] == [200] * 8
    assert answered(advances) == []
    held.release()

    assert [one.succeeded()["fired"] for one in advances] == [[]] * MANY
    until_idle(flaresend)


def test_forty_who_test_a_webhook_keep_no_other_call_waiting(
    flaresend: FlaresendMock, kit: Flaresend, other: Flaresend, held: Receiver
) -> None:
    kit.webhook(held.url)
    tests = [Pending(kit, "POST", "/_mock/instances/default/webhook/test") for _ in range(MANY)]
    assert held.wait_for(MANY, SECONDS)

    assert control(kit, "GET", "health")["status"] == "ok"
    assert [send(other) for _ in range(8)] == [200] * 8
    assert answered(tests) == []
    held.release()

    assert {one.response()[0] for one in tests} == {200}
    until_idle(flaresend)


def test_an_advance_ends_with_its_world_and_says_that_it_is_not_there(
    flaresend: FlaresendMock, server: Server, held: Receiver
) -> None:
    with server.world() as kit:
        hold(kit, held)
        assert send(kit, "schedule-message", sendAt="2090-01-01 00:00:00") == 200
        advancing = advance(kit, to=THE_END)
        until_advancing(kit, flaresend.worlds.all()[-1])

    assert refusal(advancing) == (404, "world_not_found")
    assert held.statuses == []


def test_an_advance_in_which_nothing_falls_due_ends_with_its_world_too(
    flaresend: FlaresendMock, server: Server, held: Receiver
) -> None:
    with server.world() as kit:
        hold(kit, held)
        advancing = advance(kit, to=THE_END)
        until_advancing(kit, flaresend.worlds.all()[-1])

    assert refusal(advancing) == (404, "world_not_found")
    assert held.statuses == []


def test_those_who_wait_for_another_advance_end_with_their_world_too(
    flaresend: FlaresendMock, server: Server, held: Receiver
) -> None:
    with server.world() as kit:
        hold(kit, held)
        assert send(kit, "schedule-message", sendAt="2090-01-01 00:00:00") == 200
        advances = [advance(kit, to=THE_END) for _ in range(3)]
        until_calling(flaresend, 3)
        until_advancing(kit, flaresend.worlds.all()[-1])
        until_begun(kit)

    assert [refusal(one) for one in advances] == [(404, "world_not_found")] * 3
    assert held.statuses == []


def test_what_is_saved_during_an_advance_has_the_clock_that_runs_without_it(
    flaresend: FlaresendMock, kit: Flaresend, server: Server, held: Receiver, tmp_path: Path
) -> None:
    hold(kit, held)
    advancing = advance(kit, seconds=3600)
    until_advancing(kit, flaresend.worlds.default())

    during, snapshot, export = kit.clock.frozen, kit.snapshot(), tmp_path / "during.json"
    kit.export(export)
    held.release()
    advancing.succeeded()

    assert (during, kit.clock.frozen) == (False, False)
    snapshot.restore()
    assert kit.clock.frozen is False
    with server.world(world=export) as copy:
        assert copy.clock.frozen is False
    control(kit, "PUT", "world", json.loads(export.read_text(encoding="utf-8")))
    assert kit.clock.frozen is False


def test_a_clock_that_stands_still_does_so_during_an_advance_and_in_what_is_saved_then(
    kit: Flaresend, held: Receiver
) -> None:
    kit.clock.freeze()
    hold(kit, held)
    advancing = advance(kit, seconds=3600)
    until_begun(kit)

    during, snapshot = kit.clock.frozen, kit.snapshot()
    assert answered([advancing]) == []
    held.release()
    advancing.succeeded()
    snapshot.restore()

    assert (during, kit.clock.frozen) == (True, True)


def test_a_client_that_goes_away_is_delayed_no_longer(flaresend: FlaresendMock, kit: Flaresend) -> None:
    fault = kit.fault(delay=300)
    with delayed(kit) as call:
        until_hit(fault, 1)
        assert answered([call]) == []

    until_idle(flaresend)


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "faults/fault-1"), ("DELETE", "faults"), ("DELETE", "worlds/{name}"), ("POST", "reset")],
)
def test_a_delayed_call_is_answered_once_there_is_no_reason_to_delay_it(
    method: str, path: str, flaresend: FlaresendMock, other: Flaresend
) -> None:
    fault = other.fault(delay=300)
    calls = [delayed(other) for _ in range(8)]
    until_hit(fault, 8)
    assert answered(calls) == []

    control(other, method, path.format(name=names(flaresend)[-1]))

    assert [one.response()[0] for one in calls] == [200] * 8
    until_idle(flaresend)


def test_a_delay_of_one_world_ends_with_no_fault_of_another(kit: Flaresend, other: Flaresend) -> None:
    fault = other.fault(delay=300)
    kit.fault(delay=300)
    call = delayed(other)
    until_hit(fault, 1)

    control(kit, "DELETE", "faults")
    assert send(kit) == 200
    assert answered([call]) == []
    control(other, "DELETE", "faults")

    assert call.response()[0] == 200


@pytest.mark.parametrize("query", ["stream=true", "stream=true&kind=message"])
def test_a_reader_is_told_that_its_world_is_another_one_now_and_goes_on_in_it(query: str, kit: Flaresend) -> None:
    with Reader(kit, query) as reader:
        reader.block()
        assert [send(kit) for _ in range(3)] == [200] * 3
        seen = [reader.event()[0] for _ in range(3)]

        control(kit, "PUT", "world", described())
        number, kind, data = reader.event()
        while kind != "world":  # what came before
            number, kind, data = reader.event()
        send(kit)
        following = reader.event()

    assert seen[-1] > following[0]
    assert (number, data) == (0, {"kind": "world", "world": {"action": "replaced", "id": "default"}})
    assert following[:2] == (1, "message")


def test_a_reader_is_told_so_too_where_the_other_world_has_seen_as_much(
    flaresend: FlaresendMock, kit: Flaresend, other: Flaresend
) -> None:
    assert [send(kit) for _ in range(3)] == [200] * 3
    export, name = control(kit, "GET", "world"), names(flaresend)[-1]

    with Reader(kit, f"stream=true&world={name}") as reader:
        reader.block()
        control(other, "PUT", "world", export)
        told = reader.event()

    assert told[1:] == ("world", {"kind": "world", "world": {"action": "replaced", "id": name}})


def test_a_reader_misses_nothing_that_happens_right_after_its_world_became_another_one(
    flaresend: FlaresendMock, kit: Flaresend
) -> None:
    world = flaresend.worlds.default()
    with Reader(kit) as reader:
        reader.block()
        send(kit)
        seen = [reader.event()[0] for _ in range(2)]

        with world.lock:  # until then, the stream sees neither
            world.replace(load_world(described()))
            world.record("group", Change("made up", "first"))
        send(kit)
        told = [reader.event()[:2] for _ in range(3)]

    assert seen == [1, 2]
    assert told == [(0, "world"), (1, "group"), (2, "message")]


def show_qr(kit: Flaresend) -> str:
    """Have the first instance of a world show a QR code, and return the page that it leads to."""
    kit.clock.freeze()
    control(kit, "POST", "instances/default/status", {"status": "qr"})
    url: str = control(kit, "GET", "instances/default/qr")["url"]
    return url


def test_looking_at_a_scan_page_scans_nothing(kit: Flaresend) -> None:
    url = show_qr(kit)

    assert requests.head(url, timeout=SECONDS).status_code == 200
    assert requests.get(url, timeout=SECONDS).status_code == 200
    assert kit.instance.status == "qr"
    assert requests.post(url, timeout=SECONDS).status_code == 200
    assert kit.instance.status == "connecting"


def test_a_qr_code_names_its_world_unless_that_is_the_default_one(
    flaresend: FlaresendMock, kit: Flaresend, other: Flaresend
) -> None:
    assert "?" not in show_qr(kit)
    url = show_qr(other)

    assert url.endswith(f"?world={names(flaresend)[-1]}")
    assert requests.post(url.partition("?")[0], timeout=SECONDS).status_code == 410
    assert requests.post(url, timeout=SECONDS).status_code == 200
    assert (kit.instance.status, other.instance.status) == ("qr", "connecting")


@pytest.mark.parametrize("scanned", [0, 1])
def test_the_same_code_in_two_worlds_links_the_one_whose_button_is_pressed(
    scanned: int, flaresend: FlaresendMock, server: Server, other: Flaresend, tmp_path: Path
) -> None:
    url = show_qr(other)
    other.export(tmp_path / "world.json")
    with server.world(world=tmp_path / "world.json") as copy:
        urls = [url, control(copy, "GET", "instances/default/qr")["url"]]
        _, name, name_of_copy = names(flaresend)
        assert urls[1] == url.replace(f"world={name}", f"world={name_of_copy}") != url

        assert requests.post(urls[scanned], timeout=SECONDS).status_code == 200

        statuses = [other.instance.status, copy.instance.status]
    assert (statuses[scanned], statuses[1 - scanned]) == ("connecting", "qr")


@pytest.fixture
def opened() -> Iterator[FlaresendMock]:
    with FlaresendMock(auth="open") as running:
        yield running


@pytest.fixture
def opening(opened: FlaresendMock) -> Iterator[Flaresend]:
    """Whoever comes with a key that opens a world."""
    with Flaresend(opened.url, "opening-key") as kit:
        yield kit


def test_a_key_that_opened_a_world_and_is_revoked_opens_no_other_one(opened: FlaresendMock, opening: Flaresend) -> None:
    assert send(opening) == 200
    before = names(opened)
    (known,) = control(opening, "GET", "instances/default/api-keys")["api_keys"]
    control(opening, "DELETE", f"instances/default/api-keys/{known['id']}")

    assert [send(opening) for _ in range(3)] == [401] * 3
    assert (len(before), names(opened)) == (2, before)
    with Flaresend(opened.url, "another-key") as another:
        assert send(another) == 200


def test_a_world_file_without_keys_leaves_the_key_that_leads_to_the_world(
    opened: FlaresendMock, opening: Flaresend
) -> None:
    assert send(opening) == 200
    before = names(opened)
    file = described()
    for instance in file["instances"]:
        del instance["api_keys"]

    told = control(opening, "PUT", "world", file)

    assert told["world"] in before[1:]
    assert told["warnings"]
    assert send(opening) == 200
    assert names(opened) == before
    assert len(opening.messages()) == 1
    opening.reset()
    assert send(opening) == 200
    assert names(opened) == before
