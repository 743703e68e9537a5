"""The chats page: the list, bubbles, news, and the HTTP traffic of a message."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.kinds import FIELDS, KINDS
from flaresend_mock.core.models import Attempt, Webhook
from flaresend_mock.core.world import World
from flaresend_mock.dashboard.chats import read_chats
from flaresend_mock.dashboard.pages import FOLDER, TABS, draw
from flaresend_mock.package_data import SAMPLES, event_names, sample, sample_event
from tests.defaults import ANN, ANNS_GROUP, BEN, FAMILY, INSTANCE
from tests.support import KEY, NOW

UI = "/_mock/ui/w/default/"
SCRIPT = "<script>alert(1)</script>"
GROUP = f"chats/{INSTANCE}/{ANNS_GROUP}"
CHAT = f"chats/{INSTANCE}/{ANN}@s.whatsapp.net"


@pytest.fixture
def inbound(client: Client) -> Callable[..., Any]:
    def write(**letter: Any) -> Any:
        response = client.post("/_mock/inbound", json={"from": ANN, **letter})
        assert response.status_code == 201, response.text
        return response.get_json()["event"]["data"]["id"]

    return write


def test_so_many_chats_without_messages_are_listed(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each instance has one with each person."""
    monkeypatch.setattr("flaresend_mock.dashboard.chats.MAX_EMPTY_CHATS", 3)
    for number in range(10):
        world.people.put(f"2547001000{number:02}")
    send(client, "hi", "254700100009")

    found, _ = read_chats(world, {})

    assert len(found) == 4
    assert found[0].last is not None


def send(client: Client, text: str, to: str = ANN) -> None:
    body = {"recipients": [to], "type": "text", "text": text}
    assert client.post("/send-message", json=body, headers=KEY).status_code == 200


def shown(client: Client, path: str) -> str:
    response = client.get(UI + path)
    assert response.status_code == 200, response.text
    return response.text


def bubbles(html: str) -> list[str]:
    return re.findall(r'<li class="bubble.*?</li>', html, re.DOTALL)


def names(html: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'<span class="name" dir="auto">(.*?)</span>', html)]


def bubble(client: Client, text: str, chat: str = CHAT) -> str:
    (found,) = [one for one in bubbles(shown(client, chat)) if text in one]
    return found


# --- getting there


def test_a_browser_at_the_root_is_led_to_the_dashboard_from_wherever_it_is(client: Client) -> None:
    response = client.get("/", headers={"Accept": "text/html,application/xhtml+xml"})

    assert (response.status_code, response.headers["Location"]) == (302, "_mock/ui/")
    assert client.get("/_mock/ui/").headers["Location"] == "w/default/chats"


def test_a_program_at_the_root_is_told_what_the_api_tells_it(client: Client) -> None:
    assert client.get("/").content_type.startswith("application/json")


def test_pages_link_only_from_where_they_are(client: Client) -> None:
    for path in ("chats", CHAT):
        links = re.findall(r'(?:href|src|hx-get|sse-connect)="([^"]*)"', shown(client, path))
        assert [link for link in links if link.startswith(("/", "http"))] == []


def test_nothing_runs_that_is_not_a_file_of_ours(client: Client) -> None:
    response = client.get(UI + CHAT)

    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert re.findall(r"<script(?![^>]*\bsrc=)| style=| on\w+=|<style", response.text) == []


def test_a_world_or_a_chat_that_is_not_there_is_not_found(client: Client) -> None:
    for path in ("/_mock/ui/w/nowhere/chats", f"{UI}chats/nobody/{ANN}@s.whatsapp.net", f"{UI}chats/{INSTANCE}/x@g.us"):
        assert client.get(path).status_code == 404


def test_pages_of_other_sites_may_not_look(client: Client) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.get(UI + "parts/chats", headers=headers).status_code == 403


# --- the list


