"""Takes the screenshots of the README and of docs/, from a demonstration with some traffic.

apt-get install chromium fonts-noto-color-emoji
pip install -e '.[test]' playwright
python tests/dashboard/screenshots.py docs/images
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from flaresend_mock import FlaresendMock

BRIAN = "254711000002"
SIZES = {"wide": {"width": 1440, "height": 900}, "narrow": {"width": 390, "height": 800}}
SECONDS = 30


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    with FlaresendMock(demo=True, log_level="error") as emulator, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        live(emulator)
        for name, path, size, scheme in shots(emulator):
            page = chromium.new_page(viewport=SIZES[size], color_scheme=scheme)
            page.goto(f"{emulator.url}/_mock/ui/w/default/{path}")
            page.wait_for_selector("main")
            if name.startswith("why"):
                page.click(".bubble.app >> nth=-1 >> [data-why]")
                page.wait_for_selector("#why h2")
            page.wait_for_timeout(500)  # pictures and faces are drawn
            page.screenshot(path=folder / f"{name}.png")
            print(folder / f"{name}.png")
            page.close()
        chromium.close()


def shots(emulator: FlaresendMock) -> list[tuple[str, str, str, Any]]:
    """Return name, page, size and colour scheme of each screenshot."""
    chat = f"chats/{emulator.worlds.default().instances.first().id}/{BRIAN}@s.whatsapp.net"
    return [
        ("chats", chat, "wide", "light"),
        ("chats-dark", chat, "wide", "dark"),
        ("chats-narrow", chat, "narrow", "light"),
        ("why", chat, "wide", "light"),
        *((tab, tab, "wide", "light") for tab in ("traffic", "instances", "schedule", "faults", "people", "worlds")),
        ("traffic-dark", "traffic", "wide", "dark"),
        *((f"{tab}-narrow", tab, "narrow", "dark") for tab in ("traffic", "instances", "schedule", "faults")),
        *((f"{tab}-narrow", tab, "narrow", "light") for tab in ("people", "worlds")),
    ]


def live(emulator: FlaresendMock) -> None:
    """Make some traffic."""

    def call(method: str, path: str, body: Any = None) -> Any:
        response = requests.request(method, emulator.url + path, json=body, headers=emulator.headers, timeout=SECONDS)
        return response.json()

    for inbound in (
        {"text": "Hi! Is the *chocolate cake* there today?"},
        {"type": "image", "caption": "One like this?"},
        {"type": "location", "name": "Our office", "address": "Moi Avenue 12"},
        {"text": "order cake"},
    ):
        call("POST", "/_mock/inbound", {"from": BRIAN, **inbound})
        call("POST", "/_mock/deliveries/settle")
    later = {"recipients": [BRIAN], "type": "text", "text": "Your cake is ready 🎂", "sendAt": "2099-01-01 09:00:00"}
    call("POST", "/schedule-message", later)
    call("POST", "/_mock/instances", {"name": "Second phone", "number": "254700111222", "status": "qr"})
    call("POST", "/_mock/faults", {"preset": "flaky", "match": {"path": "/check-number"}})
    for number in ("254711000001", "254700404404", "wrong"):
        call("POST", "/check-number", {"number": number})
    call("GET", "/groups/nowhere@g.us")


if __name__ == "__main__":
    main()
