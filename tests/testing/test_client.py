"""The client behind the fixture: a world as a test sees it."""

from __future__ import annotations

import inspect
import os
import pickle
import re
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, request

from flaresend_mock import FlaresendMock
from flaresend_mock.client import NotAnEmulator
from flaresend_mock.control.inputs import input_of
from flaresend_mock.core.kinds import KINDS
from flaresend_mock.testing import ControlPlaneError, EmulatorUnreachable, ExpectationFailed, Flaresend, Server
from tests.defaults import ANN, BEN, OUR_NUMBER
from tests.receiver import refusing

ORDER = "Your order 17 is on its way"


def send(mock: Flaresend, text: str = ORDER, to: str = ANN) -> requests.Response:
    body = {"recipients": [to], "type": "text", "text": text}
    return requests.post(f"{mock.url}/send-message", json=body, headers=mock.headers, timeout=10)


def test_what_was_sent_is_expected_and_listed(flaresend_mock: Flaresend) -> None:
    send(flaresend_mock)
    send(flaresend_mock, "another", to=BEN)

    message = flaresend_mock.expect_message(to=ANN, text={"contains": "order"})

    assert (message.text, message.to, message.type, message.status) == (ORDER, ANN, "text", "sent")
    assert flaresend_mock.sent_to("+254 712 345 678") == [message]
    assert [one.text for one in flaresend_mock.messages()] == [ORDER, "another"]
    assert [one.text for one in flaresend_mock.messages(to=BEN)] == ["another"]


def test_more_than_twenty_messages_are_listed(flaresend_mock: Flaresend) -> None:
    for number in range(25):
        send(flaresend_mock, str(number))

    assert len(flaresend_mock.messages(type="text")) == 25


def test_an_unmet_expectation_shows_what_there_was_instead(flaresend_mock: Flaresend) -> None:
    flaresend_mock.webhook("http://127.0.0.1:9/hook", retries=[])
    flaresend_mock.fault("flaky", on="deliveries")
    send(flaresend_mock, "Your order 18 is on its way")
    flaresend_mock.receive(ANN, "thanks")

    with pytest.raises(AssertionError) as failure:
        flaresend_mock.expect_message(to=ANN, text={"contains": "order 17"}, within=0)

    said = str(failure.value)
    assert f"no message like to='{ANN}', text={{'contains': 'order 17'}} within 0 s" in said
    assert 'text is "Your order 18 is on its way", expected {"contains": "order 17"}' in said
    assert f'→ {OUR_NUMBER} to {ANN} text "Your order 18 is on its way"' in said
    assert f'← {ANN} to {OUR_NUMBER} text "thanks"' in said
    assert "webhook:\n  msg_" in said
    assert "faults:\n  fault-1 flaky on deliveries: replaces the response by 503, 30% of the time (matched " in said


def test_what_is_not_to_be_sent_is_not(flaresend_mock: Flaresend) -> None:
    flaresend_mock.expect_no_message(to=ANN)
    send(flaresend_mock)

    with pytest.raises(ExpectationFailed, match="was sent: Your order 17"):
        flaresend_mock.expect_no_message(to=ANN)


def test_a_mistyped_field_is_no_unmet_expectation(flaresend_mock: Flaresend) -> None:
    with pytest.raises(ControlPlaneError, match="did you mean 'text'"):
        flaresend_mock.expect_no_message(txt="x")


def test_calls_are_counted_and_verified_in_order(flaresend_mock: Flaresend) -> None:
    with flaresend_mock.fault(match={"path": "/send-message"}, respond={"status": 503}, times=2) as fault:
        assert [send(flaresend_mock).status_code for _ in range(3)] == [503, 503, 200]
        assert fault.hits == 2

    steps = [{"status": 503}, {"status": 503}, {"status": 200}]
    assert flaresend_mock.verify(path="/send-message", exactly=3, in_order=steps) == 3
    assert [one.status for one in flaresend_mock.requests()] == [503, 503, 200]
    assert flaresend_mock.requests(status=503)[0].fault == fault.id
    with pytest.raises(ExpectationFailed, match="expected exactly 2, found 3"):
        flaresend_mock.verify(path="/send-message", exactly=2)