def test_the_newest_conversation_comes_first_then_groups_and_people(
    client: Client, inbound: Callable[..., Any]
) -> None:
    inbound(text="first")
    inbound(**{"from": BEN, "text": "second"})

    found = names(shown(client, "chats"))

    assert found[:2] == [name_of(client, BEN), name_of(client, ANN)]
    assert len(found) > 4


def name_of(client: Client, number: str) -> str:
    people = client.get("/_mock/people").get_json()["people"]
    return next(one["name"] or f"+{number}" for one in people if one["number"] == number)


def test_what_the_application_sent_is_unread_until_it_was_looked_at(client: Client) -> None:
    send(client, "one")
    send(client, "two")

    assert 'aria-label="2 unread"' in shown(client, "chats")
    shown(client, CHAT)
    assert re.findall(r'class="[^"]*unread"|"\d+ unread"', shown(client, "chats")) == []


@pytest.mark.parametrize("search", ["needle", "254 712 345 678", "NEEDLE"])
def test_the_list_is_searched_by_name_number_and_last_line(
    search: str, client: Client, inbound: Callable[..., Any]
) -> None:
    inbound(text="the needle in it")
    assert len(names(client.get(f"{UI}parts/chats", query_string={"q": search}).text)) == 1


def test_a_number_nobody_has_can_be_written_from(client: Client) -> None:
    found = client.get(f"{UI}parts/chats", query_string={"q": "+254 700 000 999"}).text

    assert f"chats/{INSTANCE}/254700000999@s.whatsapp.net" in found
    assert client.get(f"{UI}chats/{INSTANCE}/254700000999@s.whatsapp.net").status_code == 200


def test_the_list_comes_in_parts(client: Client, inbound: Callable[..., Any]) -> None:
    for number in range(150):
        inbound(**{"from": f"25471100{number:04}", "text": "hi"})

    first = shown(client, "parts/chats")
    second = shown(client, "parts/chats?start=60")

    assert len(names(first)) == len(names(second)) == 60
    assert 'parts/chats?start=60"' in first
    assert not set(names(first)) & set(names(second))


# --- bubbles


def test_what_somebody_wrote_is_text_and_never_markup(client: Client, inbound: Callable[..., Any]) -> None:
    client.put(f"/_mock/people/{ANN}", json={"name": SCRIPT})
    inbound(text=SCRIPT)
    inbound(type="contact", contact={"name": SCRIPT})
    inbound(type="location", name=SCRIPT, address=SCRIPT)
    inbound(type="document", caption=SCRIPT, media={"sample": "pdf", "fileName": SCRIPT})
    inbound(type="poll", text=SCRIPT, options=[SCRIPT, "b"])
    answered = inbound(text="answer", reply_to=inbound(text=SCRIPT))
    send(client, SCRIPT)

    for path in ("chats", CHAT, f"parts/why/{answered}", "parts/chats"):
        assert SCRIPT not in shown(client, path)
    assert shown(client, CHAT).count("&lt;script&gt;") >= 10


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _it_ ~gone~", "<strong>bold</strong> <em>it</em> <s>gone</s>"),
        ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
        ("a * not * bold", "a * not * bold"),
        ("* one\n- two\n*three*", "• one\n• two\n<strong>three</strong>"),
        ("> as you *said*\n> x <", '<q class="cited">as you <strong>said</strong></q>\n<q class="cited">x &lt;</q>'),
        (
            "> see www.a.example now",
            '<q class="cited">see <a href="https://www.a.example" target="_blank" '
            'rel="noopener noreferrer nofollow">www.a.example</a> now</q>',
        ),
        ("`a`- b", "<code>a</code>- b"),
        ("> _a ~b_ c~", '<q class="cited">_a ~b_ c~</q>'),
        (
            "*www.a.example*",
            '*<a href="https://www.a.example" target="_blank" rel="noopener noreferrer nofollow">www.a.example</a>*',
        ),
        ("use `a *b* <c>` or ``", "use <code>a *b* &lt;c&gt;</code> or ``"),
        (
            "www.a.example/x and www. no",
            '<a href="https://www.a.example/x" target="_blank" rel="noopener noreferrer nofollow">www.a.example/x</a>'
            " and www. no",
        ),
        ("*_both_*", "<strong><em>both</em></strong>"),
        ("```x < *y*```", "<code>x &lt; *y*</code>"),
        ("<b>*x*</b> & y", "&lt;b&gt;<strong>x</strong>&lt;/b&gt; &amp; y"),
        (
            "see https://a.example/x_y_z?a=1&b=2.",
            'see <a href="https://a.example/x_y_z?a=1&amp;b=2" target="_blank" '
            'rel="noopener noreferrer nofollow">https://a.example/x_y_z?a=1&amp;b=2</a>.',
        ),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_text_is_shown_as_whatsapp_shows_it(text: str, html: str, client: Client, inbound: Callable[..., Any]) -> None:
    inbound(text=text)
    assert f'<p class="text" dir="auto">{html}</p>' in shown(client, CHAT)


