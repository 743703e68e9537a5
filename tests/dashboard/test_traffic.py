"""The traffic page: order, filters, pages, news, details and masked secrets."""

from __future__ import annotations

import html
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock.core.models import Attempt, Call, Delivery, Webhook
from flaresend_mock.core.world import World
from flaresend_mock.dashboard import traffic
from tests.defaults import ANN, ANNS_GROUP, BEN, CARA, INSTANCE
from tests.support import KEY

PAGE = "/_mock/ui/w/default/traffic"
PARTS = "/_mock/ui/w/default/parts/traffic"
HOOK = "http://127.0.0.1:9/hook"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def hooked(client: Client, world: World) -> World:
    for number, name in ((ANN, "Ann"), (BEN, "Ben")):
        client.put(f"/_mock/people/{number}", json={"name": name})
    world.instances.set_webhook(INSTANCE, Webhook(HOOK, secret="whsec_dG9wLXNlY3JldA==", retries=(5,)))
    return world


def send(client: Client, to: str = ANN, text: str = "Hello", key: dict[str, str] = KEY) -> int:
    body = {"recipients": [to], "type": "text", "text": text}
    return client.post("/send-message", headers=key, json=body).status_code


def receive(client: Client, sender: str = ANN, text: str = "Hi", **more: Any) -> None:
    response = client.post("/_mock/inbound", json={"from": sender, "text": text, **more})
    assert response.status_code == 201, response.text


def deliver(world: World, status: int | None = 200, response: str = "") -> None:
    """Complete the pending attempt."""
    job = world.deliveries.claim(INSTANCE)
    assert job is not None
    good = status is not None and status < 300
    sent = (("Content-Type", "application/json"), ("X-Token", "t0p-s3cret"), ("webhook-id", "w"))
    error = None if status else "connection reset"
    world.deliveries.complete(job, Attempt(world.clock.now(), HOOK, sent, status, response, error, 12.4, good))


def rows(text: str) -> list[tuple[int, str, str]]:
    """Return number, path and status of every row."""
    found = re.findall(
        r'<li class="entry[^"]*" id="entry-(\d+)">.*?<bdi>(.*?)</bdi>.*?<span class="pill \w+">(.*?)</span>',
        re.sub(r'<span class="badge warn".*?</span>', "", text, flags=re.DOTALL),
        re.DOTALL,
    )
    return [(int(number), html.unescape(where), status) for number, where, status in found]


def listed(client: Client, query: str = "") -> list[str]:
    return [f"{where} {status}" for _, where, status in rows(client.get(f"{PAGE}?{query}").text)]


def state(text: str) -> dict[str, str]:
    """Return the fields that the page sends when it asks for news."""
    seen = text[text.index('id="seen"') :]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', seen[: seen.index("</div>")]))


def test_calls_and_deliveries_are_in_one_list_newest_first(client: Client, hooked: World) -> None:
    send(client)
    receive(client)
    deliver(hooked)
    client.get("/scheduled-messages", headers=KEY)
    client.get("/groups", headers={"Authorization": "Bearer nobody"})
    receive(client, BEN)

    assert listed(client) == [
        f"{HOOK} pending",
        "/groups 401",
        "/scheduled-messages 200",
        f"{HOOK} 200 delivered",
        "/send-message 200",
    ]


def test_rows_tell_whom_they_concern(client: Client, hooked: World) -> None:
    send(client)
    client.post("/check-number", headers=KEY, json={"number": BEN})
    client.get(f"/groups/{ANNS_GROUP}", headers=KEY)
    receive(client, ANN, group=ANNS_GROUP)
    group = hooked.state.groups[ANNS_GROUP].subject

    found = re.findall(r'<span class="who" dir="auto">(.*?)</span>', client.get(PAGE).text)

    assert [html.unescape(one) for one in found] == [group, group, "Ben", "Ann"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=call", ["/groups 500", "/channels 401", "/check-number 200", "/send-message 200"]),
        ("kind=delivery", [f"{HOOK} pending", f"{HOOK} 200 delivered"]),
        ("path=SEND-", ["/send-message 200"]),
        ("path=:9/ho", [f"{HOOK} pending", f"{HOOK} 200 delivered"]),
        ("status=2xx", ["/check-number 200", f"{HOOK} 200 delivered", "/send-message 200"]),
        ("status=4xx", ["/channels 401"]),
        ("status=5xx", ["/groups 500"]),
        ("status=pending", [f"{HOOK} pending"]),
        (f"person={ANN}", [f"{HOOK} 200 delivered", "/send-message 200"]),
        ("person=%2B254+712-345678", [f"{HOOK} 200 delivered", "/send-message 200"]),
        ("person=ann", [f"{HOOK} 200 delivered", "/send-message 200"]),
        (f"person={ANN}&kind=call", ["/send-message 200"]),
        ("person=nobody+at+all", []),
        ("kind=nonsense&status=7xx&after=99999999999999999999", None),
    ],
)
def test_filters(client: Client, hooked: World, query: str, expected: list[str] | None) -> None:
    send(client)
    receive(client)
    deliver(hooked)
    receive(client, CARA)
    client.post("/check-number", headers=KEY, json={"number": BEN})
    client.get("/channels", headers={"Authorization": "Bearer nobody"})
    client.post("/_mock/faults", json={"respond": {"status": 500}, "times": 1})
    client.get("/groups", headers=KEY)

    found = listed(client, query)

    if expected is None:
        assert found == listed(client)
        assert len(found) == 6
    else:
        assert found == expected


