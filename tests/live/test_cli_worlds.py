"""Worlds on the command line: reset, create, export, import and delete; and their clocks."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import requests

from flaresend_mock import FlaresendMock
from tests.live.commands import STEERING, Scripted, answered, at, control, run, send
from tests.support import REPOSITORY

EXPORT = b'{"format":"flaresend-mock world"}'


def test_reset_returns_to_what_the_world_was_created_as(flaresend: FlaresendMock) -> None:
    send(flaresend, "Hello")

    assert at(flaresend, "reset").lines == ["World default is in its initial state"]
    assert at(flaresend, "messages").lines == []
    assert at(flaresend, "reset", "--json").json["world"] == "default"


def test_a_world_is_created_with_a_key_of_its_own_listed_and_deleted(flaresend: FlaresendMock) -> None:
    lines = at(flaresend, "world", "create", "t1", "--seed", "-7", "--time-zone", "Africa/Nairobi").lines
    assert lines[0] == "World t1"
    key = lines[1].removeprefix("API key: ")
    response = requests.get(f"{flaresend.url}/groups", headers={"Authorization": f"Bearer {key}"}, timeout=20)
    assert response.status_code == 200

    default, mine = at(flaresend, "world", "list").lines
    assert default.startswith("default: 1 instances, 0 messages, 0 scheduled, 0 faults; ")
    assert mine.startswith("t1: 1 instances")
    assert mine.endswith(", running")
    assert key not in mine
    listed = at(flaresend, "world", "list", "--json").json["worlds"][1]
    assert (listed["name"], listed["seed"], listed["time_zone"]) == ("t1", -7, "Africa/Nairobi")

    assert at(flaresend, "world", "delete", "t1").lines == ["deleted: t1"]
    at(flaresend, "world", "delete", "t1").failed("there is no world")
    at(flaresend, "world", "delete", "default").failed("reset it instead")
    at(flaresend, "world", "delete", f"a/../?#{STEERING}").failed("/_mock/worlds/a")


def test_a_world_is_created_from_a_fixture_with_a_given_key(flaresend: FlaresendMock) -> None:
    given = ["world", "create", "t1", "--fixture", "demo", "--api-key", "t1-key", "--json"]

    made = at(flaresend, *given).json
    assert (made["name"], made["api_key"]) == ("t1", "t1-key")
    at(flaresend, *given).failed("a world of this name exists already")
    at(flaresend, "world", "create", "t2", "--fixture", "nowhere").failed("fixture")


def test_settings_of_a_world_are_changed_and_shown(flaresend: FlaresendMock) -> None:
    at(flaresend, "world", "create", "t1")

    lines = at(flaresend, "world", "set", "directory=closed", "qr_codes=5", "--world", "t1").lines
    assert lines[:2] == ["world: t1", "directory: closed"]
    assert lines[-3:] == ["pairing_seconds: none", "qr_codes: 5", "public_url: none"]
    assert at(flaresend, "world", "set", "qr_codes=null", "--world", "t1", "--json").json["qr_codes"] is None
    assert at(flaresend, "world", "list", "--json").json["worlds"][0]["directory"] == "open"
    at(flaresend, "world", "set", "directory=shut").failed("directory: ")
    at(flaresend, "world", "set", "directry=closed").failed("did you mean 'directory'?")
    at(flaresend, "world", "set", "closed").failed("'closed' does not look like directory=closed", 2)
    at(flaresend, "world", "set").failed("NAME=VALUE", 2)


def test_a_world_is_created_from_a_world_file(flaresend: FlaresendMock, tmp_path: Path) -> None:
    file = REPOSITORY / "fixtures" / "worlds" / "demo.json"
    lines = at(flaresend, "world", "create", "t1", "--file", str(file)).lines

    assert lines[0] == "World t1"
    assert "Demo shop" in at(flaresend, "instance", "list", "--world", "t1").lines[0]


def test_a_file_that_holds_no_world_is_bad_use(flaresend: FlaresendMock, tmp_path: Path) -> None:
    for contents in (b"", b"[]", b"[" * 100_000, b'{"a": NaN}', b"\xff\xfe"):
        file = tmp_path / "world.json"
        file.write_bytes(contents)
        at(flaresend, "world", "create", "t1", "--file", str(file)).failed("it holds no JSON object", 2)
    for path in (str(tmp_path), str(tmp_path / "none")):
        at(flaresend, "world", "create", "t1", "--file", path).failed("", 2)
    both = ["--fixture", "demo", "--file", str(file)]
    at(flaresend, "world", "create", "t1", *both).failed("give --fixture or --file, not both", 2)


def test_an_export_goes_to_a_file_and_back_into_a_world(flaresend: FlaresendMock, tmp_path: Path) -> None:
    send(flaresend, "Hello")
    file = tmp_path / "world.json"
    at(flaresend, "clock", "--freeze")
    assert at(flaresend, "world", "export", str(file)).lines == []
    assert b"YOUR_API_KEY" not in file.read_bytes()
    at(flaresend, "reset")

    assert at(flaresend, "world", "import", str(file)).lines[0] == f"World default is in the state of {file}"
    assert at(flaresend, "messages").lines[1].endswith("  Hello")
    assert at(flaresend, "world", "export").out.encode() == file.read_bytes() + b"\n"
    created = at(flaresend, "world", "create", "copy", "--file", str(file))
    assert created.status == 0
    assert created.out.startswith("World copy\nAPI key: ")
    assert at(flaresend, "messages", "--world", "copy").lines[1].endswith("  Hello")


def test_an_export_with_secrets_is_for_its_owner_only(flaresend: FlaresendMock, tmp_path: Path) -> None:
    file = tmp_path / "world.json"

    done = at(flaresend, "world", "export", str(file), "--with-secrets", "--json")

    assert done.json == {"file": str(file), "bytes": file.stat().st_size}
    assert b"YOUR_API_KEY" in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


def test_an_export_replaces_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    file, link = tmp_path / "world.json", tmp_path / "link.json"
    file.write_text("before")
    link.symlink_to(file)
    for response in (answered(b"<html>"), b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + EXPORT):
        with Scripted([response]) as odd:
            run("world", "export", str(file), "--url", odd.url).failed(odd.url)
    assert file.read_text() == "before"

    with Scripted([answered(EXPORT)]) as whole:
        assert run("world", "export", str(link), "--url", whole.url).status == 0
    assert file.read_bytes() == EXPORT
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link.json", "world.json"]


def test_an_export_to_where_nothing_can_be_written_is_one_clear_line(tmp_path: Path) -> None:
    for path, expected in ((tmp_path, "Is a directory"), (tmp_path / "none" / "x.json", "No such file or directory")):
        with Scripted([answered(EXPORT)]) as odd:
            run("world", "export", str(path), "--url", odd.url).failed(expected)
    with Scripted([answered(EXPORT)]) as odd:
        assert run("world", "export", os.devnull, "--url", odd.url).status == 0
    assert not Path(os.devnull).is_file()


def test_an_export_steers_no_terminal_and_says_the_same() -> None:
    data = '{"format":"flaresend-mock world","x":"\u009b31m\x7f"}'.encode()
    with Scripted([answered(data)]) as server:
        shown = run("world", "export", "--url", server.url, terminal=True).out

    assert shown.isprintable() or shown.strip().isprintable()
    assert json.loads(shown) == json.loads(data)


def test_an_import_comes_from_standard_input_too(flaresend: FlaresendMock, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(REPOSITORY / "fixtures" / "worlds" / "demo.json", encoding="ascii") as file:
        monkeypatch.setattr("sys.stdin", file)
        done = at(flaresend, "world", "import", "-", "--json")

    assert done.json["world"] == "default"
    assert "Demo shop" in at(flaresend, "instance", "list").lines[0]


def test_the_name_of_a_world_is_no_file_and_a_file_is_no_name(
    flaresend: FlaresendMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (
        ["world", "export", "default"],
        ["world", "import", "t-1"],
        ["world", "create", "w", "--file", "demo"],
    ):
        at(flaresend, *command).failed("is not a file. A world goes with --world or --fixture, a new file as ./NAME", 2)
    assert list(tmp_path.iterdir()) == []
    assert at(flaresend, "world", "export", "./default").status == 0
    assert at(flaresend, "world", "import", "default").status == 0
    for command in (["world", "create", "w.json"], ["world", "delete", "out/w.json"]):
        at(flaresend, *command).failed("is not the name of a world. A file goes with --file", 2)


def test_an_import_of_nonsense_is_refused(flaresend: FlaresendMock, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    for contents in (b"nonsense", b"{}", b'{"format": "other"}'):
        file.write_bytes(contents)
        at(flaresend, "world", "import", str(file)).failed(flaresend.url)
    at(flaresend, "world", "import", str(tmp_path / "none")).failed("No such file or directory", 2)


def test_the_clock_is_set_stopped_and_started(flaresend: FlaresendMock) -> None:
    (running,) = at(flaresend, "clock").lines
    assert running.endswith("Z, running; time zone UTC; next due: nothing")

    assert at(flaresend, "clock", "--set", "2025-11-14T10:00:00Z", "--freeze").lines == [
        "2025-11-14T10:00:00Z, frozen; time zone UTC; next due: nothing"
    ]
    assert at(flaresend, "clock", "--run", "--json").json["frozen"] is False
    at(flaresend, "clock", "--set", "soon").failed("'soon' is not an ISO 8601 time")


@pytest.mark.parametrize(
    ("how_far", "now"),
    [
        ("90", "10:01:30"),
        ("0.5", "10:00:00.500"),
        ("45s", "10:00:45"),
        ("2h", "12:00:00"),
        ("1h30m", "11:30:00"),
        ("1d", "10:00:00"),
        ("2025-11-14T11:00:00Z", "11:00:00"),
        ("2025-11-14T11:00", "11:00:00"),
    ],
)
def test_time_advances_by_a_span_or_to_a_time(flaresend: FlaresendMock, how_far: str, now: str) -> None:
    at(flaresend, "clock", "--set", "2025-11-14T10:00:00Z", "--freeze")

    (line,) = at(flaresend, "advance", how_far).lines
    assert line == f"It is 2025-11-{15 if how_far == '1d' else 14}T{now}Z; nothing fell due"


@pytest.mark.parametrize("how_far", ["", "soon", "1x", "1m1h", "h", "1.h", "٣", "1e3", "nan", "9" * 12 + "d", "+1"])
def test_what_is_no_span_of_time_is_bad_use(flaresend: FlaresendMock, how_far: str) -> None:
    at(flaresend, "advance", how_far).failed("is neither a span of time", 2)


def test_advancing_tells_what_fell_due(flaresend: FlaresendMock) -> None:
    at(flaresend, "clock", "--set", "2025-11-14T10:00:00Z", "--freeze")
    later = {"recipients": ["254712345678"], "type": "text", "text": "later", "sendAt": "2025-11-14 11:00:00"}
    url = f"{flaresend.url}/schedule-message"
    assert requests.post(url, json=later, headers=flaresend.headers, timeout=20).ok

    fired, now = at(flaresend, "advance", "next").lines
    assert fired.startswith("2025-11-14T11:00:00Z ")
    assert now == "It is 2025-11-14T11:00:00Z"
    assert at(flaresend, "advance", "1s", "--json").json == {"now": "2025-11-14T11:00:01Z", "fired": []}
    at(flaresend, "advance", "2025-11-14T10:00:00Z").failed(flaresend.url)
    at(flaresend, "advance", "2025-99-99").failed("is not an ISO 8601 time")


def test_what_the_emulator_warns_of_is_said_apart() -> None:
    warned = {"name": "t", "api_key": "k", "warnings": [STEERING]}
    with Scripted([answered(warned, "201 Created")]) as server:
        done = run("world", "create", "t", "--url", server.url)

    assert done.out == "World t\nAPI key: k\n"
    assert done.err == "flaresend-mock: \\x1b[2J\\x07\\x9b31m\\u202ebad\\x0amore\n"


def test_each_world_has_a_clock_of_its_own(flaresend: FlaresendMock) -> None:
    at(flaresend, "world", "create", "t1")
    at(flaresend, "clock", "--freeze", "--world", "t1")

    assert control(flaresend, "GET", "/clock?world=t1")["frozen"] is True
    assert control(flaresend, "GET", "/clock")["frozen"] is False