def test_a_text_that_is_hard_to_read_is_read_at_once(client: Client, inbound: Callable[..., Any]) -> None:
    for hard in ("*" * 20_000, "*a" * 10_000, "_*~" * 7_000, "```" * 7_000, "https://" * 3_000, "`a" * 9_000):
        inbound(text=hard)
    assert len(bubbles(shown(client, CHAT))) == 6


@pytest.mark.parametrize(
    ("kind", "markup"),
    [
        ("image", '<img class="image"'),
        ("sticker", '<img class="sticker"'),
        ("video", "<video"),
        ("voice", "<audio"),
        ("document", " download>"),
        ("location", "-1.286389, 36.817223"),
        ("contact", "Jane Doe"),
        ("poll", "○ Saturday"),
        ("gif", "<video"),
        ("video_note", "<video"),
        ("view_once", "View once"),
        ("live_location", "-1.286389, 36.817223"),
        ("contacts", "+254718841608"),
        ("group_invite", "Again again"),
        ("album", "2 pictures, 0 videos"),
        ("disappearing", "604800 seconds"),
    ],
)
def test_each_kind_looks_like_what_it_is(kind: str, markup: str, client: Client, inbound: Callable[..., Any]) -> None:
    inbound(type=kind)
    (found,) = bubbles(shown(client, CHAT))

    assert markup in found
    if source := re.search(r'(?:src|href)="([^"]*media/[^"]*)"', found):
        assert client.get("/_mock/" + source[1].rpartition("../")[2]).status_code == 200


@pytest.mark.parametrize(
    ("media", "name"),
    [
        ({"sample": "pdf", "fileName": "menu.pdf"}, "menu.pdf"),
        ({"base64": "aGVsbG8=", "fileName": "a <b>.txt", "mimetype": "text/plain"}, "a &lt;b&gt;.txt"),
    ],
)
def test_a_document_has_its_name(media: dict[str, str], name: str, client: Client, inbound: Callable[..., Any]) -> None:
    inbound(type="document", media=media)

    assert f'<b dir="auto">{name}</b>' in bubbles(shown(client, CHAT))[0]


def test_what_was_passed_on_is_marked(client: Client, inbound: Callable[..., Any]) -> None:
    inbound(text="mine")
    inbound(text="of others", forwarded=3)

    assert ["Forwarded" in one for one in bubbles(shown(client, CHAT))] == [False, True]


def test_a_chat_says_how_large_a_file_may_be() -> None:
    client = FlaresendMock(max_body_size=123_456).app.test_client()

    assert 'data-limit="123456"' in shown(client, CHAT)


