"""What tests of pages in Debian's Chromium share. They are skipped without Chromium or Playwright."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from flaresend_mock import FlaresendMock

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

BRIAN = "254711000002"
TABS = ("chats", "traffic", "instances", "schedule", "faults", "people", "worlds")
WAIT = 20_000
LEFT = ("htmx:afterRequest, ", "htmx:sendAbort, ")  # a page was left while it asked for news


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def emulator() -> Iterator[FlaresendMock]:
    with FlaresendMock(demo=True, log_level="error") as running:
        yield running


@contextmanager
def opened(browser: Any, emulator: FlaresendMock, path: str = "", **options: Any) -> Iterator[Any]:
    """Open a page of the dashboard, and fail on browser errors and on requests to other hosts."""
    troubles: list[str] = []
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
    page = context.new_page()
    page.set_default_timeout(WAIT)
    page.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda asked: _check_host(asked.url, emulator, troubles))
    page.goto(f"{emulator.url}/_mock/ui/{path}")
    yield page
    context.close()
    assert [one for one in troubles if not one.startswith(LEFT)] == []


def _check_host(url: str, emulator: FlaresendMock, troubles: list[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" != emulator.url:
        troubles.append(f"asked {url}")


@pytest.fixture
def open_page(browser: Any, emulator: FlaresendMock) -> Callable[..., Any]:
    return lambda path="", **options: opened(browser, emulator, path, **options)


def steer(emulator: FlaresendMock, method: str, path: str, body: Any = None) -> Any:
    response = requests.request(method, f"{emulator.url}/_mock/{path}", json=body, timeout=30)
    assert response.ok, response.text
    return response.json()


def send(emulator: FlaresendMock, text: str, to: str = BRIAN, at: str | None = None) -> None:
    """Send a text as the application, or schedule it."""
    body = {"recipients": [to], "type": "text", "text": text, **({"sendAt": at} if at else {})}
    url = f"{emulator.url}/{'schedule' if at else 'send'}-message"
    response = requests.post(url, json=body, headers=emulator.headers, timeout=30)
    assert response.ok, response.text


def open_chat(page: Any, name: str) -> None:
    """Click a chat, and wait until its page listens: what is pressed before its scripts run is lost."""
    page.click(f".chat:has-text('{name}')")
    page.wait_for_url("**/chats/*/*")


def write(page: Any, text: str) -> None:
    until_sent(page)
    page.fill("#text", text)
    page.press("#text", "Enter")


def until_sent(page: Any) -> None:
    """Wait until the page knows that its message was sent, which closes the form. The bubble may come before."""
    assert eventually(page, "!composer.dataset.busy")


def hide(page: Any, hidden: bool) -> None:
    """Make the page believe that its tab is hidden, or shown."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def catch_up(page: Any) -> None:
    """Wait until the page has made the update that follows the start of its live stream, which replaces elements."""
    updates = "document.querySelector('.htmx-request') || [...resting.values()].includes(true)"
    assert eventually(page, f"stream?.readyState === EventSource.OPEN && !({updates})")


def measure(page: Any, selector: str, function: str) -> list[Any]:
    """Call a JavaScript function with each element, all in one step: between two steps, an update may replace them."""
    return list(page.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map({function})"))


def texts(page: Any, selector: str) -> list[str]:
    return measure(page, selector, "one => one.innerText")


def first(emulator: FlaresendMock) -> str:
    return str(emulator.worlds.default().instances.first().id)


def eventually(page: Any, expression: str) -> bool:
    """Wait until an expression is true. The page's policy forbids Playwright's own wait."""
    for _ in range(WAIT // 50):
        if page.evaluate(expression):
            return True
        page.wait_for_timeout(50)
    return False
