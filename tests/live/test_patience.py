"""Whoever waits long: keeps nobody else waiting, and waits no longer than there is a reason to."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.control.stream import _Stream
from flaresend_mock.core.records import Change
from flaresend_mock.delivery.realtime import Stopwatch
from flaresend_mock.web.context import EXTENSION
from flaresend_mock.worldfile import load_world
from tests.defaults import described
from tests.live.test_stream import Reader
from tests.receiver import HANG, Receiver

ANN = "254712345678"
SECONDS = 60
MANY = 40
MESSAGE = {"recipients": [ANN], "type": "text", "text": "Hello"}


class Site:
    """An emulator on a socket with few threads, and the calls that tests make of it."""

    def __init__(self, flaresend: FlaresendMock) -> None:
        self.flaresend = flaresend
        self.url = flaresend.url

    def ask(self, method: str, path: str, body: Any = None, key: str = "") -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return requests.request(method, f"{self.url}{path}", json=body, headers=headers, timeout=2 * SECONDS)

    def control(self, method: str, path: str, body: Any = None, key: str = "") -> Any:
        answer = self.ask(method, f"/_mock/{path}", body, key)
        assert answer.ok, answer.text
        return answer.json()

    def make_world(self, name: str = "t1", **given: Any) -> str:
        """Make a world, and return its API key."""
        key: str = self.control("POST", "worlds", {"name": name, **given})["api_key"]
        return key

    def worlds(self) -> dict[str, Any]:
        return {world["name"]: world for world in self.control("GET", "worlds")["worlds"]}

    def status(self, world: str) -> Any:
        return self.control("GET", f"instances/default?world={world}")["status"]

    def until(self, true: Callable[[], bool]) -> None:
        """Ask for health until something is true."""
        watch = Stopwatch()
        while not true():
            assert watch.seconds < SECONDS
            self.control("GET", "health")

    def until_waiting(self, count: int) -> None:
        """Go on once so many calls only wait."""
        http = self.flaresend._http
        assert http is not None
        self.until(lambda: http._lent == count)

    def send(self, key: str) -> int:
        return self.ask("POST", "/send-message", MESSAGE, key).status_code


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives a receiver up that is held."""
    monkeypatch.setattr("flaresend_mock.delivery.posting.TIMEOUT_SECONDS", 2.0 * SECONDS)


@pytest.fixture
def site() -> Iterator[Site]:
    with FlaresendMock(threads=4) as flaresend:
        yield Site(flaresend)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY) as threads:
        yield threads


@pytest.fixture
def held(pool: ThreadPoolExecutor, site: Site) -> Iterator[Receiver]:
    """A receiver that answers nobody until it is released; it is, before anybody who waits for it is awaited."""
    with Receiver(lambda _: HANG) as receiver:
        yield receiver


def hold(site: Site, held: Receiver, world: str = "default") -> None:
    """Have an event of a world on its way to the receiver that is held."""
    site.control("PUT", f"instances/default/webhook?world={world}", {"url": held.url})
    site.control("POST", f"inbound?world={world}", {"from": ANN, "text": "hi"})
    assert held.wait_for(1, SECONDS)


def test_forty_who_advance_one_world_keep_nobody_else_waiting(
    site: Site, held: Receiver, pool: ThreadPoolExecutor
) -> None:
    key = site.make_world()
    hold(site, held)
    advance = ("POST", "/_mock/clock/advance", {"seconds": 1})
    advances = [pool.submit(site.ask, *advance) for _ in range(MANY)]
    site.until_waiting(MANY)

    assert site.control("GET", "health")["status"] == "ok"
    assert [site.send(key) for _ in range(8)] == [200] * 8
    assert not any(one.done() for one in advances)
    held.release()

    assert {one.result(SECONDS).status_code for one in advances} == {200}
    site.until_waiting(0)


