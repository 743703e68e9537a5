"""The standardwebhooks package as the receiver of all that an emulator sends, over sockets."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from flaresend_mock import FlaresendMock
from flaresend_mock.package_data import event_names
from flaresend_mock.testing.client import Flaresend
from tests.defaults import ANN
from tests.golden import CASES, event_of
from tests.receiver import Asked, Receiver

KEY = b64encode(bytes(range(31))).decode()  # with padding
SECRET = f"whsec_{KEY}"
OTHER = f"whsec_{b64encode(bytes(32)).decode()}"
TOLERANCE = timedelta(minutes=5)


def accepts(asked: Asked, secret: str = SECRET) -> bool:
    """Tell whether a receiver with this secret accepts a request."""
    try:
        return bool(Webhook(secret).verify(asked.body, dict(asked.headers)) == asked.event)
    except WebhookVerificationError:
        return False


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(lambda asked: 200 if accepts(asked) else 401) as listening:
        yield listening


@pytest.fixture
def kit(kit: Flaresend, receiver: Receiver) -> Flaresend:
    kit.webhook(receiver.url, secret=SECRET, retries=[1, 30])
    return kit


def received(kit: Flaresend, receiver: Receiver, text: str = "Habari 👋") -> Asked:
    """Return the request by which a receiver is told of a message."""
    kit.receive(ANN, text)
    kit.settle()
    return receiver.asked[-1]


@pytest.mark.parametrize("body_style", ["raw", "escaped"])
def test_every_kind_of_event_is_accepted(
    kit: Flaresend, receiver: Receiver, flaresend: FlaresendMock, body_style: str
) -> None:
    kit.webhook(receiver.url, secret=SECRET, body_style=body_style)
    for case in CASES:
        event_of(case, flaresend.worlds.default())
    for name in event_names():
        kit.event(name)
    kit.settle()

    assert len(receiver.asked) >= len(CASES) + len(event_names())
    assert [json.loads(asked.body)["event"] for asked, status in receiver.statuses if status != 200] == []
    assert {one.status for one in kit.deliveries()} == {"delivered"}


def test_retries_copies_and_redeliveries_are_accepted_under_the_id_of_the_event(
    kit: Flaresend, receiver: Receiver
) -> None:
    receiver.behave = lambda asked: 200 if accepts(asked) and asked.number >= 2 else 503
    kit.clock.freeze()
    kit.receive(ANN, "Hi", chaos={"duplicate": 1.0})
    kit.clock.advance(31)
    kit.redeliver(kit.deliveries()[0])
    kit.settle()

    assert [one.status for one in kit.deliveries()] == ["delivered"] * 3
    assert all(map(accepts, receiver.asked))
    assert len({asked.header("webhook-id") for asked in receiver.asked}) == 1
    assert len({asked.header("webhook-timestamp") for asked in receiver.asked}) > 1


def test_test_events_and_handshakes_are_accepted(kit: Flaresend, receiver: Receiver) -> None:
    kit.webhook(receiver.url, secret=SECRET, verification="post")

    for call in ("test", "verify"):
        kit._control.call("POST", f"/instances/default/webhook/{call}")

    assert [status for _, status in receiver.statuses] == [200, 200]


def test_once_the_secret_changes_all_is_signed_with_the_new_one(kit: Flaresend, receiver: Receiver) -> None:
    receiver.behave = lambda asked: 200 if accepts(asked, OTHER) else 401
    kit.clock.freeze()
    refused = received(kit, receiver)
    kit.webhook(receiver.url, secret=OTHER, retries=[1, 30])
    kit.clock.advance(1)
    kit.redeliver(kit.deliveries()[0])
    kit.settle()

    retry, again = receiver.asked[1:]
    assert [accepts(asked) for asked in (refused, retry, again)] == [True, False, False]
    assert [accepts(asked, OTHER) for asked in (refused, retry, again)] == [False, True, True]


@pytest.mark.parametrize("secret", [SECRET, KEY, SECRET.rstrip("="), OTHER, OTHER.rstrip("=")])
def test_secrets_are_accepted_with_and_without_their_prefix_and_padding(
    kit: Flaresend, receiver: Receiver, secret: str
) -> None:
    kit.webhook(receiver.url, secret=secret)

    assert accepts(received(kit, receiver), secret)


def test_a_body_that_was_changed_on_the_way_is_refused(kit: Flaresend, receiver: Receiver) -> None:
    asked = received(kit, receiver)

    assert accepts(asked)
    assert not accepts(replace(asked, body=asked.body.replace(b"Habari", b"habari")))
    assert not accepts(replace(asked, body=asked.body + b" "))
    assert not accepts(replace(asked, body=json.dumps(asked.event).encode()))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_was_changed_or_removed_is_refused(kit: Flaresend, receiver: Receiver, name: str) -> None:
    asked = received(kit, receiver)
    others = tuple(header for header in asked.headers if header[0] != name)
    changed = "9" + str(asked.header(name))[1:]

    assert accepts(asked)
    assert not accepts(replace(asked, headers=others))
    assert not accepts(replace(asked, headers=(*others, (name, changed))))


@pytest.mark.parametrize(
    ("late", "accepted"),
    [
        (-TOLERANCE - timedelta(minutes=1), False),
        (-TOLERANCE + timedelta(minutes=1), True),
        (TOLERANCE - timedelta(minutes=1), True),
        (TOLERANCE + timedelta(minutes=1), False),
    ],
)
def test_the_package_refuses_a_world_whose_clock_is_five_minutes_off(
    kit: Flaresend, receiver: Receiver, late: timedelta, accepted: bool
) -> None:
    kit.webhook(receiver.url, secret=SECRET, retries=[])
    kit.clock.freeze(datetime.now(UTC) + late)

    assert accepts(received(kit, receiver)) is accepted
    assert kit.deliveries()[0].status == ("delivered" if accepted else "failed")


def test_without_a_secret_nothing_is_accepted(kit: Flaresend, receiver: Receiver) -> None:
    kit.webhook(receiver.url, retries=[])

    assert not accepts(received(kit, receiver))
