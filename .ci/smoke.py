"""Use the installed emulator as a user does: start, send, schedule, receive, export, stop.

    python .ci/smoke.py

Run it outside the checkout, with the interpreter of the environment that flaresend-mock is installed in.
"""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from flaresend_mock.testing import WebhookReceiver

COMMAND = [sys.executable, "-m", "flaresend_mock"]
WINDOWS = sys.platform == "win32"


def main(folder: Path) -> None:
    export = folder / "world.json"
    with WebhookReceiver() as receiver, (folder / "log").open("w") as log:
        options = ["--port", "0", "--world", "demo", "--webhook-url", receiver.url, "--export-on-exit", str(export)]
        emulator = subprocess.Popen(
            [*COMMAND, *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if WINDOWS else 0,
        )
        try:
            assert emulator.stdout
            greeting = [emulator.stdout.readline().strip() for _ in range(4)]
            use(greeting, receiver)
            emulator.send_signal(signal.CTRL_BREAK_EVENT if WINDOWS else signal.SIGTERM)
            assert emulator.wait(30) == 0
        finally:
            emulator.kill()
            emulator.wait()
            print((folder / "log").read_text(), file=sys.stderr)
    sent = json.loads(export.read_text(encoding="utf-8"))["messages"][-4:]  # the others are the past of the demo
    assert [one["content"]["text"] for one in sent] == ["Hello", "Again!", "hi", None], sent
    print("The smoke test passed.")


def use(greeting: list[str], receiver: Any) -> None:
    url = greeting[0].rpartition(" at ")[2]
    key = greeting[1].rpartition(": ")[2]

    def call(path: str, body: object = None, method: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(url + path, data, headers, method=method), timeout=30) as response:
            return json.load(response)

    def run(*arguments: str) -> str:
        return subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=60).stdout

    run(*COMMAND, "health", "--url", url)
    tried = run(*shlex.split(greeting[2].partition(": ")[2]), "-sS", "--fail-with-body")
    assert json.loads(tried)["success"] is True

    call("/_mock/clock", {"now": "2025-11-14T10:00:00Z", "frozen": True}, "PATCH")
    message = {"recipients": ["254708920430"], "type": "text", "text": "Again!", "sendAt": "2025-11-15 09:00:00"}
    task = call("/schedule-message", message)["task_id"]
    fired = call("/_mock/clock/advance", {"seconds": 86_400})["fired"]
    assert (task, "sent") in [(one["id"], one["result"]) for one in fired]

    run(*COMMAND, "receive", "--url", url, "--from", "254712345678", "hi")
    assert receiver.expect(1, within=30)[0].text == "hi"
    run(*COMMAND, "receive", "--url", url, "--event", "call")
    assert receiver.expect(2, within=30)[1].event["event"] == "call"

    assert len(call("/groups")["data"]) >= 12
    assert run(*COMMAND, "fidelity").startswith("# Fidelity")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        main(Path(name))