def test_what_was_cut_off_failed_and_was_not_sent_is_found(client: Client, hooked: World) -> None:
    client.post("/_mock/faults", json={"action": "reset", "times": 1, "match": {"path": "/groups"}})
    client.get("/groups", headers=KEY)
    receive(client)
    deliver(hooked, None)
    client.post("/_mock/clock/advance", json={"seconds": 5})
    deliver(hooked, 500)
    receive(client, BEN)
    deliver(hooked, None)
    client.post("/_mock/faults", json={"on": "deliveries", "action": "drop", "times": 1})
    receive(client, CARA)

    assert listed(client, "status=cut") == [f"{HOOK} retrying", "/groups no response"]
    assert listed(client, "status=failed") == [f"{HOOK} 500 failed"]
    assert listed(client, "status=5xx") == [f"{HOOK} 500 failed"]
    assert listed(client, "status=pending") == [f"{HOOK} retrying"]
    assert listed(client, "status=unsent") == [f"{HOOK} dropped"]


def test_people_are_found_in_groups_and_groups_by_name(client: Client, hooked: World) -> None:
    receive(client, ANN, group=ANNS_GROUP)
    receive(client, BEN)
    group = hooked.state.groups[ANNS_GROUP].subject

    assert len(listed(client)) == 2
    assert len(listed(client, "person=Ann")) == 1
    assert len(rows(client.get(PAGE, query_string={"person": group.upper()}).text)) == 1


def test_filters_stay_in_the_query_string_and_in_the_form(client: Client) -> None:
    response = client.get(f"{PAGE}?kind=call&path=/a%26b&status=&person=")

    assert response.headers["HX-Replace-Url"] == "traffic?kind=call&path=%2Fa%26b"
    assert '<option value="call" selected>' in response.text
    assert 'value="/a&amp;b"' in response.text
    assert client.get(PAGE).headers["HX-Replace-Url"] == "traffic"


def test_clearing_hides_what_was_and_deletes_nothing(client: Client, world: World) -> None:
    send(client)
    last = world.state.events.last_number

    cleared = client.get(f"{PAGE}?clear=1&path=send")
    send(client, BEN)

    assert rows(cleared.text) == []
    assert cleared.headers["HX-Replace-Url"] == f"traffic?path=send&after={last}"
    assert 'href="' in cleared.text
    assert listed(client, f"path=send&after={last}") == ["/send-message 200"]
    assert len(listed(client)) == 2
    assert len(client.get("/_mock/requests").get_json()["requests"]) == 2


def test_pages_of_fifty_follow_each_other_without_a_gap(client: Client) -> None:
    for number in range(120):
        client.get("/groups" if number % 3 else "/channels", headers=KEY)
    every = [one["id"] for one in client.get("/_mock/requests?limit=500").get_json()["requests"]][::-1]

    text, found = client.get(PAGE).text, []
    sizes = []
    while True:
        found += [number for number, _, _ in rows(text)]
        sizes.append(len(rows(text)))
        more = re.search(r'hx-get="[^"]*(parts/traffic/older\?[^"]*)"', text)
        if more is None:
            break
        text = client.get("/_mock/ui/w/default/" + html.unescape(more[1])).text

    assert found == every
    assert sizes == [50, 50, 20]


def test_older_pages_keep_the_filter(client: Client) -> None:
    for number in range(120):
        client.get("/groups" if number % 2 else "/channels", headers=KEY)
    more = re.search(r'hx-get="[^"]*(parts/traffic/older\?[^"]*)"', client.get(f"{PAGE}?path=gro").text)
    assert more is not None

    older = rows(client.get("/_mock/ui/w/default/" + html.unescape(more[1])).text)

    assert [where for _, where, _ in older] == ["/groups"] * 10


def test_news_has_what_came_since_and_goes_on_from_there(client: Client) -> None:
    send(client)
    seen = state(client.get(PAGE).text)
    client.get("/groups", headers=KEY)
    client.get("/channels", headers=KEY)

    news = client.get(f"{PARTS}/news", query_string=seen)
    again = client.get(f"{PARTS}/news", query_string=state(news.text))

    assert [where for _, where, _ in rows(news.text)] == ["/channels", "/groups"]
    assert 'hx-swap-oob="afterbegin"' in news.text
    assert rows(again.text) == []


