"""Webhook events reach a real receiver: in order, tried again on the world's clock, each attempt on record."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.app import document
from flaresend_mock.background import posting, webhook_sender
from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.background.webhook_handshake import sample_event
from flaresend_mock.core.deliveries import REORDER_SECONDS
from flaresend_mock.core.models import Chaos, Delivery, Webhook
from flaresend_mock.core.payloads import InboundMessage
from flaresend_mock.core.world import World
from flaresend_mock.package_data import FIXTURES
from flaresend_mock.testing.client import Flaresend
from tests.receiver import DROP, HANG, Asked, Receiver, Reply, refusing

NOON = datetime(2025, 11, 14, 12, 0, tzinfo=UTC)
ANN, BEN = "254712345678", "254723456789"
HOOK = "/instances/default/webhook"
SCHEDULE = (1, 5, 30, 120, 600)
DOCUMENTED = {
    "from": "254712345678@s.whatsapp.net",
    "message": {
        "conversation": "Hi, how are you",
        "messageContextInfo": {
            "deviceListMetadata": {
                "senderKeyHash": "k0KrwvtTGeJWyg==",
                "senderTimestamp": "1760137298",
                "recipientKeyHash": "fBBUmTapmjlK9w==",
                "recipientTimestamp": "1760704527",
            },
            "deviceListMetadataVersion": 2,
            "messageSecret": "40cV3I0agULcjIrFPsHdaDiA5BuAmFR4CkdpOlUpOHs=",
        },
    },
    "timestamp": 1760705280,
    "id": "AC2EB4F50AAAC4C20D27DA8130FC844A",
}


class Site:
    """An emulator on a socket, with its clock frozen at noon, whose first instance talks to a receiver."""

    def __init__(self, flaresend: FlaresendMock, receiver: Receiver) -> None:
        self.kit = Flaresend(flaresend.url, flaresend.api_key)
        self.receiver = receiver
        self.world: World = flaresend.worlds.default()
        self.world.timeline.change(now=NOON, frozen=True)
        self.hook()

    def hook(self, instance: str | None = None, **options: Any) -> None:
        self.world.instances.set_webhook(instance, Webhook(self.receiver.url, **options))

    @property
    def webhook(self) -> Webhook:
        webhook = self.world.instances.first().webhook
        assert webhook is not None
        return webhook

    def say(self, text: str = "hi", sender: str = ANN, **options: Any) -> str:
        """Have somebody write, and return the id of the delivery."""
        return self.world.inbound.receive(InboundMessage(sender, text=text, **options)).delivery.id

    def settle(self, seconds: float = 10) -> None:
        assert self.world.wait_until(self.world.deliveries.lanes.idle, seconds)

    def join_workers(self) -> None:
        """Wait until each attempt that has ended is in the log, too."""
        for thread in threading.enumerate():
            if thread.name == f"flaresend-mock-webhooks-{self.world.instances.first().id[:8]}":
                thread.join(10)

    def pass_by(self, seconds: float) -> None:
        self.world.timeline.advance(timedelta(seconds=seconds))

    def delivery(self, id_: str) -> Delivery:
        return self.world.deliveries.get(id_)

    def statuses(self) -> list[str]:
        return [delivery.status for delivery in self.world.deliveries.all()]

    def control(self, method: str, path: str, json: Any = None) -> Any:
        response = requests.request(method, f"{self.kit.url}/_mock{path}", json=json, timeout=30)
        assert response.ok, response.text
        return response.json()

    def close(self) -> None:
        self.receiver.release()
        self.kit.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def site(flaresend: FlaresendMock, receiver: Receiver) -> Iterator[Site]:
    with closing(Site(flaresend, receiver)) as site:
        yield site


@pytest.fixture
def make_site(receiver: Receiver) -> Iterator[Callable[..., Site]]:
    """Return what starts an emulator with options of one's own; all are stopped in the end."""
    with ExitStack() as running:

        def make(**options: Any) -> Site:
            flaresend = running.enter_context(FlaresendMock(**options))
            return running.enter_context(closing(Site(flaresend, receiver)))

        yield make


def failing(*texts: str, with_: Reply | int = 500) -> Callable[[Asked], Reply | int]:
    """Refuse events with these texts, or all if none is named."""
    return lambda asked: with_ if not texts or asked.text in texts else 200


def first_fails(asked: Asked) -> Reply | int:
    return 500 if asked.number == 0 else 200


# What is sent


def test_an_event_is_delivered_once_and_its_attempt_is_on_record(site: Site) -> None:
    site.receiver.behave = lambda _: Reply(202, b"thank you")
    event = site.kit.receive(ANN, "hi")
    site.settle()

    (asked,) = site.receiver.asked
    (delivery,) = site.kit.deliveries()
    assert (asked.method, asked.path, asked.event) == ("POST", "/hook", event)
    assert (delivery.status, delivery.event, delivery.raw["next_retry"]) == ("delivered", event, None)
    (attempt,) = delivery.attempts
    assert (attempt.url, attempt.status, attempt.response) == (site.receiver.url, 202, "thank you")
    assert attempt.error is None
    assert attempt.milliseconds > 0
    assert attempt.headers.items() <= dict(asked.headers).items()
    assert site.control("GET", f"/deliveries/{delivery.id}") == delivery.raw
    assert site.control("GET", "/deliveries?status=delivered")["deliveries"] == [delivery.raw]
    assert site.control("GET", "/deliveries?status=failed")["deliveries"] == []


