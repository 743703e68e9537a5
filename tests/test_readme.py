"""The README's examples, run as they stand there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from flaresend_mock import FlaresendMock
from flaresend_mock.background.realtime import Patience
from flaresend_mock.cli import main
from flaresend_mock.package_data import sample
from flaresend_mock.testing import ControlPlaneError, Flaresend
from flaresend_mock.world_format import load_world
from tests.defaults import ANN, BEN
from tests.support import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PRINTED_ADDRESS = "http://127.0.0.1:3577"


@pytest.fixture
def running() -> Iterator[FlaresendMock]:
    with FlaresendMock() as emulator:
        yield emulator


def curls() -> Iterator[tuple[str, str | None]]:
    """Yield every curl of the README with the response printed below it, if there is one."""
    for (language, text), (next_language, next_text) in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True):
        if language == "sh" and text.startswith("curl"):
            yield text, next_text if next_language == "json" else None


def test_every_curl_gets_the_answer_printed_below_it(running: FlaresendMock) -> None:
    examples = list(curls())
    assert len(examples) >= 5
    for command, printed in examples:
        here = command.replace(PRINTED_ADDRESS, running.url)
        done = subprocess.run(["bash", "-c", f"{here.strip()} --fail-with-body -s"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        if printed is not None:
            assert without_now(json.loads(done.stdout)) == without_now(json.loads(printed)), command


def test_the_script_runs_from_beginning_to_end(running: FlaresendMock, tmp_path: Path) -> None:
    (script,) = [text for language, text in BLOCKS if language == "bash"]

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(PRINTED_ADDRESS, running.url)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"verified":true,"count":3' in done.stdout
    exported = json.loads((tmp_path / "checkout.json").read_text(encoding="utf-8"))
    assert exported["format"] == "flaresend-mock world"


def without_now(response: Any) -> Any:
    """Leave out the one time that is printed before the clock is frozen."""
    return {key: value for key, value in response.items() if key != "sent_at"}


def test_the_python_examples_run(running: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLARESEND_URL", running.url)
    examples = [text for language, text in BLOCKS if language == "python"]
    assert len(examples) >= 2
    for text in examples:
        exec(compile(text, "README.md", "exec"), {})


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_node_example_runs(running: FlaresendMock) -> None:
    (example,) = [text for language, text in BLOCKS if language == "js"]

    done = subprocess.run(
        ["node", "--input-type=module", "-e", example],
        env={
            "FLARESEND_URL": running.url,
            "FLARESEND_API_KEY": running.api_key,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr


def test_every_situation_is_made_by_its_call(running: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patience, "delay", lambda *_: None)
    mock = Flaresend(running.url, running.api_key)
    names = {"mock": mock, "ann": ANN, "ben": BEN, "group": "120363403582097887@g.us"}
    names["url"] = "http://127.0.0.1:9/webhook"
    table = README.partition("## Situations")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([A-Z].+) \| (`.+`) \|$", table, re.MULTILINE)
    assert len(rows) == table.count("\n|") - 2 >= 20
    for situation, calls in rows:
        mock.reset()
        for call in re.findall(r"`([^`]{20,})`", calls):
            with pytest.raises(ControlPlaneError) if "refused" in situation else nullcontext():
                if sent := re.fullmatch(r"(GET|POST) (\S+)( {.+})?", call):
                    body = json.loads(sent[3] or "null")
                    address = f"{running.url}{sent[2]}"
                    done = requests.request(sent[1], address, json=body, headers=mock.headers, timeout=10)
                    assert done.status_code == 200, (call, done.text)
                else:
                    exec(call, names)
    for kind in re.findall(r", (?:or )?`([a-z_]+)`", table):
        mock.receive(ANN, type=kind)


def test_the_smallest_world_file_is_one() -> None:
    (world,) = [json.loads(text) for language, text in BLOCKS if language == "json" and '"version"' in text]

    assert [instance.status for instance in load_world(world).instances.values()] == ["disconnected"]


def test_the_examples_about_webhooks_run(running: FlaresendMock) -> None:
    guide = (REPOSITORY / "docs" / "webhooks.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert len(commands) >= 4
    for command in commands:
        here = command.replace(PRINTED_ADDRESS, running.url)
        done = subprocess.run(["bash", "-c", f"{here.strip()} --fail-with-body -s"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_bot_answers_whoever_writes_to_it(running: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = [text for language, text in BLOCKS if language == "py"]
    monkeypatch.setenv("FLARESEND_URL", running.url)
    names: dict[str, Any] = {}
    exec(compile(source, "bot.py", "exec"), names)
    server = make_server("127.0.0.1", 0, names["bot"], threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        hook = {"url": f"http://127.0.0.1:{server.port}/webhook"}
        requests.put(f"{running.url}/_mock/instances/default/webhook", json=hook, timeout=10).raise_for_status()
        with pytest.raises(SystemExit) as ended:
            main(["receive", "--url", running.url, "--from", "254712345678", "hi"])
        assert ended.value.code == 0

        world = running.worlds.default()
        assert world.wait_until(lambda: any(one.direction == "outbound" for one in world.state.messages), 10)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    listed = requests.get(f"{running.url}/_mock/messages", timeout=10).json()["messages"]
    assert [(one["direction"], one["text"]) for one in listed] == [("inbound", "hi"), ("outbound", "You said: hi")]


def test_the_guides_way_to_open_media_opens_it(running: FlaresendMock) -> None:
    guide = (REPOSITORY / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```python\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(source, "webhooks.md", "exec"), names)
    letter = {"from": "254712345678", "media": {"sample": "png"}}
    response = requests.post(f"{running.url}/_mock/inbound", json=letter, timeout=10).json()

    opened = names["open_media"]("imageMessage", response["event"]["data"]["message"]["imageMessage"])

    assert opened == sample("png").data