def test_a_fault_ends_with_its_block(flaresend_mock: Flaresend) -> None:
    with flaresend_mock.fault("down"):
        assert send(flaresend_mock).status_code == 503

    assert send(flaresend_mock).status_code == 200


def test_a_scheduled_message_is_sent_once_its_time_has_come(flaresend_mock: Flaresend) -> None:
    flaresend_mock.clock.freeze("2025-11-14T10:00:00Z")
    body = {"recipients": [ANN], "type": "text", "text": "Again!", "sendAt": "2025-11-15 09:00:00"}
    requests.post(f"{flaresend_mock.url}/schedule-message", json=body, headers=flaresend_mock.headers, timeout=10)
    assert len(flaresend_mock.scheduled()) == 1
    flaresend_mock.expect_no_message(to=ANN)

    (fired,) = flaresend_mock.clock.advance(days=1)

    assert fired["result"] == "sent"
    assert flaresend_mock.expect_message(to=ANN, text="Again!").at.isoformat() == "2025-11-15T09:00:00+00:00"


def test_the_clock_is_held(flaresend_mock: Flaresend) -> None:
    clock = flaresend_mock.clock
    clock.freeze("2025-11-14T10:00:00Z")
    clock.advance(90)
    clock.advance(timedelta(minutes=1), seconds=30)
    clock.advance(to="2025-11-14T11:00:00Z")

    assert clock.now.isoformat() == "2025-11-14T11:00:00+00:00"
    assert clock.advance_to_next() == []
    clock.set("2030-01-01T00:00:00Z")
    assert (clock.now.year, clock.frozen) == (2030, True)
    clock.run()
    assert not clock.frozen


def test_the_instance_is_disconnected_and_connected(flaresend_mock: Flaresend) -> None:
    flaresend_mock.instance.disconnect()
    assert send(flaresend_mock).status_code == 425

    flaresend_mock.instance.connect()
    assert (send(flaresend_mock).status_code, flaresend_mock.instance.status) == (200, "connected")


def test_the_phone_of_an_instance_is_unlinked(flaresend_mock: Flaresend) -> None:
    flaresend_mock.instance.log_out()

    assert send(flaresend_mock).status_code == 425
    assert flaresend_mock.instance.status == "disconnected"


def test_people_groups_and_snapshots(flaresend_mock: Flaresend) -> None:
    before = flaresend_mock.snapshot()
    flaresend_mock.person(BEN, on_whatsapp=False)
    group = flaresend_mock.group("Friends", [ANN])
    assert send(flaresend_mock, to=BEN).json()["invalid_recipients"] == [BEN]
    flaresend_mock.receive(ANN, "hi all", group=group)
    assert flaresend_mock.messages(group=group)[0].text == "hi all"

    before.restore()

    assert send(flaresend_mock, to=BEN).json()["invalid_recipients"] == []
    flaresend_mock.reset()
    assert flaresend_mock.messages() == []


def test_an_inbox_records_what_is_delivered(flaresend_mock: Flaresend) -> None:
    inbox = flaresend_mock.webhook_receiver(secret="shh")

    event = flaresend_mock.receive(ANN, "hi")

    (received,) = inbox.expect(1)
    assert (received.event, received.text) == (event, "hi")
    assert "webhook-signature" in received.headers
    assert flaresend_mock.expect_delivery().event == event


@pytest.mark.flaresend(frozen_at="2025-11-14 13:00")
def test_deliveries_settle_before_anything_is_asserted_of_them(flaresend_mock: Flaresend) -> None:
    inbox = flaresend_mock.webhook_receiver()
    inbox.status = 503
    for text in ("one", "two"):
        flaresend_mock.receive(ANN, text)

    flaresend_mock.settle()

    assert [(one.status, len(one.attempts)) for one in flaresend_mock.deliveries()] == [("retrying", 1), ("pending", 0)]


def test_an_inbox_that_fails_gets_events_again(flaresend_mock: Flaresend) -> None:
    inbox = flaresend_mock.webhook_receiver(retries=[])
    inbox.status = 500
    flaresend_mock.receive(ANN, "hi")
    failed = flaresend_mock.expect_delivery(status="failed")
    inbox.status = 200

    assert [one.status for one in flaresend_mock.redeliver(failed)] == ["delivered"]

    assert [one.text for one in inbox.expect(1)] == ["hi"]
    with pytest.raises(ExpectationFailed, match="1 of 2 events within 0 s: hi"):
        inbox.expect(2, within=0)


