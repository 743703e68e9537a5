"""The pages in Debian's Chromium, as a person uses them. Skipped without Chromium or Playwright."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from tests.dashboard import in_browser as shared
from tests.dashboard.in_browser import (
    BRIAN,
    TABS,
    WAIT,
    catch_up,
    eventually,
    first,
    hide,
    measure,
    open_chat,
    opened,
    send,
    steer,
    sync_api,
    texts,
    until_sent,
    write,
)
from tests.receiver import Receiver

pytestmark = shared.pytestmark
browser, emulator, open_page = shared.browser, shared.emulator, shared.open_page

SCRIPT = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">"


def test_a_part_of_a_page_brings_no_script(open_page: Callable[..., Any]) -> None:
    with open_page() as page:
        page.evaluate("htmx.swap(document.body, '<script src=missing.js></script>', { swapStyle: 'beforeend' })")
        assert page.evaluate("document.querySelector('script[src=\"missing.js\"]')") is None


def test_a_person_writes_and_the_bot_answers_and_one_bubble_tells_how(open_page: Callable[..., Any]) -> None:
    with open_page() as page:
        open_chat(page, "Brian Otieno")
        write(page, "what are your hours?")
        page.wait_for_selector(".bubble.person >> text=what are your hours?")
        page.wait_for_selector(".bubble.app >> text=day and night")
        page.wait_for_selector(".bubble.person:has-text('your hours') [aria-label='Delivered to the webhook']")

        page.click(".bubble.app:has-text('day and night') [data-why]")
        page.wait_for_selector("#why h2 >> text=API call")
        assert "/send-message" in page.inner_text("#why .way")
        page.click(".bubble.person:has-text('your hours') [data-why]")
        page.wait_for_selector("#why h2 >> text=Webhook event")
        assert '"conversation": "what are your hours?"' in page.inner_text("#why")
        page.press("body", "Escape")
        assert page.is_hidden("#why")


def test_what_happens_elsewhere_appears_without_reloading(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page() as page:
        page.wait_for_selector(".chatlist")
        assert "Amina" not in page.inner_text(".chatlist li:first-child")
        steer(emulator, "POST", "inbound", {"from": "254711000003", "text": "from a test"})
        page.wait_for_selector(".chatlist li:first-child:has-text('Amina Hassan')")  # the bot may have replied


def test_a_message_full_of_script_is_shown_as_text(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    steer(emulator, "PUT", f"people/{BRIAN}", {"name": SCRIPT})
    with open_page(f"w/default/chats/{first(emulator)}/{BRIAN}@s.whatsapp.net") as page:
        write(page, SCRIPT)
        page.wait_for_selector(".bubble.person .text >> text=onerror")
        assert SCRIPT in page.title()
        assert "owned" not in page.title().partition(SCRIPT)[2]
        assert page.inner_text(".with h1") == SCRIPT


def agree(page: Any) -> None:
    """Confirm what the page asks."""
    page.click("#sure[open] [data-yes]")


def test_one_reacts_replies_edits_and_deletes(open_page: Callable[..., Any]) -> None:
    with open_page() as page:
        open_chat(page, "Amina Hassan")
        write(page, "my mesage")
        mine = ".bubble.person:has-text('my mesage')"
        page.wait_for_selector(f"{mine} [aria-label='Delivered to the webhook']")  # which replaces the bubble
        page.click(f"{mine} [data-react]")
        page.click(".emojis button >> nth=0")
        page.wait_for_selector(f"{mine} .reactions >> text=👍")
        page.click(f"{mine} [data-edit]")
        page.fill("#text", "my message")
        page.press("#text", "Enter")
        page.wait_for_selector(".bubble.person:has-text('my message') >> text=edited")
        until_sent(page)
        page.click(".bubble.person:has-text('my message') [data-reply]")
        write(page, "a reply")
        page.wait_for_selector(".bubble.person:has-text('a reply') .quote")
        page.click(".bubble.person:has(.text:text-is('a reply')) [data-delete]")
        agree(page)
        page.wait_for_selector("text=This message was deleted")


def attach(page: Any, kind: str) -> None:
    """Open the fields of a kind of message, from the menu or from its longer list."""
    until_sent(page)
    page.click("#attacher")
    shown = page.locator(f"#attach [data-kind='{kind}']")
    if shown.count():
        shown.click()
    else:
        page.click("#attach [data-kind='']")
        page.select_option("#kind", kind)


def use_sample(page: Any) -> None:
    """Fill in what the chosen kind needs."""
    for button in ("[data-fill]:visible", "[data-sample]:visible"):
        if page.locator(button).count():
            page.locator(button).first.click()


def test_a_file_and_every_other_kind_can_be_written(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    note = tmp_path / "notes.txt"
    note.write_text("hello")
    with open_page() as page:
        open_chat(page, "Brian Otieno")
        page.click("#attacher")
        with page.expect_file_chooser() as chooser:
            page.click("[data-kind=document]")
        chooser.value.set_files(str(note))
        page.wait_for_selector("#previews >> text=notes.txt")
        assert page.inner_text("#previews small") == "5 bytes"
        write(page, "with a caption")
        page.wait_for_selector(".bubble.person .file >> text=notes.txt")
        attach(page, "document")
        page.set_input_files("#file", str(note))  # and then something else, which carries none
        for kind, shown in (("location", "-1.286389"), ("contact", "Jane Doe"), ("sticker", "img.sticker")):
            attach(page, kind)
            if kind == "sticker":
                page.click("[aria-label='Remove notes.txt']")
            use_sample(page)
            page.click(".send")
            page.wait_for_selector(f".bubble.person {shown}" if "img" in shown else f".bubble.person >> text={shown}")


def test_whoever_answers_by_themselves_is_told_apart(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    rules = [{"when": "ping", "reply": "pong", "after": 0}]
    steer(emulator, "PUT", "people/254711222333", {"name": "Rita", "rules": rules})
    with open_page(f"w/default/chats/{first(emulator)}/254711222333@s.whatsapp.net") as page:
        send(emulator, "ping", "254711222333")
        page.wait_for_selector(".bubble.person:has-text('pong') >> text=auto-reply")
        page.click(".bubble.person:has-text('pong') >> [data-why]")
        page.wait_for_selector("#why >> text=This is an auto-reply")


def test_a_picture_is_posted_in_a_channel(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    (channel,) = steer(emulator, "GET", "channels")["channels"]
    with open_page(f"w/default/chats/{first(emulator)}/{channel['id']}") as page:
        write(page, "Fresh today")
        page.wait_for_selector(".bubble:has(img.image) >> text=Fresh today")
        until_sent(page)
        page.click("#attacher")
        page.click("[data-sample=png]")
        page.click(".send")
        page.wait_for_selector(".bubble:has(img.image) >> nth=1")
    event = steer(emulator, "GET", "deliveries")["deliveries"][-1]["body"]
    assert event["data"]["from"] == channel["id"]


def test_each_kind_is_sent_with_its_own_fields_whatever_was_filled_in_before(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page("w/default/chats") as page:
        open_chat(page, "Brian Otieno")
        every = page.evaluate("[...document.getElementById('kind').options].map((one) => one.value)")
        kinds = [one for one in every if one not in ("", "poll_vote", "event")]
        page.fill("#text", "Some words")
        for count, kind in enumerate(kinds, 1):
            attach(page, "location")
            page.fill("[name=name]", "Uhuru Park")
            page.select_option("#kind", kind)
            use_sample(page)
            if page.is_enabled("#text"):
                page.fill("#text", "Some words")
            page.click(".send")
            page.wait_for_selector(f".bubble.person >> nth={count - 1}")
            assert eventually(page, "!composer.dataset.busy && tray.hidden")
        found = steer(emulator, "GET", "messages")["messages"]
        sent = [one["type"] for one in found if one["direction"] == "inbound"]
        assert sent[-len(kinds) :] == [kind if kind != "message" else "text" for kind in kinds]

        page.click(".bubble [data-vote] >> nth=0")
        page.wait_for_selector(".bubble >> text=1 voted")
        page.click("[data-album]")
        page.click("[data-sample=jpeg]")
        with page.expect_response("**/_mock/inbound*"):
            page.click(".send")
    item = steer(emulator, "GET", "deliveries")["deliveries"][-1]["body"]["data"]["message"]
    assert '"messageAssociation"' in json.dumps(item)


def test_a_picture_is_forwarded_as_it_is(open_page: Callable[..., Any]) -> None:
    with open_page() as page:
        open_chat(page, "Brian Otieno")
        attach(page, "image")
        page.click("[data-sample=jpeg]")
        write(page, "Like this?")
        page.click(".bubble.person:has(img.image):has-text('Like this?') [data-forward]")
        page.wait_for_selector(".bubble.person:has(.forwarded):has(img.image) .text:text-is('Like this?')")


def at_the_end(page: Any) -> bool:
    """Wait until the page is scrolled to the newest message."""
    return eventually(page, "bubbles.scrollHeight - bubbles.scrollTop - bubbles.clientHeight < 2")


def test_pictures_that_come_late_leave_the_newest_message_in_sight(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    for letter in ({"type": "image"}, {"type": "image"}, {"text": "the last"}):
        steer(emulator, "POST", "inbound", {"from": BRIAN, **letter})
    with open_page("w/default/chats", viewport={"width": 1200, "height": 500}) as page:
        kept: list[Any] = []
        page.route("**/media/*", lambda route: kept.append(route))
        open_chat(page, "Brian Otieno")
        page.wait_for_selector(".bubble >> text=the last")
        catch_up(page)
        assert at_the_end(page)
        while len(kept) < 2:
            page.wait_for_timeout(50)
        for route in kept:
            route.continue_()
        assert eventually(page, "[...document.images].every((image) => image.complete)")
        assert at_the_end(page)
        page.evaluate("bubbles.scrollTop -= 300; bubbles.dispatchEvent(new Event('load'))")  # as a picture comes
        assert eventually(page, "!following")
        steer(emulator, "POST", "inbound", {"from": BRIAN, "text": "while one reads"})
        page.wait_for_selector(".bubble >> text=while one reads", state="attached")
        assert not page.evaluate("following")


def test_the_newest_message_stays_in_sight(open_page: Callable[..., Any]) -> None:
    with open_page(viewport={"width": 1200, "height": 500}) as page:
        open_chat(page, "Brian Otieno")
        page.wait_for_selector(".bubble")
        assert at_the_end(page)
        page.click(".bubble.app >> nth=-1 >> [data-why]")
        page.wait_for_selector("#why h2")
        assert at_the_end(page)
        attach(page, "poll")
        assert at_the_end(page)


def test_a_reaction_is_picked_where_the_bubble_is(open_page: Callable[..., Any]) -> None:
    with open_page(viewport={"width": 1000, "height": 420}) as page:
        open_chat(page, "Brian Otieno")
        last = ".bubble.app >> nth=-1"
        catch_up(page)
        page.click(f"{last} >> [data-react]")
        (box,) = measure(page, ".emojis", "one => one.getBoundingClientRect().toJSON()")
        assert box["top"] >= 0
        assert box["bottom"] <= 420
        assert page.evaluate("document.scrollingElement.scrollTop") == 0
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{last} >> .reactions >> text=❤️")
        assert page.is_hidden(".emojis")


def test_a_reaction_is_picked_while_its_bubble_changes(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page() as page:
        open_chat(page, "Brian Otieno")
        catch_up(page)
        last = ".bubble.app >> nth=-1"
        target = page.get_attribute(last, "data-message")
        page.click(f"{last} >> [data-react]")
        page.keyboard.press("ArrowRight")
        steer(emulator, "POST", "inbound", {"from": BRIAN, "type": "reaction", "target": target, "emoji": "🙏"})
        page.wait_for_selector(f"{last} >> .reactions >> text=🙏")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{last} >> .reactions >> text=❤️")
        assert page.locator(".emojis").count() == 0


def test_an_edit_keeps_the_marks_and_the_author_and_can_be_left(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    group = next(iter(steer(emulator, "GET", "groups")["groups"]))
    ours = emulator.worlds.default().instances.first().number
    others = [one["number"] for one in group["participants"] if one["number"] != ours]
    with open_page(f"w/default/chats/{first(emulator)}/{group['id']}") as page:
        page.select_option("#from", others[-1])
        write(page, "*bold* `code`")
        bubble = ".bubble.person:has-text('bold code')"
        page.wait_for_selector(bubble)
        until_sent(page)
        page.select_option("#from", others[0])
        page.click(f"{bubble} >> [data-edit]")
        assert page.input_value("#text") == "*bold* `code`"
        page.keyboard.press("Escape")
        assert page.input_value("#text") == ""
        assert page.is_hidden("#about")
        page.click(f"{bubble} >> [data-edit]")
        page.keyboard.type("!")
        page.keyboard.press("Enter")
        page.wait_for_selector(".bubble.person >> text=edited")
    edit = steer(emulator, "GET", "messages")["messages"][-2:]
    (told,) = [one for one in edit if one["type"] == "edit"]
    assert (told["from"], told["text"]) == (others[-1], "*bold* `code`!")


def test_enter_goes_to_whom_one_looks_for(open_page: Callable[..., Any]) -> None:
    with open_page() as page:
        page.fill("#q", "+254 700 111 333")
        page.press("#q", "Enter")
        page.wait_for_url("**/254700111333*")
        assert page.evaluate("document.activeElement.id") == "text"


def test_a_chat_says_that_there_is_no_webhook(browser: Any) -> None:
    with (
        FlaresendMock(log_level="error") as emulator,
        opened(browser, emulator, f"w/default/chats/{first(emulator)}/254712345678@s.whatsapp.net") as page,
    ):
        page.click(".unheard >> text=Configure it")
        page.wait_for_url("**/instances")


def test_what_was_being_written_is_still_there_after_a_reset(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page(f"w/default/chats/{first(emulator)}/{BRIAN}@s.whatsapp.net") as page:
        page.fill("#text", "half a sen")
        with page.expect_navigation():
            steer(emulator, "POST", "reset")
        page.wait_for_selector("#text")
        assert page.input_value("#text") == "half a sen"


def test_a_tab_that_nobody_sees_keeps_no_connection_and_catches_up(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page(f"w/default/chats/{first(emulator)}/{BRIAN}@s.whatsapp.net") as page:
        hide(page, True)
        assert page.evaluate("stream === null")
        steer(emulator, "POST", "inbound", {"from": BRIAN, "text": "unseen"})
        hide(page, False)
        page.wait_for_selector(".bubble.person >> text=unseen")


def test_a_world_that_is_deleted_leads_back(emulator: FlaresendMock, browser: Any) -> None:
    steer(emulator, "POST", "worlds", {"name": "brief"})
    page = browser.new_page()
    page.goto(f"{emulator.url}/_mock/ui/w/brief/traffic")
    page.wait_for_selector("#filters")
    steer(emulator, "DELETE", "worlds/brief")
    page.wait_for_selector("text=Not found")
    page.click("text=To the chats")
    page.wait_for_selector(".chatlist")
    page.close()


def test_another_emulator_at_the_same_address_is_noticed(browser: Any) -> None:
    page = browser.new_page()
    with FlaresendMock(log_level="error") as before:
        port = int(before.url.rpartition(":")[2])
        steer(before, "POST", "inbound", {"from": BRIAN, "text": "long ago"})
        page.goto(f"{before.url}/_mock/ui/w/default/chats/{first(before)}/{BRIAN}@s.whatsapp.net")
        page.wait_for_selector(".bubble >> text=long ago")
    page.wait_for_selector("#lost:visible")
    with FlaresendMock(port=port, log_level="error"):
        page.wait_for_selector(".bubble >> text=long ago", state="detached", timeout=WAIT)
        page.wait_for_selector("#nothing")
        assert page.is_hidden("#lost")
    page.close()


def test_a_refusal_is_told(emulator: FlaresendMock, browser: Any) -> None:
    steer(emulator, "PATCH", "world", {"offline_messages": "drop"})
    steer(emulator, "POST", "instances/default/disconnect")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{emulator.url}/_mock/ui/w/default/chats/{first(emulator)}/{BRIAN}@s.whatsapp.net")
    write(page, "anybody there?")
    page.wait_for_selector("#problem >> text=disconnected")
    assert page.input_value("#text") == "anybody there?"
    context.close()


def test_it_can_be_used_without_a_mouse(open_page: Callable[..., Any]) -> None:
    with open_page() as page:
        catch_up(page)
        page.keyboard.press("/")
        page.keyboard.type("brian")
        page.wait_for_selector(".chatlist li:only-child >> text=Brian")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/chats/*/*")
        page.focus("#text")
        page.keyboard.type("by keyboard")
        page.keyboard.press("Enter")
        page.wait_for_selector(".bubble.person >> text=by keyboard")


def test_it_is_readable_on_a_phone(open_page: Callable[..., Any]) -> None:
    with open_page(viewport={"width": 390, "height": 800}) as page:
        for tab in measure(page, ".top nav a", "link => link.href"):
            page.goto(tab)
            catch_up(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab
        page.goto(f"{page.url.partition('/w/')[0]}/w/default/chats")
        open_chat(page, "Brian Otieno")
        page.wait_for_selector("#composer")
        assert page.is_hidden(".list")
        page.click(".back")
        page.wait_for_selector(".chatlist")


def test_what_was_said_long_ago_comes_as_one_scrolls(browser: Any) -> None:
    with FlaresendMock(log_level="error") as emulator:
        for number in range(100):
            steer(emulator, "POST", "inbound", {"from": "254700000123", "text": f"line {number}."})
        with opened(browser, emulator, f"w/default/chats/{first(emulator)}/254700000123@s.whatsapp.net") as page:
            page.wait_for_selector(".bubble .text:text-is('line 99.')")
            catch_up(page)
            assert page.query_selector(".bubble .text:text-is('line 10.')") is None
            for known in ("line 60.", "line 20.", "line 0."):
                page.evaluate("document.getElementById('bubbles').scrollTop = 0")
                page.wait_for_selector(f".bubble .text:text-is('{known}')", state="attached")
            assert page.locator(".bubble").count() == 100


def test_it_works_behind_a_path(emulator: FlaresendMock, browser: Any) -> None:
    from wsgiref.types import StartResponse, WSGIEnvironment

    def proxied(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        path = environ["PATH_INFO"]
        assert path.startswith("/a/prefix/"), path
        environ["PATH_INFO"] = path.removeprefix("/a/prefix")
        environ.pop("REQUEST_URI", None)
        return emulator.app(environ, start_response)

    from flask import Flask

    from flaresend_mock.http.server import HttpServer

    proxy = Flask("proxy")
    proxy.wsgi_app = proxied  # type: ignore[method-assign]
    server = HttpServer(proxy, [("127.0.0.1", 0)], max_body_size=10**6)
    server.start()
    try:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/a/prefix/_mock/ui/")
        open_chat(page, "Brian Otieno")
        write(page, "menu")
        page.wait_for_selector(".bubble.app >> text=Our bakery")
        page.close()
    finally:
        server.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(scheme: str, emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    steer(emulator, "POST", "instances", {"name": "Second", "number": "254700111222", "status": "qr"})
    steer(emulator, "POST", "faults", {"preset": "flaky"})
    steer(emulator, "POST", "inbound", {"from": BRIAN, "type": "image", "caption": "Look"})
    chat = f"chats/{first(emulator)}/{BRIAN}@s.whatsapp.net"
    with open_page(color_scheme=scheme) as page:
        for path in (*TABS, chat):
            page.goto(f"{emulator.url}/_mock/ui/w/default/{path}")
            catch_up(page)
            found = axe.run(page).response["violations"]
            serious = [
                (path, one["id"], [node["html"][:200] for node in one["nodes"]][:3])
                for one in found
                if one["impact"] in ("serious", "critical")
            ]
            assert serious == []


@pytest.fixture
def failing() -> Iterator[FlaresendMock]:
    """An emulator whose webhook always fails."""
    with Receiver(lambda _: 500) as receiver, FlaresendMock(webhook_url=receiver.url, log_level="error") as running:
        yield running


def test_a_webhook_that_fails_is_seen(browser: Any, failing: FlaresendMock) -> None:
    with opened(browser, failing, f"w/default/chats/{first(failing)}/254712345678@s.whatsapp.net") as page:
        write(page, "does it work?")
        page.wait_for_selector(".bubble.person [aria-label='Delivery to the webhook: retrying']")
        page.click(".bubble.person [data-why]")
        page.wait_for_selector("#why .not-ok >> text=500")


def test_a_reply_that_failed_is_seen_at_once_and_leads_to_its_call(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    person = "254711000009"
    requests.post(f"{emulator.url}/_mock/inbound", json={"from": person, "text": "Anyone?"}, timeout=WAIT)
    instance = requests.get(f"{emulator.url}/_mock/instances", timeout=WAIT).json()["instances"][0]["id"]
    body = {"recipients": [person], "type": "text", "text": "Yes"}
    wrong = {"Authorization": "Bearer wrong"}
    with open_page(f"w/default/chats/{instance}/{person}@s.whatsapp.net") as page:
        bubble = page.locator(".bubble.person", has_text="Anyone?")
        bubble.wait_for()
        requests.post(f"{emulator.url}/send-message", json=body, headers=wrong, timeout=WAIT)

        bubble.locator(".missed", has_text="Reply refused: 401 Invalid API key").focus()
        page.keyboard.press("Enter")
        page.locator("#why", has_text="Invalid API key").wait_for()
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.className") == "missed"


def test_the_whole_page_follows_when_the_world_is_reset(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page() as page:
        open_chat(page, "Brian Otieno")
        write(page, "soon forgotten")
        page.wait_for_selector(".bubble.person >> text=soon forgotten")
        steer(emulator, "POST", "reset")
        page.wait_for_selector(".bubble.person >> text=soon forgotten", state="detached")
        assert re.search("Brian Otieno", page.inner_text(".with h1"))
        assert json.dumps(page.title())


# --- writing as people: files, and forms


def place_of(emulator: FlaresendMock, chat: str = f"{BRIAN}@s.whatsapp.net") -> str:
    return f"w/default/chats/{first(emulator)}/{chat}"


def test_what_is_typed_while_a_message_is_being_sent_stays(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page(place_of(emulator)) as page:
        with emulator.worlds.default().lock:  # the response waits
            write(page, "order cake")
            page.keyboard.type("plain")
            page.press("#text", "Enter")  # sends nothing, as the first is under way
            assert page.input_value("#text") == "order cakeplain"
        assert eventually(page, "document.getElementById('text').value === 'plain'")
        page.press("#text", "Enter")
        page.wait_for_selector(".bubble.person .text:text-is('plain')")
        assert [one["text"] for one in inbound_of(emulator)][-2:] == ["order cake", "plain"]


def test_what_is_begun_while_a_message_is_being_sent_stays(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    lock = emulator.worlds.default().lock  # while it is held, the response waits
    with open_page(place_of(emulator)) as page:
        with lock:
            write(page, "order cake")
            page.click(".bubble.app >> nth=-1 >> [data-reply]")
            page.keyboard.type(", please")
        until_sent(page)
        assert page.inner_text("#about span").startswith("Reply to: ")
        assert page.input_value("#text") == ", please"
        with lock:
            page.press("#text", "Enter")
            page.click("#attacher")
            page.click("#attach [data-kind=location]")
            page.fill("[name=name]", "Uhuru Park")
        until_sent(page)
        assert page.is_hidden("#about")
        assert page.input_value("#text") == ""
        assert page.input_value("[name=name]") == "Uhuru Park"
        use_sample(page)
        page.click(".send")
        page.wait_for_selector(".bubble.person .card:has-text('Uhuru Park')")
        until_sent(page)
        assert page.is_hidden("#tray")
        page.click(".bubble.person:has(.text:text-is('order cake')) [data-edit]")
        with lock:
            write(page, "order cakes")
            page.keyboard.type(", thanks")
        until_sent(page)
        assert page.is_hidden("#about")
        assert page.input_value("#text") == ", thanks"


def hand_over(page: Any, event: str, target: str, *files: tuple[str, str, str]) -> None:
    """Dispatch a drop or a paste of files: names, media types and contents."""
    page.evaluate(
        """([kind, target, files]) => {
            const data = new DataTransfer();
            for (const [name, type, words] of files) data.items.add(new File([words], name, { type }));
            const more = kind === "paste" ? { clipboardData: data } : { dataTransfer: data };
            const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
            const given = { bubbles: true, cancelable: true, ...more };
            document.querySelector(target).dispatchEvent(new Kind(kind, given));
        }""",
        [event, target, files],
    )


def inbound_of(emulator: FlaresendMock) -> list[dict[str, Any]]:
    return [one for one in steer(emulator, "GET", "messages")["messages"] if one["from"] == BRIAN]


def test_a_poll_has_a_question_and_options_that_differ(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page(place_of(emulator)) as page:
        before = len(inbound_of(emulator))
        attach(page, "poll")
        page.click(".send")
        assert page.evaluate("document.activeElement.name") == "text"
        for at, words in enumerate(("Which cake?", "Plain, small", "  ")):
            page.fill(f".fields input:enabled >> nth={at}", words)
        page.click(".send")
        assert page.evaluate("document.activeElement.name") == "options"
        page.fill("[name=options] >> nth=1", "Chocolate")
        page.fill("[name=options] >> nth=2", "Plain, small ")
        page.press("[name=options] >> nth=2", "Enter")
        page.wait_for_selector("#problem >> text=Two options are the same: Plain, small")
        assert len(inbound_of(emulator)) == before
        page.fill("[name=options] >> nth=2", "Carrot")
        assert page.locator("[name=options]").count() == 4
        page.press("[name=options] >> nth=2", "Enter")
        page.wait_for_selector(".bubble.person .card:has-text('Which cake?')")
        options = texts(page, ".bubble.person:has([data-option='Carrot']) .option")
        assert options == ["○ Plain, small", "○ Chocolate", "○ Carrot"]
        assert eventually(page, "tray.hidden")
        attach(page, "poll")
        assert page.locator("[name=options]").count() == 3


@pytest.mark.parametrize(("event", "target"), [("drop", "#bubbles"), ("paste", "#text")])
def test_files_are_dropped_and_pasted_with_a_caption(
    event: str, target: str, emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page(place_of(emulator)) as page:
        hand_over(page, event, target, ("cake.png", "image/png", "a"), ("order.txt", "text/plain", "two cakes"))
        page.wait_for_selector("#previews li >> nth=1")
        assert page.input_value("#kind") == "image"
        assert texts(page, "#previews .words") == ["cake.png\n1 byte", "order.txt\n9 bytes"]
        page.wait_for_selector("#previews li:has-text('cake.png') span.thumb >> text=png")  # what no browser shows
        write(page, "Like this one?")
        page.wait_for_selector(".bubble.person .file >> text=order.txt")
        picture, document = inbound_of(emulator)[-2:]
        assert (picture["type"], picture["caption"]) == ("image", "Like this one?")
        assert (document["type"], document["caption"]) == ("document", None)
        assert eventually(page, "tray.hidden")


def test_a_file_that_is_too_large_or_empty_is_not_uploaded(browser: Any) -> None:
    with (
        FlaresendMock(demo=True, max_body_size=200_000, log_level="error") as emulator,
        opened(browser, emulator, place_of(emulator)) as page,
    ):
        sent: list[str] = []
        page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
        hand_over(page, "drop", "#bubbles", ("film.mp4", "video/mp4", "x" * 190_000))
        page.wait_for_selector("#problem >> text=film.mp4 is too large: 190 KB. The limit is 200 KB")
        hand_over(page, "drop", "#bubbles", ("nothing.txt", "text/plain", ""))
        page.wait_for_selector("#problem >> text=nothing.txt is empty")
        attach(page, "sticker")
        page.click(".send")
        page.wait_for_selector("#problem >> text=Choose a file, or use a sample.")
        assert sent == []
        hand_over(page, "drop", "#bubbles", ("film.mp4", "video/mp4", "x" * 130_000))
        page.click(".send")
        page.wait_for_selector(".bubble.person video")


def test_the_menu_of_kinds_works_without_a_mouse(open_page: Callable[..., Any], emulator: FlaresendMock) -> None:
    with open_page(place_of(emulator)) as page:
        page.focus("#attacher")
        page.keyboard.press("Enter")
        focused = "document.activeElement.textContent.trim()"
        assert page.evaluate(focused) == "Photo"
        page.keyboard.press("End")
        assert page.evaluate(focused) == "More"
        page.keyboard.press("Escape")
        assert page.is_hidden("#attach")
        assert page.evaluate("document.activeElement.id") == "attacher"
        page.keyboard.press("Enter")
        for key, label in (
            ("ArrowDown", "Contact"),
            ("ArrowUp", "Photo"),
            ("ArrowLeft", "More"),
            ("ArrowUp", "Location"),
        ):
            page.keyboard.press(key)
            assert page.evaluate(focused) == label
        page.keyboard.press("Enter")
        for words in ("1.5", "36.5", "The shop"):
            page.keyboard.type(words)
            page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector(".bubble.person .card:has-text('The shop') >> text=1.5, 36.5")


def test_what_is_left_for_another_kind_is_still_there_later(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page(place_of(emulator)) as page:
        page.fill("#text", "a text of its own")
        attach(page, "contact")
        page.fill("[data-part=name] >> nth=0", "Jane")
        page.fill("[data-part=number] >> nth=0", "12")
        page.keyboard.press("Escape")
        assert page.is_hidden("#tray")
        assert page.input_value("#text") == "a text of its own"
        attach(page, "contact")
        assert page.input_value("[data-part=name] >> nth=0") == "Jane"
        page.click("text=Add another contact")
        page.fill("[data-part=number] >> nth=0", "254798765432")
        page.fill("[data-part=name] >> nth=1", "John")
        page.fill("[data-part=number] >> nth=1", "254718841608")
        page.click(".send")
        page.wait_for_selector(".bubble.person:has-text('Jane') >> text=John")
        assert page.input_value("#text") == "a text of its own"
        assert inbound_of(emulator)[-1]["type"] == "contacts"


def test_a_refusal_of_a_form_is_shown_at_the_form(emulator: FlaresendMock, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{emulator.url}/_mock/ui/{place_of(emulator)}")
    attach(page, "contact")
    page.fill("[data-part=name] >> nth=0", "Jane")
    page.fill("[data-part=number] >> nth=0", "12")
    page.click(".send")
    page.wait_for_selector("#problem >> text=contact.number: Not a phone number")
    assert page.evaluate("document.activeElement.dataset.part") == "number"
    assert page.input_value("[data-part=name] >> nth=0") == "Jane"
    page.click("[data-discard]")
    assert page.is_hidden("#problem")
    page.close()


def test_an_event_of_ones_own_starts_from_a_sample(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page(place_of(emulator)) as page:
        attach(page, "event")
        page.fill("#payload", "{")
        page.click(".send")
        page.wait_for_selector("#problem >> text=This is not JSON")
        page.select_option("#start", "order")
        assert eventually(page, "payload.value.includes('orderMessage')")
        page.fill("#payload", page.input_value("#payload").replace("INQUIRY", "ACCEPTED"))
        page.click(".send")
        page.wait_for_selector(".bubble.person >> text=orderMessage")
    event = steer(emulator, "GET", "deliveries")["deliveries"][-1]["body"]
    assert event["data"]["from"] == f"{BRIAN}@s.whatsapp.net"
    assert event["data"]["message"]["orderMessage"]["status"] == "ACCEPTED"


def test_a_reader_is_led_to_new_messages_and_not_moved(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    for number in range(20):
        steer(emulator, "POST", "inbound", {"from": "254700000123", "text": f"line {number}."})
    with open_page(place_of(emulator, "254700000123@s.whatsapp.net"), viewport={"width": 1200, "height": 500}) as page:
        page.wait_for_selector(".bubble >> text=line 19.")
        catch_up(page)
        assert at_the_end(page)
        assert page.is_hidden("#newer")
        page.evaluate("bubbles.scrollTop = 100")
        page.wait_for_selector("#newer[aria-label='To the newest message']")
        for number in (20, 21):
            before = page.locator(".bubble").count()
            send(emulator, f"news {number}", "254700000123")
            page.wait_for_selector(f".bubble >> nth={before}", state="attached")
        page.wait_for_selector("#newer >> text=2 new messages")
        assert page.evaluate("bubbles.scrollTop") == 100
        page.click("#newer")
        assert at_the_end(page)
        assert page.is_hidden("#newer")


def test_a_member_s_name_fits_on_a_phone(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    group = steer(emulator, "GET", "groups")["groups"][0]
    ours = emulator.worlds.default().instances.first().number
    member = next(one["number"] for one in group["participants"] if one["number"] != ours)
    steer(emulator, "PUT", f"people/{member}", {"name": "Wanjiku Nyambura Kamau"})
    with open_page(place_of(emulator, group["id"]), viewport={"width": 390, "height": 800}) as page:
        page.select_option("#from", member)
        needs = page.evaluate(
            """() => {
                const pen = document.createElement("canvas").getContext("2d");
                const select = document.getElementById("from");
                pen.font = getComputedStyle(select).font;
                return pen.measureText(select.selectedOptions[0].text).width - select.clientWidth;
            }"""
        )
        assert needs < -50  # the arrow and the padding
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        attach(page, "contact")
        assert page.evaluate("tray.scrollWidth <= tray.clientWidth")
        assert page.evaluate("text.offsetWidth") > 200


def test_a_page_is_not_reloaded_while_a_form_is_filled_in(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page(place_of(emulator)) as page:
        attach(page, "poll")
        page.fill("[data-for=poll] [name=text]", "Half a question")
        steer(emulator, "POST", "reset")
        page.wait_for_selector("#problem >> text=The world was replaced")
        assert page.input_value("[data-for=poll] [name=text]") == "Half a question"
        with page.expect_navigation():
            page.click("[data-discard]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_menu_and_the_forms(
    scheme: str, emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    group = steer(emulator, "GET", "groups")["groups"][0]["id"]
    for chat, width in ((f"{BRIAN}@s.whatsapp.net", 1440), (group, 390)):
        with open_page(place_of(emulator, chat), color_scheme=scheme, viewport={"width": width, "height": 844}) as page:
            catch_up(page)
            for kind in (None, "image", "poll", "contacts", "event", "location"):
                if kind is None:
                    page.click("#attacher")
                else:
                    page.keyboard.press("Escape")
                    attach(page, kind)
                    use_sample(page)
                    page.evaluate("for (const one of document.querySelectorAll('details.options')) one.open = true")
                found = axe.run(page).response["violations"]
                assert [(kind, one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []


# --- the other pages


def test_a_phone_is_linked_by_its_qr_code(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page("w/default/instances") as page:
        page.click("text=New instance")
        page.fill("dialog [name=number]", "254700111222")
        page.press("dialog [name=number]", "Enter")
        page.wait_for_selector("img.qr")
        page.click("button:text-is('Scan')")
        page.wait_for_selector(".state.connected >> nth=1")
    shown = steer(emulator, "GET", "instances")["instances"]
    assert [one["status"] for one in shown] == ["connected", "connected"]


def test_time_passes_and_a_scheduled_message_arrives(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    steer(emulator, "PATCH", "clock", {"now": "2025-11-14T10:00:00Z", "frozen": True})
    send(emulator, "It is time!", at="2025-11-15 09:00:00")
    with open_page("w/default/schedule") as page:
        page.wait_for_selector("text=It is time!")
        assert "rozen" in page.inner_text("main")
        page.click("#clock-day")
        page.wait_for_selector("text=15 November 2025")
        page.goto(f"{emulator.url}/_mock/ui/w/default/chats/{first(emulator)}/{BRIAN}@s.whatsapp.net")
        page.wait_for_selector(".bubble.app >> text=It is time!")
        page.click(".bubble.app:has-text('It is time!') [data-why]")
        page.wait_for_selector("#why >> text=/schedule-message")


def test_what_is_scheduled_is_cancelled(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    send(emulator, "Never mind", at="2099-01-01 09:00:00")
    with open_page("w/default/schedule") as page:
        cancel = page.locator(".due button:text-is('Cancel')")
        before = cancel.count()
        cancel.last.click()  # that of 2099
        agree(page)
        page.wait_for_selector(f".due button:text-is('Cancel') >> nth={before - 1}", state="detached")
    assert "Never mind" not in json.dumps(steer(emulator, "GET", "scheduled"))


def test_a_fault_is_armed_and_seen_everywhere_and_cleared(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page("w/default/faults") as page:
        page.click("text=Rate limited")
        page.wait_for_selector(".status .badge.warn >> text=1 fault")
        response = requests.get(f"{emulator.url}/groups", headers=emulator.headers, timeout=30)
        assert response.status_code == 429
        page.goto(f"{emulator.url}/_mock/ui/w/default/chats")
        page.wait_for_selector(".status .badge.warn >> text=1 fault")
        page.click(".status .badge.warn")
        page.wait_for_url("**/faults")
        page.click("text=Delete all")
        agree(page)
        page.wait_for_selector(".status .badge.warn", state="detached")
        assert steer(emulator, "GET", "faults") == {"faults": []}


def test_calls_and_deliveries_are_watched_and_delivered_again(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page("w/default/traffic") as page:
        steer(emulator, "POST", "inbound", {"from": BRIAN, "text": "menu"})
        page.wait_for_selector("text=/send-message >> nth=0")
        steer(emulator, "POST", "deliveries/settle")
        before = len(steer(emulator, "GET", "deliveries")["deliveries"])
        page.click(".kind.delivery >> nth=0")
        page.click("text=Deliver again >> nth=0")
        page.wait_for_selector(".toast")
        assert len(steer(emulator, "GET", "deliveries")["deliveries"]) == before + 1


def test_a_world_is_exported_and_imported(
    emulator: FlaresendMock, tmp_path: Path, open_page: Callable[..., Any]
) -> None:
    with open_page("w/default/worlds") as page:
        with page.expect_download() as waited:
            page.click("text=Export >> nth=0")
        file = tmp_path / "world.json"
        waited.value.save_as(file)
        kept = len(json.loads(file.read_text())["messages"])
        steer(emulator, "POST", "inbound", {"from": BRIAN, "text": "too much"})
        steer(emulator, "POST", "deliveries/settle")
        with page.expect_file_chooser() as asked:
            page.click("text=Import a file")
        asked.value.set_files(str(file))
        with page.expect_navigation():  # the page loads again once the file is imported
            page.click("dialog[open] [data-yes]")
        page.wait_for_selector(f"#worlds >> text=/^{kept} messages/")
        texts = [one["text"] for one in steer(emulator, "GET", "messages")["messages"]]
        assert "too much" not in texts
        assert len(texts) == kept


def test_settings_of_a_world_are_saved(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page("w/default/worlds") as page:
        for url in ("http://flaresend:3577", ""):
            page.click("#worlds [data-settings] >> nth=0")
            page.fill("#settings [name=public_url]", url)
            page.click("#settings .main")
            page.wait_for_selector("#settings", state="hidden")
            assert steer(emulator, "GET", "worlds/default")["public_url"] == (url or None)
            page.wait_for_selector(f"[data-settings*='{url or 'null'}']")


def test_what_happens_in_other_worlds_is_seen_on_the_page_of_worlds(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    steer(emulator, "POST", "worlds", {"name": "other"})
    with open_page("w/default/worlds") as page:
        page.wait_for_selector("[data-name=other] .counts b >> nth=0 >> text=0")
        steer(emulator, "POST", "inbound?world=other", {"from": "254712345678", "text": "hi"})
        page.wait_for_selector("[data-name=other] .counts p:first-child b:text-is('1')")


def test_what_is_pressed_is_not_replaced_before_it_is_released(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page("w/default/worlds") as page:
        catch_up(page)
        count = "#worlds .counts p:first-child b"
        before = int(page.inner_text(count))
        page.hover("#worlds >> text=Take a snapshot")
        page.mouse.down()
        with page.expect_response("**/parts/worlds*"):
            steer(emulator, "POST", "inbound", {"from": "254711000003", "text": "while it is pressed"})
        assert eventually(page, "held")
        assert int(page.inner_text(count)) == before
        page.mouse.up()
        page.wait_for_selector("dialog[open] [name=name]")
        page.wait_for_selector(f"{count}:not(:text-is('{before}'))")


def test_the_members_of_a_group_are_changed(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page("w/default/people/groups") as page:
        catch_up(page)
        page.click("[id^=members-] >> nth=0")
        page.wait_for_selector("dialog[open] .members")
        page.fill("dialog [name=participants]", "254799000111")
        page.press("dialog [name=participants]", "Enter")
        member = "dialog .members li:has-text('+254799000111')"
        page.wait_for_selector(member)
        page.click(f"{member} >> text=Promote")
        page.wait_for_selector(f"{member} >> text=Admin")
        page.click(f"{member} >> text=Remove")
        agree(page)
        page.wait_for_selector(member, state="detached")
        page.fill("dialog [name=subject]", "Renamed <b>group</b>")
        page.fill("dialog [name=description]", "Every Sunday")
        page.check("dialog [name=announce]")
        page.press("dialog [name=subject]", "Enter")
        page.wait_for_selector("dialog h2 >> text=Renamed <b>group</b>")
    (changed,) = [one for one in steer(emulator, "GET", "groups")["groups"] if one["subject"] == "Renamed <b>group</b>"]
    assert (changed["description"], changed["announce"], changed["restrict"]) == ("Every Sunday", True, False)


def test_what_is_clicked_while_the_page_is_brought_up_to_date_opens(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    update = re.compile(r"/parts/people/groups\?")
    with open_page("w/default/people/groups") as page:
        catch_up(page)  # a second request waits for the first
        held: list[Any] = []
        page.route(update, lambda route: held.append(route))
        with page.expect_request(update):
            steer(emulator, "PUT", "people/254799000111", {"name": "Somebody new"})
        with page.expect_request(re.compile(r"/parts/people/groups/")):
            page.click("[id^=members-] >> nth=0")
        for route in held:
            route.continue_()
        page.unroute(update)
        page.wait_for_selector("dialog[open] .members")


def test_what_is_being_written_of_a_group_is_not_replaced(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page("w/default/people/groups") as page:
        catch_up(page)
        page.click("[id^=members-] >> nth=0")
        group = page.inner_text("dialog #group-id")
        page.fill("dialog [name=description]", "half of what")
        with page.expect_response("**/parts/people/groups/*"):
            steer(emulator, "PATCH", f"groups/{group}", {"subject": "Renamed elsewhere", "restrict": True})
        body = {"action": "add", "participants": ["254799000111"]}
        steer(emulator, "POST", f"groups/{group}/participants", body)
        page.wait_for_selector("dialog .members li:has-text('+254799000111')")
        assert page.input_value("dialog [name=description]") == "half of what"
        page.fill("dialog [name=description]", "All of it")
        page.click("dialog >> text=Save")
        page.wait_for_selector("dialog h2 >> text=Renamed elsewhere")
        assert page.is_checked("dialog [name=restrict]")
        steer(emulator, "PATCH", f"groups/{group}", {"subject": "Renamed again"})
        page.wait_for_selector("dialog h2 >> text=Renamed again")
        assert page.input_value("dialog [name=subject]") == "Renamed again"
        assert page.input_value("dialog [name=description]") == "All of it"


def test_the_form_of_a_group_catches_up_with_what_a_hidden_tab_missed(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    with open_page("w/default/people/groups") as page:
        page.click("[id^=members-] >> nth=0")
        group = page.inner_text("dialog #group-id")
        hide(page, True)
        steer(emulator, "PATCH", f"groups/{group}", {"subject": "Renamed unseen"})
        body = {"action": "add", "participants": ["254799000111"]}
        steer(emulator, "POST", f"groups/{group}/participants", body)
        hide(page, False)
        page.wait_for_selector("dialog h2 >> text=Renamed unseen")
        page.wait_for_selector("dialog .members li:has-text('+254799000111')")


def test_what_is_written_of_a_group_while_it_is_being_saved_stays(
    emulator: FlaresendMock, open_page: Callable[..., Any]
) -> None:
    saving = re.compile(r"/_mock/groups/")
    with open_page("w/default/people/groups") as page:
        catch_up(page)
        page.click("[id^=members-] >> nth=0")
        held: list[Any] = []
        page.route(saving, lambda route: held.append(route))
        page.fill("dialog [name=subject]", "Saved now")
        with page.expect_request(saving):
            page.click("dialog >> text=Save")
        page.fill("dialog [name=description]", "and more")
        with page.expect_response("**/parts/people/groups/*"):
            for route in held:
                route.continue_()
        page.unroute(saving)
        group = page.inner_text("dialog #group-id")
        body = {"action": "add", "participants": ["254799000111"]}
        steer(emulator, "POST", f"groups/{group}/participants", body)
        page.wait_for_selector("dialog .members li:has-text('+254799000111')")
        assert page.input_value("dialog [name=description]") == "and more"
        page.click("dialog >> text=Save")
        page.wait_for_selector("dialog h2 >> text=Saved now")
    (changed,) = [one for one in steer(emulator, "GET", "groups")["groups"] if one["id"] == group]
    assert (changed["subject"], changed["description"]) == ("Saved now", "and more")


def test_a_channel_is_made_and_changed(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page("w/default/people/channels") as page:
        page.click("text=New channel")
        page.fill("dialog [name=name]", "Fresh <i>bread</i>")
        page.select_option("dialog [name=role]", "SUBSCRIBER")
        page.click("dialog >> text=Create")
        entry = ".entry:has-text('Fresh <i>bread</i>')"
        page.wait_for_selector(f"{entry} >> text=subscriber")
        page.click(f"{entry} >> text=Edit")
        page.fill("dialog [name=description]", "At eight")
        page.select_option("dialog [name=role]", "OWNER")
        page.click("dialog >> text=Save")
        page.wait_for_selector(f"{entry} >> text=At eight")
    every = steer(emulator, "GET", "channels")["channels"]
    (made,) = [one for one in every if one["name"] == "Fresh <i>bread</i>"]
    assert (made["description"], [one["role"] for one in made["roles"]]) == ("At eight", ["OWNER"])


def test_one_goes_to_the_same_page_of_another_world(emulator: FlaresendMock, open_page: Callable[..., Any]) -> None:
    with open_page("w/default/faults") as page:
        page.wait_for_selector(".switcher")
        steer(emulator, "POST", "worlds", {"name": "checkout"})
        page.click(".switcher summary")
        page.click(".switcher >> text=checkout")
        page.wait_for_url("**/w/checkout/faults")
        assert page.inner_text(".switcher summary bdi") == "checkout"


@pytest.mark.parametrize("watches", [False, True])
def test_a_link_of_the_network_logs_in(watches: bool, browser: Any) -> None:
    """Its token stands behind the #, which the page sends, and forgets."""
    with FlaresendMock(demo=True, lan=True, log_level="error") as emulator:
        link = emulator.links[watches].partition("#")[2]
        with opened(browser, emulator, f"login#{link}") as page:
            page.wait_for_url("**/w/default/chats")
            page.get_by_role("link", name="Amina Hassan").click()
            sync_api.expect(page.locator("#composer")).to_have_count(0 if watches else 1)
            sync_api.expect(page.get_by_text("You are watching")).to_have_count(1 if watches else 0)
            headers = {"X-Control-Token": emulator.settings.control_token or ""}
            letter = {"from": "254711000003", "text": "hello from elsewhere"}
            requests.post(f"{emulator.url}/_mock/inbound", json=letter, headers=headers, timeout=30).raise_for_status()
            page.locator(".bubble.person", has_text="hello from elsewhere").wait_for()
            page.locator(".bubble.app", has_text="Hello! I am the baker").wait_for()
            page.locator(".bubble").last.locator("[data-why]").click()
            page.locator("#why h2").wait_for()


