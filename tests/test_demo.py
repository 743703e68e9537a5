"""`--demo`: the sample conversations, and the bot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import utc_now
from flaresend_mock.demo import TEXTS, reply_to

BRIAN = "254711000002"
SECONDS = 30


@pytest.fixture
def demo() -> Iterator[FlaresendMock]:
    with FlaresendMock(demo=True, log_level="error") as emulator:
        yield emulator


def told(emulator: FlaresendMock, chat: str = BRIAN) -> list[tuple[str, str]]:
    """Return direction and text of the messages of a chat."""
    shown = requests.get(f"{emulator.url}/_mock/messages", timeout=SECONDS).json()["messages"]
    return [(one["direction"], one["text"]) for one in shown if one["chat"].startswith(chat)]


def test_the_world_was_lived_in_before(demo: FlaresendMock) -> None:
    world = demo.worlds.default()
    times = [message.at for message in world.state.messages]

    assert len(times) > 10
    assert times == sorted(times)
    assert utc_now() - times[0] > timedelta(days=2)
    assert utc_now() - times[-1] > timedelta(minutes=1)
    assert {one.chat for one in world.state.messages} >= {f"{BRIAN}@s.whatsapp.net"}
    assert not world.state.open_deliveries


def test_the_bot_answers_and_what_it_asked_for_is_on_record(demo: FlaresendMock) -> None:
    before = told(demo)
    inbound = {"from": BRIAN, "text": "menu please"}
    requests.post(f"{demo.url}/_mock/inbound", json=inbound, timeout=SECONDS).raise_for_status()
    wanted = {"match": {"to": BRIAN, "text": TEXTS["menu"]}, "timeout": SECONDS}
    waited = requests.post(f"{demo.url}/_mock/messages/wait", json=wanted, timeout=2 * SECONDS)

    assert waited.status_code == 200
    assert told(demo)[len(before) :][:2] == [("inbound", "menu please"), ("outbound", TEXTS["menu"])]
    calls = {"match": {"path": "/send-message"}, "timeout": SECONDS}
    (call,) = requests.post(f"{demo.url}/_mock/requests/wait", json=calls, timeout=2 * SECONDS).json()["requests"]
    assert call["headers"]["User-Agent"] == "demo-bot/1.0"


def test_the_bot_is_there_after_a_reset(demo: FlaresendMock) -> None:
    requests.post(f"{demo.url}/_mock/reset", timeout=SECONDS).raise_for_status()

    test_the_bot_answers_and_what_it_asked_for_is_on_record(demo)


@pytest.mark.parametrize("letter", [{"text": "menu", "from_lid": True}, {"type": "channel_image"}])
def test_the_bot_keeps_quiet_where_nobody_can_be_answered(letter: dict[str, object], demo: FlaresendMock) -> None:
    requests.post(f"{demo.url}/_mock/inbound", json={"from": BRIAN, **letter}, timeout=SECONDS).raise_for_status()
    requests.post(f"{demo.url}/_mock/deliveries/settle", timeout=SECONDS).raise_for_status()

    assert requests.get(f"{demo.url}/_mock/requests", timeout=SECONDS).json()["requests"] == []


def test_people_and_the_bot_come_to_an_end(demo: FlaresendMock) -> None:
    """The bot and auto-replies reply to each other until one of them has nothing to say."""
    world = demo.worlds.default()
    for number in [person.number for person in world.state.people.values() if person.rules]:
        inbound = {"from": number, "text": "What is the price of an order?"}
        requests.post(f"{demo.url}/_mock/inbound", json=inbound, timeout=SECONDS).raise_for_status()
    for _ in range(20):
        settled = requests.post(f"{demo.url}/_mock/deliveries/settle", timeout=SECONDS).json()
        assert settled == {"settled": True}
        fired = requests.post(f"{demo.url}/_mock/clock/advance", json={"seconds": 60}, timeout=SECONDS).json()["fired"]
        if not fired and not world.state.auto_replies:
            return
    pytest.fail("they never end")


def test_somebody_elses_webhook_is_left_alone() -> None:
    url = "http://127.0.0.1:9/webhook"
    with FlaresendMock(demo=True, webhook_url=url, log_level="error") as emulator:
        webhook = emulator.worlds.default().instances.first().webhook

    assert webhook is not None
    assert webhook.url == url


def test_a_demonstration_can_be_stopped_and_there_can_be_two() -> None:
    with FlaresendMock(demo=True, log_level="error") as one, FlaresendMock(demo=True, log_level="error") as two:
        urls = {emulator.worlds.default().instances.first().webhook for emulator in (one, two)}
    assert len(urls) == 2


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"conversation": "Hi there"}, TEXTS["hello"]),
        ({"extendedTextMessage": {"text": "the MENU, please"}}, TEXTS["menu"]),
        ({"conversation": "order two croissants"}, "Thank you! I noted *two croissants*. It is ready in 20 minutes."),
        ({"conversation": "OK, thanks!"}, None),
        ({"reactionMessage": {"text": "👍"}}, None),
        ({"imageMessage": {}}, "What a nice picture! 📷"),
        ({"stickerMessage": {}}, "😄"),
        ({"pollCreationMessageV3": {}}, "Got it!"),
        ({}, "Got it!"),
    ],
)
def test_the_bot_replies_to_everything(message: dict[str, object], said: str | None) -> None:
    assert reply_to(message) == said
