"""Events that are late, unknown, without a message, from oneself, or written in another way."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from flaresend_mock.testing import Flaresend
from flaresend_mock.testing.webhook_receiver import Received
from tests.defaults import ANN, BEN

pytestmark = pytest.mark.flaresend(frozen_at="2025-11-14T12:00:00Z")
SECRET = "shared secret"
Event = Mapping[str, Any]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def texts(events: list[Received]) -> list[str | None]:
    return [one.text for one in events]


def test_a_bot_that_takes_the_delivery_for_the_writing_answers_what_is_hours_old(flaresend_mock: Flaresend) -> None:
    receiver = flaresend_mock.webhook_receiver()
    flaresend_mock.instance.disconnect()
    flaresend_mock.receive(ANN, "Is anybody there?")
    flaresend_mock.clock.advance(hours=5)
    flaresend_mock.instance.connect()
    flaresend_mock.settle()
    now = flaresend_mock.clock.now

    (late,) = receiver.expect()
    naive = now - moment(late.event["timestamp"])
    careful = now - datetime.fromtimestamp(late.event["data"]["timestamp"], now.tzinfo)

    assert naive == timedelta(0)
    assert careful == timedelta(hours=5)


def test_what_was_written_while_the_phone_was_away_arrives_at_once_and_in_order(flaresend_mock: Flaresend) -> None:
    receiver = flaresend_mock.webhook_receiver()
    flaresend_mock.instance.disconnect()
    for minute, (sender, text) in enumerate([(ANN, "one"), (BEN, "two"), (ANN, "three")]):
        flaresend_mock.receive(sender, text)
        flaresend_mock.clock.advance(minutes=minute + 1)
    assert [one.status for one in flaresend_mock.deliveries()] == ["waiting"] * 3
    assert receiver.events == []

    flaresend_mock.instance.connect()
    flaresend_mock.settle()
    burst = receiver.expect(3)

    written = [one.event["data"]["timestamp"] for one in burst if one.event["data"]["from"].startswith(ANN)]
    assert [text for text in texts(burst) if text != "two"] == ["one", "three"]
    assert written == sorted(written)
    naive = [one for one in burst if one.event["timestamp"] == burst[0].event["timestamp"]]
    assert len(naive) == 3  # a limit of one message a second, by the time of delivery, drops two of them


def test_messages_to_a_phone_that_was_away_may_be_lost(flaresend_mock: Flaresend) -> None:
    flaresend_mock.settings(offline_messages="drop")
    flaresend_mock.instance.disconnect()

    with pytest.raises(Exception, match="the instance is disconnected"):
        flaresend_mock.receive(ANN, "Hello?")

    assert flaresend_mock.messages() == []


def naive_reader(event: Event) -> str:
    return event["data"]["message"]["conversation"]  # type: ignore[no-any-return]


def careful_reader(event: Event) -> str | None:
    """Read a text, if the event has one."""
    data = event.get("data") if event.get("event") == "message_received" else None
    message = data.get("message") if isinstance(data, dict) else None
    if not isinstance(message, dict):
        return None
    found = message.get("conversation") or message.get("extendedTextMessage", {}).get("text")
    return found if isinstance(found, str) else None


@pytest.mark.parametrize("sample", ["undecryptable", "message-null", "message-empty", "call", "presence-update"])
def test_a_bot_that_expects_a_message_in_each_event_fails_at_others(sample: str, flaresend_mock: Flaresend) -> None:
    receiver = flaresend_mock.webhook_receiver()
    flaresend_mock.event(sample)
    flaresend_mock.receive(ANN, "Hello")
    flaresend_mock.settle()
    other, hello = receiver.expect(2)

    with pytest.raises((KeyError, TypeError)):
        naive_reader(other.event)
    assert careful_reader(other.event) is None
    assert careful_reader(hello.event) == "Hello"


def test_a_bot_that_answers_its_own_messages_talks_to_itself(flaresend_mock: Flaresend) -> None:
    receiver = flaresend_mock.webhook_receiver()
    flaresend_mock.event("own-message")
    flaresend_mock.event("status-broadcast")
    flaresend_mock.receive(ANN, "Hello")
    flaresend_mock.settle()
    events = [one.event for one in receiver.expect(3)]

    def careful(event: Event) -> bool:
        return not event["data"].get("fromMe") and event["data"]["from"] != "status@broadcast"

    assert [bool(event["data"]["message"]) for event in events] == [True] * 3
    assert sorted(careful(event) for event in events) == [False, False, True]


def test_a_message_that_could_not_be_decrypted_comes_again_under_its_id(flaresend_mock: Flaresend) -> None:
    receiver = flaresend_mock.webhook_receiver()
    first = flaresend_mock.event("undecryptable")["data"]
    flaresend_mock.event({"event": "message_received", "data": {**first, "message": {"conversation": "Here it is"}}})
    flaresend_mock.settle()
    events = [one.event for one in receiver.expect(2)]

    def kept(events: list[Event], *, careful: bool) -> list[str | None]:
        seen, found = set(), []
        for event in events:
            if event["data"]["id"] not in seen:
                found.append(careful_reader(event))
            if not careful or careful_reader(event) is not None:
                seen.add(event["data"]["id"])
        return [text for text in found if text]

    assert kept(events, careful=False) == []
    assert kept(events, careful=True) == ["Here it is"]


def test_a_receiver_that_writes_the_body_anew_refuses_what_is_signed(flaresend_mock: Flaresend) -> None:
    receiver = flaresend_mock.webhook_receiver(secret=SECRET, body_style="escaped")
    flaresend_mock.receive(ANN, "Habari 👋 / ü")
    flaresend_mock.settle()
    (received,) = receiver.expect()

    def signature(body: bytes) -> str:
        return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    for anew in (
        json.dumps(received.event, separators=(",", ":")),  # Python escapes letters, and no slashes
        json.dumps(received.event, separators=(",", ":"), ensure_ascii=False),  # as JSON.stringify does
    ):
        assert signature(anew.encode()) != received.headers["x-hub-signature-256"]
    assert signature(received.body) == received.headers["x-hub-signature-256"]
    assert received.text == "Habari 👋 / ü"
    assert b"\\ud83d\\udc4b \\/ \\u00fc" in received.body
    assert received.body.isascii()


def test_a_retry_that_is_overtaken_leaves_a_naive_bot_with_the_older_state(flaresend_mock: Flaresend) -> None:
    receiver = flaresend_mock.webhook_receiver(ordered=False, retries=[60])
    receiver.status = 503
    flaresend_mock.receive(ANN, "Two pizzas")
    flaresend_mock.settle()
    receiver.status = 200
    flaresend_mock.clock.advance(seconds=30)
    flaresend_mock.receive(ANN, "No, three")
    flaresend_mock.settle()
    flaresend_mock.clock.advance(seconds=60)
    flaresend_mock.settle()
    events = receiver.expect(2)

    naive = texts(events)[-1]
    careful = max(events, key=lambda one: one.event["data"]["timestamp"]).text

    assert texts(events) == ["No, three", "Two pizzas"]
    assert (naive, careful) == ("Two pizzas", "No, three")


def test_retries_and_redeliveries_resend_the_same_bytes(flaresend_mock: Flaresend) -> None:
    receiver = flaresend_mock.webhook_receiver(retries=[60, 600])
    flaresend_mock.fault(on="deliveries", action="drop_response", times=2)
    flaresend_mock.receive(ANN, "Once")
    flaresend_mock.settle()
    flaresend_mock.clock.advance(minutes=1)
    flaresend_mock.clock.advance(minutes=10)
    flaresend_mock.settle()
    flaresend_mock.redeliver(flaresend_mock.deliveries()[0])
    flaresend_mock.settle()
    events = receiver.expect(4)

    def handled(key: str) -> int:
        return len({one.headers.get(key) or str(one.event) for one in events})

    assert len({one.body for one in events}) == 1
    assert events[0].event["timestamp"] == "2025-11-14T12:00:00.000Z"
    assert len(events) == 4  # what a naive bot handles
    assert len({one.event["data"]["id"] for one in events}) == 1  # what a careful one handles


def test_a_page_that_waits_for_a_scan_waits_forever_once_the_codes_run_out(flaresend_mock: Flaresend) -> None:
    flaresend_mock.settings(qr_codes=3)
    instance, clock = flaresend_mock.instance, flaresend_mock.clock
    instance.disconnect()

    def seen(page: Callable[[str], None], minutes: int) -> list[str]:
        """Return what a page sees that looks at the status each minute."""
        instance.reconnect()
        clock.advance(seconds=1)
        statuses = []
        for _ in range(minutes):
            statuses.append(instance.status)
            page(statuses[-1])
            clock.advance(minutes=1)
        return statuses

    def naive(status: str) -> None:
        pass  # shows the code until the status is connected

    def careful(status: str) -> None:
        if status == "disconnected":
            instance.reconnect()

    assert seen(naive, 6) == ["qr"] * 3 + ["disconnected"] * 3
    assert seen(careful, 6) == ["qr"] * 3 + ["disconnected"] + ["qr"] * 2
    instance.scan()
    clock.advance(seconds=1)
    assert instance.status == "connected"