def test_news_respects_the_filter(client: Client) -> None:
    seen = state(client.get(f"{PAGE}?path=/groups&kind=call").text)
    client.get("/groups", headers=KEY)
    client.get("/channels", headers=KEY)

    news = client.get(f"{PARTS}/news", query_string=seen)

    assert [where for _, where, _ in rows(news.text)] == ["/groups"]


def test_news_changes_the_row_of_a_delivery_where_it_stands(client: Client, hooked: World) -> None:
    receive(client)
    shown = client.get(PAGE).text
    [(number, _, status)] = rows(shown)
    assert status == "pending"
    deliver(hooked, 500)

    news = client.get(f"{PARTS}/news", query_string=state(shown))

    assert rows(news.text) == []
    assert re.search(rf'id="line-{number}" hx-swap-oob="true"', news.text)
    assert "500 retrying" in news.text
    assert f"delivery-{number}" in news.headers["HX-Trigger"]


def test_a_delivery_that_begins_to_fit_the_filter_appears_and_one_that_ceases_to_is_marked(
    client: Client, hooked: World
) -> None:
    receive(client)
    receive(client, BEN)
    client.get("/groups", headers=KEY)
    pending, done = client.get(f"{PAGE}?status=pending").text, client.get(f"{PAGE}?status=2xx").text
    deliver(hooked)

    left = client.get(f"{PARTS}/news", query_string=state(pending)).text
    came = client.get(f"{PARTS}/news", query_string={**state(done), "oldest": "1"}).text

    assert re.search(r'class="line past" id="line-\d+" hx-swap-oob="true"', left)
    assert [f"{where} {status}" for _, where, status in rows(came)] == [f"{HOOK} 200 delivered"]


def test_too_much_news_replaces_the_list(client: Client) -> None:
    seen = state(client.get(PAGE).text)
    for _ in range(201):
        client.get("/groups", headers=KEY)

    news = client.get(f"{PARTS}/news", query_string=seen).text

    assert re.search(r'<section id="log" hx-swap-oob="true"', news)
    assert len(rows(news)) == traffic.PAGE


def test_a_page_that_is_left_open_does_not_grow_for_ever(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "KEPT", 3)
    text = client.get(PAGE).text
    for _ in range(4):
        client.get("/groups", headers=KEY)
        last = client.get("/_mock/requests").get_json()["requests"]
        text = client.get(f"{PARTS}/news", query_string=state(text)).text

    assert 'hx-swap-oob="delete:#rows > .entry:nth-child(n+4)"' in text
    assert f"before={last[1]['id']}" in text
    assert state(text)["grown"] == "0"


def test_a_call_in_full(client: Client) -> None:
    send(client, text=f"It's {EVIL}")
    [(number, _, _)] = rows(client.get(PAGE).text)

    shown = client.get(f"{PARTS}/{number}").text
    plain = html.unescape(shown)

    assert f'  "text": "It\'s {EVIL}"' in plain
    assert '"success": true' in plain
    assert "Authorization: Bearer ***" in plain
    assert "curl -X POST " in plain
    assert "Authorization: Bearer YOUR_API_KEY" in plain
    assert f'data-copy="curl-{number}"' in shown
    assert "redeliver" not in shown


@pytest.mark.parametrize("query", [ANNS_GROUP, ANNS_GROUP.replace("@", "%2540"), "groups/"])
def test_a_path_is_listed_as_it_is_routed_and_found_and_shown_as_it_was_sent(query: str, client: Client) -> None:
    sent = f"/groups/{ANNS_GROUP.replace('@', '%40')}/"
    client.get(sent, headers=KEY)

    ((number, path, _),) = rows(client.get(f"{PAGE}?path={query}").text)
    details = html.unescape(client.get(f"{PARTS}/{number}").text)

    assert path == f"/groups/{ANNS_GROUP}"
    assert f"Sent as <code>{sent}</code>" in details
    assert f"{sent}'" in details or f"{sent} " in details


def test_a_delivery_in_full_with_every_attempt(client: Client, hooked: World) -> None:
    receive(client, text="Hi there")
    deliver(hooked, 500, '{"why": "<b>no</b>"}')
    [(number, _, _)] = rows(client.get(PAGE).text)
    waiting = client.get(f"{PARTS}/{number}").text
    client.post("/_mock/clock/advance", json={"seconds": 5})
    deliver(hooked, 200)
    id_ = hooked.deliveries.all()[0].id

    shown = client.get(f"{PARTS}/{number}").text

    assert re.search(r"next attempt at <b>10:00:05</b>", waiting)
    assert re.findall(r'<span class="(?:not-)?ok">(\d+)</span>', shown) == ["500", "200"]
    assert '{\n  "why": "<b>no</b>"\n}' in html.unescape(shown)
    assert "12 ms" in shown
    assert "Hi there" in shown
    assert f'data-do="POST deliveries/{id_}/redeliver"' in shown
    assert client.post(f"/_mock/deliveries/{id_}/redeliver").status_code == 202
    assert len(listed(client)) == 2


