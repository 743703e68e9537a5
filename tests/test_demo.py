"""The world `demo` and its bot: on each way to such a world, in all that people write, and whatever fails."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
import requests
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flaresend_mock import FlaresendMock
from flaresend_mock.background import applications, demo_bot
from flaresend_mock.background.demo_bot import BOT, TEXTS
from flaresend_mock.background.realtime import utc_now
from flaresend_mock.core.models import Call
from flaresend_mock.core.state import State
from flaresend_mock.core.store import HostServices
from flaresend_mock.core.world import World
from flaresend_mock.demo import with_conversations
from flaresend_mock.package_data import sample, world_file
from flaresend_mock.world_format import load_file
from flaresend_mock.world_format.write import export

ECHO, BRIAN, AMINA = "254711000001", "254711000002", "254711000003"
DANIEL = "254733000999"  # writes for the first time
SECONDS = 30
NOON = datetime(2025, 11, 14, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def pasts() -> dict[bytes, State]:
    return {}


@pytest.fixture(autouse=True)
def one_past(pasts: dict[bytes, State], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the past of each state once for all tests, which takes longer than most of them."""

    def kept(state: State, *arguments: Any) -> State:
        key = export(state, secrets=True)
        if key not in pasts:
            pasts[key] = with_conversations(state, *arguments)
        return pasts[key].copy()

    monkeypatch.setattr("flaresend_mock.demo.with_conversations", kept)


@pytest.fixture
def demo() -> Iterator[FlaresendMock]:
    with FlaresendMock(demo=True, log_level="error") as emulator:
        yield emulator


def steer(emulator: FlaresendMock, method: str, path: str, world: str = "default", /, **body: Any) -> Any:
    """Call the control plane."""
    given = {"json": body} if body else {}
    response = requests.request(
        method, f"{emulator.url}/_mock/{path}", params={"world": world}, timeout=2 * SECONDS, **given
    )
    assert response.ok, response.text
    return response.json()


def write(emulator: FlaresendMock, text: str = "", sender: str = DANIEL, world: str = "default", **more: Any) -> str:
    """Write as a customer, wait until the bot is done, and return what it wrote since then in that chat, in lines."""
    chat = more.get("group", sender)
    before = len(said(emulator, chat, world))
    steer(emulator, "POST", "inbound", world, **{"from": sender}, **({"text": text} if text else {}), **more)
    settle(emulator, world)
    return "\n".join(said(emulator, chat, world)[before:])


def settle(emulator: FlaresendMock, world: str = "default") -> None:
    """Wait until the bot is done."""
    assert steer(emulator, "POST", "deliveries/settle", world) == {"settled": True}


def said(emulator: FlaresendMock, chat: str, world: str = "default") -> list[str]:
    """Return the texts that were sent in a chat."""
    shown = steer(emulator, "GET", "messages", world)["messages"]
    return [one["text"] for one in shown if one["direction"] == "outbound" and one["chat"].startswith(chat)]


def calls(emulator: FlaresendMock, world: str = "default") -> list[Call]:
    """Return the calls of the bot, oldest first."""
    events = emulator.worlds.get(world).state.events.since(0, "request")
    found = [event.subject for event in events if isinstance(event.subject, Call)]
    return [one for one in found if ("HTTP_USER_AGENT", demo_bot.AGENT) in one.headers]


def like(name: str) -> re.Pattern[str]:
    """Return a pattern of a text of the bot, whatever stands in its gaps."""
    return re.compile(".+".join(map(re.escape, re.split(r"{\w+}", TEXTS[name]))), re.DOTALL)


# --- the past


def test_the_world_was_lived_in_before(demo: FlaresendMock) -> None:
    world = demo.worlds.default()
    times = [message.at for message in world.state.messages]

    assert len(times) > 20
    assert times == sorted(times)
    assert utc_now() - times[0] > timedelta(days=2)
    assert utc_now() - times[-1] > timedelta(minutes=1)
    assert {one.chat for one in world.state.messages} >= {f"{BRIAN}@s.whatsapp.net"}
    assert not world.state.open_deliveries
    (asked,) = [one for one in world.state.messages if one.content.text == "Who brings the bread on Saturday?"]
    assert asked.sender in world.state.groups[asked.chat].members


