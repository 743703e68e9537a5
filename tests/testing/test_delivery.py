"""How `webhook_app` delivers: in which thread, when `receive` returns, and to emulators elsewhere."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from flask import Flask, request

from flaresend_mock.core import hosts
from flaresend_mock.testing import ExpectationFailed, Flaresend, Server, serving
from tests.defaults import ANN
from tests.live.commands import CLEAN, COMMAND


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    process = subprocess.Popen([*COMMAND, "--port", "0"], env=CLEAN, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        with serving(found[0]) as server:
            yield server
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(params=["here", "elsewhere"])
def kit(request: pytest.FixtureRequest, flaresend_mock_server: Server) -> Iterator[Flaresend]:
    server = flaresend_mock_server if request.param == "here" else request.getfixturevalue("elsewhere")
    with server.world(request.node.nodeid) as kit:
        yield kit


class Shop(Flask):
    """Books a row for each webhook, in a database that refuses other threads than the one of the test."""

    def __init__(self, *, is_thread_safe: bool = False) -> None:
        super().__init__("shop")
        self.db = sqlite3.connect(":memory:", check_same_thread=not is_thread_safe)
        self.db.execute("CREATE TABLE rows (text, host)")
        self.add_url_rule("/webhook", view_func=self.hook, methods=["POST"])

    def hook(self) -> dict[str, str]:
        text = request.get_json()["data"]["message"]["conversation"]
        self.db.execute("INSERT INTO rows VALUES (?, ?)", (text, request.host))
        return {"got": text}

    @property
    def rows(self) -> list[str]:
        return [text for (text,) in self.db.execute("SELECT text FROM rows")]


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.db.close()


def say(kit: Flaresend, text: str) -> int:
    body = {"recipients": [ANN], "type": "text", "text": text}
    return requests.post(f"{kit.url}/send-message", json=body, headers=kit.headers, timeout=10).status_code


def inbound(kit: Flaresend, text: str) -> None:
    """Write to the instance outside of the kit."""
    body = {"from": ANN, "text": text}
    requests.post(f"{kit.url}/_mock/inbound", json=body, headers=kit.headers, timeout=10).raise_for_status()


def test_the_callers_thread_runs_the_application_while_it_receives(kit: Flaresend, shop: Shop) -> None:
    kit.webhook_app(shop, thread="caller")
    kit.receive(ANN, "one")

    assert shop.db.execute("SELECT * FROM rows").fetchall() == [("one", "testserver")]
    assert kit.expect_delivery().attempts[0].response == '{"got":"one"}\n'


@pytest.mark.parametrize(
    "wait",
    [
        lambda kit: kit.settle(),
        lambda kit: kit.expect_delivery(within=30),
        lambda kit: kit.expect_no_message(),
        lambda kit: kit.clock.advance(1),
        lambda kit: kit.event("call"),
    ],
)
def test_it_runs_it_in_each_call_that_waits(wait: Any, kit: Flaresend, shop: Shop) -> None:
    kit.webhook_app(shop, thread="caller", retries=[])
    kit.receive(ANN, "one", wait=False)

    wait(kit)

    assert shop.rows == ["one"]


def test_another_thread_that_waits_for_it_says_so(
    flaresend_mock: Flaresend, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.background.webhook_sender.SETTLE_SECONDS", 0.1)
    flaresend_mock.webhook_app(shop, thread="caller", retries=[])

    with (
        ThreadPoolExecutor(1) as other,
        pytest.raises(AssertionError, match="under way: the application waits for its thread to make a call"),
    ):
        other.submit(flaresend_mock.receive, ANN, "one").result()
    flaresend_mock.settle()
    assert shop.rows == ["one"]


def test_another_thread_that_waits_for_a_slow_application_says_only_that(
    flaresend_mock: Flaresend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flaresend_mock.background.webhook_sender.SETTLE_SECONDS", 0.1)
    shop, lets_go = Flask("slow"), threading.Event()
    shop.add_url_rule("/webhook", view_func=lambda: {"waited": lets_go.wait(20)}, methods=["POST"])
    flaresend_mock.webhook_app(shop, thread="own", retries=[])

    try:
        with ThreadPoolExecutor(1) as other, pytest.raises(AssertionError, match="still under way") as failed:
            other.submit(flaresend_mock.receive, ANN, "one").result()
    finally:
        lets_go.set()
    assert "the application waits for its thread" not in str(failed.value)


def test_a_retry_and_a_redelivery_run_there_too(kit: Flaresend, shop: Shop) -> None:
    kit.clock.freeze()
    kit.webhook_app(shop, thread="caller")
    with kit.fault(503, times=1, on="deliveries"):
        kit.receive(ANN, "one")
    assert shop.rows == []

    kit.clock.advance(hours=1)
    assert shop.rows == ["one"]

    kit.redeliver(kit.expect_delivery())
    kit.settle()
    assert shop.rows == ["one", "one"]


def test_a_delivery_waits_for_the_test_longer_than_for_an_application(
    flaresend_mock: Flaresend, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    gave_up = threading.Event()
    monkeypatch.setattr("flaresend_mock.background.posting.TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr("flaresend_mock.background.posting.ReadTimeout", lambda *_, **__: gave_up.set())
    flaresend_mock.webhook_app(shop, thread="caller", retries=[])
    inbound(flaresend_mock, "late")
    assert not gave_up.wait(0.2)

    flaresend_mock.settle()

    assert shop.rows == ["late"]
    assert flaresend_mock.deliveries()[0].status == "delivered"


def test_what_waits_at_the_end_of_a_test_is_not_called(kit: Flaresend, shop: Shop) -> None:
    kit.webhook_app(shop, thread="caller")
    inbound(kit, "late")

    kit.close()

    assert shop.rows == []


def test_an_application_in_the_callers_thread_cannot_wait_for_itself(kit: Flaresend) -> None:
    said: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        for call in (kit.settle, lambda: kit.clock.advance(1), kit.expect_no_message):
            with pytest.raises(RuntimeError) as refused:
                call()
            said.append(str(refused.value))
        if len(said) == 3:
            kit.receive(ANN, "and on")
        start_response("200 OK", [])
        return []

    kit.webhook_app(app, thread="caller")
    kit.receive(ANN, "hi")

    assert said == ["an application that handles a delivery cannot wait for its end"] * 6


def test_an_interruption_ends_the_test_and_not_only_the_delivery(flaresend_mock: Flaresend) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise KeyboardInterrupt

    flaresend_mock.webhook_app(app, thread="caller", retries=[])
    with pytest.raises(KeyboardInterrupt):
        flaresend_mock.receive(ANN, "hi")

    flaresend_mock.settle()
    assert flaresend_mock.deliveries()[0].attempts[0].error == "the application raised KeyboardInterrupt:"


def test_what_the_application_raises_is_said_of_the_attempt(flaresend_mock: Flaresend) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise ValueError("boom")

    flaresend_mock.webhook_app(app, thread="caller", retries=[])
    flaresend_mock.receive(ANN, "hi")

    assert flaresend_mock.deliveries()[0].attempts[0].error == "the application raised ValueError: boom"


def repeats(kit: Flaresend, statuses: list[int]) -> Flask:
    """Return a bot that sends its reply three times at most, until it is taken."""
    app = Flask("bot")

    @app.post("/webhook")
    def hook() -> dict[str, str]:
        while len(statuses) < 3 and 200 not in statuses:
            statuses.append(say(kit, "Your table is booked."))
        return {}

    return app


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("time", range(5))
def test_a_fault_of_calls_lasts_until_the_application_has_responded(time: int, wait: bool, kit: Flaresend) -> None:
    statuses: list[int] = []
    kit.webhook_app(repeats(kit, statuses))

    with kit.fault(503, times=2):
        kit.receive(ANN, "a table, please", wait=wait)

    kit.verify(exactly=3)
    assert statuses == [503, 503, 200]


def test_a_fault_of_deliveries_lasts_until_the_retries_that_are_due(kit: Flaresend) -> None:
    kit.clock.freeze()
    statuses: list[int] = []
    kit.webhook_app(repeats(kit, statuses))

    with kit.fault(503, times=2, on="deliveries") as fault:
        kit.receive(ANN, "a table, please")
        kit.clock.advance(hours=2)

    assert fault.hits == 2
    assert [attempt.status for attempt in kit.expect_delivery().attempts] == [503, 503, 200]
    kit.verify(exactly=1)


def test_an_error_inside_of_a_fault_counts_more_than_its_end(kit: Flaresend, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsettled() -> None:
        raise AssertionError("still under way")

    monkeypatch.setattr(kit, "settle", unsettled)
    with pytest.raises(KeyError), kit.fault(503):
        raise KeyError("mine")
    with pytest.raises(AssertionError, match="under way"), kit.fault(503) as fault:
        pass

    assert say(kit, "hi") == 200
    assert fault.hits == 0


def test_a_fault_has_a_status_or_a_preset(kit: Flaresend) -> None:
    kit.fault(429, times=1, respond={"status": 503})
    assert say(kit, "hi") == 503
    kit.fault("down", times=1)
    assert say(kit, "hi") != 200


def test_receive_need_not_wait(flaresend_mock: Flaresend) -> None:
    may_end, began = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        began.set()
        assert may_end.wait(10)
        start_response("200 OK", [])
        return []

    flaresend_mock.webhook_app(app)
    flaresend_mock.receive(ANN, "hi", wait=False)
    flaresend_mock.event("call", wait=False)
    assert began.wait(10)
    assert not flaresend_mock.deliveries(status="delivered")

    may_end.set()
    flaresend_mock.settle()

    assert len(flaresend_mock.deliveries(status="delivered")) == 2


@pytest.mark.parametrize("wait", [True, False])
def test_two_instances_have_keys_and_applications_of_their_own(wait: bool, kit: Flaresend, shop: Shop) -> None:
    support, seen = kit.another_instance(name="support"), Shop()
    kit.webhook_app(shop, thread="caller")
    support.webhook_app(seen, thread="caller")

    kit.receive(ANN, "to sales", wait=wait)
    support.receive(ANN, "to support", wait=wait)
    kit.settle()
    say(support, "Support here.")

    assert (shop.rows, seen.rows) == (["to sales"], ["to support"])
    seen.db.close()
    assert support.instance.id != kit.instance.id
    assert kit.expect_message(to=ANN, instance=support.instance.id).text == "Support here."
    kit.expect_no_message(instance=kit.instance.id)
    assert support.group("Team", [ANN]).endswith("@g.us")
    support.instance.disconnect()
    assert (kit.instance.status, support.instance.status) == ("connected", "disconnected")


def test_another_instance_may_end_before_the_first_one(kit: Flaresend, shop: Shop) -> None:
    kit.webhook_app(shop, thread="caller")
    with kit.another_instance():
        pass

    kit.receive(ANN, "hi")

    assert shop.rows == ["hi"]


def test_a_report_names_the_url_that_an_application_has_elsewhere(elsewhere: Server) -> None:
    with elsewhere.world() as kit:
        url = kit.webhook_app(Flask("bot"), "/hook")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/hook", url)
        with pytest.raises(ExpectationFailed) as failed:
            kit.expect_message(within=0)

    assert f"\nwebhook_app serves {url}\n" in str(failed.value)
    with pytest.raises(requests.ConnectionError):
        requests.post(url, timeout=10)


class Elsewhere(Flaresend):
    """An emulator that may run in a container."""

    def __init__(self, url: str, in_container: bool) -> None:
        super().__init__(url, "key")
        self._control.call = lambda *_: {"in_container": in_container}  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize(
    ("emulator", "we", "address"),
    [
        (False, False, ("127.0.0.1", "127.0.0.1")),
        (True, False, ("0.0.0.0", "host.docker.internal")),
        (True, True, ("127.0.0.1", "127.0.0.1")),
    ],
)
def test_an_emulator_in_a_container_calls_the_machine_by_name(
    emulator: bool, we: bool, address: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "is_in_container", lambda: we)
    with Elsewhere("http://localhost:3577", emulator) as kit:
        assert kit._address(None, None) == address
        assert kit._address("0.0.0.0", "test") == ("0.0.0.0", "test")
        assert kit._address("::1", None) == ("::1", "[::1]")


def test_an_emulator_on_another_machine_calls_our_address(monkeypatch: pytest.MonkeyPatch) -> None:
    class Socket(socket.socket):
        def connect(self, address: Any) -> None:
            assert address[0] == "192.0.2.7"

        def getsockname(self) -> Any:
            return "192.0.2.1", 1

    monkeypatch.setattr(socket, "socket", Socket)
    with Elsewhere("http://192.0.2.7:3577", True) as kit:
        assert kit._address(None, None) == ("192.0.2.1", "192.0.2.1")


def test_an_application_may_read_its_request_to_the_end(kit: Flaresend) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()[:1]]

    kit.webhook_app(app, retries=[])
    kit.receive(ANN, "hi")

    assert kit.expect_delivery().attempts[0].response == "{"


def test_an_address_that_cannot_be_listened_on_is_an_error(flaresend_mock: Flaresend) -> None:
    with pytest.raises(OSError, match="assign requested address"):
        flaresend_mock.webhook_receiver(host="192.0.2.1")  # of no machine, but for documentation