def test_a_poll_says_how_many_voted_and_a_contact_whether_it_is_on_whatsapp(
    client: Client, inbound: Callable[..., Any]
) -> None:
    poll = inbound(type="poll")
    inbound(type="contact", contact={"name": "Jane", "number": "254700000000"})
    inbound(message={"unheardOfMessage": {"a": 1}})
    inbound(type="poll_vote", target=poll, choices=["Saturday"])
    inbound(type="poll_vote", target=poll, choices=["Sunday"])

    found = bubbles(shown(client, CHAT))
    assert [" voted" in one for one in found] == [True, False, False]
    assert "1 voted" in found[0]
    assert "+254700000000 · not on WhatsApp" in found[1]
    assert "unheardOfMessage" in found[2]
    inbound(type="poll_vote", target=poll, choices=[])
    assert "voted" not in bubbles(shown(client, CHAT))[0]


class Form(HTMLParser):
    """The kinds for which a form sends each of its fields: what an element is for goes for what it holds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, set[str]] = {}
        self.kinds: set[str] = set()
        self._around: list[tuple[str, set[str] | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        own = set((given["data-for"] or "").split()) if "data-for" in given else None
        if tag == "option" and "data-accept" in given:
            self.kinds.add(given["value"] or "")
        if tag in ("input", "select", "textarea") and given.get("name"):
            limits = [kinds for _, kinds in self._around if kinds is not None] + ([] if own is None else [own])
            name = (given["name"] or "").partition(".")[0]
            if limits:
                self.fields.setdefault(name, set()).update(set.intersection(*limits))
        if tag not in ("input", "path", "circle", "rect", "br"):
            self._around.append((tag, own))

    def handle_endtag(self, tag: str) -> None:
        while self._around and self._around.pop()[0] != tag:
            pass


def test_the_form_has_each_field_of_each_kind_and_sends_only_those_of_the_chosen_one(client: Client) -> None:
    found = re.search(r'<form class="composer".*?</form>', shown(client, CHAT), re.DOTALL)
    assert found is not None
    form = Form(found[0])
    elsewhere = {"contact", "contacts", "file", "caption", "mentions", "link", "emoji", "channel"}

    for name in {field for fields in FIELDS.values() for field in fields} - elsewhere:
        assert form.fields[name] == {kind for kind, fields in FIELDS.items() if name in fields}, name
    assert form.fields.keys() - {"event", "message"} <= {field for fields in FIELDS.values() for field in fields}
    assert form.kinds == {"event", "message"} | set(KINDS) - {"delete", "edit", "reaction", "channel_image"}


@pytest.mark.parametrize("path", [*TABS, CHAT])
def test_the_scripts_of_a_page_name_nothing_twice(path: str, client: Client) -> None:
    names = re.findall(r'<script src="[./]*assets/([a-z_]+\.js)"', shown(client, path))
    declared = [
        name
        for script in names
        for name in re.findall(r"^(?:async )?(?:function|const|let) (\w+)", (FOLDER / script).read_text(), re.MULTILINE)
    ]

    assert len(declared) > 20
    assert [name for name in set(declared) if declared.count(name) > 1] == []


def test_samples_are_looked_at_before_they_are_sent(client: Client) -> None:
    for name in SAMPLES:
        found = client.get(f"/_mock/ui/samples/{name}")
        assert (found.data, found.content_type) == (sample(name).data, sample(name).mimetype)
    for name in event_names():
        assert client.get(f"/_mock/ui/samples/{name}").json == sample_event(name)
    for name in ("nothing", "../media/sample.jpg", "image", "sample.jpg"):
        assert client.get(f"/_mock/ui/samples/{name}").status_code == 404


def test_reactions_edits_and_deletions_change_the_bubble_they_are_about(
    client: Client, inbound: Callable[..., Any]
) -> None:
    liked, edited, deleted = (inbound(text=text) for text in ("liked", "wrogn", "gone soon"))
    inbound(type="reaction", target=liked, emoji="👍")
    inbound(type="edit", target=edited, text="right")
    inbound(type="delete", target=deleted)

    assert len(bubbles(shown(client, CHAT))) == 3
    assert "👍" in bubble(client, "liked")
    assert "edited" in bubble(client, "right")
    assert "This message was deleted" in shown(client, CHAT)
    assert "gone soon" not in shown(client, CHAT)
    inbound(type="reaction", target=liked, emoji="")
    assert "👍" not in bubble(client, "liked")


def test_a_reply_shows_what_it_answers(client: Client, inbound: Callable[..., Any]) -> None:
    inbound(text="Yes", reply_to=inbound(text="Is it *raining*?"))
    assert "Is it raining?" in bubble(client, ">Yes<")
    assert 'class="quote"' in bubble(client, ">Yes<")


def test_days_are_told_apart(client: Client, inbound: Callable[..., Any]) -> None:
    client.patch("/_mock/clock", json={"now": "2025-11-13T10:00:00Z", "frozen": True})
    inbound(text="then")
    client.patch("/_mock/clock", json={"now": "2025-11-14T10:00:00Z"})
    inbound(text="now")

    assert re.findall(r'<li class="day"><span>(.*?)</span>', shown(client, CHAT)) == ["Yesterday", "Today"]


@pytest.mark.parametrize(
    ("status", "label"), [("delivered", "Delivered to the webhook"), ("failed", "Delivery to the webhook failed")]
)
def test_the_marks_say_what_became_of_it(
    status: str, label: str, world: World, client: Client, inbound: Callable[..., Any]
) -> None:
    inbound(text="nobody hears")
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9", retries=()))
    inbound(text="heard")
    assert "Delivery to the webhook: pending" in bubble(client, "heard")
    job = world.deliveries.claim(INSTANCE)
    assert job is not None
    world.deliveries.complete(job, Attempt(NOW, "u", (), 200, "", None, 1, status == "delivered"))

    assert label in bubble(client, ">heard<")
    assert "Webhook not configured" in bubble(client, "nobody hears")


# --- what is new, and what was before


def test_what_was_before_is_loaded_page_by_page(client: Client, inbound: Callable[..., Any]) -> None:
    for number in range(100):
        inbound(text=f"number {number}.")
    page, seen = shown(client, CHAT), []
    for _ in range(3):
        seen.append(re.findall(r">number (\d+)\.", "".join(bubbles(page))))
        older = re.search(r'hx-get="[./]*w/default/(parts/older/[^"]*)"', page)
        if older:
            page = shown(client, unescape(older[1]))

    assert [len(one) for one in seen] == [40, 40, 20]
    assert [number for one in reversed(seen) for number in one] == [str(number) for number in range(100)]
    assert older is None


def test_only_what_is_new_comes_and_what_has_changed(client: Client, inbound: Callable[..., Any]) -> None:
    old, other = inbound(text="old"), inbound(text="other")
    page = shown(client, CHAT)
    found = re.search(r'hx-get="[./]*w/default/(parts/news/[^"]*)"', page)
    after = re.search(r'name="after" value="(\d+)"', page)
    assert found
    assert after
    path = f"{found[1]}?after={after[1]}"
    assert bubbles(shown(client, path)) == []

    inbound(text="fresh")
    inbound(type="reaction", target=old, emoji="🎉")
    inbound(**{"from": BEN, "text": "elsewhere"})
    news = shown(client, path)

    told = bubbles(news)
    assert [("fresh" in one, "hx-swap-oob" in one) for one in told] == [(True, False), (False, True)]
    assert f'data-message="{old}"' in told[1]
    assert "🎉" in told[1]
    assert other not in news
    assert len(bubbles(shown(client, f"{path}&oldest={after[1]}"))) == 1  # what is not shown does not change
    assert "elsewhere" not in news


# --- groups


def test_in_a_group_one_writes_as_a_member(client: Client, inbound: Callable[..., Any]) -> None:
    inbound(group=FAMILY, text="from Ann")
    page = shown(client, f"chats/{INSTANCE}/{FAMILY}")

    choices = re.findall(r'<option value="(\d+)">', page)
    assert ANN in choices
    assert "254708920430" not in choices
    assert "from Ann" in page


# --- why


def test_why_shows_the_call_and_its_answer_without_the_key(client: Client) -> None:
    send(client, "Hello!")
    (message,) = client.get("/_mock/messages").get_json()["messages"]
    found = unescape(shown(client, f"parts/why/{message['id']}"))

    assert "POST</b> /send-message" in found
    assert '"text": "Hello!"' in found
    assert '"success": true' in found
    assert "Authorization: Bearer ***" in found
    assert "curl -X POST http://localhost/send-message" in found
    assert f"flaresend_mock.expect_message(to='{ANN}', text='Hello!')" in found


def test_why_shows_the_schedule_of_what_was_scheduled(client: Client) -> None:
    client.patch("/_mock/clock", json={"now": "2025-11-14T10:00:00Z", "frozen": True})
    body = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2025-11-15 09:00:00"}
    task = client.post("/schedule-message", json=body, headers=KEY).get_json()["task_id"]
    send(client, "Later")
    client.post("/_mock/clock/advance", json={"seconds": 86400})
    message = client.get("/_mock/messages").get_json()["messages"][-1]

    found = shown(client, f"parts/why/{message['id']}")

    assert task in found
    assert "/schedule-message" in found
    assert "Scheduled as" in found


def test_why_shows_every_attempt_to_tell_of_a_message(
    world: World, client: Client, inbound: Callable[..., Any]
) -> None:
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9/hook", retries=(5,)))
    message = inbound(text="hi")
    job = world.deliveries.claim(INSTANCE)
    assert job is not None
    told = Attempt(NOW, "http://127.0.0.1:9/hook", (("X-One", "1"),), 500, SCRIPT, None, 12.4, False)
    world.deliveries.complete(job, told)

    found = shown(client, f"parts/why/{message}")

    assert "http://127.0.0.1:9/hook" in found
    assert ">500<" in found
    assert "retrying" in found
    assert SCRIPT not in found
    assert f"flaresend_mock.receive(&#39;{ANN}&#39;, &#39;hi&#39;)" in found


def test_two_calls_at_once_are_not_taken_for_each_other(client: Client) -> None:
    send(client, "for Ben", BEN)
    send(client, "for Ann")
    first, second = client.get("/_mock/messages").get_json()["messages"]

    assert "for Ben" in shown(client, f"parts/why/{first['id']}")
    assert "for Ann" in shown(client, f"parts/why/{second['id']}")


# --- faces


def test_everybody_has_a_face_of_their_own_and_keeps_it() -> None:
    assert draw("face", "1") == draw("face", "1") != draw("face", "2")
    assert len({draw("face", str(number)) for number in range(200)}) > 150
    assert draw("emblem", "1") != draw("emblem", "2")


def test_a_face_is_a_picture_and_runs_nothing(client: Client) -> None:
    response = client.get(f"/_mock/ui/faces/face/{ANN}.svg")

    assert response.content_type.startswith("image/svg+xml")
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert response.headers["Content-Security-Policy"] == policy
    assert SCRIPT not in client.get(f"/_mock/ui/faces/face/{SCRIPT.replace('/', '')}.svg").text
    assert client.get("/_mock/ui/faces/other/1.svg").status_code == 404


@pytest.mark.parametrize("name", ["dashboard.css", "dashboard.js", "composer.css", "composer.js", "htmx.min.js"])
def test_files_are_of_this_package(name: str, client: Client) -> None:
    assert client.get(f"/_mock/ui/assets/{name}").status_code == 200
    for other in ("../assets.py", "..%2fassets.py", "htmx.LICENSE", ""):
        assert client.get(f"/_mock/ui/assets/{other}").status_code == 404


def test_what_becomes_of_a_reaction_is_no_news_of_a_bubble(
    client: Client, world: World, inbound: Callable[..., Any]
) -> None:
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9/hook"))
    inbound(type="reaction", target=inbound(text="Hi"), emoji="👍")
    after = world.state.events.last_number
    delivery = world.deliveries.all()[-1]
    with world.lock:
        world.record("delivery", replace(delivery, status="failed"))

    news = shown(client, f"{CHAT.replace('chats/', 'parts/news/')}?after={after}")

    assert bubbles(news) == []


# --- what is odd


@pytest.mark.parametrize("options", [5, True, 1e308, "ab", {"a": 1}, [5, None, {"optionName": 7}, {}]])
def test_a_poll_of_any_shape_is_shown(options: Any, client: Client, inbound: Callable[..., Any]) -> None:
    inbound(type="poll", message={"pollCreationMessage": {"name": "What?", "options": options}})

    assert "What?" in shown(client, CHAT)
    assert "What?" in shown(client, CHAT.replace("chats/", "parts/news/"))


@pytest.mark.parametrize(
    "body",
    [
        {"isForwarded": True},
        {"isForwarded": True, "forwardingScore": "x", "stanzaId": 5, "mentionedJid": {"a": 1}},
        {"forwardingScore": -3},
    ],
)
def test_a_context_of_any_shape_is_told_of(
    body: dict[str, Any], client: Client, world: World, inbound: Callable[..., Any]
) -> None:
    id_ = inbound(text="odd")
    message = world.state.messages.get(id_)
    assert message is not None
    payload = {"extendedTextMessage": {"text": "odd", "contextInfo": body}}
    world.state.messages.discard(id_)
    world.state.messages.add(id_, replace(message, payload=payload))  # as an import may bring it

    assert "odd" in shown(client, f"parts/why/{id_}")
    assert "odd" in shown(client, CHAT)


def test_a_text_that_was_given_as_it_is_is_shown(client: Client, inbound: Callable[..., Any]) -> None:
    inbound(message={"conversation": "as it is"})
    inbound(message={"extendedTextMessage": {"text": "at length"}})
    inbound(message={"extendedTextMessage": {"text": ["no text"]}})

    page = shown(client, CHAT)
    assert "as it is</p>" in page
    assert "at length</p>" in page


def test_half_an_emoji_breaks_no_page(client: Client, world: World, inbound: Callable[..., Any]) -> None:
    body = {"groupJids": ["\ud800@g.us"], "type": "text", "text": "\udfff"}
    client.post("/groups/send-message", json=body, headers=KEY)
    client.post("/schedule-message", json={"recipients": ["x\ud800"]}, headers=KEY)
    world.instances.set_webhook(None, Webhook("http://127.0.0.1:9/hook"))
    message = inbound(text="hi \ud83d")
    (delivery,) = world.deliveries.all()
    attempt = Attempt(NOW, "http://127.0.0.1:9/hook", (), 200, '{"a": "\\ud800"}', "", 1.0, accepted=True)
    world.state.open_deliveries[delivery.id] = replace(delivery, attempts=(attempt,))

    for path in ("traffic", "chats", CHAT, f"parts/why/{message}", "schedule"):
        shown(client, path)
    for call in client.get("/_mock/requests").get_json()["requests"]:
        shown(client, f"parts/traffic/{call['id']}")
    shown(client, f"parts/traffic/{delivery.event}")


def test_a_file_is_looked_up_in_its_own_world() -> None:
    client = FlaresendMock().app.test_client()
    client.post("/_mock/worlds", json={"name": "other"})
    client.post("/_mock/inbound?world=other", json={"from": ANN, "type": "image"})
    instance = client.get("/_mock/instances?world=other").get_json()["instances"][0]["id"]

    page = client.get(f"/_mock/ui/w/other/chats/{instance}/{ANN}@s.whatsapp.net").text

    (source,) = re.findall(r'<img class="image" src="[./]*(media/[^"]+)"', page)
    assert client.get(f"/_mock/{unescape(source)}").status_code == 200


def test_what_was_said_long_ago_is_found(client: Client, inbound: Callable[..., Any]) -> None:
    inbound(text="the sourdough please")
    inbound(text="thanks")

    page = shown(client, "parts/chats?q=SOURDOUGH")

    assert len(names(page)) == 1
    assert "the sourdough please" in page


def test_what_changed_a_message_is_told_with_it(client: Client, inbound: Callable[..., Any]) -> None:
    first = inbound(text="Hi")
    edit = inbound(type="edit", target=first, text="Hello")

    found = shown(client, f"parts/why/{first}")

    assert f"parts/why/{edit}" in found
    assert "MESSAGE_EDIT" in shown(client, f"parts/why/{edit}")


@pytest.mark.parametrize("path", ["w/nowhere/chats", "w/nowhere/traffic", f"w/default/chats/nobody/{ANN}", "w/x"])
def test_what_is_not_there_is_said_on_a_page_that_leads_back(path: str, client: Client) -> None:
    response = client.get(f"/_mock/ui/{path}")

    assert response.status_code == 404
    assert response.content_type == "text/html; charset=utf-8"
    assert re.search(r'href="(?:\.\./)*\.?/?w/default/worlds"', response.text)
    assert "Content-Security-Policy" in response.headers


def test_how_deep_a_browser_says_a_page_is_has_an_end(client: Client) -> None:
    headers = {"HX-Current-URL": "http://127.0.0.1/_mock/ui/" + "/" * 50_000}
    assert len(client.get(UI + "parts/chats", headers=headers).text) < 200_000


def test_an_edited_caption_and_a_deletion_by_an_admin_are_shown(client: Client, inbound: Callable[..., Any]) -> None:
    image = inbound(type="image", caption="Gardn", group=ANNS_GROUP)
    inbound(type="edit", target=image, text="Garden", group=ANNS_GROUP)
    sent = {"groupJids": [ANNS_GROUP], "type": "text", "text": "ours"}
    assert client.post("/groups/send-message", json=sent, headers=KEY).status_code == 200

    page = shown(client, GROUP)
    assert "Gardn" not in page
    assert "edited" in bubble(client, "Garden", GROUP)
    assert 'title="Delete as an admin"' in bubble(client, "ours", GROUP)
    ours = client.get("/_mock/messages").json["messages"][-1]["id"]  # type: ignore[index]
    inbound(type="delete", target=ours, group=ANNS_GROUP)

    page = shown(client, GROUP)
    assert "This message was deleted by an admin" in page
    assert ">ours<" not in page


def test_the_raw_deletion_of_a_stranger_changes_no_bubble(client: Client, inbound: Callable[..., Any]) -> None:
    sent = {"groupJids": [ANNS_GROUP], "type": "text", "text": "ours"}
    assert client.post("/groups/send-message", json=sent, headers=KEY).status_code == 200
    ours = client.get("/_mock/messages").json["messages"][-1]["id"]  # type: ignore[index]
    revoke = {"protocolMessage": {"key": {"id": ours}, "type": "REVOKE"}}
    added = {"action": "add", "participants": [BEN]}
    client.post(f"/_mock/groups/{ANNS_GROUP}/participants", json=added)
    body = {"from": BEN, "group": ANNS_GROUP, "message": revoke}
    assert client.post("/_mock/inbound", json=body).status_code == 201

    assert "This message was deleted" not in shown(client, GROUP)


def test_the_chat_of_an_alias_is_the_persons(client: Client, world: World) -> None:
    world.people.put(BEN, name="Ben", aliases=["5531988561070"])
    send(client, "Hello Ben", to="5531988561070")

    shown = client.get(f"/_mock/ui/w/default/chats/{INSTANCE}/5531988561070@s.whatsapp.net")

    assert shown.status_code == 200
    assert "Hello Ben" in shown.text
    assert f"{BEN}%40s.whatsapp.net" in shown.text
