"""The log has one line for a call, whatever was called, and steers no terminal."""

from __future__ import annotations

import io
import json
import logging
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.cli.output import JsonFormatter, TextFormatter
from tests.security.hostile import ANN, raw, status_of
from tests.support import KEY

FORGED = "2025-01-01T00:00:00.000Z ERROR   forged"
EVIL = [
    f"\n{FORGED}",
    f"\r\n{FORGED}",
    f"\x1b[2K\x1b[1A{FORGED}",
    f"\x9b2J{FORGED}",
    f"\x85{FORGED}",
    f"\x0b\x0c{FORGED}",
    "\x07\x08\x7f\x00",
    "%s%n%(message)s{0}",
]


class Log:
    """What the emulator says, as it says it on standard error."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self._file = io.StringIO(newline="")
        self.handler = logging.StreamHandler(self._file)
        self.handler.setFormatter(formatter)

    @property
    def lines(self) -> list[str]:
        text = self._file.getvalue()
        assert not text or text.endswith("\n")
        return text.split("\n")[:-1]


@pytest.fixture(params=[TextFormatter, JsonFormatter])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """The emulator's own log, at its most talkative."""
    kept = Log(request.param())
    logger = logging.getLogger("flaresend_mock")
    level = logger.level
    logger.addHandler(kept.handler)
    logger.setLevel(logging.DEBUG)
    yield kept
    logger.removeHandler(kept.handler)
    logger.setLevel(level)


def is_plain(line: str) -> bool:
    return line.isprintable() and len(line.splitlines()) == 1 and not line.startswith(FORGED)


@pytest.mark.parametrize("evil", EVIL, ids=ascii)
def test_a_path_is_one_line(evil: str, log: Log, running: FlaresendMock) -> None:
    sent = evil.replace("\r", "").replace("\n", "").replace(" ", "")
    for path in (sent, sent.encode("unicode_escape").decode()):
        call = f"GET /{path}?{path} HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nConnection: close\r\n\r\n"
        assert status_of(raw(running, call.encode("latin-1"))) in (400, 401, 404)

    assert len(log.lines) <= 2
    assert all(map(is_plain, log.lines))


@pytest.mark.parametrize("evil", EVIL, ids=ascii)
def test_a_path_that_is_quoted_is_one_line(evil: str, log: Log, shared: Client) -> None:
    responses = [shared.get(path, query_string={evil: evil}, headers=KEY) for path in (f"/{evil}", f"/groups/{evil}")]

    assert [response.status_code for response in responses] == [404, 404]
    assert len(log.lines) == 2
    assert all(map(is_plain, log.lines))


@pytest.mark.parametrize("evil", EVIL, ids=ascii)
def test_what_calls_say_is_in_no_line(evil: str, log: Log, shared: Client) -> None:
    plain = "".join(letter for letter in evil if letter not in "\r\n\0")
    headers = {"User-Agent": plain, "Authorization": f"Bearer {plain}"}
    body = {"recipients": [ANN, evil], "type": "text", "text": evil, "caption": evil, evil: evil}

    shared.get("/groups", headers=headers)
    shared.post("/send-message", headers=KEY, json=body)
    shared.put(f"/_mock/people/{ANN}", json={"name": evil})
    shared.post("/_mock/inbound", json={"from": ANN, "text": evil})

    assert len(log.lines) == 2  # the control plane's calls are not logged
    assert all(map(is_plain, log.lines))
    assert not any("forged" in line for line in log.lines)


@pytest.mark.parametrize("evil", EVIL, ids=ascii)
def test_the_name_of_a_fault_is_a_part_of_one_line(evil: str, log: Log, client: Client) -> None:
    client.post("/_mock/faults", json={"name": evil[:100], "preset": "down"})
    client.get("/groups", headers=KEY)

    assert len(log.lines) == 2
    assert all(map(is_plain, log.lines))


@pytest.mark.parametrize("evil", ["\u202egnp.exe", "\u2066a\u2069", "\u2028forged", "\u2029forged"], ids=ascii)
def test_a_line_is_read_in_the_order_it_is_written(evil: str, client: Client) -> None:
    """Commands show such characters as text (cli/output.py); the log obeys them."""
    log = Log(TextFormatter())
    logging.getLogger("flaresend_mock").addHandler(log.handler)
    level = logging.getLogger("flaresend_mock").level
    logging.getLogger("flaresend_mock").setLevel(logging.INFO)
    try:
        client.post("/_mock/faults", json={"name": evil, "preset": "down"})
    finally:
        logging.getLogger("flaresend_mock").removeHandler(log.handler)
        logging.getLogger("flaresend_mock").setLevel(level)

    assert len(log.lines) == 1
    assert all(map(is_plain, log.lines))


def test_what_an_error_says_steers_no_terminal() -> None:
    """A traceback has several lines; what others wrote begins none of them, and no escape is in it."""
    try:
        raise KeyError(0) from ValueError(f"\x1b[2K\n{FORGED}")
    except KeyError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())

    lines = TextFormatter().format(record).split("\n")

    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith(FORGED) for line in lines)


@pytest.mark.parametrize("evil", [evil for evil in EVIL if "\0" not in evil], ids=ascii)
def test_what_a_receiver_answers_is_a_part_of_one_line(evil: str, log: Log, running: FlaresendMock) -> None:
    """Instead of HTTP it speaks to whoever reads the log."""
    with socket.create_server(("127.0.0.1", 0)) as odd:
        odd.settimeout(10)

        def answer() -> None:
            connection, _ = odd.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 {evil}\r\n{evil}\r\n\r\n".encode("latin-1"))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        client = running.app.test_client()
        url = f"http://127.0.0.1:{odd.getsockname()[1]}/"
        client.put("/_mock/instances/default/webhook", json={"url": url, "retries": []})
        client.post("/_mock/inbound", json={"from": ANN, "text": "hi"})
        client.post("/_mock/deliveries/settle")
        thread.join()
        client.delete("/_mock/instances/default/webhook")

    assert len(log.lines) == 1
    assert all(map(is_plain, log.lines))


def test_an_error_of_our_own_is_logged_with_its_path_on_one_line(
    log: Log, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr("flaresend_mock.core.groups.Groups.get", fail, raising=True)

    response = client.get(f"/groups/{EVIL[0]}", headers=KEY)

    assert response.status_code == 500
    assert "ours" not in response.text
    first = json.loads(log.lines[0])["message"] if log.lines[0].startswith("{") else log.lines[0]
    assert is_plain(log.lines[0])
    assert "failed" in first
    assert not any(line.startswith(FORGED) for line in log.lines)