def test_forty_who_test_a_webhook_keep_nobody_else_waiting(
    site: Site, held: Receiver, pool: ThreadPoolExecutor
) -> None:
    key = site.make_world()
    site.control("PUT", "instances/default/webhook", {"url": held.url})
    test = ("POST", "/_mock/instances/default/webhook/test")
    tests = [pool.submit(site.ask, *test) for _ in range(MANY)]
    assert held.wait_for(MANY, SECONDS)

    assert site.control("GET", "health")["status"] == "ok"
    assert [site.send(key) for _ in range(8)] == [200] * 8
    assert not any(one.done() for one in tests)
    held.release()

    assert {one.result(SECONDS).status_code for one in tests} == {200}
    site.until_waiting(0)


def advance_without_end(site: Site, pool: ThreadPoolExecutor, count: int) -> list[Future[requests.Response]]:
    """Let calls advance the world t1 until they wait for its receiver, or for one another."""
    advance = ("POST", "/_mock/clock/advance?world=t1", {"to": "2091-01-01T00:00:00Z"})
    advances = [pool.submit(site.ask, *advance) for _ in range(count)]
    site.until_waiting(count)
    return advances


def check_not_found(answer: requests.Response) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "world_not_found")


def test_an_advance_ends_with_its_world_and_says_that_it_is_not_there(
    site: Site, held: Receiver, pool: ThreadPoolExecutor
) -> None:
    key = site.make_world()
    hold(site, held, "t1")
    assert site.ask("POST", "/schedule-message", {**MESSAGE, "sendAt": "2090-01-01 00:00:00"}, key).ok
    (advance,) = advance_without_end(site, pool, 1)

    site.control("DELETE", "worlds/t1")

    check_not_found(advance.result(SECONDS))
    assert held.statuses == []


def test_an_advance_in_which_nothing_falls_due_ends_with_its_world_too(
    site: Site, held: Receiver, pool: ThreadPoolExecutor
) -> None:
    site.make_world()
    hold(site, held, "t1")
    (advance,) = advance_without_end(site, pool, 1)

    site.control("DELETE", "worlds/t1")
    answer = advance.result(SECONDS)

    assert held.statuses == []
    check_not_found(answer)


def test_those_who_wait_for_another_advance_end_with_their_world_too(
    site: Site, held: Receiver, pool: ThreadPoolExecutor
) -> None:
    key = site.make_world()
    hold(site, held, "t1")
    assert site.ask("POST", "/schedule-message", {**MESSAGE, "sendAt": "2090-01-01 00:00:00"}, key).ok
    advances = advance_without_end(site, pool, 3)

    site.control("DELETE", "worlds/t1")
    answers = [one.result(SECONDS) for one in advances]

    assert held.statuses == []
    for answer in answers:
        check_not_found(answer)


def test_what_is_saved_during_an_advance_has_the_clock_that_runs_without_it(
    site: Site, held: Receiver, pool: ThreadPoolExecutor
) -> None:
    hold(site, held)
    advance = pool.submit(site.ask, "POST", "/_mock/clock/advance", {"seconds": 3600})
    site.until_waiting(1)
    assert site.flaresend.worlds.default().clock.frozen

    during = site.control("GET", "clock")
    site.control("POST", "snapshots/during")
    export = site.control("GET", "world")
    held.release()
    assert advance.result(SECONDS).status_code == 200

    assert (during["frozen"], site.control("GET", "clock")["frozen"]) == (False, False)
    site.control("POST", "snapshots/during/restore")
    assert site.control("GET", "clock")["frozen"] is False
    site.make_world("t1", export=export)
    assert site.control("GET", "clock?world=t1")["frozen"] is False
    site.control("PUT", "world", export)
    assert site.control("GET", "clock")["frozen"] is False


def test_a_clock_that_stands_still_does_so_during_an_advance_and_in_what_is_saved_then(
    site: Site, held: Receiver, pool: ThreadPoolExecutor
) -> None:
    site.control("PATCH", "clock", {"frozen": True})
    hold(site, held)
    advance = pool.submit(site.ask, "POST", "/_mock/clock/advance", {"seconds": 3600})
    site.until_waiting(1)

    during = site.control("GET", "clock")
    site.control("POST", "snapshots/during")
    held.release()
    assert advance.result(SECONDS).status_code == 200
    site.control("POST", "snapshots/during/restore")

    assert (during["frozen"], site.control("GET", "clock")["frozen"]) == (True, True)


