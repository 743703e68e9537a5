"""The commands and tests on the pages: run unchanged, they repeat what happened."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextvars import Context
from datetime import timedelta
from html import unescape
from pathlib import Path
from pprint import pformat
from typing import Any

import pytest
import requests
from werkzeug.test import Client

from flaresend_mock import FlaresendMock
from flaresend_mock.core.events import Event
from flaresend_mock.core.kinds import KINDS
from flaresend_mock.core.models import Message
from flaresend_mock.core.payloads import TARGETED
from flaresend_mock.core.world import World
from flaresend_mock.dashboard import reproduce
from flaresend_mock.package_data import event_names
from flaresend_mock.testing import WebhookReceiver
from flaresend_mock.testing.plugin import MARKER
from flaresend_mock.testing.server import Server, serving
from tests.defaults import ANN, ANNS_GROUP, BEN, FAMILY, OWNED
from tests.receiver import Receiver
from tests.support import KEY

NASTY = "it's \"$(touch owned)\" `id` \\n \n ''' {x} %s 😀 @/etc/hostname"
OBEYED = "it's a\t\x03\x1b[201~\x7f\x9b\u202e\rb"  # a terminal may end the line in which this is, and begin another
FISHY = "Hi \\'\";touch owned;# \\"  # fish takes \\' in single quotes for a quote
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SECONDS = 30
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

LETTERS: dict[str, dict[str, Any]] = {
    "text": {"text": NASTY},
    "at-sign": {"text": "@/etc/hostname"},
    "control-characters": {"text": OBEYED},
    "backslashes": {"text": FISHY},
    "link": {"text": "see https://a.example", "link": {"url": "https://a.example", "title": "A"}},
    "mention": {"text": "hi", "mentions": [f"{BEN}@s.whatsapp.net"]},
    "forwarded": {"text": "pass it on", "forwarded": 3},
    "lid": {"text": "hi", "from_lid": True},
    "group": {"text": "hello all", "group": FAMILY},
    "image": {"type": "image", "caption": NASTY},
    "own-file": {"type": "document", "media": {"base64": "aGVsbG8A", "fileName": 'a";b.txt', "mimetype": "text/plain"}},
    "voice": {"type": "voice", "seconds": 9},
    "sticker": {"type": "sticker"},
    "view-once": {"type": "view_once", "caption": "Once"},
    "view-once-complete": {"type": "view_once", "complete": True},
    "gif": {"type": "gif", "caption": "Ha"},
    "video-note": {"type": "video_note", "seconds": 5},
    "album": {"type": "album", "images": 3, "videos": 1},
    "live-location": {"type": "live_location", "latitude": 1.5, "longitude": -2.5, "caption": "Here"},
    "contacts": {"type": "contacts"},
    "contact-without-whatsapp": {"type": "contact", "contact": {"name": "J", "on_whatsapp": False}},
    "group-invite": {"type": "group_invite", "caption": "Join"},
    "disappearing": {"type": "disappearing", "seconds": 86400},
    "location": {"type": "location", "latitude": 1.5, "longitude": -2.5, "name": "Shop", "address": "Moi"},
    "contact": {"type": "contact", "contact": {"name": "J", "number": "254798765432"}},
    "poll": {"type": "poll", "text": "When?", "options": ["a", "b"], "selectable": 2},
    "button": {"type": "button_reply", "text": "Yes", "selected": "y-1"},
    "list": {"type": "list_reply", "text": "One", "selected": "r-1"},
    "channel": {"type": "channel_image"},
    "nothing": {"text": ""},
    "poll-without-a-question": {
        "message": {"pollCreationMessage": {"name": "", "options": [{"optionName": "a"}, {"optionName": "b"}]}}
    },
    "button-without-words": {"type": "button_reply", "text": ""},
    "no-caption": {"type": "document", "caption": ""},
    "quoted-caption": {"type": "image", "caption": '"quoted"'},
    "odd-names": {
        "type": "document",
        "caption": '"q"',
        "media": {"base64": "aGVsbG8A", "fileName": 'é😀"\\\n.txt', "mimetype": "text/plain,/etc/hostname"},
    },
    "large-file": {
        "type": "document",
        "caption": '"q"',
        "media": {"base64": "QUJD" * 1000, "fileName": "é b;c.bin", "mimetype": "a/b; x=y"},
    },
    "long": {"text": "long " * 40_000},
    "score": {"text": "a", "forwarded": 127},
    "contact-with-waid": {"type": "contact", "contact": {"name": "waid=123", "number": "254798765432"}},
    "raw-location": {"type": "location", "message": {"locationMessage": {"degreesLatitude": "x", "more": 1}}},
    "raw-more": {"message": {"conversation": "hello", "extra": 1}},
    "raw-delete": {"type": "delete", "message": {"protocolMessage": {"type": 0}}},
    "raw": {"message": {"strangeMessage": {"a": ["'", 1]}}},
    "raw-text": {"message": {"conversation": "as it is"}},
    **{
        f"plain-{kind}": {"type": kind}
        for kind in KINDS
        if kind not in (*TARGETED, "text", "button_reply", "list_reply", "disappearing")
    },
    "button-in-a-group": {"type": "button_reply", "text": "Yes", "group": FAMILY},
    "lid-in-a-group": {"text": "hi", "from_lid": True, "group": FAMILY},
    "number-in-a-group": {"text": "hi", "from_lid": False, "group": FAMILY},
    "picture-in-a-group": {"type": "image", "caption": "Us", "group": FAMILY},
    "raw-poll": {"type": "poll", "message": {"pollCreationMessage": {"name": "q", "options": 5}}},
}
RANDOM = frozenset(
    {
        "url",
        "directPath",
        "mediaKey",
        "fileEncSha256",
        "mediaKeyTimestamp",
        "messageContextInfo",
        "senderTimestampMs",
        "timestampMs",
        "sequenceNumber",
        "inviteCode",
        "inviteExpiration",
        "waveform",
    }
)
"""Fields that differ each time."""


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def emulator() -> Iterator[FlaresendMock]:
    with FlaresendMock(log_level="error") as running:
        yield running


def control(emulator: FlaresendMock, method: str, path: str, body: Any = None) -> Any:
    response = requests.request(method, f"{emulator.url}/_mock/{path}", json=body, timeout=SECONDS)
    assert response.ok, response.text
    return response.json()


def call(emulator: FlaresendMock, path: str, **given: Any) -> requests.Response:
    return requests.post(emulator.url + path, headers=emulator.headers, timeout=SECONDS, **given)


def snippets(emulator: FlaresendMock, message: str, world: str = "default") -> tuple[str, str]:
    """Return the curl command and the test of a message."""
    response = requests.get(f"{emulator.url}/_mock/ui/w/{world}/parts/why/{message}", timeout=SECONDS)
    assert response.status_code == 200, response.text
    return offered(response.text, "as-curl"), offered(response.text, "as-test")


def offered(page: str, id_: str) -> str:
    _, found, rest = page.partition(f'<pre id="{id_}">')
    return unescape(rest.partition("</pre>")[0]) if found else ""


def check_notation(command: str) -> None:
    """Fail if a terminal obeys a character, or if fish takes a backslash in single quotes for an escape."""
    assert CONTROL.search(command) is None
    quoted = re.findall(r"""\\.|"(?:\\.|[^"\\])*"|'([^']*)'""", command, re.DOTALL)
    assert [one for one in quoted if re.search(r"\\\\|\\\Z", one)] == []


