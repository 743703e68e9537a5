"""The schedule page: the clock, what is pending, and what ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.models import Attempt, Rule, Webhook
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.schedule import spoken
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, BEN, INSTANCE, described
from tests.support import KEY, RealTime, client_of

PAGE = "/_mock/ui/w/default/schedule"
CLOCK = "/_mock/ui/w/default/parts/clock"
DUE = "/_mock/ui/w/default/parts/due"


def words(client: Client, path: str) -> str:
    """Return what a page or a part says, without its tags."""
    response = client.get(path)
    assert response.status_code == 200, response.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.text)).split())


def schedule(client: Client, text: str, at: str, recipients: list[str] | None = None) -> str:
    body = {"recipients": recipients or [ANN], "type": "text", "text": text, "sendAt": at}
    response = client.post("/schedule-message", headers=KEY, json=body)
    assert response.status_code == 200, response.text
    task_id: str = response.get_json()["task_id"]
    return task_id


def advance(client: Client, seconds: float) -> None:
    assert client.post("/_mock/clock/advance", json={"seconds": seconds}).status_code == 200


def test_a_clock_that_runs_with_real_time_says_so(client: Client) -> None:
    said = words(client, CLOCK)

    assert "10:00:00 Friday, 14 November 2025" in said
    assert "Real time." in said
    assert "Freeze" in said
    assert "Back to real time" not in said


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2025-11-14T12:05:00Z", "Not real time. The clock runs, 2 h 5 min ahead of real time."),
        ("2025-11-13T09:00:00Z", "Not real time. The clock runs, 1 day 1 h behind real time."),
        ("2025-11-14T10:59:59.985Z", "Not real time. The clock runs, 1 h ahead of real time."),
        ("2025-11-14T10:00:30Z", "Not real time. The clock runs, 30 s ahead of real time."),
    ],
)
def test_a_clock_that_shows_another_time_says_how_far_away_it_is(now: str, said: str, client: Client) -> None:
    client.patch("/_mock/clock", json={"now": now})

    assert said in words(client, CLOCK)
    assert "data-real-time" in client.get(CLOCK).text


def test_a_frozen_clock_says_so_and_falls_behind(client: Client, real_time: RealTime) -> None:
    client.patch("/_mock/clock", json={"frozen": True})
    real_time.pass_by(minutes=3)

    response = client.get(CLOCK).text

    assert "Frozen. The clock stands still" in words(client, CLOCK)
    assert "stands still, 3 min behind real time" in words(client, CLOCK)
    assert "data-frozen" in response
    assert """data-body='{"frozen": false}'""" in response
    assert """data-body='{"frozen": true}'""" not in response


def test_back_at_real_time_nothing_is_said_of_another(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2030-01-01T00:00:00Z", "frozen": True})
    client.patch("/_mock/clock", json={"now": "2025-11-14T10:00:00Z", "frozen": False})

    assert "Real time." in words(client, CLOCK)
    assert "Not real time" not in words(client, CLOCK)


def test_the_page_tells_scripts_what_the_time_is(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2025-11-14T11:00:00Z"})

    shown = client.get(PAGE).text

    now = int(datetime(2025, 11, 14, 11, tzinfo=UTC).timestamp() * 1000)
    assert f'data-now="{now}" data-ahead="3600000" data-zone="UTC"' in shown


def test_times_are_those_of_the_worlds_zone(make_world: Callable[[State], World]) -> None:
    client = client_of(make_world(load_world(described(), time_zone="Asia/Kolkata")))
    schedule(client, "Hello", "2025-11-14 20:00:00")

    said = words(client, PAGE)

    assert "15:30:00 Friday, 14 November 2025" in said
    assert "Asia/Kolkata (UTC+05:30)" in said
    assert "Date and time, in Asia/Kolkata" in said
    assert "20:00:00 text Hello +254712345678 in 4 h 30 min" in said


def test_what_is_pending_comes_soonest_first(client: Client) -> None:
    late = schedule(client, "The last one", "2027-01-01 08:00:00")
    soon = schedule(client, "The first one", "2025-11-14 10:30:00", [BEN, ANN])
    then = schedule(client, "The middle one", "2025-11-14 10:30:01")

    shown = client.get(DUE).text

    places = [shown.index(f'data-due="task {one}"') for one in (soon, then, late)]
    assert places == sorted(places)
    said = words(client, DUE)
    assert "Pending 3" in said
    assert "10:30:00 text The first one +254723456789, +254712345678 in 30 min" in said
    assert "01 Jan 2027 08:00:00 text The last one +254712345678 in 412 days 22 h" in said


def test_recipients_are_named_and_lead_to_their_chats(client: Client, world: World) -> None:
    world.people.add(replace(world.state.people[ANN], name="Ann & Co"))
    schedule(client, "Hello", "2025-11-14 10:30:00", [ANN, "+254 700 111 222", "nobody"])

    shown = client.get(PAGE).text

    assert f'href="../../w/default/chats/{INSTANCE}/{ANN}%40s.whatsapp.net">Ann &amp; Co</a>' in shown
    assert ">+254700111222</a>" in shown
    assert "nobody (invalid number)" in words(client, PAGE)


def test_many_recipients_are_counted(client: Client) -> None:
    schedule(client, "Hello", "2025-11-14 10:30:00", [f"25471100000{one}" for one in range(8)])

    assert "+254711000004 and 3 more" in words(client, DUE)


def test_what_others_wrote_is_text_and_nothing_else(client: Client) -> None:
    task_id = schedule(client, '<script>alert("x")</script>', "2025-11-14 10:30:00")

    pending = client.get(PAGE).text
    advance(client, 3600)
    gone = client.get(PAGE).text

    for shown in (pending, gone):
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;" in shown
        assert task_id in shown


def test_a_pending_message_can_be_cancelled_from_here(client: Client) -> None:
    task_id = schedule(client, "Hello", "2025-11-14 10:30:00")

    assert f'data-do="DELETE scheduled/{task_id}"' in client.get(DUE).text


def test_what_ended_is_shown_newest_first_with_its_outcome(client: Client, world: World) -> None:
    sent = schedule(client, "Sent", "2025-11-14 10:10:00")
    cancelled = schedule(client, "Cancelled", "2025-11-14 10:40:00")
    failed = schedule(client, "Failed", "2025-11-14 10:20:00")
    advance(client, 900)
    world.schedule.cancel(INSTANCE, cancelled)
    world.pairing.disconnect(INSTANCE)
    advance(client, 900)

    shown = client.get(DUE).text
    said = words(client, DUE)

    assert "No scheduled messages." in said
    lately = shown.split('id="past-title"')[1]
    places = [lately.index(f'data-due="task {one}"') for one in (failed, cancelled, sent)]
    assert places == sorted(places)
    for outcome, mark in (("failed", "bad"), ("cancelled", "off"), ("sent", "good")):
        assert f'<span class="pill {mark}">{outcome}</span>' in lately
    assert "Instance not ready for messaging" in said
    assert "10:10:00 text Sent" in said
    assert f"{sent} was due 10:10:00" in said
    assert "10:15:00 text Cancelled" in said
    assert f"{cancelled} was due 10:40:00" in said
    assert f"chats/{INSTANCE}/{ANN}%40s.whatsapp.net" in lately


def test_what_is_overdue_while_time_stands_is_said_to_be(client: Client) -> None:
    schedule(client, "Hello", "2025-11-14 10:30:00")
    client.patch("/_mock/clock", json={"now": "2025-11-14T12:00:00Z", "frozen": True})

    assert "overdue" in words(client, DUE)
    assert "Skip to next due overdue" in words(client, CLOCK)


def test_the_next_due_thing_can_be_gone_to_where_there_is_one(client: Client) -> None:
    before = client.get(CLOCK).text
    schedule(client, "Hello", "2025-11-14 10:30:00")

    assert 'data-done="Skipped to the next due timer" disabled>' in before
    assert 'data-done="Skipped to the next due timer">' in client.get(CLOCK).text
    assert "Skip to next due in 30 min" in words(client, CLOCK)


def test_answers_and_pairings_are_due_too(client: Client, world: World) -> None:
    rules = (Rule(None, "I <i>will</i>", 60.0),)
    world.people.add(replace(world.state.people[ANN], name="Ann <b>", rules=rules))
    client.post("/send-message", headers=KEY, json={"recipients": [ANN], "type": "text", "text": "Come?"})
    made = client.post("/_mock/instances", json={"name": "Shop", "number": "254700111222"})
    assert made.status_code == 201

    shown = client.get(DUE).text
    said = words(client, DUE)

    assert "Other timers" in said
    assert "Ann <b> replies: I <i>will</i>" in said
    assert "<i>will" not in shown
    assert "Shop shows its QR code" in said
    assert said.index("Shop shows") < said.index("replies: I")


def test_retries_and_delayed_events_are_due_too(client: Client, world: World) -> None:
    world.timeline.change(frozen=True)
    world.instances.set_webhook(INSTANCE, Webhook("http://127.0.0.1:9/hook", retries=(60.0,)))
    client.post("/_mock/inbound", json={"from": ANN, "text": "one"})
    client.post("/_mock/inbound", json={"from": BEN, "text": "late", "chaos": {"delay": 90}})
    job = world.deliveries.claim(INSTANCE)
    assert job is not None
    failed = Attempt(world.clock.now(), job.webhook.url, (), 500, "", None, 1.0, False)
    world.deliveries.complete(job, failed)

    said = words(client, DUE)

    assert f"Webhook retry Attempt 2 to deliver the event of +{ANN}; the last one got 500" in said
    assert f"Delayed event Webhook event of +{BEN}" in said


def test_other_worlds_have_schedules_of_their_own() -> None:
    client = FlaresendMock().app.test_client()
    client.post("/_mock/worlds", json={"name": "t1", "time_zone": "Asia/Tokyo"})
    client.patch("/_mock/clock?world=t1", json={"now": "2031-05-06T00:00:00Z", "frozen": True})

    assert "09:00:00 Tuesday, 6 May 2031" in words(client, "/_mock/ui/w/t1/schedule")
    assert "Frozen." in words(client, "/_mock/ui/w/t1/schedule")
    assert "Frozen." not in words(client, PAGE)
    assert client.get("/_mock/ui/w/nowhere/schedule").status_code == 404


def test_the_page_has_neither_scripts_nor_styles_within(client: Client) -> None:
    schedule(client, "Hello", "2025-11-14 10:30:00")

    response = client.get(PAGE)

    assert " style=" not in response.text
    assert re.findall(r"<script(?![^>]* src=)", response.text) == []
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(), "0 s"),
        (timedelta(milliseconds=400), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(minutes=2, seconds=1), "2 min 1 s"),
        (timedelta(hours=1, seconds=1), "1 h"),
        (timedelta(days=1, minutes=5), "1 day"),
        (-timedelta(days=1200, hours=2, minutes=1), "1,200 days 2 h"),
    ],
)
def test_spans_are_said_in_their_two_largest_units(span: timedelta, said: str) -> None:
    assert spoken(span) == said