def test_the_past_is_made_of_calls_and_webhooks(demo: FlaresendMock) -> None:
    """Each text that was sent at once is in the body of a call, and each that was received in a delivered event."""
    state = demo.worlds.default().state
    made = [event.subject for event in state.events.since(0) if isinstance(event.subject, Call)]
    scheduled = {task.content.text for task in state.ended_tasks}
    sent = [one.content.text for one in state.messages if one.direction == "outbound"]
    received = [one.id for one in state.messages if one.direction == "inbound"]
    delivered = {one.message: one for one in state.deliveries}

    assert all(call.status == 200 and b'"success":true' in call.response for call in made)
    bodies = {json.loads(call.body)["text"] for call in made}
    assert set(sent) <= bodies
    assert scheduled <= bodies
    assert len(scheduled) == 2
    assert {delivered[id_].status for id_ in received} == {"delivered"}
    assert {delivered[id_].attempts[0].response for id_ in received} == {'{"received":true}'}
    assert {one.at.second for task in state.ended_tasks for one in state.messages if one.content == task.content} == {0}
    assert {one.content.type for one in state.messages} >= {"text", "image"}
    assert len(state.tasks) == 1  # a reminder is to come
    causes = {one.cause.id for one in state.messages if one.direction == "outbound" and one.cause is not None}
    assert causes <= {call.id for call in made} | {task.id for task in state.ended_tasks}
    assert all(one.cause is not None for one in state.messages if one.direction == "outbound")


def test_the_past_is_the_same_for_a_seed_and_a_start() -> None:
    states = [load_file(world_file("demo")), load_file(world_file("demo")), load_file(world_file("demo"), seed=8)]
    one, same, other = (
        export(with_conversations(state, NOON, HostServices[World](sample_media=sample)), secrets=True)
        for state in states
    )

    assert one == same
    assert one != other


# --- every way to such a world


def test_the_bot_replies_and_its_call_is_on_record(demo: FlaresendMock) -> None:
    assert write(demo, "menu please", BRIAN) == TEXTS["menu"]

    call = calls(demo)[-1]
    assert (call.path, call.status) == ("/send-message", 200)
    assert ("HTTP_USER_AGENT", "demo-bot/1.0") in call.headers
    assert json.loads(call.body)["recipients"] == [BRIAN]


def test_the_bot_is_there_after_a_reset_and_a_snapshot(demo: FlaresendMock) -> None:
    steer(demo, "POST", "snapshots/before")
    assert write(demo, "menu") == TEXTS["menu"]
    steer(demo, "POST", "reset")
    assert said(demo, DANIEL) == []
    assert write(demo, "menu") == TEXTS["menu"]
    steer(demo, "POST", "snapshots/before/restore")
    assert write(demo, "menu") == TEXTS["menu"]


@pytest.mark.parametrize("options", [{}, {"demo": True}, {"strict": True}, {"auth": "open"}])
def test_each_visitor_gets_a_fresh_world_on_any_emulator(options: dict[str, Any]) -> None:
    with FlaresendMock(log_level="error", **options) as emulator:
        names = [steer(emulator, "POST", "worlds", fixture="demo")["name"] for _ in range(2)]
        first, second = (emulator.worlds.get(name) for name in names)
        assert len(first.state.messages) == len(second.state.messages) > 20

        assert write(emulator, "order sourdough", world=names[0]).startswith("Noted: *sourdough*")
        assert like("nothing").fullmatch(write(emulator, "my order", world=names[1]))
        assert [len(emulator.worlds.get(name).state.tasks) for name in names] == [2, 1]
        assert [one.path for one in calls(emulator, names[0])[-2:]] == ["/send-message", "/schedule-message"]
        assert len(calls(emulator, names[0])) == len(calls(emulator, names[1])) + 1


def test_an_export_goes_on_in_another_world_of_another_emulator(demo: FlaresendMock) -> None:
    assert like("ask").fullmatch(write(demo, "order cake"))
    exported = steer(demo, "GET", "world")

    with FlaresendMock(log_level="error") as other:
        made = steer(other, "POST", "worlds", name="moved", export=exported)
        assert made["warnings"]  # the key is another one
        assert like("noted").fullmatch(write(other, world="moved", type="image", media={"sample": "jpeg"}))
        assert said(demo, DANIEL)[1:] == []
        steer(other, "PUT", "world", **exported)
        assert like("ask").fullmatch(write(other, "my order"))