def run(command: str, folder: Path) -> None:
    check_notation(command)
    (folder.parent / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    variables = {**os.environ, "CURL_HOME": str(folder.parent)}
    done = subprocess.run(
        ["bash"], input=command, cwd=folder, env=variables, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, command + done.stderr
    assert not (folder / "owned").exists()


def alike(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: alike(one) for name, one in value.items() if name not in RANDOM}
    return [alike(one) for one in value] if isinstance(value, list) else value


def newest(emulator: FlaresendMock, world: str = "default") -> Any:
    return control(emulator, "GET", f"deliveries?world={world}")["deliveries"][-1]["body"]


@needs_curl
@pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)
def test_the_same_is_written_again(letter: dict[str, Any], emulator: FlaresendMock, tmp_path: Path) -> None:
    first = control(emulator, "POST", "inbound", {"from": ANN, **letter})["event"]
    command, _ = snippets(emulator, first["data"]["id"])

    run(command, tmp_path)

    second = newest(emulator)
    assert second["data"]["id"] != first["data"]["id"]
    for name in ("from", "participant", "message"):
        assert alike(second["data"].get(name)) == alike(first["data"].get(name))
    assert list(tmp_path.iterdir()) == []


@needs_curl
@pytest.mark.parametrize("name", event_names())
def test_an_own_event_is_sent_again(name: str, emulator: FlaresendMock, tmp_path: Path) -> None:
    first = control(emulator, "POST", "inbound", {"event": name})["event"]
    (message,) = control(emulator, "GET", "messages")["messages"]

    run(snippets(emulator, message["id"])[0], tmp_path)

    second = newest(emulator)
    assert {**second, "timestamp": 0} == {**first, "timestamp": 0}


@pytest.mark.parametrize("name", event_names())
def test_a_copied_test_of_an_own_event_passes(name: str, emulator: FlaresendMock, kit: Server) -> None:
    control(emulator, "POST", "inbound", {"event": name})

    passes(snippets(emulator, control(emulator, "GET", "messages")["messages"][-1]["id"])[1], kit)


@needs_curl
def test_replies_reactions_edits_and_deletions_are_written_again(emulator: FlaresendMock, tmp_path: Path) -> None:
    about = control(emulator, "POST", "inbound", {"from": ANN, "text": "first"})["event"]["data"]["id"]
    for letter in (
        {"text": "a reply", "reply_to": about},
        {"type": "reaction", "emoji": "🎉", "target": about},
        {"type": "reaction", "emoji": "", "target": about},
        {"type": "edit", "text": "other", "target": about},
    ):
        first = control(emulator, "POST", "inbound", {"from": ANN, **letter})["event"]
        run(snippets(emulator, first["data"]["id"])[0], tmp_path)
        assert alike(newest(emulator)["data"]["message"]) == alike(first["data"]["message"])
    gone = control(emulator, "POST", "inbound", {"from": ANN, "type": "delete", "target": about})["event"]
    assert f'"type": "delete", "target": "{about}"' in snippets(emulator, gone["data"]["id"])[0]


def changes_in_a_group(emulator: FlaresendMock) -> Iterator[dict[str, Any]]:
    """Make the changes that an author and an admin make in a group, and yield each event."""

    def inbound(sender: str, **letter: Any) -> dict[str, Any]:
        body = {"from": sender, "group": ANNS_GROUP, **letter}
        event: dict[str, Any] = control(emulator, "POST", "inbound", body)["event"]
        return event

    added = {"action": "add", "participants": [BEN]}
    control(emulator, "POST", f"groups/{ANNS_GROUP}/participants", added)
    for original in ({"type": "image", "caption": "Gardn"}, {"type": "document", "caption": "Bil"}):
        target = inbound(BEN, **original)["data"]["id"]
        yield inbound(BEN, type="edit", target=target, text=f"@{ANN}", mentions=[ANN], wrapped=True)
        yield inbound(BEN, type="edit", target=target, text="Fixed", from_lid=True)
    reply = inbound(BEN, text="There", reply_to=target)["data"]["id"]
    yield inbound(BEN, type="edit", target=reply, text="Here")
    yield inbound(ANN, text="What?", reply_to=target)
    yield inbound(ANN, type="delete", target=target)
    call(emulator, "/groups/send-message", json={"groupJids": [ANNS_GROUP], "type": "text", "text": "ours"})
    ours = control(emulator, "GET", "messages")["messages"][-1]["id"]
    yield inbound(ANN, type="delete", target=ours)


@needs_curl
def test_changes_in_a_group_are_written_again(emulator: FlaresendMock, tmp_path: Path) -> None:
    for first in changes_in_a_group(emulator):
        command = snippets(emulator, first["data"]["id"])[0]
        if '"type": "delete"' in command:  # which can be done once
            continue
        run(command, tmp_path)
        second = newest(emulator)
        for name in ("from", "participant", "participantPn", "message"):
            assert alike(second["data"].get(name)) == alike(first["data"].get(name))


def test_copied_tests_of_changes_in_a_group_pass(emulator: FlaresendMock, kit: Server) -> None:
    for first in changes_in_a_group(emulator):
        passes(snippets(emulator, first["data"]["id"])[1], kit)


def test_the_group_of_a_copied_test_has_few_members(emulator: FlaresendMock, kit: Server) -> None:
    numbers = [f"2547110000{number:02}" for number in range(10)]
    group = control(emulator, "POST", "groups", {"subject": "Choir", "participants": numbers})["id"]
    letter = {"from": numbers[7], "text": "hi", "group": group}
    test = snippets(emulator, control(emulator, "POST", "inbound", letter)["event"]["data"]["id"])[1]

    assert f"flaresend_mock.group('Choir', {[numbers[7], *numbers[:2]]})" in test
    passes(test, kit)


@needs_curl
def test_it_is_written_in_the_same_world_to_the_same_instance(emulator: FlaresendMock, tmp_path: Path) -> None:
    control(emulator, "POST", "worlds", {"name": "other"})
    body = {"name": "Second", "number": "254700111222", "status": "connected"}
    second = control(emulator, "POST", "instances?world=other", body)["id"]
    first = control(emulator, "POST", "inbound?world=other", {"from": ANN, "text": "hi", "instance": second})

    run(snippets(emulator, first["event"]["data"]["id"], "other")[0], tmp_path)

    assert newest(emulator, "other")["instanceId"] == second
    assert len(control(emulator, "GET", "messages?world=other")["messages"]) == 2
    assert control(emulator, "GET", "messages")["messages"] == []


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "json": ("/send-message", {"json": {"recipients": [ANN, BEN], "type": "text", "text": NASTY}}),
    "at-sign": ("/send-message", {"json": {"recipients": [ANN], "type": "text", "text": "@/etc/hostname"}}),
    "form": ("/send-message", {"data": {"recipients": [ANN, BEN], "type": "text", "text": "</etc/hostname"}}),
    "control-characters": ("/send-message", {"data": {"recipients": [ANN], "type": "text", "text": OBEYED}}),
    "backslashes": ("/send-message", {"data": {"recipients": [ANN], "type": "text", "text": FISHY}}),
    "odd-file": (
        "/send-message",
        {
            "data": {"recipients": [ANN], "type": "document", "caption": FISHY + OBEYED},
            "files": {"file": ("a\t\\'b.txt", b"hello\0", "text/plain")},
        },
    ),
    "brackets": ("/send-message", {"data": {"recipients[]": [ANN, BEN], "type": "text", "text": "hi; there"}}),
    "file": (
        "/send-message",
        {
            "data": {"recipients": [ANN], "type": "document", "caption": "It's"},
            "files": {"file": ('a";b.txt', b"hello\0", "text/plain")},
        },
    ),
    "group": ("/groups/send-message", {"json": {"groupJids": [ANNS_GROUP], "type": "text", "text": "all"}}),
    "channel": (f"/channels/{OWNED}/message", {"json": {"type": "text", "text": "news"}}),
    "bare-number": ("/send-message", {"json": {"recipients": [int(ANN)], "type": "text", "text": "to a number"}}),
    "spelled-number": ("/send-message", {"json": {"recipients": ["+254 712-345678"], "type": "text", "text": "x"}}),
    "given-twice": ("/send-message", {"json": {"recipients": [ANN, ANN], "type": "text", "text": "twice"}}),
    "failing-number": ("/send-message", {"json": {"recipients": ["9990000500"], "type": "text", "text": "x"}}),
    "group-form": ("/groups/send-message", {"data": {"groupJids[]": [ANNS_GROUP], "type": "text", "text": "all"}}),
    "group-file": (
        "/groups/send-message",
        {"data": {"groupJids": [ANNS_GROUP], "type": "image"}, "files": {"file": ("a.png", PNG, "image/png")}},
    ),
    "channel-form": (f"/channels/{OWNED}/message", {"data": {"type": "text", "text": "news"}}),
    "channel-file": (
        f"/channels/{OWNED}/message",
        {"data": {"type": "image", "caption": "News"}, "files": {"file": ("a.png", PNG, "image/png")}},
    ),
    **{
        f"{kind}-by-url": (
            "/send-message",
            {"json": {"recipients": [ANN], "type": kind, "url": f"https://x.example/{kind}"}},
        )
        for kind in ("image", "video", "audio", "document")
    },
    **{
        f"{kind}-by-form": (
            "/send-message",
            {"data": {"recipients": [ANN], "type": kind}, "files": {"file": (f"a.{end}", b"data", f"{of}/{end}")}},
        )
        for kind, of, end in (("image", "image", "png"), ("video", "video", "mp4"), ("audio", "audio", "mpeg"))
    },
    "template": ("/send-message", {"json": {"recipients": [ANN], "type": "template", "template": {"a": ["it's", 1]}}}),
    "template-form": ("/send-message", {"data": {"recipients": [ANN], "type": "template", "template": 'say "hi"'}}),
}