def test_an_application_in_this_process_is_called_without_a_socket(flaresend_mock: Flaresend) -> None:
    app = Flask("bot")
    seen: list[Any] = []

    @app.post("/webhook")
    def webhook() -> dict[str, str]:
        data = request.get_json()["data"]
        seen.append(data["message"]["conversation"])
        send(flaresend_mock, f"You said: {seen[-1]}")
        return {"status": "received"}

    flaresend_mock.webhook_app(app, secret="shh")
    flaresend_mock.receive(ANN, "hi")

    assert flaresend_mock.expect_message(to=ANN).text == "You said: hi"
    assert flaresend_mock.expect_delivery().attempts[0].status == 200
    assert seen == ["hi"]


def test_snapshots_without_a_name_are_kept_apart(flaresend_mock: Flaresend) -> None:
    first = flaresend_mock.snapshot()
    send(flaresend_mock)
    named = flaresend_mock.snapshot("mine")

    assert (first.name, named.name) == ("snapshot-1", "mine")
    first.restore()

    assert flaresend_mock.messages() == []


def test_a_fault_that_has_ended_still_tells_its_hits(flaresend_mock: Flaresend) -> None:
    with flaresend_mock.fault("down", times=1) as fault:
        send(flaresend_mock)

    assert fault.hits == 1
    with pytest.raises(RuntimeError, match="arm another"), fault:
        pass


@pytest.mark.parametrize("error", [KeyError("who"), ValueError("what"), SystemExit(3)])
def test_what_an_application_raises_is_said_of_its_attempt(error: BaseException, flaresend_mock: Flaresend) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise error

    flaresend_mock.webhook_app(app, retries=[])
    flaresend_mock.receive(ANN, "hi")

    (attempt,) = flaresend_mock.expect_delivery(status="failed").attempts
    assert f"the application raised {type(error).__name__}" in str(attempt.error)


def test_where_no_emulator_is_that_is_said() -> None:
    with refusing() as silent:
        for url, says in ((silent, "Cannot reach an emulator at"), ("nowhere", "is not a URL")):
            with pytest.raises(EmulatorUnreachable, match=says):
                Flaresend(url, "key").messages()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_message_is_received(kind: str, flaresend_mock: Flaresend) -> None:
    first = flaresend_mock.receive(ANN, "first")["data"]["id"]
    about = {"target": first} if kind in ("reaction", "delete", "edit") else {}
    if kind == "poll_vote":
        about = {"target": flaresend_mock.receive(ANN, type="poll")["data"]["id"]}

    flaresend_mock.receive(ANN, type=kind, **about)

    assert flaresend_mock.deliveries()[-1].event["data"]["id"] != first


def test_a_file_is_received_and_comes_back_as_it_was(flaresend_mock: Flaresend, tmp_path: Path) -> None:
    (tmp_path / "menu.pdf").write_bytes(b"%PDF-1.7 soup")

    event = flaresend_mock.receive(ANN, file=tmp_path / "menu.pdf")

    document = event["data"]["message"]["documentMessage"]
    assert (document["fileName"], document["mimetype"]) == ("menu.pdf", "application/pdf")
    (message,) = flaresend_mock.messages(direction="inbound")
    assert flaresend_mock.media(message) == b"%PDF-1.7 soup"
    flaresend_mock.receive(ANN, "hi")
    with pytest.raises(ValueError, match="is text, without a file"):
        flaresend_mock.media(flaresend_mock.messages()[-1])


def test_a_compiled_regular_expression_is_a_matcher(flaresend_mock: Flaresend) -> None:
    send(flaresend_mock)

    assert flaresend_mock.expect_message(text=re.compile(r"ORDER \d+", re.IGNORECASE)).text == ORDER
    flaresend_mock.expect_no_message(text=re.compile(r"ORDER \d+"))