def test_the_world_option_and_a_key_of_ones_own_have_the_bot_too() -> None:
    with FlaresendMock(world="demo", api_key="a-key-of-mine", log_level="error") as emulator:
        assert write(emulator, "menu", BRIAN) == TEXTS["menu"]


def test_another_world_gets_the_bot_by_the_option_alone() -> None:
    with FlaresendMock(
        world='{"version": 1, "instances": [{"number": "254700111222", "api_keys": ["k"]}]}', demo=True
    ) as one:
        assert write(one, "menu") == TEXTS["menu"]
    with FlaresendMock(log_level="error") as other:
        assert other.worlds.default().instances.first().webhook is None


def test_a_second_instance_replies_with_its_own_key(demo: FlaresendMock) -> None:
    webhook = demo.worlds.default().instances.first().webhook
    assert webhook is not None
    made = steer(demo, "POST", "instances", number="254700111222", name="Second", api_key="second-key")
    steer(demo, "PUT", f"instances/{made['id']}/webhook", url=webhook.url)
    steer(demo, "POST", f"instances/{made['id']}/status", status="connected")

    assert write(demo, "menu", instance=made["id"]) == TEXTS["menu"]
    assert calls(demo)[-1].instance == made["id"]


def test_an_instance_without_a_key_gets_no_replies(demo: FlaresendMock) -> None:
    instance = demo.worlds.default().instances.first()
    for one in steer(demo, "GET", f"instances/{instance.id}/api-keys")["api_keys"]:
        steer(demo, "DELETE", f"instances/{instance.id}/api-keys/{one['id']}")

    assert write(demo, "menu") == ""
    assert {one.status for one in demo.worlds.default().state.deliveries} == {"delivered"}


def test_a_webhook_of_ones_own_is_left_alone() -> None:
    url = "http://127.0.0.1:9/webhook"
    with FlaresendMock(demo=True, webhook_url=url, log_level="error") as emulator:
        webhook = emulator.worlds.default().instances.first().webhook

    assert webhook is not None
    assert webhook.url == url


def test_a_demonstration_can_be_stopped_and_there_can_be_two() -> None:
    with FlaresendMock(demo=True, log_level="error") as one, FlaresendMock(demo=True, log_level="error") as two:
        assert write(one, "order cake").startswith("One *cake*")
        assert like("nothing").fullmatch(write(two, "my order"))


def test_the_bot_is_imported_by_its_users_only() -> None:
    script = (
        "import sys; from flaresend_mock import FlaresendMock; FlaresendMock(log_level='error').start().stop();"
        "print(*(name for name in sys.modules if 'demo' in name))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []


# --- what it understands


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hi there", "hello"),
        ("the MENU, please", "menu"),
        ("price", "menu"),
        ("How much is it?", "menu"),
        ("What does the chocolate cake cost?", "cake"),
        ("When do you open?", "hours"),
        ("Where are you?", "where"),
        ("Can you deliver?", "delivery"),
        ("my order", "nothing"),
        ("cancel", "nothing"),
        ("plain", "nothing"),
        ("order", "what"),
        ("order two croissants", "noted"),
        ("I'd like to order sourdough\nand more", "noted"),
        ("Order cake please 🙏", "ask"),
        ("1", "confirmed"),
        ("On my way", "coming"),
        ("Tell me a joke", "puzzled"),
        ("{0} %s {order}", "puzzled"),
    ],
)
def test_the_bot_understands(text: str, name: str, demo: FlaresendMock) -> None:
    assert like(name).fullmatch(write(demo, text))


@pytest.mark.parametrize("text", ["OK, thanks!", "Thank you!", "bye"])
def test_the_customer_may_end_the_conversation(text: str, demo: FlaresendMock) -> None:
    assert write(demo, text) == ""


@pytest.mark.parametrize(
    ("kind", "more", "name"),
    [
        ("image", {}, "image"),
        ("view_once", {}, "image"),
        ("video", {}, "video"),
        ("gif", {}, "video"),
        ("voice", {}, "voice"),
        ("audio", {}, "voice"),
        ("location", {}, "location"),
        ("document", {}, "document"),
        ("contact", {"contact": {"name": "Jane"}}, "contact"),
        ("poll", {"text": "Which?", "options": ["a", "b"]}, "poll"),
        ("sticker", {}, "sticker"),
    ],
)
def test_the_bot_thanks_for_every_kind(kind: str, more: dict[str, Any], name: str, demo: FlaresendMock) -> None:
    assert write(demo, type=kind, **more) == TEXTS[name]


