"""What happened, on the command line: messages, requests and deliveries."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue

import pytest
import requests

from flaresend_mock import FlaresendMock
from flaresend_mock.cli import main
from flaresend_mock.core.models import Content
from flaresend_mock.core.world import World
from tests.defaults import ANN
from tests.live.commands import CLEAN, COMMAND, STEERING, Scripted, answered, at, control, run, send

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
STREAM = "Content-Type: text/event-stream\r\n"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that follows soon tries again, and the emulator soon sees that it is gone."""
    monkeypatch.setattr("flaresend_mock.cli.lists.SECONDS_BETWEEN", 0.1)
    monkeypatch.setattr("flaresend_mock.background.realtime.SLICE_SECONDS", 0.05)


def test_messages_are_one_line_each_newest_last(flaresend: FlaresendMock) -> None:
    send(flaresend, "Hello")
    assert at(flaresend, "receive", "--from", "254712345678", "hi there").lines[0].endswith(" no endpoint")

    headings, first, second = at(flaresend, "messages").lines

    assert headings == "TIME (UTC)              WITH          TYPE  TEXT"
    assert re.fullmatch(rf"{TIME}  →  254712345678  text  Hello", first)
    assert re.fullmatch(rf"{TIME}  ←  254712345678  text  hi there", second)


def test_messages_show_the_newest_twenty_unless_told_otherwise(flaresend: FlaresendMock) -> None:
    for number in range(22):
        send(flaresend, f"number {number}")

    shown = at(flaresend, "messages").lines
    assert [line.rpartition(" ")[2] for line in (shown[1], shown[-1])] == ["2", "21"]
    assert len(at(flaresend, "messages", "--limit", "3").lines) == 1 + 3
    first = at(flaresend, "messages", "--json", "--limit", "22").json["messages"][0]
    assert at(flaresend, "messages", "--since", str(first["event"]), "--limit", "1").lines[1].endswith(" number 1")


def test_messages_as_json_are_the_answer_itself(flaresend: FlaresendMock) -> None:
    send(flaresend, "Hello")

    assert at(flaresend, "messages", "--json").json == control(flaresend, "GET", "/messages?limit=20")


def test_messages_steer_no_terminal_and_are_cut_short(flaresend: FlaresendMock) -> None:
    send(flaresend, STEERING + " Grüße 😀" + "x" * 1000)

    _, line = at(flaresend, "messages").lines
    assert r"\x1b[2J\x07\x9b31m\u202ebad\nmore Grüße 😀xx" in line
    assert line.endswith("…")
    assert len(line) < 200


def test_what_the_terminal_cannot_write_is_escaped(flaresend: FlaresendMock) -> None:
    send(flaresend, "Grüße 😀")

    _, line = at(flaresend, "messages", encoding="latin-1").lines
    assert line.endswith(r"->  254712345678  text  Grüße \U0001f600")
    _, line = at(flaresend, "messages", encoding="ascii").lines
    assert line.endswith(r"text  Gr\xfc\xdfe \U0001f600")


def test_output_that_has_no_encoding_takes_every_letter(flaresend: FlaresendMock) -> None:
    send(flaresend, "Grüße 😀")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        main(["messages", "--url", flaresend.url])

    assert "→  254712345678  text  Grüße 😀" in out.getvalue()


def test_messages_of_another_world_are_apart(flaresend: FlaresendMock) -> None:
    at(flaresend, "world", "create", "t1")
    at(flaresend, "receive", "--from", "254712345678", "over here", "--world", "t1")

    assert at(flaresend, "messages").lines == []
    assert at(flaresend, "messages", "--world", "t1").lines[1].endswith(" over here")


def test_requests_tell_how_they_were_answered_and_by_which_fault(flaresend: FlaresendMock) -> None:
    send(flaresend, "Hello")
    at(flaresend, "fault", "add", "down", "--path", "/groups")
    requests.get(f"{flaresend.url}/groups", headers=flaresend.headers, timeout=20)
    requests.get(f"{flaresend.url}/\x1b[31m", timeout=20)

    headings, first, second, third = at(flaresend, "requests").lines
    assert headings.split() == ["TIME", "(UTC)", "STATUS", "CALL", "WITH", "TEXT"]
    assert re.fullmatch(rf"{TIME}  200     POST /send-message  254712345678  Hello", first)
    assert re.fullmatch(rf"{TIME}  503     GET /groups                       \(fault-1\) Service unavailable", second)
    assert re.fullmatch(rf"{TIME}  404     GET /\\x1b\[31m                     Cannot GET .+", third)
    assert "\x1b" not in third
    assert len(at(flaresend, "requests", "--json").json["requests"]) == 3