@needs_curl
@pytest.mark.parametrize("given", CALLS.values(), ids=CALLS)
def test_the_same_call_is_made_again(
    given: tuple[str, dict[str, Any]], emulator: FlaresendMock, tmp_path: Path
) -> None:
    path, body = given
    response = call(emulator, path, **body)
    assert response.status_code == 200, response.text
    before = control(emulator, "GET", "messages")["messages"]

    run(snippets(emulator, before[-1]["id"])[0], tmp_path)

    after = control(emulator, "GET", "messages")["messages"]
    assert len(after) == 2 * len(before)
    for old, new in zip(before, after[len(before) :], strict=True):
        for name in ("to", "type", "text", "caption", "fileName", "mimetype"):
            assert new.get(name) == old.get(name)
    files = [
        requests.get(f"{emulator.url}/_mock/media/{one['media']}", timeout=SECONDS).content
        for one in after
        if one["media"]
    ]
    assert len(set(files)) <= 1


@needs_curl
@pytest.mark.parametrize(
    "headers", [{"Content-Type": "application/json", "Content-Encoding": "br"}, {}], ids=["br", "no type"]
)
def test_a_call_of_an_undocumented_type_or_encoding_is_refused_again(
    headers: dict[str, str], emulator: FlaresendMock, tmp_path: Path
) -> None:
    body = json.dumps({"recipients": [ANN], "type": "text", "text": "Hi"}).encode()
    requests.post(f"{emulator.url}/send-message", data=body, headers={**emulator.headers, **headers}, timeout=SECONDS)
    (first,) = control(emulator, "GET", "requests")["requests"]
    page = requests.get(f"{emulator.url}/_mock/ui/w/default/parts/traffic/{first['id']}", timeout=SECONDS).text

    command = offered(page, f"curl-{first['id']}")
    subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, timeout=SECONDS)

    assert [one["status"] for one in control(emulator, "GET", "requests")["requests"]] == [415, 415]