def test_what_it_does_not_understand_gets_one_hint(demo: FlaresendMock) -> None:
    assert write(demo, "xyzzy") == TEXTS["puzzled"]
    assert write(demo, "plugh") == ""
    assert write(demo, "menu") == TEXTS["menu"]
    assert write(demo, "xyzzy") == TEXTS["puzzled"]


@pytest.mark.parametrize("letter", [{"text": "menu", "from_lid": True}, {"type": "channel_image"}])
def test_the_bot_keeps_quiet_where_the_api_reaches_no_writer(letter: dict[str, Any], demo: FlaresendMock) -> None:
    before = steer(demo, "GET", "requests")["requests"]
    steer(demo, "POST", "inbound", **{"from": BRIAN}, **letter)
    settle(demo)

    assert steer(demo, "GET", "requests")["requests"] == before


@pytest.mark.parametrize(
    "change", [{"type": "reaction", "emoji": "👍"}, {"type": "edit", "text": "menu"}, {"type": "delete"}]
)
def test_changes_of_a_message_get_no_reply(change: dict[str, Any], demo: FlaresendMock) -> None:
    write(demo, "hello")
    target = steer(demo, "GET", "messages")["messages"][-2]["id"]

    assert write(demo, **change, target=target) == ""


@pytest.mark.parametrize(
    "event",
    [
        {"event": "message_received"},
        {"event": "message_received", "data": []},
        {"event": "message_received", "data": {"id": 5, "from": 7, "message": "x"}},
        {"event": "message_received", "data": {"from": f"{DANIEL}@s.whatsapp.net", "message": {"conversation": 7}}},
        {"event": "message_ack", "data": {"id": "ABC"}},
        {"event": "message_received", "data": {"id": ["x"], "from": ["y"]}},
    ],
)
def test_an_event_of_ones_own_is_accepted_whatever_is_in_it(event: dict[str, Any], demo: FlaresendMock) -> None:
    steer(demo, "POST", "inbound", event=event)
    settle(demo)

    assert {one.status for one in demo.worlds.default().state.deliveries} == {"delivered"}


def test_a_test_of_its_webhook_passes(demo: FlaresendMock) -> None:
    instance = demo.worlds.default().instances.first().id
    assert steer(demo, "POST", f"instances/{instance}/webhook/test")["verified"]


def test_no_text_of_the_bot_makes_its_own_people_speak() -> None:
    """A customer who is demonstrated must not go on alone."""
    whens = [rule.when for person in load_file(world_file("demo")).people.values() for rule in person.rules]

    assert len(whens) >= 5
    assert None not in whens
    assert [(when, text) for when in whens for text in TEXTS.values() if when and when.lower() in text.lower()] == []


def test_people_and_the_bot_come_to_an_end(demo: FlaresendMock) -> None:
    """Someone who repeats everything hears two replies, and no more."""
    steer(demo, "PUT", f"people/{DANIEL}", name="Daniel", rules=[{"after": 1}])
    assert write(demo, "menu") == TEXTS["menu"]
    for _ in range(20):
        fired = steer(demo, "POST", "clock/advance", seconds=60)["fired"]
        settle(demo)
        if not fired and not demo.worlds.default().state.auto_replies:
            break
    else:
        pytest.fail("they never end")
    assert len(said(demo, DANIEL)) == 2


def test_two_bots_do_not_talk_to_each_other(demo: FlaresendMock) -> None:
    first = demo.worlds.default().instances.first()
    assert first.webhook is not None
    made = steer(demo, "POST", "instances", number="254700111222", api_key="second-key", status="connected")
    steer(demo, "PUT", f"instances/{made['id']}/webhook", url=first.webhook.url)
    before = len(calls(demo))

    for text in ("hours", "menu"):
        body, headers = (
            {"recipients": [first.number], "type": "text", "text": text},
            {"Authorization": "Bearer second-key"},
        )
        assert requests.post(f"{demo.url}/send-message", json=body, headers=headers, timeout=SECONDS).ok
    settle(demo)

    assert len(calls(demo)) == before
    assert write(demo, "menu") == TEXTS["menu"]


