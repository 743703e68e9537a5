"""Things that happen at once on one server: whoever is first, nothing is lost, doubled or left half done."""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.core.world import World
from flaresend_mock.testing.client import Flaresend
from flaresend_mock.testing.server import Server
from tests.receiver import Receiver

ANN, BEN = "254712345678", "254723456789"
FAMILY = "120363420250618357@g.us"
PEOPLE = [f"25470000010{number}" for number in range(6)]
ACTIONS = ("add", "promote", "demote", "remove")
SECONDS = 60
DUE = "2030-01-01 00:00:01"

Answer = tuple[int, Any]


class Caller:
    """Somebody who calls over a connection of their own."""

    def __init__(self, kit: Flaresend) -> None:
        self._url = kit.url
        self._session = requests.Session()
        self._session.headers.update(kit.headers)

    def __call__(self, method: str, path: str, body: Any = None) -> Answer:
        response = self._session.request(method, f"{self._url}{path}", json=body, timeout=SECONDS)
        return response.status_code, response.json()

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


@pytest.fixture(autouse=True)
def _nothing_goes_wrong_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    records = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    assert [record.getMessage() for record in records if record.levelno >= logging.ERROR] == []


def at_once(pool: ThreadPoolExecutor, kit: Flaresend, *works: Callable[[Caller], Any]) -> list[Any]:
    """Let everybody begin at the same time with a connection of their own, and return what came of each."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[Caller], Any]) -> Any:
        with closing(Caller(kit)) as call:
            call("GET", "/_mock/health")
            start.wait(SECONDS)
            return work(call)

    begun: list[Future[Any]] = [pool.submit(run, work) for work in works]
    return [one.result(SECONDS) for one in begun]


def asked(kit: Flaresend, method: str, path: str, body: Any = None) -> Any:
    """Make a call that nobody refuses."""
    with closing(Caller(kit)) as call:
        status, response = call(method, path, body)
    assert status < 300, response
    return response


def text(said: str) -> dict[str, Any]:
    return {"recipients": [ANN], "type": "text", "text": said}


# --- one group, edited by two


def edits(turns: int, step: int) -> Callable[[Caller], list[Answer]]:
    """Add, promote, demote and remove people, one after the other, in an order of one's own."""

    def work(call: Caller) -> list[Answer]:
        responses = []
        for turn in range(turns):
            action = ACTIONS[turn * step % len(ACTIONS)]
            people = [PEOPLE[turn * step % len(PEOPLE)], PEOPLE[(turn + step) % len(PEOPLE)]]
            body = {"action": action, "participants": people[: 1 + turn % 2]}
            responses.append(call("POST", f"/groups/{FAMILY}/participants", body))
        return responses

    return work


def replayed(members: dict[str, str | None], changes: list[dict[str, Any]]) -> dict[str, str | None]:
    """Return who is in a group after these changes; each must have been possible when it was made."""
    for change in changes:
        for number in change["participants"]:
            assert (number in members) == (change["action"] != "add"), change
            if change["action"] == "remove":
                del members[number]
            elif change["action"] == "demote":
                members[number] = None
            else:
                members[number] = "admin" if change["action"] == "promote" else None
    return members


def members(kit: Flaresend) -> list[tuple[str, str | None]]:
    (group,) = (one for one in asked(kit, "GET", "/_mock/groups")["groups"] if one["id"] == FAMILY)
    return [(one["number"], one["admin"]) for one in group["participants"]]