@needs_curl
@pytest.mark.parametrize(
    "raw", [b"@/etc/hostname", b"\xff\0binary", OBEYED.encode(), FISHY.encode(), b'{"a": "\\ud800"}']
)
def test_a_body_that_is_nothing_is_sent_again_as_it_was(raw: bytes, emulator: FlaresendMock, tmp_path: Path) -> None:
    for method, path in (("POST", "/send-message"), ("PUT", "/x[1-20]{a,b}/../c?q=[1-3]")):
        requests.request(
            method,
            emulator.url + path,
            data=raw,
            headers={**emulator.headers, "Content-Type": "application/json"},
            timeout=SECONDS,
        )
        (first,) = control(emulator, "GET", "requests?limit=1")["requests"]
        page = requests.get(f"{emulator.url}/_mock/ui/w/default/parts/traffic/{first['id']}", timeout=SECONDS).text
        command = offered(page, f"curl-{first['id']}")
        check_notation(command)
        subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, timeout=SECONDS)

        *_, before, again = control(emulator, "GET", "requests")["requests"]
        assert before["id"] == first["id"]
        assert {name: again[name] for name in ("method", "path", "query", "body", "status")} == {
            name: first[name] for name in ("method", "path", "query", "body", "status")
        }


@needs_curl
def test_a_delivery_is_made_again(emulator: FlaresendMock, tmp_path: Path) -> None:
    with Receiver() as receiver:
        control(emulator, "PUT", "instances/default/webhook", {"url": receiver.url, "secret": "secret"})
        control(emulator, "POST", "inbound", {"from": ANN, "text": NASTY})
        control(emulator, "POST", "deliveries/settle")
        (delivery,) = control(emulator, "GET", "deliveries")["deliveries"]
        page = requests.get(
            f"{emulator.url}/_mock/ui/w/default/parts/traffic/{delivery['event']}", timeout=SECONDS
        ).text
        run(offered(page, f"curl-{delivery['event']}"), tmp_path)
        first, second = receiver.asked
        assert first.body == second.body
        for name in ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256"):
            assert first.header(name) == second.header(name) is not None