def test_the_beginning_of_a_long_text_is_read(demo: FlaresendMock) -> None:
    """A pattern may take the square of the length of a text."""
    most = demo_bot.MAX_READ
    assert write(demo, "x" * (most - 5) + " menu") == TEXTS["menu"]
    assert write(demo, "x" * (most - 4) + " menu", BRIAN) == TEXTS["puzzled"]
    ordered = write(demo, "order bread" + " ," * 30_000 + "x", AMINA)
    assert like("noted").fullmatch(ordered)


# --- groups


@pytest.fixture
def group(demo: FlaresendMock) -> dict[str, Any]:
    """Return arguments of `write` by which a member writes in a group of the shop."""
    found = next(iter(demo.worlds.default().state.groups.values()))
    number = demo.worlds.default().instances.first().number
    return {"sender": next(one for one in found.members if one != number), "group": found.id}


def test_the_bot_is_silent_in_groups_until_it_is_addressed(demo: FlaresendMock, group: dict[str, Any]) -> None:
    number = demo.worlds.default().instances.first().number

    assert write(demo, "menu", **group) == ""
    assert write(demo, "Is the demo SHOP open?", **group) == TEXTS["hours"]
    assert write(demo, "menu", mentions=[number], **group) == TEXTS["menu"]
    sent = steer(demo, "GET", "messages")["messages"][-1]["id"]
    assert write(demo, "menu", mentions=[BRIAN], **group) == ""
    assert write(demo, "And where?", reply_to=sent, **group) == TEXTS["where"]
    assert calls(demo)[-1].path == "/groups/send-message"


# --- orders


def test_a_cake_is_ordered_with_a_photo_and_the_reminder_comes(demo: FlaresendMock) -> None:
    assert like("ask").fullmatch(write(demo, "order cake"))
    assert like("ask").fullmatch(write(demo, "my order"))
    assert write(demo, "hours") == TEXTS["hours"]
    assert like("noted").fullmatch(write(demo, type="image", media={"sample": "jpeg"}))
    assert like("mine").fullmatch(write(demo, "my order"))

    tasks = demo.worlds.default().state.tasks
    (task,) = [one for one in tasks.values() if one.recipients == (DANIEL,)]
    assert timedelta(hours=2, minutes=55) < task.send_at - utc_now() <= timedelta(hours=3)
    while task.id in tasks:
        steer(demo, "POST", "clock/advance", to_next=True)
    assert like("reminder").fullmatch(said(demo, DANIEL)[-1])
    assert like("nothing").fullmatch(write(demo, "my order"))


def test_a_photo_may_come_first(demo: FlaresendMock) -> None:
    assert write(demo, type="image", media={"sample": "jpeg"}) == TEXTS["image"]
    assert like("noted").fullmatch(write(demo, "order cake"))


def test_an_order_is_cancelled_with_its_reminder(demo: FlaresendMock) -> None:
    tasks = demo.worlds.default().state.tasks
    write(demo, "order croissants")
    assert len(tasks) == 2

    assert like("cancel").fullmatch(write(demo, "cancel"))
    assert len(tasks) == 1
    assert calls(demo)[-2].method == "DELETE"
    assert like("nothing").fullmatch(write(demo, "my order"))


def test_each_customer_has_an_order_of_their_own(demo: FlaresendMock) -> None:
    write(demo, "order *2* {croissants}")

    assert "*2* {croissants}" in write(demo, "my order")
    assert "*cake*" in write(demo, "my order", AMINA)
    assert like("nothing").fullmatch(write(demo, "my order", BRIAN))


# --- faults


def fault(emulator: FlaresendMock, **more: Any) -> None:
    steer(emulator, "POST", "faults", match={"path": "/send-message"}, **more)


@pytest.mark.parametrize(
    "given",
    [
        {"respond": {"status": 500}, "times": 1},
        {"respond": {"status": 503}, "times": 3},
        {"respond": {"status": 425}, "times": 1},
        {"respond": {"status": 401}, "times": 2},
        {"action": "reset", "times": 3},
        {"action": "drop_response"},
        {"action": "drop_response", "times": 1},
        {"action": "truncate"},
        {"action": "corrupt"},
    ],
    ids=str,
)
def test_a_fault_costs_no_reply_and_doubles_none(
    given: dict[str, Any], demo: FlaresendMock, caplog: pytest.LogCaptureFixture
) -> None:
    fault(demo, **given)
    steer(demo, "PATCH", "clock", frozen=True)
    write(demo, "order sourdough")
    steer(demo, "POST", "clock/advance", seconds=20)
    settle(demo)

    (reply,) = said(demo, DANIEL)
    assert like("noted").fullmatch(reply)
    assert len(demo.worlds.default().state.tasks) == 2
    assert "Traceback" not in caplog.text