def test_a_compiled_regular_expression_is_found_where_python_finds_it(flaresend_mock: Flaresend) -> None:
    flaresend_mock.receive(ANN, "Crème brûlée\nété 17")

    for pattern, flags, found in (
        (r"\bbrûlée$", re.MULTILINE, 1),
        (r"\bbrûlée$", 0, 0),
        (r"brûlée.été", re.DOTALL, 1),
        (r"\w{6}", 0, 1),
        (r"\w{6}", re.ASCII, 0),
        (r"ÉTÉ \d # sum", re.VERBOSE | re.IGNORECASE, 0),
        (r"ÉTÉ\ \d # sum", re.VERBOSE | re.IGNORECASE, 1),
    ):
        assert len(flaresend_mock.messages(text=re.compile(pattern, flags))) == found


def test_a_compiled_regular_expression_that_cannot_be_translated_is_refused(flaresend_mock: Flaresend) -> None:
    with pytest.raises(ControlPlaneError, match=r"look-around, back-references, .* are not supported"):
        flaresend_mock.messages(text=re.compile(r"(?<=Order )\d+"))
    with pytest.raises(TypeError, match=r"has a str pattern, not b'Order'"):
        flaresend_mock.messages(text=re.compile(b"Order"))


def test_a_refused_call_is_why_there_is_no_message(flaresend_mock: Flaresend) -> None:
    body = {"recipients": [ANN], "type": "txt", "text": ORDER}
    requests.post(f"{flaresend_mock.url}/send-message", json=body, headers=flaresend_mock.headers, timeout=10)

    with pytest.raises(ExpectationFailed) as failure:
        flaresend_mock.expect_message(to=ANN, within=0)

    assert re.search(r"calls:\n  [-\d]+ [:\d]+ POST /send-message 400 \{.*type", str(failure.value))


@pytest.mark.flaresend(frozen_at="2025-11-14 23:30:00", time_zone="Africa/Nairobi")
def test_a_transcript_is_in_the_worlds_time(flaresend_mock: Flaresend) -> None:
    send(flaresend_mock)

    assert "transcript, Africa/Nairobi time:\n  2025-11-14 23:30:00 → " in flaresend_mock.transcript()


def test_a_snapshot_and_an_inbox_end_with_their_blocks(flaresend_mock: Flaresend) -> None:
    with flaresend_mock.snapshot():
        send(flaresend_mock)
    with flaresend_mock.webhook_receiver(retries=[]):
        pass
    flaresend_mock.receive(ANN, "hi")

    failed = flaresend_mock.expect_delivery(status="failed")
    assert [message.text for message in flaresend_mock.messages()] == ["hi"]
    with flaresend_mock.webhook_receiver() as inbox:
        flaresend_mock.redeliver(failed.id)
        assert inbox.expect(1)[0].text == "hi"


def test_an_application_is_called_no_more_once_its_test_is_over(flaresend_mock_server: Server) -> None:
    called: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        called.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return [b""]

    with flaresend_mock_server.world() as earlier:
        url = earlier.webhook_app(app)
        earlier.receive(ANN, "hi")
        earlier.expect_delivery()
    with flaresend_mock_server.world() as later:
        later.webhook(url, retries=[])
        later.receive(ANN, "hi")
        (attempt,) = later.expect_delivery(status="failed").attempts

    assert (called, attempt.error) == (["/webhook"], "the application is no longer mounted")


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (lambda mock: mock.expect_message(within="2"), ValueError, "within is seconds, from 0 to 300, not '2'"),
        (lambda mock: mock.expect_no_message(within=301), ValueError, "within is seconds"),
        (lambda mock: mock.verify(in_order={"status": 503}), TypeError, "in_order is a list"),
        (lambda mock: mock.clock.freeze(1700000000), TypeError, "a time is a datetime, or text"),
        (lambda mock: mock.messages(text=b"hi"), TypeError, "not JSON serializable"),
        (lambda mock: mock.person("25471/../x", on_whatsapp=False), ControlPlaneError, "There is no"),
        (lambda mock: mock.receive(ANN, file="no-such-file"), FileNotFoundError, "no-such-file"),
    ],
)
def test_a_mistake_in_a_test_is_said_in_its_words(
    given: Callable[[Flaresend], object], error: type[Exception], says: str, flaresend_mock: Flaresend
) -> None:
    with pytest.raises(error, match=says):
        given(flaresend_mock)