def test_a_delivery_to_a_receiver_that_is_not_verified_is_made_again(emulator: FlaresendMock, tmp_path: Path) -> None:
    with WebhookReceiver(tls=True) as receiver:
        control(emulator, "PUT", "instances/default/webhook", {"url": receiver.url, "verify": False})
        control(emulator, "POST", "inbound", {"from": ANN, "text": NASTY})
        control(emulator, "POST", "deliveries/settle")
        delivery = control(emulator, "GET", "deliveries")["deliveries"][-1]
        page = requests.get(
            f"{emulator.url}/_mock/ui/w/default/parts/traffic/{delivery['event']}", timeout=SECONDS
        ).text
        run(offered(page, f"curl-{delivery['event']}"), tmp_path)
        first, second = receiver.events
        assert first.body == second.body


@pytest.fixture(scope="module")
def kit() -> Iterator[Server]:
    with serving(None) as server:
        yield server


def passes(test: str, kit: Server) -> None:
    """Run a test as pytest does, in a world with the options of its marker."""
    assert CONTROL.search(test) is None
    wanted: dict[str, Any] = {}
    code: dict[str, Any] = {}
    marker = next((line for line in test.splitlines() if line.startswith(f"@pytest.mark.{MARKER}(")), "")
    if marker:
        wanted = eval(marker.replace(f"@pytest.mark.{MARKER}", "dict"), {"dict": dict})
        test = test.replace(marker, "")  # which this run of tests does not know
    exec(compile(test, "copied.py", "exec"), code)
    (function,) = (one for name, one in code.items() if name.startswith("test_"))
    with kit.world(**wanted) as flaresend:
        function(flaresend)


@pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)
def test_a_copied_test_of_what_was_written_passes(letter: dict[str, Any], emulator: FlaresendMock, kit: Server) -> None:
    first = control(emulator, "POST", "inbound", {"from": ANN, **letter})["event"]

    passes(snippets(emulator, first["data"]["id"])[1], kit)


def test_an_id_of_an_import_ends_no_literal_of_a_copied_test(emulator: FlaresendMock) -> None:
    about = control(emulator, "POST", "inbound", {"from": ANN, "text": "first"})["event"]["data"]["id"]
    link = {"url": "https://a.example", "title": "it's a title'; raise SystemExit #"}
    letter = {"from": ANN, "text": "see https://a.example", "link": link, "reply_to": about}
    reply = control(emulator, "POST", "inbound", letter)["event"]["data"]["id"]
    export = json.dumps(control(emulator, "GET", "world")).replace(about, r": \"it")
    control(emulator, "PUT", "world", json.loads(export))

    test = ast.parse(snippets(emulator, reply)[1])

    assert link["title"] in [node.value for node in ast.walk(test) if isinstance(node, ast.Constant)]


def test_a_copied_test_of_what_is_about_another_message_passes(emulator: FlaresendMock, kit: Server) -> None:
    theirs = control(emulator, "POST", "inbound", {"from": ANN, "text": "first"})["event"]["data"]["id"]
    call(emulator, "/send-message", json={"recipients": [ANN], "type": "text", "text": "ours"})
    ours = control(emulator, "GET", "messages")["messages"][-1]["id"]
    for letter in (
        {"text": "a reply", "reply_to": theirs},
        {"text": "a reply", "reply_to": ours},
        {"type": "reaction", "emoji": "🎉", "target": ours},
        {"type": "edit", "text": "other", "target": theirs},
        {"type": "delete", "target": theirs},
    ):
        first = control(emulator, "POST", "inbound", {"from": ANN, **letter})["event"]
        passes(snippets(emulator, first["data"]["id"])[1], kit)


@pytest.mark.parametrize("given", CALLS.values(), ids=CALLS)
def test_a_copied_test_of_what_was_sent_passes(
    given: tuple[str, dict[str, Any]], emulator: FlaresendMock, kit: Server
) -> None:
    path, body = given
    call(emulator, path, **body)

    passes(snippets(emulator, control(emulator, "GET", "messages")["messages"][-1]["id"])[1], kit)


def test_a_copied_test_of_what_was_scheduled_passes(kit: Server) -> None:
    with FlaresendMock(world="demo", log_level="error") as emulator:
        control(emulator, "PATCH", "clock", {"now": "2025-11-14T10:00:00Z", "frozen": True})
        body = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2025-11-15 09:00:00"}
        assert call(emulator, "/schedule-message", json=body).status_code == 200
        control(emulator, "POST", "clock/advance", {"seconds": 86_400})
        message = control(emulator, "GET", "messages")["messages"][-1]
        assert message["text"] == "Later"
        test = snippets(emulator, message["id"])[1]

        assert "@pytest.mark.flaresend(time_zone='Africa/Nairobi')" in test
        passes(test, kit)


def test_a_copied_test_of_what_was_scheduled_and_changed_passes(kit: Server) -> None:
    with FlaresendMock(world="demo", log_level="error") as emulator:
        control(emulator, "PATCH", "clock", {"now": "2025-11-14T10:00:00Z", "frozen": True})
        body = {"recipients": [ANN], "type": "text", "text": "Later", "sendAt": "2025-11-15 09:00:00"}
        task = call(emulator, "/schedule-message", json=body).json()["task_id"]
        for change in ({"text": "Much later", "sendAt": "2025-11-16 09:00:00"}, {"sendAt": "x"}, {"recipients": [BEN]}):
            requests.patch(
                f"{emulator.url}/scheduled-messages/{task}", json=change, headers=emulator.headers, timeout=SECONDS
            )
        control(emulator, "POST", "clock/advance", {"seconds": 3 * 86_400})
        message = control(emulator, "GET", "messages")["messages"][-1]
        assert (message["text"], message["to"]) == ("Much later", BEN)
        test = snippets(emulator, message["id"])[1]

        assert test.count("requests.patch(") == 2  # the refused change is left out
        passes(test, kit)