def test_deliveries_tell_how_far_they_came(flaresend: FlaresendMock) -> None:
    at(flaresend, "receive", "--from", "254712345678", "hi")
    (found,) = at(flaresend, "deliveries", "--json").json["deliveries"]

    headings, line = at(flaresend, "deliveries").lines
    assert headings.split() == ["TIME", "(UTC)", "STATUS", "ATTEMPTS", "WITH", "TYPE", "TEXT", "ID"]
    assert re.fullmatch(rf"{TIME}  no endpoint            254712345678  text  hi    {found['id']}", line)


def test_a_transcript_reports_what_happened_and_the_nearest_miss(flaresend: FlaresendMock) -> None:
    send(flaresend, "Hello")
    at(flaresend, "fault", "add", "down")
    match = ["--match", '{"text": "Hallo"}']

    lines = at(flaresend, "transcript", *match).lines
    assert lines[:3] == ["the nearest one differs in:", '  text is "Hello", expected "Hallo"', "transcript, UTC time:"]
    assert lines[3].endswith(' → 254708920430 to 254712345678 text "Hello"')
    assert lines[-1] == "  fault-1 down on calls: responds with 503 (matched 0, hit 0)"
    found = at(flaresend, "transcript", "--json", *match).json
    assert found["nearest"]["misses"][0]["field"] == "text"
    after = at(flaresend, "transcript", "--since", str(found["requests"][0]["id"]), "--kind", "requests").lines
    assert after[:4] == ["transcript, UTC time:", "  (no messages)", "calls:", "  (none)"]
    at(flaresend, "transcript", "--match", "{").failed("--match: '{' is not JSON", 2)
    at(flaresend, "transcript", "--match", '{"txt": 1}').failed("did you mean 'text'?")


def test_a_transcript_is_a_text() -> None:
    with Scripted([answered(b"<html>", headers="Content-Type: text/html\r\n")]) as odd:
        run("transcript", "--url", odd.url).failed(f"{odd.url} is not a flaresend-mock emulator")


