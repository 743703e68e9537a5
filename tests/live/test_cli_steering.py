"""Faults and instances on the command line."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.testing.client import Flaresend
from tests.live.commands import STEERING, Scripted, answered, at, control, run


def groups(flaresend: FlaresendMock) -> requests.Response:
    return requests.get(f"{flaresend.url}/groups", headers=flaresend.headers, timeout=20)


def test_a_preset_is_armed_listed_and_cleared(flaresend: FlaresendMock) -> None:
    assert at(flaresend, "fault", "add", "rate-limited").lines == [
        "fault-1 rate-limited on calls: responds with 429 (matched 0, hit 0)"
    ]
    assert groups(flaresend).status_code == 429
    assert at(flaresend, "fault", "list").lines == [
        "fault-1 rate-limited on calls: responds with 429 (matched 1, hit 1)"
    ]
    assert at(flaresend, "fault", "list", "--json").json == control(flaresend, "GET", "/faults")

    assert at(flaresend, "fault", "clear").lines == ["deleted: 1"]
    assert groups(flaresend).status_code == 200
    assert at(flaresend, "fault", "list").lines == []


def test_a_fault_is_what_its_options_say(flaresend: FlaresendMock) -> None:
    given = ["--path", "/groups", "--method", "GET", "--key", "YOUR_API_KEY", "--status", "418"]
    given += ["--response-body", '{"tea": true}', "--times", "1", "--name", "tea pot"]
    (line,) = at(flaresend, "fault", "add", *given).lines

    assert (
        line == "fault-1 tea pot on calls path=/groups method=GET key=***: responds with 418, once (matched 0, hit 0)"
    )
    assert groups(flaresend).json() == {"tea": True}
    assert groups(flaresend).status_code == 200
    assert at(flaresend, "fault", "list").lines[0].endswith("hit 1, used up)")
    assert at(flaresend, "fault", "clear", "fault-1").lines == ["deleted: fault-1"]
    at(flaresend, "fault", "clear", "fault-1").failed("fault")


def test_every_option_of_a_fault_reaches_the_emulator(flaresend: FlaresendMock) -> None:
    given = ["--number", "254712345678", "--body", '{"type": "text"}', "--delay", "1-3", "--after", "1"]
    armed = at(flaresend, "fault", "add", *given, "--every", "2", "--probability", "0.5", "--json").json
    assert armed["match"] == {"number": "254712345678", "body": {"type": "text"}}
    assert armed["delay"] == {"from": 1.0, "to": 3.0}
    assert (armed["after"], armed["every"], armed["probability"]) == (1, 2, 0.5)
    (line,) = at(flaresend, "fault", "list").lines
    assert line.startswith(
        'fault-1 on calls number=254712345678 body={"type": "text"}: delays the response by 1 to 3 s'
    )
    assert line.endswith(", after 1 match, every 2 matches, 50% of the time (matched 0, hit 0)")

    lost = at(flaresend, "fault", "add", "--on", "deliveries", "--action", "drop_response", "--json").json
    assert (lost["on"], lost["action"]) == ("deliveries", "drop_response")
    assert (
        at(flaresend, "fault", "list")
        .lines[1]
        .startswith("fault-2 on deliveries: delivers the event and loses the receiver's response ")
    )
    text = at(flaresend, "fault", "add", "--status", "500", "--response-body", "NaN", "--json").json
    assert text["respond"]["body"] == "NaN"
    assert at(flaresend, "fault", "add", "--delay", "1.5", "--json").json["delay"] == {"from": 1.5, "to": 1.5}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--body", "{"], "--body: '{' is not JSON"),
        (["--delay", "soon"], "--delay: 'soon' is neither"),
        (["--delay", "-1"], "--delay: '-1' is neither"),
        (["--response-body", "x"], "--response-body: give the --status of the reply"),
        (["--status", "99"], "--status"),
        (["--probability", "nan"], "--probability: from 0 to 1"),
        (["--on", "mondays"], "--on"),
        (["--times", "0"], "--times"),
    ],
)
def test_a_fault_that_makes_no_sense_is_bad_use(flaresend: FlaresendMock, given: list[str], expected: str) -> None:
    at(flaresend, "fault", "add", *given).failed(expected, 2)
    assert at(flaresend, "fault", "list").lines == []


@pytest.mark.parametrize("given", [[], ["no-such-preset"], ["--action", "explode"], ["down", "--method", "GRAB"]])
def test_a_fault_that_the_emulator_does_not_know_is_refused(flaresend: FlaresendMock, given: list[str]) -> None:
    at(flaresend, "fault", "add", *given).failed(flaresend.url)


def test_faults_are_of_the_world_that_is_meant(flaresend: FlaresendMock) -> None:
    at(flaresend, "world", "create", "t1")
    at(flaresend, "fault", "add", "down", "--world", "t1")

    assert at(flaresend, "fault", "list").lines == []
    assert len(at(flaresend, "fault", "list", "--world", "t1").lines) == 1


def test_an_instance_is_created_shown_disconnected_and_connected(flaresend: FlaresendMock) -> None:
    (made,) = at(flaresend, "instance", "create", "--name", STEERING, "--number", "254700111222").lines
    ours, status, number, name = made.split(" ", 3)
    assert (status, number) == ("initializing", "254700111222")
    assert name == r"\x1b[2J\x07\x9b31m\u202ebad\x0amore"
    first, second = at(flaresend, "instance", "list").lines
    assert first == "9b540e83-e1ca-49b4-8c34-01fd31991d04 connected 254708920430 Documentation"
    assert second == made

    assert at(flaresend, "instance", "connect", ours).lines[0].startswith(f"{ours} connected")
    assert at(flaresend, "instance", "disconnect").lines[0].startswith(f"{first[:36]} disconnected")
    assert at(flaresend, "instance", "connect", "--json").json["status"] == "connected"
    at(flaresend, "instance", "connect", "nobody/../x").failed(flaresend.url)
    assert [one["id"] for one in at(flaresend, "instance", "list", "--json").json["instances"]] == [first[:36], ours]


def test_an_instance_is_created_with_a_key_that_is_not_shown(flaresend: FlaresendMock) -> None:
    done = at(flaresend, "instance", "create", "--api-key", "another-long-key")

    assert "long-key" not in done.out
    at(flaresend, "instance", "create", "--number", "12").failed("phone number")


@pytest.fixture
def waiting(flaresend: FlaresendMock) -> FlaresendMock:
    """An emulator whose first instance shows a QR code."""
    control(flaresend, "POST", "/instances/default/status", {"status": "qr"})
    return flaresend


@pytest.mark.parametrize("command", [["qr"], ["instance", "qr"], ["qr", "9b540e83-e1ca-49b4-8c34-01fd31991d04"]])
def test_a_qr_code_is_drawn_with_its_address_below(waiting: FlaresendMock, command: list[str]) -> None:
    shown = control(waiting, "GET", "/instances/default/qr")

    *drawing, url = at(waiting, *command).lines
    assert url == shown["url"]
    assert len(drawing) > 15
    assert {len(line) for line in drawing} == {len(drawing[0])}
    assert set("".join(drawing)) <= set(" █▀▄")
    assert at(waiting, *command, "--json").json == shown


def test_a_qr_code_is_white_on_black_on_a_terminal(waiting: FlaresendMock) -> None:
    *drawing, url = at(waiting, "qr", terminal=True).out.splitlines()

    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in drawing)
    assert "\x1b" not in url


def test_a_terminal_that_cannot_draw_gets_the_address(waiting: FlaresendMock) -> None:
    done = at(waiting, "qr", encoding="latin-1")

    assert done.out.startswith("http://")
    assert len(done.out.splitlines()) == 1
    assert "cannot show the QR code" in done.err


def test_a_qr_code_is_saved_as_a_picture(waiting: FlaresendMock, tmp_path: Path) -> None:
    png, svg = tmp_path / "qr.png", tmp_path / "qr.SVG"

    (url,) = at(waiting, "qr", "--out", str(png)).lines
    at(waiting, "instance", "qr", "--out", str(svg))

    assert url.startswith("http://")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in svg.read_bytes()
    at(waiting, "qr", "--out", "qr.gif").failed("a name that ends in .png or .svg", 2)
    at(waiting, "qr", "--out", str(tmp_path / "none" / "qr.png")).failed("No such file or directory")
    with Scripted([answered(b"<html>")]) as odd:
        run("qr", "--out", str(png), "--url", odd.url).failed("is not a flaresend-mock emulator")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_without_a_qr_code_it_says_what_to_do(flaresend: FlaresendMock) -> None:
    for command in (["qr"], ["qr", "--json"], ["instance", "qr", "--out", "qr.png"]):
        at(flaresend, *command).failed(
            "the instance is connected, and needs no QR code; disconnect and reconnect it to see one"
        )


def test_somebody_writes_to_an_instance_of_the_world_that_is_meant(flaresend: FlaresendMock) -> None:
    at(flaresend, "world", "create", "t1", "--api-key", "t1-key")

    response = at(flaresend, "receive", "--from", "254712345678", "hi", "--world", "t1", "--json").json
    assert response["delivery"]["status"] == "no endpoint"
    with closing(Flaresend(flaresend.url, "t1-key")) as kit:
        assert len(kit.messages()) == 1
    at(flaresend, "receive", "--from", "12", "hi").failed("phone number")
    at(flaresend, "receive", "--from", "254712345678", "--file", "nowhere").failed("No such file", 2)
