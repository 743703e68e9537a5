"""What all commands that talk to an emulator have in common."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from inspect import isfunction
from pathlib import Path

import pytest
import requests

from flaresend_mock import FlaresendMock, cli
from flaresend_mock.cli import COMMANDS, output
from flaresend_mock.cli.commands import Call
from flaresend_mock.cli.tools import HELPERS
from flaresend_mock.core.kinds import KINDS
from flaresend_mock.core.models import BODY_STYLES
from flaresend_mock.settings import Settings, local_url
from tests.live.commands import CLEAN, COMMAND, STEERING, Scripted, answered, at, run, send


@pytest.fixture
def guarded() -> Iterator[FlaresendMock]:
    with FlaresendMock(control_token="open-sesame") as running:
        yield running


TALKING = [
    ["reset"],
    ["receive", "--from", "254712345678", "hi"],
    ["messages"],
    ["messages", "--follow"],
    ["requests"],
    ["deliveries"],
    ["events"],
    ["transcript"],
    ["transcript", "--json"],
    ["clock"],
    ["clock", "--freeze"],
    ["advance", "1"],
    ["fault", "add", "down"],
    ["fault", "list"],
    ["fault", "clear"],
    ["world", "list"],
    ["world", "create", "w"],
    ["world", "export"],
    ["world", "delete", "w"],
    ["instance", "list"],
    ["instance", "create"],
    ["instance", "connect"],
    ["instance", "disconnect"],
    ["instance", "qr"],
    ["qr"],
]
ANSWERS = [
    [],
    "text",
    None,
    {},
    {"messages": 1, "fired": {}, "worlds": [1], "instances": "x", "faults": [[]], "requests": [None]},
    {"name": ["x"], "url": {}, "match": 1, "respond": [1], "delay": 7, "delivery": {}, "warnings": 3},
]
LISTED = {
    name: [{"id": {}, "chat": 3, "from": [], "text": {"a": 1}, "attempts": 4, "match": 5, "delay": 6}]
    for name in ("messages", "requests", "deliveries", "events", "fired", "worlds", "instances", "faults")
}


@pytest.mark.parametrize("command", TALKING, ids=" ".join)
def test_every_command_says_in_one_line_that_nobody_is_there(command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    done = run(*command, "--url", f"http://127.0.0.1:{port}")
    done.failed(f"http://127.0.0.1:{port}: Connection refused; start one: flaresend-mock, or docker run ")
    assert "--url" in done.err


@pytest.mark.parametrize("command", TALKING, ids=" ".join)
def test_every_command_brings_the_control_token_and_is_refused_without(
    guarded: FlaresendMock, command: list[str]
) -> None:
    at(guarded, *command).failed("Send the control token in the header X-Control-Token.")
    at(guarded, *command, "--control-token", "other").failed("Send the control token")
    if "--follow" in command:
        return

    brought = at(guarded, *command, "--control-token", "open-sesame")
    assert "control token" not in brought.err
    assert "control token" not in run("--control-token", "open-sesame", *command, "--url", guarded.url).err


def test_the_control_token_comes_from_its_variable_too(guarded: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLARESEND_MOCK_CONTROL_TOKEN", "open-sesame")
    monkeypatch.setenv("FLARESEND_MOCK_URL", guarded.url)

    assert run("clock").status == 0


def test_a_token_that_is_none_is_refused_without_being_shown(flaresend: FlaresendMock) -> None:
    done = at(flaresend, "clock", "--control-token", "s3cret\n")

    done.failed("--control-token: a token has printable ASCII characters", 2)
    assert "s3cret" not in done.err


def test_the_token_follows_no_redirect(flaresend: FlaresendMock) -> None:
    send_on = answered(b"", "302 Found", f"Location: {flaresend.url}/_mock/clock\r\n")
    with Scripted([send_on]) as odd:
        done = run("clock", "--url", odd.url, "--control-token", "x")

    done.failed("is not a flaresend-mock emulator (it responds 302)")


@pytest.mark.parametrize("command", TALKING, ids=" ".join)
@pytest.mark.parametrize("response", [*ANSWERS, LISTED], ids=str)
def test_whatever_answers_there_is_no_traceback(command: list[str], response: object) -> None:
    times = 1 + (command[-1] == "qr")
    with Scripted([answered(response)] * times) as odd:
        done = run(*command, "--url", odd.url)
        with contextlib.suppress(OSError):
            while True:  # let the server have the connections that it still expects
                requests.get(odd.url, timeout=20)

    assert done.status in (0, 1)
    if done.status:
        assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("command", [["transcript", "--json"], ["clock"]], ids=" ".join)
def test_json_that_is_too_deep_to_be_shown_is_no_traceback(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RecursionError

    for name in ("document", "say"):
        monkeypatch.setattr(output, name, fail)
    with Scripted([answered({"now": "x"})]) as odd:
        run(*command, "--url", odd.url).failed("is not a flaresend-mock emulator")


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answered(b"<html>"), "is not a flaresend-mock emulator."),
        (answered(b"[" * 100_000), "is not a flaresend-mock emulator."),
        (answered(b"<html>", "404 Not Found"), "is not a flaresend-mock emulator (it responds 404)."),
        (answered(b"[" * 100_000, "500 Oops"), "is not a flaresend-mock emulator (it responds 500)."),
        (answered({"error": {"message": STEERING}}, "400 Bad Request"), r"\x1b[2J\x07\x9b31m"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 50\r\n\r\nshort", "(it responds 500)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "IncompleteRead"),
        (b"garbage\r\n\r\n", "garbage"),
        (b"", "Remote end closed connection"),
    ],
)
def test_an_odd_server_is_one_clear_line(response: bytes, expected: str) -> None:
    with Scripted([response]) as odd:
        run("clock", "--url", odd.url).failed(expected)


@pytest.mark.parametrize("url", ["http://127.0.0.1:abc", "http://a b", "http://127.0.0.1:1/é", "http://[::1"])
def test_an_odd_address_is_one_clear_line(url: str) -> None:
    run("clock", "--url", url).failed(url)


def test_bad_use_is_one_clear_line_and_exit_status_2(flaresend: FlaresendMock) -> None:
    for arguments, expected in (
        (["clock", "--url", "ftp://x"], "'ftp://x' is not an http URL"),
        (["fault"], "Missing command. (flaresend-mock fault --help)"),
        (["receive", "254712345678", "hi"], "extra argument (hi) (flaresend-mock receive --help)"),
        (["completion"], "Choose from: bash, zsh, fish (flaresend-mock completion --help)"),
        (["world"], "Missing command"),
        (["instance"], "Missing command"),
        (["world", "lists"], "No such command 'lists'"),
        (["messages", "--limit", "0"], "--limit"),
        (["messages", "--since", "-1"], "--since"),
        (["advance"], "Missing argument"),
        (["worlds", "list", "--world", "x"], "No such command 'worlds'"),
        (["world", "list", "--world", "x"], "No such option"),
    ):
        run(*arguments).failed(expected, 2)


def test_the_variable_for_the_world_to_serve_is_not_the_world_that_is_meant(
    flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLARESEND_MOCK_WORLD", "demo")

    assert at(flaresend, "reset").lines == ["World default is in its initial state"]
    at(flaresend, "reset", "--world", "demo").failed("there is no world")


def test_help_tells_of_every_command_and_every_command_has_help() -> None:
    listed = run("--help").out
    for name in COMMANDS:
        assert f"\n  {name} " in listed
        assert "Usage: flaresend-mock" in run(name, "--help").out


def test_the_table_of_commands_names_what_the_package_has() -> None:
    modules = [import_module(f"flaresend_mock.cli.{name}") for name in sorted(set(COMMANDS.values()))]
    public = [(module, name, one) for module in modules for name, one in vars(module).items() if name[0] != "_"]
    made = [name for _, name, one in public if isinstance(one, Call | partial)]
    made += [name for module, name, one in public if isfunction(one) and one.__module__ == module.__name__]
    table = json.loads((Path(cli.__file__).parent / "assets" / "commands.json").read_text(encoding="utf-8"))
    groups = {name.partition(" ")[0] for name in table if " " in name}

    assert sorted(made) == sorted(re.sub("[ -]", "_", name) for name in set(table) - groups - {"shared", "qr"})
    assert {name.partition(" ")[0] for name in table} - {"shared"} == set(COMMANDS)
    assert table["instance webhook"]["parameters"]["--body-style"]["type"] == list(BODY_STYLES)
    assert table["receive"]["parameters"]["--type"]["type"] == list(KINDS)
    assert table["helper"]["parameters"]["name"]["type"] == list(HELPERS)
    assert table["openapi"]["parameters"]["--url"]["default"] == local_url(Settings().host, Settings().port)


@pytest.mark.slow
def test_serving_and_help_import_no_http() -> None:
    code = "import sys; from flaresend_mock import cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()

    assert not {"urllib.request", "http.client", "flask", "flaresend_mock.client"} & set(loaded)


@pytest.mark.slow
def test_a_pipe_that_is_closed_ends_it_quietly(flaresend: FlaresendMock) -> None:
    for number in range(300):
        send(flaresend, f"{number} " + "x" * 500)
    for extra in ("", "--json"):
        line = f"{sys.executable} -m flaresend_mock messages --limit 300 {extra} --url {flaresend.url} | head -c 1"
        done = subprocess.run(["bash", "-c", line], env=CLEAN, capture_output=True, text=True, timeout=30)

        assert len(done.stdout) == 1
        assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_it_works_where_nothing_can_be_printed(flaresend: FlaresendMock, closed: str) -> None:
    for command in ("clock", "world export", "instance list"):
        line = f"{sys.executable} -m flaresend_mock {command} --url {flaresend.url} {closed}"
        done = subprocess.run(["bash", "-c", line], env=CLEAN, capture_output=True, text=True, timeout=30)

        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_one_clear_line(flaresend: FlaresendMock) -> None:
    with open("/dev/full", "w") as full:
        asking = [*COMMAND, "clock", "--url", flaresend.url]
        done = subprocess.run(asking, env=CLEAN, stdout=full, stderr=subprocess.PIPE, text=True)

    assert done.returncode == 1
    assert done.stderr == "flaresend-mock: cannot print: No space left on device\n"


def test_health_waits_until_it_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("flaresend_mock.cli.tools"), "SECONDS_BETWEEN", 0.0)
    ok = {"status": "ok"}
    starting = answered({"status": "starting"}, "503 Service Unavailable")
    with Scripted([starting, answered(b"<html>", "502 Bad Gateway"), starting, answered(ok)]) as slow:
        done = run("health", "--wait", "20s", "--url", slow.url)

    assert done.status == 0
    assert done.json == ok


def test_a_port_is_an_address_on_this_machine(flaresend: FlaresendMock) -> None:
    port = flaresend.url.rpartition(":")[2]

    for command in (["health"], ["health", "--wait", "5"], ["clock"], ["messages"]):
        assert run(*command, "--port", port).status == 0
    run("health", "--port", port, "--url", flaresend.url).failed("give --url or --port, not both", 2)
    run("health", "--port", "0").failed("--port", 2)


def test_a_world_that_is_not_there_is_told_with_the_way_to_find_one(flaresend: FlaresendMock) -> None:
    at(flaresend, "messages", "--world", "shop").failed("no world named 'shop'; flaresend-mock world list shows them")


def test_health_waits_no_longer_than_it_may() -> None:
    with Scripted([answered({"status": "starting"}, "503 Service Unavailable")]) as slow:
        run("health", "--url", slow.url).failed("is not ready: it is starting")

    run("health", "--wait", "0.3", "--url", slow.url).failed(
        "is not ready: Connection refused; start one: flaresend-mock"
    )


def test_health_of_something_else_is_not_ready() -> None:
    with Scripted([answered({"status": "UP"})]) as other:
        run("health", "--url", other.url).failed("is not ready: the server is not a flaresend-mock emulator")

    run("health", "--wait", "soon").failed("'soon' is not a span of time", 2)
    run("health", "--wait", "nan").failed("'nan' is not a span of time", 2)