def test_a_copied_test_repeats_the_newest_changes_only(client: Client, world: World) -> None:
    body = {"recipients": [ANN], "type": "text", "text": "0", "sendAt": "2026-01-01 09:00:00"}
    task = client.post("/schedule-message", json=body, headers=KEY).get_json()["task_id"]
    for number in range(1, 31):
        changed = client.patch(f"/scheduled-messages/{task}", json={"text": f"{number}"}, headers=KEY)
        assert changed.status_code == 200
    world.timeline.advance(timedelta(days=100))
    (message,) = world.state.messages

    page = unescape(client.get(f"/_mock/ui/w/default/parts/why/{message.id}").text)

    assert message.content.text == "30"
    assert page.count("requests.patch(") == 20
    assert "'text': '30'" in page


def test_calls_that_overlap_have_each_their_own(client: Client, world: World, kit: Server, tmp_path: Path) -> None:
    def overtake(event: Event) -> None:
        if isinstance(event.subject, Message) and event.subject.content.text == "slow":
            fast = {"recipients": [ANN], "type": "text", "text": "fast"}
            Context().run(lambda: client.post("/send-message", json=fast, headers=KEY))

    with world.subscribers.subscribe("message", overtake):
        client.post("/send-message", data={"recipients": [ANN, BEN], "type": "text", "text": "slow"}, headers=KEY)
    found = {}
    for one in client.get("/_mock/messages").get_json()["messages"]:
        page = client.get(f"/_mock/ui/w/default/parts/why/{one['id']}").text
        found[one["to"], one["text"]] = offered(page, "as-curl")
        passes(offered(page, "as-test"), kit)

    assert [(key, "--form-string text=slow" in curl, '"fast"' in curl) for key, curl in found.items()] == [
        ((ANN, "slow"), True, False),
        ((ANN, "fast"), False, True),
        ((BEN, "slow"), True, False),
    ]


def test_what_came_with_the_world_says_so_and_offers_no_other_call(emulator: FlaresendMock, kit: Server) -> None:
    call(emulator, "/send-message", json={"recipients": [ANN], "type": "text", "text": "ours"})
    control(emulator, "POST", "inbound", {"from": ANN, "text": "theirs"})
    export = requests.get(f"{emulator.url}/_mock/world?with_secrets=true", timeout=SECONDS).json()
    for one in export["messages"]:
        one["cause"] = None
    requests.put(f"{emulator.url}/_mock/world", json=export, timeout=SECONDS).raise_for_status()
    call(emulator, "/send-message", json={"recipients": [ANN], "type": "text", "text": "another"})
    ours, theirs, _ = control(emulator, "GET", "messages")["messages"]
    page = requests.get(f"{emulator.url}/_mock/ui/w/default/parts/why/{ours['id']}", timeout=SECONDS).text

    assert "No API call sent this message: it came with the world" in page
    assert "another" not in page
    assert "/send-message" not in page
    assert offered(page, "as-curl") == offered(page, "as-test") == ""
    passes(snippets(emulator, theirs["id"])[1], kit)


def test_every_message_of_the_demonstration_is_repeated(kit: Server) -> None:
    with FlaresendMock(demo=True, log_level="error") as demo:
        seeded = control(demo, "GET", "messages")["messages"]
        control(demo, "POST", "inbound", {"from": seeded[0]["chat"].partition("@")[0], "text": "menu"})
        control(demo, "POST", "deliveries/settle")
        asked = control(demo, "GET", "requests")["requests"]
        made = {one["call"]: one for one in asked} | {one["response"].get("task_id"): one for one in asked}
        messages = control(demo, "GET", "messages")["messages"]
        for one in messages:
            command, test = snippets(demo, one["id"])
            body = json.loads(shlex.split(command)[-1])
            if one["direction"] == "inbound":
                assert body["from"] == one["from"]
                assert body.get("text", body.get("caption")) == (one["text"] or one["caption"])
            else:
                assert body == made[one["cause"]["id"]]["body"]
                assert body["text"] == one["text"]
            passes(test, kit)
    assert len(messages) > len(seeded) > 10