def test_a_body_is_compact_raw_utf_8_with_its_length_and_never_chunked(site: Site) -> None:
    site.say("Habari 👋 žluťoučký")
    site.settle()

    (asked,) = site.receiver.asked
    assert asked.body == json.dumps(asked.event, ensure_ascii=False, separators=(",", ":")).encode()
    assert "Habari 👋 žluťoučký".encode() in asked.body
    assert asked.header("Content-Length") == str(len(asked.body))
    assert asked.header("Transfer-Encoding") is None
    assert asked.header("Content-Type") == "application/json"
    assert not any(name.lower().startswith(("webhook-", "x-hub")) for name, _ in asked.headers)


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, make_site: Callable[..., Site]) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    site = make_site()

    site.say()
    site.settle()

    assert site.statuses() == ["delivered"]


def test_a_redirect_is_not_followed_and_counts_as_a_failure(site: Site) -> None:
    site.receiver.behave = lambda asked: Reply(307, headers={"Location": site.receiver.url + "/other"})
    id_ = site.say()
    site.settle()

    assert [asked.path for asked in site.receiver.asked] == ["/hook"]
    assert site.delivery(id_).status == "retrying"
    assert site.delivery(id_).attempts[0].status == 307


@pytest.mark.parametrize(
    ("status", "strict", "accepted"),
    [
        (200, True, True),
        (201, True, False),
        (204, True, False),
        (204, False, True),
        (299, False, True),
        (300, False, False),
    ],
)
def test_strict_takes_only_200_and_otherwise_any_2xx_will_do(
    make_site: Callable[..., Site], status: int, strict: bool, accepted: bool
) -> None:
    site = make_site(strict=strict)
    site.receiver.behave = lambda _: Reply(status, b"")

    site.say()
    site.settle()

    assert site.statuses() == ["delivered" if accepted else "retrying"]


def test_only_the_first_64_kb_of_an_answer_are_kept(site: Site) -> None:
    site.receiver.behave = lambda _: Reply(200, b"x" * 300_000)
    id_ = site.say()
    site.settle()

    assert site.delivery(id_).attempts[0].response == "x" * 65536


def test_a_response_that_is_not_utf_8_is_kept_with_replacement_characters(site: Site) -> None:
    site.receiver.behave = lambda _: Reply(200, b"caf\xe9!")
    id_ = site.say()
    site.settle()

    assert site.delivery(id_).attempts[0].response == "caf\ufffd!"


def test_the_headers_of_an_attempt_that_failed_are_on_record_as_they_were_sent(site: Site) -> None:
    site.receiver.behave = lambda _: DROP
    id_ = site.say()
    site.settle()

    (asked,) = site.receiver.asked
    recorded = dict(site.delivery(id_).attempts[0].headers)
    assert recorded.get("Content-Length") == str(len(asked.body))


def test_without_a_webhook_an_event_is_on_record_all_the_same(site: Site) -> None:
    site.kit.webhook(None)

    event = site.kit.receive(ANN, "hi")

    (delivery,) = site.kit.deliveries()
    assert (delivery.status, delivery.attempts, delivery.event) == ("no endpoint", (), event)
    assert site.receiver.asked == []


# Retries


def test_what_fails_is_tried_again_after_1_5_30_120_and_600_seconds_and_then_has_failed(site: Site) -> None:
    site.receiver.behave = failing()
    id_ = site.say()
    site.settle()
    due = NOON
    for tried, seconds in enumerate(SCHEDULE, 1):
        due += timedelta(seconds=seconds)
        assert (site.delivery(id_).status, site.delivery(id_).next_retry) == ("retrying", due)
        site.pass_by(seconds - 0.001)
        assert len(site.receiver.asked) == tried
        site.pass_by(0.001)
        assert len(site.receiver.asked) == tried + 1

    delivery = site.delivery(id_)
    assert (delivery.status, delivery.next_retry) == ("failed", None)
    offsets = [(attempt.at - NOON).total_seconds() for attempt in delivery.attempts]
    assert offsets == [0, 1, 6, 36, 156, 756]
    assert {attempt.status for attempt in delivery.attempts} == {500}
    site.pass_by(86_400)
    assert len(site.receiver.asked) == 6


def test_one_advance_runs_all_retries_at_their_own_times(site: Site) -> None:
    site.receiver.behave = lambda asked: 200 if asked.number == 5 else 500
    id_ = site.say()

    site.kit.clock.advance(756)

    assert site.delivery(id_).status == "delivered"
    assert [(one.at - NOON).total_seconds() for one in site.delivery(id_).attempts] == [0, 1, 6, 36, 156, 756]


def test_retries_come_by_themselves_while_the_clock_runs(site: Site) -> None:
    site.hook(retries=(0.05, 0.05))
    site.receiver.behave = lambda asked: 200 if asked.number == 2 else 500
    site.world.timeline.change(frozen=False)

    site.say()

    site.kit.expect_delivery(within=30)
    assert len(site.receiver.asked) == 3


def test_a_schedule_of_ones_own_is_kept_to_and_an_empty_one_means_one_attempt(site: Site) -> None:
    site.receiver.behave = failing()
    site.hook(retries=(2.5,))
    twice = site.say()
    site.pass_by(2.5)
    site.hook(retries=())
    once = site.say()
    site.settle()

    assert [site.delivery(id_).status for id_ in (twice, once)] == ["failed", "failed"]
    assert [len(site.delivery(id_).attempts) for id_ in (twice, once)] == [2, 1]