def test_the_first_minute_of_a_demonstration(open_page: Callable[..., Any], emulator: FlaresendMock) -> None:
    """On a phone, with the suggestions alone: an order with a photo, and the reminder that comes as the clock skips."""
    with open_page(viewport={"width": 390, "height": 844}) as page:
        open_chat(page, "Brian Otieno")
        chips = page.locator("#chips")
        chips.get_by_role("button", name="order cake").click()
        page.locator(".bubble.person", has_text="order cake").wait_for()  # two calls at once have no order
        chips.get_by_role("button", name="a photo").press("Enter")
        page.locator(".bubble.app", has_text="Noted: cake").wait_for()
        chips.get_by_role("button", name="skip to the pick-up").press("Enter")
        page.locator(".bubble.app", has_text="Your cake is ready").wait_for()
        chips.get_by_role("button", name="thanks").wait_for()
        sync_api.expect(chips.get_by_role("button", name="thanks")).to_be_focused()
        page.goto(f"{emulator.url}/_mock/ui/w/default/worlds")
        page.get_by_role("button", name="New demo world").click()
        page.wait_for_url("**/w/world-1/chats")
        page.get_by_role("link", name="Brian Otieno", exact=True).wait_for()


def test_the_focus_stays_on_a_suggestion_while_others_write(
    open_page: Callable[..., Any], emulator: FlaresendMock
) -> None:
    with open_page() as page:
        open_chat(page, "Brian Otieno")
        catch_up(page)
        page.focus(".chip:text-is('a photo')")
        with page.expect_response("**/parts/suggestions/**"):
            steer(emulator, "POST", "inbound", {"from": "254711000003", "text": "from a test"})
        catch_up(page)
        assert page.evaluate("document.activeElement.textContent") == "a photo"