def test_a_client_that_goes_away_is_delayed_no_longer(site: Site) -> None:
    site.control("POST", "faults", {"delay": 300})
    body = json.dumps(MESSAGE).encode()
    head = (
        "POST /send-message HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer YOUR_API_KEY\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(site.url.rpartition(":")[2]))) as raw:
        raw.sendall(head.encode() + body)
        site.until_waiting(1)

    site.until_waiting(0)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "faults/fault-1?world=t1"),
        ("DELETE", "faults?world=t1"),
        ("DELETE", "worlds/t1"),
        ("POST", "reset?world=t1"),
    ],
)
def test_whoever_is_delayed_is_answered_once_there_is_no_reason_any_more(
    method: str, path: str, site: Site, pool: ThreadPoolExecutor
) -> None:
    key = site.make_world()
    site.control("POST", "faults?world=t1", {"delay": 300})
    delayed = [pool.submit(site.send, key) for _ in range(8)]
    site.until_waiting(8)

    site.control(method, path)

    assert [one.result(SECONDS) for one in delayed] == [200] * 8
    site.until_waiting(0)


def test_a_delay_of_one_world_ends_with_no_fault_of_another(site: Site, pool: ThreadPoolExecutor) -> None:
    key = site.make_world()
    site.control("POST", "faults?world=t1", {"delay": 300})
    site.control("POST", "faults", {"delay": 300})
    delayed = pool.submit(site.send, key)
    site.until_waiting(1)

    site.control("DELETE", "faults")
    assert site.send("YOUR_API_KEY") == 200
    assert not delayed.done()
    site.control("DELETE", "faults?world=t1")

    assert delayed.result(SECONDS) == 200


@pytest.mark.parametrize("query", ["stream=true", "stream=true&kind=message"])
def test_a_reader_is_told_that_its_world_is_another_one_now_and_goes_on_in_it(query: str, site: Site) -> None:
    with Reader(site.flaresend, query) as reader:
        reader.block()
        assert [site.send("YOUR_API_KEY") for _ in range(3)] == [200] * 3
        seen = [reader.event()[0] for _ in range(3)]

        site.control("PUT", "world", described())
        number, kind, data = reader.event()
        while kind != "world":  # what came before
            number, kind, data = reader.event()
        site.send("YOUR_API_KEY")
        following = reader.event()

    assert seen[-1] > following[0]
    assert (number, data) == (0, {"kind": "world", "world": {"action": "replaced", "id": "default"}})
    assert following[:2] == (1, "message")


def test_a_reader_is_told_so_too_where_the_other_world_has_seen_as_much(site: Site) -> None:
    site.make_world()
    key = site.make_world("t2")
    assert [site.send(key) for _ in range(3)] == [200] * 3
    export = site.control("GET", "world?world=t2")

    with Reader(site.flaresend, "stream=true&world=t1") as reader:
        reader.block()
        site.control("PUT", "world?world=t1", export)
        told = reader.event()

    assert told[1:] == ("world", {"kind": "world", "world": {"action": "replaced", "id": "t1"}})


def test_a_reader_misses_nothing_that_happens_right_after_its_world_became_another_one(site: Site) -> None:
    world = site.flaresend.worlds.default()
    with Reader(site.flaresend) as reader:
        reader.block()
        site.send("YOUR_API_KEY")
        seen = [reader.event()[0] for _ in range(2)]

        with world.lock:  # until then, the stream sees neither
            world.replace(load_world(described()))
            world.tell("group", Change("made up", "first"))
        site.send("YOUR_API_KEY")
        told = [reader.event()[:2] for _ in range(3)]

    assert seen == [1, 2]
    assert told == [(0, "world"), (1, "group"), (2, "message")]