def test_a_token_is_asked_for_and_a_key_that_nobody_knows_is_not_shown() -> None:
    with FlaresendMock(log_level="error", control_token="token-1", api_key="a-key-of-mine") as emulator:
        headers = {"X-Control-Token": "token-1"}
        requests.post(
            f"{emulator.url}/_mock/inbound", json={"from": ANN, "text": "x"}, headers=headers, timeout=SECONDS
        )
        call(emulator, "/send-message", json={"recipients": [ANN], "type": "text", "text": "y"})
        shown = requests.get(f"{emulator.url}/_mock/messages", headers=headers, timeout=SECONDS).json()["messages"]
        pages = [
            requests.get(
                f"{emulator.url}/_mock/ui/w/default/parts/why/{one['id']}", headers=headers, timeout=SECONDS
            ).text
            for one in shown
        ]
        assert "X-Control-Token: YOUR_CONTROL_TOKEN" in unescape(pages[0])
        assert "Bearer API_KEY_OF_THE_INSTANCE" in unescape(pages[1])
        assert "a-key-of-mine" not in json.dumps(pages)
        assert "token-1" not in json.dumps(pages)


@needs_curl
def test_a_call_that_asks_for_the_head_alone_is_made_again(emulator: FlaresendMock, tmp_path: Path) -> None:
    requests.head(f"{emulator.url}/groups", headers=emulator.headers, timeout=SECONDS)
    (first,) = control(emulator, "GET", "requests")["requests"]
    page = requests.get(f"{emulator.url}/_mock/ui/w/default/parts/traffic/{first['id']}", timeout=SECONDS).text
    subprocess.run(["bash", "-c", offered(page, f"curl-{first['id']}")], cwd=tmp_path, timeout=SECONDS, check=False)

    assert [one["method"] for one in control(emulator, "GET", "requests")["requests"]] == ["HEAD", "HEAD"]


def test_a_form_names_no_file_of_whoever_copies_its_command(emulator: FlaresendMock) -> None:
    files = {"file": ("/etc/hostname", b"hello" * 1000, "text/plain,/etc/hostname")}
    call(emulator, "/send-message", data={"recipients": ANN, "type": "document"}, files=files)
    (sent,) = control(emulator, "GET", "messages")["messages"]
    (asked,) = control(emulator, "GET", "requests")["requests"]
    page = requests.get(f"{emulator.url}/_mock/ui/w/default/parts/traffic/{asked['id']}", timeout=SECONDS).text

    assert "-F file=@THE_FILE" in offered(page, f"curl-{asked['id']}")
    command, _ = snippets(emulator, sent["id"])
    assert "type=" not in command.partition("-F 'file=")[2]
    assert "text/plain," not in command


def test_the_name_of_a_field_of_a_form_names_no_file_either(emulator: FlaresendMock) -> None:
    fields = {"recipients": ANN, "type": "text", "text": "x", "a=@/etc/hostname;b": "y"}
    call(emulator, "/send-message", data=fields, files={"file=@/etc/hostname;c": ("d.txt", b"x", "text/plain")})
    (asked,) = control(emulator, "GET", "requests")["requests"]
    page = requests.get(f"{emulator.url}/_mock/ui/w/default/parts/traffic/{asked['id']}", timeout=SECONDS).text

    command = offered(page, f"curl-{asked['id']}")
    assert "'a%3D@/etc/hostname;b=y'" in command
    assert "'file%3D@/etc/hostname;c=@THE_FILE'" in command


def test_why_is_told_of_a_message_whose_instance_is_gone(emulator: FlaresendMock, kit: Server) -> None:
    body = {"name": "Second", "number": "254700111222", "status": "connected"}
    second = control(emulator, "POST", "instances", body)["id"]
    made = {"subject": "x", "participants": [ANN, BEN], "instance": second}
    group = control(emulator, "POST", "groups", made)["id"]
    letter = {"from": ANN, "text": "hi", "group": group, "instance": second}
    message = control(emulator, "POST", "inbound", letter)["event"]["data"]["id"]
    requests.delete(f"{emulator.url}/_mock/instances/{second}", timeout=SECONDS).raise_for_status()

    passes(snippets(emulator, message)[1], kit)


def test_a_large_and_nested_body_is_written_on_one_line(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several lines, it would take a minute, while the world waits."""
    nested: Any = ["x"] * 3000
    for _ in range(90):
        nested = [nested]
    body = {"recipients": [ANN], "type": "text", "text": "hi", "more": nested}
    assert client.post("/send-message", json=body, headers=KEY).status_code == 200
    (message,) = world.state.messages
    sizes: list[int] = []
    monkeypatch.setattr(
        reproduce, "pformat", lambda value, **how: (sizes.append(len(repr(value))), pformat(value, **how))[1]
    )

    page = client.get(f"/_mock/ui/w/default/parts/why/{message.id}")

    assert page.status_code == 200
    assert "[" * 91 in unescape(page.text)
    assert max(sizes, default=0) <= reproduce.MAX_PRETTY
