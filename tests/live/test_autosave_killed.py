"""An emulator with --autosave that is killed at any moment: its files load, and are as young as docs/worlds.md says."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from flaresend_mock.world_format import load_file
from tests.defaults import ANN
from tests.live.commands import CLEAN, COMMAND

POINTS = int(os.environ.get("AUTOSAVE_POINTS", "50"))
SEED = int(os.environ.get("AUTOSAVE_SEED", str(random.SystemRandom().randrange(10**6))))
SLACK = 2.0  # seconds that a busy machine may take
PAUSE = re.compile(r"autosave: the next one is in ([\d.]+) s")
WORLDS = ("default", "Shop", "bar")


class Load:
    """Sends numbered messages to each world, and keeps when the last call of each was accepted."""

    def __init__(self, url: str, keys: dict[str, str], number: int) -> None:
        self.accepted: dict[str, list[tuple[float, str]]] = {world: [] for world in keys}
        self._url, self._number = url, number
        self.threads = [threading.Thread(target=self._send, args=pair) for pair in keys.items()]

    def _send(self, world: str, key: str) -> None:
        with requests.Session() as session, suppress(requests.RequestException):
            session.headers["Authorization"] = f"Bearer {key}"
            while True:
                self._number += 1
                text = f"{world} {self._number}"
                body = {"recipients": [ANN], "type": "text", "text": text}
                session.post(f"{self._url}/send-message", json=body, timeout=20).raise_for_status()
                self.accepted[world].append((time.monotonic(), text))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_after_a_kill_every_file_loads_and_is_young_enough(tmp_path: Path) -> None:
    print(f"AUTOSAVE_SEED={SEED} AUTOSAVE_POINTS={POINTS}")
    chance, folder, number = random.Random(SEED), tmp_path / "worlds", 0
    url_file = tmp_path / "url"
    for point in range(POINTS):
        url_file.unlink(missing_ok=True)
        command = [*COMMAND, "--port", "0", "--autosave", str(folder), "--url-file", str(url_file), "--history", "300"]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen([*command, "--log-level", "debug"], env=CLEAN, stdout=log, stderr=log)
        try:
            while not url_file.exists():
                assert process.poll() is None, f"point {point}: it did not start"
                time.sleep(0.02)
            url = url_file.read_text()
            known = {one["name"] for one in requests.get(f"{url}/_mock/worlds", timeout=20).json()["worlds"]}
            for world in WORLDS:
                if world not in known:
                    made = {"name": world, "api_key": f"key-of-{world}"}
                    requests.post(f"{url}/_mock/worlds", json=made, timeout=20).raise_for_status()
            load = Load(url, {one: "YOUR_API_KEY" if one == "default" else f"key-of-{one}" for one in WORLDS}, number)
            for thread in load.threads:
                thread.start()
            time.sleep(chance.uniform(0, 4))
            killed = time.monotonic()
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.wait()
        for thread in load.threads:
            thread.join()
        number += 100_000
        for file in folder.glob("*.json"):
            load_file(file)
        pauses = [float(found) for found in PAUSE.findall((tmp_path / "log").read_text())]
        oldest = max([1.0, *pauses]) + SLACK
        print(f"point {point}: saved {len(pauses)} times, at most {oldest:.1f} s ago")
        for world, accepted in load.accepted.items():
            file = folder / {"Shop": "=shop.json"}.get(world, f"{world}.json")
            old = [text for at, text in accepted if at < killed - oldest]
            if old:
                saved = {one["content"]["text"] for one in json.loads(file.read_bytes())["messages"]}
                newest = max((int(text.split()[-1]) for text in saved), default=0)
                assert newest >= int(old[-1].split()[-1]), f"point {point}: {world} is too old"
        assert len(list(folder.glob(".*.tmp"))) <= 1