def follow(url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a command that follows; Ctrl-C ends it even where these tests run in the background, and do not hear it."""
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [*COMMAND, *arguments, "--follow", "--url", url],
            env={**CLEAN, "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    finally:
        signal.signal(signal.SIGINT, ours)


class Shown:
    """What a command that follows has printed so far."""

    def __init__(self) -> None:
        self.pieces: SimpleQueue[str] = SimpleQueue()

    def next_line(self) -> str:
        line = ""
        while not line.endswith("\n"):
            line += self.pieces.get(timeout=30)
        return line


def test_following_shows_what_was_and_what_comes_until_the_emulator_stops() -> None:
    shown = Shown()

    def live() -> None:
        try:
            assert shown.next_line().startswith("TIME (UTC)")
            assert shown.next_line().endswith("  before\n")
            for number in range(3):
                send(flaresend, f"live {number}")
                assert shown.next_line().endswith(f"  live {number}\n")
        finally:
            flaresend.stop()

    with ThreadPoolExecutor(1) as pool:
        flaresend = FlaresendMock().start()
        send(flaresend, "before")
        living = pool.submit(live)
        done = at(flaresend, "messages", "--follow", told=shown.pieces.put)

    living.result()
    assert (done.status, len(done.out.splitlines())) == (0, 1 + 4)
    assert done.err == f"flaresend-mock: {flaresend.url}: the emulator has stopped\n"


@pytest.mark.slow
def test_ctrl_c_ends_following_with_130_and_no_traceback(flaresend: FlaresendMock) -> None:
    send(flaresend, "before")
    following = follow(flaresend.url, "requests", "--json")
    assert following.stdout is not None
    assert json.loads(following.stdout.readline())["path"] == "/send-message"

    following.send_signal(signal.SIGINT)

    rest, said = following.communicate(timeout=30)
    assert following.returncode in (130, -signal.SIGINT)  # a shell shows both as 130; which, is up to the interpreter
    assert (rest, said.strip()) == ("", "")


class Line:
    """A line to an emulator that can be cut."""

    def __init__(self, flaresend: FlaresendMock) -> None:
        self.there = ("127.0.0.1", int(flaresend.url.rpartition(":")[2]))
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.ends: list[socket.socket] = []
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.ends.append(near := self.listening.accept()[0])
                self.ends.append(far := socket.create_connection(self.there))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(10_000):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.accepting.join()  # so that no connection comes after the last cut
        self.listening.close()
        self.cut()
        for end in self.ends:
            end.close()


def test_following_a_real_emulator_misses_nothing_when_the_line_is_cut(flaresend: FlaresendMock) -> None:
    line, shown = Line(flaresend), Shown()

    def live() -> None:
        with closing(line):
            for number in range(4):
                send(flaresend, f"live {number}")
                assert number or shown.next_line().startswith("TIME (UTC)")
                assert shown.next_line().endswith(f"  live {number}\n")
                line.cut()

    with ThreadPoolExecutor(1) as pool:
        living = pool.submit(live)
        done = run("messages", "--follow", "--url", line.url, told=shown.pieces.put)

    living.result()
    assert (done.status, len(done.out.splitlines())) == (0, 1 + 4)
    assert done.err.endswith("the emulator has stopped\n")


def test_following_goes_on_over_a_reset_and_an_import(flaresend: FlaresendMock) -> None:
    line, shown = Line(flaresend), Shown()
    world = flaresend.worlds.default()

    def live() -> None:
        with closing(line):
            changes: dict[str, Callable[[], None]] = {
                "listed": bool,
                "streamed": bool,  # so the stream is there
                "first": world.reset,
                "second": lambda: world.replace(state),
                "third": bool,
            }
            for text, change in changes.items():
                with world.lock:  # until then, the stream sees neither
                    send_here(world, text)
                    change()
                assert text != "listed" or shown.next_line().startswith("TIME (UTC)")
                assert shown.next_line().endswith(f"  {text}\n")

    state = world.state.copy()
    with ThreadPoolExecutor(1) as pool:
        living = pool.submit(live)
        done = run("messages", "--follow", "--url", line.url, told=shown.pieces.put)

    living.result()
    assert [text.split()[-1] for text in done.out.splitlines()[1:]] == [
        "listed",
        "streamed",
        "first",
        "second",
        "third",
    ]
    assert "flaresend-mock: the world was replaced\n" in done.err


def send_here(world: World, text: str) -> None:
    world.sending.send(world.instances.first().id, [ANN], Content("text", text=text))


def streamed(*events: tuple[int, str], whole: bool = True) -> bytes:
    """Return a response that streams messages, and breaks off unless it is whole."""
    chunks = [b"retry: 1000\n\n: still there\n\n"]
    for number, text in events:
        data = json.dumps({"message": {"event": number, "text": text}})
        chunks.append(f"id: {number}\nevent: message\ndata: {data}\n\n".encode())
    head = f"HTTP/1.1 200 OK\r\n{STREAM}Transfer-Encoding: chunked\r\n\r\n".encode()
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head + body + (b"0\r\n\r\n" if whole else b"40\r\nid: 99\nevent: mess")


def test_following_goes_on_where_the_connection_dropped() -> None:
    backlog = answered({"messages": [{"event": 4, "text": "four"}]})
    with Scripted([backlog, streamed((5, "five"), whole=False), streamed((6, "six"))]) as dropping:
        done = run("messages", "--follow", "--world", "w 1", "--url", dropping.url)

    assert done.status == 0
    assert [line.split()[-1] for line in done.out.splitlines()[1:]] == ["four", "five", "six"]
    assert done.err.endswith("the emulator has stopped\n")
    listed, first, second = dropping.asked
    assert listed.startswith("GET /_mock/messages?world=w+1&limit=20 ")
    assert first.startswith("GET /_mock/events?world=w+1&stream=true&kind=message&since=4 ")
    assert "Accept: text/event-stream\r\n" in first
    assert "Last-Event-Id: 4\r\n" in first.title()
    assert "Last-Event-Id: 5\r\n" in second.title()


def test_following_as_json_is_one_message_a_line() -> None:
    with Scripted([answered({"messages": []}), streamed((1, "one"))]) as server:
        done = run("messages", "--follow", "--json", "--url", server.url)

    assert json.loads(done.out)["text"] == "one"
    assert "since=0" in server.asked[1]


def test_following_waits_while_there_are_too_many_streams() -> None:
    busy = answered({"error": {"message": "32 streams are open"}}, "503 Service Unavailable")
    with Scripted([answered({"messages": []}), busy, streamed((1, "one"))]) as server:
        done = run("messages", "--follow", "--url", server.url)

    assert done.status == 0
    assert done.out.endswith(" one\n")


def test_following_ends_when_it_is_refused_or_told_nonsense() -> None:
    gone = answered({"error": {"message": "there is no world of this name"}}, "404 Not Found")
    page = answered(b"<html>")
    nonsense = answered(b"data: x\n\n", headers=STREAM)
    wrong = answered(b"event: message\ndata: []\n\n", headers=STREAM)
    for response, expected in (
        (gone, "there is no world of this name"),
        (page, "is not a flaresend-mock emulator"),
        (nonsense, "is not a flaresend-mock emulator"),
        (wrong, "is not a flaresend-mock emulator"),
    ):
        with Scripted([answered({"messages": []}), response]) as server:
            run("messages", "--follow", "--url", server.url).failed(expected)


def test_following_says_when_something_is_no_longer_kept() -> None:
    evicted = answered(b'event: evicted\ndata: {"events":3}\n\n', headers=STREAM)
    with Scripted([answered({"messages": []}), evicted]) as server:
        done = run("messages", "--follow", "--url", server.url)

    assert done.err.startswith("flaresend-mock: the emulator no longer keeps 3 events\n")
