"""The page for containers: the tests of compose pass, with an application and an emulator outside of Docker."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from flask import Flask, request
from werkzeug.serving import make_server

from flaresend_mock import FlaresendMock
from tests.guides import run, write_files

pytestmark = pytest.mark.slow


@contextmanager
def bookings(emulator: list[str]) -> Iterator[str]:
    """An application like that of the page, which sends to the first of these URLs."""
    app = Flask("bookings")

    def confirm(number: str, seats: int) -> str:
        body = {"recipients": [number], "type": "text", "text": f"{seats} seats are yours."}
        headers = {"Authorization": "Bearer YOUR_API_KEY"}
        requests.post(f"{emulator[0]}/send-message", json=body, headers=headers, timeout=10)
        return "confirmed"

    @app.post("/bookings")
    def book() -> str:
        return confirm(**request.get_json())

    @app.post("/webhook")
    def webhook() -> str:
        return confirm(request.get_json()["data"]["from"], 2)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_tests_of_compose_pass(tmp_path: Path) -> None:
    write_files("containers.md", tmp_path)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_with_compose.py")

    urls: list[str] = []
    with bookings(urls) as app, FlaresendMock(webhook_url=f"{app}/webhook") as emulator:
        urls.append(emulator.url)
        said = run(tmp_path, *command, APP_URL=app, EMULATOR_URL=emulator.url)

    assert "2 passed" in said


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_the_file_for_compose_is_valid(tmp_path: Path) -> None:
    write_files("containers.md", tmp_path)

    run(tmp_path, "docker-compose", "-f", "compose.yaml", "config")
