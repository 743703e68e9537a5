"""Tables of the command line: who and what, filters, widths of a terminal, colours, and texts of all scripts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.cli.output import clip
from flaresend_mock.client import ControlPlane
from tests.defaults import ANN, ANNS_GROUP, BEN, OUR_NUMBER
from tests.live.commands import Done, at, control, send
from tests.live.test_cli_lists import Shown

COLOURS = re.compile(r"\x1b\[\d*m")


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def emulator() -> Iterator[FlaresendMock]:
    with FlaresendMock(log_level="error") as running:
        control(running, "PUT", f"/people/{ANN}", {"name": "Ann Odhiambo"})
        control(running, "PUT", f"/people/{BEN}", {"name": "王小明"})
        yield running


def api(emulator: FlaresendMock, path: str, body: object) -> None:
    requests.post(f"{emulator.url}{path}", json=body, headers=emulator.headers, timeout=20)


def on_terminal(
    emulator: FlaresendMock, monkeypatch: pytest.MonkeyPatch, columns: int, *arguments: str, **options: str
) -> Done:
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: os.terminal_size((columns, 24)))
    return at(emulator, *arguments, terminal=True, **options)


def cells(done: Done, heading: str) -> list[str]:
    """Return the column below a heading, which is as wide as its widest cell."""
    headings, *lines = done.lines
    names = re.split(r"  +", headings)
    assert heading in names
    start = headings.index(heading)
    return [line[start:] for line in lines]


def test_rows_say_who_by_number_and_name_and_in_which_group(emulator: FlaresendMock) -> None:
    send(emulator, "to Ann")
    at(emulator, "receive", "--from", ANN, "--group", ANNS_GROUP, "in the group")
    api(emulator, "/groups/send-message", {"groupJids": [ANNS_GROUP], "type": "text", "text": "to all"})
    api(
        emulator,
        "/send-message",
        {"recipients": [BEN, ANN, "254700000009", "254700000010"], "text": "x", "type": "text"},
    )
    subject = next(one["subject"] for one in control(emulator, "GET", "/groups")["groups"] if one["id"] == ANNS_GROUP)

    shown = at(emulator, "messages", "--limit", "3", "--since", "0").lines
    assert f"→  {ANN} Ann Odhiambo " in shown[1]
    assert f"←  {ANN} Ann Odhiambo in {ANNS_GROUP} {subject}  text  in the group" in shown[2]
    assert f"→  {ANNS_GROUP} {subject} " in shown[3]
    last = at(emulator, "requests").lines[-1]
    assert f"{BEN} 王小明, {ANN} Ann Odhiambo, 254700000009" in last
    assert ", 254700000010  x" in last
    assert f"{ANNS_GROUP} {subject}" in at(emulator, "requests").lines[2]
    assert f"{ANNS_GROUP} {subject}  text  in the group" in at(emulator, "deliveries").lines[1]


def test_a_message_that_failed_says_so(emulator: FlaresendMock) -> None:
    api(emulator, "/send-message", {"recipients": ["9990000500"], "type": "text", "text": "x"})

    assert at(emulator, "messages").lines[-1].endswith("  9990000500  text  (failed) x")


def test_names_are_fetched_once_for_a_list_and_again_for_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    shown, call = Shown(), ControlPlane.call

    def counted(self: ControlPlane, method: str, path: str, *given: Any, **query: Any) -> dict[str, Any]:
        asked.append(path)
        return call(self, method, path, *given, **query)

    def live() -> None:
        try:
            lines = [shown.next_line() for _ in range(1 + 5)]
            assert lines[0].startswith("TIME")
            control(running, "PUT", "/people/254700000099", {"name": "Zuri"})
            api(running, "/send-message", {"recipients": ["254700000099"], "type": "text", "text": "new"})
            assert "254700000099 Zuri  " in shown.next_line()
        finally:
            running.stop()

    monkeypatch.setattr(ControlPlane, "call", counted)
    with ThreadPoolExecutor(1) as pool:
        running = FlaresendMock(log_level="error").start()
        recipients = [f"2547000000{number:02}" for number in range(1, 6)]
        api(running, "/send-message", {"recipients": recipients, "type": "text", "text": "x"})
        living = pool.submit(live)
        at(running, "messages", "--follow", told=shown.pieces.put)

    living.result()
    assert asked == ["/messages", "/people", "/people"]


def test_columns_are_aligned_whatever_the_width_of_letters(emulator: FlaresendMock) -> None:
    send(emulator, "one")
    at(emulator, "receive", "--from", BEN, "two")

    first, second = at(emulator, "messages").lines[1:]
    assert first.index("  text") - second.index("  text") == 3  # of six columns, the name takes three letters
    assert clip("王小明", 6) == "王小明"
    assert clip("王小明!", 6) == "王小…"
    assert clip("😀😀😀", 4) == "😀…"
    assert clip("e\u0301e\u0301", 2) == "e\u0301e\u0301"
    assert clip("e\u20dde\u20dd", 2) == "e\u20dde\u20dd"
    assert clip("a\nb\x1b[2J", 99) == r"a\nb\x1b[2J"


@pytest.mark.parametrize("columns", [40, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal(
    emulator: FlaresendMock, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    for text in ("王" * 200, "x" * 200, "😀 " * 90):
        send(emulator, text)
        at(emulator, "receive", "--from", BEN, text)

    for command in ("messages", "requests", "deliveries", "events"):
        for line in on_terminal(emulator, monkeypatch, columns, command).lines:
            plain = COLOURS.sub("", line)
            assert clip(plain, columns) == plain
            assert re.match(
                r"TIME" if line.startswith("\x1b[1m") else r"\d{4}-" if columns >= 100 else r"\d\d-\d\d ", plain
            )


def test_text_from_right_to_left_is_isolated_on_a_terminal_alone(
    emulator: FlaresendMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    control(emulator, "PUT", f"/people/{BEN}", {"name": "דוד"})
    at(emulator, "receive", "--from", BEN, "שלום 12 עולם ok")

    assert f"{BEN} דוד  text  שלום 12 עולם ok" in at(emulator, "messages").out
    shown = on_terminal(emulator, monkeypatch, 120, "messages").out
    assert f"{BEN} \u2068דוד\u2069  text  \u2068שלום 12 עולם\u2069 ok" in shown
    latin = on_terminal(emulator, monkeypatch, 120, "messages", encoding="iso8859-8").out
    assert f"{BEN} דוד  text  שלום 12 עולם ok" in latin


def test_colours_are_for_terminals(emulator: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    send(emulator, "ok")
    requests.get(f"{emulator.url}/nowhere", timeout=20)

    def coloured() -> list[bool]:
        return [
            "\x1b" in one.out for one in (at(emulator, "requests"), on_terminal(emulator, monkeypatch, 99, "requests"))
        ]

    headings, ok, failed = on_terminal(emulator, monkeypatch, 99, "requests").out.splitlines()
    assert headings.startswith("\x1b[1mTIME")
    assert "\x1b" not in ok
    assert failed.startswith("\x1b[31m")
    assert failed.endswith("\x1b[0m")
    assert coloured() == [False, True]
    monkeypatch.setenv("TERM", "dumb")
    assert coloured() == [False, False]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert coloured() == [True, True]
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured() == [False, False]


def test_a_list_is_filtered(emulator: FlaresendMock) -> None:
    send(emulator, "to Ann")
    at(emulator, "receive", "--from", BEN, "from Ben")
    at(emulator, "receive", "--from", ANN, "--type", "poll")
    at(emulator, "fault", "add", "down", "--path", "/groups")
    requests.get(f"{emulator.url}/groups", headers=emulator.headers, timeout=20)
    requests.get(f"{emulator.url}/nowhere", timeout=20)
    instance = control(emulator, "GET", "/instances")["instances"][0]["id"]

    def found(*arguments: str) -> int:
        response = at(emulator, *arguments, "--json").json
        assert len(at(emulator, *arguments).lines) == (len(response[arguments[0]]) + 1 if response[arguments[0]] else 0)
        return len(response[arguments[0]])

    assert found("messages") == 3
    assert found("messages", "--to", f"+{ANN[:3]} {ANN[3:6]} {ANN[6:]}") == 1
    assert found("messages", "--to", "odhiambo") == 1
    assert found("messages", "--to", OUR_NUMBER) == 2
    assert found("messages", "--from", "小明") == 1
    assert found("messages", "--type", "po*") == 1
    assert found("messages", "--type", "po") == 0
    assert found("messages", "--status", "received", "--from", ANN) == 1
    assert found("messages", "--instance", instance) == 3
    assert found("messages", "--instance", "other") == 0
    assert found("requests", "--status", "4xx") == 1
    assert found("requests", "--status", "503", "--fault", "fault-1", "--path", "/gr*") == 1
    assert found("requests", "--to", "Ann") == 1
    assert found("deliveries", "--status", "no endpoint", "--from", "ann") == 1
    assert found("deliveries", "--type", "text") == 1
    assert found("deliveries", "--fault", "?*") == 0
    assert found("events", "--kind", "message,fault") == 5
    assert found("events", "--status", "404") == 1
    assert found("events", "--from", BEN) == 2
    newest = at(emulator, "messages", "--instance", instance, "--limit", "2", "--json").json["messages"]
    assert [one["from"] for one in newest] == [BEN, ANN]
    at(emulator, "events", "--kind", "massage").failed("did you mean 'message'?")


def test_events_are_rows_of_all_kinds(emulator: FlaresendMock) -> None:
    at(emulator, "receive", "--from", ANN, "hi")
    at(emulator, "fault", "add", "down")
    api(emulator, "/send-message", {"recipients": [ANN], "type": "text", "text": "x"})

    headings, *lines = at(emulator, "events", "--kind", "message,delivery,fault,request").lines
    assert headings.split() == ["TIME", "(UTC)", "#", "KIND", "WHAT"]
    told = [re.sub(r"^\S+ \S+  \d+ +", "", line) for line in lines]
    assert told[0] == f"message   ←  {ANN} Ann Odhiambo  text  hi"
    assert told[1].startswith(f"delivery  no endpoint  {ANN} Ann Odhiambo  text  hi  msg_")
    assert told[2] == "fault     armed  fault-1"
    assert re.match(r"request   503  POST /send-message  (.+  )?\(fault-1\) Service unavailable", told[-1])


def test_an_event_of_its_own_and_attempts_are_shown(emulator: FlaresendMock) -> None:
    control(emulator, "PUT", "/instances/default/webhook", {"url": "http://127.0.0.1:9/hook", "retries": [1]})
    at(emulator, "receive", "--event", "call")
    control(emulator, "POST", "/clock/advance", {"seconds": 5})

    (line,) = at(emulator, "deliveries").lines[1:]
    assert line[21:].startswith(f"failed  error, error  {ANN} Ann Odhiambo  call  (Connection refused)   msg_"), line


def test_a_list_without_items_says_so_on_a_terminal(emulator: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert at(emulator, "deliveries").lines == []
    done = on_terminal(emulator, monkeypatch, 80, "deliveries")
    assert (done.out, done.err) == ("", "flaresend-mock: no deliveries; --follow waits for them\n")


@pytest.mark.parametrize("as_json", [False, True])
def test_following_shows_what_passes_the_filters(as_json: bool) -> None:
    shown = Shown()

    def live() -> None:
        try:
            assert "one" in shown.next_line() + ("" if as_json else shown.next_line())
            for text, number in (("no", BEN), ("two", ANN)):
                api(running, "/send-message", {"recipients": [number], "type": "text", "text": text})
            assert "two" in shown.next_line()
            running.worlds.default().reset()
            send(running, "three")
            assert "three" in shown.next_line()
        finally:
            running.stop()

    with ThreadPoolExecutor(1) as pool:
        running = FlaresendMock(log_level="error").start()
        api(running, "/send-message", {"recipients": [BEN], "type": "text", "text": "no"})
        send(running, "one")
        living = pool.submit(live)
        more = ["--json"] if as_json else []
        done = at(running, "events", "--follow", "--kind", "message", "--to", ANN, *more, told=shown.pieces.put)

    living.result()
    assert done.status == 0
    assert "no" not in done.out.split()
    if as_json:
        assert [json.loads(line)["message"]["text"] for line in done.out.splitlines()] == ["one", "two", "three"]


def test_deliveries_are_followed(emulator: FlaresendMock) -> None:
    shown = Shown()

    def live() -> None:
        try:
            control(running, "POST", "/inbound", {"from": ANN, "text": "hi"})
            assert shown.next_line().startswith("TIME")
            assert "  no endpoint " in shown.next_line()
        finally:
            running.stop()

    with ThreadPoolExecutor(1) as pool:
        running = FlaresendMock(log_level="error").start()
        living = pool.submit(live)
        done = at(running, "deliveries", "--follow", told=shown.pieces.put)

    living.result()
    assert done.status == 0