def test_what_is_not_kept_is_not_found(client: Client) -> None:
    send(client)

    assert client.get(f"{PARTS}/999").status_code == 404
    assert client.get("/_mock/ui/w/nowhere/traffic").status_code == 404


def test_markup_is_text_everywhere(client: Client, hooked: World) -> None:
    client.put(f"/_mock/people/{BEN}", json={"name": EVIL})
    fault = {"name": EVIL, "match": {"path": "/channels"}, "respond": {"status": 500, "body": EVIL}}
    client.post("/_mock/faults", json=fault)
    client.get("/channels", headers={**KEY, "X-Evil": EVIL})
    client.get(f"/{EVIL}", headers=KEY, query_string=EVIL, environ_overrides={"REQUEST_URI": f"/{EVIL}?{EVIL}"})
    send(client, BEN, EVIL)
    receive(client, BEN, EVIL)
    deliver(hooked, 200, EVIL)

    pages = [client.get(PAGE).text, client.get(f"{PAGE}?path={EVIL}&person={EVIL}").text]
    numbers = [number for number, _, _ in rows(pages[0])]
    pages += [client.get(f"{PARTS}/{number}").text for number in numbers]

    assert len(numbers) == 4
    for shown in pages:
        assert "<script>alert" not in shown
        assert "&lt;script&gt;" in shown


def test_no_credential_is_on_any_page(client: Client, hooked: World) -> None:
    key = client.post("/_mock/instances/default/api-keys", json={"api_key": "s3cret-key"}).get_json()
    mine = {"Authorization": "Bearer s3cret-key", "Cookie": "session=c00kie"}
    send(client, key=mine)
    client.get("/groups?key=s3cret-key", headers=mine)
    client.get("/groups/s3cret-key", headers=mine)
    receive(client)
    deliver(hooked)

    shown = client.get(PAGE).text
    shown += "".join(client.get(f"{PARTS}/{number}").text for number, _, _ in rows(shown))

    assert key["api_key"] == "s3cret-key"
    for secret in ("s3cret-key", "c00kie", "t0p-s3cret", "dG9wLXNlY3JldA"):
        assert secret not in shown


def test_a_fault_that_was_met_is_on_the_row_and_in_the_details(client: Client) -> None:
    client.post("/_mock/faults", json={"name": "mine", "respond": {"status": 503}})
    send(client)
    shown = client.get(PAGE).text
    [number] = re.findall(r'id="entry-(\d+)"', shown)

    assert re.search(r'<span class="badge warn"[^>]*>Fault <bdi>mine</bdi></span>', shown)
    assert "Hit by the fault mine: responds with 503<" in client.get(f"{PARTS}/{number}").text
    client.delete("/_mock/faults")
    assert "Hit by the fault mine, which was deleted" in client.get(f"{PARTS}/{number}").text


def test_times_are_those_of_the_worlds_clock_and_zone(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2031-02-03T04:05:06Z", "frozen": True})
    send(client)

    assert 'datetime="2031-02-03T04:05:06+00:00"' in client.get(PAGE).text


@pytest.mark.slow
def test_fifty_thousand_events_are_no_burden(client: Client, world: World) -> None:
    send(client)
    log = world.state.events
    [event] = log.since(0, "request")
    assert isinstance(event.subject, Call)
    log.kept.limit = 50_000
    for number in range(10_000):
        delivery = Delivery(
            f"d{number}", INSTANCE, f"{ANN}@s.whatsapp.net", "m", b"{}", event.at, "w", event=log.last_number + 1
        )
        log.append(event.at, "request", replace(event.subject, path="/rare" if number == 5_000 else "/groups"))
        delivery = replace(delivery, event=log.last_number + 1)
        log.append(event.at, "delivery", delivery)
        log.append(event.at, "delivery", replace(delivery, status="delivered"))
        log.append(event.at, "request", event.subject)
        log.append(event.at, "request", event.subject)

    took = []
    for query in ("", "path=rare", f"person={ANN}", "person=254799999999", "status=5xx"):
        client.get(f"{PAGE}?{query}")
        started = time.perf_counter()
        shown = client.get(f"{PAGE}?{query}").text
        took.append(time.perf_counter() - started)
        assert len(rows(shown)) <= traffic.PAGE

    assert listed(client, "path=rare") == ["/rare 200"]
    assert max(took) < 0.3 * 3, took  # 0.3 s, on a machine that is busy with other tests
