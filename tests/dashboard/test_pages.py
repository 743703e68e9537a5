"""What all pages share: addresses, unread counts, questions before deleting, empty states, guides and times."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.models import Webhook
from flaresend_mock.core.state import State
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.chats import MESSAGES
from flaresend_mock.package_data import guides
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, ANNS_GROUP, BEN, INSTANCE, described
from tests.support import KEY, client_of

UI = "/_mock/ui/w/default/"
CHAT = f"{UI}chats/{INSTANCE}/{ANN}@s.whatsapp.net"
TABS = ("chats", "traffic", "instances", "schedule", "faults", "people", "people/groups", "people/channels", "worlds")


def shown(client: Client, path: str, status: int = 200) -> str:
    response = client.get(UI + path)
    assert response.status_code == status, response.text
    return response.text


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def inbound(client: Client, **letter: Any) -> str:
    response = client.post("/_mock/inbound", json={"from": ANN, **letter})
    assert response.status_code == 201, response.text
    return str(response.get_json()["event"]["data"]["id"])


def send(client: Client, text: str = "Hello", to: str = ANN) -> None:
    body = {"recipients": [to], "type": "text", "text": text}
    assert client.post("/send-message", json=body, headers=KEY).status_code == 200


@pytest.mark.parametrize("tab", [one for one in TABS if "/" not in one])
def test_the_open_page_is_marked(tab: str, client: Client) -> None:
    page = shown(client, tab)

    assert set(re.findall(r'<a href="[^"]*?(\w+)" aria-current="page">', page)) == {tab}
    assert f"<title>{tab} · flaresend-mock</title>" in page.lower()


# --- addresses


def follow(client: Client, message: str) -> tuple[str, str]:
    """Return the page that the address of a message leads to, and the fragment."""
    response = client.get(f"{UI}messages/{message}")
    assert response.status_code == 302, response.text
    there = urlsplit(urljoin(f"{UI}messages/{message}", response.headers["Location"]))
    page = client.get(f"{there.path}?{there.query}")
    assert page.status_code == 200
    return page.text, there.fragment


@pytest.mark.parametrize("place", [0, 1, 60, 118, 119])
def test_the_address_of_a_message_shows_it_in_its_chat_however_old_it_is(place: int, client: Client) -> None:
    ids = [inbound(client, text=f"number {number}.") for number in range(120)]

    page, fragment = follow(client, ids[place])

    numbers = [int(one) for one in re.findall(r">number (\d+)\.", page.partition('id="bubbles"')[2])]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert len(numbers) <= MESSAGES
    assert f'id="{fragment}" data-message="{ids[place]}"' in page
    assert place in numbers
    is_at_the_end = numbers[-1] == 119
    assert ('id="newest"' in page, "To the newest messages" in page) == (is_at_the_end, not is_at_the_end)
    assert max(0, place - 1) in numbers
    assert min(119, place + 1) in numbers


def test_the_address_of_a_reaction_is_that_of_its_message(client: Client) -> None:
    message = inbound(client, text="Hi", group=ANNS_GROUP)
    reaction = inbound(client, type="reaction", target=message, emoji="👍", group=ANNS_GROUP)

    page, fragment = follow(client, reaction)

    assert f'id="{fragment}" data-message="{message}"' in page


def test_each_message_names_its_address(client: Client) -> None:
    message = inbound(client, text="Hi")

    assert f'href="../../../../w/default/messages/{message}"' in client.get(CHAT).text
    assert f'/messages/{message}" data-link' in shown(client, f"parts/why/{message}")


def test_each_call_and_delivery_has_a_page_however_old_it_is(client: Client, world: World) -> None:
    world.instances.set_webhook(INSTANCE, Webhook("http://127.0.0.1:9/hook"))
    send(client, "the very first")
    call = world.state.events.last_number
    inbound(client, text="the second")
    (delivery,) = [event.number for event in world.state.events.since(call, "delivery")]
    for _ in range(120):
        client.get("/groups", headers=KEY)

    assert f'id="entry-{call}"' not in shown(client, "traffic")
    assert "the very first" in shown(client, f"traffic/{call}")
    assert 'hx-trigger="news-delivery' not in shown(client, f"traffic/{call}")
    assert "the second" in shown(client, f"traffic/{delivery}")
    assert 'hx-trigger="news-delivery' in shown(client, f"traffic/{delivery}")  # it is still pending
    assert f'/traffic/{call}" data-link' in shown(client, f"parts/traffic/{call}")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("messages/nope", "No longer kept This message is no longer kept."),
        ("parts/why/nope", "No longer kept This message is no longer kept."),
        ("traffic/999999", "No longer kept This entry is no longer kept."),
        (f"chats/{INSTANCE}/nope", "Not found There is no such chat."),
        ("guides/nope.md", "Not found There is no such guide."),
        ("guides/pyproject.toml", "Not found"),
        ("nope", "Not found"),
    ],
)
def test_an_address_of_what_is_gone_says_so_and_leads_on(path: str, said: str, client: Client) -> None:
    page = shown(client, path, 404)

    assert said in words(page)
    ways = [urljoin(UI + path, way) for way in re.findall(r'<a class="button[^"]*" href="([^"]*)"', page)]
    assert len(ways) == 2
    assert [client.get(way).status_code for way in ways] == [200, 200]
    assert "larger --history" in words(page) or "No longer kept" not in page


# --- unread messages


def unread(html: str) -> str:
    return " ".join(re.findall(r'id="unread" data-unread="(\d+)"', html))


def test_unread_messages_are_counted_in_the_navigation(client: Client) -> None:
    send(client, "one")
    send(client, "two")
    send(client, "three", BEN)
    inbound(client, text="not from the application")

    assert unread(shown(client, "chats")) == unread(shown(client, "parts/unread")) == "3"
    assert unread(shown(client, "parts/chats?q=nothing+like+that")) == "3"  # a search changes nothing
    client.get(CHAT)
    assert unread(shown(client, "chats")) == "1"
    send(client, "four")
    assert unread(shown(client, f"parts/chats?open={INSTANCE}/{ANN}@s.whatsapp.net")) == "1"  # the open chat is read
    assert unread(shown(client, "parts/unread")) == "2"  # but a hidden tab reads nothing


def test_the_past_that_a_world_was_imported_with_is_read(client: Client) -> None:
    send(client, "of the past")
    assert client.put("/_mock/world", json=client.get("/_mock/world").get_json()).status_code == 200

    assert unread(shown(client, "chats")) == "0"
    send(client, "new")
    assert unread(shown(client, "chats")) == "1"
    assert client.post("/_mock/reset").status_code == 200
    assert unread(shown(client, "chats")) == "0"


@pytest.mark.parametrize("tab", TABS)
def test_each_page_follows_what_is_unread(tab: str, client: Client) -> None:
    (asks,) = re.findall(r'hx-get="[^"]*/parts/unread" hx-trigger="([^"]*)"', shown(client, tab))

    assert ("news-message from:body" in asks) == (tab != "chats")  # there, it comes with the list
    assert "news-unread from:body" in asks
    assert re.findall(r'id="unread" data-unread="0"[^>]* hx-swap-oob="true"', shown(client, "parts/chats"))


# --- questions before something is lost


ATTRIBUTE = r"""([\w-]+)=["']([^>]*?)["'](?=[\s>])"""


@pytest.fixture
def full(client: Client, world: World) -> Client:
    """A world in which everything that can be deleted is there."""
    world.instances.set_webhook(INSTANCE, Webhook("http://127.0.0.1:9/hook"))
    client.post("/_mock/instances", json={"name": "Second", "number": "254700111222", "api_key": "second"})
    client.post("/_mock/instances/default/webhook/pause")
    inbound(client, text="held")
    client.put(f"/_mock/people/{ANN}", json={"name": "Ann"})
    body = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2099-01-01 09:00:00"}
    assert client.post("/schedule-message", json=body, headers=KEY).status_code == 200
    client.post("/_mock/faults", json={"preset": "flaky", "match": {"path": "/check-number"}})
    client.post("/_mock/faults", json={"preset": "down"})
    return client


def test_every_button_that_deletes_asks_first(full: Client) -> None:
    group = f"parts/people/groups/{ANNS_GROUP}"
    dialogs = (f"parts/people/people/{ANN}", group, f"parts/instances/{INSTANCE}/settings")
    asking, quiet = set(), set()
    for path in (*TABS, *dialogs):
        for tag in re.findall(r"<button\b[^>]*\bdata-do=[^>]*>", shown(full, path)):
            given = {name: unescape(value) for name, value in re.findall(ATTRIBUTE, tag)}
            way = f"{given['data-do']} {given.get('data-body', '')} {given.get('role', '')}".strip()
            way = re.sub(r"(?<=/)[\w.-]*\d[\w.@%-]*|\d{5,}", "…", way)
            (asking if given.get("data-ask") else quiet).add(way)

    assert quiet.isdisjoint(asking)
    lost = ("DELETE", "logout", "remove", '"replay": false', "/reset", "/restore")
    assert {way for way in quiet if any(one in way for one in lost)} == {
        "DELETE faults/…  switch"
    }  # which goes back on
    assert asking == {
        "DELETE instances/…/api-keys/…",
        "DELETE instances/…/webhook",
        "DELETE instances/…",
        "POST instances/…/logout",
        'POST instances/…/webhook/resume {"replay": false}',
        "DELETE scheduled/…",
        "DELETE faults",
        "DELETE faults/…",
        "DELETE people/…",
        'POST groups/…/participants {"action": "remove", "participants": ["…"]}',
    }


# --- empty states, guides, times


@pytest.fixture
def bare(make_world: Callable[[State], World]) -> Client:
    return client_of(make_world(load_world(described(people=[], groups=[], channels=[], directory="open"))))


def test_empty_pages_say_what_to_do_next(bare: Client) -> None:
    assert "curl -X POST http://localhost/send-message -H 'Authorization: Bearer YOUR_API_KEY'" in command(
        bare, "chats"
    )
    assert '"text": "Hello"' in command(bare, "traffic")
    assert "Your application creates one with POST /groups" in words(shown(bare, "people/groups"))
    assert "Your application creates one with POST /channels" in words(shown(bare, "people/channels"))
    assert "Turn on a preset above" in words(shown(bare, "faults"))
    assert "Take one before you try something" in words(shown(bare, "worlds"))


def command(client: Client, path: str) -> str:
    text = shown(client, path)
    return re.sub(r" \\\n +", " ", unescape(text.partition('<div class="command">')[2].partition("</pre>")[0]))


def test_the_example_of_the_schedule_is_in_the_future_on_the_worlds_clock(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2031-05-06T10:20:30Z", "frozen": True})

    example = command(client, "schedule")
    at = re.findall(r'"sendAt": "([^"]*)"', example)

    assert at == ["2031-05-06 11:20:00"]
    (number,) = re.findall(r'"recipients": \["(\d+)"\]', example)
    body = {"recipients": [number], "type": "text", "text": "It is time", "sendAt": at[0]}
    assert client.post("/schedule-message", json=body, headers=KEY).status_code == 200


def test_an_example_of_another_world_has_its_url_and_fetches_its_key_when_it_is_copied() -> None:
    client = FlaresendMock().app.test_client()
    key = client.post("/_mock/worlds", json={"name": "other"}).get_json()["api_key"]

    page = client.get("/_mock/ui/w/other/traffic").text

    assert key not in page
    (path,) = re.findall(r'data-mask="API_KEY_OF_THE_INSTANCE" data-keys="([^"]*)"', page)
    (found,) = client.get(f"/_mock/{path}?with_secrets=true&world=other").get_json()["api_keys"]
    assert found["api_key"] == key
    assert "Bearer API_KEY_OF_THE_INSTANCE" in page


@pytest.mark.parametrize("tab", TABS)
def test_each_page_leads_to_the_guides_the_api_documentation_and_the_version(tab: str, client: Client) -> None:
    page = shown(client, tab).partition('class="menu help"')[2].partition("</details>")[0]
    version = client.get("/_mock/health").get_json()["version"]

    ways = [urljoin(UI + tab, way) for way in re.findall(r'href="([^"]*)"', page)]
    assert ways == [f"{UI}guides/docs/README.md", "/_mock/docs", f"{UI}guides/CHANGELOG.md"]
    assert [client.get(way).status_code for way in ways] == [200, 200, 200]
    assert f"flaresend-mock {version}" in words(page)
    assert "Keyboard shortcuts" in words(page)


def test_every_guide_is_there_and_is_text(client: Client) -> None:
    assert {"README.md", "CHANGELOG.md", "docs/README.md", "docs/testing/pytest.md"} <= guides().keys()
    for name in guides():
        response = client.get(f"{UI}guides/{name}")
        assert response.status_code == 200, name
        assert "default-src 'none'" in response.headers.get("Content-Security-Policy", "default-src 'none'")
        if name.endswith(".md"):
            first = guides()[name].read_text(encoding="utf-8").splitlines()[0]
            assert first in unescape(response.text), name
            assert (
                re.findall(
                    r"<script(?![^>]* src=)| style=", re.sub(r"<pre>.*</pre>", "", response.text, flags=re.DOTALL)
                )
                == []
            )
        else:
            assert response.content_type == "image/png"


def test_times_are_written_alike_in_every_list(client: Client) -> None:
    for day in ("2024-05-06", "2025-11-13", "2025-11-14"):
        client.patch("/_mock/clock", json={"now": f"{day}T10:00:00Z", "frozen": True})
        client.get("/groups", headers=KEY)
        body = {"recipients": [ANN], "type": "text", "text": "x", "sendAt": f"{int(day[:4]) + 2}{day[4:]} 09:00:00"}
        assert client.post("/schedule-message", json=body, headers=KEY).status_code == 200

    calls = re.findall(r'<time datetime="[^"]*" title="[^"]*">([^<]*)</time>', shown(client, "traffic"))
    tasks = re.findall(r'<summary[^>]*><span class="line"><time [^>]*>([^<]*)</time>', shown(client, "schedule"))

    assert calls[::2] == ["10:00:00", "13 Nov 10:00:00", "06 May 2024 10:00:00"]
    assert tasks == ["06 May 2026 09:00:00", "13 Nov 2027 09:00:00", "14 Nov 2027 09:00:00"]


def test_nothing_is_called_a_missing_webhook(client: Client, world: World) -> None:
    message = inbound(client, text="Hi")
    number = world.deliveries.all()[-1].event

    for path in ("traffic", f"traffic/{number}", f"parts/why/{message}"):
        said = words(shown(client, path))
        assert "not configured" in said, path
        for wrong in ("no webhook", "no endpoint", "There was no"):
            assert wrong not in said, (path, wrong)


def test_filters_and_the_log_are_cleared_by_two_different_things(client: Client, world: World) -> None:
    send(client)
    last = world.state.events.last_number
    page = shown(client, "traffic?kind=call&path=send&clear=1")

    ways = {name: unescape(way) for way, name in re.findall(r'<a href="([^"]*)" id="([\w-]+)"', page)}
    assert ways["clear-filters"].endswith(f"traffic?after={last}")  # the log stays cleared
    assert ways["undo-clear"].endswith("traffic?kind=call&path=send")  # the filters stay
    assert "Only API calls with send in the path or URL" in words(page)
    assert ">Clear the log</button>" in page
    assert "clear-filters" not in shown(client, "traffic")