@pytest.mark.parametrize("turns", [30, pytest.param(100, marks=pytest.mark.slow)])
def test_two_who_edit_one_group_lose_nobody_and_double_nobody(
    turns: int, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    before = dict(members(kit))

    responses = [one for each in at_once(pool, kit, edits(turns, 1), edits(turns, 5)) for one in each]

    assert {status for status, _ in responses} <= {200, 400}
    assert {response["message"] for status, response in responses if status == 400} <= {
        "Some participants are already in the group.",
        "Some participants are not in the group.",
    }
    after = members(kit)
    changes = [one["group"] for one in asked(kit, "GET", "/_mock/events?kind=group")["events"]]
    assert len(changes) == sum(status == 200 for status, _ in responses)
    assert replayed(before, changes) == dict(after)
    assert len(dict(after)) == len(after)
    assert [admin for _, admin in after].count("superadmin") == 1
    listed = asked(kit, "GET", "/groups")["data"][FAMILY]
    shown = asked(kit, "GET", f"/groups/{FAMILY}")["data"]["participants"]
    assert listed["size"] == len(listed["participants"]) == len(after)
    assert listed["participants"] == shown


def test_who_reads_a_group_while_two_edit_it_never_sees_it_half_edited(
    kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    both = PEOPLE[:2]

    def edit(action: str) -> Callable[[Caller], None]:
        def work(call: Caller) -> None:
            for _ in range(50):
                call("POST", f"/groups/{FAMILY}/participants", {"action": action, "participants": both})

        return work

    def read(call: Caller) -> list[int]:
        return [call("GET", "/groups")[1]["data"][FAMILY]["size"] for _ in range(50)]

    _, _, sizes = at_once(pool, kit, edit("add"), edit("remove"), read)

    assert set(sizes) <= {2, 4}


# --- cancelled while it fires


@pytest.mark.parametrize("count", [30, pytest.param(80, marks=pytest.mark.slow)])
def test_what_is_cancelled_while_it_fires_is_cancelled_or_sent_and_the_answers_say_which(
    count: int, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    kit.clock.freeze("2030-01-01T00:00:00Z")
    tasks = {
        asked(kit, "POST", "/schedule-message", {**text(f"task {number}"), "sendAt": DUE})["task_id"]: f"task {number}"
        for number in range(count)
    }

    def release(call: Caller) -> None:
        assert call("PATCH", "/_mock/clock", {"now": "2030-01-01T00:00:01Z", "frozen": False})[0] == 200

    def cancel(ids: list[str]) -> Callable[[Caller], list[tuple[str, int]]]:
        return lambda call: [(id_, call("DELETE", f"/scheduled-messages/{id_}")[0]) for id_ in ids]

    _, *responses = at_once(
        pool, kit, release, cancel(list(tasks)), cancel(list(tasks)[::-1]), cancel(list(tasks)[::-1])
    )

    statuses = [(id_, status) for each in responses for id_, status in each]
    assert {status for _, status in statuses} <= {200, 404}
    cancelled = Counter(tasks[id_] for id_, status in statuses if status == 200)
    assert set(cancelled.values()) <= {1}
    left = len(tasks) - len(cancelled)
    if left:
        asked(kit, "POST", "/_mock/messages/wait", {"count": left, "timeout": SECONDS})
    assert kit.scheduled() == []
    sent = [str(message.text) for message in kit.messages()]
    assert sorted([*sent, *cancelled]) == sorted(tasks.values())
    told = [one["task"] for one in asked(kit, "GET", "/_mock/events?kind=task")["events"]]
    ends = {one["id"]: one["action"] for one in told if one["action"] != "scheduled"}
    assert len(told) == 2 * len(tasks)
    assert {tasks[id_] for id_, action in ends.items() if action == "cancelled"} == set(cancelled)


def test_what_many_advance_over_at_once_is_sent_once(kit: Flaresend, pool: ThreadPoolExecutor) -> None:
    kit.clock.freeze("2030-01-01T00:00:00Z")
    ids = [
        asked(kit, "POST", "/schedule-message", {**text(f"task {number}"), "sendAt": DUE})["task_id"]
        for number in range(30)
    ]

    responses = at_once(pool, kit, *[lambda call: call("POST", "/_mock/clock/advance", {"seconds": 1})] * 6)

    assert {status for status, _ in responses} == {200}
    assert [one["id"] for _, response in responses for one in response["fired"]] == ids
    assert [message.text for message in kit.messages()] == [f"task {number}" for number in range(30)]
    assert kit.clock.now.isoformat() == "2030-01-01T00:00:06+00:00"


# --- reset while sending


@pytest.mark.parametrize("resets", [8, pytest.param(25, marks=pytest.mark.slow)])
def test_who_sends_while_others_reset_is_always_answered_and_the_last_reset_leaves_nothing_from_before(
    resets: int, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    over = threading.Event()

    def send(call: Caller) -> list[int]:
        statuses: list[int] = []
        while not over.is_set() or len(statuses) < 20:
            statuses.append(call("POST", "/send-message", text("before"))[0])
            statuses.append(call("POST", "/schedule-message", {**text("later"), "sendAt": "2090-01-01 00:00:00"})[0])
            statuses.append(call("POST", "/groups", {"subject": "New", "participants": [BEN]})[0])
        return statuses

    def reset(call: Caller) -> list[int]:
        try:
            return [call("POST", "/_mock/reset")[0] for _ in range(resets)]
        finally:
            over.set()

    *statuses, of_resets = at_once(pool, kit, send, send, send, reset)

    assert {status for each in statuses for status in each} == {200}
    assert set(of_resets) == {200}
    events = asked(kit, "GET", "/_mock/events")["events"]
    assert [event["id"] for event in events] == list(range(events[0]["id"], events[-1]["id"] + 1))
    assert [event["world"]["action"] for event in events if event["kind"] == "world"] == ["reset"]
    assert events[0]["kind"] == "world"
    told = Counter(event["kind"] for event in events)
    assert len(kit.messages()) == told["message"]
    assert len(kit.scheduled()) == told["task"]
    assert len(asked(kit, "GET", "/groups")["data"]) == 3 + told["group"]

    kit.reset()

    assert not any((kit.messages(), kit.requests(), kit.scheduled(), kit.deliveries()))
    assert len(asked(kit, "GET", "/groups")["data"]) == 3


# --- deleted while it retries


def test_a_world_that_is_deleted_while_its_webhook_retries_makes_no_further_attempt(
    flaresend: FlaresendMock, kit: Flaresend
) -> None:
    def behave(asked: Any) -> int:
        return 500 if asked.path.endswith("/deleted") else 200

    with Receiver(behave) as receiver, closing(Server(flaresend.url)) as server:

        def attempts() -> int:
            return sum(one.path.endswith("/deleted") for one in receiver.asked)

        with server.world() as doomed:
            doomed.webhook(f"{receiver.url}/deleted", retries=[0] * 20)
            doomed.receive(ANN, "hi")
            assert receiver.wait_for(5, SECONDS)
            name = asked(kit, "GET", "/_mock/worlds")["worlds"][-1]["name"]
            asked(kit, "DELETE", f"/_mock/worlds/{name}")
            at_the_delete = attempts()

            kit.webhook(receiver.url)
            for number in range(40):
                kit.receive(ANN, f"meanwhile {number}")
            kit.settle()

        assert attempts() <= at_the_delete + 1
        assert [one.status for one in kit.deliveries()] == ["delivered"] * 40
        assert len([one for one in receiver.asked if not one.path.endswith("/deleted")]) == 40
        assert asked(kit, "GET", "/_mock/health")["status"] == "ok"
        assert name not in [world.name for world in flaresend.worlds.all()]


def test_worlds_that_are_made_and_deleted_while_their_webhooks_retry_leave_nothing_behind(
    flaresend: FlaresendMock, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    worlds: weakref.WeakSet[World] = weakref.WeakSet()
    with Receiver(lambda _: 500) as receiver:

        def work(number: int) -> Callable[[Caller], list[int]]:
            def turns(call: Caller) -> list[int]:
                statuses = []
                for turn in range(2):
                    name = f"short-lived-{number}-{turn}"
                    webhook = {"url": receiver.url, "retries": [[0] * 20, [3600]][turn]}
                    statuses.append(call("POST", "/_mock/worlds", {"name": name})[0])
                    worlds.add(flaresend.worlds.get(name))
                    statuses += [
                        call("PUT", f"/_mock/instances/default/webhook?world={name}", webhook)[0],
                        *(
                            call("POST", f"/_mock/inbound?world={name}", {"from": one, "text": "hi"})[0]
                            for one in PEOPLE
                        ),
                        call("DELETE", f"/_mock/worlds/{name}")[0],
                    ]
                return statuses

            return turns

        each = at_once(pool, kit, *map(work, range(4)))

        assert [Counter(statuses) for statuses in each] == [Counter({201: 2 * 7, 200: 2 * 2})] * 4
        assert [world.name for world in flaresend.worlds.all()] == ["default"]
        assert kit.deliveries() == []
        while worlds:  # an attempt that is on its way still holds its world
            asked(kit, "GET", "/_mock/health")
            gc.collect()


# --- one export, imported twice


def test_two_worlds_that_import_one_export_at_once_do_not_share_its_key(
    flaresend: FlaresendMock, kit: Flaresend, pool: ThreadPoolExecutor
) -> None:
    for turn in range(10):
        asked(kit, "POST", "/_mock/worlds", {"name": "from", "api_key": f"shared-{turn}"})
        export = asked(kit, "GET", "/_mock/world?world=from&with_secrets=true")
        asked(kit, "DELETE", "/_mock/worlds/from")
        for name in ("one", "two"):
            asked(kit, "POST", "/_mock/worlds", {"name": name})

        def take(name: str, export: Any = export) -> Callable[[Caller], int]:
            return lambda call: call("PUT", f"/_mock/world?world={name}", export)[0]

        statuses = at_once(pool, kit, take("one"), take("two"))

        assert set(statuses) <= {200, 409}
        assert 200 in statuses
        owners = [
            world.name for world in flaresend.worlds.all() if world.instances.with_key(f"shared-{turn}") is not None
        ]
        assert len(owners) == 1
        for name in ("one", "two"):
            asked(kit, "DELETE", f"/_mock/worlds/{name}")


# --- stopped while its last answers are on their way


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts open files where Linux lists them")
def test_a_server_that_stops_leaves_neither_threads_nor_open_files() -> None:
    before, others = open_files(), threading.enumerate()
    emulator = FlaresendMock(log_level="error").start()
    with socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2]))):
        assert requests.get(f"{emulator.url}/_mock/health", timeout=SECONDS).ok
        emulator.stop()

        assert [thread for thread in threading.enumerate() if thread not in others] == []
    assert open_files() <= before


def test_whoever_stops_a_server_that_is_being_stopped_waits_until_it_has(
    pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    for turn in range(10):
        export = tmp_path / f"{turn}.json"
        emulator = FlaresendMock(export_on_exit=str(export), log_level="error").start()
        start = threading.Barrier(3)

        def stop(emulator: FlaresendMock = emulator, export: Path = export, start: threading.Barrier = start) -> bool:
            start.wait(SECONDS)
            emulator.stop()
            return export.exists()

        assert [one.result(SECONDS) for one in [pool.submit(stop) for _ in range(3)]] == [True] * 3