def test_nothing_is_kept_for_a_reader_who_is_slow() -> None:
    with FlaresendMock(history=3) as flaresend:
        us, world = flaresend.app.extensions[EXTENSION], flaresend.worlds.default()
        assert us.streams.acquire(blocking=False)
        stream = _Stream(us, world, None, ())
        with world.lock:
            for number in range(10):
                world.tell("group", Change("made up", str(number)))

        pieces = [piece.partition(b"\n")[0] for piece in stream._new()]
        stream.end()

    assert pieces == [b"event: evicted", b"id: 8", b"id: 9", b"id: 10"]


def show_qr(site: Site, world: str) -> str:
    """Have the first instance of a world show a QR code, and return the page that it leads to."""
    site.control("PATCH", f"clock?world={world}", {"frozen": True})
    site.control("POST", f"instances/default/status?world={world}", {"status": "qr"})
    url: str = site.control("GET", f"instances/default/qr?world={world}")["url"]
    return url


def test_looking_at_the_head_of_a_scan_page_scans_nothing(site: Site) -> None:
    url = show_qr(site, "default")

    assert requests.head(url, timeout=SECONDS).status_code == 200
    assert site.status("default") == "qr"
    assert requests.get(url, timeout=SECONDS).status_code == 200
    assert site.status("default") == "connecting"


def test_a_qr_code_names_its_world_unless_that_is_the_default_one(site: Site) -> None:
    site.make_world()

    assert "?" not in show_qr(site, "default")
    url = show_qr(site, "t1")

    assert url.endswith("?world=t1")
    assert requests.get(url.partition("?")[0], timeout=SECONDS).status_code == 410
    assert requests.get(url, timeout=SECONDS).status_code == 200
    assert (site.status("default"), site.status("t1")) == ("qr", "connecting")


@pytest.mark.parametrize(("scanned", "other"), [("t1", "t2"), ("t2", "t1")])
def test_the_same_code_in_two_worlds_links_the_one_whose_page_is_opened(
    scanned: str, other: str, site: Site
) -> None:
    site.make_world()
    urls = {"t1": show_qr(site, "t1")}
    site.make_world("t2", export=site.control("GET", "world?world=t1"))
    urls["t2"] = site.control("GET", "instances/default/qr?world=t2")["url"]
    assert urls["t2"] == urls["t1"].replace("world=t1", "world=t2")

    assert requests.get(urls[scanned], timeout=SECONDS).status_code == 200

    assert (site.status(scanned), site.status(other)) == ("connecting", "qr")


@pytest.fixture
def opened() -> Iterator[Site]:
    with FlaresendMock(auth="open", threads=4) as flaresend:
        yield Site(flaresend)


def test_a_key_that_opened_a_world_and_is_revoked_opens_no_other_one(opened: Site) -> None:
    assert opened.send("opening-key") == 200
    (name,) = set(opened.worlds()) - {"default"}
    (known,) = opened.control("GET", f"instances/default/api-keys?world={name}")["api_keys"]
    opened.control("DELETE", f"instances/default/api-keys/{known['id']}?world={name}")

    assert [opened.send("opening-key") for _ in range(3)] == [401] * 3
    assert set(opened.worlds()) == {"default", name}
    assert opened.send("another-key") == 200


def test_a_world_file_without_keys_leaves_the_key_that_leads_to_the_world(opened: Site) -> None:
    assert opened.send("opening-key") == 200
    before = opened.worlds()
    file = described()
    for instance in file["instances"]:
        del instance["api_keys"]

    told = opened.control("PUT", "world", file, "opening-key")

    assert told["world"] in set(before) - {"default"}
    assert told["warnings"]
    assert opened.send("opening-key") == 200
    assert set(opened.worlds()) == set(before)
    assert len(opened.control("GET", "messages", key="opening-key")["messages"]) == 1
    opened.control("POST", "reset", key="opening-key")
    assert opened.send("opening-key") == 200
    assert set(opened.worlds()) == set(before)