def test_a_single_number_is_a_group_with_one_participant(flaresend_mock: Flaresend) -> None:
    group = flaresend_mock.group("Two", ANN)

    assert [one.to for one in (flaresend_mock.sent_to(group) or [])] == []
    response = requests.get(f"{flaresend_mock.url}/groups/{group}", headers=flaresend_mock.headers, timeout=10)
    assert len(response.json()["data"]["participants"]) == 2


def test_whoever_has_not_the_control_token_is_told_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    with FlaresendMock(control_token="a-long-secret") as emulator:
        with pytest.raises(EmulatorUnreachable, match="needs its control token in FLARESEND_MOCK_CONTROL_TOKEN"):
            Server(emulator.url).check()
        with pytest.raises(EmulatorUnreachable, match="has another control token than FLARESEND_MOCK_CONTROL_TOKEN"):
            Server(emulator.url, "wrong").check()
        with Server(emulator.url, "a-long-secret").check().world() as client:
            assert client.messages() == []


def test_what_answers_but_is_no_emulator_is_said_to_be_none(flaresend_mock: Flaresend) -> None:
    with (
        flaresend_mock.webhook_receiver() as inbox,
        pytest.raises(EmulatorUnreachable, match="is not a flaresend-mock emulator"),
    ):
        Server(inbox.url.removesuffix("/webhook")).check()


def test_a_world_where_no_emulator_is_cannot_be_reached(flaresend_mock: Flaresend) -> None:
    with (
        flaresend_mock.webhook_receiver() as inbox,
        pytest.raises(EmulatorUnreachable, match="is not a flaresend-mock emulator"),
    ):
        Server(inbox.url.removesuffix("/webhook")).world().__enter__()


def test_every_turn_of_a_conversation_comes_after_the_one_before(flaresend_mock: Flaresend) -> None:
    flaresend_mock.webhook_app(answering(flaresend_mock))
    flaresend_mock.receive(ANN, "one")
    first = flaresend_mock.expect_message(to=ANN)
    delivery = flaresend_mock.expect_delivery()
    assert flaresend_mock.verify(since=None) == 1

    flaresend_mock.receive(ANN, "two")

    assert flaresend_mock.expect_message(to=ANN, since=None) == first
    assert "You said: one" in flaresend_mock.transcript(since=None)
    assert flaresend_mock.expect_message(to=ANN, since=first).text == "You said: two"
    assert flaresend_mock.expect_delivery(since=delivery).event["data"]["message"]["conversation"] == "two"
    flaresend_mock.expect_no_message(text="You said: one", since=first)


def test_nothing_is_called_unsent_while_its_webhook_is_under_way(flaresend_mock: Flaresend) -> None:
    flaresend_mock.webhook_app(answering(flaresend_mock))
    flaresend_mock.receive(ANN, "hi")

    with pytest.raises(ExpectationFailed, match="was sent: You said: hi"):
        flaresend_mock.expect_no_message(to=ANN)


def answering(mock: Flaresend) -> Flask:
    app = Flask("bot")

    @app.post("/webhook")
    def webhook() -> dict[str, str]:
        send(mock, "You said: " + request.get_json()["data"]["message"]["conversation"])
        return {"status": "received"}

    return app


def test_a_call_with_the_wrong_key_is_shown_where_it_is_missed(flaresend_mock: Flaresend) -> None:
    body = {"recipients": [ANN], "type": "text", "text": ORDER}
    for key in ("nobodys-key", "YOUR_API_KEY"):
        headers = {"Authorization": f"Bearer {key}"}
        requests.post(f"{flaresend_mock.url}/send-message", json=body, headers=headers, timeout=10)

    with pytest.raises(ExpectationFailed) as failure:
        flaresend_mock.expect_message(to=ANN, within=0)

    said = str(failure.value)
    assert "calls:\n  (none)\n" in said
    strays = said.partition("calls with an unknown API key, or one of the default world:\n")[2].splitlines()
    assert [line.split(" ", 5)[5] for line in strays[:2]] == [
        '/send-message 401 {"success": false, "error": "Invalid API key"}',
        "/send-message 200",
    ]