@pytest.mark.parametrize(("reply", "said"), [(DROP, "closed"), (Reply(200, b"not so long", missing=10), "")])
def test_a_connection_that_breaks_off_is_a_recorded_error(site: Site, reply: Reply, said: str) -> None:
    site.receiver.behave = lambda _: reply
    id_ = site.say()
    site.settle()

    (attempt,) = site.delivery(id_).attempts
    assert attempt.error
    assert said in attempt.error


def test_a_receiver_that_is_not_there_is_a_recorded_error(site: Site) -> None:
    with refusing() as url:
        site.world.instances.set_webhook(None, Webhook(url))
        id_ = site.say()
        site.settle()

    (attempt,) = site.delivery(id_).attempts
    assert (site.delivery(id_).status, attempt.status, attempt.response) == ("retrying", None, "")
    assert attempt.error
    assert attempt.error.startswith("Connection refused")


def test_an_event_answered_with_200_is_never_sent_again_even_if_the_answers_body_breaks_off(site: Site) -> None:
    site.receiver.behave = lambda _: Reply(200, b"half", missing=4)
    id_ = site.say()
    site.pass_by(10_000)

    assert len(site.receiver.asked) == 1
    assert site.delivery(id_).status == "delivered"


def test_an_error_of_the_emulator_fails_one_attempt_and_the_chat_goes_on(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    post, bugs = posting.Poster.post, [ArithmeticError("a bug")]

    def fails_once(self: posting.Poster, *event: Any) -> dict[str, Any]:
        if bugs:
            raise bugs.pop()
        return post(self, *event)

    monkeypatch.setattr(posting.Poster, "post", fails_once)
    caplog.set_level("INFO")
    id_ = site.say()
    site.settle()
    site.join_workers()
    site.pass_by(1)
    site.join_workers()

    first, second = site.delivery(id_).attempts
    error = "internal error; the emulator's log has the details"
    assert (first.url, first.headers, first.status, first.response) == (site.receiver.url, (), None, "")
    assert (first.error, first.milliseconds, first.accepted, second.accepted) == (error, 0, False, True)
    assert [line for line in caplog.messages if line.startswith("webhook ")] == [
        f"webhook {id_}: the attempt failed unexpectedly",
        f"webhook {id_}: {error}",
        f"webhook {id_}: 200",
    ]


def test_an_event_that_cannot_be_sent_at_all_ends_and_others_are_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stamp = site.world.deliveries._stamp

    def fails(delivery: Delivery) -> Delivery:
        if b'"bad"' in delivery.body:
            raise ArithmeticError("a bug")
        return stamp(delivery)

    monkeypatch.setattr(site.world.deliveries, "_stamp", fails)
    with site.world.lock:
        ids = [site.say("bad"), site.say("good"), site.say("other", sender=BEN)]
    site.settle()
    site.join_workers()

    assert [site.delivery(id_).status for id_ in ids] == ["interrupted", "delivered", "delivered"]
    assert caplog.messages.count(f"a webhook of instance {site.world.instances.first().id} failed unexpectedly") == 1


def test_no_answer_in_time_is_a_failure(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 0.2)
    site.receiver.behave = lambda asked: HANG if asked.number == 0 else 200
    id_ = site.say()
    site.settle()
    assert site.delivery(id_).status == "retrying"
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 30)

    site.pass_by(1)

    assert site.delivery(id_).status == "delivered"
    assert "no response" in str(site.delivery(id_).attempts[0].error)
    assert site.delivery(id_).attempts[0].milliseconds >= 200


def test_an_answer_that_drips_holds_nobody_longer_than_the_timeout(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 1)
    site.receiver.behave = lambda _: Reply(200, b"x" * 10_000, drip=0.05)
    id_ = site.say()
    site.settle(20)

    assert set(site.delivery(id_).attempts[0].response) == {"x"}
    assert len(site.delivery(id_).attempts[0].response) < 10_000


# Order and parallel work


def test_events_of_one_chat_arrive_in_order_even_if_some_fail(site: Site) -> None:
    site.receiver.behave = lambda asked: 500 if asked.number in (1, 2, 5, 9) else 200
    for number in range(10):
        site.say(str(number))
    site.pass_by(3600)

    accepted = [asked.text for asked, status in site.receiver.statuses if status == 200]
    assert accepted == [str(number) for number in range(10)]
    assert site.receiver.texts == sorted(site.receiver.texts, key=int)
    assert site.statuses() == ["delivered"] * 10


def test_what_has_failed_for_good_lets_the_next_of_its_chat_go_on(site: Site) -> None:
    site.receiver.behave = failing("bad")
    bad = site.say("bad")
    good = site.say("good")
    site.pass_by(755.9)
    assert "good" not in site.receiver.texts

    site.pass_by(0.1)

    assert (site.delivery(bad).status, site.delivery(good).status) == ("failed", "delivered")


def test_one_chat_does_not_wait_for_another(site: Site) -> None:
    site.receiver.behave = failing("bad")
    site.say("bad", ANN)
    other = site.say("good", BEN)
    site.settle()

    assert site.delivery(other).status == "delivered"


def test_a_group_is_a_chat_of_its_own_whoever_writes(site: Site) -> None:
    group = "120363422712338174@g.us"
    site.receiver.behave = failing("alone")
    alone = site.say("alone", BEN)
    together = site.say("together", BEN, group=group)
    site.settle()

    assert (site.delivery(alone).status, site.delivery(together).status) == ("retrying", "delivered")


