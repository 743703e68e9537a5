"""Signatures of webhooks: the vectors of the reference, and the standardwebhooks package as their receiver."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from flaresend_mock.background import posting

SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", [SECRET, "whsec_" + SECRET])
def test_the_vector_of_standard_webhooks_comes_out(secret: str) -> None:
    assert posting.standard_signature(secret, ID, TIMESTAMP, BODY) == SIGNATURE


def test_the_vector_of_github_comes_out() -> None:
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    assert posting.hub_signature("It's a Secret to Everybody", b"Hello, World!") == f"sha256={digest}"


@pytest.mark.parametrize("body", ["", "{}", BODY.decode(), '{"text":"Habari 👋 \u2028 مرحبا"}'])
@pytest.mark.parametrize("size", [1, 24, 32, 64])
def test_the_standardwebhooks_package_signs_the_same(body: str, size: int) -> None:
    secret = "whsec_" + b64encode(bytes(range(size))).decode()

    theirs = Webhook(secret).sign(ID, datetime.fromtimestamp(TIMESTAMP, UTC), body)

    assert posting.standard_signature(secret, ID, TIMESTAMP, body.encode()) == theirs


def test_the_standardwebhooks_package_accepts_what_was_signed_now_and_nothing_else() -> None:
    secret = "whsec_" + SECRET
    now = int(datetime.now(UTC).timestamp())  # the package compares with the wall clock
    headers = posting.signature_headers(secret, ID, now, BODY)

    assert Webhook(secret).verify(BODY.decode(), headers) == {"test": 2432232314}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.decode() + " ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.decode(), {**headers, "webhook-id": "msg_other"})
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + b64encode(b"another").decode()).verify(BODY.decode(), headers)


def test_a_signed_event_carries_the_headers_of_both_kinds() -> None:
    assert posting.signature_headers(SECRET, ID, TIMESTAMP, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),
    }


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_nothing_is_signed(secret: str | None) -> None:
    assert posting.signature_headers(secret, ID, TIMESTAMP, BODY) == {}


@pytest.mark.parametrize("secret", ["It's a Secret to Everybody", "пароль", "abc", "whsec_not base64!"])
def test_a_secret_that_is_no_base64_is_the_key_as_it_is(secret: str) -> None:
    assert posting.key_of(secret) == secret.encode()


def test_a_secret_from_a_command_line_is_the_bytes_that_were_given_there() -> None:
    secret, id_ = os.fsdecode(b"caf\xe9"), os.fsdecode(b"msg_\xe9")

    theirs = hmac.digest(b"caf\xe9", b"msg_\xe9.1614265330." + BODY, "sha256")
    assert posting.standard_signature(secret, id_, TIMESTAMP, BODY) == f"v1,{b64encode(theirs).decode()}"
    assert posting.hub_signature(secret, BODY) == "sha256=" + hmac.digest(b"caf\xe9", BODY, "sha256").hex()


def test_the_signature_is_over_bytes_not_over_text() -> None:
    assert posting.hub_signature("secret", b"\xff\x00") != posting.hub_signature("secret", b"")
    assert posting.standard_signature(SECRET, ID, TIMESTAMP, b"\xff").startswith("v1,")