def test_who_was_not_reached_is_said_of_a_call(flaresend_mock: Flaresend) -> None:
    flaresend_mock.person(ANN, on_whatsapp=False)
    send(flaresend_mock)
    send(flaresend_mock, to="999000500")

    said = flaresend_mock.transcript()

    assert f'POST /send-message 200, invalid: ["{ANN}"]' in said
    assert "POST /send-message 200, failed: [" in said


@pytest.mark.flaresend(frozen_at="2025-11-14 10:00")
def test_what_is_still_to_be_sent_is_said(flaresend_mock: Flaresend) -> None:
    body = {"recipients": [ANN], "type": "text", "text": "Again!", "sendAt": "2025-11-15 09:00:00"}
    requests.post(f"{flaresend_mock.url}/schedule-message", json=body, headers=flaresend_mock.headers, timeout=10)

    assert (
        f'scheduled; now it is 2025-11-14 10:00:00, the clock is frozen:\n  2025-11-15 09:00:00 → {ANN} text "Again!"'
    ) in flaresend_mock.transcript()

    flaresend_mock.clock.set("2025-11-15 10:00")
    assert '"Again!" (overdue: sent when time advances)' in flaresend_mock.transcript()


def test_what_a_test_sets_up_is_no_call_of_its_application(flaresend_mock: Flaresend) -> None:
    group = flaresend_mock.group("Friends", [ANN])
    flaresend_mock.scheduled()
    flaresend_mock.receive(ANN, "hi all", group=group)

    assert flaresend_mock.requests() == []
    assert f'← {ANN} to {group} text "hi all"' in flaresend_mock.transcript()


def test_text_beside_a_file_is_its_caption(flaresend_mock: Flaresend) -> None:
    event = flaresend_mock.receive(ANN, "look", media={"sample": "jpeg"})

    assert event["data"]["message"]["imageMessage"]["caption"] == "look"
    assert flaresend_mock.messages(sender=ANN, caption="look")[0].text is None


def test_the_variables_are_taken_back_without_pytest(flaresend_mock_server: Server) -> None:
    with flaresend_mock_server.world() as client:
        client.env("A_URL_OF_A_TEST", "A_KEY_OF_A_TEST")
        assert (os.environ["A_URL_OF_A_TEST"], os.environ["A_KEY_OF_A_TEST"]) == (client.url, client.api_key)

    assert {"A_URL_OF_A_TEST", "A_KEY_OF_A_TEST"}.isdisjoint(os.environ)


def test_what_was_taken_last_is_restored(flaresend_mock: Flaresend) -> None:
    with pytest.raises(RuntimeError, match=r"take one with snapshot\(\)"):
        flaresend_mock.restore()
    flaresend_mock.snapshot()
    send(flaresend_mock)

    flaresend_mock.restore()

    assert flaresend_mock.messages() == []
    assert flaresend_mock.world is not None


def test_a_person_has_the_fields_that_the_control_plane_takes(flaresend_mock: Flaresend) -> None:
    arguments = inspect.signature(flaresend_mock.person).parameters.keys() - {"number"}
    assert arguments == input_of("PersonInput")().fields.keys()

    flaresend_mock.person(BEN, name="Ben", aliases=[5531988561070], addable=False)
    assert send(flaresend_mock, to="5531988561070").json()["successful_recipients"] == [f"{BEN}@s.whatsapp.net"]
    assert flaresend_mock.sent_to("5531988561070") == flaresend_mock.sent_to(BEN) != []


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"world": "dmeo"}, "the world 'dmeo' is not known; did you mean 'demo'"),
        ({"world": "nothing-like-it"}, "known here: default, demo"),
        ({"frozen_at": "yesterday"}, "frozen_at: 'yesterday' is not an ISO 8601 time"),
        ({"seed": "x"}, "seed: "),
        ({"time_zone": "Nairobi"}, "time_zone: "),
        ({"directory": "shut"}, "directory: "),
    ],
)
def test_a_world_that_cannot_be_is_refused(wanted: dict[str, Any], says: str, flaresend_mock_server: Server) -> None:
    with pytest.raises(ValueError, match=says), flaresend_mock_server.world(**wanted):
        pass