def test_chats_are_delivered_in_parallel_at_most_8_at_once(site: Site) -> None:
    site.receiver.behave = lambda _: HANG
    for number in range(20):
        site.say(sender=f"2547001000{number:02}")
    assert site.receiver.wait_for(8)
    assert len(site.world.deliveries.lanes.under_way()) == 8

    site.receiver.release()
    site.settle()

    assert site.receiver.most_at_once == 8
    assert site.statuses() == ["delivered"] * 20


def test_deliveries_wait_for_threads_and_no_call_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a process may have few threads, and connections have them all."""
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("flaresend-mock-webhooks"):
            raise RuntimeError("can't start new thread")
        begin(thread)

    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", start)
        for number in range(20):
            site.kit.receive(f"2547001000{number:02}", "hi")
        assert site.statuses() == ["pending"] * 20

    requests.get(f"{site.kit.url}/_mock/health", timeout=10)  # a connection begins, and ends
    site.kit.settle()

    assert site.statuses() == ["delivered"] * 20


def test_a_hanging_receiver_delays_neither_the_api_nor_another_instance(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    described = json.loads((FIXTURES / "worlds" / "default.json").read_text())
    other = {"id": "11111111-2222-4333-8444-555555555555", "number": "254708920431", "api_keys": ["OTHER"]}
    described["instances"].append(other)
    (tmp_path / "two.json").write_text(json.dumps(described))
    site = make_site(world=str(tmp_path / "two.json"))
    site.receiver.behave = lambda _: HANG
    for number in range(20):
        site.say(sender=f"2547001000{number:02}")
    assert site.receiver.wait_for(8)

    with Receiver() as quick:
        site.world.instances.set_webhook(str(other["id"]), Webhook(quick.url))
        for number in range(20):
            site.say(sender=f"2547001000{number:02}", instance=str(other["id"]))
            assert send(site).status_code == 200
        assert quick.wait_for(20)
        assert len(site.receiver.asked) == 8
        assert site.receiver.statuses == []
        site.receiver.release()
        site.settle()
    assert site.statuses() == ["delivered"] * 40


def send(site: Site, text: str = "a reply") -> requests.Response:
    body = {"recipients": [ANN], "type": "text", "text": text}
    return requests.post(f"{site.kit.url}/send-message", json=body, headers=site.kit.headers, timeout=10)


def test_a_receiver_may_call_the_api_while_it_is_called(site: Site) -> None:
    codes: list[int] = []

    def reply(asked: Asked) -> int:
        codes.append(send(site, f"echo {asked.text}").status_code)
        for path in ("/groups", "/_mock/deliveries"):
            response = requests.get(site.kit.url + path, headers=site.kit.headers, timeout=10)
            codes.append(response.status_code)
        return 200

    site.receiver.behave = reply
    for number in range(40):
        site.say(str(number), sender=f"2547001000{number % 20:02}")
    site.settle(30)

    assert site.statuses() == ["delivered"] * 40
    assert codes == [200] * 120
    assert len(site.receiver.asked) == 40
    echoes = [message for message in site.world.state.messages if message.direction == "outbound"]
    assert len(echoes) == 40


def test_a_receiver_may_call_the_api_while_the_clock_is_being_advanced(site: Site) -> None:
    site.receiver.behave = lambda asked: 500 if asked.number == 0 else send(site).status_code
    id_ = site.say()
    site.settle()

    site.kit.clock.advance(1)

    assert site.delivery(id_).status == "delivered"


# Pausing, resuming, redelivering


def test_five_failed_in_a_row_pause_the_webhook_and_later_events_are_held(site: Site) -> None:
    site.hook(retries=())
    site.receiver.behave = failing()
    for number in range(5):
        assert not site.webhook.paused
        site.say(str(number))
        site.settle()

    assert site.webhook.paused
    held = site.say("later")
    site.settle()
    assert site.delivery(held).status == "held"
    assert len(site.receiver.asked) == 5
    shown = site.control("GET", HOOK)["webhook"]
    assert (shown["paused"], shown["failures"]) == (True, 5)
    site.control("POST", f"{HOOK}/resume")
    assert (site.webhook.paused, site.webhook.failures) == (False, 0)


def test_a_delivery_between_failures_begins_the_count_anew(site: Site) -> None:
    site.hook(retries=())
    site.receiver.behave = failing("bad")
    for text in ["bad"] * 4 + ["good"] + ["bad"] * 4:
        site.say(text)
        site.settle()

    assert (site.webhook.paused, site.webhook.failures) == (False, 4)


def test_pausing_holds_what_waits_too_and_resuming_replays_it_in_order(site: Site) -> None:
    site.receiver.behave = first_fails
    for number in range(3):
        site.say(str(number))
    site.settle()
    site.control("POST", f"{HOOK}/pause")
    for number in range(3, 6):
        site.say(str(number))
    site.pass_by(3600)
    assert site.statuses() == ["held"] * 6
    assert site.receiver.texts == ["0"]

    replayed = site.control("POST", f"{HOOK}/resume")["replayed"]
    site.settle()

    assert len(replayed) == 6
    assert site.receiver.texts == ["0", *map(str, range(6))]
    assert site.statuses() == ["delivered"] * 6
    assert len(site.world.deliveries.all()[0].attempts) == 2


def test_resuming_without_replay_leaves_held_events_and_delivers_new_ones(site: Site) -> None:
    site.control("POST", f"{HOOK}/pause")
    site.say("held")
    assert site.control("POST", f"{HOOK}/resume", {"replay": False}) == {"replayed": []}

    site.say("new")
    site.settle()

    assert site.receiver.texts == ["new"]
    assert site.statuses() == ["held", "delivered"]


def test_an_attempt_on_the_wire_when_the_webhook_is_paused_ends_as_it_ends(site: Site) -> None:
    site.receiver.behave = lambda _: HANG
    first, second = site.say("first"), site.say("second")
    assert site.receiver.wait_for(1)

    site.control("POST", f"{HOOK}/pause")
    site.receiver.release()
    site.settle()

    assert (site.delivery(first).status, site.delivery(second).status) == ("delivered", "held")


def test_an_attempt_that_fails_after_the_webhook_was_paused_is_not_made_again_until_it_is_resumed(site: Site) -> None:
    site.receiver.behave = lambda asked: Reply(500, wait=None) if asked.number == 0 else 200
    id_ = site.say("first")
    site.say("second")
    assert site.receiver.wait_for(1)
    site.control("POST", f"{HOOK}/pause")
    site.receiver.release()
    site.settle()

    site.pass_by(3600)

    assert site.receiver.texts == ["first"]
    assert site.delivery(id_).status == "held"
    site.control("POST", f"{HOOK}/resume")
    site.settle()
    assert site.receiver.texts == ["first", "first", "second"]
    assert site.statuses() == ["delivered", "delivered"]


def test_a_delayed_event_is_held_too_when_its_time_comes_while_the_webhook_is_paused(site: Site) -> None:
    site.say("delayed", chaos=Chaos(delay=10))
    site.control("POST", f"{HOOK}/pause")

    site.pass_by(60)

    assert site.receiver.asked == []
    assert site.statuses() == ["held"]


def test_many_chats_that_fail_at_once_pause_the_webhook_and_nothing_is_lost(site: Site) -> None:
    site.receiver.behave = failing()
    for number in range(40):
        site.say(str(number), sender=f"2547001000{number:02}")
    site.pass_by(100_000)
    assert site.webhook.paused
    assert set(site.statuses()) == {"failed", "held"}
    attempts = len(site.receiver.asked)
    site.pass_by(100_000)
    assert len(site.receiver.asked) == attempts

    site.receiver.behave = lambda _: 200
    site.control("POST", f"{HOOK}/resume")
    site.settle()

    assert set(site.statuses()) == {"failed", "delivered"}
    assert len(site.statuses()) == 40


def test_one_delivery_can_be_made_again_under_the_same_webhook_id(site: Site) -> None:
    site.hook(secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    site.receiver.behave = first_fails
    site.say()
    site.pass_by(1)
    delivered = site.kit.expect_delivery(within=0)

    (again,) = site.kit.redeliver(delivered)
    site.settle()

    assert again.id != delivered.id
    assert again.raw["redelivery_of"] == delivered.id
    assert site.delivery(again.id).status == "delivered"
    assert len(site.receiver.asked) == 3
    assert len({asked.header("webhook-id") for asked in site.receiver.asked}) == 1
    assert len({asked.body for asked in site.receiver.asked}) == 1
    stamps = [int(str(asked.header("webhook-timestamp"))) for asked in site.receiver.asked]
    assert [stamp - int(NOON.timestamp()) for stamp in stamps] == [0, 1, 1]


def test_all_failed_deliveries_can_be_made_again(site: Site) -> None:
    site.hook(retries=())
    site.receiver.behave = failing("bad 1", "bad 2")
    for text in ("good", "bad 1", "bad 2"):
        site.say(text)
    site.settle()
    site.receiver.behave = lambda _: 200

    again = site.kit.redeliver()
    site.settle()

    assert site.receiver.texts == ["good", "bad 1", "bad 2", "bad 1", "bad 2"]
    assert [site.delivery(one.id).status for one in again] == ["delivered", "delivered"]


def test_what_a_redelivery_has_brought_is_not_failed_any_more_for_the_next_one(site: Site) -> None:
    site.hook(retries=())
    site.receiver.behave = first_fails
    site.say()
    site.settle()
    site.kit.redeliver()
    site.settle()

    again = site.kit.redeliver()
    site.settle()

    assert again == []
    assert len(site.receiver.asked) == 2


def test_a_range_of_deliveries_can_be_made_again(site: Site) -> None:
    for number in range(5):
        site.say(str(number))
    site.settle()
    events = [one.raw["event"] for one in site.kit.deliveries()]

    site.control("POST", "/deliveries/redeliver", {"from_event": events[1], "to_event": events[3]})
    site.settle()

    assert site.receiver.texts[5:] == ["1", "2", "3"]


def test_redelivering_without_a_webhook_or_without_saying_what_is_refused(site: Site) -> None:
    id_ = site.say()
    site.settle()
    base = f"{site.kit.url}/_mock/deliveries"

    assert requests.post(f"{base}/redeliver", json={}, timeout=10).status_code == 400
    assert requests.post(f"{base}/redeliver", json={"to_event": 0.5}, timeout=10).status_code == 400
    assert requests.post(f"{base}/nobody/redeliver", timeout=10).status_code == 404
    site.kit.webhook(None)
    assert requests.post(f"{base}/{id_}/redeliver", timeout=10).status_code == 409
    assert requests.post(f"{base}/redeliver", json={"from_event": 0}, timeout=10).status_code == 409
    paths = document("control", "")["paths"]
    assert "409" in paths["/_mock/deliveries/{delivery_id}/redeliver"]["post"]["responses"]
    assert "409" in paths["/_mock/deliveries/redeliver"]["post"]["responses"]


def test_a_redelivery_needs_a_webhook_of_its_own_instance(site: Site) -> None:
    other = site.world.instances.create(number="254700111222", status="connected").id
    sent = site.world.inbound.receive(InboundMessage(ANN, instance=other)).delivery

    assert requests.post(f"{site.kit.url}/_mock/deliveries/{sent.id}/redeliver", timeout=10).status_code == 409


def test_a_redelivery_to_a_paused_webhook_is_held(site: Site) -> None:
    site.say()
    delivered = site.kit.expect_delivery(within=30)
    site.control("POST", f"{HOOK}/pause")

    (again,) = site.kit.redeliver(delivered)
    site.settle()

    assert len(site.receiver.asked) == 1
    assert site.delivery(again.id).status == "held"
    assert site.delivery(again.id).event > site.delivery(delivered.id).event


def test_a_redelivery_is_made_when_it_was_asked_for_whenever_its_event_came(site: Site) -> None:
    first = site.say()
    site.settle()
    site.pass_by(3600)

    (again,) = site.world.deliveries.redeliver([site.delivery(first)])

    assert (site.delivery(first).created, again.created) == (NOON, NOON + timedelta(hours=1))


# Trouble


def test_deleting_a_webhook_while_it_is_being_retried_ends_all_that_waited(site: Site) -> None:
    site.receiver.behave = failing()
    for number in range(3):
        site.say(str(number))
    site.settle()

    site.kit.webhook(None)
    site.pass_by(3600)

    assert site.receiver.texts == ["0"]
    assert site.statuses() == ["no endpoint"] * 3


def test_deleting_a_webhook_while_an_attempt_is_on_the_wire_breaks_nothing(site: Site) -> None:
    site.receiver.behave = lambda asked: HANG if asked.number == 0 else 200
    site.say("first")
    site.say("second")
    assert site.receiver.wait_for(1)
    site.kit.webhook(None)

    site.receiver.release()
    site.settle()
    site.hook()
    site.say("third")
    site.settle()

    assert site.statuses() == ["delivered", "no endpoint", "delivered"]


def test_removing_an_instance_ends_retries_and_delayed_events_and_their_timers(site: Site) -> None:
    other = site.world.instances.create().id
    site.hook(other)
    site.receiver.behave = failing()
    site.say(instance=other)
    site.settle()
    site.say(sender=BEN, instance=other, chaos=Chaos(delay=90))

    site.world.remove_instance(other)

    assert site.statuses() == ["interrupted", "interrupted"]
    assert site.world.state.timers.next_at() is None


def test_a_reset_forgets_what_is_on_the_wire_and_its_chat_works_afterwards(site: Site) -> None:
    site.receiver.behave = lambda asked: HANG if asked.number == 0 else 200
    site.say("old")
    site.say("never")
    assert site.receiver.wait_for(1)

    site.kit.reset()
    site.world.timeline.change(now=NOON, frozen=True)
    site.hook()
    new = site.say("new")
    site.kit.expect_delivery(id=new, status="delivered", within=30)
    site.receiver.release()
    last = site.say("last")
    site.kit.expect_delivery(id=last, status="delivered", within=30)
    site.pass_by(3600)

    assert site.receiver.texts == ["old", "new", "last"]
    assert [len(one.attempts) for one in site.world.deliveries.all()] == [1, 1]


def test_a_reset_with_every_worker_on_the_wire_keeps_new_events_waiting_for_none_of_them(site: Site) -> None:
    site.receiver.behave = lambda asked: HANG if asked.number < 8 else 200
    for number in range(8):
        site.say("old", sender=f"2547001000{number:02}")
    assert site.receiver.wait_for(8)

    site.kit.reset()
    site.hook()
    new = site.say("new")

    site.kit.expect_delivery(id=new, status="delivered", within=30)


def test_a_delivery_under_way_at_shutdown_is_recorded_as_interrupted(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "STOP_SECONDS", 0.1)
    receiver.behave = lambda _: HANG
    with FlaresendMock() as flaresend:
        site = Site(flaresend, receiver)
        id_ = site.say("on the wire")
        waiting = site.say("behind it")
        assert receiver.wait_for(1)
        flaresend.stop()

    assert receiver.statuses == []
    assert site.delivery(id_).status == "interrupted"
    assert site.delivery(id_).attempts[0].error == "interrupted: the emulator stopped"
    assert site.delivery(waiting).status == "pending"
    assert len(receiver.asked) == 1


def test_a_delivery_that_ends_in_time_is_finished_at_shutdown_which_waits_no_longer(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_sender, "STOP_SECONDS", 3600)
    receiver.behave = lambda _: HANG
    with FlaresendMock() as flaresend, ThreadPoolExecutor() as pool:
        site = Site(flaresend, receiver)
        id_ = site.say()
        assert receiver.wait_for(1)
        stop = pool.submit(flaresend.stop)
        while is_served(flaresend.url):
            pass
        receiver.release()
        stop.result(20)

    assert site.delivery(id_).status == "delivered"


def is_served(url: str) -> bool:
    try:
        return requests.get(f"{url}/_mock/health", timeout=10).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("seconds", [0.1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_shutdown_ends_an_advance_that_waits_for_a_hanging_receiver(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    assert webhook_sender.STOP_SECONDS == 5
    monkeypatch.setattr(webhook_sender, "STOP_SECONDS", seconds)
    receiver.behave = lambda asked: HANG if asked.number else 500
    with FlaresendMock() as flaresend, ThreadPoolExecutor() as pool, closing(Site(flaresend, receiver)) as site:
        id_ = site.say()
        site.settle()
        advance = pool.submit(site.kit.clock.advance, 1)
        assert receiver.wait_for(2)
        watch = Stopwatch()
        flaresend.stop()
        taken = watch.seconds
        fired = advance.result(10)

    assert seconds < 5 or taken < 5.5
    assert [(one["kind"], one["id"]) for one in fired] == [("delivery retry", id_)]
    assert [attempt.status for attempt in site.delivery(id_).attempts] == [500, None]
    assert site.delivery(id_).status == "interrupted"


# Chaos


def test_a_dropped_event_is_on_record_and_goes_nowhere(site: Site) -> None:
    id_ = site.say(chaos=Chaos(drop=1))
    site.pass_by(3600)

    assert site.delivery(id_).status == "dropped"
    assert site.receiver.asked == []


def test_a_duplicated_event_arrives_twice_under_one_webhook_id(site: Site) -> None:
    site.hook(secret="secret", chaos=Chaos(duplicate=1))
    id_ = site.say()
    site.settle()

    first, second = site.receiver.asked
    assert first.body == second.body
    assert first.header("webhook-id") == second.header("webhook-id")
    assert [one.duplicate_of for one in site.world.deliveries.all()] == [None, id_]


def test_a_delayed_event_waits_on_the_worlds_clock(site: Site) -> None:
    id_ = site.say(chaos=Chaos(delay=90))
    site.pass_by(89.9)
    assert (site.delivery(id_).status, site.receiver.asked) == ("delayed", [])

    site.pass_by(0.1)

    assert site.delivery(id_).status == "delivered"


def test_a_reordered_event_is_overtaken_by_the_next(site: Site) -> None:
    site.say("first", chaos=Chaos(reorder=1))
    site.say("second")
    site.pass_by(60)

    assert site.receiver.texts == ["second", "first"]


def test_an_event_that_is_delayed_and_reordered_waits_for_both(site: Site) -> None:
    id_ = site.say(chaos=Chaos(delay=90, reorder=1))

    assert site.delivery(id_).next_retry == NOON + timedelta(seconds=90 + REORDER_SECONDS)


@pytest.mark.parametrize(
    ("body", "said"), [({"city": "Zürich"}, '{"city": "Zürich"}'), ("Zürich", "Zürich"), (None, "")]
)
def test_an_attempt_shows_the_response_that_a_fault_gives(body: Any, said: str, site: Site) -> None:
    site.control("POST", "/faults", {"on": "deliveries", "respond": {"status": 200, "body": body}})
    id_ = site.say()
    site.settle()

    (attempt,) = site.delivery(id_).attempts

    assert (attempt.status, attempt.response) == (200, said)
    assert site.receiver.asked == []


def test_a_response_that_is_dropped_leaves_nothing_of_it_on_record(site: Site) -> None:
    site.receiver.behave = lambda _: Reply(200, b"a body")
    site.control("POST", "/faults", {"on": "deliveries", "action": "drop_response", "name": "lost"})
    id_ = site.say()
    site.settle()

    (attempt,) = site.delivery(id_).attempts

    assert (attempt.status, attempt.response, attempt.accepted) == (None, "", False)
    assert attempt.error == "fault lost: the response was dropped"
    assert attempt.headers


def test_chaos_can_be_asked_for_per_call_and_as_a_setting_of_the_webhook(site: Site) -> None:
    site.kit.receive(ANN, "hi", chaos={"drop": 1})
    assert site.statuses() == ["dropped"]
    site.kit.webhook(site.receiver.url, chaos={"drop": 1})
    site.kit.receive(ANN)
    assert site.statuses() == ["dropped", "dropped"]


def test_chaos_comes_out_the_same_for_the_same_seed_and_differs_for_another(make_site: Callable[..., Site]) -> None:
    def run(seed: int) -> list[tuple[str, str | None]]:
        site = make_site(seed=seed)
        site.hook(chaos=Chaos(duplicate=0.3, reorder=0.3, drop=0.3))
        for number in range(60):
            site.say(str(number))
        site.pass_by(3600)
        return [(one.status, one.duplicate_of) for one in site.world.deliveries.all()]

    first, second, other = run(7), run(7), run(8)

    assert first == second
    assert first != other
    assert {status for status, _ in first} == {"delivered", "dropped"}
    assert any(duplicate_of for _, duplicate_of in first)


# Verification and test


def verified(site: Site, mode: str, **options: Any) -> tuple[bool, str]:
    site.hook(verification=mode, **options)
    outcome = site.control("POST", f"{HOOK}/verify")
    return outcome["verified"], outcome["reason"]


def challenge(asked: Asked) -> Reply:
    """Answer as Meta's documentation asks for."""
    query = dict(pair.split("=") for pair in asked.path.partition("?")[2].split("&"))
    right = query["hub.mode"] == "subscribe" and query["hub.verify_token"] == "token"
    return Reply(200 if right else 403, query["hub.challenge"].encode() if right else b"no")


