"""What all pages share, in Debian's Chromium: keyboard, unread counts, addresses, questions, notices and guides."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.shell import quoted
from tests.dashboard import in_browser as shared
from tests.dashboard.in_browser import (
    BRIAN,
    TABS,
    catch_up,
    eventually,
    first,
    hide,
    measure,
    open_chat,
    send,
    steer,
    sync_api,
    texts,
    write,
)

pytestmark = shared.pytestmark
browser, emulator, open_page = shared.browser, shared.emulator, shared.open_page

Open = Callable[..., Any]


def unread(page: Any) -> int:
    found = re.match(r"\((\d+)\) ", page.title())
    return int(found[1]) if found else 0


def title_counts(page: Any, wanted: int) -> bool:
    return eventually(page, f"(Number(document.title.match(/^\\((\\d+)\\) /)?.[1]) || 0) === {wanted}")


def test_unread_messages_are_in_the_title_and_the_navigation_of_each_page(
    emulator: FlaresendMock, open_page: Open
) -> None:
    send(emulator, "to another chat", "254711000003")
    with open_page("w/default/schedule") as page:
        assert eventually(page, "document.getElementById('unread').dataset.unread > 0")
        before = unread(page)
        send(emulator, "one")
        assert title_counts(page, before + 1)
        assert page.inner_text("#unread").startswith(str(before + 1))
        page.goto(f"{emulator.url}/_mock/ui/w/default/chats")
        assert title_counts(page, before + 1)
        send(emulator, "two")
        assert title_counts(page, before + 2)
        open_chat(page, "Brian Otieno")
        left = unread(page)
        assert left <= before
        send(emulator, "three")
        page.wait_for_selector(".bubble >> text=three")
        assert title_counts(page, left)  # it was read at once


class Held:
    """Keeps the responses of calls of a page until they are released."""

    def __init__(self, page: Any, url: str) -> None:
        self._page, self._released = page, False
        self._kept: list[tuple[Any, Any]] = []
        page.route(url, self._keep)

    def _keep(self, route: Any) -> None:
        if self._released:
            route.continue_()
        else:
            self._kept.append((route, route.fetch()))

    def wait(self) -> None:
        while not self._kept:
            self._page.wait_for_timeout(50)

    def release(self) -> None:
        self._released = True
        for route, response in self._kept:
            route.fulfill(response=response)


def count_news(page: Any, kind: str) -> None:
    """Let `heard` be how often the page has heard of a kind of event from now on."""
    page.evaluate(f"window.heard = 0; document.body.addEventListener('news-{kind}', () => {{ heard += 1; }})")


def test_a_message_that_comes_while_the_unread_ones_are_counted_counts(
    emulator: FlaresendMock, open_page: Open
) -> None:
    with open_page("w/default/schedule") as page:
        catch_up(page)
        before = unread(page)
        held = Held(page, "**/parts/unread")
        count_news(page, "message")
        send(emulator, "one")
        held.wait()
        send(emulator, "two")
        assert eventually(page, "heard > 1")
        held.release()
        assert title_counts(page, before + 2)


def test_a_hidden_tab_counts_what_arrives(emulator: FlaresendMock, open_page: Open) -> None:
    with open_page(f"w/default/chats/{first(emulator)}/{BRIAN}@s.whatsapp.net") as page:
        page.wait_for_selector("#composer")
        before = unread(page)
        hide(page, True)
        send(emulator, "while you were away")
        page.evaluate("hear('unread')")  # as it does from time to time
        assert title_counts(page, before + 1)
        hide(page, False)
        page.wait_for_selector(".bubble >> text=while you were away")
        assert title_counts(page, before)


def test_pages_chats_and_entries_are_reached_by_keys(emulator: FlaresendMock, open_page: Open) -> None:
    with open_page("w/default/chats") as page:
        page.wait_for_selector(".chatlist")
        page.keyboard.press("?")
        listed = page.inner_text("#keys[open]")
        for key in ("/", "j", "k", "Alt", "Esc", "?"):
            assert key in listed
        page.keyboard.press("4")  # nothing else happens meanwhile
        page.keyboard.press("Escape")
        page.wait_for_selector("#keys", state="hidden")
        for number, tab in enumerate(TABS[1:], 2):
            page.keyboard.press(str(number))
            page.wait_for_url(f"**/w/default/{tab}")
        page.keyboard.press("1")
        page.wait_for_url("**/chats")
        names = texts(page, ".chatlist .name")
        page.keyboard.press("j")
        page.wait_for_url("**/chats/**")
        assert page.inner_text(".with h1") == names[0]
        page.fill("#text", "half a sentence")
        page.keyboard.press("Alt+ArrowDown")
        page.wait_for_selector(f".with h1:text-is('{names[1]}')")
        assert eventually(page, "document.activeElement.id === 'text'")
        page.keyboard.press("j")  # is a letter, where one writes
        assert page.input_value("#text") == "j"
        page.fill("#text", "")
        page.keyboard.press("Escape")
        page.keyboard.press("k")
        page.wait_for_selector(f".with h1:text-is('{names[0]}')")
        assert eventually(page, "document.activeElement.id === 'text'")
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        page.wait_for_url("**/traffic")
        catch_up(page)
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_selector("#rows > .entry:first-child .panel")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "q"


def test_an_open_entry_is_still_open_after_a_reload_and_has_a_page_when_it_is_old(
    emulator: FlaresendMock, open_page: Open
) -> None:
    send(emulator, "the one to show")
    with open_page("w/default/traffic") as page:
        page.click("#rows > .entry:first-child summary")
        page.wait_for_selector("#rows .panel >> text=the one to show")
        page.wait_for_url(re.compile(r"/traffic#entry-\d+$"))
        shared = page.url
        page.reload()
        page.wait_for_selector("#rows .panel >> text=the one to show")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.click(".panel [data-link]")
        page.wait_for_selector(".toast.good >> text=Link copied")
        own = page.evaluate("navigator.clipboard.readText()")
        assert own == re.sub("#entry-", "/", shared)
        for _ in range(60):
            requests.get(f"{emulator.url}/groups", headers=emulator.headers, timeout=30)
        page.goto("about:blank")
        page.goto(shared)  # which is no longer on the first page
        page.wait_for_url(own)
        page.wait_for_selector(".panel >> text=the one to show")
        with page.expect_navigation(url=own):  # from there, it leads back
            page.click("main a >> text=Traffic")


def test_the_address_of_an_old_message_shows_it_and_the_way_to_the_end(
    emulator: FlaresendMock, open_page: Open
) -> None:
    for number in range(90):
        steer(emulator, "POST", "inbound", {"from": "254700000123", "text": f"line {number}."})
    messages = steer(emulator, "GET", "messages?limit=500")["messages"]
    (old,) = [one["id"] for one in messages if one["text"] == "line 20."]
    with open_page(f"w/default/messages/{old}") as page:
        page.wait_for_selector(".bubble:target >> text=line 20.")
        assert eventually(
            page,
            "(() => { const at = document.querySelector('.bubble:target').getBoundingClientRect();"
            " const box = bubbles.getBoundingClientRect(); return at.top >= box.top && at.bottom <= box.bottom; })()",
        )
        assert page.locator(".bubble .text:text-is('line 89.')").count() == 0
        page.evaluate("bubbles.scrollTop = bubbles.scrollHeight")
        page.click("text=To the newest messages")
        page.wait_for_selector(".bubble .text:text-is('line 89.')")
        page.go_back()
        page.wait_for_selector(".bubble:target >> text=line 20.")
        write(page, "and now")
        page.wait_for_selector(".bubble .text:text-is('and now')")
        page.click(".bubble:has(.text:text-is('and now')) a.at")
        page.wait_for_selector(".bubble:target .text:text-is('and now')")


WRITES = ("POST", "PUT", "PATCH", "DELETE")
LOSES = re.compile(
    r"^(Delete|Delete all|Delete this instance|Remove|Revoke|Log out|Reset|Restore|Cancel|Resume and discard.*|✕)$"
)


def test_nothing_is_lost_by_one_click(emulator: FlaresendMock, open_page: Open) -> None:
    second = {"name": "Second", "number": "254700111222", "api_key": "a-second-key", "status": "qr"}
    steer(emulator, "POST", "instances", second)
    steer(emulator, "POST", "worlds", {"name": "other"})
    steer(emulator, "POST", "snapshots/before")
    steer(emulator, "POST", "faults", {"preset": "flaky", "match": {"path": "/check-number"}})
    send(emulator, "Later", at="2099-01-01 09:00:00")
    steer(emulator, "POST", "instances/default/webhook/pause")
    steer(emulator, "POST", "inbound", {"from": BRIAN, "text": "held"})
    chat = f"chats/{first(emulator)}/{BRIAN}@s.whatsapp.net"
    openers = {
        "people/groups": "[id^=members-] >> nth=0",
        "people": "[id^=edit-] >> nth=3",
        "instances": "[id^=settings-] >> nth=1",
    }
    asked: dict[str, set[str]] = {}
    changes: list[str] = []
    with open_page() as page:
        page.on("request", lambda one: changes.append(one.url) if one.method in WRITES else None)
        for path in (*TABS, "people/groups", "people/channels", chat):
            for opener in ("", openers.get(path)):
                if opener is None:
                    continue
                page.goto(f"{emulator.url}/_mock/ui/w/default/{path}")
                catch_up(page)
                if opener:
                    page.click(opener)
                    page.wait_for_selector("#dialog[open]")
                place = "#dialog[open]" if opener else "main"
                buttons = page.locator(f"{place} button:not([data-shut]):not([data-no]):not([data-cancel])")
                for at in range(buttons.count()):
                    button = buttons.nth(at)
                    name = button.inner_text().strip() or button.get_attribute("title") or ""
                    if not LOSES.match(name) or not button.is_visible():
                        continue
                    button.click()
                    page.wait_for_selector("#sure[open]")
                    assert page.inner_text("#sure h2").endswith("?")
                    assert page.evaluate("document.activeElement.matches('#sure [data-no]')")  # Enter loses nothing
                    asked.setdefault(path, set()).add(name)
                    page.keyboard.press("Escape")
                    page.wait_for_selector("#sure", state="hidden")
        assert changes == []
    assert asked == {
        "instances": {"Revoke", "Remove", "Log out", "Resume and discard held events", "Delete this instance"},
        "schedule": {"Cancel"},
        "faults": {"Delete", "Delete all"},
        "people": {"Delete"},
        "people/groups": {"Remove"},
        "worlds": {"Restore", "Delete", "Reset"},
        chat: {"✕"},
    }


def test_clearing_the_log_is_undone_and_clearing_the_filters_is_another_thing(
    emulator: FlaresendMock, open_page: Open
) -> None:
    send(emulator, "Hello")
    with open_page("w/default/traffic") as page:
        entries = page.locator("#rows > .entry")
        catch_up(page)
        before = entries.count()
        page.select_option("[name=kind]", "call")
        page.wait_for_selector("#clear-filters")
        assert entries.count() < before
        page.click("text=Clear the log")
        page.wait_for_selector("#undo-clear")
        assert entries.count() == 0
        page.click("#undo-clear")
        page.wait_for_selector("#rows > .entry")
        with page.expect_navigation():
            page.click("#clear-filters")
        sync_api.expect(entries).to_have_count(before)
        assert page.locator("#clear-filters").count() == 0
        assert page.input_value("[name=kind]") == ""


def test_a_snapshot_of_the_same_name_is_replaced_only_after_a_question(
    emulator: FlaresendMock, open_page: Open
) -> None:
    steer(emulator, "POST", "snapshots/before")
    send(emulator, "after it")
    with open_page("w/default/worlds") as page:
        page.click("text=Take a snapshot")
        page.fill("#name-snapshot [name=name]", "before")
        page.press("#name-snapshot [name=name]", "Enter")
        page.wait_for_selector("#sure[open] >> text=Replace the snapshot before?")
        page.keyboard.press("Enter")
        page.wait_for_selector("#sure", state="hidden")
        page.press("#name-snapshot [name=name]", "Enter")
        page.click("#sure[open] [data-yes]")
        page.wait_for_selector("#name-snapshot", state="hidden")
        page.wait_for_selector(".toast.good >> text=Snapshot before of default taken")


def test_the_key_of_a_new_world_is_copied_and_the_world_opened(emulator: FlaresendMock, open_page: Open) -> None:
    with open_page("w/default/worlds") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.click("text=Create a world")
        page.fill("#new-world [name=name]", "checkout")
        page.click("#new-world .main")
        page.wait_for_selector("#note.good >> text=The world checkout was created")
        page.click("text=Copy the key")
        page.wait_for_selector(".toast.good >> text=Copied")
        key = page.evaluate("navigator.clipboard.readText()")
        response = requests.get(f"{emulator.url}/groups", headers={"Authorization": f"Bearer {key}"}, timeout=30)
        assert response.ok
        page.click("text=Open the world")
        page.wait_for_url("**/w/checkout/chats")
        page.keyboard.press("4")
        page.wait_for_url("**/schedule")
        page.wait_for_selector(".nothing .command >> text=API_KEY_OF_THE_INSTANCE")
        page.click(".nothing .command button")
        page.wait_for_selector(".toast.good >> text=Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert f"Bearer {key}" in copied
        assert copied.startswith(f"curl -X POST {emulator.url}/schedule-message")


def test_a_key_ends_no_quote_of_the_command_into_which_it_is_copied(emulator: FlaresendMock, open_page: Open) -> None:
    key = "it\\'s-\\\\;touch"
    made = {"name": "odd", "fixture": "default", "api_key": key}
    requests.post(f"{emulator.url}/_mock/worlds", json=made, timeout=30).raise_for_status()
    with open_page("w/odd/schedule") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.click(".nothing .command button")
        page.wait_for_selector(".toast.good >> text=Copied")
        copied = page.evaluate("navigator.clipboard.readText()")

    assert quoted(f"Authorization: Bearer {key}") in copied


@pytest.mark.parametrize(
    ("tab", "button", "made"),
    [("worlds", "main > p [data-new-world]", ".welcome"), ("faults", "#preset-down", "#armed .rules > li")],
)
def test_a_double_click_makes_one_thing(
    tab: str, button: str, made: str, emulator: FlaresendMock, open_page: Open
) -> None:
    before = len(steer(emulator, "GET", tab)[tab])
    posted: list[str] = []
    with open_page(f"w/default/{tab}") as page:
        page.on("request", lambda asked: posted.append(asked.url) if asked.method == "POST" else None)
        catch_up(page)
        with emulator.worlds.default().lock:  # the response waits
            page.dblclick(button)
        page.wait_for_selector(made)
        assert len(posted) == 1

    assert len(steer(emulator, "GET", tab)[tab]) == before + 1


def test_a_second_click_on_a_button_that_was_replaced_meanwhile_makes_nothing(
    emulator: FlaresendMock, open_page: Open
) -> None:
    held: list[Any] = []
    with open_page("w/default/faults") as page:
        catch_up(page)
        page.route("**/_mock/faults?*", lambda route: held.append(route))
        page.click("#preset-down")
        page.evaluate("window.former = document.getElementById('preset-down')")
        steer(emulator, "POST", "inbound", {"from": BRIAN, "text": "Hello"})
        assert eventually(page, "!former.isConnected")
        page.click("#preset-down")
        for route in held:
            route.continue_()
        page.wait_for_selector("#armed .rules > li")

    assert len(held) == 1


@pytest.mark.parametrize(
    ("tab", "focused"),
    [
        ("chats", ".chat:has-text('Brian Otieno')"),
        ("schedule", ".pending summary"),
        ("schedule", ".pending .button"),
        ("worlds", "#worlds [data-take]"),
        ("worlds", "#worlds [data-restore]"),
    ],
)
def test_the_focus_stays_on_what_an_update_replaces(
    tab: str, focused: str, emulator: FlaresendMock, open_page: Open
) -> None:
    send(emulator, "Later", at="2099-01-01 09:00:00")
    steer(emulator, "POST", "snapshots/before%20lunch")
    with open_page(f"w/default/{tab}") as page:
        catch_up(page)
        page.focus(focused)
        page.evaluate("window.former = document.activeElement")
        steer(emulator, "POST", "inbound", {"from": "254711000003", "text": "from a test"})
        assert eventually(page, "!former.isConnected")
        assert page.evaluate("document.activeElement.id && document.activeElement.id === former.id")


def test_the_entry_that_is_pressed_opens_though_others_come(emulator: FlaresendMock, open_page: Open) -> None:
    with open_page("w/default/traffic") as page:
        catch_up(page)
        (pressed,) = measure(page, "#rows > .entry:first-child", "one => one.id")
        page.hover(f"#{pressed} summary")
        page.mouse.down()
        with page.expect_response("**/parts/traffic/news*"):
            send(emulator, "meanwhile")
        assert eventually(page, "held")
        page.mouse.up()
        page.wait_for_selector(f"#{pressed} .panel")
        page.wait_for_selector(f"#rows > .entry:first-child:not(#{pressed})")


def test_the_page_of_a_delivery_follows_it(emulator: FlaresendMock, open_page: Open) -> None:
    instance = first(emulator)
    steer(emulator, "PUT", f"instances/{instance}/webhook", {"url": "http://127.0.0.1:9/hook", "retries": [60]})
    steer(emulator, "POST", "inbound", {"from": BRIAN, "text": "Hello"})
    steer(emulator, "POST", "deliveries/settle")
    number = steer(emulator, "GET", "deliveries")["deliveries"][-1]["event"]
    with open_page(f"w/default/traffic/{number}") as page:
        page.wait_for_selector(f"#line-{number} .pill.wait")
        catch_up(page)
        held = Held(page, f"**/traffic/{number}")
        count_news(page, "delivery")
        steer(emulator, "POST", "inbound", {"from": BRIAN, "text": "another event"})
        held.wait()
        heard = page.evaluate("heard")
        steer(emulator, "POST", "clock/advance", {"seconds": 60})
        assert eventually(page, f"heard > {heard}")
        held.release()
        page.wait_for_selector(f"#line-{number} .pill.bad >> text=failed")
        page.wait_for_selector(".tries > li:nth-child(2)")


def test_notices_look_like_what_they_are(emulator: FlaresendMock, open_page: Open) -> None:
    with open_page("w/default/schedule") as page:
        page.click("#clock-goes")
        page.wait_for_selector(".toast.good >> text=The clock is frozen")
        seen = page.evaluate(
            """() => [undefined, true, "info"].map((kind) => {
                tell("A notice", kind);
                const looks = ["::before", null].map((part) => getComputedStyle(toasts.lastElementChild, part));
                return [looks[0].content, looks[1].borderLeftColor, toasts.lastElementChild.className];
            })"""
        )
        assert [one[2] for one in seen] == ["toast good", "toast bad", "toast info"]
        assert len({content for content, _, _ in seen}) == 3
        assert len({colour for _, colour, _ in seen}) == 3


def test_rows_of_all_lists_have_one_height_and_one_column_of_times(emulator: FlaresendMock, open_page: Open) -> None:
    send(emulator, "a long text " * 30, at="2099-01-01 09:00:00")
    requests.get(f"{emulator.url}/groups?{'long' * 90}", headers=emulator.headers, timeout=30)
    place = "row => [row.offsetHeight, Math.round(row.children[1].getBoundingClientRect().left)]"
    for width, tall in ((1440, 38), (390, 58)):
        with open_page("w/default/traffic", viewport={"width": width, "height": 900}) as page:
            seen = set()
            for path in ("traffic", "schedule"):
                page.goto(f"{emulator.url}/_mock/ui/w/default/{path}")
                catch_up(page)
                seen |= {tuple(one) for one in measure(page, ".rows .line", place)}
            assert {height for height, _ in seen} == {tall}
            assert width < 900 or len(seen) == 1


def test_what_is_open_in_a_list_stays_open_when_the_list_changes(emulator: FlaresendMock, open_page: Open) -> None:
    send(emulator, "the first", at="2099-01-01 09:00:00")
    with open_page("w/default/schedule") as page:
        page.click(".pending summary:has-text('the first')")
        page.wait_for_selector(".pending .inside p:visible:has-text('the first')")
        send(emulator, "the second", at="2099-01-01 09:00:00")
        page.wait_for_selector(".pending .where >> text=the second")
        assert page.locator(".pending .inside p:visible:has-text('the first')").count() == 1


def test_guides_are_read_in_the_dashboard(emulator: FlaresendMock, open_page: Open) -> None:
    with open_page("w/default/chats") as page:
        page.click(".help summary")
        page.click("text=Guides")
        page.wait_for_selector("#guide h1 >> text=Documentation")
        page.click("#guide >> text=webhooks.md")
        page.wait_for_url("**/guides/docs/webhooks.md")
        page.wait_for_selector("#guide table")
        page.click("#guide a[href='#chaos'] >> nth=0")
        assert eventually(page, "document.querySelector(':target')?.tagName === 'H2'")
        page.goto(f"{emulator.url}/_mock/ui/w/default/guides/README.md")
        page.wait_for_selector("#guide h1")
        assert eventually(
            page, "[...document.querySelectorAll('#guide img')].every((one) => one.complete && one.naturalWidth)"
        )
        links = measure(page, "#guide a[href]", "one => one.href")
        for link in sorted({one.partition("#")[0] for one in links if one.startswith(emulator.url)}):
            assert requests.get(link, timeout=30).ok, link
        page.click(".help summary")
        page.click(".help >> text=API documentation")
        page.wait_for_url("**/_mock/docs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_other_pages(scheme: str, emulator: FlaresendMock, open_page: Open) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    send(emulator, "Hello")
    (number,) = [one["id"] for one in steer(emulator, "GET", "events?kind=request")["events"][-1:]]
    found: dict[str, Any] = {}

    def check(name: str) -> None:
        bad = axe.run(page).response["violations"]
        found.update(
            {name: [(one["id"], [node["html"][:150] for node in one["nodes"]][:3]) for one in bad]} if bad else {}
        )

    with open_page(color_scheme=scheme) as page:
        for path in (
            *TABS,
            f"traffic/{number}",
            "traffic?clear=1&kind=call",
            "guides/docs/README.md",
            "guides/docs/webhooks.md",
        ):
            page.goto(f"{emulator.url}/_mock/ui/w/default/{path}")
            catch_up(page)
            check(path)
        page.click(".help summary")
        check("menu")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        check("keys")
        page.keyboard.press("Escape")
        for kind in ("good", "bad", "info"):
            page.evaluate(f"tell('A notice', '{kind}')")
        check("notices")
        page.evaluate("void sure('Delete it?', 'It is lost.', 'Delete')")
        check("question")
    assert found == {}, json.dumps(found, indent=1)


def test_all_fits_on_a_phone(emulator: FlaresendMock, open_page: Open) -> None:
    long = "a-world-with-a-rather-long-name"
    steer(emulator, "POST", "worlds", {"name": long})
    steer(emulator, "POST", f"faults?world={long}", {"preset": "flaky"})
    steer(emulator, "PATCH", f"clock?world={long}", {"now": "2030-01-01T10:00:00Z"})
    send(emulator, "Hello")
    (number,) = [one["id"] for one in steer(emulator, "GET", "events?kind=request")["events"][-1:]]
    with open_page(viewport={"width": 390, "height": 844}) as page:
        for path in (
            "chats",
            f"traffic/{number}",
            "traffic?kind=call&path=send&clear=1",
            "schedule",
            "guides/docs/webhooks.md",
        ):
            for world in ("default", long):
                if path.endswith(str(number)) and world != "default":
                    continue
                page.goto(f"{emulator.url}/_mock/ui/w/{world}/{path}")
                catch_up(page)
                assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
                boxes = measure(page, ".top > *:not([hidden]):not(nav)", "one => one.offsetTop + one.offsetHeight / 2")
                assert max(boxes) - min(boxes) < 20, (path, boxes)  # the frame takes one line, and the pages another


def test_the_name_in_a_chat_is_not_cut_on_a_phone(emulator: FlaresendMock, open_page: Open) -> None:
    path = f"w/default/chats/{first(emulator)}/{BRIAN}@s.whatsapp.net"
    with open_page(path, viewport={"width": 390, "height": 844}) as page:
        for status in ("qr", "disconnected", "connected"):
            steer(emulator, "POST", "instances/default/status", {"status": status})
            page.reload()
            page.wait_for_selector("#composer")
            assert measure(page, ".with h1", "name => name.scrollWidth <= name.clientWidth") == [True], status


def test_nothing_overlaps_in_the_schedule_on_a_phone(emulator: FlaresendMock, open_page: Open) -> None:
    send(emulator, "A long text of a message", at="2030-01-01 09:00:00")
    boxes_of = """row =>
        [...row.querySelectorAll("summary :is(time, .kind, .where, .who, .pill), .button")].map((part) => {
            const box = part.getBoundingClientRect(), style = getComputedStyle(part);
            return [box.left, box.right - parseFloat(style.paddingRight), box.top, box.bottom];
        })"""
    with open_page("w/default/schedule", viewport={"width": 390, "height": 844}) as page:
        catch_up(page)
        rows = measure(page, ".pending .entry", boxes_of)
        assert len(rows) > 1
        for boxes in rows:
            assert len(boxes) == 6
            assert max(right for _, right, _, _ in boxes) < 375
            for n, (left, right, top, bottom) in enumerate(boxes):
                for other_left, other_right, other_top, other_bottom in boxes[n + 1 :]:
                    beside = right <= other_left or other_right <= left
                    assert beside or bottom <= other_top + 2 or other_bottom <= top + 2, boxes
