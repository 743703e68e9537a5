"""flaresend-mock receive: every field of POST /_mock/inbound, and whole events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flaresend_mock import FlaresendMock
from tests.certificates import authority
from tests.live.commands import at

ANN = "254712345678"


@pytest.fixture
def flaresend() -> Iterator[FlaresendMock]:
    with FlaresendMock(log_level="error") as running:
        yield running


def test_fields_are_json_or_text(flaresend: FlaresendMock) -> None:
    fields = ["--field", 'options=["Tea", "Water"]', "--field", "selectable=0", "--field", "text=What will it be?"]
    poll = at(flaresend, "receive", "--from", ANN, "--type", "poll", *fields, "--json").json["event"]["data"]

    asked = poll["message"]["pollCreationMessage"]
    assert (asked["name"], asked["selectableOptionsCount"]) == ("What will it be?", 0)
    vote = ["--type", "poll_vote", "--target", poll["id"], "--field", 'choices=["Tea"]']
    assert at(flaresend, "receive", "--from", ANN, *vote).lines


def test_a_sample_or_a_file_is_a_whole_event(flaresend: FlaresendMock, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"event": "odd", "data": [1, None]}), encoding="utf-8")

    sample = at(flaresend, "receive", "--event", "call", "--json").json["event"]
    own = at(flaresend, "receive", "--event", str(file), "--json").json["event"]

    assert (sample["event"], sample["data"][0]["status"]) == ("call", "offer")
    assert (own["event"], own["data"]) == ("odd", [1, None])
    assert own.keys() == {"event", "instanceId", "data", "timestamp"}
    inline = at(flaresend, "receive", "--event", '{"data": {}, "event": "odd"}', "--json").json["event"]
    assert list(inline) == ["data", "event", "instanceId", "timestamp"]


def test_the_webhook_of_an_instance_is_set(flaresend: FlaresendMock) -> None:
    url = "http://127.0.0.1:9/hook"
    options = ["--unordered", "--body-style", "escaped", "--secret", "a secret"]
    shown = at(flaresend, "instance", "webhook", url, *options, "--json").json["webhook"]
    assert (shown["url"], shown["ordered"], shown["body_style"], shown["secret"]) == (url, False, "escaped", "***")

    assert at(flaresend, "instance", "webhook", url, "default").lines
    webhook = flaresend.worlds.default().instances.first().webhook
    assert webhook is not None
    assert (webhook.ordered, webhook.body_style, webhook.secret) == (True, "raw", None)
    assert (webhook.ca, webhook.verify) == (None, True)
    at(flaresend, "instance", "webhook", "nowhere").failed("URL")
    at(flaresend, "instance", "webhook", url, "--body-style", "odd").failed("odd", 2)


def test_the_ca_of_a_webhook_is_read_from_a_file(flaresend: FlaresendMock, tmp_path: Path) -> None:
    url, file = "https://127.0.0.1:9/hook", tmp_path / "ca.pem"
    file.write_text(authority().pem, encoding="ascii")
    shown = at(flaresend, "instance", "webhook", url, "--ca", str(file), "--no-verify", "--json").json["webhook"]
    assert (shown["ca"], shown["verify"]) == (authority().pem, False)
    assert at(flaresend, "instance", "webhook", url, "--verify", "--json").json["webhook"]["verify"] is True

    (tmp_path / "bad.pem").write_bytes(b"\xff\x00")
    at(flaresend, "instance", "webhook", url, "--ca", str(tmp_path / "bad.pem")).failed("ca: A certificate in PEM")
    at(flaresend, "instance", "webhook", url, "--ca", str(tmp_path / "none.pem")).failed("No such file", 2)
    at(flaresend, "instance", "webhook", url, "--ca", str(tmp_path)).failed("Is a directory", 2)


def test_last_is_the_newest_message(flaresend: FlaresendMock) -> None:
    at(flaresend, "receive", "--from", ANN, "--reply-to", "last", "hi").failed("no message with this id is kept")
    first = at(flaresend, "receive", "--from", ANN, "one", "--json").json["event"]["data"]["id"]

    reply = at(flaresend, "receive", "--from", ANN, "--reply-to", "last", "two", "--json").json["event"]["data"]
    assert reply["message"]["extendedTextMessage"]["contextInfo"]["stanzaId"] == first
    deleted = at(flaresend, "receive", "--from", ANN, "--type", "delete", "--target", "last", "--json").json
    assert deleted["event"]["data"]["message"]["protocolMessage"]["key"]["id"] == reply["id"]


def test_what_is_no_event_is_refused_in_one_line(flaresend: FlaresendMock, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")

    at(flaresend, "receive", "--event", "cal").failed("did you mean 'call'?")
    at(flaresend, "receive", "--event", str(broken)).failed("broken.json", 2)
    at(flaresend, "receive", "--event", "{broken").failed("--event: {broken", 2)
    at(flaresend, "receive", "--event", "call", "--from", ANN).failed("give only `instance` beside it")
    at(flaresend, "receive", "hi").failed("from: ")
    at(flaresend, "receive", "--from", ANN, "--field", "seconds").failed("NAME=VALUE", 2)


def test_messages_are_edited_and_deleted(flaresend: FlaresendMock) -> None:
    first = at(flaresend, "receive", "--from", ANN, "--type", "image", "--caption", "Gardn", "--json")
    target = first.json["event"]["data"]["id"]

    def change(*given: str) -> dict:
        ran = at(flaresend, "receive", "--from", ANN, "--target", target, *given, "--json")
        found: dict = ran.json["event"]["data"]["message"]["protocolMessage"]
        return found

    edited = change("--type", "edit", "Garden")
    assert edited["editedMessage"] == {"imageMessage": {"caption": "Garden"}}
    assert at(flaresend, "messages").lines[-1].endswith(f"edit   (of {target}) Garden")
    assert change("--type", "delete")["key"]["id"] == target
    assert at(flaresend, "messages").lines[-1].endswith(f"delete  (of {target})")
    at(flaresend, "receive", "--from", ANN, "--target", target, "--type", "edit", "x").failed("was deleted")
    at(flaresend, "receive", "--from", "254708920430", "me").failed("own-message")