def test_a_reply_that_comes_late_apologises(demo: FlaresendMock) -> None:
    fault(demo, respond={"status": 503}, times=12)
    steer(demo, "PATCH", "clock", frozen=True)
    write(demo, "menu")
    steer(demo, "POST", "clock/advance", seconds=60)
    settle(demo)

    assert said(demo, DANIEL) == [TEXTS["late"] + TEXTS["menu"]]


def test_an_event_that_comes_twice_gets_one_reply(demo: FlaresendMock) -> None:
    write(demo, "order sourdough", chaos={"duplicate": 1})
    last = steer(demo, "GET", "deliveries")["deliveries"][-1]
    steer(demo, "POST", f"deliveries/{last['id']}/redeliver")
    settle(demo)

    assert len(said(demo, DANIEL)) == 1
    assert len(demo.worlds.default().state.tasks) == 2


def test_an_attempt_does_not_overtake_an_earlier_one(demo: FlaresendMock) -> None:
    """Whose webhook timed out may be calling the API still."""
    world, called, released = demo.worlds.default(), Event(), Event()

    def api(environ: Any, start_response: Any) -> Any:
        called.set()
        released.wait(SECONDS)
        return demo.app(environ, start_response)

    def post() -> str:
        environ = EnvironBuilder(method="POST", json=event).get_environ()
        applications.origin.set((api, world))
        return run_wsgi_app(demo_bot.bot, environ)[1]

    world.instances.set_webhook(None, None)
    event = steer(demo, "POST", "inbound", **{"from": DANIEL}, text="menu")["event"]
    with ThreadPoolExecutor() as threads:
        outcomes = [threads.submit(post)]
        assert called.wait(SECONDS)
        outcomes.append(threads.submit(post))
        released.set()
        assert [outcome.result(SECONDS) for outcome in outcomes] == ["200 OK", "200 OK"]

    assert said(demo, DANIEL) == [TEXTS["menu"]]


# --- the suggestions


def chips(emulator: FlaresendMock, sender: str = DANIEL) -> list[str]:
    shown = page(
        emulator, f"parts/suggestions/{emulator.worlds.default().instances.first().id}/{sender}@s.whatsapp.net"
    )
    return re.findall(r">([^<]+)</button>", shown)


def page(emulator: FlaresendMock, path: str) -> str:
    return requests.get(f"{emulator.url}/_mock/ui/w/default/{path}", timeout=SECONDS).text


def test_the_suggestions_follow_the_conversation(demo: FlaresendMock) -> None:
    assert chips(demo) == ["menu", "order cake", "a photo"]
    for label, left in (
        ("menu", ["order cake", "a photo"]),
        ("order cake", ["a photo", "plain", "cancel"]),
        ("a photo", ["my order", "cancel", "skip to the pick-up"]),
        ("my order", ["cancel", "skip to the pick-up"]),
    ):
        assert write(demo, **BOT["chips"][label])
        assert chips(demo) == left
    steer(demo, "POST", "clock/advance", seconds=4 * 3600)
    assert chips(demo) == ["thanks", "menu"]


def test_every_suggestion_is_understood(demo: FlaresendMock) -> None:
    for label, body in BOT["chips"].items():
        if label != "thanks":
            assert write(demo, **body) not in ("", TEXTS["puzzled"]), label


def test_the_dashboard_guides_through_the_demo_alone(demo: FlaresendMock) -> None:
    chat = f"{demo.worlds.default().instances.first().id}/{BRIAN}@s.whatsapp.net"
    assert f'<a href="../../w/default/chats/{chat}">Brian Otieno</a>' in page(demo, "chats")
    assert 'id="chips"' in page(demo, f"chats/{chat}")
    assert 'id="chips"' not in page(
        demo, f"chats/{chat.partition('/')[0]}/{next(iter(demo.worlds.default().state.groups))}"
    )

    steer(demo, "DELETE", f"people/{BRIAN}")
    assert ">a customer</a>" in page(demo, "chats")
    steer(demo, "PUT", f"instances/{chat.partition('/')[0]}/webhook", url="http://127.0.0.1:9/hook")
    assert "A bakery" not in page(demo, "chats")
    assert 'id="chips"' not in page(demo, f"chats/{chat}")