def test_verification_none_asks_for_nothing(site: Site) -> None:
    assert verified(site, "none")[0] is True
    assert site.receiver.asked == []


def test_verification_by_post_sends_the_sample_and_wants_200(site: Site) -> None:
    assert verified(site, "post") == (True, "")

    (asked,) = site.receiver.asked
    assert asked.method == "POST"
    assert asked.event["data"] == DOCUMENTED


@pytest.mark.parametrize(
    ("reply", "reason"),
    [(500, "the receiver returned 500, not 200"), (302, "the receiver returned 302, not 200"), (DROP, "no response: ")],
)
def test_a_failed_verification_by_post_says_why(site: Site, reply: Reply | int, reason: str) -> None:
    site.receiver.behave = lambda _: reply

    outcome, said = verified(site, "post")

    assert outcome is False
    assert said.startswith(reason)


def test_a_challenge_that_comes_back_verifies(site: Site) -> None:
    site.receiver.behave = challenge

    assert verified(site, "challenge", verify_token="token") == (True, "")
    assert [asked.method for asked in site.receiver.asked] == ["GET"]


def test_a_challenge_keeps_the_query_the_url_has(site: Site) -> None:
    site.receiver.behave = challenge
    site.kit.webhook(f"{site.receiver.url}?tenant=7", verification="challenge", verify_token="token")

    assert site.control("POST", f"{HOOK}/verify")["verified"] is True
    assert site.receiver.asked[0].path.startswith("/hook?tenant=7&hub.mode=subscribe&")


