"""Bodies with escapes: the same JSON in other bytes, signed as they are sent."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies

from flaresend_mock.background.posting import escaped, hub_signature, standard_signature
from flaresend_mock.testing.client import Flaresend
from tests.defaults import ANN
from tests.receiver import Asked, Receiver

SECRET = "a secret"
TEXT = 'Habari 👋 / ü "quoted" \\ \u2028 \x7f </p>'
ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


@pytest.fixture
def kit(kit: Flaresend, receiver: Receiver) -> Flaresend:
    kit.webhook(receiver.url, secret=SECRET, body_style="escaped", retries=[1])
    return kit


def is_signed(asked: Asked) -> bool:
    id_, at = (str(asked.header(f"webhook-{name}")) for name in ("id", "timestamp"))
    return (asked.header("X-Hub-Signature-256"), asked.header("webhook-signature")) == (
        hub_signature(SECRET, asked.body),
        standard_signature(SECRET, id_, at, asked.body),
    )


@given(ANYTHING)
def test_it_is_the_same_json_in_ascii(value: object) -> None:
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    found = escaped(raw)

    assert found.isascii()
    assert json.loads(found) == json.loads(raw)
    assert b"/" not in found.replace(b"\\/", b"")


def test_it_is_written_as_php_writes_it() -> None:
    raw = '{"a/b":"é😀/\u2028\x7f\\"\\\\","n":[1.10,1E2,12345678901234567890]}'

    expected = '{"a\\/b":"\\u00e9\\ud83d\\ude00\\/\\u2028\x7f\\"\\\\","n":[1.10,1E2,12345678901234567890]}'
    assert escaped(raw.encode()).decode() == expected


def test_an_escaped_body_is_signed_as_it_is_sent(kit: Flaresend, receiver: Receiver) -> None:
    kit.receive(ANN, TEXT)
    kit.settle()

    (asked,) = receiver.asked
    assert asked.text == TEXT
    assert asked.body.isascii()
    assert asked.header("Content-Length") == str(len(asked.body))
    assert is_signed(asked)
    assert kit.deliveries()[0].raw["body"] == asked.event


def test_retries_and_redeliveries_have_the_same_bytes(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 500 if asked.number == 0 else 200
    kit.clock.freeze()
    kit.receive(ANN, TEXT)
    kit.clock.advance(1)
    kit.redeliver(kit.deliveries()[0])
    kit.settle()

    assert len(receiver.asked) == 3
    assert len({asked.body for asked in receiver.asked}) == 1
    assert all(map(is_signed, receiver.asked))


def test_test_events_and_own_events_are_escaped_and_signed_too(kit: Flaresend, receiver: Receiver) -> None:
    kit._control.call("POST", "/instances/default/webhook/test")
    kit.event({"event": "é/"})
    kit.settle()

    test, own = receiver.asked
    assert b"\\u00e9\\/" in own.body
    assert test.event["event"] == "message_received"
    assert all(asked.body.isascii() and is_signed(asked) for asked in receiver.asked)


@pytest.mark.slow
@pytest.mark.parametrize("style", ["raw", "escaped"])
def test_node_fails_to_verify_what_it_wrote_anew_only_if_it_is_escaped(
    style: str, kit: Flaresend, receiver: Receiver
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node here")
    kit.webhook(receiver.url, secret=SECRET, body_style=style)
    kit.receive(ANN, "Habari 👋 / ü")
    kit.settle()
    (asked,) = receiver.asked
    program = """
        const { createHmac } = require("node:crypto");
        const body = require("node:fs").readFileSync(0);
        const sign = (bytes) => "sha256=" + createHmac("sha256", process.argv[1]).update(bytes).digest("hex");
        console.log(sign(body), sign(JSON.stringify(JSON.parse(body))));
    """
    ran = subprocess.run([node, "-e", program, SECRET], input=asked.body, capture_output=True, check=True)
    careful, naive = ran.stdout.decode().split()

    assert careful == asked.header("X-Hub-Signature-256")
    assert (naive == careful) == (style == "raw")
