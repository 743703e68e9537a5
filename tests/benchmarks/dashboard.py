"""Measures the dashboard with many messages: how long its pages take, and how soon a message appears.

    python -m tests.benchmarks.dashboard [--messages 50000] [--chats 500]

The emulator is a process of its own. Pages are asked for over one connection, nothing else being done. With Playwright
and Debian's Chromium, 50 messages a second are sent for 10 seconds while a conversation is open, one of each 10 in that
conversation: the time from each of these being sent to its bubble being there is measured in the page.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.support import KEY, percentile, started, table, terms
from tests.benchmarks.wire import Wire, request

INSTANCE = "9b540e83-e1ca-49b4-8c34-01fd31991d04"
TIMES = 20
RATE, SECONDS = 50, 10
OPEN = "254711000000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=50_000, help="how many there are")
    parser.add_argument("--chats", type=int, default=500, help="in how many conversations")
    wanted = parser.parse_args()
    print(terms())
    print(measure(wanted.messages, wanted.chats))


def measure(messages: int, chats: int, seconds: int = SECONDS) -> str:
    with started("--history", str(messages)) as emulator:
        port = emulator.port
        with Wire(port, 120) as wire:
            for number in range(messages):
                send(wire, f"2547110{number % chats:05}", f"message {number}")
        ui = "/_mock/ui/w/default/"
        chat = f"{INSTANCE}/{OPEN}%40s.whatsapp.net"
        rows = [
            page(emulator.url, "all conversations", f"{ui}chats"),
            page(emulator.url, "one conversation", f"{ui}chats/{chat}"),
            page(emulator.url, "  what was before, in the middle", f"{ui}parts/older/{chat}?before={messages}"),
            page(emulator.url, "  what is new", f"{ui}parts/news/{chat}?after={2 * messages - 10}"),
            page(emulator.url, "the list, searched", f"{ui}parts/chats?q=message"),
            page(emulator.url, "traffic", f"{ui}traffic"),
        ]
        if shown := appearing(emulator.url, port, f"{emulator.url}{ui}chats/{chat}", seconds):
            rows.append(("until a bubble is there, at 50 a second", *figures(shown)))
        return table([("what", "median ms", "p99 ms"), *rows])


def send(wire: Wire, number: str, text: str) -> None:
    body = json.dumps({"recipients": [number], "type": "text", "text": text}).encode()
    status, response = wire.call(request("POST", "/send-message", body, key=KEY))
    if status != 200:
        raise SystemExit(f"{status} {response!r}")


def page(url: str, name: str, path: str) -> tuple[str, str, str]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        taken.append((time.perf_counter() - begun) * 1000)
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status}")
    connection.close()
    return name, *figures(taken[1:])


def figures(milliseconds: list[float]) -> tuple[str, str]:
    return f"{statistics.median(milliseconds):.0f}", f"{percentile(milliseconds, 99):.0f}"


def appearing(url: str, port: int, address: str, seconds: int) -> list[float]:
    """Return of each message of the open conversation after how many ms it was seen; nothing without a browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    chromium = shutil.which("chromium")
    if chromium is None:
        return []
    sent: dict[str, float] = {}

    def run() -> None:
        with Wire(port) as wire:
            begun = time.perf_counter()
            for number in range(RATE * seconds):
                time.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
                to = OPEN if number % 10 == 0 else f"2547110{1 + number % 400:05}"
                if to == OPEN:
                    sent[f"live {number}."] = time.time() * 1000
                send(wire, to, f"live {number}.")

    watch = """() => {
        window.seen = {};
        new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => {
            const text = node.querySelector?.('.text')?.textContent;
            if (text) window.seen[text] ??= Date.now();
        }))).observe(document.getElementById('bubbles'), { childList: true, subtree: true });
    }"""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown: Any = browser.new_page()
        shown.goto(address)
        shown.wait_for_selector("#composer")
        shown.evaluate(watch)
        shown.wait_for_timeout(1000)
        sender = threading.Thread(target=run, daemon=True)
        sender.start()
        while sender.is_alive():
            shown.wait_for_timeout(200)
        shown.wait_for_timeout(2000)
        seen = shown.evaluate("window.seen")
        browser.close()
    missing = set(sent) - set(seen)
    if missing:
        raise SystemExit(f"{len(missing)} of {len(sent)} messages never appeared: {sorted(missing)[:5]}")
    return [seen[text] - at for text, at in sent.items()]


if __name__ == "__main__":
    main()