@pytest.mark.parametrize(
    ("token", "behave", "reason"),
    [
        ("wrong", challenge, "the receiver returned 403"),
        ("token", lambda _: Reply(200, b"hello"), "the receiver returned 'hello', not the challenge"),
        ("token", lambda _: DROP, "no response: "),
    ],
)
def test_a_failed_challenge_says_why(site: Site, token: str, behave: Callable[[Asked], Reply], reason: str) -> None:
    site.receiver.behave = behave

    outcome, said = verified(site, "challenge", verify_token=token)

    assert outcome is False
    assert said.startswith(reason)


def test_a_test_sends_the_documented_sample_once(site: Site) -> None:
    outcome = site.control("POST", f"{HOOK}/test")

    (asked,) = site.receiver.asked
    instance = site.world.instances.first().id
    assert asked.body == sample_event(instance)
    assert asked.event == {
        "event": "message_received",
        "instanceId": instance,
        "data": DOCUMENTED,
        "timestamp": "2025-10-17T12:47:59.689Z",
    }
    assert outcome["verified"] is True
    assert outcome["attempt"]["status"] == 200


def test_a_verification_answered_with_200_succeeds_even_if_the_answers_body_breaks_off(site: Site) -> None:
    site.receiver.behave = lambda _: Reply(200, b"half", missing=4)

    assert verified(site, "post")[0] is True