def test_waiting_ends_for_those_who_have_stopped_the_time_of_their_process(
    flaresend_mock: Flaresend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.perf_counter", lambda: 1.0)

    with pytest.raises(ExpectationFailed):
        flaresend_mock.expect_message(within=0.05)


def test_a_fault_that_a_reset_took_away_leaves_others_of_its_name_alone(flaresend_mock: Flaresend) -> None:
    with flaresend_mock.fault(match={"path": "/groups"}, respond={"status": 500}) as first:
        flaresend_mock.reset()
        flaresend_mock.fault(match={"path": "/send-message"}, respond={"status": 503})

    assert send(flaresend_mock).status_code == 503
    assert first.hits == 0


@pytest.mark.flaresend(frozen_at="2025-01-01 12:00")
def test_a_reset_leaves_the_clock_as_the_marker_set_it(flaresend_mock: Flaresend) -> None:
    flaresend_mock.clock.advance(hours=1)

    flaresend_mock.reset()

    assert (flaresend_mock.clock.now.isoformat(), flaresend_mock.clock.frozen) == ("2025-01-01T12:00:00+00:00", True)


def test_what_goes_wrong_in_a_block_is_not_hidden_by_its_end() -> None:
    def lose(emulator: FlaresendMock, client: Flaresend) -> None:
        with client.snapshot(), client.fault("down"):
            emulator.stop()
            raise KeyError("mine")

    with (
        FlaresendMock() as emulator,
        Flaresend(emulator.url, emulator.api_key) as client,
        pytest.raises(KeyError, match="mine"),
    ):
        lose(emulator, client)


def test_how_long_time_is_to_pass_is_said_in_one_way(flaresend_mock: Flaresend) -> None:
    for given in ({}, {"days": 1, "to": "2030-01-01"}, {"by": 10, "to": "2030-01-01"}):
        with pytest.raises(TypeError, match="takes a time span"):
            flaresend_mock.clock.advance(**given)  # type: ignore[arg-type]


def test_an_inbox_takes_events_only(flaresend_mock: Flaresend) -> None:
    inbox = flaresend_mock.webhook_receiver(host="::1" if has_ipv6() else "127.0.0.1")
    for body in (b"[1]", b"{", b"[" * 100_000):
        assert requests.post(inbox.url, data=body, timeout=10).status_code == 400
    assert requests.post(inbox.url, data=b'{"event": "another"}', timeout=10).status_code == 200

    with pytest.raises(ExpectationFailed, match="1 of 2 events within 0 s: None"):
        inbox.expect(2, within=0)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_what_is_no_longer_kept_is_said() -> None:
    with FlaresendMock(history=5) as emulator, Flaresend(emulator.url, emulator.api_key) as client:
        for number in range(12):
            send(client, str(number))

        with pytest.raises(ExpectationFailed, match="older ones are no longer kept"):
            client.expect_message(text="0", within=0)


@pytest.mark.parametrize("token", ["t\nk", "ж"])
def test_a_token_that_no_header_can_hold_is_said_to_be_one(token: str, flaresend_mock: Flaresend) -> None:
    with pytest.raises(EmulatorUnreachable, match="A header cannot hold"):
        Server(flaresend_mock.url, token).check()


def test_a_path_behind_the_emulators_address_is_not_its_address(flaresend_mock: Flaresend) -> None:
    with pytest.raises(EmulatorUnreachable, match="is not a flaresend-mock emulator"):
        Server(f"{flaresend_mock.url}/_mock").check()


@pytest.mark.parametrize(
    "error",
    [
        ExpectationFailed("no message"),
        ControlPlaneError(404, "world_not_found", "no such world", {"error": "no such world"}),
        EmulatorUnreachable("Cannot reach it", "refused", is_refused=True),
        NotAnEmulator("http://127.0.0.1:1", 502),
    ],
)
def test_an_error_and_its_class_reach_another_process(error: Exception) -> None:
    kind, again = pickle.loads(pickle.dumps((type(error), error)))

    assert (kind, type(again)) == (type(error), type(error))
    assert (again.args, vars(again)) == (error.args, vars(error))
