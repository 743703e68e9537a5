"""--transcript-on-exit: the conversations of a run, which CI keeps."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core import worlds
from flaresend_mock.server import CannotStart
from flaresend_mock.settings import ENVIRONMENT
from flaresend_mock.testing import serving
from tests.defaults import ANN


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "transcript.txt"


@pytest.fixture
def emulator(file: Path) -> FlaresendMock:
    return FlaresendMock(transcript_on_exit=str(file))


@pytest.fixture
def client(emulator: FlaresendMock) -> Client:
    return emulator.app.test_client()


def receive(client: Client, text: str, world: str = "default") -> None:
    response = client.post(f"/_mock/inbound?world={world}", json={"from": ANN, "text": text})
    assert response.status_code == 201


def parts(file: Path) -> list[tuple[str, str]]:
    """Return the worlds in a file, in order, and the text of the message in each."""
    text = file.read_text(encoding="utf-8")
    found = re.findall(
        r"^=== world (\S+), written at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC ===\n(.*?)\n\n(?==== |\Z)", text, re.M | re.S
    )
    assert len(found) == text.count("===") / 2
    return [(world, ", ".join(re.findall('text "(.*)"', one))) for world, one in found]


def test_at_the_end_all_worlds_are_in_it(file: Path) -> None:
    with FlaresendMock(transcript_on_exit=str(file)) as emulator:
        client = emulator.app.test_client()
        client.post("/_mock/worlds", json={"name": "other"})
        receive(client, "Hello")
        receive(client, "Bonjour", "other")
        assert file.read_text() == ""

    assert parts(file) == [("default", "Hello"), ("other", "Bonjour")]


def test_a_world_is_as_its_transcript_says(client: Client, file: Path) -> None:
    receive(client, "Hello")
    shown = client.get("/_mock/transcript").text

    client.post("/_mock/reset")

    assert file.read_text(encoding="utf-8").split("\n", 1)[1] == f"{shown}\n\n"


@pytest.mark.parametrize(
    "end",
    [
        lambda client: client.delete("/_mock/worlds/other"),
        lambda client: client.post("/_mock/reset?world=other"),
        lambda client: client.post("/_mock/snapshots/empty/restore?world=other"),
        lambda client: client.put("/_mock/world?world=other", json=client.get("/_mock/world?world=other").get_json()),
    ],
    ids=["deleted", "reset", "restored", "replaced"],
)
def test_what_a_world_loses_is_in_it_before(end: Callable[[Client], Any], client: Client, file: Path) -> None:
    client.post("/_mock/worlds", json={"name": "other"})
    client.post("/_mock/snapshots/empty?world=other")
    receive(client, "Hello", "other")

    assert end(client).status_code == 200

    assert parts(file) == [("other", "Hello")]


def test_an_evicted_world_is_in_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "MAX_WORLDS", 2)
    emulator = FlaresendMock(transcript_on_exit=str(file), auth="open")
    client = emulator.app.test_client()
    for key in ("one", "two"):
        headers = {"Authorization": f"Bearer {key}"}
        body = {"recipients": [ANN], "type": "text", "text": key}
        assert client.post("/send-message", json=body, headers=headers).status_code == 200

    (found,) = parts(file)
    assert found[0].startswith("key-")
    assert found[1] == "one"


def test_a_world_in_which_nothing_happened_is_left_out(client: Client, file: Path) -> None:
    client.post("/_mock/reset")

    assert file.read_text() == ""


def test_what_was_in_the_file_stays(file: Path) -> None:
    file.write_text("before\n", encoding="utf-8")
    client = FlaresendMock(transcript_on_exit=str(file)).app.test_client()
    receive(client, "Hello")
    client.post("/_mock/reset")

    assert file.read_text(encoding="utf-8").startswith("before\n=== world default, ")


def test_secrets_are_not_in_it(client: Client, file: Path) -> None:
    webhook = {"url": "http://127.0.0.1:9/", "secret": "very-secret"}
    client.put("/_mock/instances/default/webhook", json=webhook)
    client.post("/_mock/faults", json={"match": {"key": "YOUR_API_KEY"}, "delay": 0})
    receive(client, "Hello")
    client.get("/groups", headers={"Authorization": "Bearer YOUR_API_KEY"})
    client.post("/_mock/reset")

    text = file.read_text(encoding="utf-8")
    assert "GET /groups 200" in text
    assert "very-secret" not in text
    assert "YOUR_API_KEY" not in text


@pytest.mark.parametrize(
    ("name", "problem"), [("", "not a regular file"), ("missing/file", "No such file or directory")]
)
def test_a_file_that_cannot_be_written_is_refused_at_the_start(name: str, problem: str, tmp_path: Path) -> None:
    place = tmp_path / name

    with pytest.raises(CannotStart, match=f"^transcript_on_exit: {re.escape(str(place))}: {problem}$"):
        FlaresendMock(transcript_on_exit=str(place))


@pytest.mark.parametrize("make", [Path.mkdir, *([os.mkfifo] if hasattr(os, "mkfifo") else [])])
def test_a_file_that_can_no_longer_be_written_stops_nothing(
    make: Callable[[Path], None], client: Client, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receive(client, "Hello")
    file.unlink()
    make(file)

    assert client.post("/_mock/reset").status_code == 200
    assert caplog.messages == [f"transcript_on_exit: {file}: not a regular file"]


def test_the_kit_s_own_emulator_writes_it_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ENVIRONMENT, "FLARESEND_MOCK_URL", raising=False)
    monkeypatch.setitem(ENVIRONMENT, "FLARESEND_MOCK_TRANSCRIPT_ON_EXIT", str(file))
    with serving() as server, server.world() as world:
        world.receive(ANN, "Hello")

    ((name, text),) = parts(file)
    assert (name.startswith("test-"), text) == (True, "Hello")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_the_transcript(how: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flaresend_mock", "--port", "0", "--transcript-on-exit", "transcript.txt"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        body = {"from": ANN, "text": "Hello"}
        assert requests.post(f"{url}/_mock/inbound", json=body, timeout=20).status_code == 201
        process.send_signal(how)
        process.communicate(timeout=20)

    assert process.returncode == 0
    assert parts(tmp_path / "transcript.txt") == [("default", "Hello")]


def test_a_run_of_a_command_leaves_it(file: Path) -> None:
    script = (
        "import os, json, urllib.request as u; "
        "r = u.Request(os.environ['FLARESEND_MOCK_URL'] + '/_mock/inbound', "
        f"json.dumps({{'from': '{ANN}', 'text': 'Hello'}}).encode(), {{'Content-Type': 'application/json'}}); "
        "u.urlopen(r)"
    )
    command = [sys.executable, "-m", "flaresend_mock", "--port", "0", "--transcript-on-exit", str(file), "run", "--"]

    done = subprocess.run([*command, sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert parts(file) == [("default", "Hello")]


def test_a_link_is_refused(file: Path) -> None:
    precious = file.with_name("precious")
    precious.write_text("precious")
    file.symlink_to(precious)

    with pytest.raises(CannotStart, match=r"it is a symbolic link; name the file itself$"):
        FlaresendMock(transcript_on_exit=str(file))
    assert precious.read_text() == "precious"