# The trouble test


@pytest.mark.parametrize("events", [250, pytest.param(5000, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_of_many_events_to_a_troubled_receiver_none_is_lost_repeated_or_out_of_order(site: Site, events: int) -> None:
    chats = [f"2547002000{number:02}" for number in range(50)]
    tried: Counter[str] = Counter()

    def troubled(asked: Asked) -> Reply | int:
        text = asked.text  # the same in every run, as the identifiers in the body are not
        tried[text] += 1  # the attempts at one event come one after another
        key = f"h{text} {tried[text]}".encode()  # h: 250 events meet every trouble, 2 of them fail for good
        chance = int.from_bytes(hashlib.sha256(key).digest()[:4], "big") / 2**32
        if chance < 1 / 3:
            return 500
        if chance < 1 / 3 + 0.02:
            return DROP
        if chance < 1 / 3 + 0.0215:
            return Reply(wait=0.5, drop=True)
        return 200

    site.receiver.behave = troubled
    ids = [site.say(str(number), chats[number % 50]) for number in range(events)]
    for _ in range(50):
        if not site.world.state.open_deliveries and "held" not in site.statuses():
            break
        site.pass_by(3600)
        if site.webhook.paused:
            site.world.deliveries.resume(site.world.instances.first().id, replay=True)

    ended = [site.delivery(id_) for id_ in ids]
    outcomes = Counter(delivery.status for delivery in ended)
    assert set(outcomes) == {"delivered", "failed"}
    assert outcomes["failed"] < events / 50

    responses: dict[bytes, list[int | None]] = defaultdict(list)
    order: dict[str, list[int]] = defaultdict(list)
    for asked, status in site.receiver.statuses:
        responses[asked.body].append(status)
    for asked in site.receiver.asked:
        order[asked.event["data"]["from"]].append(int(asked.text))
    for delivery in ended:
        # a kept connection that was dropped belongs to the attempt that then reconnected
        sent = [status for one in delivery.attempts for status in ([None] if one.reconnected else []) + [one.status]]
        assert sent == responses[delivery.body]
        assert responses[delivery.body].count(200) == (delivery.status == "delivered")
        assert delivery.status == "failed" or responses[delivery.body][-1] == 200
        assert delivery.status == "delivered" or len(delivery.attempts) == len(SCHEDULE) + 1
        assert all(attempt.status or attempt.error for attempt in delivery.attempts)
    assert len(order) == 50
    assert all(numbers == sorted(numbers) for numbers in order.values())
    assert sum(map(len, order.values())) == len(site.receiver.statuses) > events * 1.4
